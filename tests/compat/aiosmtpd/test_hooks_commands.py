"""
Tests for L{smtpx.compat.aiosmtpd.hooks}: the other commands.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address

from smtpx.compat.aiosmtpd import MISSING
from smtpx.core.hostlist import HostList

from ...net.made import Wire
from ...net.test_tls import Certificates
from .made import EHLO, Client, HandlerTestCase, Recorder


class OtherCommandTests(HandlerTestCase):
    """NOOP, VRFY, QUIT and STARTTLS."""

    def test_noop(self) -> None:
        """C{handle_NOOP} gets what stands behind NOOP, or C{None}."""
        handler = Recorder()
        handler.handle_NOOP = handler.note  # type: ignore[attr-defined]  # a hook
        client = self.greeted(handler)
        self.assertEqual(client.say(b"NOOP\r\n"), [b"250 2.0.0 OK"])
        client.say(b"NOOP hi there\r\n")
        self.assertEqual(handler.asked, [(None,), ("hi there",)])

    def test_vrfy(self) -> None:
        """C{handle_VRFY} gets the address; what is malformed it never sees."""

        class Handler:
            async def handle_VRFY(
                self, server: Any, s: Any, e: Any, address: str
            ) -> str:
                return f"252 perhaps {address}"

        client = self.greeted(Handler())
        self.assertEqual(
            client.say(b"VRFY <a@b.example>\r\n"), [b"252 perhaps a@b.example"]
        )
        self.assertEqual(client.say(b"VRFY\r\n")[0][:3], b"501")

    def test_quit(self) -> None:
        """C{handle_QUIT} has the last word, and then the connection ends."""

        class Handler:
            async def handle_QUIT(self, server: Any, s: Any, envelope: Any) -> str:
                return "221 so long"

        client = self.greeted(Handler())
        self.assertEqual(client.say(b"QUIT now\r\n")[0][:3], b"501")
        self.assertEqual(client.say(b"QUIT\r\n"), [b"221 so long"])
        self.assertTrue(client.wire.disconnecting)

    def secured(self, handler: object) -> Client:
        """A client that has begun TLS."""
        client = self.greeted(handler, tls_context=Certificates())
        self.assertEqual(client.say(b"STARTTLS\r\n")[0][:3], b"220")
        client.protocol.handshakeCompleted()
        client.heard()
        return client

    def test_startTLS(self) -> None:
        """
        After the handshake there is a new session, which tells of it; a handler
        without C{handle_STARTTLS} trusts everybody.
        """
        handler = Recorder()
        handler.handle_NOOP = handler.note  # type: ignore[attr-defined]  # a hook
        client = self.secured(handler)
        client.say(b"NOOP\r\n")
        self.assertIsNone(handler.session.host_name)
        self.assertEqual(handler.session.ssl["cipher"][0], "TLS_AES_128_GCM_SHA256")
        info = handler.server.transport.get_extra_info
        self.assertEqual(info("cipher"), handler.session.ssl["cipher"])
        self.assertEqual(info("peername"), ("192.0.2.1", 40000))
        self.assertEqual(info("nothing", 7), 7)

    def test_distrusted(self) -> None:
        """A handshake that C{handle_STARTTLS} dislikes leaves nothing but QUIT."""

        class Handler:
            def handle_STARTTLS(self, server: Any, session: Any, e: Any) -> bool:
                return bool(session.ssl["cipher"][2] > 1000)

        client = self.secured(Handler())
        self.assertEqual(client.say(EHLO)[0][:3], b"554")
        self.assertEqual(client.say(b"QUIT\r\n")[0][:3], b"221")

    def test_trusted(self) -> None:
        """One that it likes changes nothing."""

        class Handler:
            def handle_STARTTLS(self, server: Any, session: Any, e: Any) -> bool:
                return True

        client = self.secured(Handler())
        self.assertEqual(client.say(EHLO)[-1][:3], b"250")
        self.assertEqual(client.say(b"STARTTLS\r\n")[0][:3], b"503")

    def proxied(
        self,
        handler: object,
        header: bytes = b"PROXY TCP4 192.0.2.7 198.51.100.25 4000 25\r\n",
        **more: Any,
    ) -> list[bytes]:
        """What a client that a proxy brings is told first."""
        factory = self.factory(handler, **more)
        entrance = factory.buildProtocol(IPv4Address("TCP", "198.51.100.1", 40000))
        assert entrance is not None
        wire = Wire(peerAddress=IPv4Address("TCP", "198.51.100.1", 40000))
        entrance.makeConnection(wire)
        self.assertEqual(wire.said(), b"")
        entrance.dataReceived(header)
        protocol: Any = wire.protocol  # type: ignore[attr-defined]  # handed over
        return Client(protocol, wire, self.loop).heard()

    def test_proxies(self) -> None:
        """
        C{handle_PROXY} is told for whom a proxy connects, and says whether it may;
        one that fails says no.
        """
        seen: list[Any] = []

        class Judge:
            async def handle_PROXY(
                self, s: Any, session: Any, e: Any, data: Any
            ) -> Any:
                assert data is session.proxy_data
                seen.append((str(data.src_addr), data.src_port, session.peer))
                return self.answer

            answer: Any = True

        judge = Judge()
        for answer, code in ((True, b"220"), (False, b"554"), (MISSING, b"554")):
            judge.answer = answer
            for more in (
                {"proxy_protocol_timeout": 3},
                {"proxies": HostList.parse(["198.51.100.1"])},
            ):
                self.assertEqual(self.proxied(judge, **more)[0][:3], code)
        self.assertEqual(set(seen), {("192.0.2.7", 4000, ("198.51.100.1", 0))})

    def test_proxiesThatLie(self) -> None:
        """
        A handler that knows its proxies by their addresses, as in aiosmtpd, is not
        taken in by who says to be forwarding one of them, nor by who names nobody.
        """
        seen: list[Any] = []

        class Judge:
            def handle_PROXY(self, server: Any, session: Any, e: Any, data: Any) -> Any:
                name = server.transport.get_extra_info("peername")
                seen.append((session.peer[0], name[0], data.src_addr is None))
                return session.peer[0] == "192.0.2.7"

        for header in (
            b"PROXY TCP4 192.0.2.7 198.51.100.25 4000 25\r\n",
            b"PROXY UNKNOWN\r\n",
        ):
            said = self.proxied(Judge(), header, proxy_protocol_timeout=3)
            self.assertEqual(said[0][:3], b"554", header)
        both = ("198.51.100.1", "198.51.100.1")
        self.assertEqual(seen, [(*both, False), (*both, True)])

    def test_closing(self) -> None:
        """A hook that closes the transport ends the connection, politely."""

        class Handler:
            async def handle_NOOP(self, server: Any, *more: Any) -> str:
                server.transport.close()
                assert server.transport.is_closing()
                return "250 and out"

        client = self.greeted(Handler())
        self.assertEqual(client.say(b"NOOP\r\n"), [b"250 and out"])
        self.assertTrue(client.wire.disconnecting)

    def test_handlersSay421(self) -> None:
        """Who says 421 closes (RFC 5321 section 3.8)."""

        class Handler:
            async def handle_NOOP(self, *asked: Any) -> str:
                return "421 4.3.2 enough"

        client = self.greeted(Handler())
        self.assertEqual(client.say(b"NOOP\r\n"), [b"421 4.3.2 enough"])
        self.assertTrue(client.wire.disconnecting)

    def test_attributesOfTheirOwn(self) -> None:
        """What a hook notes on session and envelope the next one finds."""

        class Handler:
            async def handle_MAIL(self, s: Any, session: Any, e: Any, *m: Any) -> str:
                session.mark = e.mark = 7
                e.mail_from = m[0]
                return "250 OK"

            async def handle_DATA(self, s: Any, session: Any, envelope: Any) -> str:
                return f"250 {session.mark}{envelope.mark}"

        self.assertEqual(self.greeted(Handler()).send(), b"250 77")
