"""
Message ids: in Exim's form for people and logs, as integers for SQLite.

An id is C{XXXXXX-YYYYYY-ZZ} in base 62 (digits, capitals, small letters, in
the order of ASCII), as Exim writes it, so that the tools which read its logs
read ours.  The first part is the time in seconds, the second who made it, the
third counts within the second::

    key    = (second * 2^18 + maker) * 62^2 + low
    maker  = high * 2^14 + worker * 2^6 + generation

C{key} fits the 63 bits of SQLite's C{INTEGER PRIMARY KEY} until the year 2260,
and that makes the table its own and only index: what a commit writes is the
row.  Text and key order alike, and for one process both order by age.

Ids are unique because no two living processes have one C{worker} (a lock sees
to it) and because each opening of a spool has another C{generation}, which
comes round after 64 openings, and by then the clock has gone on; a clock that
was set back is not followed (see L{Identities}).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Callable

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

#: How many ids the last part tells apart.
_LOWS = 62 * 62
_HIGHS = 1 << 4
_WORKERS = 1 << 8
_GENERATIONS = 1 << 6
_MAKERS = _HIGHS * _WORKERS * _GENERATIONS

#: How many ids one process can make in a second before it borrows the next.
PER_SECOND = _HIGHS * _LOWS

#: Keys are below this, as SQLite's integers are.
KEYS = 1 << 63

#: Two digits at a time: it is done for each message.
_PAIRS = tuple(first + second for first in _DIGITS for second in _DIGITS)
_VALUES = {pair: value for value, pair in enumerate(_PAIRS)}


def _six(value: int) -> str:
    """C{value} in six digits."""
    value, low = divmod(value, _LOWS)
    high, middle = divmod(value, _LOWS)
    return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]


@lru_cache(maxsize=100)
def _start(rest: int) -> str:
    """What up to 3844 ids have in common, that one spool made within a second."""
    second, maker = divmod(rest, _MAKERS)
    return f"{_six(second)}-{_six(maker)}-"


def render(key: int) -> str:
    """
    The id for a row's key.

    @param key: at least 0 and below L{KEYS}.
    @raise ValueError: it is not.
    """
    if not 0 <= key < KEYS:
        raise ValueError(f"{key} is no key of a message")
    rest, low = divmod(key, _LOWS)
    return _start(rest) + _PAIRS[low]


def parse(text: str) -> int:
    """
    The row's key for an id; the inverse of L{render}.

    @raise ValueError: it is not an id, or not one that a spool of ours made.
    """
    if len(text) != 16 or text[6] != "-" or text[13] != "-":
        raise ValueError(f"{text!r} is not of the form XXXXXX-YYYYYY-ZZ")
    pairs = _VALUES
    try:
        second = (pairs[text[:2]] * _LOWS + pairs[text[2:4]]) * _LOWS + pairs[text[4:6]]
        maker = pairs[text[7:9]] * _LOWS + pairs[text[9:11]]
        maker = maker * _LOWS + pairs[text[11:13]]
        low = pairs[text[14:]]
    except KeyError as error:
        raise ValueError(f"{error} are no digits of an id") from None
    key = (second * _MAKERS + maker) * _LOWS + low
    if maker >= _MAKERS or key >= KEYS:
        raise ValueError(f"{text!r} is not an id that a spool here made")
    return key


def secondOf(key: int) -> int:
    """When the id was made, in seconds since the epoch."""
    return key // (_MAKERS * _LOWS)


def workerOf(key: int) -> int:
    """
    Which worker's spool file the id was made for, from 0 to 255.  The message may have
    been taken over by another one since.
    """
    return key // (_GENERATIONS * _LOWS) % _WORKERS


class Identities:
    """
    Makes ids, one after the other, each greater than all before.

    Where the clock was set back, the last second is used up and then borrowed
    from, rather than that an id came twice.
    """

    __slots__ = ("_clock", "_count", "_first", "_maker", "_second", "_start")

    def __init__(
        self,
        worker: int,
        generation: int,
        clock: Callable[[], float],
        after: int = 0,
    ) -> None:
        """
        @param worker: which spool file's process this is, from 0 to 255.
        @param generation: how often the spool file was opened.
        @param clock: seconds since the epoch.
        @param after: the second up to which ids may have been given already.
        @raise ValueError: there is no such worker.
        """
        if not 0 <= worker < _WORKERS:
            raise ValueError(f"workers are numbered from 0 to {_WORKERS - 1}")
        self._maker = worker * _GENERATIONS + generation % _GENERATIONS
        self._clock = clock
        self._begin(after + 1)

    def _begin(self, second: int) -> None:
        """Go to the start of a second."""
        self._second = second
        self._count = 0
        self._page()

    def _page(self) -> None:
        """Work out once what the next 3844 ids have in common."""
        high = self._count // _LOWS
        maker = high * _WORKERS * _GENERATIONS + self._maker
        rest = self._second * _MAKERS + maker
        self._first = rest * _LOWS
        self._start = _start(rest)

    def make(self) -> tuple[int, str]:
        """A new id, as key and as text."""
        second = int(self._clock())
        if second > self._second:
            self._begin(second)
        elif self._count == PER_SECOND:
            self._begin(self._second + 1)
        count = self._count
        low = count % _LOWS
        if not low and count:
            self._page()
        self._count = count + 1
        return self._first + low, self._start + _PAIRS[low]
