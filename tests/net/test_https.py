"""
Tests for L{smtpx.net.https}.
"""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.error import ConnectBindError
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hostlist import HostList
from smtpx.net.https import Fault, Page, SecureWeb, WebBounds, WebFailure
from smtpx.testing.dns import StaticResolver
from smtpx.tls.client import ClientTLS
from tests.tls.joined import AUTHORITY

from .network import SILENT, Got, Network, watched
from .test_client_tls import serverTLS
from .weblike import CannedWeb, page

HOST = b"mta-sts.example.org"
ADDRESS = "192.0.2.1"
PATH = b"/.well-known/mta-sts.txt"
#: The networks of examples, which are none of the Internet.
EXAMPLES = HostList.parse(["192.0.2.0/24", "2001:db8::/32"])


class SecureWebTests(SynchronousTestCase):
    """Requests, and what is answered."""

    def setUp(self) -> None:
        """A host in the DNS, and a web server there."""
        self.network = Network()
        self.resolver = StaticResolver(f"{HOST.decode()} A {ADDRESS}")
        self.web = CannedWeb(page(b"hello"))
        self.web.serve(self.network, ADDRESS, serverTLS(self, HOST.decode()))
        self.client = self.made()

    def made(self, allowed: HostList = EXAMPLES) -> SecureWeb:
        """One that asks."""
        trust = ClientTLS((AUTHORITY.certificate,))
        return SecureWeb(self.network, self.resolver, trust, allowed)

    def got(self, most: int = 100, seconds: float = 0.0) -> Got:
        """What comes of a request."""
        got = watched(self.client.get(HOST, PATH, most))
        self.network.run(seconds)
        return got

    def refused(self, fault: Fault, most: int = 100, seconds: float = 0.0) -> str:
        """Why nothing comes of one; no connection is left."""
        got = self.got(most, seconds)
        self.assertIsInstance(got.error, WebFailure, got)
        self.assertEqual(got.error.fault, fault, got.error)
        self.assertTrue(all(end.gone for link in self.network.links for end in link))
        self.assertEqual(self.network.getDelayedCalls(), [])
        return str(got.error)

    def test_page(self) -> None:
        """What the host has is fetched, by one request that names it."""
        got = self.got()
        self.assertEqual(got.value, Page(200, b"text/plain", b"hello"))
        (request,) = self.web.requests
        self.assertTrue(request.startswith(b"GET " + PATH + b" HTTP/1.1\r\n"))
        self.assertIn(b"\r\nHost: " + HOST + b"\r\n", request)
        self.assertNotIn(b"Authorization", request)
        self.assertEqual([each[0] for each in self.network.dialled], [ADDRESS])
        self.assertEqual(self.network.getDelayedCalls(), [])

    def test_quiet(self) -> None:
        """What Twisted says of its own factories is in nobody's log."""
        connect = self.network.connectTCP

        def starting(host: str, port: int, factory: Any, **more: Any) -> Any:
            factory.doStart()
            return connect(host, port, factory, **more)

        self.patch(self.network, "connectTCP", starting)
        with capturedLogs() as events:
            self.assertIsInstance(self.got().value, Page)
        self.assertEqual([each["log_namespace"] for each in events], [])

    def test_serverName(self) -> None:
        """The host is told by SNI who is asked for (RFC 8461 section 7.1)."""
        names = []

        def note(request: bytes) -> None:
            server = self.network.links[0][1].protocol
            names.append(server.getHandle().get_servername())

        self.web.onRequest = note
        self.got()
        self.assertEqual(names, [HOST])

    def test_kind(self) -> None:
        """Of the content's type the parameters do not count, nor does case."""
        self.web.answer = page(b"x", b"Text/Plain; charset=utf-8")
        self.assertEqual(self.got().value, Page(200, b"text/plain", b"x"))
        self.web.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
        self.assertEqual(self.got().value, Page(200, b"", b"x"))

    def test_chunks(self) -> None:
        """An answer may come in chunks."""
        self.web.answer = (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        )
        self.assertEqual(self.got().value, Page(200, b"text/plain", b"abc"))

    def test_redirect(self) -> None:
        """A redirect is an answer like others, and is not followed."""
        self.web.answer = page(
            b"x",
            status=b"301 Moved",
            more=b"Location: https://mta-sts.example.org/x\r\n",
        )
        self.assertEqual(self.got().value, Page(301, b"text/plain", b""))
        self.assertEqual(len(self.web.requests), 1)
        self.assertEqual(len(self.network.dialled), 1)

    def test_notFound(self) -> None:
        """Whoever has nothing there says so."""
        self.web.answer = page(b"sorry", status=b"404 Not Found")
        self.assertEqual(self.got().value, Page(404, b"text/plain", b""))

    def test_tooLong(self) -> None:
        """An answer that is too long is not read to its end."""
        self.web.answer = page(b"x" * 100)
        self.assertEqual(self.got().value, Page(200, b"text/plain", b"x" * 100))
        self.web.answer = page(b"x" * 101)
        self.assertIn("longer than 100", self.refused(Fault.ANSWER))

    def test_endless(self) -> None:
        """Nor are headers, or other things, that never end."""
        self.web.answer = b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 20_000
        self.assertIn("no end", self.refused(Fault.ANSWER))
        self.web.answer = b"HTTP/1.1 200 OK\r\n" + b"X" * 200_000
        self.assertIn("no end", self.refused(Fault.ANSWER))

    def test_noLength(self) -> None:
        """Where nobody knows whether there was more, the answer does not count."""

        def leave(request: bytes) -> None:
            server = self.network.links[-1][1].protocol
            self.network.callLater(1, server.loseConnection)

        self.web.answer = (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nmode: enf"
        )
        self.web.onRequest = leave
        self.assertIn("where its answer ends", self.refused(Fault.ANSWER, seconds=2))

    def test_cutOff(self) -> None:
        """Nor does one that was cut off."""

        def leave(request: bytes) -> None:
            server = self.network.links[-1][1].protocol
            self.network.callLater(1, server.loseConnection)

        self.web.answer = page(b"mode: enforce")[:-3]
        self.web.onRequest = leave
        self.assertIn("cut off", self.refused(Fault.ANSWER, seconds=2))

    def test_closed(self) -> None:
        """A host that closes the connection has no answer."""
        self.web.answer = None
        self.refused(Fault.UNREACHABLE)

    def test_noHTTP(self) -> None:
        """What is no answer of HTTP is none."""
        for answer in (
            b"SSH-2.0-x\r\n\r\n",
            b"HTTP/1.1 abc\r\n\r\n",
            b"\0" * 40 + b"\r\n",
        ):
            self.web.answer = answer
            self.refused(Fault.UNREACHABLE, seconds=61)

    def test_slow(self) -> None:
        """There is an end to how long it may take in all."""
        self.web.answer = page(b"hello")[:-1]
        text = self.refused(Fault.UNREACHABLE, seconds=60)
        self.assertIn("longer than 60 seconds", text)

    def test_silent(self) -> None:
        """A host that does not answer is given up."""
        self.network.hosts[ADDRESS, 443] = SILENT
        self.assertIn("timed out", self.refused(Fault.UNREACHABLE, seconds=60))

    def test_wrongCertificate(self) -> None:
        """A certificate for another name will not do."""
        self.web.serve(self.network, ADDRESS, serverTLS(self, "www.example.org"))
        text = self.refused(Fault.CERTIFICATE)
        self.assertEqual(
            text,
            "the certificate is not for mta-sts.example.org, but for www.example.org",
        )
        self.assertEqual(self.web.requests, [])

    def test_wildcard(self) -> None:
        """One for all names of the domain will do (RFC 8461 section 3.3)."""
        self.web.serve(self.network, ADDRESS, serverTLS(self, "*.example.org"))
        self.assertEqual(self.got().value.body, b"hello")

    def test_unknownAuthority(self) -> None:
        """Nor will a certificate of somebody that nobody knows."""
        self.client = SecureWeb(self.network, self.resolver, ClientTLS(()), EXAMPLES)
        self.refused(Fault.CERTIFICATE)
        self.assertEqual(self.web.requests, [])

    def test_noTLS(self) -> None:
        """A server that does not speak TLS is none."""
        factory = self.network.hosts[ADDRESS, 443].wrappedFactory
        self.network.hosts[ADDRESS, 443] = factory
        self.refused(Fault.UNREACHABLE, seconds=60)
        self.assertEqual(self.web.requests, [])

    def test_nextAddress(self) -> None:
        """Where one address refuses, the next is tried."""
        self.resolver.add(f"{HOST.decode()} AAAA 2001:db8::1")
        self.assertEqual(self.got().value.body, b"hello")
        self.assertEqual(
            [each[0] for each in self.network.dialled], ["2001:db8::1", ADDRESS]
        )

    def test_noAddress(self) -> None:
        """A host without an address cannot be asked."""
        self.resolver = StaticResolver("example.org A 192.0.2.1")
        self.client = self.made()
        text = self.refused(Fault.UNREACHABLE)
        self.assertEqual(text, "mta-sts.example.org has no address")

    def test_unknownAddress(self) -> None:
        """Where the DNS fails, that is why; where it knows one kind, that will do."""
        self.resolver.fail(HOST, "AAAA", "SERVFAIL of all")
        self.assertEqual(self.got().value.body, b"hello")
        self.resolver.fail(HOST, "A", "SERVFAIL of all")
        self.assertEqual(self.refused(Fault.UNREACHABLE), "SERVFAIL of all")

    def test_tooManyQuestions(self) -> None:
        """Where nobody was even asked for the address, the host is not to blame."""
        self.resolver.putOff(HOST, "A")
        self.resolver.fail(HOST, "AAAA", "SERVFAIL of all")
        self.assertEqual(self.refused(Fault.BUSY), "too many questions wait")

    def test_tooManyFiles(self) -> None:
        """Nor is it where we have no more room for a connection."""
        full = ConnectBindError(errno.EMFILE, "Too many open files")
        self.network.hosts[ADDRESS, 443] = full
        self.assertIn("Too many open files", self.refused(Fault.BUSY))

    def test_privateAddress(self) -> None:
        """Nothing is asked of addresses that are none of the Internet."""
        self.client = self.made(HostList())
        text = self.refused(Fault.UNREACHABLE)
        self.assertEqual(text, "192.0.2.1 is no address of the Internet")
        self.assertEqual(self.network.dialled, [])

    def test_post(self) -> None:
        """Something is handed in, with its type; what is answered is not read."""
        self.web.answer = page(b"thanks" * 10, status=b"201 Created")
        self.web.serve(self.network, ADDRESS, serverTLS(self, HOST.decode()), 8443)
        got = watched(
            self.client.post(HOST, b"/v1?x=1", b"application/x", b"abc", 8443)
        )
        self.network.run()
        self.assertEqual(got.value, Page(201, b"text/plain", b""))
        (request,) = self.web.requests
        self.assertTrue(request.startswith(b"POST /v1?x=1 HTTP/1.1\r\n"))
        self.assertIn(b"\r\nHost: mta-sts.example.org:8443\r\n", request)
        self.assertIn(b"\r\nContent-Type: application/x\r\n", request)
        self.assertTrue(request.endswith(b"\r\n\r\nabc"))

    def test_cancelled(self) -> None:
        """Nobody who does not want to know any more is kept waiting."""
        self.web.answer = b""
        asked = self.client.get(HOST, PATH, 100)
        got = watched(asked)
        self.network.run(1)
        asked.cancel()
        self.network.run()
        self.assertEqual(got.fired, 1)
        self.assertTrue(all(end.gone for link in self.network.links for end in link))

    def test_bounds(self) -> None:
        """A request takes some time, and tries something."""
        self.assertRaises(ValueError, WebBounds, seconds=0)
        self.assertRaises(ValueError, WebBounds, addresses=0)
