"""
A message's way to a host, as values: names looked up, addresses tried, sessions.

What is said in a session is a L{smtpx.observe.trace.SessionTrace}.  Whoever waits for a
message waits for more than that, and here is all of it, on one clock.  Who makes a
L{Journey} is L{smtpx.observe.eyewitness}; where its time went is found out by
L{smtpx.observe.spent}, and L{smtpx.observe.drawing} draws it.

As in traces, every string is printable ASCII on one line, however a peer chose it.
"""

from __future__ import annotations

from attrs import field, frozen

from .jsonlines import timestamp
from .trace import SessionTrace


@frozen
class LookUp:
    """
    A search for hosts.

    @ivar seconds: when it began, in seconds since the journey did.
    @ivar untilSeconds: when it was over.
    @ivar name: of what: a domain or a host.
    @ivar found: the hosts with their addresses, in the order to try them.
    @ivar problem: why there are none; L{None}: there are.
    """

    seconds: float
    untilSeconds: float
    name: str
    found: tuple[str, ...] = ()
    problem: str | None = None

    def asJSON(self) -> dict[str, object]:
        """What C{json} can write."""
        return {
            "kind": "lookup",
            "seconds": self.seconds,
            "untilSeconds": self.untilSeconds,
            "name": self.name,
            "found": list(self.found),
            "problem": self.problem,
        }


@frozen
class Dialled:
    """
    An attempt to connect to an address.

    @ivar seconds: when it began, in seconds since the journey did.
    @ivar untilSeconds: when it was over.
    @ivar host: the host's name.
    @ivar address: the one that was tried.
    @ivar port: and the port; 0: it is a UNIX socket, whose path is the address.
    @ivar problem: why it did not answer; L{None}: it did.
    """

    seconds: float
    untilSeconds: float
    host: str
    address: str
    port: int
    problem: str | None = None

    @property
    def place(self) -> str:
        """Where: an address and a port, or the path of a UNIX socket."""
        if self.address.startswith("/"):
            return self.address
        return f"[{self.address}]:{self.port}"

    def asJSON(self) -> dict[str, object]:
        """What C{json} can write."""
        return {
            "kind": "connect",
            "seconds": self.seconds,
            "untilSeconds": self.untilSeconds,
            "host": self.host,
            "address": self.address,
            "port": self.port,
            "problem": self.problem,
        }


@frozen
class Talk:
    """
    A session.

    @ivar seconds: when the connection was made, in seconds since the journey began.
    @ivar trace: what was said; its times count from there.
    """

    seconds: float
    trace: SessionTrace

    @property
    def untilSeconds(self) -> float:
        """When it was over."""
        return self.seconds + self.trace.seconds

    def asJSON(self) -> dict[str, object]:
        """What C{json} can write."""
        return {
            "kind": "session",
            "seconds": self.seconds,
            "untilSeconds": self.untilSeconds,
            "trace": self.trace.asJSON(),
        }


#: A part of the way.
Part = LookUp | Dialled | Talk


@frozen
class Journey:
    """
    All of the way.

    @ivar began: in seconds since the epoch.
    @ivar seconds: how long it took.
    @ivar parts: in the order in which they began.
    """

    began: float
    seconds: float
    parts: tuple[Part, ...] = field(repr=False, default=())

    @property
    def talks(self) -> tuple[Talk, ...]:
        """The sessions."""
        return tuple(each for each in self.parts if isinstance(each, Talk))

    def asJSON(self) -> dict[str, object]:
        """What C{json} can write."""
        return {
            "began": timestamp(self.began),
            "seconds": self.seconds,
            "parts": [each.asJSON() for each in self.parts],
        }


__all__ = ["Dialled", "Journey", "LookUp", "Part", "Talk"]
