"""
A message on its way into the spool.

The body is kept in memory up to 64 KiB; beyond that all of it goes to a file,
piece by piece as it comes.  A long file is synced every few megabytes while it
is still being written, in a thread; where the disk falls behind, the producer
is paused, so that neither this process nor the kernel's cache fills up, and
the sync at the end is a short one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IProducer, IPushProducer
from zope.interface import Attribute, Interface, implementer

from ..core.envelope import Envelope
from ..core.errors import UsageError
from .bodies import INSIDE, Bodies
from .format import dump
from .identity import render
from .interfaces import IIncoming
from .nametable import Name
from .ordinary import dumpPlain
from .scheduling import Scheduler
from .threads import IThreads
from .writer import Insert

#: So many octets are written before they are synced, and as many more before
#: the producer is paused.
STEP = 8 << 20


class ISink(Interface):
    """What a message on its way wants of its spool."""

    scheduler: Scheduler = Attribute("Says when a message is to go.")

    def admit() -> None:
        """
        A message is about to come, or to go on.

        @raise SpoolFull: below the low-water mark, or there was no room for the
            last commit.
        @raise SpoolBroken: the spool failed and was not yet found good again,
            or is not open.
        """

    def take(
        job: Insert, id: str, plain: Envelope | None, prefix: bytes
    ) -> Deferred[None]:
        """
        Have a message without a file written down.

        @param plain: an envelope for it, which nobody else has; L{None}: there are
            stamps on it that only its text has.
        """

    def takeFiled(job: Insert, file: BodyFile) -> Deferred[None]:
        """Have a message written down once its file is synced."""

    def openFile(incoming: Incoming, octets: int = 0) -> BodyFile:
        """
        The body is a long one.

        @param octets: so many are there; 0: none, and there is no file.

        @raise OSError: there is no room for it.
        """

    def closeFile(incoming: Incoming) -> None:
        """The body is whole, or forgotten."""

    def failed(error: OSError) -> Deferred[None]:
        """What a commit answers after C{error}."""


class BodyFile:
    """
    A body that is being written to its file.  All of it is called in the
    reactor's thread.

    @ivar key: the message's.
    """

    def __init__(
        self,
        key: int,
        bodies: Bodies,
        threads: IThreads,
        announce: Callable[..., None],
        flow: Callable[[bool], None],
        octets: int = 0,
    ) -> None:
        """
        @param announce: has a function called in the reactor's thread.
        @param octets: so many are in the file already; 0: there is none.
        @param flow: told to pause (false) or go on (true).
        @raise OSError: the file cannot be made.
        """
        self.key = key
        self._bodies = bodies
        self._threads = threads
        self._announce = announce
        self._flow = flow
        self._number = bodies.reopen(key, octets) if octets else bodies.create(key)
        self._unsynced = 0
        self._syncing = False
        self._paused = False
        self._error: OSError | None = None
        #: What is to be done once no sync is under way.
        self._last: Callable[[], None] | None = None

    def write(self, octets: bytes) -> None:
        """
        Write a piece.

        @raise OSError: there is no room, or the disk failed.
        """
        if self._error is not None:
            raise self._error
        written = os.write(self._number, octets)
        if written < len(octets):
            view = memoryview(octets)
            while written < len(octets):
                written += os.write(self._number, view[written:])
        self._unsynced += len(octets)
        if self._unsynced >= STEP:
            if not self._syncing:
                self._sync()
            elif not self._paused:
                self._paused = True
                self._flow(False)

    def pieces(self) -> Iterator[bytes]:
        """
        All that was written, from the start, in pieces of at most 64 KiB.

        @raise OSError: it cannot be read.
        """
        with open(self._bodies.pathOf(self.key), "rb", 0) as file:
            while piece := file.read(INSIDE):
                yield piece

    def _sync(self) -> None:
        """Sync what there is, in a thread."""
        self._syncing = True
        self._unsynced = 0
        number = self._number

        def work() -> None:
            error = None
            try:
                os.fsync(number)
            except OSError as trouble:
                error = trouble
            self._announce(self._synced, error)

        self._threads.submit(work)

    def _synced(self, error: OSError | None) -> None:
        """
        A sync on the way has ended.  Its error is kept: the kernel tells it
        once, and the next sync would succeed.
        """
        self._syncing = False
        self._error = self._error or error
        if self._last is not None:
            self._threads.submit(self._last)
        if self._paused:
            self._paused = False
            self._flow(True)

    def _end(self, work: Callable[[], None]) -> None:
        """Do C{work} in a thread once no sync is under way."""
        if self._syncing:
            self._last = work
        else:
            self._threads.submit(work)

    def finish(
        self, then: Callable[[OSError | None], None], name: Name | None = None
    ) -> None:
        """
        The body is whole: sync and close the file.

        @param name: its name, to be given the digest that it has not; L{None}: none.
        @param then: called in some thread; L{None}: it is on the disk.  After an
            error the file is gone.
        """

        def work() -> None:
            error = self._error
            try:
                try:
                    if error is None:
                        os.fsync(self._number)
                        if name is not None and name.digest is None:
                            name.digest = self._bodies.digestOf(self.key)
                finally:
                    os.close(self._number)
            except OSError as trouble:
                error = trouble
            if error is not None:
                self._bodies.delete([self.key])
            then(error)

        self._end(work)

    def drop(self) -> None:
        """Forget it."""

        def work() -> None:
            # Deleting may take long, as syncing does; so in a thread too.
            os.close(self._number)
            self._bodies.delete([self.key])

        self._end(work)


@implementer(IIncoming, IConsumer)
class Incoming:
    """
    A message on its way into the spool; see L{IIncoming}.

    @ivar key: the id as an integer.
    """

    __slots__ = (
        "_ended",
        "_error",
        "_file",
        "_pieces",
        "_producer",
        "_sink",
        "_stalled",
        "id",
        "key",
        "octets",
    )

    def __init__(self, sink: ISink, key: int, id: str) -> None:
        self._sink = sink
        self.key = key
        self.id = id
        self.octets = 0
        self._pieces: list[bytes] = []
        self._file: BodyFile | None = None
        self._error: OSError | None = None
        self._producer: IProducer | None = None
        self._stalled = False
        self._ended = False

    @classmethod
    def resumed(cls, sink: ISink, key: int, octets: int) -> Incoming:
        """
        Go on with one that was cut short.

        @param octets: how much of it counts.
        @raise OSError: there is no file of it.
        """
        self = cls(sink, key, render(key))
        self._file = sink.openFile(self, octets)
        self.octets = octets
        return self

    def write(self, octets: bytes) -> None:
        """
        Take a piece of the body.  Where it cannot be kept, C{commit} tells.

        @raise UsageError: the message was committed or aborted.
        """
        if self._ended:
            raise UsageError(f"{self.id}: written to after its end")
        self.octets += len(octets)
        if self._file is None and self._error is None:
            if self.octets <= INSIDE:
                self._pieces.append(octets)
                return
            self._spill()
        if self._file is not None:
            try:
                self._file.write(octets)
            except OSError as error:
                self._lose(error)

    def reread(self) -> Iterator[bytes]:
        """
        What there is of the body, from the start, piece by piece.

        @raise OSError: it cannot be read.
        """
        return iter(self._pieces) if self._file is None else self._file.pieces()

    def _spill(self) -> None:
        """The body has become a long one: move to a file."""
        try:
            self._file = self._sink.openFile(self)
        except OSError as error:
            self._error = error
        pieces, self._pieces = self._pieces, []
        try:
            if self._file is not None and pieces:
                self._file.write(b"".join(pieces))
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """What comes cannot be kept; give back the room at once."""
        self._error = error
        file, self._file = self._file, None
        if file is not None:
            file.drop()
            self._sink.closeFile(self)

    def commit(
        self,
        envelope: Envelope,
        prefix: bytes,
        hold: bool | str,
        name: Name | None = None,
    ) -> Deferred[None]:
        """
        Make it durable; see L{IIncoming}.

        @param name: to be put down in the same step.

        @raise UsageError: it was committed or aborted.
        """
        if self._ended:
            raise UsageError(f"{self.id}: committed after its end")
        try:
            plan = self._sink.scheduler.plan(envelope)
        except BaseException:
            # An extension's failure; nobody would give back the room.
            self.abort()
            raise
        self._ended = True
        if self._error is not None:
            return self._sink.failed(self._error)
        note: str | None = None
        if hold:
            note = hold if isinstance(hold, str) else "held since it arrived"
        plain = envelope.unstamped()
        text = dump(envelope, prefix) if plain is None else dumpPlain(plain, prefix)
        file = self._file
        if file is not None:
            self._sink.closeFile(self)
            job = Insert((self.key, self.octets, text, None, note), plan)
            job.name = name
            return self._sink.takeFiled(job, file)
        pieces, self._pieces = self._pieces, []
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        job = Insert((self.key, self.octets, text, body, note), plan)
        job.name = name
        return self._sink.take(job, self.id, plain, prefix)

    def release(self) -> BodyFile | None:
        """
        End it, with its file left to the caller; L{None}: it has none, and goes on.
        """
        file = None if self._ended else self._file
        if file is not None:
            self._ended = True
            self._sink.closeFile(self)
        return file

    def abort(self) -> None:
        """Forget it."""
        if not self._ended:
            self._ended = True
            self._pieces = []
            if self._file is not None:
                self._file.drop()
                self._sink.closeFile(self)

    # --- back-pressure -----------------------------------------------------

    def flow(self, going: bool) -> None:
        """The disk has fallen behind (false), or caught up."""
        self._stalled = not going
        if self._producer is not None:
            producer = IPushProducer(self._producer)
            if going:
                producer.resumeProducing()
            else:
                producer.pauseProducing()

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        Have a producer that is paused while the disk does not keep up.

        @raise UsageError: it is no streaming producer, or there is one.
        """
        if not streaming:
            raise UsageError("only a streaming producer can be registered")
        if self._producer is not None:
            raise UsageError("there is a producer already")
        # Mostly it is never called, so it is not asked whether it is one.
        self._producer = producer
        if self._stalled:
            IPushProducer(producer).pauseProducing()

    def unregisterProducer(self) -> None:
        """
        Have no producer any more.  One that is paused goes on, for nobody would
        tell it later.
        """
        producer, self._producer = self._producer, None
        if producer is not None and self._stalled:
            IPushProducer(producer).resumeProducing()
