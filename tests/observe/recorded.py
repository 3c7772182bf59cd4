"""
Sessions that are recorded, for the tests of this room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from twisted.internet.task import Clock

from smtpx.core.bounds import Bounds
from smtpx.core.hooks import TLSInfo
from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IExtension
from smtpx.core.profile import ServerProfile
from smtpx.extensions.auth import Auth, AuthSettings
from smtpx.extensions.standard import standard
from smtpx.extensions.xclient import XClient, XClientSettings
from smtpx.observe.recording import Recording
from smtpx.observe.trace import Direction, Flight
from smtpx.observe.tracedconnection import TracedConnection
from smtpx.sasl import CheckPassword, Judgement
from smtpx.testing.server import ScriptedPort

from ..extensions.logins import Users

#: Anybody's password is good.
ANSWERS: Mapping[type, Callable[[Any], object]] = {
    CheckPassword: lambda question: Judgement.GOOD
}


def extensions() -> list[IExtension]:
    """All of ours, with a login in the clear, and XCLIENT for everybody."""
    ours = {Auth.name, XClient.name}
    others = [each for each in standard() if each.name not in ours]
    auth = Auth(AuthSettings(clear_text=True), users=Users())
    xclient = XClient(XClientSettings(HostList.parse(["*"])))
    return [*others, auth, xclient]


@lru_cache(maxsize=8)
def _profile(
    loaded: tuple[IExtension, ...] | None, bounds: Bounds | None
) -> ServerProfile:
    """A server's profile; it takes longer to make than a session."""
    return ServerProfile(
        name=b"mx.example.org",
        clock=lambda: 1000.0,
        bounds=bounds or Bounds(),
        tlsReady=True,
    ).load(extensions() if loaded is None else loaded)


class Recorded:
    """
    A session.

    @ivar clock: of the recording.
    @ivar core: the connection.
    @ivar port: what it asked of the world.
    @ivar said: all that the server wrote.
    """

    def __init__(
        self,
        *,
        loaded: Iterable[IExtension] | None = None,
        answers: Mapping[type, Callable[[Any], object]] = ANSWERS,
        bounds: Bounds | None = None,
        octetsMax: int = 262_144,
        start: bool = True,
    ) -> None:
        """
        @param start: is the client greeted now?
        """
        self.clock = Clock()
        self.said = b""
        profile = _profile(None if loaded is None else tuple(loaded), bounds)
        self.port = ScriptedPort(answers)
        recording = Recording(self.clock.seconds, octetsMax)
        self.core = TracedConnection(profile, self.port, b"192.0.2.7", 4567, recording)
        self.core.local, self.core.localPort = b"192.0.2.25", 25
        if start:
            self.said += self.core.start()

    def feed(self, *flights: bytes, seconds: float = 0.125) -> Recorded:
        """The client says something, each time after a while."""
        for flight in flights:
            self.clock.advance(seconds)
            self.said += self.core.feed(flight)
            if self.core.ending is None and len(self.port.handshakes) > 0:
                self.port.handshakes.clear()
                self.said += self.core.answer(TLSInfo(cipher="AES", bits=256))
        return self

    @property
    def ladder(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each flight so far: an arrow, and its lines."""
        return [
            ("<" if step.direction is Direction.SERVER else ">", step.lines)
            for step in self.core.recording.steps(False)
            if isinstance(step, Flight)
        ]

    @property
    def heard(self) -> list[str]:
        """All lines of the client."""
        return [line for arrow, lines in self.ladder for line in lines if arrow == ">"]
