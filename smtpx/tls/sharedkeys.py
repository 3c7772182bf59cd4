"""
Keys of session tickets that several processes have: made ahead, before the fork.

A context of OpenSSL's is a key (L{smtpx.tls.keyring}), and nothing can be put into it
or read out of it; but what was made before a fork is there in each process behind it.
So the process that forks has L{SharedKeys}: for each ring a L{KeySeries}, a key for
each period to come, as far ahead as L{AHEAD_SECONDS}.  Every worker takes the key of
the present period, by a clock that all processes of a machine share, and accepts the
one before; and the next one too, since two processes do not read a clock at the same
moment.  What is past is destroyed, by whoever has it: the workers
(L{smtpx.tls.sharedring}), and the process that forks, which would hand it on.

Before the keys run out, L{SharedKeys.due} says so, and the workers are to be replaced,
one after another, by others that are forked after L{SharedKeys.makeAhead}: these keep
the keys that are there, so that old and new workers take each other's tickets.  A
worker that is not replaced makes keys of its own then, as one alone does: its tickets
are of no use with the others, and there are full handshakes.

All keys of a ring can be given up at once, by each worker for all
(L{smtpx.tls.sharedverdicts}): its B{era}, in memory that all have, says by how many
keys they are to go on further ahead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from attrs import define, field, frozen
from OpenSSL import SSL

from ..core.tlsterms import TLSTerms
from .keyring import TICKET_SECONDS
from .sharedverdicts import VerdictTable

#: For how long keys are made ahead, in seconds.  Each has 16 kB.
AHEAD_SECONDS = 3 * 86_400.0

#: How many keys of a ring are made ahead at least, and at most.
KEYS_LEAST, KEYS_MOST = 12, 128

#: How many keys are given up with an era: the present one and its neighbours.
_ERA_KEYS = 3

#: What part of the keys is left when workers are to be replaced.
_LAST_PART = 8


@frozen
class RingName:
    """
    What tells the rings of a server apart.

    @ivar ticketKey: of the listener; see L{smtpx.core.hooks.TLSOptions}.
    @ivar terms: what is wanted of handshakes.
    @ivar asked: are clients asked for a certificate?
    """

    ticketKey: tuple[bytes, ...]
    terms: TLSTerms
    asked: bool


@define(eq=False)
class KeySeries:
    """
    The keys of a ring.

    @ivar periodSeconds: for how long each seals.
    @ivar now: tells the time in seconds, the same to all processes.
    @ivar table: what all processes know of it, in memory that they share.
    @ivar contexts: those that there are, bare, by number.
    """

    periodSeconds: float
    now: Callable[[], float]
    table: VerdictTable
    contexts: dict[int, SSL.Context] = field(init=False, factory=dict)

    @property
    def number(self) -> int:
        """Which key seals now."""
        return int(self.now() // self.periodSeconds) + _ERA_KEYS * self.table.era

    @property
    def left(self) -> int:
        """How many keys there are for the periods to come."""
        return max(self.contexts, default=-1) - self.number

    def makeAhead(self, count: int) -> None:
        """
        Have keys for the present period and those that follow.

        @param count: for how many of them.
        """
        self.tidy()
        number = self.number
        for each in range(number, number + count):
            if each not in self.contexts:
                self.contexts[each] = SSL.Context(SSL.TLS_SERVER_METHOD)

    def tidy(self) -> None:
        """Destroy what is past."""
        first = self.number - 1
        for each in [each for each in self.contexts if each < first]:
            del self.contexts[each]


@define(eq=False)
class SharedKeys:
    """
    The keys of all rings of a server, in the process that forks its workers and in
    each of these.

    @ivar names: the rings.
    @ivar lifetimeSeconds: how long tickets are good for; a key seals for half of it.
    @ivar now: tells the time in seconds, the same to all processes.
    @ivar aheadSeconds: for how long keys are made ahead.
    """

    names: Sequence[RingName]
    lifetimeSeconds: float = TICKET_SECONDS
    now: Callable[[], float] = time.monotonic
    aheadSeconds: float = AHEAD_SECONDS
    _series: dict[RingName, KeySeries] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        """There are no keys yet."""
        period = self.lifetimeSeconds / 2
        for name in self.names:
            table = VerdictTable(self.now, (_ERA_KEYS + 1) * period)
            self._series[name] = KeySeries(period, self.now, table)

    @property
    def count(self) -> int:
        """How many keys of a ring are made ahead."""
        wanted = int(self.aheadSeconds / (self.lifetimeSeconds / 2))
        return max(KEYS_LEAST, min(wanted, KEYS_MOST))

    @property
    def due(self) -> bool:
        """
        Are keys about to run out?  Then L{makeAhead} is to be called, where workers are
        forked, and all of them replaced.
        """
        least = max(_ERA_KEYS, self.count // _LAST_PART)
        return any(series.left < least for series in self._series.values())

    def makeAhead(self) -> None:
        """Make what is missing, and destroy what is past.  For who is about to fork."""
        for series in self._series.values():
            series.makeAhead(self.count)

    def tidy(self) -> None:
        """Destroy what is past; to be called each some seconds where nobody comes."""
        for series in self._series.values():
            series.tidy()

    def series(self, name: RingName) -> KeySeries | None:
        """
        The keys of a ring.

        @return: L{None}: it was not foreseen.
        """
        return self._series.get(name)


__all__ = [
    "AHEAD_SECONDS",
    "KEYS_LEAST",
    "KEYS_MOST",
    "KeySeries",
    "RingName",
    "SharedKeys",
]
