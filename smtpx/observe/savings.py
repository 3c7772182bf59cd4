"""
Which round trips of a session could have been saved, and by what.

Only what is certain is said: what the server offered is in its answer to EHLO, and
what was sent shows what the client made of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrs import frozen

from .journey import Talk
from .spent import Answer, answers, beats
from .trace import Direction, Flight, HandshakeStep, SessionTrace

#: RFC 5321 section 4.5.4.2: on this port TLS never begins with the connection.
_RELAY_PORT = 25

_SECURED = frozenset(("EHLO inside TLS", "LHLO inside TLS"))
_HELLOS = frozenset(("EHLO", "LHLO")) | _SECURED
_ENVELOPE = frozenset(("MAIL", "RCPT", "DATA"))
_EARLY = ("PIPECONNECT", "PIPE_CONNECT", "X_PIPE_CONNECT")


@frozen
class Saving:
    """
    Round trips that need not have been.

    @ivar trips: how many, at least.
    @ivar how: by what they would be saved.
    """

    trips: int
    how: str


def savings(talk: Talk) -> tuple[Saving, ...]:
    """What could have been saved in a session, the most first."""
    found = list(_savings(talk.trace))
    return tuple(sorted(found, key=lambda saving: -saving.trips))


def _savings(trace: SessionTrace) -> Iterator[Saving]:
    said = answers(trace)
    offered = _offered(said)
    if offered is None:
        return
    names = Counter(each.what for each in said)
    yield from _opening(trace, said, offered)
    waits = _envelopes(trace)
    if waits:
        yield Saving(waits, _by("PIPELINING", offered))
    goAheads = sum(1 for each in said if each.what == "DATA" and each.code == 354)
    if goAheads and names["MAIL"]:
        yield Saving(goAheads, _by("CHUNKING", offered))


def _opening(
    trace: SessionTrace, said: tuple[Answer, ...], offered: frozenset[str]
) -> Iterator[Saving]:
    """What could be saved before the first MAIL."""
    names = {each.what for each in said}
    if "STARTTLS" in names and _SECURED & names:
        if trace.port != _RELAY_PORT:
            how = "TLS from the start, if the server has a port for that"
            yield Saving(2, how)
    for step in trace.steps:
        if isinstance(step, HandshakeStep) and step.complete:
            if step.version != "TLSv1.3" and not step.resumed:
                yield Saving(1, "TLS 1.3, or by resuming a session")
    if _greetedFirst(trace):
        early = any(word in offered for word in _EARLY)
        if early:
            how = "PIPECONNECT, which the server offers to clients that remember it"
        else:
            how = "PIPECONNECT, which the server does not offer"
        yield Saving(1, how)


def _by(keyword: str, offered: frozenset[str]) -> str:
    if keyword in offered:
        return f"{keyword}, which the server offers"
    return f"{keyword}, which the server does not offer"


def _offered(said: tuple[Answer, ...]) -> frozenset[str] | None:
    """The keywords of the last EHLO; L{None}: it was never answered."""
    found: frozenset[str] | None = None
    for each in said:
        if each.what in _HELLOS and each.code == 250:
            words = (line[4:].partition(" ")[0].upper() for line in each.lines[1:])
            found = frozenset(words)
    return found


def _greetedFirst(trace: SessionTrace) -> bool:
    """Was the greeting waited for before the client said anything?"""
    for step in trace.steps:
        if isinstance(step, Flight):
            return step.direction is Direction.SERVER
    return False


def _envelopes(trace: SessionTrace) -> int:
    """How many of the waits for MAIL, RCPT and DATA would be one with another."""
    waits, inOne = 0, 0
    for beat in beats(trace):
        step = beat.step
        if not isinstance(step, Flight) or step.direction is Direction.SERVER:
            continue
        verbs = [each.partition(" ")[0] for each in beat.lines]
        if verbs and verbs[0] == "MAIL":
            inOne = 0
        if verbs and _ENVELOPE.issuperset(verbs):
            waits += 1 if inOne else 0
            inOne += 1
    return waits


__all__ = ["Saving", "savings"]
