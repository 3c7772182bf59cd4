"""Tests for L{smtpx.spool.taking}."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from attrs import Factory, define
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.spool import parcelbook
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.interfaces import IIncoming, SpoolFull
from smtpx.spool.parcelbook import ParcelBook, Stage
from smtpx.spool.parcels import Busy, Gone, IParcel, Mail, NotTaken
from smtpx.spool.taking import Accepted, Taking, Took
from smtpx.testing.incoming import MemoryIncoming
from smtpx.testing.spool import MemorySpool

T = TypeVar("T")


class Killed(BaseException):
    """The process ends here."""


@define
class Store:
    """
    Files, as far as a parcel has any.

    @ivar files: by name: a mark, and messages with a recipient each.
    @ivar busy: names that somebody else is at.
    @ivar stuck: names that cannot be removed.
    @ivar open: names that are open.
    """

    files: dict[str, tuple[str, tuple[str, ...]]] = Factory(dict)
    busy: set[str] = Factory(set)
    stuck: set[str] = Factory(set)
    open: set[str] = Factory(set)


@implementer(IParcel)
@define
class Parcel:
    """Something in a store."""

    store: Store
    name: str
    hold: str = ""

    @property
    def place(self) -> str:
        """See L{IParcel}."""
        return f"store {self.name}"

    def open(self) -> str:
        """See L{IParcel}."""
        if self.name in self.store.busy:
            raise Busy(self.name)
        if self.name not in self.store.files:
            raise Gone(self.name)
        self.store.open.add(self.name)
        return self.store.files[self.name][0]

    def mails(self) -> Sequence[Mail]:
        """See L{IParcel}."""
        found = []
        for each in self.store.files[self.name][1]:
            if each == "bad":
                raise NotTaken("it is bad")
            envelope = Envelope(b"a@b", 1.0, [Recipient(each.encode())])
            found.append(Mail(envelope, self.pieces(each), self.hold))
        return found

    def pieces(self, text: str) -> Iterator[bytes]:
        """The message."""
        if text == "broken":
            yield b"A: "
            raise OSError("it cannot be read")
        yield b"To: %b\r\n\r\n" % text.encode()
        yield b"x" * 300_000 if text == "long" else b"short\r\n"

    def remove(self) -> None:
        """See L{IParcel}."""
        if self.name in self.store.stuck:
            raise OSError("it sticks")
        self.store.files.pop(self.name, None)

    def close(self) -> None:
        """See L{IParcel}."""
        self.store.open.discard(self.name)


def accept(envelope: Envelope, id: str) -> Accepted:
    """Take it as it is."""
    [recipient] = envelope.recipients
    if recipient.path == b"odd":
        raise ZeroDivisionError("an extension's mistake")
    why = "the house says so" if recipient.path == b"held" else ""
    return Accepted(envelope, b"Received: %b\r\n" % id.encode(), why)


@define
class Steps:
    """
    Does what it is told, until the process is killed.

    @ivar left: how many jobs are done before that; L{None}: it is not.
    @ivar done: how many were done.
    """

    left: int | None = None
    done: int = 0

    def __call__(self, job: Callable[[], T], /) -> Deferred[T]:
        """Do a job."""
        self.step()
        return succeed(job())

    def step(self) -> None:
        """Has the process ended?"""
        if self.left is not None and self.done >= self.left:
            raise Killed
        self.done += 1


class MortalSpool(MemorySpool):
    """
    A spool whose process is killed.

    @ivar steps: until then.
    @ivar fills: is it full as soon as a message has begun?
    """

    steps = Steps()
    fills = False

    def begin(self) -> IIncoming:
        """See L{MemorySpool}."""
        incoming = super().begin()
        self.full = self.fills
        return incoming

    def hold(self, ids: Sequence[str], note: str) -> Deferred[None]:
        """See L{MemorySpool}."""
        self.steps.step()
        return super().hold(ids, note)

    def release(self, ids: Sequence[str]) -> Deferred[None]:
        """See L{MemorySpool}."""
        self.steps.step()
        return super().release(ids)


class SlowIncoming(MemoryIncoming):
    """A message on its way to a disk that falls behind with each piece."""

    producers: list[IPushProducer]

    def write(self, data: bytes) -> None:
        """See L{MemoryIncoming}."""
        super().write(data)
        producer = IPushProducer(self.producer)
        producer.pauseProducing()
        # Whoever says it twice has to be let go once.
        producer.pauseProducing()
        self.producers.append(producer)


class SlowSpool(MemorySpool):
    """
    A spool that falls behind.

    @ivar producers: who was told to pause, for each piece.
    """

    def __init__(self) -> None:
        super().__init__(lambda: 5.0)
        self.producers: list[IPushProducer] = []

    def begin(self) -> IIncoming:
        """See L{MemorySpool}."""
        fast = super().begin()
        assert isinstance(fast, MemoryIncoming)
        slow = SlowIncoming(fast.id, lambda: None, fast._take)
        slow.producers = self.producers
        return slow


class TakingTestCase(SynchronousTestCase):
    """Files, a spool and a book."""

    def setUp(self) -> None:
        """Nothing is anywhere."""
        # Hundreds of books are made here; no machine dies meanwhile.
        self.patch(parcelbook, "DURABILITY", "OFF")
        self.store = Store()
        self.spool = MortalSpool(lambda: 5.0)
        path = Path(self.mktemp())
        path.parent.mkdir(parents=True, exist_ok=True)
        self.book = ParcelBook(str(path))
        self.addCleanup(self.book.close)
        self.steps = Steps()

    def taking(self, stay: bool = False, left: int | None = None) -> Taking:
        """What takes, in a process that ends after so many steps."""
        self.steps = self.spool.steps = Steps(left)
        return Taking(self.spool, self.book, accept, self.steps, stay)

    def lay(self, name: str, *recipients: str, mark: str = "m") -> Parcel:
        """Put something there."""
        self.store.files[name] = mark, recipients
        return Parcel(self.store, name)

    def take(self, *parcels: IParcel, stay: bool = False) -> list[Took]:
        """Take parcels, without trouble."""
        taking = self.taking(stay)
        found: list[Took] = self.successResultOf(
            Deferred.fromCoroutine(taking.take(parcels))
        )
        self.assertEqual(self.store.open, set())
        return found

    def messages(self) -> list[SpooledMessage]:
        """What is in the spool."""
        found: Sequence[SpooledMessage] = self.successResultOf(
            self.spool.messages("", 100)
        )
        return list(found)

    def deliver(self) -> list[str]:
        """Deliver what is not on hold; gives the recipients."""
        done = []
        ready: Sequence[SpooledMessage] = self.successResultOf(
            self.spool.ready(1e9, 100)
        )
        for message in ready:
            done.append(message.envelope.recipients[0].path.decode())
            self.spool.settle(message, [Outcome(0, Fate.DELIVERED)], None)
        return sorted(done)


class TakingTests(TakingTestCase):
    """Parcels that are taken."""

    def test_interface(self) -> None:
        """What stands for parcels here is one."""
        verifyObject(IParcel, self.lay("x", "a"))

    def test_taken(self) -> None:
        """It is in the spool with what the house put above it, and gone here."""
        [took] = self.take(self.lay("x", "a"))
        [message] = self.messages()
        self.assertEqual(took.messages, ((message.id, ""),))
        [(id, envelope)] = took.envelopes
        self.assertEqual((id, envelope.octets), (message.id, 16))
        self.assertIsNone(took.error)
        self.assertEqual(message.prefix, b"Received: %b\r\n" % message.id.encode())
        body = b"".join(self.spool.body(message).pieces())
        self.assertEqual(body, b"To: a\r\n\r\nshort\r\n")
        self.assertFalse(message.held)
        self.assertEqual(self.store.files, {})
        self.assertEqual(self.book.find(["store x"]), {})

    def test_severalOfOne(self) -> None:
        """A parcel may become several messages, or none."""
        took = self.take(self.lay("x", "a", "b"), self.lay("y"))
        self.assertEqual([len(each.messages) for each in took], [2, 0])
        self.assertEqual(self.deliver(), ["a", "b"])
        self.assertEqual(self.store.files, {})

    def test_long(self) -> None:
        """A long message comes in pieces."""
        self.take(self.lay("x", "long"))
        self.assertEqual(self.messages()[0].octets, 300_012)

    def test_held(self) -> None:
        """What is to be on hold is, and says why."""
        parcel = self.lay("x", "a")
        parcel.hold = "frozen"
        self.take(parcel, self.lay("y", "held"))
        notes = {each.note for each in self.messages() if each.held}
        self.assertEqual(notes, {"frozen", "the house says so"})

    def test_stays(self) -> None:
        """What is to stay is taken once, however often it is looked at."""
        parcel = self.lay("x", "a")
        [first] = self.take(parcel, stay=True)
        [second] = self.take(parcel, stay=True)
        self.assertEqual((first.before, second.before), (False, True))
        self.assertEqual(first.messages, second.messages)
        self.assertEqual(second.envelopes, ())
        self.assertEqual(self.deliver(), ["a"])
        self.assertIn("x", self.store.files)
        self.take(self.lay("x", "b", mark="another"), stay=True)
        self.assertEqual(self.deliver(), ["b"])

    def test_removedLater(self) -> None:
        """What has stayed is removed when it need not stay any more."""
        parcel = self.lay("x", "a")
        self.take(parcel, stay=True)
        [took] = self.take(parcel)
        self.assertTrue(took.before)
        self.assertEqual((self.store.files, self.deliver()), ({}, ["a"]))
        self.assertEqual(self.book.find(["store x"]), {})

    def test_stuck(self) -> None:
        """What cannot be removed is taken once all the same."""
        self.store.stuck.add("x")
        parcel = self.lay("x", "a")
        for before in (False, True):
            [took] = self.take(parcel)
            self.assertEqual(took.before, before)
            self.assertEqual(str(took.stuck), "it sticks")
        self.assertEqual(self.deliver(), ["a"])
        self.store.stuck.clear()
        [took] = self.take(parcel)
        self.assertIsNone(took.stuck)
        self.assertEqual((self.store.files, self.deliver()), ({}, []))

    def test_badOnes(self) -> None:
        """Those that are of no use stay, and keep the others from nothing."""
        self.store.busy.add("busy")
        names = ("busy", "gone", "bad", "broken", "odd")
        parcels = [self.lay(name, name) for name in names]
        del self.store.files["gone"]
        took = self.take(self.lay("x", "a"), *parcels, self.lay("y", "b"))
        self.assertEqual(
            [type(each.error).__name__ for each in took],
            ["NoneType", "Busy", "Gone", "NotTaken", "OSError"]
            + ["ZeroDivisionError", "NoneType"],
        )
        self.assertEqual(set(self.store.files), {"busy", "bad", "broken", "odd"})
        self.assertEqual(self.deliver(), ["a", "b"])
        self.assertEqual(self.messages(), [])

    def test_noRoom(self) -> None:
        """What there is no room for stays, and is taken when there is."""
        self.spool.full = True
        parcel = self.lay("x", "a")
        [took] = self.take(parcel)
        self.assertIsInstance(took.error, SpoolFull)
        self.spool.full = False
        self.take(parcel)
        self.assertEqual(self.deliver(), ["a"])

    def test_fullAtTheEnd(self) -> None:
        """Where a commit fails, it is tried again from the start."""
        self.spool.fills = True
        parcel = self.lay("x", "a")
        [took] = self.take(parcel)
        self.assertIsInstance(took.error, SpoolFull)
        self.assertIs(self.book.find(["store x"])["store x"].stage, Stage.BEGUN)
        self.spool.full = False
        self.spool.fills = False
        self.take(parcel, self.lay("y", "c"))
        self.assertEqual(self.deliver(), ["a", "c"])

    def test_oneAtATime(self) -> None:
        """Two who take take one after the other."""
        waiting: list[Deferred[None]] = []

        def work(job: Callable[[], T], /) -> Deferred[T]:
            waiting.append(Deferred())
            return waiting[-1].addCallback(lambda _: job())

        taking = Taking(self.spool, self.book, accept, work)
        parcel = self.lay("x", "a")
        both = [Deferred.fromCoroutine(taking.take([parcel])) for _ in range(2)]
        self.assertEqual(len(waiting), 1)
        while waiting:
            waiting.pop().callback(None)
        [first], [second] = map(self.successResultOf, both)
        self.assertIsNone(first.error)
        self.assertIsInstance(second.error, Gone)

    def test_slowDisk(self) -> None:
        """While the disk does not keep up, nothing more is read."""
        slow = SlowSpool()
        taking = Taking(slow, self.book, accept, Steps())
        parcel = self.lay("x", "long", "a")
        done = Deferred.fromCoroutine(taking.take([parcel]))
        for pieces in (1, 2):
            self.assertEqual(len(slow.producers), pieces)
            self.assertNoResult(done)
            slow.producers[-1].resumeProducing()
        self.assertIsNone(self.successResultOf(done)[0].error)

    def test_stoppedDisk(self) -> None:
        """A disk that wants no more is not waited for."""
        slow = SlowSpool()
        taking = Taking(slow, self.book, accept, Steps())
        done = Deferred.fromCoroutine(taking.take([self.lay("x", "a")]))
        slow.producers[-1].stopProducing()
        self.assertIsNone(self.successResultOf(done)[0].error)


class CrashTests(TakingTestCase):
    """A process that is killed."""

    def recover(self, left: int | None = None, stay: bool = False) -> list[str]:
        """Start again; gives the messages that nobody can know of."""
        taking = self.taking(stay, left)
        done = Deferred.fromCoroutine(
            taking.recover("store ", lambda p: Parcel(self.store, p.split()[1]))
        )
        if left is not None:
            self.failureResultOf(done, Killed)
            return []
        _, unsure = self.successResultOf(done)
        return list(unsure)

    def crash(self, left: int, *parcels: IParcel, stay: bool = False) -> bool:
        """Take parcels; was it killed before the end?"""
        taking = self.taking(stay, left)
        done = Deferred.fromCoroutine(taking.take(parcels))
        killed: list[object] = []
        done.addErrback(lambda failure: killed.append(failure.trap(Killed)))
        self.successResultOf(done)
        self.store.open.clear()
        return bool(killed)

    def test_atEachStep(self) -> None:
        """Killed at any step, each message goes exactly once."""
        for stay in (False, True):
            for left in range(40):
                with self.subTest(stay=stay, left=left):
                    self.setUp()
                    parcels = [self.lay("x", "a", "b"), self.lay("y", "c")]
                    killed = self.crash(left, *parcels, stay=stay)
                    done = self.deliver()
                    self.assertEqual(self.recover(stay=stay), [])
                    done += self.deliver()
                    there = [each for each in parcels if each.name in self.store.files]
                    self.take(*there, stay=stay)
                    done += self.deliver()
                    self.assertEqual(sorted(done), ["a", "b", "c"])
                    self.assertEqual(self.messages(), [])
                    self.assertEqual(len(self.store.files), 2 * stay)
                    self.assertEqual(self.book.unfinished(""), [])
            self.assertFalse(killed, "forty steps are enough")

    def test_atEachStepTwice(self) -> None:
        """Killed while it goes on after that, too."""
        for left in range(3, 14):
            for again in range(12):
                with self.subTest(left=left, again=again):
                    self.setUp()
                    parcel = self.lay("x", "a", "b")
                    self.crash(left, parcel)
                    done = self.deliver()
                    taking = self.taking(False, again)
                    going = Deferred.fromCoroutine(
                        taking.recover("store ", lambda p: Parcel(self.store, "x"))
                    )
                    going.addErrback(lambda failure: failure.trap(Killed))
                    self.successResultOf(going)
                    self.store.open.clear()
                    done += self.deliver()
                    self.recover()
                    if self.store.files:
                        self.take(parcel)
                    done += self.deliver()
                    self.assertEqual(sorted(done), ["a", "b"])
                    self.assertEqual((self.messages(), self.store.files), ([], {}))

    def test_somebodyElseTookIt(self) -> None:
        """
        What somebody else took while we were dead may have been delivered by them:
        it stays on hold.
        """
        seen = set()
        for left in range(30):
            self.setUp()
            parcel = self.lay("x", "a")
            self.crash(left, parcel)
            elsewhere = self.store.files.pop("x", None) is not None
            unsure = self.recover()
            held = [each for each in self.messages() if each.held]
            done = self.deliver()
            seen.add((elsewhere, len(held), len(done)))
            self.assertEqual(unsure, [each.id for each in held])
            for each in held:
                self.assertIn("store x: somebody else took it", each.note)
            self.assertEqual(self.book.unfinished(""), [])
        # Not yet ours, perhaps theirs, surely ours though they have it too, ours.
        self.assertEqual(
            seen, {(True, 0, 0), (True, 1, 0), (True, 0, 1), (False, 0, 1)}
        )

    def test_anotherCameThere(self) -> None:
        """Another in the same place is another, whatever became of the first."""
        for left in range(30):
            for recovers in (True, False):
                self.setUp()
                self.crash(left, self.lay("x", "a"))
                other = self.lay("x", "b", mark="another")
                if recovers:
                    self.recover()
                else:
                    self.take(other)
                if "x" in self.store.files:
                    self.take(other)
                self.assertEqual(self.deliver().count("b"), 1)
                self.assertEqual(self.book.unfinished(""), [])

    def test_busyAtTheStart(self) -> None:
        """What somebody else is at waits for them."""
        for left in range(4, 12):
            self.setUp()
            parcel = self.lay("x", "a")
            self.crash(left, parcel)
            if "x" not in self.store.files:
                continue
            self.store.busy.add("x")
            self.assertEqual(self.recover(), [])
            self.assertEqual(self.deliver(), [])
            self.store.busy.clear()
            self.take(parcel)
            self.assertEqual(self.deliver(), ["a"])
