"""
Tests for L{smtpx.service.wiring}: clients that say who they are, by a password or
a certificate.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from datetime import timedelta

from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator

from smtpx.observe.events import CATALOGUE
from smtpx.policy.users import changeUsers, makeUser
from smtpx.service.extensions import BadChoice
from smtpx.service.wiring.extensions import chosenExtensions
from tests.net.made import Wire
from tests.tls.identities import ROOT, STRANGER, SUBJECT, Identity, made, presenting
from tests.tls.joined import Wrapped, bare, pem, shake

from .made import FOUND, HouseTestCase, send

#: What events of logins end with.
_LOGINS = ("loginFailed", "authenticated")

#: The fields of each event.
DECLARED = {event.name: {*event.fields} for event in CATALOGUE}


class LoginTests(HouseTestCase):
    """Clients that log in."""

    def test_logins(self) -> None:
        """Logins, good and bad, are told to the log, and no password."""
        user = makeUser(b"joe", b"secret", 4096)
        (self.site.folder / "state").mkdir()
        changeUsers(
            self.site.folder / "state/users", lambda users: users.including(user)
        )
        self.start(
            extensions={"AUTH": {"clear_text": True}},
            log={"json": self.site.folder / "json"},
        )
        call = self.site.call()
        call.say(b"EHLO c.example\r\n")
        for password, code in ((b"pencil", b"535"), (b"secret", b"235")):
            initial = b64encode(b"\0joe\0" + password)
            self.assertEqual(call.say(b"AUTH PLAIN %b\r\n" % initial)[:3], code)
        self.stop()
        lines = (self.site.folder / "json").read_text().splitlines()
        told = [json.loads(line) for line in lines]
        logins = [each for each in told if each["event"].endswith(_LOGINS)]
        self.assertEqual(
            [(each["event"], each["mechanism"], each["identity"]) for each in logins],
            [
                ("session.loginFailed", "PLAIN", "joe"),
                ("session.authenticated", "PLAIN", "joe"),
            ],
        )
        # Nothing but what the catalogue has: Twisted's own log was told as well.
        for each in told:
            declared = DECLARED[each["event"]]
            self.assertLessEqual({*each} - {"time", "level", "event"}, declared)
        self.assertEqual({each["session"] for each in logins}, {told[0]["session"]})
        self.assertIn(
            "plain authenticator failed for (c.example) [192.0.2.1]: 535 Incorrect"
            " authentication data (set_id=joe)\n",
            (self.site.folder / "state/main.log").read_text(),
        )
        for password in (b"pencil", b"secret"):
            for text in (password, b64encode(b"\0joe\0" + password)):
                self.assertNotIn(text.decode(), "".join(lines))


class SecuredWire(Wire):
    """
    A transport under which a real handshake is done with a client; all else goes
    by it in the clear, as TLS would have it for either side.

    @ivar context: the client's.
    """

    def __init__(self, context: SSL.Context) -> None:
        Wire.__init__(self, peerAddress=IPv4Address("TCP", "192.0.2.1", 40000))
        self.context = context
        self.connection: SSL.Connection | None = None

    def startTLS(self, creator: IOpenSSLServerConnectionCreator) -> None:
        """TLS begins."""
        wrapped = Wrapped().asProtocol()
        self.connection = creator.serverConnectionForTLS(wrapped)
        self.connection.set_accept_state()
        shake(self.connection, bare(self.context))

    def getHandle(self) -> SSL.Connection | None:
        """The TLS connection."""
        return self.connection


class ClientCertificateTests(HouseTestCase):
    """Clients that show a certificate."""

    def ready(self, **tls: object) -> None:
        """
        Start a server that lets one client relay.
        """
        trusted = self.site.folder / "clients.pem"
        trusted.write_bytes(pem(ROOT.certificate))
        self.start(
            listener=[{"port": 25}],
            tls={"client_authorities": trusted} | tls,
            relay={"certificates": [SUBJECT]},
            route=[{"match": ["*"], "transport": "discard"}],
            log={"selectors": ["+tls_peerdn"]},
        )

    def relay(self, identity: Identity | None) -> bytes:
        """Send a message elsewhere under TLS; gives the last reply."""
        call = self.site.call(wire=SecuredWire(presenting(identity)))
        call.say(b"EHLO client.example\r\n")
        call.say(b"STARTTLS\r\n")
        call.protocol.handshakeCompleted()
        said = send(call, b"x@elsewhere.example")
        call.say(b"QUIT\r\n")
        return said[:3]

    def test_relay(self) -> None:
        """
        A listed client with a good certificate may relay.  Others may not: no
        certificate, another subject, or one that somebody else signed, or that
        is over.  The main log says who it was.
        """
        self.ready()
        self.assertEqual(self.relay(made(ROOT)), b"250")
        for identity in (
            None,
            made(ROOT, "other.example.org"),
            made(None),
            made(STRANGER),
            made(ROOT, ends=timedelta(seconds=-60)),
        ):
            self.assertEqual(self.relay(identity), b"550")
        self.stop()
        text = (self.site.folder / "state/main.log").read_text()
        self.assertEqual(
            re.findall(r"( <=|)(?: \S+)? H=.*?( CV=.*?) [SF]=", text),
            [
                (" <=", f' CV=yes DN="{SUBJECT}"'),
                ("", " CV=no"),
                ("", ' CV=yes DN="CN=other.example.org"'),
                *3 * [("", f' CV=no DN="{SUBJECT}"')],
            ],
        )

    def test_demanded(self) -> None:
        """
        A client in C{tls_verify_hosts} does not come in without a good
        certificate.
        """
        self.ready(tls_verify_hosts=["192.0.2.0/24"])
        self.assertEqual(self.relay(made(ROOT)), b"250")
        for identity in (None, made(STRANGER)):
            self.assertRaises(SSL.Error, self.relay, identity)
        self.stop()

    def test_notAsked(self) -> None:
        """
        Where only some are asked, another shows nothing, and may not relay.
        """
        self.ready(tls_try_verify_hosts=["198.51.100.1"])
        self.assertEqual(self.relay(made(ROOT)), b"550")
        self.stop()

    def test_withoutItsExtension(self) -> None:
        """
        Nobody can switch off what keeps clients out while it should.
        """
        tls = {"client_authorities": "clients.pem", "tls_verify_hosts": ["*"]}
        for choice in ({"disable": ["TLSVERIFY"]}, {"enable": ["SIZE"]}):
            read = self.site.read({"tls": tls, "extensions": choice})
            error = self.assertRaises(BadChoice, chosenExtensions, read, FOUND)
            self.assertEqual(
                str(error),
                "extensions: tls.tls_verify_hosts wants TLSVERIFY of smtpx itself to"
                " run",
            )
