"""
What lists come to: they are asked side by side, and decide in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ...core.interfaces import IServerSession
from .asker import ListAsker, Listing
from .items import ListItem, Unknown
from .names import nameIn


@frozen
class Probe:
    """
    One question to a list.

    @ivar item: the list.
    @ivar key: what is looked up.
    """

    item: ListItem
    key: bytes

    @property
    def name(self) -> bytes | None:
        """What is asked first; L{None}: there is nothing that could be listed."""
        return nameIn(self.item.checked, self.key)


@frozen
class Decision:
    """
    What lists come to.

    @ivar held: what is to be said; L{None}: it cannot be told.
    @ivar probe: which list has decided; L{None}: none.
    @ivar values: what it answers.
    @ivar text: why, for people.
    @ivar untold: the lists that could not be asked.
    """

    held: bool | None
    probe: Probe | None = None
    values: tuple[bytes, ...] = ()
    text: str = ""
    untold: tuple[bytes, ...] = ()


@frozen
class Inquest:
    """
    Questions to lists for one client.

    @ivar until: by when they have to be answered.
    """

    asker: ListAsker
    session: IServerSession
    until: float
    untold: list[bytes] = field(factory=list)

    @classmethod
    def begin(cls, asker: ListAsker, session: IServerSession) -> Inquest:
        """Begin now."""
        return cls(asker, session, asker.until())

    async def decide(self, probes: Sequence[Probe], otherwise: bool) -> Decision:
        """
        Ask lists, until one decides.

        @param otherwise: what is to be said where none does.
        """
        running = _Running(self, probes)
        try:
            for probe in probes:
                listing = await running.next()
                values = await self.meant(probe, listing)
                if values == ():
                    continue
                if values is None and probe.item.unknown is not Unknown.INCLUDE:
                    if probe.item.unknown is Unknown.EXCLUDE:
                        continue
                    return Decision(None, untold=tuple(self.untold))
                name = nameIn(probe.item.zone, probe.key)
                text = "" if name is None else await self.asker.text(name, self.until)
                held = not probe.item.negated
                untold = tuple(self.untold)
                return Decision(held, probe, values or (), text, untold)
        finally:
            running.stop()
        return Decision(otherwise, untold=tuple(self.untold))

    async def every(self, probes: Sequence[Probe]) -> list[bool]:
        """
        Ask all lists.

        @return: whether each has what is looked up; one that cannot be asked has not.
        """
        running = _Running(self, probes)
        try:
            return [
                bool(await self.meant(probe, await running.next())) for probe in probes
            ]
        finally:
            running.stop()

    async def meant(self, probe: Probe, listing: Listing) -> tuple[bytes, ...] | None:
        """
        What a list answers, if that is what is meant.

        @param listing: what the zone says that is asked first.
        @return: what the zone answers that is told of; empty: it has nobody; L{None}:
            it could not be asked.
        """
        item = probe.item
        if not listing.known:
            self.untold.append(item.checked)
            return None
        if item.values is not None and not item.values.match(listing.values):
            return ()
        if item.zone == item.checked or not listing.values:
            return listing.values
        listing = await self.ask(item.zone, nameIn(item.zone, probe.key))
        if not listing.known:
            self.untold.append(item.zone)
            return None
        return listing.values

    def ask(self, zone: bytes, name: bytes | None) -> Deferred[Listing]:
        """Ask one list."""
        if name is None:
            nobody: Deferred[Listing] = Deferred()
            nobody.callback(Listing())
            return nobody
        return self.asker.ask(self.session, zone, name, self.until)


class _Running:
    """Questions that are under way, so many at once."""

    def __init__(self, inquest: Inquest, probes: Iterable[Probe]) -> None:
        self._inquest = inquest
        self._todo: Iterator[Probe] = iter(probes)
        self._waiting: list[Deferred[Listing]] = []
        for probe in islice(self._todo, inquest.asker.atOnce):
            self._ask(probe)

    def _begin(self) -> None:
        probe = next(self._todo, None)
        if probe is not None:
            self._ask(probe)

    def _ask(self, probe: Probe) -> None:
        self._waiting.append(self._inquest.ask(probe.item.checked, probe.name))

    async def next(self) -> Listing:
        """What the next of them says, in their order."""
        if not self._waiting:
            self._begin()
        found = await self._waiting[0]
        del self._waiting[0]
        if self._inquest.asker.atOnce > 1:
            self._begin()
        return found

    def stop(self) -> None:
        """Whatever is under way is not wanted any more."""
        for each in self._waiting:
            each.addErrback(_notWanted)
            each.cancel()
        self._waiting = []


def _notWanted(failure: Failure) -> None:
    failure.trap(CancelledError)


__all__ = ["Decision", "Inquest", "Probe"]
