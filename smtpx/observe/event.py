"""
What an event is; L{smtpx.observe.events} has all that there are.
"""

from __future__ import annotations

from attrs import field, frozen
from constantly import NamedConstant


@frozen
class Event:
    """
    One kind of event.

    @ivar name: its name, C{subject.participle}.
    @ivar level: how much it matters.
    @ivar format: how Twisted's own text log shows it.
    @ivar fields: what it carries, and what that means.
    """

    name: str
    level: NamedConstant
    format: str
    fields: dict[str, str] = field(factory=dict)


__all__ = ["Event"]
