"""
Tests for L{smtpx.service.wiring.authentication} and the table: a house that looks at
what comes in.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.service.problems import ConfigurationError

from ..policy.authmade import ZONE
from .made import FOUND, MESSAGE, HouseTestCase, send, site
from .test_manual import blocks

_FIELD = b"Authentication-Results: mx.example.org"
_SENDER = b"ann@example.org"


class LookingHouseTests(HouseTestCase):
    """What is looked at, and what is not."""

    def begin(self, **options: object) -> None:
        """Start a server that looks at SPF."""
        for line in ZONE.splitlines():
            if line.strip():
                self.site.resolver.add(line)
        self.start(
            authentication={"checks": ["spf", "dkim", "dmarc"]} | options,
            relay={"hosts": ["192.0.2.9"]},
        )

    def above(self, host: str = "192.0.2.1") -> bytes:
        """What stands above a message that a client brings."""
        before = self.site.inboxes()
        call = self.site.call(host=host)
        self.assertEqual(b"250", send(call, b"bob@localhost", _SENDER)[:3])
        [message] = [one for one in self.site.inboxes() if one not in before]
        return message

    def test_strangers(self) -> None:
        """What strangers bring is looked at."""
        self.begin()
        self.assertIn(b"spf=pass", self.above())
        self.assertIn(b"spf=fail", self.above("192.0.2.7"))
        self.assertIn(b"dmarc=", self.above("192.0.2.7"))

    def test_others(self) -> None:
        """What comes from here, or from who may relay, is not."""
        self.begin()
        for host in ("127.0.0.1", "::1", "192.0.2.9"):
            self.assertNotIn(b"Authentication-Results", self.above(host))

    def test_allOfThem(self) -> None:
        """It is, where somebody says so."""
        self.begin(relays=True, hosts=["*"], authserv_id="all.example")
        for host in ("127.0.0.1", "192.0.2.9"):
            self.assertIn(b"Authentication-Results: all.example;", self.above(host))

    def test_trustedHosts(self) -> None:
        """Servers of ours keep what they have found out; nobody else does."""
        self.begin(trusted_hosts=["192.0.2.8"], own_names=["old.example"])
        claim = b"Authentication-Results: old.example; spf=pass\r\n"
        for host, kept in (("192.0.2.8", True), ("192.0.2.7", False)):
            call = self.site.call(host=host)
            for line in (
                b"EHLO x\r\n",
                b"MAIL FROM:<ann@example.org>\r\n",
                b"RCPT TO:<bob@localhost>\r\n",
                b"DATA\r\n",
            ):
                call.say(line)
            said = call.say(claim + MESSAGE + b".\r\n")
            self.assertEqual(b"250", said[:3])
            [message] = [one for one in self.site.inboxes() if host.encode() in one]
            self.assertEqual(kept, claim in message)

    def test_off(self) -> None:
        """Without checks nothing is looked at, and nothing is taken out."""
        self.start()
        self.assertNotIn(_FIELD, self.above())
        self.assertEqual([], self.site.resolver.asked)


class AuthenticationTableTests(SynchronousTestCase):
    """The table."""

    def test_errors(self) -> None:
        """What cannot be is said with its place."""
        made = site(self.mktemp())
        for options, said in (
            ({"checks": ["spd"]}, 'there is no check "spd"'),
            ({"checks": ["dmarc"]}, "DMARC goes by what SPF and DKIM find out"),
            ({"authserv_id": "a b"}, "expected a name such as mx.example.org"),
            ({"own_names": ["x", ""]}, "expected a name such as mx.example.org"),
            ({"longest_header": 10}, "longest_header"),
            ({"signatures_max": 0}, "signatures_max"),
        ):
            error = self.assertRaises(
                ConfigurationError, made.read, {"authentication": options}
            )
            self.assertIn(said, str(error))

    def test_thePage(self) -> None:
        """The configurations of the how-to are right."""
        made = site(self.mktemp())
        for text in blocks("howto/check-incoming-mail.rst", "toml"):
            file = made.folder / "smtpx.toml"
            file.write_text(f"name = 'mail.example.org'\n{text}")
            configuration = readConfiguration(file, FOUND)
            self.assertEqual(check(made.machine, configuration, FOUND), [])
