"""
Tests for L{smtpx.policy.editing}.
"""

from __future__ import annotations

from typing import IO

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import UsageError
from smtpx.core.reply import LOCAL_ERROR, OK, Reply
from smtpx.core.standing import Standing
from smtpx.core.trace import ABOVE, HEADER
from smtpx.extensions.checkpointserver import _TRANSACTION, CutShort, Transaction
from smtpx.net.interfaces import IArrival, IReceiver
from smtpx.policy.checking import TOO_LONG
from smtpx.policy.editing import EditedArrival, EditingReceiver, changed
from smtpx.policy.edits import (
    AddRecipient,
    Change,
    ChangeSender,
    Editor,
    EnvelopeEdit,
    FieldPlace,
    INewBody,
    Insert,
    Noted,
    Quarantine,
    Remove,
    RemoveRecipient,
    editorOf,
)
from smtpx.policy.rules.effects import add, isDiscardedFor, isHeld
from smtpx.policy.rules.removing import RemoveHeader, remove
from tests.net.made import RememberedArrival, RememberingReceiver

from .doubles import sessionFrom

HEADER_OCTETS = b"Received: from a\r\n\tby b\r\nSubject: one\r\n"
BODY = b"\r\nHello\r\n.dots\r\n"
MESSAGE = HEADER_OCTETS + BODY


class EditingTestCase(SynchronousTestCase):
    """Messages through a receiver."""

    def setUp(self) -> None:
        """One behind it that remembers."""
        self.behind = RememberingReceiver()
        self.receiver = EditingReceiver(self.behind, 4096)
        self.session = sessionFrom(b"192.0.2.1")
        self.envelope = Envelope(
            b"ann@example.org", 0.0, [Recipient(b"b@x.org"), Recipient(b"c@x.org")]
        )

    def begin(self, *pieces: bytes) -> EditedArrival:
        """A message comes, and has not ended."""
        arrival = self.receiver.begin(self.session, self.envelope)
        assert isinstance(arrival, EditedArrival)
        for each in pieces:
            arrival.write(each)
        return arrival

    @property
    def editor(self) -> Editor:
        """Of the message."""
        found = editorOf(self.envelope)
        assert found is not None
        return found

    def newBody(self) -> INewBody:
        """Another body begins."""
        made = self.editor.replaceBody()
        assert not isinstance(made, Reply)
        return made

    def taken(self, arrival: IArrival) -> RememberedArrival:
        """The message ends."""
        self.assertEqual(arrival.finish(self.session, self.envelope), OK)
        last = self.behind.arrivals[-1]
        self.assertEqual((last.finished, last.aborted), (True, False))
        return last

    def stored(self) -> bytes:
        """The message as it is kept, without what is ours."""
        return self.envelope.stamps[HEADER] + self.behind.arrivals[-1].octets


class PassingTests(EditingTestCase):
    """Messages that nobody changes."""

    def test_methodThatWasTakenBefore(self) -> None:
        """Who has kept it from before the header was there loses nothing."""
        arrival = self.begin()
        write = arrival.write
        write(HEADER_OCTETS + b"\r\nHel")
        write(b"lo\r\n")
        self.assertEqual(self.behind.arrivals[0].octets, b"\r\nHello\r\n")

    def test_itIsWhatItSays(self) -> None:
        """For mypy has no say at run time."""
        self.assertTrue(verifyObject(IReceiver, self.receiver))
        arrival = self.begin(MESSAGE)
        self.assertTrue(verifyObject(IArrival, arrival))
        self.assertTrue(verifyObject(INewBody, self.newBody()))

    def test_messageStaysAsItIs(self) -> None:
        """However it is cut into pieces."""
        messages = (
            MESSAGE,
            BODY,
            b"",
            b"\r\n",
            b"A: 1",
            b"A: 1\r\n",
            b"A: 1\r\nno field\r\nB: 2\r\n\r\nbody\r\n",
            b"no header at all",
            b"A: 1\r\n\r\nbinary \x00\n\r\n\r\n without end",
        )
        for message in messages:
            for cut in range(len(message) + 1):
                self.setUp()
                self.taken(self.begin(message[:cut], message[cut:]))
                self.assertEqual(self.stored(), message)
                self.assertNotIn(ABOVE, self.envelope.stamps)

    def test_bodyIsNotHeld(self) -> None:
        """It goes down as it comes, by the other's own method."""
        arrival = self.begin(HEADER_OCTETS)
        below = self.behind.arrivals[0]
        self.assertEqual(below.octets, b"")
        arrival.write(b"\r\nHel")
        self.assertEqual(below.octets, b"\r\nHel")
        self.assertEqual(arrival.write, below.write)

    def test_textThatLooksLikeTheRestOfAFieldIsText(self) -> None:
        """It would go on with the last field of ours above it."""
        self.taken(self.begin(b" folded\r\nSubject: x\r\n\r\n"))
        self.assertEqual(self.stored(), b"\r\n folded\r\nSubject: x\r\n\r\n")

    def test_longHeaderIsRefused(self) -> None:
        """While it comes, and nothing of it is kept; also one in a single piece."""
        for pieces in ([b"A: 1\r\n"] * 1000, [b"A: " + b"x" * 5000 + b"\r\n\r\n"]):
            arrival = self.begin(*pieces)
            self.assertEqual(arrival.finish(self.session, self.envelope), TOO_LONG)
            self.assertTrue(self.behind.arrivals[-1].aborted)

    def test_whereNoMessageCanBeginNoneBegins(self) -> None:
        """There is no room."""
        self.behind.refusal = LOCAL_ERROR
        self.assertEqual(self.receiver.begin(self.session, self.envelope), LOCAL_ERROR)
        self.assertIsNone(editorOf(self.envelope))

    def test_producerIsThatOfTheOther(self) -> None:
        """Who is paused by the disk."""
        arrival, transport = self.begin(MESSAGE), StringTransport()
        arrival.registerProducer(transport, True)
        self.assertIs(self.behind.arrivals[0].producer, transport)
        arrival.unregisterProducer()
        self.assertIsNone(self.behind.arrivals[0].producer)

    def test_abortedMessageIsForgotten(self) -> None:
        """With the body that was to take its place."""
        arrival = self.begin(MESSAGE)
        self.newBody()
        arrival.abort()
        self.assertEqual([each.aborted for each in self.behind.arrivals], [True] * 2)

    def test_receiverThatKeepsNothingRereadsNothing(self) -> None:
        """And has no ids."""
        arrival = self.begin(MESSAGE)
        self.assertEqual((arrival.reread, arrival.id), (None, ""))


class EditedTests(EditingTestCase):
    """Messages that are changed."""

    def test_headerIsChanged(self) -> None:
        """And the body is not touched."""
        arrival = self.begin(MESSAGE)
        self.editor.edit(
            "a",
            [
                Insert(b"X-Top", b"1", 0),
                Insert(b"X-First", b"2", 1),
                Change(b"subject", 1, b"two"),
                Remove(b"Received"),
                Insert(b"X-Last", b"3"),
            ],
        )
        self.envelope.stamps[ABOVE] = b"Authentication-Results: x\r\n"
        below = self.taken(arrival)
        self.assertEqual(below.octets, BODY)
        self.assertEqual(
            self.envelope.stamps[ABOVE], b"X-Top: 1\r\nAuthentication-Results: x\r\n"
        )
        self.assertEqual(
            self.envelope.stamps[HEADER],
            b"X-First: 2\r\nsubject: two\r\nX-Last: 3\r\n",
        )

    def test_fieldGoesAboveEverythingAlsoWhereNothingOfOursIs(self) -> None:
        """Nobody has checked the message."""
        arrival = self.begin(b"\r\nbody")
        self.editor.edit("a", [Insert(b"X-Top", b"1", FieldPlace.AT_START)])
        self.taken(arrival)
        self.assertEqual(self.envelope.stamps[ABOVE], b"X-Top: 1\r\n")
        self.assertEqual(self.stored(), b"\r\nbody")

    def test_wishesOfRulesAreGranted(self) -> None:
        """Behind those of others: what they have put in is not taken out."""
        arrival = self.begin(b"X-Spam: forged\r\n" + MESSAGE)
        remove(self.envelope, RemoveHeader.parse("X-Spam*"))
        add(self.envelope, FieldPlace.AT_END, "X-Spam: by a rule")
        add(self.envelope.recipients[0], FieldPlace.AT_START_RFC, "X-Seen: yes")
        self.editor.edit("a", [Insert(b"X-Spam", b"by a milter", 1)])
        self.taken(arrival)
        self.assertEqual(
            self.envelope.stamps[HEADER],
            b"X-Spam: by a milter\r\n"
            b"Received: from a\r\n\tby b\r\n"
            b"X-Seen: yes\r\n"
            b"Subject: one\r\n"
            b"X-Spam: by a rule\r\n",
        )

    def test_whatStandsBehindALineThatIsNoFieldIsText(self) -> None:
        """
        Some readers go on there as if it were the header: where rules take fields out,
        an empty line says what it is.
        """
        message = b"A: 1\r\ngarbage\r\nX-Spam: no\r\n\r\nbody\r\n"
        text = b"\r\ngarbage\r\nX-Spam: no\r\n\r\nbody\r\n"
        for cut in range(len(message) + 1):
            self.setUp()
            remove(self.envelope, RemoveHeader.parse("X-Spam"))
            self.taken(self.begin(message[:cut], message[cut:]))
            self.assertEqual(self.stored(), b"A: 1\r\n" + text)

    def test_thatTextIsNotThereBesideAnotherBody(self) -> None:
        """It is of the body that came."""
        arrival = self.begin(b"A: 1\r\ngarbage\r\n\r\nbody\r\n")
        new = self.newBody()
        new.write(b"other\r\n")
        new.finish()
        self.taken(arrival)
        self.assertEqual(self.stored(), b"A: 1\r\n\r\nother\r\n")

    def test_whoeverComesTooLateFindsNoEditor(self) -> None:
        """The message is taken by then."""
        arrival = self.begin(MESSAGE)
        self.assertIsNotNone(editorOf(self.envelope))
        self.taken(arrival)
        self.assertIsNone(editorOf(self.envelope))

    def test_quarantineHolds(self) -> None:
        """The message as a whole."""
        arrival = self.begin(MESSAGE)
        self.editor.edit("a", [Quarantine("spam")])
        self.taken(arrival)
        self.assertTrue(isHeld(self.envelope))

    def test_functionGetsAllOfTheMessage(self) -> None:
        """In one file, as one would think."""
        got: list[bytes] = []

        def take(envelope: Envelope, body: IO[bytes]) -> None:
            got.append(body.read())

        self.receiver = EditingReceiver(take)
        arrival = self.begin(MESSAGE)
        self.editor.edit("a", [Remove(b"Received")])
        self.assertEqual(arrival.finish(self.session, self.envelope), OK)
        self.assertEqual(got, [b"Subject: one\r\n" + BODY])

    def test_mistakeForgetsTheMessage(self) -> None:
        """Nobody else would."""
        arrival = self.begin(MESSAGE)
        self.editor.noted.append(Noted("a", None))  # type: ignore[arg-type]  # wrong
        self.assertRaises(AttributeError, arrival.finish, self.session, self.envelope)
        self.assertTrue(self.behind.arrivals[0].aborted)


class NewBodyTests(EditingTestCase):
    """Bodies that take the place of those that came."""

    def test_bodyIsReplaced(self) -> None:
        """Once it is whole, the one that came is given up."""
        arrival = self.begin(MESSAGE)
        old = self.behind.arrivals[0]
        body = self.newBody()
        transport = StringTransport()
        body.registerProducer(transport, True)
        self.assertIs(self.behind.arrivals[1].producer, transport)
        body.write(b"Other ")
        body.write(b"text\r\n")
        self.assertFalse(old.aborted)
        body.unregisterProducer()
        body.finish()
        self.assertTrue(old.aborted)
        self.assertRaises(UsageError, body.finish)
        body.unregisterProducer()
        body.abort()
        self.taken(arrival)
        self.assertEqual(self.stored(), HEADER_OCTETS + b"\r\nOther text\r\n")

    def test_bodyThatIsGivenUpChangesNothing(self) -> None:
        """The one that came stays; likewise where nobody says that it is whole."""
        for ends in (True, False):
            self.setUp()
            arrival = self.begin(MESSAGE)
            body = self.newBody()
            body.write(b"half")
            if ends:
                body.abort()
            self.assertEqual(arrival.finish(self.session, self.envelope), OK)
            old, new = self.behind.arrivals
            self.assertEqual((old.finished, new.aborted), (True, True))
            self.assertEqual(old.octets, BODY)

    def test_lastBodyCounts(self) -> None:
        """Two have replaced it, one behind the other, or one in the middle."""
        arrival = self.begin(MESSAGE)
        for text in (b"first", b"second"):
            body = self.newBody()
            body.write(text)
            body.finish()
        self.newBody()
        last = self.newBody()
        last.write(b"third")
        last.finish()
        self.taken(arrival)
        self.assertEqual(self.stored(), HEADER_OCTETS + b"\r\nthird")
        self.assertEqual(
            [each.aborted for each in self.behind.arrivals], [True] * 4 + [False]
        )

    def test_bodyOfAMessageThatEndedWithinItsHeaderIsReplaced(self) -> None:
        """It has got an empty line then."""
        arrival = self.begin(b"A: 1\r\nB: 2")
        body = self.newBody()
        body.write(b"text")
        body.finish()
        self.editor.edit("a", [Insert(b"C", b"3")])
        self.taken(arrival)
        self.assertEqual(self.stored(), b"A: 1\r\nB: 2\r\nC: 3\r\n\r\ntext")

    def test_lastFieldGetsItsCRLFAboveANewBody(self) -> None:
        """Nobody has changed the header."""
        arrival = self.begin(b"A: 1\r\nB: 2")
        body = self.newBody()
        body.write(b"text")
        body.finish()
        self.taken(arrival)
        self.assertEqual(self.stored(), b"A: 1\r\nB: 2\r\n\r\ntext")

    def test_whereThereIsNoRoomThatIsTold(self) -> None:
        """And the message stays as it came."""
        arrival = self.begin(MESSAGE)
        self.behind.refusal = LOCAL_ERROR
        self.assertEqual(self.editor.replaceBody(), LOCAL_ERROR)
        self.taken(arrival)
        self.assertEqual(self.stored(), MESSAGE)


class EnvelopeTests(SynchronousTestCase):
    """Envelopes that are changed."""

    def setUp(self) -> None:
        """One of two."""
        self.envelope = Envelope(
            b"ann@example.org", 0.0, [Recipient(b"b@x.org"), Recipient(b"c@x.org")]
        )

    def changed(self, *edits: EnvelopeEdit) -> Envelope:
        """The envelope with changes."""
        return changed(self.envelope, [Noted("a", each) for each in edits])

    def test_withoutChangesItIsTheSame(self) -> None:
        """What is changed in the header is none of its business."""
        noted = [Noted("a", Remove(b"X"))]
        self.assertIs(changed(self.envelope, noted), self.envelope)

    def test_senderIsChanged(self) -> None:
        """In another envelope: the client's stays, and has the same stamps."""
        self.envelope.stamps[HEADER] = b"A: 1\r\n"
        made = self.changed(ChangeSender(b""))
        self.assertEqual((made.sender, self.envelope.sender), (b"", b"ann@example.org"))
        self.assertIs(made.stamps, self.envelope.stamps)

    def test_recipientsAreAddedOnce(self) -> None:
        """Whoever is one is one."""
        made = self.changed(
            AddRecipient(b"b@x.org"), AddRecipient(b"d@x.org"), AddRecipient(b"d@x.org")
        )
        self.assertEqual(
            [each.path for each in made.recipients],
            [b"b@x.org", b"c@x.org", b"d@x.org"],
        )
        self.assertEqual(len(self.envelope.recipients), 2)

    def test_recipientIsTakenOff(self) -> None:
        """The log tells, for it stands there; whoever is added again gets it."""
        made = self.changed(
            RemoveRecipient(b"B@x.org"),
            RemoveRecipient(b"c@x.org"),
            AddRecipient(b"c@x.org"),
        )
        self.assertEqual(
            [(each.path, isDiscardedFor(each)) for each in made.recipients],
            [(b"b@x.org", True), (b"c@x.org", True), (b"c@x.org", False)],
        )
        self.assertFalse(any(map(isDiscardedFor, self.envelope.recipients)))


class NamedTests(EditingTestCase):
    """Messages that have a name (RFC 1845)."""

    def named(self, before: CutShort | None) -> Transaction:
        """The session is about one."""
        made = Transaction(b"k", b"c", self.session, self.envelope, 0.0, before=before)
        self.session.stamps[_TRANSACTION] = made
        self.session.standing = Standing.NAMED
        return made

    def test_oneThatIsCutShortComesAgainFromItsStart(self) -> None:
        """What is kept is not what came."""
        transaction = self.named(None)
        self.taken(self.begin(MESSAGE))
        self.assertFalse(transaction.resumes)

    def test_oneThatGoesOnIsTakenAsItIs(self) -> None:
        """It began before anything could be changed."""
        self.named(CutShort(10, self.envelope, ()))
        below = self.taken(self.begin(b" of the body\r\n"))
        self.assertEqual(below.octets, b" of the body\r\n")
        self.assertNotIn(HEADER, self.envelope.stamps)

    def test_oneThatGoesOnAndIsToBeChangedComesAgain(self) -> None:
        """Its header is with its body by then."""
        self.named(CutShort(10, self.envelope, ()))
        arrival = self.begin(b" of the body\r\n")
        self.assertEqual(self.editor.replaceBody(), LOCAL_ERROR)
        self.editor.edit("a", [Remove(b"X")])
        self.assertEqual(arrival.finish(self.session, self.envelope), LOCAL_ERROR)
        self.assertTrue(self.behind.arrivals[0].aborted)
