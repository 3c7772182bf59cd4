"""
A trace as text: the ladder of its flights, for a terminal or a mail to a
colleague::

    session d82b59dd-1
    client  [192.0.2.7]:4567 client.example.net
    server  [192.0.2.25]:25
    began   2026-11-22T03:19:48.123Z
    why     recipient bob@example.com
    end     QUIT after 0.203 s

        0.000 s  <-- 33 octets
                     220 mx.example.org ESMTP
        0.051 s  --> 24 octets
                     EHLO client.example.net

An arrow to the right is the client's, one to the left is the server's; C{==>} and
C{<==} are inside TLS.  Where we were the client, that is said in brackets.
"""

from __future__ import annotations

from collections.abc import Iterator

from .jsonlines import timestamp
from .trace import Direction, Flight, HandshakeStep, SessionTrace, Step

_INDENT = " " * 17

_ARROWS = {
    (Direction.CLIENT, False): "-->",
    (Direction.CLIENT, True): "==>",
    (Direction.SERVER, False): "<--",
    (Direction.SERVER, True): "<==",
}


def ladder(trace: SessionTrace) -> str:
    """The whole trace, each line with its line end."""
    lines = [*_head(trace), ""]
    for step in trace.steps:
        lines += _rungs(step)
    if trace.omitted:
        lines.append(f"{_INDENT}({trace.omitted} more lines are left out)")
    return "\n".join(lines) + "\n"


def _head(trace: SessionTrace) -> Iterator[str]:
    peer, ours = f"[{trace.address}]:{trace.port}", f"[{trace.local}]:{trace.localPort}"
    if trace.name is not None:
        peer += f" {trace.name}"
    yield f"session {trace.session}"
    if trace.outgoing:
        yield f"client  {ours} (this is us)"
        yield f"server  {peer}"
    else:
        yield f"client  {peer}"
        yield f"server  {ours}"
    yield f"began   {timestamp(trace.began)}"
    yield f"why     {trace.why}"
    yield f"end     {trace.end} after {trace.seconds:.3f} s"


def _rungs(step: Step) -> Iterator[str]:
    at = f"{step.seconds:9.3f} s  "
    if isinstance(step, Flight):
        arrow = _ARROWS[step.direction, step.secured]
        octets = "1 octet" if step.octets == 1 else f"{step.octets} octets"
        yield f"{at:13}{arrow} {octets}{_lasting(step)}"
        for line in step.lines:
            yield f"{_INDENT}{line}"
    elif isinstance(step, HandshakeStep):
        yield f"{at:13}TLS {handshake(step)}{_lasting(step)}"
    else:
        yield f"{at:13}*** {step.text}"


def _lasting(step: Flight | HandshakeStep) -> str:
    """How long it took, where that can be seen."""
    took = step.untilSeconds - step.seconds
    return f", took {took:.3f} s" if took >= 0.0005 else ""


def handshake(step: HandshakeStep) -> str:
    """What is to be said of a handshake, in a line."""
    if not step.complete:
        return "handshake not complete"
    parts = [
        f"{step.version} {step.cipher} ({step.bits} bits)",
        "resumed" if step.resumed else "full handshake",
    ]
    if step.serverName is not None:
        parts.append(f"SNI {step.serverName}")
    if step.subject is not None:
        judged = "verified" if step.verified else "not verified"
        if step.problem is not None and not step.verified:
            judged += f" ({step.problem})"
        parts.append(f"certificate {step.subject} {judged}")
    return ", ".join(parts)


__all__ = ["handshake", "ladder"]
