"""
Counting what is in the queue, by domain, sender, error or state, as Exim's exiqsumm
does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from attrs import define, field

from ..core.address import domainOf
from ..spool.format import SpooledMessage
from ..spool.selection import Entry
from .interfaces import Group, Grouping

#: How many groups a summary has; what belongs to more is put together.
GROUPS = 10_000

#: How much of an error is compared, in characters.
_ERROR_CHARACTERS = 160

#: Whose message it was does not make another error of it.
_ADDRESS = re.compile(r"<[^<>\s]*@[^<>\s]*>")


@define
class _Sum:
    """A group that grows."""

    messages: int = 0
    recipients: int = 0
    octets: int = 0
    oldest: float = float("inf")
    newest: float = float("-inf")

    def add(self, message: SpooledMessage, recipients: int) -> None:
        """A message belongs to it."""
        self.messages += 1
        self.recipients += recipients
        self.octets += message.octets
        self.oldest = min(self.oldest, message.arrived)
        self.newest = max(self.newest, message.arrived)

    def group(self, name: str | None) -> Group:
        """As it is now."""
        return Group(
            name,
            self.messages,
            self.recipients,
            self.octets,
            self.oldest,
            self.newest,
        )


@define
class Summary:
    """
    Counts messages.

    @ivar by: what they have in common.
    @ivar most: the most groups.
    """

    by: Grouping
    most: int = GROUPS
    _sums: dict[str | None, _Sum] = field(factory=dict, init=False)

    def add(self, entry: Entry) -> None:
        """Count one."""
        sums = self._sums
        placed: dict[str | None, int] = {}
        for name, recipients in _NAMES[self.by](entry).items():
            known = name in sums or name in placed or len(sums) < self.most
            place = name if known else None
            placed[place] = placed.get(place, 0) + recipients
        for place, recipients in placed.items():
            sums.setdefault(place, _Sum()).add(entry.message, recipients)

    def groups(self) -> Sequence[Group]:
        """What was counted, the largest first."""
        made = [each.group(name) for name, each in self._sums.items()]
        made.sort(key=lambda each: (-each.messages, each.name or ""))
        return made


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")


def _domains(entry: Entry) -> Mapping[str, int]:
    """Where it is to go, and how many wait for it there."""
    found: dict[str, int] = {}
    recipients = entry.message.envelope.recipients
    for index in entry.message.waiting:
        name = _text(domainOf(recipients[index].path))
        found[name] = found.get(name, 0) + 1
    return found


def _sender(entry: Entry) -> Mapping[str, int]:
    """Where it is from."""
    message = entry.message
    return {_text(domainOf(message.envelope.sender)): len(message.waiting)}


def _errors(entry: Entry) -> Mapping[str, int]:
    """What went wrong the last time, and with how many."""
    message = entry.message
    said = {each.index: each.text for each in message.outcomes}
    found: dict[str, int] = {}
    for index in message.waiting:
        text = said.get(index) or (message.note if message.held else "")
        name = _ADDRESS.sub("<...>", text)[:_ERROR_CHARACTERS]
        found[name] = found.get(name, 0) + 1
    return found or {message.note[:_ERROR_CHARACTERS]: 0}


def _state(entry: Entry) -> Mapping[str, int]:
    """How it is."""
    return {entry.state.value: len(entry.message.waiting)}


_NAMES: Mapping[Grouping, Callable[[Entry], Mapping[str, int]]] = {
    Grouping.DOMAIN: _domains,
    Grouping.SENDER: _sender,
    Grouping.ERROR: _errors,
    Grouping.STATE: _state,
}


__all__ = ["GROUPS", "Summary"]
