"""
Tests for L{smtpx.compat.aiosmtpd.hooks}: what goes wrong in a handler.
"""

from __future__ import annotations

import asyncio
from typing import Any

from smtpx.core.errors import UsageError

from .made import BEGIN, EHLO, HandlerTestCase, Recorder


class TroubleTests(HandlerTestCase):
    """What goes wrong in a handler."""

    def test_exception(self) -> None:
        """The client is told 451 and nothing of the inside; the log has the rest."""

        class Handler:
            async def handle_DATA(self, *asked: Any) -> str:
                raise ZeroDivisionError("the inside")

        client = self.greeted(Handler())
        self.assertEqual(client.send(), b"451 4.3.0 Local error in processing")
        self.assertEqual(self.troubles(), ["ZeroDivisionError"])
        self.assertEqual(client.send()[:3], b"451")
        self.flushLoggedErrors()

    def test_handleException(self) -> None:
        """C{handle_exception} says what becomes of it, in every hook."""

        class Handler:
            async def handle_exception(self, error: Exception) -> str:
                return f"542 {type(error).__name__}"

            async def boom(self, *asked: Any) -> str:
                raise ZeroDivisionError

            handle_DATA = handle_RSET = handle_NOOP = handle_RCPT = boom
            handle_EHLO = None

        client = self.greeted(Handler())
        said = client.say(BEGIN + b"RSET\r\nNOOP\r\n")
        self.assertEqual(said[1:], [b"542 ZeroDivisionError"] * 3)

    def test_handleExceptionOfEHLO(self) -> None:
        """Even where lines are wanted, it is a status."""

        class Handler:
            def handle_exception(self, error: Exception) -> str:
                return "542 no"

            async def handle_EHLO(self, s: Any, ss: Any, e: Any, n: str, r: Any) -> Any:
                raise ZeroDivisionError

        client = self.client(Handler())
        self.assertEqual(client.say(EHLO), [b"542 no"])
        self.assertEqual(client.say(BEGIN)[0][:3], b"503")

    def test_handleExceptionFails(self) -> None:
        """Where that gives no status, or fails itself, it is 451."""
        for answer in (None, ValueError):

            class Handler:
                async def handle_exception(
                    self, error: Exception, a: Any = answer
                ) -> Any:
                    if a is not None:
                        raise a
                    return a

                async def handle_DATA(self, *asked: Any) -> str:
                    raise ZeroDivisionError

            self.assertEqual(self.greeted(Handler()).send()[:3], b"451")
            self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_noStatus(self) -> None:
        """What is no status is 451, and is named in the log."""
        for status in (None, 250, "fine", "250-no end", ""):

            class Handler:
                async def handle_NOOP(self, *asked: Any, status: Any = status) -> Any:
                    return status

            said = self.greeted(Handler()).say(b"NOOP\r\n")
            self.assertEqual(said, [b"451 4.3.0 Local error in processing"])
            self.assertEqual(self.troubles(), ["BadStatus"])

    def test_timeLimit(self) -> None:
        """
        A hook that does not come back is cancelled, and the client told 451; also
        where the message is whole.
        """

        class Handler:
            async def handle_NOOP(self, *asked: Any) -> str:
                return await self.handle_DATA()

            async def handle_DATA(self, *asked: Any) -> str:
                try:
                    await asyncio.get_running_loop().create_future()
                except asyncio.CancelledError:
                    cancelled.append(1)
                    raise
                return "250 never"

        cancelled: list[int] = []
        client = self.greeted(Handler())
        for begin in (b"NOOP\r\n", BEGIN + b"BDAT 0 LAST\r\n"):
            self.assertNotIn(b"250 never", client.say(begin))
            for _ in range(303):
                self.clock.advance(1)
            self.assertEqual(client.heard(), [b"451 4.3.0 Local error in processing"])
        self.assertEqual(cancelled, [1, 1])
        self.assertEqual(self.troubles(), ["TimeoutError"] * 2)

    def test_clientLeaves(self) -> None:
        """Hooks of a client that is gone are cancelled; nobody is blamed."""

        class Handler:
            async def wait(self, *asked: Any) -> str:
                try:
                    await asyncio.get_running_loop().create_future()
                finally:
                    cancelled.append(1)
                return "250 never"

            handle_NOOP = handle_MAIL = handle_DATA = wait

        class Data:
            handle_DATA = Handler.wait

        cancelled: list[int] = []
        for handler, octets in (
            (Handler(), b"NOOP\r\n"),
            (Handler(), BEGIN),
            (Data(), BEGIN + b"BDAT 0 LAST\r\n"),
        ):
            client = self.greeted(handler)
            client.say(octets)
            client.leave()
        self.assertEqual(cancelled, [1, 1, 1])

    def test_cancelsItself(self) -> None:
        """A hook that is cancelled by somebody else is a hook that failed."""

        class Handler:
            async def handle_NOOP(self, *asked: Any) -> str:
                raise asyncio.CancelledError

        said = self.greeted(Handler()).say(b"NOOP\r\n")
        self.assertEqual(said[0][:3], b"451")
        self.assertEqual(self.troubles(), ["HookCancelled"])

    def test_misspelled(self) -> None:
        """A hook that nobody calls is told of."""

        class Handler:
            async def handle_data(self, *asked: Any) -> str:
                return "250 never"

            async def handle_everything(self, *asked: Any) -> str:
                return "250 a method of its own"

        self.factory(Handler())
        [warning] = self.flushWarnings()
        self.assertIn("did you mean handle_DATA?", str(warning["message"]))

    def test_pushOutsideOfAHook(self) -> None:
        """There is nothing to answer between commands."""
        handler = Recorder()
        handler.handle_NOOP = handler.note  # type: ignore[attr-defined]  # a hook
        self.greeted(handler).say(b"NOOP\r\n")
        for late in (handler.server.push("250 x"), handler.server.challenge_auth("")):
            with self.assertRaises(UsageError):
                self.loop.run_until_complete(late)

    def test_promptOutsideOfAUTH(self) -> None:
        """The client is asked for nothing where a recipient is judged."""

        class Handler:
            async def handle_RCPT(self, server: Any, *more: Any) -> str:
                await server.challenge_auth("who?")
                return "250 never"

        self.assertEqual(self.greeted(Handler()).say(BEGIN)[1][:3], b"451")
        self.assertEqual(self.troubles(), ["UsageError"])
