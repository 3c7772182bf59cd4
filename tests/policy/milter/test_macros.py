"""
Tests for L{smtpx.policy.milter.macros}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import TLSInfo
from smtpx.core.reply import reply
from smtpx.policy.milter.macros import Facts, place
from smtpx.policy.milter.terms import MACROS

from ..doubles import sessionFrom

SECURED = TLSInfo(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    bits=256,
    verified=True,
    subject="CN=ann",
)


class MacrosTests(SynchronousTestCase):
    """What macros say."""

    def test_ofAStranger(self) -> None:
        """What is not known has no value, or says so."""
        facts = Facts(sessionFrom(b"192.0.2.1"), {})
        names = {name for each in MACROS.values() for name in each} | {
            b"r",
            b"s",
            b"f",
            b"{msg_size}",
            b"{client_resolve}",
            b"{unheard_of}",
        }
        found = {name: facts.value(name) for name in names}
        known = {name: value for name, value in found.items() if value is not None}
        session = facts.session
        self.assertEqual(
            known,
            {
                b"j": session.name,
                b"v": b"smtpx",
                b"_": b"[192.0.2.1]",
                b"r": b"SMTP",
                b"{daemon_name}": session.name,
                b"{daemon_port}": b"%d" % session.localPort,
                b"{if_name}": session.name,
                b"{client_addr}": b"192.0.2.1",
                b"{client_name}": b"unknown",
                b"{client_ptr}": b"unknown",
                b"{client_port}": b"%d" % session.peerPort,
                b"{client_resolve}": b"FAIL" if session.peerNameKnown else b"TEMP",
                b"{verify}": b"NONE",
            },
        )

    def test_ofAFriend(self) -> None:
        """All that is known of a client."""
        session = sessionFrom(b"192.0.2.1", b"c.example", b"ann", SECURED)
        session.mechanism = "plain"
        session.helo, session.extended = b"c", True
        session.local = b"192.0.2.25"
        facts = Facts(session, {b"v": b"mine"})
        for name, value in (
            (b"_", b"c.example [192.0.2.1]"),
            (b"{client_name}", b"c.example"),
            (b"{client_resolve}", b"OK"),
            (b"{auth_type}", b"PLAIN"),
            (b"{auth_authen}", b"ann"),
            (b"{tls_version}", b"TLSv1.3"),
            (b"{cipher}", b"TLS_AES_256_GCM_SHA384"),
            (b"{cipher_bits}", b"256"),
            (b"{cert_subject}", b"CN=ann"),
            (b"{verify}", b"OK"),
            (b"{daemon_addr}", b"192.0.2.25"),
            (b"{if_addr}", b"192.0.2.25"),
            (b"r", b"ESMTPSA"),
            (b"s", b"c"),
            (b"v", b"mine"),
        ):
            self.assertEqual(facts.value(name), value, name)

    def test_certificates(self) -> None:
        """None, and one that is no good."""
        session = sessionFrom(b"192.0.2.1", secured=TLSInfo())
        self.assertEqual(Facts(session, {}).value(b"{verify}"), b"NO")
        self.assertIsNone(Facts(session, {}).value(b"{cert_subject}"))
        session = sessionFrom(b"192.0.2.1", secured=TLSInfo(subject="CN=x"))
        self.assertEqual(Facts(session, {}).value(b"{verify}"), b"FAIL")

    def test_ofAMessage(self) -> None:
        """Envelope and recipient."""
        envelope = Envelope(b"a@x.org", 0.0, [Recipient(b"b@y.org")], 7)
        session = sessionFrom(b"192.0.2.1")
        facts = Facts(session, {}, envelope, b"b@y.org", id="1abc")
        for name, value in (
            (b"i", b"1abc"),
            (b"f", b"a@x.org"),
            (b"{mail_addr}", b"a@x.org"),
            (b"{mail_host}", b"x.org"),
            (b"{mail_mailer}", b"smtp"),
            (b"{rcpt_addr}", b"b@y.org"),
            (b"{rcpt_host}", b"y.org"),
            (b"{rcpt_mailer}", b"smtp"),
            (b"{nrcpts}", b"1"),
            (b"{msg_size}", b"7"),
        ):
            self.assertEqual(facts.value(name), value, name)

    def test_refused(self) -> None:
        """A reply without an enhanced code has none."""
        facts = Facts(
            sessionFrom(b"::1"), {}, None, b"b@y.org", reply(550, None, b"no", b"no")
        )
        self.assertEqual(facts.value(b"{rcpt_addr}"), b"no no")
        self.assertIsNone(facts.value(b"{rcpt_host}"))
        self.assertEqual(facts.value(b"{rcpt_mailer}"), b"error")

    def test_withoutAddress(self) -> None:
        """A UNIX socket has none."""
        session = sessionFrom(b"")
        self.assertEqual(place(session), b"[unknown]")
        self.assertIsNone(Facts(session, {}).value(b"{client_addr}"))
