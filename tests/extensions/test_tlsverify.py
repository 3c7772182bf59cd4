"""
Tests for L{smtpx.extensions.tlsverify}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSInfo, TLSOptions
from smtpx.core.hostlist import HostList
from smtpx.core.stapled import Stapled
from smtpx.extensions.starttls import StartTLS
from smtpx.extensions.tlsverify import TLSVerify
from smtpx.testing.server import Said, talk

_HELLO = b"EHLO c.example\r\n"
_CLIENT = b"192.0.2.1"
_GOOD = TLSInfo(verified=True)


def _hosts(*items: str) -> HostList:
    return HostList.parse(items)


def _talk(
    octets: bytes = b"",
    *,
    hosts: HostList | None = None,
    tried: HostList | None = None,
    secured: TLSInfo | None = None,
) -> Said:
    extensions = [StartTLS(), TLSVerify(hosts, tried)]
    return talk(extensions, octets, secured=secured, tlsReady=True, peer=_CLIENT)


class HandshakeTests(SynchronousTestCase):
    """How handshakes are made."""

    def options(
        self,
        hosts: HostList | None = None,
        tried: HostList | None = None,
        name: bytes | None = None,
    ) -> TLSOptions:
        """The options of a handshake after STARTTLS."""
        said = _talk(hosts=hosts, tried=tried)
        said.connection.peerName = name
        said.feed(_HELLO)
        said.feed(b"STARTTLS\r\n")
        [options] = said.port.handshakes
        return options

    def test_everybodyIsAsked(self) -> None:
        """
        Where nothing is set, everybody is asked, and nobody has to show anything.
        """
        self.assertEqual(self.options(), TLSOptions(asked=True, verified=False))

    def test_verifyHosts(self) -> None:
        """
        Those in C{tls_verify_hosts} have to show a good certificate.
        """
        for host, verified in (("192.0.2.0/24", True), ("198.51.100.1", False)):
            options = self.options(_hosts(host))
            self.assertEqual((options.verified, options.asked), (verified, True))

    def test_tryVerifyHosts(self) -> None:
        """
        Of the others those in C{tls_try_verify_hosts} are asked, and only those.
        """
        for host, asked in (("192.0.2.1", True), ("198.51.100.1", False)):
            options = self.options(None, _hosts(host))
            self.assertEqual((options.verified, options.asked), (False, asked))
        self.assertTrue(self.options(_hosts("*"), _hosts("198.51.100.1")).verified)

    def test_names(self) -> None:
        """
        A list goes by the client's name, where it is known.
        """
        ours, others = _hosts("*.c.example"), _hosts("*.d.example")
        name = b"mx.c.example"
        self.assertTrue(self.options(ours, None, name).verified)
        self.assertFalse(self.options(others, None, name).verified)
        self.assertTrue(self.options(None, ours, name).asked)
        self.assertFalse(self.options(None, others, name).asked)

    def test_namesNotKnown(self) -> None:
        """
        Where the name would decide and is not known, a certificate is asked for,
        and its lack is decided on later.
        """
        for hosts, tried in (
            (_hosts("*.c.example"), None),
            (_hosts("!*.c.example", "*"), None),
            (_hosts("*.c.example"), _hosts("198.51.100.1")),
            (None, _hosts("*.c.example")),
        ):
            options = self.options(hosts, tried)
            self.assertEqual((options.verified, options.asked), (False, True))


class GateTests(SynchronousTestCase):
    """Clients that should have shown a good certificate, and have not."""

    def said(self, hosts: HostList | None, secured: TLSInfo | None) -> Said:
        """A client that says EHLO and MAIL."""
        octets = _HELLO + b"MAIL FROM:<a@c.example>\r\nQUIT\r\n"
        return _talk(octets, hosts=hosts, secured=secured)

    def test_refused(self) -> None:
        """
        Each of its commands is refused but QUIT.
        """
        said = self.said(_hosts("192.0.2.1"), TLSInfo())
        self.assertEqual(said.codes, [220, 554, 554, 221])
        self.assertEqual(
            said.replies[1], b"554 5.7.0 A good client certificate is required"
        )

    def test_others(self) -> None:
        """
        Nobody else is: not a client with a good certificate, one that is not in the
        list, or one that has not begun TLS.
        """
        for hosts, secured in (
            (_hosts("192.0.2.1"), _GOOD),
            (_hosts("198.51.100.1"), TLSInfo()),
            (_hosts("192.0.2.1"), None),
            (None, TLSInfo()),
        ):
            self.assertEqual(self.said(hosts, secured).codes, [220, 250, 250, 221])

    def test_nameFoundLater(self) -> None:
        """
        Under implicit TLS the name is found after the handshake, and decides then.
        """
        for name, code in ((b"mx.c.example", 554), (b"mx.d.example", 250)):
            said = _talk(hosts=_hosts("*.c.example"), secured=TLSInfo())
            said.connection.peerName = name
            said.feed(_HELLO)
            self.assertEqual(said.codes, [220, code])

    def test_afterSTARTTLS(self) -> None:
        """
        It is so after STARTTLS as well, whoever made the handshake.
        """
        said = _talk(_HELLO + b"STARTTLS\r\n", hosts=_hosts("*"))
        said.secure(TLSInfo())
        self.assertEqual(said.feed(_HELLO)[:3], b"554")


class VariableTests(SynchronousTestCase):
    """What is known of a handshake, for policies."""

    def test_underTLS(self) -> None:
        """
        The variables have Exim's names.
        """
        info = TLSInfo(
            cipher="ECDHE-RSA-AES128-GCM-SHA256",
            version="TLSv1.2",
            bits=128,
            verified=True,
            subject="CN=c.example",
            serverName=b"mx.example",
            suite="TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            stapled=Stapled.SENT,
        )
        session = _talk(secured=info).connection
        for name, value in (
            ("tls_in_bits", 128),
            ("tls_in_certificate_verified", True),
            ("tls_in_cipher", "ECDHE-RSA-AES128-GCM-SHA256"),
            ("tls_in_cipher_std", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            ("tls_in_ocsp", 4),
            ("tls_in_peerdn", "CN=c.example"),
            ("tls_in_sni", b"mx.example"),
            ("tls_in_ver", "TLSv1.2"),
        ):
            self.assertEqual(session.variable(name), value, name)
        self.assertTrue(session.holds("encrypted"))
        self.assertTrue(session.holds("certificate_verified"))

    def test_notVerified(self) -> None:
        """
        A certificate that is not good says who the client wants to be, no more.
        """
        session = _talk(secured=TLSInfo(subject="CN=c.example")).connection
        self.assertTrue(session.holds("encrypted"))
        self.assertFalse(session.holds("certificate_verified"))
        self.assertIs(session.variable("tls_in_certificate_verified"), False)

    def test_inClear(self) -> None:
        """
        In the clear there is nothing.
        """
        session = _talk().connection
        for name in ("tls_in_cipher", "tls_in_ocsp", "tls_in_peerdn"):
            self.assertIsNone(session.variable(name))
        self.assertIs(session.variable("tls_in_certificate_verified"), False)
        self.assertFalse(session.holds("encrypted"))
        self.assertFalse(session.holds("certificate_verified"))


class SettingsTests(SynchronousTestCase):
    """What an operator may set."""

    def test_none(self) -> None:
        """
        Its lists stand in the table C{tls}, so it has no settings of its own.
        """
        extension = TLSVerify()
        self.assertIsNone(extension.settings)
        self.assertIs(extension.configured(None), extension)
