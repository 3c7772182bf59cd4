"""What stands for files, a spool and a process where parcels are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from attrs import Factory, define
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.envelope import Envelope, Recipient
from smtpx.spool import parcelbook
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.interfaces import IIncoming
from smtpx.spool.parcelbook import ParcelBook
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
    @ivar swept: names of which leavings were looked for, with their marks.
    """

    files: dict[str, tuple[str, tuple[str, ...]]] = Factory(dict)
    busy: set[str] = Factory(set)
    stuck: set[str] = Factory(set)
    open: set[str] = Factory(set)
    swept: list[tuple[str, str]] = Factory(list)


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

    def sweep(self, mark: str) -> None:
        """See L{IParcel}."""
        self.store.swept.append((self.name, mark))

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

    def taking(self, left: int | None = None) -> Taking:
        """What takes, in a process that ends after so many steps."""
        self.steps = self.spool.steps = Steps(left)
        return Taking(self.spool, self.book, accept, self.steps)

    def lay(self, name: str, *recipients: str, mark: str = "m") -> Parcel:
        """Put something there."""
        self.store.files[name] = mark, recipients
        return Parcel(self.store, name)

    def take(self, *parcels: IParcel, stay: bool = False) -> list[Took]:
        """Take parcels, without trouble."""
        taking = self.taking()
        found: list[Took] = self.successResultOf(
            Deferred.fromCoroutine(taking.take(parcels, stay))
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
