"""
Tests for L{smtpx.tls.hello}.
"""

from __future__ import annotations

from pathlib import Path

from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSOptions
from smtpx.core.tlsterms import USUAL, TLSTerms
from smtpx.tls import openssl
from smtpx.tls.client import ClientTLS
from smtpx.tls.contexts import ServerTLS
from smtpx.tls.hello import Greeter, Shape, fitting, oneShare, shapes

from .joined import AUTHORITY, NOW, Wrapped, accepting, issue, shake, store

_NAME = b"here.example"

#: What there is room for in a SYN: by IPv4, by IPv6.
ROOMS = (1420, 1400)


class ShapesTests(SynchronousTestCase):
    """How hellos are made."""

    def test_oneShare(self) -> None:
        """
        All groups are kept in their order, and the first has a key share.
        """
        for text, one in (
            ("X25519MLKEM768:X25519", "*X25519MLKEM768:X25519"),
            ("?*X25519MLKEM768/?*X25519:P-256", "*X25519MLKEM768:X25519:P-256"),
            ("P-256:P-256", "*P-256"),
            ("DEFAULT", None),
            ("X25519:-P-256", None),
            ("", None),
        ):
            self.assertEqual(oneShare(text), one)

    def test_eachIsShorter(self) -> None:
        """
        Each step is shorter than the one before, and none gives the hybrid up.
        """
        client = ClientTLS((AUTHORITY.certificate,))
        options = TLSOptions(serverName=_NAME)
        steps = shapes(USUAL)
        lengths = [client._length(shape, options) for shape in steps]
        self.assertEqual(lengths, sorted(lengths, reverse=True))
        self.assertEqual(len(set(lengths)), 4)
        for shape in steps[1:]:
            self.assertEqual(shape.share, "X25519MLKEM768")

    def test_operatorsTerms(self) -> None:
        """
        What the operator has said is kept: his groups, suites and signatures.
        """
        terms = TLSTerms(
            groups="X25519MLKEM768:P-384",
            ciphers="ECDHE+AESGCM",
            suites="TLS_AES_128_GCM_SHA256",
            signatures="ed25519",
        )
        for shape in shapes(terms)[1:]:
            found = shape.terms
            self.assertEqual(found.groups, "*X25519MLKEM768:P-384")
            self.assertEqual(found.ciphers, terms.ciphers)
            self.assertEqual(found.suites, terms.suites)
            self.assertEqual(found.signatures, terms.signatures)

    def test_noHybrid(self) -> None:
        """
        Where OpenSSL cannot be told of groups, all that there is is a whole hello.
        """
        self.patch(openssl, "_setGroups", None)
        self.assertEqual(shapes(USUAL), (Shape(USUAL),))

    def test_nothingFits(self) -> None:
        """
        A hello that would not fit however it is made is left whole.
        """
        steps = shapes(USUAL)
        self.assertIs(fitting(steps, 100, lambda shape: 101), steps[0])
        self.assertIs(fitting(steps, 100, lambda shape: 100), steps[0])
        some = {steps[0]: 102, steps[1]: 101, steps[2]: 100, steps[3]: 99}
        self.assertIs(fitting(steps, 100, some.__getitem__), steps[2])


class FittingTests(SynchronousTestCase):
    """Hellos as they are made."""

    def setUp(self) -> None:
        """Make both sides."""
        clock = Clock()
        clock.advance(NOW.timestamp())
        files = store(Path(self.mktemp()), *issue("here.example", "*.x.example"))
        self.server = ServerTLS((files,), clock=clock)
        self.client = ClientTLS((AUTHORITY.certificate,))

    def begun(self, options: TLSOptions) -> tuple[SSL.Connection, bytes]:
        """A client's side, and its hello."""
        creator = self.client.creator(options)
        client = creator.clientConnectionForTLS(Wrapped().asProtocol())
        client.set_connect_state()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        return client, client.bio_read(65536)

    def test_whole(self) -> None:
        """
        Without a limit the hello is as OpenSSL makes it, which does not fit.
        """
        client, hello = self.begun(TLSOptions(serverName=_NAME))
        self.assertGreater(len(hello), max(ROOMS))
        self.assertFalse(self.client.shortened(client))

    def test_fits(self) -> None:
        """
        With one it fits, the hybrid is agreed on, and the certificate is verified.
        """
        for room in ROOMS:
            options = TLSOptions(serverName=_NAME, verified=True, room=room)
            client, hello = self.begun(options)
            self.assertLessEqual(len(hello), room)
            self.assertTrue(self.client.shortened(client))
            server = accepting(self.server)
            server.bio_write(hello)
            shake(server, client)
            info = self.client.info(client, options)
            self.assertEqual((info.group, info.verified), ("X25519MLKEM768", True))
            self.assertFalse(info.repeated)

    def test_allNames(self) -> None:
        """
        What is measured is what is sent, for names of all lengths: it fits, or is
        whole.
        """
        for octets in (1, 15, 16, 20, 21, 40, 41, 60):
            name = b"n" * octets + b".x.example"
            for room in ROOMS:
                client, hello = self.begun(TLSOptions(serverName=name, room=room))
                fits = len(hello) <= room
                self.assertEqual(fits, self.client.shortened(client), (octets, room))

    def test_address(self) -> None:
        """
        An address is not sent as SNI, and leaves room for more.
        """
        _, named = self.begun(TLSOptions(serverName=b"here.example.", room=1420))
        _, unnamed = self.begun(TLSOptions(serverName=b"192.0.2.1", room=1420))
        self.assertLess(len(unnamed), len(named))

    def test_plenty(self) -> None:
        """
        Where there is room for all of it, nothing is cut.
        """
        client, _ = self.begun(TLSOptions(serverName=_NAME, room=65000))
        self.assertFalse(self.client.shortened(client))

    def test_repeated(self) -> None:
        """
        A server without the hybrid asks for another hello, and that is seen.
        """
        terms = TLSTerms(groups="X25519:P-256")
        options = TLSOptions(serverName=_NAME, verified=True, room=1420)
        client, hello = self.begun(options)
        server = accepting(self.server, TLSOptions(terms=terms))
        server.bio_write(hello)
        shake(server, client)
        info = self.client.info(client, options)
        self.assertTrue(info.repeated)
        self.assertTrue(info.verified)

    def test_askedFor(self) -> None:
        """
        Where it is known which group the server asks for, the share is of that one,
        whatever it is called: one hello will do, and the hybrid is still named.
        """
        for share, groups in (("X25519", "X25519:P-256"), ("secp256r1", "P-256")):
            options = TLSOptions(serverName=_NAME, room=1420, share=share)
            client, hello = self.begun(options)
            self.assertTrue(self.client.shortened(client))
            # Its number stands there, and no share of 1216 octets.
            self.assertIn(b"\x11\xec", hello)
            self.assertLess(len(hello), 700)
            server = accepting(self.server, TLSOptions(terms=TLSTerms(groups=groups)))
            server.bio_write(hello)
            shake(server, client)
            info = self.client.info(client, options)
            self.assertEqual(info.group.casefold(), share.casefold())
            self.assertFalse(info.repeated)

    def test_askedForWhatIsNotOffered(self) -> None:
        """
        What the operator has not allowed is no share, whoever asked for it.
        """
        terms = TLSTerms(groups="X25519MLKEM768:P-384")
        options = TLSOptions(serverName=_NAME, room=1420, share="X25519", terms=terms)
        client, _ = self.begun(options)
        self.assertEqual(client.shape.share, "X25519MLKEM768")

    def test_olderVersion(self) -> None:
        """
        Under TLS 1.2 no hello is repeated, whatever the group.
        """
        shape = Shape(USUAL, "X25519MLKEM768")
        greeter = Greeter(SSL.Context(SSL.TLS_CLIENT_METHOD), shape)
        self.assertFalse(greeter.repeated("TLSv1.2", "x25519"))
        self.assertFalse(greeter.repeated("TLSv1.3", ""))
        self.assertTrue(greeter.repeated("TLSv1.3", "x25519"))
