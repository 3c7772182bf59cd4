"""
Items of lists that somebody else answers: C{lookup:NAME}.

What a look-up is, the core does not know: it asks by a name, and is told whether a key
is there.  Lists that are asked at once have only those that answer at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .errors import UsageError

#: Is there such a key?
#: @raise smtpx.core.errors.Untold: it cannot be told now.
Ask = Callable[[bytes], bool]

#: Who answers, by name.
Asks = Mapping[str, Ask]

#: What stands in front of a name in lists.
PREFIX = "lookup:"


def lookupIn(item: str) -> str | None:
    """
    The name of the look-up that an item of a list is.

    @param item: without C{!}.
    @return: L{None}: it is none.
    """
    text = item.strip()
    return text[len(PREFIX) :] if text.lower().startswith(PREFIX) else None


def asked(name: str, asks: Asks) -> Ask:
    """
    Who answers for a look-up.

    @raise UsageError: nobody does.
    """
    found = asks.get(name)
    if found is None:
        raise UsageError(f'"{PREFIX}{name}": there is no look-up "{name}" for lists')
    return found


__all__ = ["PREFIX", "Ask", "Asks", "asked", "lookupIn"]
