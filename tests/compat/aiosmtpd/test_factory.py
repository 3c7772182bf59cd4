"""
Tests for L{smtpx.compat.aiosmtpd.factory}, C{options} and C{receiving}.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from smtpx.compat.aiosmtpd import aiosmtpdFactory
from smtpx.compat.aiosmtpd.options import certificatesOf
from smtpx.core.bounds import Bounds
from smtpx.core.errors import UsageError
from smtpx.extensions.size import Size
from smtpx.tls.authority import ensureCertificate
from smtpx.tls.certificates import CertificateError
from smtpx.tls.contexts import ServerTLS

from ...net.made import RememberingReceiver
from ...net.test_tls import Certificates
from .made import BEGIN, EHLO, HandlerTestCase


class Content:
    """Tells what the content is."""

    def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """C{250} and what it is."""
        return f"250 {envelope.content!a} {envelope.original_content!a}"


class OptionTests(HandlerTestCase):
    """The parameters of aiosmtpd."""

    def test_hello(self) -> None:
        """What is offered follows from the parameters."""
        client = self.client(Content())
        self.assertEqual(
            client.say(EHLO),
            [
                b"250-mx.example.org",
                b"250-SIZE 33554432",
                b"250-LIMITS RCPTMAX=1000",
                b"250-8BITMIME",
                b"250-PIPELINING",
                b"250-CHUNKING",
                b"250 SMTPUTF8",
            ],
        )
        client = self.client(
            Content(), enable_SMTPUTF8=False, decode_data=True, data_size_limit=7
        )
        hello = client.say(EHLO)
        self.assertIn(b"250-SIZE 7", hello)
        for word in (b"SMTPUTF8", b"8BITMIME"):
            self.assertNotIn(word, b" ".join(hello))

    def test_ident(self) -> None:
        """What stands behind the name in the greeting is the program's."""
        factory = self.factory(Content(), ident="My Server 1")
        self.assertEqual(factory.profile.greeting, b"My Server 1")
        self.assertEqual(self.factory(Content()).profile.greeting, b"ESMTP")

    def test_hostname(self) -> None:
        """The name is the machine's where there is none, and ASCII."""
        self.assertEqual(
            self.factory(Content(), hostname="mü.example").profile.name,
            b"xn--m-eha.example",
        )
        self.assertTrue(self.factory(Content(), hostname=None).profile.name)

    def test_bounds(self) -> None:
        """C{data_size_limit} and C{timeout} go before bounds that are given."""
        factory = self.factory(
            Content(), data_size_limit=0, timeout=9, bounds=Bounds(recipientsMax=3)
        )
        bounds = factory.bounds
        self.assertEqual(
            (bounds.messageOctets, bounds.commandSeconds, bounds.recipientsMax),
            (None, 9, 3),
        )

    def test_tooBig(self) -> None:
        """A message above C{data_size_limit} is refused; none of it is kept."""
        client = self.greeted(Content(), data_size_limit=10)
        self.assertEqual(client.send(b"x" * 20 + b"\r\n")[:3], b"552")
        self.assertEqual(client.send(b"x\r\n"), rb"250 b'x\r\n' b'x\r\n'")

    def test_decoded(self) -> None:
        """With C{decode_data} the content is text, and the octets stay there."""
        client = self.greeted(Content(), decode_data=True)
        said = client.send("ä\r\n".encode())
        self.assertEqual(said, rb"250 '\xe4\r\n' b'\xc3\xa4\r\n'")

    def test_strict(self) -> None:
        """Without SMTPUTF8, text is ASCII, and anything else is refused."""
        client = self.greeted(Content(), decode_data=True, enable_SMTPUTF8=False)
        self.assertEqual(client.send(b"x\r\n"), rb"250 'x\r\n' b'x\r\n'")
        self.assertEqual(client.send("ä\r\n".encode())[:3], b"554")
        self.assertEqual(client.send(b"x\r\n")[:3], b"250")

    def test_sink(self) -> None:
        """Where nobody wants them, messages are taken and thrown away."""
        client = self.greeted(object())
        self.assertEqual(client.send(), b"250 2.0.0 OK")
        self.assertEqual(client.send(begin=BEGIN), b"250 2.0.0 OK")

    def test_requireStartTLS(self) -> None:
        """With C{require_starttls} nothing is taken in the clear."""
        client = self.greeted(
            Content(), tls_context=Certificates(), require_starttls=True
        )
        self.assertEqual(client.say(BEGIN)[0][:3], b"530")
        with self.assertRaises(UsageError):
            self.factory(Content(), require_starttls=True)

    def test_callLimits(self) -> None:
        """A client may give a command so often, each or all of them."""
        client = self.greeted(Content(), command_call_limit=2)
        self.assertEqual(client.say(EHLO)[-1][:3], b"250")
        self.assertEqual(client.say(EHLO), [b"421 4.7.0 EHLO sent too many times"])
        self.assertTrue(client.wire.disconnecting)
        for limits, calls in (
            ({"NOOP": 3}, 3),
            ({"*": 2, "RSET": 9}, 2),
            ({"RSET": 9}, 20),
        ):
            client = self.greeted(Content(), command_call_limit=limits)
            said = [client.say(b"NOOP\r\n")[0][:3] for _ in range(calls + 1)]
            self.assertEqual(said, [b"250"] * calls + [b"421"])

    def test_unknownCommandsAreOne(self) -> None:
        """Words that are no commands share a limit: there are too many of them."""
        client = self.greeted(Content(), command_call_limit=2)
        said = [client.say(b"X-%d\r\n" % n)[0][:3] for n in range(3)]
        self.assertEqual(said, [b"500", b"500", b"421"])

    def test_badCallLimits(self) -> None:
        """A limit that is no number is an error at once."""
        for limits in ("many", {"NOOP": "many"}):
            with self.assertRaises(TypeError):
                self.factory(Content(), command_call_limit=limits)

    def test_misuse(self) -> None:
        """What cannot be done is an error that says what to do."""
        for parameters, words in (
            ({"proxy_protocol_timeout": 3.0}, "which proxies are good"),
            ({"receiver": RememberingReceiver()}, "takes messages itself"),
        ):
            error = self.assertRaises(UsageError, self.factory, Content(), **parameters)
            self.assertIn(words, str(error))
        with self.assertRaises(TypeError):
            self.factory(Content(), no_such_parameter=1)

    def test_otherExtensions(self) -> None:
        """Who wants other extensions says which."""
        client = self.client(Content(), extensions=[Size()])
        self.assertEqual(
            client.say(EHLO), [b"250-mx.example.org", b"250 SIZE 33554432"]
        )

    def test_reactorWithoutThreads(self) -> None:
        """A reactor that hooks cannot be called beside is refused."""
        with self.assertRaises(UsageError):
            aiosmtpdFactory(Clock(), Content())


class CertificateTests(HandlerTestCase):
    """What may be given for TLS."""

    def test_files(self) -> None:
        """The names of one file or two are certificates, and so are our own."""
        folder = Path(self.mktemp()).absolute()
        now = 1.8e9
        self.clock.advance(now)
        made = ensureCertificate(folder, ["localhost"], now)
        for given in (
            (str(made.chain), made.key),
            [made.chain, str(made.key)],
        ):
            found = certificatesOf(given, self.clock)
            assert found is not None
            self.assertTrue(found.ready)
        assert made.key is not None
        both = folder / "both.pem"
        both.write_bytes(made.chain.read_bytes() + made.key.read_bytes())
        for one in (str(both), both, (both,)):
            self.assertIsInstance(certificatesOf(one, self.clock), ServerTLS)

    def test_others(self) -> None:
        """An SSLContext is refused with what to give instead."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        error = self.assertRaises(UsageError, certificatesOf, context, self.clock)
        self.assertIn("tls_context=('cert.pem', 'key.pem')", str(error))
        for given in (7, (), ("a", "b", "c"), ("a", 7)):
            with self.assertRaises(UsageError):
                certificatesOf(given, self.clock)
        self.assertIsNone(certificatesOf(None, self.clock))
        ours = Certificates()
        self.assertIs(certificatesOf(ours, self.clock), ours)

    def test_missingFile(self) -> None:
        """A file that is not there is named."""
        error = self.assertRaises(
            CertificateError, certificatesOf, "none.pem", self.clock
        )
        self.assertIn("none.pem", str(error))
