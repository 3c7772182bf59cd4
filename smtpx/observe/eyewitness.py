"""
Who sees all of a client's way to its hosts, while it happens.

An L{Eyewitness} stands where the tracer of a server stands
(L{smtpx.net.interfaces.IClientTracer}), so what it sees is what the client does and
not what another one would.  It keeps every session, for it is there for one message
or a few; each is bounded like that of a tracer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import define, frozen
from zope.interface import implementer

from ..core.bounds import BareLines
from ..core.client import ClientConnection
from ..core.facts import freshID
from ..core.hooks import Forecast, RoutePolicy, Target
from ..core.profile import ClientProfile
from ..dns.mailhosts import MailHost, MailHosts
from ..net.dialling import Dial
from ..net.interfaces import IClientTracer
from .harmless import line, word
from .journey import Dialled, Journey, LookUp, Part, Talk
from .recording import Recording, Seen
from .trace import Direction
from .tracedclient import TracedClient
from .tracer import clientTrace

#: About how much memory one session may take.
_OCTETS = 1_048_576

#: The most hosts that are told of one search, and the most addresses of a host.
_HOSTS, _ADDRESSES = 10, 10


@frozen
class Sight:
    """
    Something that is seen as it happens.

    @ivar seconds: when, in seconds since the eyewitness came.
    @ivar what: a part of the way that is over, or something that is said; its own
        times, where that is so, count from the beginning of its connection.
    """

    seconds: float
    what: LookUp | Dialled | Seen


def _nobody(sight: Sight) -> None:
    """Nobody is told."""


@define(eq=False)
class _Place:
    """Where a part goes that is not over yet; L{None}: it is not known."""

    part: Part | None = None


@implementer(IClientTracer)
class Eyewitness:
    """
    Sees everything, and remembers it.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        now: Callable[[], float],
        told: Callable[[Sight], None] = _nobody,
    ) -> None:
        """
        @param seconds: of a clock that never goes back.
        @param now: seconds since the epoch.
        @param told: told of each thing as it happens; must not raise.
        """
        self._seconds = seconds
        self._told = told
        self._start = seconds()
        self._began = now()
        self._places: list[_Place] = []
        self._dials: dict[tuple[bytes, bytes, int], tuple[float, _Place]] = {}
        self._talks: dict[ClientConnection, tuple[float, _Place]] = {}

    @property
    def elapsed(self) -> float:
        """Seconds since it came, to the microsecond."""
        return round(self._seconds() - self._start, 6)

    def journey(self) -> Journey:
        """All that was seen, but for what is not over."""
        parts = (each.part for each in self._places)
        known = tuple(each for each in parts if each is not None)
        return Journey(self._began, self.elapsed, known)

    def _place(self) -> _Place:
        place = _Place()
        self._places.append(place)
        return place

    def _over(self, place: _Place, part: LookUp | Dialled) -> None:
        place.part = part
        self._told(Sight(part.untilSeconds, part))

    # --- names ------------------------------------------------------------------

    def looksUp(self, name: bytes | str) -> Callable[[MailHosts | Exception], None]:
        """
        Hosts are looked for.

        @return: to be told what was found, or why nothing was.
        """
        place, began = self._place(), self.elapsed

        def found(what: MailHosts | Exception) -> None:
            hosts: tuple[str, ...] = ()
            problem: str | None = None
            if isinstance(what, MailHosts):
                hosts = tuple(map(_spelled, what.hosts[:_HOSTS]))
            else:
                problem = line(str(what))
            part = LookUp(began, self.elapsed, word(name), hosts, problem)
            self._over(place, part)

        return found

    # --- connections ----------------------------------------------------------------

    def clientDials(
        self, host: bytes, address: bytes, port: int, what: Dial, why: str
    ) -> None:
        """See L{IClientTracer}."""
        key = host, address, port
        if what is Dial.BEGUN:
            self._dials[key] = self.elapsed, self._place()
            return
        began, place = self._dials.pop(key)
        problem: str | None = None
        if what is Dial.FAILED:
            problem = line(why)
        elif what is Dial.GIVEN_UP:
            problem = "given up"
        names = word(host), word(address), port
        self._over(place, Dialled(began, self.elapsed, *names, problem))

    def client(
        self,
        profile: ClientProfile,
        target: Target,
        policy: RoutePolicy,
        forecast: Forecast | None,
        bareLines: BareLines,
        ignored: frozenset[bytes],
    ) -> ClientConnection:
        """See L{IClientTracer}."""
        began = self.elapsed
        recording = Recording(
            self._seconds, _OCTETS, Direction.SERVER, partial(self._seen, began)
        )
        core = TracedClient(
            profile, target, policy, forecast, bareLines, ignored, freshID(), recording
        )
        self._talks[core] = began, self._place()
        return core

    def _seen(self, began: float, seen: Seen) -> None:
        self._told(Sight(round(began + seen.seconds, 6), seen))

    def clientEnded(
        self, core: ClientConnection, source: tuple[bytes, int] | None, why: str
    ) -> None:
        """See L{IClientTracer}."""
        found = self._talks.pop(core, None)
        if found is not None and isinstance(core, TracedClient):
            began, place = found
            trace = clientTrace(core, "smtpx send", source, why)
            place.part = Talk(began, trace)


def _spelled(host: MailHost) -> str:
    """A host with its port and addresses."""
    told = [f"[{word(each)}]" for each in host.addresses[:_ADDRESSES]]
    if len(host.addresses) > len(told):
        told.append(f"and {len(host.addresses) - len(told)} more")
    name = f"{word(host.name)}:{host.port}"
    return name if host.name.startswith(b"[") else " ".join([name, *told])


__all__ = ["Eyewitness", "Sight"]
