"""What tests of look-ups share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count

from attrs import define, field
from twisted.internet.defer import Deferred
from zope.interface import implementer

from smtpx.observe.event import Event
from smtpx.policy.lookups import Complaints, ITable, LookupDeferred


@implementer(ITable)
@define(eq=False)
class Memory:
    """
    A table in memory.

    @ivar prompt: else each answer comes by a Deferred that has fired.
    @ivar asked: the keys that were asked for.
    @ivar why: why it cannot tell; L{None}: it can.
    @ivar later: what it answers with; L{None}: with what it has.
    """

    values: Mapping[bytes, bytes]
    prompt: bool = True
    asked: list[bytes] = field(factory=list)
    why: str | None = None
    later: Deferred[bytes | None] | None = None

    def find(self, key: bytes) -> bytes | None | Deferred[bytes | None]:
        """See L{ITable}."""
        self.asked.append(key)
        if self.why is not None:
            raise LookupDeferred(self.why)
        if self.later is not None:
            return self.later
        if self.prompt:
            return self.values.get(key)
        later: Deferred[bytes | None] = Deferred()
        later.callback(self.values.get(key))
        return later


@define(eq=False)
class Heard:
    """
    What was told.

    @ivar told: the names of events, with what is wrong where that is said.
    """

    told: list[tuple[str, object]] = field(factory=list)

    def publish(self, event: Event, fields: dict[str, object]) -> None:
        """See L{smtpx.observe.publisher.Publisher}."""
        self.told.append((event.name, fields.get("why")))

    def complaints(self, name: str = "some") -> Complaints:
        """Those about a look-up."""
        return Complaints(name, self.publish)


def ticking() -> Callable[[], float]:
    """A clock that is a second further each time that somebody looks."""
    return partial(next, count(1.0))


async def called(key: bytes) -> str | None:
    """A look-up in Python, for a server to call."""
    return "from Python" if key == b"python.example" else None


__all__ = ["Heard", "Memory", "called", "ticking"]
