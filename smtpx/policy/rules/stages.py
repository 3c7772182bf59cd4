"""
The moments at which rules are asked.
"""

from __future__ import annotations

from enum import Enum


class RuleStage(Enum):
    """
    A moment of a session; what is known at one is known at those behind it.

    @cvar CONNECT: a client is there, and was not greeted yet.
    @cvar HELO: it says who it is (EHLO, HELO or LHLO).
    @cvar AUTH: it is about to log in.
    @cvar MAIL: it names a sender.
    @cvar RCPT: it names a recipient; once for each.
    @cvar DATA: the recipients are known, and the message is about to come.
    @cvar MESSAGE: the message is there, and was not taken yet.
    @ivar place: where it is in their order.
    """

    # Members are what they are; Enum's own hash is that of the name, in Python.
    __hash__ = object.__hash__

    CONNECT = "connect"
    HELO = "helo"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    MESSAGE = "message"

    place: int

    @property
    def hasTransaction(self) -> bool:
        """Is there an envelope?"""
        return self.place >= RuleStage.MAIL.place

    def upTo(self, last: RuleStage) -> frozenset[RuleStage]:
        """This one and those behind it."""
        return frozenset(
            each for each in RuleStage if self.place <= each.place <= last.place
        )

    @property
    def onwards(self) -> frozenset[RuleStage]:
        """This one and all behind it."""
        return self.upTo(RuleStage.MESSAGE)


for _place, _each in enumerate(RuleStage):
    _each.place = _place


def spelled(stages: frozenset[RuleStage]) -> str:
    """Stages in words, as they stand behind "known"."""
    found = sorted(stages, key=lambda each: each.place)
    first, last = found[0], found[-1]
    if len(found) == 1:
        return f"at {first.value} only"
    if last is RuleStage.MESSAGE:
        return f"from {first.value} on"
    return f"from {first.value} to {last.value}"


__all__ = ["RuleStage", "spelled"]
