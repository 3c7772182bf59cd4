"""
Which messages a command is about: the options that C{smtpx queue} and its like have
in common.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python.usage import UsageError

from ..queue.interfaces import Selection, State
from ..service.control.values import IDS
from ..service.quantities import parseOctets, parseSeconds
from ..spool.identity import parse as parseID
from .console import ConsoleOptions

#: What states are called on the command line.
_STATES = {each.value.replace(" ", "-"): each for each in State}


class QueueCommand(ConsoleOptions):
    """The command line of what is about the queue."""

    optParameters = [
        ["config", "c", None, "The configuration of the server."],
    ]


class Selecting(QueueCommand):
    """
    The command line of what is about some messages.

    @ivar ids: those that were named.
    """

    synopsis = "[options] [ID ...]"
    optFlags = [
        ["json", None, "Print JSON objects, one a line, for programs."],
        ["progress", None, "Say how far it is, also where nobody sits at a terminal."],
    ]

    def __init__(self) -> None:
        """Nothing is said yet."""
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._listed: dict[str, list[str]] = {}
        self._bounds: dict[str, float | int] = {}
        self._states: set[State] = set()
        self._text = ""
        self.ids: tuple[str, ...] = ()

    # --- what can be said ------------------------------------------------------

    def opt_sender(self, pattern: str) -> None:
        """Only from this sender: an address, or a pattern with * and ?; or <>."""
        self._add("senders", pattern)

    def opt_recipient(self, pattern: str) -> None:
        """Only where somebody with such an address waits for it."""
        self._add("recipients", pattern)

    def opt_domain(self, pattern: str) -> None:
        """Only where somebody in such a domain waits for it."""
        self._add("domains", pattern)

    def opt_lane(self, pattern: str) -> None:
        """Only what is parked for such a destination, as 'list' has it."""
        self._add("lanes", pattern)

    def opt_older(self, text: str) -> None:
        """Only what came so long ago or longer, such as '2 h'."""
        self._bound("olderSeconds", "older", parseSeconds, text)

    def opt_younger(self, text: str) -> None:
        """Only what came less long ago."""
        self._bound("youngerSeconds", "younger", parseSeconds, text)

    def opt_larger(self, text: str) -> None:
        """Only what is so large or larger, such as '1 MiB'."""
        self._bound("largerOctets", "larger", parseOctets, text)

    def opt_smaller(self, text: str) -> None:
        """Only what is smaller."""
        self._bound("smallerOctets", "smaller", parseOctets, text)

    def opt_text(self, text: str) -> None:
        """Only where this is in the last error, or in the note why it is on hold."""
        self._text = text

    def opt_state(self, text: str) -> None:
        """Only one: waiting, parked, held, quarantined, under-way; also repeatedly."""
        state = _STATES.get(text)
        if state is None:
            known = ", ".join(_STATES)
            raise UsageError(f'there is no state "{text}"; the states are {known}')
        self._states.add(state)

    def parseArgs(self, *ids: str) -> None:
        """Take the ids."""
        for id in ids:
            try:
                parseID(id)
            except ValueError as error:
                raise UsageError(str(error)) from None
        self.ids = tuple(dict.fromkeys(ids))
        if len(self.ids) > IDS:
            raise UsageError(f"at most {IDS} ids at a time")

    def _add(self, name: str, pattern: str) -> None:
        self._listed.setdefault(name, []).append(pattern)

    def _bound(
        self, name: str, option: str, read: Callable[[str], float | int], text: str
    ) -> None:
        try:
            self._bounds[name] = read(text)
        except ValueError as error:
            raise UsageError(f"--{option}: {error}") from None

    # --- what was said ------------------------------------------------------

    @property
    def filters(self) -> bool:
        """Is anything said of which messages, besides ids?"""
        return bool(self._listed or self._bounds or self._states or self._text)

    def selection(self) -> Selection:
        """Which messages are meant."""
        fields: dict[str, Any] = {
            **{name: tuple(values) for name, values in self._listed.items()},
            **self._bounds,
        }
        return Selection(
            ids=self.ids, text=self._text, states=frozenset(self._states), **fields
        )


class Changing(Selecting):
    """The command line of what changes messages: it has to say which."""

    optFlags = [
        ["all", None, "Every message that fits, or all there are."],
        ["dry-run", "n", "Do nothing, but list the messages that are meant."],
    ]

    def postOptions(self) -> None:
        """Nobody means every message by saying nothing."""
        if not (self.ids or self.filters or self["all"]):
            raise UsageError("which messages?  Give ids, filters, or --all")
        if self.ids and self["all"]:
            raise UsageError("either ids, or --all")


__all__ = ["Changing", "QueueCommand", "Selecting"]
