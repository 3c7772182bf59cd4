"""
The places of workers.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall

from .patience import Patience


class Stage(Enum):
    """How far a post has come."""

    VACANT = "nobody"
    ORDERED = "a process is to begin"
    STARTING = "a process starts"
    READY = "a process may take mail as soon as it is let"
    SERVING = "a process takes mail"


@define
class Post:
    """
    The place of one worker.

    @ivar number: which one.
    @ivar stage: how far it has come.
    @ivar pid: of its process; 0: it has none.
    @ivar why: why it cannot start, as it says; empty: it has not said so.
    @ivar leaves: was its process told to leave, so that another may begin?
    @ivar retry: will fill it again; L{None}: nothing of that kind is to come.
    """

    number: int
    stage: Stage = Stage.VACANT
    pid: int = 0
    why: str = ""
    leaves: bool = False
    retry: IDelayedCall | None = None
    patience: Patience = field(factory=Patience)

    @property
    def hasProcess(self) -> bool:
        """Is somebody there, who takes mail or is about to?"""
        return self.stage in (Stage.STARTING, Stage.READY, Stage.SERVING)

    @property
    def begins(self) -> bool:
        """Is somebody about to be there?"""
        return self.stage in (Stage.ORDERED, Stage.STARTING, Stage.READY)


__all__ = ["Post", "Stage"]
