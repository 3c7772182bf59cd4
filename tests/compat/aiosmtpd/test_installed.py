"""
aiosmtpd's own handlers, as they are installed, behind smtpx.
"""

from __future__ import annotations

import io
from email.message import Message
from importlib.util import find_spec
from typing import Any

from .made import BEGIN, TEXT, HandlerTestCase

handlers: Any = None
if find_spec("aiosmtpd") is not None:
    from aiosmtpd import handlers


class InstalledTests(HandlerTestCase):
    """Handlers that come with aiosmtpd."""

    skip = None if handlers is not None else "peer missing: aiosmtpd"

    def test_debugging(self) -> None:
        """C{Debugging} prints the message, with its options and the client."""
        out = io.StringIO()
        client = self.greeted(handlers.Debugging(out))
        begin = b"MAIL FROM:<a@b.example> SIZE=9\r\nRCPT TO:<c@d.example>\r\n"
        self.assertEqual(client.send(begin=begin), b"250 OK")
        self.assertEqual(
            out.getvalue().splitlines(),
            [
                "---------- MESSAGE FOLLOWS ----------",
                "mail options: ['SIZE=9']",
                "",
                "Subject: x",
                "X-Peer: ('192.0.2.1', 40000)",
                "",
                "body",
                "------------ END MESSAGE ------------",
            ],
        )

    def test_sink(self) -> None:
        """C{Sink} takes everything."""
        self.assertEqual(self.greeted(handlers.Sink()).send(), b"250 2.0.0 OK")

    def test_message(self) -> None:
        """C{Message} and C{AsyncMessage} make a message of the content."""
        seen: list[Message] = []

        class Plain(handlers.Message):  # type: ignore[misc]  # may be missing
            def handle_message(self, message: Message) -> None:
                seen.append(message)

        class Waiting(handlers.AsyncMessage):  # type: ignore[misc]  # as above
            async def handle_message(self, message: Message) -> None:
                seen.append(message)

        for handler in (Plain(), Waiting(loop=self.loop)):
            for more in ({}, {"decode_data": True}):
                client = self.greeted(handler, **more)
                self.assertEqual(client.send(), b"250 OK")
        for message in seen:
            self.assertEqual(message["Subject"], "x")
            self.assertEqual(message["X-MailFrom"], "a@b.example")
            self.assertEqual(message["X-RcptTo"], "c@d.example")
            self.assertEqual(message["X-Peer"], "('192.0.2.1', 40000)")
        self.assertEqual(len(seen), 4)

    def test_mailbox(self) -> None:
        """C{Mailbox} puts messages into a Maildir."""
        handler: Any = handlers.Mailbox(self.mktemp())
        client = self.greeted(handler)
        client.send()
        client.send(TEXT, BEGIN)
        found = [message["Subject"] for message in handler.mailbox]
        self.assertEqual(found, ["x", "x"])
