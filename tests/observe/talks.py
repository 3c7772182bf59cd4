"""
Sessions of a client, as traces, for the tests of what is made of them.
"""

from __future__ import annotations

from attrs import evolve

from smtpx.observe.journey import Dialled, Journey, LookUp, Talk
from smtpx.observe.trace import (
    Direction,
    Flight,
    HandshakeStep,
    SessionTrace,
    Step,
)

from .stories import NOW

EHLO = ("250-mx.example.org", "250-PIPELINING", "250 8BITMIME")
PLAIN = ("250 mx.example.org",)
OK = "250 2.0.0 OK"


def client(at: float, *lines: str, secured: bool = False, until: float = 0) -> Flight:
    """The client says something."""
    times = (at,) * len(lines)
    octets = sum(len(line) + 2 for line in lines)
    return Flight(at, until or at, Direction.CLIENT, octets, secured, lines, times)


def server(at: float, *lines: str, secured: bool = False) -> Flight:
    """The server says something, at once."""
    times = (at,) * len(lines)
    octets = sum(len(line) + 2 for line in lines)
    return Flight(at, at, Direction.SERVER, octets, secured, lines, times)


def pieces(*said: tuple[float, str]) -> Flight:
    """The server says something, line by line."""
    times = tuple(at for at, _ in said)
    lines = tuple(line for _, line in said)
    octets = sum(len(line) + 2 for line in lines)
    flight = Flight(times[0], times[-1], Direction.SERVER, octets, False, lines, times)
    return flight


def tls(
    at: float, until: float, version: str = "TLSv1.3", resumed: bool = False
) -> Step:
    """TLS is begun."""
    name = "TLS_AES_256_GCM_SHA384"
    return HandshakeStep(at, until, version, name, 256, resumed)


def trace(*steps: Step, seconds: float = 1.0, **more: object) -> SessionTrace:
    """A session of so many seconds."""
    made = SessionTrace(
        "d82b59dd-1",
        NOW,
        seconds,
        "192.0.2.25",
        25,
        "mx.example.org",
        "198.51.100.9",
        40000,
        "smtpx send",
        "quit",
        steps,
        outgoing=True,
    )
    return evolve(made, **more)  # type: ignore[arg-type]  # whatever a test wants


#: One message over a server that has PIPELINING, 50 ms away; MAIL takes two seconds.
SLOW = trace(
    server(0.05, "220 mx.example.org ESMTP"),
    client(0.05, "EHLO client.example"),
    server(0.1, *EHLO),
    client(0.11, "MAIL FROM:<a@x.example>", "RCPT TO:<b@x.example>", "DATA"),
    pieces((2.16, OK), (2.46, OK), (2.46, "354 Go ahead")),
    client(2.46, "(1204 octets of a message)", until=2.56),
    server(2.61, "250 2.0.0 OK id=1"),
    client(2.61, "QUIT"),
    server(2.66, "221 Bye"),
    seconds=2.66,
)

JOURNEY = Journey(
    NOW,
    2.85,
    (
        LookUp(0.0, 0.02, "x.example", ("mx.example.org:25 [192.0.2.25]",)),
        Dialled(0.02, 0.1, "mx.example.org", "2001:db8::25", 25, "No route to host"),
        Dialled(0.1, 0.15, "mx.example.org", "192.0.2.25", 25),
        Talk(0.15, SLOW),
    ),
)
