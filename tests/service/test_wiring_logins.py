"""
Tests for L{smtpx.service.wiring}: everybody else who knows who may log in.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from twisted.internet.address import UNIXAddress
from twisted.internet.testing import StringTransport

from smtpx.core.errors import UsageError
from smtpx.service.wiring import users as wired
from smtpx.service.wiring.users import loginBounds
from tests.net.made import Call
from tests.policy.test_dovecot import GREETING
from tests.policy.test_pam import Library
from tests.tls.identities import ROOT, SUBJECT, made, presenting
from tests.tls.joined import pem

from .made import HouseTestCase, send
from .test_wiring_clients import SecuredWire

CLEAR = {"AUTH": {"clear_text": True}}
HELLO = b"EHLO c.example\r\n"
PLAIN = b"AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n"


def validate(token: bytes, user: bytes) -> str | None:
    """A program's check of tokens."""
    return "joe" if token.startswith(b"good") else None


class FailingTestCase(HouseTestCase):
    """A server that may be of no use."""

    def failed(self, values: dict[str, object]) -> str:
        """Why a configuration makes no server."""
        service = self.site.build(values)
        opened = service.whenOpen()
        service.startService()
        error: str = self.failureResultOf(opened, UsageError).getErrorMessage()
        self.successResultOf(service.stopService())
        return error


class SocketTests(HouseTestCase):
    """Dovecot."""

    def test_dovecot(self) -> None:
        """
        It is connected to when somebody logs in, who waits for it; and let go
        when the server stops.
        """
        self.start(extensions=CLEAR, users={"dovecot": "/run/dovecot/auth-client"})
        call = self.site.call()
        self.assertIn(b"AUTH PLAIN LOGIN\r\n", call.say(HELLO))
        self.assertEqual(self.site.reactor.unixClients, [])
        self.assertEqual(call.say(PLAIN), b"")
        [(path, factory, timeout, _)] = self.site.reactor.unixClients
        self.assertEqual((path, timeout), ("/run/dovecot/auth-client", 5.0))
        protocol = factory.buildProtocol(UNIXAddress(path))
        assert protocol is not None
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(GREETING)
        self.assertIn(b"\tlip=10.0.0.1\trip=192.0.2.1\tresp=", transport.value())
        protocol.dataReceived(b"OK\t1\tuser=joe\n")
        self.assertEqual(call.wire.said()[:3], b"235")
        self.stop()
        self.assertTrue(transport.disconnecting or transport.disconnected)

    def test_patience(self) -> None:
        """As long as it is configured, and as many."""
        self.start(
            extensions=CLEAR,
            users={
                "dovecot": "/run/x",
                "checks_at_once": 1,
                "checks_waiting": 1,
                "check_seconds": 3,
            },
        )
        calls = [self.site.call() for _ in range(3)]
        for call in calls:
            call.say(HELLO)
        said = [call.say(PLAIN) for call in calls]
        self.assertEqual([each[:3] for each in said], [b"", b"", b"454"])
        self.site.reactor.advance(3.0)
        self.assertEqual([call.wire.said()[:3] for call in calls[:2]], [b"454", b"454"])
        # Twisted's own attempt to connect has a limit of its own.
        self.stop()


class PAMTests(FailingTestCase):
    """PAM."""

    def test_pam(self) -> None:
        """It is asked in threads of its own, for the service by its name."""
        library = Library()
        self.patch(wired, "loadPAM", lambda: library)
        self.patch(wired, "findService", lambda service: Path(service))
        self.start(extensions=CLEAR, users={"pam": "smtpx"})
        call = self.site.call()
        call.say(HELLO)
        self.assertEqual(call.say(PLAIN)[:3], b"235")
        self.assertEqual(library.did[0], ("start", "smtpx", b"joe", b"secret"))
        self.assertTrue(self.site.pools[0].running)
        self.stop()
        self.assertFalse(self.site.pools[0].running)

    def test_withoutTheService(self) -> None:
        """A start without its file would ask somebody else's service."""

        def missing(service: str) -> Path:
            raise UsageError("no such service")

        self.patch(wired, "findService", missing)
        error = self.failed({"users": {"pam": "smtpx"}})
        self.assertEqual(error, "no such service")


class SecuredTests(FailingTestCase):
    """What is for TLS only."""

    def ready(self, **users: object) -> None:
        """Start a server that asks clients for certificates."""
        trusted = self.site.folder / "clients.pem"
        trusted.write_bytes(pem(ROOT.certificate))
        self.start(tls={"client_authorities": trusted}, users=users)

    def secured(self, known: bool = True) -> Call:
        """A client under TLS, that has a certificate or not."""
        identity = made(ROOT) if known else None
        call = self.site.call(wire=SecuredWire(presenting(identity)))
        call.say(HELLO)
        call.say(b"STARTTLS\r\n")
        call.protocol.handshakeCompleted()
        return call

    def test_certificates(self) -> None:
        """A client whose certificate is a user's logs in by it, and may relay."""
        self.ready(certificates={SUBJECT: "joe"})
        call = self.secured()
        self.assertIn(b"AUTH EXTERNAL\r\n", call.say(HELLO))
        self.assertEqual(call.say(b"AUTH EXTERNAL =\r\n")[:3], b"235")
        # No route goes there, which a stranger is not even told.
        said = send(call, b"x@elsewhere.example")
        self.assertEqual(said[:9], b"550 5.1.2")
        other = self.secured(known=False)
        self.assertNotIn(b"AUTH", other.say(HELLO))

    def test_tokens(self) -> None:
        """A function of the program says whose they are."""
        self.ready(token_validator=validate)
        for token, code in (
            (b"good", b"235"),
            (b"bad", b"334"),
            (b"good" * 1500, b"235"),
        ):
            call = self.secured()
            self.assertIn(b"AUTH OAUTHBEARER XOAUTH2\r\n", call.say(HELLO))
            message = b64encode(b"user=joe\x01auth=Bearer %b\x01\x01" % token)
            self.assertEqual(call.say(b"AUTH XOAUTH2 %b\r\n" % message)[:3], code)

    def test_roomForTokens(self) -> None:
        """Commands are longer where tokens are taken, and never shorter."""
        read = self.site.read({"users": {"token_validator": validate}})
        self.assertEqual(loginBounds(read).commandOctets, 12_288)
        more = self.site.read(
            {
                "users": {"token_validator": validate},
                "limits": {"command_octets": 20_000},
            }
        )
        self.assertEqual(loginBounds(more).commandOctets, 20_000)
        self.assertEqual(loginBounds(self.site.read()), read.limits.bounds)

    def test_nobodyWhoSigns(self) -> None:
        """Certificates of users are of no use where nobody is asked for one."""
        error = self.failed({"users": {"certificates": {SUBJECT: "joe"}}})
        self.assertIn("tls.client_authorities", error)

    def test_validatorThatIsNone(self) -> None:
        """What cannot be called is an error."""
        error = self.failed({"users": {"token_validator": "json:__name__"}})
        self.assertEqual(error, "json:__name__ is not callable")
