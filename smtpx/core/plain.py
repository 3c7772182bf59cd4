"""
Which commands of a transaction nobody has anything to add to.

Extensions wrap commands, gate them and review what they say, and mostly they have
something to do only where a client has said a parameter of theirs.  They tell by which
stamps that is known (C{of} of L{smtpx.core.interfaces.IServerBuilder}); so it is found
out once, for all connections, which of MAIL, RCPT and DATA are the core's alone as long
as an envelope has none of those stamps.  These are what L{smtpx.core.ordinary} does
in a straight line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from .claims import owned, ownerOf
from .dialogue import ServerDialogue
from .envelope import Stamp
from .hooks import Run, Stage, Verb
from .interfaces import IServerSession
from .reply import Reply
from .reviews import Check
from .verbs import data, mail, rcpt

#: See L{smtpx.core.interfaces.IServerBuilder.wrap}.
Wrapper = Callable[[IServerSession, bytes, Run], "Reply | ServerDialogue | None"]


def wrapped(wrapper: Wrapper, run: Run) -> Run:
    """
    What does a command in the place of C{run}.

    @param wrapper: an L{owned} one.
    """
    # What goes wrong inside is the fault of whoever is inside.
    inner = owned(ownerOf(run), run)

    def call(session: IServerSession, rest: bytes) -> Reply | ServerDialogue | None:
        return wrapper(session, rest, inner)

    call.owner = ownerOf(wrapper)  # type: ignore[attr-defined]  # read by ownerOf
    call.of = _of(wrapper)  # type: ignore[attr-defined]  # read by plainly
    call.wraps = run  # type: ignore[attr-defined]  # likewise
    return call


def _of(hook: Callable[..., Any]) -> frozenset[Stamp[Any]]:
    """The stamps without which a hook has nothing to do; empty: it always may."""
    of: frozenset[Stamp[Any]] = getattr(hook, "of", frozenset())
    return of


#: No plain command but MAIL is longer, in octets.
_COMMAND_OCTETS = 100


@frozen
class Plain:
    """
    Which commands are the core's alone, where an envelope has none of some stamps.

    @ivar mail: is MAIL, by which there is an envelope?
    @ivar rcpt: is RCPT?
    @ivar data: is DATA?
    @ivar of: the stamps.
    """

    mail: bool
    rcpt: bool
    data: bool
    of: frozenset[Stamp[Any]]


def plainly(
    table: Mapping[bytes, Verb],
    gates: tuple[Callable[..., Any], ...],
    reviews: Mapping[Stage, tuple[Check, ...]],
    commandOctets: int,
) -> Plain:
    """
    Find out which commands are plain.

    @param table: all commands.
    @param gates: what is asked before each of them.
    @param reviews: what is asked once the core has found nothing wrong.
    @param commandOctets: the longest command line.
    """
    of: set[Stamp[Any]] = set()

    def isPlain(name: bytes, own: Callable[..., Any], stage: Stage) -> bool:
        verb = table[name]
        run: Any = verb.run
        hooks: list[Callable[..., Any]] = [*gates, *verb.gates, *reviews[stage]]
        while run is not own:
            hooks.append(run)
            run = getattr(run, "wraps", own)
        if commandOctets < _COMMAND_OCTETS or not all(map(_of, hooks)):
            return False
        for hook in hooks:
            of.update(_of(hook))
        return True

    return Plain(
        isPlain(b"MAIL", mail, Stage.MAIL),
        isPlain(b"RCPT", rcpt, Stage.RCPT),
        isPlain(b"DATA", data, Stage.DATA),
        frozenset(of),
    )


__all__ = ["Plain", "Wrapper", "plainly", "wrapped"]
