"""
Tests for L{smtpx.compat.aiosmtpd.hooks}: transactions, and who the client is.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import UsageError
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.net.interfaces import IPolicy

from ...net.made import RememberingReceiver
from .made import BEGIN, EHLO, TEXT, HandlerTestCase, Recorder

NO = reply(550, "5.7.1", b"No")


class TransactionTests(HandlerTestCase):
    """MAIL, RCPT, DATA and RSET."""

    def test_theDocumentedExample(self) -> None:
        """
        A handler as aiosmtpd's documentation has it sees sender, recipients and
        content, and its words are what the client is told.
        """

        class Example:
            async def handle_RCPT(
                self, server: Any, session: Any, envelope: Any, address: str, o: Any
            ) -> str:
                if not address.endswith("@d.example"):
                    return "550 not relaying to that domain"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(
                self, server: Any, session: Any, envelope: Any
            ) -> str:
                seen.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
                return "250 Message accepted for delivery"

        seen: list[Any] = []
        client = self.greeted(Example())
        self.assertEqual(
            client.say(BEGIN + b"RCPT TO:<e@elsewhere.example>\r\n"),
            [b"250 2.0.0 OK", b"250 OK", b"550 not relaying to that domain"],
        )
        client.say(b"DATA\r\n")
        self.assertEqual(
            client.say(TEXT + b".\r\n"), [b"250 Message accepted for delivery"]
        )
        self.assertEqual(seen, [("a@b.example", ["c@d.example"], TEXT)])

    def test_envelopeWithoutHooks(self) -> None:
        """
        Where a handler has C{handle_DATA} only, the envelope is filled in as
        aiosmtpd fills it in: options in upper case, the null sender as C{<>}.
        """
        handler = Recorder()
        handler.handle_DATA = handler.note  # type: ignore[attr-defined]  # a hook
        client = self.greeted(handler)
        begin = b"MAIL FROM:<> body=8bitmime SIZE=10\r\nRCPT TO:<c@d.example>\r\n"
        self.assertEqual(client.send(begin=begin), b"250 2.0.0 OK")
        [envelope] = handler.envelopes
        self.assertEqual(envelope.mail_from, "<>")
        self.assertEqual(envelope.mail_options, ["BODY=8BITMIME", "SIZE=10"])
        self.assertEqual(envelope.rcpt_tos, ["c@d.example"])
        self.assertEqual(envelope.rcpt_options, [])
        self.assertIs(envelope.smtp_utf8, False)
        self.assertEqual(envelope.content, TEXT)
        self.assertEqual(envelope.original_content, TEXT)

    def test_addressesInUTF8(self) -> None:
        """Addresses beyond ASCII are text, and SMTPUTF8 is told."""
        handler = Recorder()
        handler.handle_DATA = handler.note  # type: ignore[attr-defined]  # a hook
        begin = "MAIL FROM:<ä@b.example> SMTPUTF8\r\nRCPT TO:<ö@d.example>\r\n"
        self.greeted(handler).send(begin=begin.encode())
        [envelope] = handler.envelopes
        self.assertEqual(envelope.mail_from, "ä@b.example")
        self.assertEqual(envelope.rcpt_tos, ["ö@d.example"])
        self.assertIs(envelope.smtp_utf8, True)

    def test_plainFunctions(self) -> None:
        """Hooks need not be coroutines."""

        class Plain:
            def handle_MAIL(self, server: Any, s: Any, e: Any, a: str, o: Any) -> str:
                e.mail_from = f"other-{a}"
                return "250 so be it"

            def handle_DATA(self, server: Any, s: Any, e: Any) -> bytes:
                return b"250 from %b" % e.mail_from.encode()

        self.assertEqual(self.greeted(Plain()).send(), b"250 from other-a@b.example")

    def test_hooksThatPutNobodyDown(self) -> None:
        """
        A hook for MAIL that sets no sender, and one for RCPT that puts down no
        recipient, have not accepted: the next command is refused.
        """

        class Forgetful:
            async def handle_MAIL(self, *asked: Any) -> str:
                return "250 OK"

        client = self.greeted(Forgetful())
        self.assertEqual([line[:3] for line in client.say(BEGIN)], [b"250", b"503"])

        class Careless:
            async def handle_RCPT(self, *asked: Any) -> str:
                return "250 OK"

        self.assertEqual(self.greeted(Careless()).send()[:3], b"503")

    def test_envelopesDoNotMix(self) -> None:
        """
        Each transaction has an envelope of its own: after RSET, after a message,
        and after a MAIL that was refused.
        """
        handler = Recorder()
        for name in ("MAIL", "DATA", "RSET"):
            setattr(handler, f"handle_{name}", handler.note)

        async def mail(server: Any, s: Any, envelope: Any, address: str, o: Any) -> str:
            handler.note(server, s, envelope)
            envelope.mail_from = address
            return "250 OK" if address == "a@b.example" else "550 no"

        handler.handle_MAIL = mail  # type: ignore[attr-defined]  # a hook
        client = self.greeted(handler)
        client.say(BEGIN)
        client.say(b"RSET\r\n")
        client.say(b"MAIL FROM:<x@b.example>\r\n")
        client.send()
        client.send()
        mail1, rset, mail2, mail3, data3, mail4, data4 = handler.envelopes
        self.assertIs(rset, mail2)
        self.assertIs(mail3, data3)
        self.assertIs(mail4, data4)
        self.assertEqual(len({id(e) for e in handler.envelopes}), 4)
        self.assertEqual(data4.rcpt_tos, ["c@d.example"])

    def test_rsetHasItsWord(self) -> None:
        """C{handle_RSET} answers RSET, and the transaction is forgotten."""

        class Handler:
            async def handle_RSET(self, server: Any, s: Any, envelope: Any) -> str:
                assert envelope.mail_from is None
                return "250 forgotten"

        client = self.greeted(Handler())
        client.say(BEGIN)
        self.assertEqual(client.say(b"RSET\r\n"), [b"250 forgotten"])
        self.assertEqual(client.say(b"DATA\r\n")[0][:3], b"503")
        self.assertEqual(client.say(b"RSET x\r\n")[0][:3], b"501")

    def test_policyIsAskedFirst(self) -> None:
        """
        What a policy refuses the handler never hears of, whether the policy answers
        at once or later.
        """

        @implementer(IPolicy)
        class Strict:
            def mayConnect(self, session: IServerSession) -> None:
                """Anyone."""

            def maySend(
                self, session: IServerSession, envelope: Envelope
            ) -> Deferred[Reply | None]:
                """Anyone, but later."""
                return succeed(None)

            def mayReceive(
                self, session: IServerSession, envelope: Envelope, who: Recipient
            ) -> Reply | None:
                """Not everyone."""
                return NO if who.path == b"no@d.example" else None

        handler = Recorder()
        handler.handle_DATA = handler.note  # type: ignore[attr-defined]  # a hook
        client = self.greeted(handler, policy=Strict())
        client.send(begin=BEGIN + b"RCPT TO:<no@d.example>\r\n")
        self.assertEqual(handler.envelopes[0].rcpt_tos, ["c@d.example"])

    def test_pushedLines(self) -> None:
        """Lines that a hook pushes stand before the status that it returns."""

        class Pusher:
            async def handle_RCPT(
                self, server: Any, s: Any, envelope: Any, address: str, o: Any
            ) -> str:
                envelope.rcpt_tos.append(address)
                await server.push("250-first")
                return "250 second"

        self.assertEqual(
            self.greeted(Pusher()).say(BEGIN)[1:], [b"250-first", b"250 second"]
        )

    def test_processMessage(self) -> None:
        """The C{process_message} of old handlers is called; C{None} is a yes."""
        seen: list[Any] = []

        class Old:
            def process_message(self, *asked: Any) -> None:
                seen.append(asked)

        self.assertEqual(self.greeted(Old()).send(), b"250 2.0.0 OK")
        self.assertEqual(
            seen, [(("192.0.2.1", 40000), "a@b.example", ["c@d.example"], TEXT)]
        )

    def test_receiverInItsPlace(self) -> None:
        """A handler without C{handle_DATA} can leave messages to a receiver."""

        class Recipients:
            async def handle_RCPT(self, server: Any, s: Any, e: Any, *m: Any) -> str:
                e.rcpt_tos.append(m[0])
                return "250 fine"

        receiver = RememberingReceiver(answer=reply(250, "2.6.0", b"Mine"))
        client = self.greeted(Recipients(), receiver=receiver)
        self.assertEqual(client.send(), b"250 2.6.0 Mine")
        self.assertEqual(receiver.arrivals[0].octets, TEXT)

    def test_chunking(self) -> None:
        """A message that comes by BDAT is whole when the handler sees it."""
        handler = Recorder()
        handler.handle_DATA = handler.note  # type: ignore[attr-defined]  # a hook
        client = self.greeted(handler)
        client.say(BEGIN)
        half = len(TEXT) // 2
        client.say(b"BDAT %d\r\n%b" % (half, TEXT[:half]))
        rest = TEXT[half:]
        said = client.say(b"BDAT %d LAST\r\n%b" % (len(rest), rest))
        self.assertEqual(said, [b"250 2.0.0 OK"])
        self.assertEqual(handler.envelopes[0].content, TEXT)


class HelloTests(HandlerTestCase):
    """EHLO and HELO."""

    def test_withoutHooks(self) -> None:
        """The session tells how the client has introduced itself."""
        handler = Recorder()
        handler.handle_NOOP = handler.note  # type: ignore[attr-defined]  # a hook
        client = self.client(handler)
        for hello, extended in ((b"HELO", False), (b"EHLO", True)):
            client.say(hello + b" c.example\r\n")
            client.say(b"NOOP\r\n")
            self.assertEqual(handler.session.host_name, "c.example")
            self.assertIs(handler.session.extended_smtp, extended)
        self.assertEqual(handler.session.peer, ("192.0.2.1", 40000))
        self.assertIs(handler.session.loop, self.loop)
        self.assertIsNone(handler.session.ssl)

    def test_ehloOfFiveArguments(self) -> None:
        """The hook gets the lines that are planned, and what it gives is said."""

        class Handler:
            async def handle_EHLO(
                self, server: Any, session: Any, e: Any, name: str, lines: list[str]
            ) -> list[str]:
                session.host_name = name
                seen.extend(lines)
                return [lines[0], "250-X-FUN 7", lines[-1]]

        seen: list[str] = []
        client = self.client(Handler())
        self.assertEqual(
            client.say(EHLO), [b"250-mx.example.org", b"250-X-FUN 7", b"250 HELP"]
        )
        self.assertEqual(seen[0], "250-mx.example.org")
        self.assertIn("250-SIZE 33554432", seen)
        self.assertEqual(seen[-1], "250 HELP")
        self.assertEqual(client.say(BEGIN)[0], b"250 2.0.0 OK")

    def test_ehloOfFourArguments(self) -> None:
        """The older form pushes lines of its own, and gives the last one."""

        class Handler:
            async def handle_EHLO(
                self, server: Any, session: Any, envelope: Any, name: str
            ) -> str:
                session.host_name = name
                await server.push("250-X-OLD")
                return "250 HELP"

        said = self.client(Handler()).say(EHLO)
        self.assertEqual(said[0], b"250-mx.example.org")
        self.assertEqual(said[-2:], [b"250-X-OLD", b"250 HELP"])

    def test_ehloOfOtherArguments(self) -> None:
        """Any other form is an error at once."""

        class Handler:
            async def handle_EHLO(self, server: Any) -> str:
                return "250 HELP"

        with self.assertRaises(UsageError):
            self.factory(Handler())

    def test_hooksThatNameNobody(self) -> None:
        """
        A hook that sets no C{host_name}, or refuses, has heard no hello: MAIL is
        refused.
        """

        class Handler:
            async def handle_HELO(self, s: Any, session: Any, *more: Any) -> str:
                return "250 hello"

            async def handle_EHLO(self, s: Any, session: Any, *more: Any) -> Any:
                session.host_name = "x"
                return "550 no"

        client = self.client(Handler())
        for hello, answer in ((b"HELO", b"250 hello"), (b"EHLO", b"550 no")):
            self.assertEqual(client.say(hello + b" c.example\r\n"), [answer])
            self.assertEqual(client.say(b"MAIL FROM:<>\r\n")[0][:3], b"503")

    def test_badName(self) -> None:
        """What is no name does not reach the hook."""
        handler = Recorder()
        handler.handle_HELO = handler.note  # type: ignore[attr-defined]  # a hook
        client = self.client(handler)
        self.assertEqual(client.say(b"HELO ()\r\n")[0][:3], b"501")
        self.assertEqual(handler.asked, [])
