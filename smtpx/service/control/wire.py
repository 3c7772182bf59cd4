"""
What goes over the control socket: lines of JSON, an object each.

The server begins, and says who it is; then each request has its answers, one request
after the other::

    S: {"smtpx": "1.0", "protocol": 1, "name": "mx.example.org", "pid": 4711}
    C: {"id": 1, "do": "queue.list", "selection": {"domains": ["example.net"]}}
    S: {"id": 1, "part": {"message": "1xV4dt-0008KX-1Q", ...}}
    S: {"id": 1, "progress": {"looked": 200, "done": 1, "of": 5000}}
    S: {"id": 1, "done": {"found": 1}}

or C{"error": {"kind": ..., "text": ...}} in the place of C{done}.  A client passes
over what it does not know; what a server does not know it refuses.

The protocol's number changes when a client of the one before would misunderstand
something.  New requests and fields do not change it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from functools import cache
from importlib.metadata import version

from ...core.errors import Malformed

#: The number of the protocol.
PROTOCOL = 1

#: The longest request, in octets, without its end.
REQUEST_OCTETS = 1 << 20

#: The longest line of a server, likewise.
ANSWER_OCTETS = 8 << 20


class Kind(Enum):
    """
    Why a request came to nothing.

    @cvar RIGHTS: who asks may not.
    @cvar BUSY: too many ask at the moment.
    @cvar REQUEST: the request makes no sense.
    @cvar UNKNOWN: this server does not know such a request: it is an older one.
    @cvar MISSING: there is no such message.
    @cvar FAILED: it could not be done.
    @cvar BROKEN: something of ours is broken; the server's log says what.
    """

    RIGHTS = "rights"
    BUSY = "busy"
    REQUEST = "request"
    UNKNOWN = "unknown"
    MISSING = "missing"
    FAILED = "failed"
    BROKEN = "broken"


@cache
def smtpxVersion() -> str:
    """
    The version of this smtpx.  It is read from a file, and workers greet each other
    often.
    """
    return version("smtpx")


def render(said: Mapping[str, object]) -> bytes:
    """One line, with its end.  It is ASCII throughout."""
    return json.dumps(said, separators=(",", ":")).encode("ascii") + b"\n"


def parse(line: bytes) -> Mapping[str, object]:
    """
    The inverse of L{render}.

    @param line: with its end or without.
    @raise Malformed: it is no JSON object.
    """
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Malformed("no JSON object")
    return found


__all__ = [
    "ANSWER_OCTETS",
    "Kind",
    "PROTOCOL",
    "REQUEST_OCTETS",
    "parse",
    "render",
    "smtpxVersion",
]
