"""
The summaries of several workers, as one.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from ...queue.summary import GROUPS
from .interfaces import Fields


@define(eq=False)
class Groups:
    """
    Adds up the lines of summaries (L{smtpx.service.control.values.groupFields}).

    @ivar most: the most groups; what belongs to more is put together.
    """

    most: int = GROUPS
    _groups: dict[object, dict[str, object]] = field(factory=dict, init=False)

    def add(self, group: Fields) -> None:
        """One more line."""
        groups = self._groups
        name = group.get("name")
        if name not in groups and len(groups) >= self.most:
            name = None
        known = groups.get(name)
        if known is None:
            groups[name] = {**group, "name": name}
            return
        for count in ("messages", "recipients", "octets"):
            known[count] = _number(known.get(count)) + _number(group.get(count))
        for when, choose in (("oldest", min), ("newest", max)):
            known[when] = choose(_number(known.get(when)), _number(group.get(when)))

    def __len__(self) -> int:
        return len(self._groups)

    def largestFirst(self) -> Iterator[Fields]:
        """What was added up."""

        def rank(group: Fields) -> tuple[float, str]:
            return -_number(group.get("messages")), str(group.get("name") or "")

        yield from sorted(self._groups.values(), key=rank)


def _number(found: object) -> float:
    return found if isinstance(found, int | float) else 0


__all__ = ["Groups"]
