"""
One request to a server, as what answers it sees it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from attrs import define

from ...core.errors import SMTPXError
from .wire import Kind


class Refused(SMTPXError):
    """
    A request comes to nothing; the text is for whoever asked.

    @ivar kind: why.
    """

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def _unheard(progress: Mapping[str, object]) -> None:
    """Nobody wants to know."""


@define(eq=False)
class Exchange:
    """
    A request, and where its answers go.

    @ivar fields: what the request says.
    @ivar by: who asks: the name of a user, or of a program.
    @ivar send: sends a part of the answer; what it gives is to be awaited, as who
        asked may take his time to read.
    @ivar progress: tells how far it is; may be called as often as one likes.
    """

    fields: Mapping[str, object]
    by: str
    send: Callable[[Mapping[str, object]], Awaitable[None]]
    progress: Callable[[Mapping[str, object]], None] = _unheard


#: Answers one kind of request: sends parts, returns the end of the answer.  It may
#: raise L{Refused}.  It is cancelled when nobody listens any more.
Verb = Callable[[Exchange], Awaitable[Mapping[str, object]]]


__all__ = ["Exchange", "Refused", "Verb"]
