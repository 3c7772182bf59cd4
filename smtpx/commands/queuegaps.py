"""
What is missing in the answer of a server with several workers, where one of them
could not be asked: it is never left out without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import define, field

from .queuereach import Fields, ReachedQueue, Told, unheard


@define(eq=False)
class WatchedQueue:
    """
    A queue, and who of its workers has not answered.

    @ivar queue: the queue.
    """

    queue: ReachedQueue
    _gaps: dict[object, str] = field(factory=dict, init=False)

    @property
    def delivers(self) -> bool:
        """See L{ReachedQueue}."""
        return self.queue.delivers

    async def ask(
        self,
        wanted: str,
        fields: Fields,
        part: Told = unheard,
        progress: Told = unheard,
    ) -> Fields:
        """See L{ReachedQueue}."""
        done = await self.queue.ask(wanted, fields, part, progress)
        found = done.get("unasked")
        for each in found if isinstance(found, list) else ():
            if isinstance(each, Mapping):
                self._gaps[each.get("worker")] = _gap(each)
        return done

    def gaps(self) -> Iterator[str]:
        """What is missing, and why, line by line; mostly nothing is."""
        yield from self._gaps.values()


def _gap(unasked: Fields) -> str:
    """What a worker that was not asked means for who reads."""
    who, why = unasked.get("worker"), unasked.get("why")
    if unasked.get("begun"):
        return f"worker {who} did not answer to the end ({why}): do it again"
    return f"worker {who} could not be asked ({why}): what it has is left out"


__all__ = ["WatchedQueue"]
