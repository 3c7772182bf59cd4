"""A command that a test plays."""

from __future__ import annotations

import signal

from attrs import define, field
from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

from smtpx.queue.commandrun import IChild, IParent, Launch


@implementer(IChild)
@define(eq=False)
class PlayedChild:
    """
    A process that does what a test says.

    @ivar launch: what it was started with.
    @ivar parent: who is told.
    @ivar stubborn: does it not end at SIGTERM?
    @ivar stuck: not even at SIGKILL?
    @ivar read: what it has read.
    @ivar atEnd: has it seen the end of its input?
    @ivar signals: what it was sent.
    @ivar released: are its pipes closed?
    """

    launch: Launch
    parent: IParent
    stubborn: bool = False
    stuck: bool = False
    read: bytes = b""
    atEnd: bool = False
    signals: list[int] = field(factory=list)
    released: bool = False
    source: IPullProducer | None = None
    _alive: bool = True

    def feed(self, source: IPullProducer) -> None:
        """As the reactor does, it asks for the first piece at once."""
        self.source = source
        source.resumeProducing()

    def write(self, octets: bytes) -> None:
        """A piece."""
        assert octets, "an empty piece"
        self.read += octets

    def finish(self) -> None:
        """The end."""
        self.atEnd = True
        self.source = None

    def signal(self, number: int) -> None:
        """It ends, if it is not stubborn."""
        self.signals.append(number)
        if number == signal.SIGKILL and not self.stuck:
            self.end(-signal.SIGKILL)
        elif number == signal.SIGTERM and not self.stubborn and not self.stuck:
            self.end(-signal.SIGTERM)

    def release(self) -> None:
        """Nobody wants to hear more."""
        self.released = True

    # --- what a test has it do ------------------------------------------------

    def take(self) -> None:
        """Read all that there is, until the end."""
        while self.source is not None:
            self.source.resumeProducing()

    def take1(self) -> None:
        """Read one piece more."""
        assert self.source is not None
        self.source.resumeProducing()

    def close(self) -> None:
        """Do not read any more."""
        assert self.source is not None
        self.source.stopProducing()
        self.source = None

    def end(self, status: int, silent: bool = True) -> None:
        """
        End.

        @param silent: is nobody left who could print something?
        """
        if self._alive:
            self._alive = False
            if silent:
                self.parent.silent()
            self.parent.ended(status)


@define(eq=False)
class Stage:
    """
    Where commands are played.

    @ivar error: they cannot be started; L{None}: they can.
    @ivar children: what was started, in order.
    """

    error: OSError | None = None
    stubborn: bool = False
    stuck: bool = False
    children: list[PlayedChild] = field(factory=list)

    def spawn(self, launch: Launch, parent: IParent) -> PlayedChild:
        """Start one."""
        if self.error is not None:
            raise self.error
        child = PlayedChild(launch, parent, self.stubborn, self.stuck)
        self.children.append(child)
        return child
