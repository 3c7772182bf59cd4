"""
What is known of the hosts that we talk to: the doors of this room.

Peer knowledge makes things faster and saves attempts that are bound to fail.  It is
never needed for correctness: a record may be gone at any time, because it expired,
because there was no room for it, or because an operator deleted the whole file.  Who
asks goes on without.  All of it answers at once, in the reactor's thread, from
memory; what is remembered is written behind.

L{IHostHints} is for who delivers.  L{IPeerKnowledge} holds records of any kind, and
L{smtpx.knowledge.kinds.Shelf} is a typed view of one kind.  What a record is named by
is in L{smtpx.knowledge.names}.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from attrs import frozen
from zope.interface import Attribute, Interface

#: How far, in seconds, a clock may have been ahead when something was written.  What
#: is from a later time than that is from a clock that was wrong, and would not
#: expire for years.
AHEAD_SECONDS = 3600.0


@frozen
class Record:
    """
    One thing that is known, as it is kept.

    @ivar version: of the form that the value has.
    @ivar value: the value in that form.
    @ivar written: when it was found out, in seconds since the epoch.
    @ivar expires: from when on it does not count, likewise.
    """

    version: int
    value: bytes
    written: float
    expires: float

    def counts(self, now: float) -> bool:
        """Is it to be believed?"""
        return self.written - AHEAD_SECONDS <= now < self.expires


@frozen
class HostTrouble:
    """
    A host, or a domain, that could not be reached.

    @ivar first: when it failed for the first time since it last succeeded, in
        seconds since the epoch.
    @ivar last: when it failed the last time.
    @ivar due: when it may be tried again.
    @ivar failures: how often it failed since.
    @ivar text: why, the last time, for logs and the operator.
    """

    first: float
    last: float
    due: float
    failures: int
    text: str


class IHostHints(Interface):
    """
    When hosts that failed may be tried again, for any message.

    A key stands for an address of a host at a port
    (L{smtpx.knowledge.names.hostName}), or for a domain
    (L{smtpx.knowledge.names.domainName}).
    """

    known: Set[bytes] = Attribute(
        """
        The keys of which anything is known, be it that it has expired; what is not
        among them was never in trouble.  It changes as that does, and to look into it
        takes no call.
        """
    )

    def retryAt(key: bytes) -> float | None:
        """
        When it may be tried again.

        @return: seconds since the epoch, in the future; L{None}: now.
        """

    def trouble(key: bytes) -> HostTrouble | None:
        """
        Why, and since when, it is in trouble; it may be due again.

        @return: L{None}: nothing is known against it.
        """

    def failed(key: bytes, text: str, now: float, due: float | None = None) -> float:
        """
        It could not be reached, or would not talk to us.  A host that refused a
        message or a recipient has not failed.

        @param text: why, for logs and the operator.
        @param now: seconds since the epoch.
        @param due: when it may be tried again; L{None}: as the rule has it.
        @return: when it may be tried again.
        """

    def succeeded(key: bytes) -> None:
        """It could be reached.  This costs next to nothing if it always could."""


class IPeerKnowledge(Interface):
    """
    Records, by kind and name.  Each has the version of its form; records of several
    versions stand side by side, so that an older smtpx and a newer one can share
    them.
    """

    def recall(kind: str, name: bytes, version: int) -> Record | None:
        """
        What is known, and counts.

        @param version: the newest form that the caller can read.
        @return: the record of the highest version up to that one; L{None}: there
            is none.
        """

    def remember(kind: str, name: bytes, record: Record) -> None:
        """
        Keep something, in place of what there was of this version.  What is too
        long is not kept, and there is nothing then.
        """

    def forget(kind: str, name: bytes) -> None:
        """Keep nothing of this kind and name, of no version."""

    def names(kind: str) -> Sequence[bytes]:
        """
        The names of a kind under which something is kept, which may have expired.
        To look so is not to ask for them.
        """

    def held(kind: str) -> Set[bytes]:
        """
        The same, in no order, as they are at any time: what is given changes with
        them.  Of most names nothing is known, and to see that takes no call.
        """
