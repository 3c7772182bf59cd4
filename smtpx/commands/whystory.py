"""
What is known of one message, as values: of which L{smtpx.commands.whytold} makes
sentences, and which L{smtpx.commands.whyfacts} gathers.
"""

from __future__ import annotations

from attrs import frozen

from ..observe.happenings import Happening


@frozen
class Waiting:
    """
    Somebody who does not have it yet.

    @ivar recipient: the address.
    @ivar original: the address that an alias led from; L{None}: none.
    @ivar text: what was said last of why; empty: it was not tried.
    @ivar error: what kind of error that was, in words; empty: nobody knows.
    @ivar rule: how long is waited between attempts, in words; empty likewise.
    @ivar until: when it is given up, in seconds since the epoch; L{None}: not known.
    """

    recipient: str
    original: str | None = None
    text: str = ""
    error: str = ""
    rule: str = ""
    until: float | None = None


@frozen
class Trouble:
    """
    A host that is left alone.

    @ivar host: its name.
    @ivar address: the address that does not answer.
    @ivar first: when it failed for the first time, in seconds since the epoch.
    @ivar due: when it may be tried again.
    @ivar failures: how often it failed.
    @ivar text: why, the last time.
    """

    host: str
    address: str
    first: float
    due: float
    failures: int
    text: str


@frozen
class Stay:
    """
    What is in the spool.

    @ivar arrived: when it came, in seconds since the epoch.
    @ivar sender: from whom; empty: nobody.
    @ivar octets: its size.
    @ivar recipients: for whom it came.
    @ivar settled: who is finished with, with what is known of that: an address, and
        C{delivered} or C{failed}.
    @ivar waiting: who waits for it.
    @ivar attempts: how often it was tried.
    @ivar held: why it is on hold; L{None}: it is not.
    @ivar due: when it is tried; L{None}: at once.
    @ivar lane: what it waits for, as that is busy; L{None}: nothing.
    @ivar underWay: is it being delivered?
    @ivar notBefore: before when its sender does not want it to go; L{None}: no such
        time.
    @ivar told: when its sender was last told of a delay; L{None}: never.
    @ivar damage: what is wrong with what is in the spool; L{None}: nothing.
    """

    arrived: float
    sender: str
    octets: int
    recipients: tuple[str, ...] = ()
    settled: tuple[tuple[str, str], ...] = ()
    waiting: tuple[Waiting, ...] = ()
    attempts: int = 0
    held: str | None = None
    due: float | None = None
    lane: str | None = None
    underWay: bool = False
    notBefore: float | None = None
    told: float | None = None
    damage: str | None = None


@frozen
class Looked:
    """
    Where was looked.

    @ivar spool: the folder of the spool.
    @ivar logs: the files of logs that were read.
    @ivar unread: what could not be read, each with why.
    """

    spool: str
    logs: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@frozen
class Story:
    """
    All that is known of a message.

    @ivar id: its id.
    @ivar now: when it was looked at, in seconds since the epoch.
    @ivar looked: where.
    @ivar happenings: what happened to it, the first first.
    @ivar stay: what is in the spool; L{None}: it is not.
    @ivar troubles: hosts that it waits for.
    @ivar running: does a server run?  L{None}: nobody knows.
    """

    id: str
    now: float
    looked: Looked
    happenings: tuple[Happening, ...] = ()
    stay: Stay | None = None
    troubles: tuple[Trouble, ...] = ()
    running: bool | None = None

    @property
    def known(self) -> bool:
        """Is there such a message, or was there?"""
        return bool(self.happenings) or self.stay is not None


__all__ = ["Looked", "Stay", "Story", "Trouble", "Waiting"]
