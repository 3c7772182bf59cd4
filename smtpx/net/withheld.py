"""
What receivers hold back of a message, until its header is there.

A message may end within its header, and rules are asked of it before its arrival is
told that it has ended.  Who wants all of it by then says so when the message begins
(L{wantAll}), and has it let go (L{letGo}); who holds something back notes how
(L{withhold}).
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.envelope import Envelope, Stamp


def _never(text: str) -> tuple[Callable[[], None], ...]:
    """It is not for the spool."""
    raise ValueError(text)


#: Of an envelope: has what is held back passed on, the client's end first.
_WITHHELD = Stamp[tuple[Callable[[], None], ...]]("net.withheld", None, _never)


def wantAll(envelope: Envelope) -> None:
    """Somebody will want all of this message before it has ended for its arrival."""
    if envelope.stamp(_WITHHELD) is None:
        envelope.stamps[_WITHHELD] = ()


def withhold(envelope: Envelope, give: Callable[[], None]) -> None:
    """
    Note that a receiver may hold something back.

    @param give: passes it on, as no more will come; it may be called again.  Those
        of receivers that are nearer to the client are to be noted later, as is so
        where each begins the next one first.
    """
    found = envelope.stamp(_WITHHELD)
    if found is not None:
        envelope.stamps[_WITHHELD] = (give, *found)


def letGo(envelope: Envelope) -> None:
    """The message is there: have all that is held back passed on."""
    found = envelope.stamp(_WITHHELD)
    if found:
        envelope.stamps[_WITHHELD] = ()
        for give in found:
            give()


__all__ = ["letGo", "wantAll", "withhold"]
