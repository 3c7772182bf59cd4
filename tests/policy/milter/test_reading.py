"""
Tests for L{smtpx.policy.milter.reading}: what milters are given of a message.
"""

from __future__ import annotations

from smtpx.policy.milter.negotiation import Step
from smtpx.policy.milter.packets import packet

from .made import GO_ON, NOTHING, MadeMilter, served
from .sending import DEFERRED, MESSAGE, OK, ReceivingTestCase


class ReadingTests(ReceivingTestCase):
    """What a milter is given."""

    def test_fields(self) -> None:
        """Each by itself, in order, with LF where it is folded."""
        milter = MadeMilter()
        self.send(milter)
        self.assertEqual(
            milter.said(b"L"),
            [b"Received\0from a\n\tby b\0", b"Subject\0one\0", b"Subject\0two\0"],
        )
        self.assertEqual(milter.said(b"B"), [b"Hello\r\n"])

    def test_blanks(self) -> None:
        """A milter that signs wants to know of them."""
        milter = MadeMilter(steps=Step.BLANK)
        self.send(milter, message=b"A:b\r\nC:  d\r\nE : f\r\n\r\n")
        self.assertEqual(milter.said(b"L"), [b"A\0b\0", b"C\0  d\0", b"E\0 f\0"])

    def test_cutAnywhere(self) -> None:
        """However it comes, the milter sees the same."""
        for cut in range(len(MESSAGE)):
            milter = MadeMilter()
            server = served(milter)
            call = server.call()
            call.mail()
            call.say(b"DATA\r\n")
            call.say(MESSAGE[:cut])
            self.assertEqual(call.say(MESSAGE[cut:] + b".\r\n"), OK)
            self.assertEqual(milter.codes, "OCHMRTLLLNBE")
            self.assertEqual(b"".join(milter.said(b"B")), b"Hello\r\n")
            self.assertEqual(server.message, MESSAGE)

    def test_withoutBody(self) -> None:
        """A header alone, an empty body, and no header."""
        for message, codes in (
            (b"Subject: x\r\n", "LNE"),
            (b"Subject: x\r\n\r\n", "LNE"),
            (b"\r\nHello\r\n", "NBE"),
            (b"no field\r\nHello\r\n", "NBE"),
        ):
            milter = MadeMilter()
            self.assertEqual(self.send(milter, message=message), OK)
            self.assertEqual(milter.codes, "OCHMRT" + codes, message)

    def test_whatIsNoFieldIsText(self) -> None:
        """The message is seen as it is kept."""
        milter = MadeMilter()
        self.send(milter, message=b"Subject: x\r\nno field\r\n\r\nHello\r\n")
        self.assertEqual(milter.said(b"B"), [b"no field\r\n\r\nHello\r\n"])

    def test_pieces(self) -> None:
        """A long body goes in pieces that every milter takes, or larger ones."""
        body = b"x" * 998 + b"\r\n"
        for steps, most in ((Step(0), 65_535), (Step.LARGE, 262_143)):
            milter = MadeMilter(steps=steps)
            self.send(milter, message=b"\r\n" + body * 300)
            pieces = milter.said(b"B")
            self.assertEqual(b"".join(pieces), body * 300)
            self.assertEqual(set(map(len, pieces[:-1])), {most})

    def test_notWanted(self) -> None:
        """A milter that wants no body gets none."""
        milter = MadeMilter(steps=Step.NO_BODY | Step.NO_HEADER)
        self.assertEqual(self.send(milter), OK)
        self.assertEqual(milter.codes, "OCHMRTNE")

    def test_skips(self) -> None:
        """It has seen enough: what remains is its end."""
        milter = MadeMilter(steps=Step.SKIP, answers={b"B": packet(b"s")})
        self.assertEqual(self.send(milter, message=b"\r\n" + b"x\r\n" * 80_000), OK)
        self.assertEqual(milter.codes, "OCHMRTNBE")

    def test_keptBack(self) -> None:
        """Who sends waits for a milter that does not keep up."""
        milter = MadeMilter(answers={b"B": NOTHING})
        server = served(milter)
        call = server.call()
        call.mail()
        call.say(b"DATA\r\n")
        call.say(b"\r\n")
        transport = call.call.wire
        body = b"x" * 998 + b"\r\n"
        for _ in range(4):
            call.say(body * 64)
        self.assertEqual(transport.producerState, "paused")
        milter.answers = {}
        milter.lines[0][1].dataReceived(GO_ON)
        server.settle()
        self.assertEqual(transport.producerState, "producing")
        self.assertEqual(call.say(b".\r\n"), OK)

    def test_keptBackBySilence(self) -> None:
        """Also by one that does not answer: what is written has to be read."""
        milter = MadeMilter(steps=Step.SILENT_BODY | Step.SILENT_HEADER)
        server = served(milter)
        call = server.call()
        call.mail()
        call.say(b"DATA\r\n")
        call.say(b"\r\n")
        link = milter.lines[0][1]
        link.pauseProducing()
        body = b"x" * 998 + b"\r\n"
        for _ in range(5):
            call.say(body * 64)
        self.assertEqual(call.call.wire.producerState, "paused")
        link.resumeProducing()
        server.settle()
        self.assertEqual(call.call.wire.producerState, "producing")
        self.assertEqual(call.say(b".\r\n"), OK)
        self.assertEqual(b"".join(milter.said(b"B")), body * 320)

    def test_readsNothing(self) -> None:
        """One that never reads is given up."""
        milter = MadeMilter(steps=Step.SILENT_BODY)
        server = served(milter)
        call = server.call()
        call.mail()
        call.say(b"DATA\r\n")
        call.say(b"\r\n")
        milter.lines[0][1].pauseProducing()
        call.say(b"x\r\n" * 30_000)
        server.clock.advance(30)
        server.settle()
        self.assertEqual(call.say(b".\r\n"), DEFERRED)

    def test_clientGoes(self) -> None:
        """In the middle of a message: it is told, and the message is forgotten."""
        milter = MadeMilter()
        server = served(milter)
        call = server.call()
        call.mail()
        call.say(b"DATA\r\n")
        call.say(b"Subject: x\r\n\r\nhello\r\n")
        call.leave()
        self.assertEqual(milter.codes, "OCHMRTLNAQ")
        self.assertTrue(server.server.receiver.arrivals[0].aborted)

    def test_clientGoesAtTheEnd(self) -> None:
        """It will come again, so the message is not taken."""
        milter = MadeMilter(answers={b"E": NOTHING})
        server = served(milter)
        call = server.call()
        call.mail()
        call.send()
        call.leave()
        self.assertEqual(server.kept, [])
        self.assertTrue(server.server.receiver.arrivals[0].aborted)
        self.assertEqual(server.troubles, [])
