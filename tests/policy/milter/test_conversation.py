"""
Tests for L{smtpx.policy.milter.conversation}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed, UsageError
from smtpx.policy.edits import Insert
from smtpx.policy.milter.answers import (
    CONTINUE,
    PROGRESS,
    Answer,
    NewBody,
    Verdict,
)
from smtpx.policy.milter.commands import (
    ABORT,
    DATA,
    END_OF_HEADER,
    END_OF_MESSAGE,
    NEXT,
    bodyPiece,
    connect,
    headerField,
    helo,
    mail,
)
from smtpx.policy.milter.conversation import WISHES_MOST, Conversation, Said
from smtpx.policy.milter.negotiation import Action, Agreed, Step, offer
from smtpx.policy.milter.packets import packet
from smtpx.policy.milter.stages import MacroStage

ALL = Action(0x1FF)


NONE = Step(0)


def begun(
    steps: Step = NONE, actions: Action = ALL, macros: bytes = b""
) -> Conversation:
    """A conversation in which all is agreed on."""
    conversation = Conversation({MacroStage.MAIL: (b"i", b"{mail_addr}")})
    conversation.open()
    numbers = b"".join(each.to_bytes(4) for each in (6, actions, steps))
    heard(conversation, packet(b"O", numbers + macros))
    return conversation


def heard(conversation: Conversation, octets: bytes) -> list[Said]:
    """What a milter has said by these octets."""
    return list(conversation.feed(octets))


class NegotiationTests(SynchronousTestCase):
    """The beginning."""

    def test_agrees(self) -> None:
        """The first thing that is said, and the first that is heard."""
        conversation = Conversation({})
        self.assertEqual(conversation.open(), offer())
        answer = packet(b"O", bytes.fromhex("000000060000000000000000"))
        self.assertEqual(heard(conversation, answer), [Agreed()])
        self.assertEqual(conversation.agreed, Agreed())

    def test_nothingElseFirst(self) -> None:
        """Neither from the one nor from the other."""
        conversation = Conversation({})
        with self.assertRaises(UsageError):
            conversation.say(DATA)
        conversation.open()
        with self.assertRaises(Malformed):
            heard(conversation, packet(b"c"))


class CommandsTests(SynchronousTestCase):
    """Commands, one at a time."""

    def test_oneInWork(self) -> None:
        """The next waits for the answer."""
        conversation = begun()
        self.assertEqual(conversation.say(helo(b"x")), packet(b"H", b"x\0"))
        with self.assertRaises(UsageError):
            conversation.say(DATA)
        self.assertEqual(heard(conversation, packet(b"c")), [CONTINUE])
        self.assertEqual(conversation.say(DATA), packet(b"T"))

    def test_silent(self) -> None:
        """Who does not answer is told several at once."""
        conversation = begun(Step.SILENT_HEADER | Step.SILENT_BODY)
        for command in (headerField(b"A", b"b", False, 99), bodyPiece(b"x")):
            self.assertTrue(conversation.say(command))
            self.assertIsNone(conversation.awaiting)
        with self.assertRaises(Malformed):
            heard(conversation, packet(b"c"))

    def test_unwanted(self) -> None:
        """Who does not want to be told is not."""
        conversation = begun(Step.NO_HELO | Step.NO_END_OF_HEADER)
        self.assertEqual(conversation.say(helo(b"x")), b"")
        self.assertEqual(conversation.say(END_OF_HEADER), b"")
        self.assertIsNone(conversation.awaiting)

    def test_abortAtAnyTime(self) -> None:
        """It is not answered; what was asked before still is."""
        conversation = begun()
        conversation.say(END_OF_HEADER)
        self.assertEqual(conversation.say(ABORT), packet(b"A"))
        self.assertEqual(heard(conversation, packet(b"c")), [CONTINUE])

    def test_progress(self) -> None:
        """It is still to be answered."""
        conversation = begun()
        conversation.say(END_OF_MESSAGE)
        self.assertEqual(heard(conversation, packet(b"p")), [PROGRESS])
        self.assertIs(conversation.awaiting, END_OF_MESSAGE)

    def test_skip(self) -> None:
        """Of a body, where that was agreed on."""
        conversation = begun(Step.SKIP)
        conversation.say(bodyPiece(b"x"))
        self.assertEqual(heard(conversation, packet(b"s")), [Answer(Verdict.SKIP)])
        conversation.say(END_OF_HEADER)
        with self.assertRaises(Malformed):
            heard(conversation, packet(b"s"))
        other = begun()
        other.say(bodyPiece(b"x"))
        with self.assertRaises(Malformed):
            heard(other, packet(b"s"))

    def test_nothingToDiscard(self) -> None:
        """Before there is a message."""
        for command in (connect(b"x", b"", 0), helo(b"x")):
            conversation = begun()
            conversation.say(command)
            with self.assertRaises(Malformed):
                heard(conversation, packet(b"d"))


class MacrosTests(SynchronousTestCase):
    """What goes before commands."""

    values = {b"i": b"1", b"{mail_addr}": b"a\0b", b"x": b"y"}

    def test_usual(self) -> None:
        """Those that are listed, as far as they have a value."""
        self.assertEqual(
            begun().say(mail(b""), self.values.get),
            packet(b"D", b"Mi\x001\0{mail_addr}\0ab\0") + packet(b"M", b"<>\0"),
        )
        self.assertEqual(
            begun().say(mail(b""), {b"i": b""}.get),
            packet(b"D", b"Mi\0\0") + packet(b"M", b"<>\0"),
        )

    def test_none(self) -> None:
        """Where there is none, nothing is said of them."""
        self.assertEqual(begun().say(mail(b"")), packet(b"M", b"<>\0"))
        self.assertEqual(begun().say(DATA, self.values.get), packet(b"T"))

    def test_itsOwnList(self) -> None:
        """It counts for the stages that it names."""
        conversation = begun(macros=b"\0\0\0\x04\0\0\0\0\x05{x}\0")
        self.assertEqual(conversation.say(DATA, self.values.get), packet(b"T"))
        heard(conversation, packet(b"c"))
        self.assertEqual(
            conversation.say(END_OF_MESSAGE, self.values.get),
            packet(b"D", b"Ex\0y\0") + packet(b"E"),
        )

    def test_tooLong(self) -> None:
        """No packet is longer than the milter takes."""
        long = {b"i": b"x", b"{mail_addr}": b"x" * 70_000}
        self.assertEqual(
            begun().say(mail(b""), long.get),
            packet(b"D", b"Mi\0x\0") + packet(b"M", b"<>\0"),
        )


class WishesTests(SynchronousTestCase):
    """What is to be changed."""

    added = packet(b"h", b"X-A\0b\0")

    def test_behindTheEnd(self) -> None:
        """As many as it likes, and then the answer."""
        conversation = begun()
        conversation.say(END_OF_MESSAGE)
        said = self.added + packet(b"b", b"new") + packet(b"a")
        for cut in range(len(said) + 1):
            conversation = begun()
            conversation.say(END_OF_MESSAGE)
            found = heard(conversation, said[:cut]) + heard(conversation, said[cut:])
            self.assertEqual(
                found,
                [Insert(b"X-A", b"b"), NewBody(b"new"), Answer(Verdict.ACCEPT)],
            )

    def test_notBefore(self) -> None:
        """There is no message yet."""
        conversation = begun()
        conversation.say(END_OF_HEADER)
        with self.assertRaises(Malformed):
            heard(conversation, self.added)

    def test_notAgreedOn(self) -> None:
        """Others would have seen another message."""
        conversation = begun(actions=Action.CHANGE_BODY)
        conversation.say(END_OF_MESSAGE)
        with self.assertRaises(Malformed):
            heard(conversation, self.added)

    def test_bounded(self) -> None:
        """In number and length."""
        conversation = begun()
        conversation.say(END_OF_MESSAGE)
        heard(conversation, self.added * WISHES_MOST)
        with self.assertRaises(Malformed):
            heard(conversation, self.added)
        conversation = begun()
        conversation.say(END_OF_MESSAGE)
        long = packet(b"h", b"X-A\0" + b"x" * 60_000 + b"\0")
        with self.assertRaises(Malformed):
            heard(conversation, long * 5)
        conversation = begun()
        conversation.say(END_OF_MESSAGE)
        quarantine = packet(b"q", b"why\0")
        with self.assertRaises(Malformed):
            heard(conversation, quarantine * (WISHES_MOST + 1))


class ReusableTests(SynchronousTestCase):
    """Whether another client can follow."""

    def ended(self, by: bytes) -> Conversation:
        """A message has ended so."""
        conversation = begun()
        self.assertFalse(conversation.reusable)
        conversation.say(END_OF_MESSAGE)
        heard(conversation, packet(by))
        return conversation

    def test_behindAMessage(self) -> None:
        """
        Sendmail's library understands it there, and where it has said anything but
        "go on" it does not.
        """
        self.assertTrue(self.ended(b"c").reusable)
        for other in (b"a", b"r", b"t", b"d"):
            self.assertFalse(self.ended(other).reusable)

    def test_once(self) -> None:
        """Whatever else is said, it is over."""
        conversation = self.ended(b"c")
        self.assertEqual(conversation.say(NEXT), packet(b"K"))
        self.assertTrue(conversation.reusable)
        conversation.say(connect(b"x", b"", 0))
        self.assertFalse(conversation.reusable)
