"""
Sessions and messages to tell of, for the tests of this room.
"""

from __future__ import annotations

from attrs import define, field
from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import LogFields, TLSInfo
from smtpx.core.profile import ServerProfile
from smtpx.core.server import ServerConnection
from smtpx.observe.publisher import Publisher
from smtpx.spool.format import SpooledMessage
from smtpx.testing.server import ScriptedPort

#: 2026-11-22 03:19:48.123 UTC.
NOW = 1795317588.123

MESSAGE = "1wPq1o-0003Xy-1k"

TLS = TLSInfo(
    "TLSv1.3",
    "TLS_AES_256_GCM_SHA384",
    256,
    resumed=True,
    subject='CN=ann "the" boss',
    serverName=b"mx.example.org",
)


@implementer(ILogObserver)
@define(eq=False)
class Heard:
    """An observer that keeps what it is told."""

    events: list[LogEvent] = field(factory=list)

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        self.events.append(event)

    @property
    def last(self) -> dict[str, object]:
        """The newest event, without what Twisted wants in it."""
        return {k: v for k, v in self.events[-1].items() if not k.startswith("log_")}


def publishing(*observers: ILogObserver) -> Publisher:
    """A publisher for which it is always L{NOW}."""
    return Publisher(observers, lambda: NOW)


def visit(
    *fields: tuple[str, object], secured: TLSInfo | None = None
) -> ServerConnection:
    """
    A client that has said EHLO.

    @param fields: what an extension records of its messages.
    """

    def record(session: object) -> LogFields:
        return fields

    profile = ServerProfile(name=b"mx.example.org", clock=lambda: NOW)
    profile.record(record)
    session = ServerConnection(
        profile, ScriptedPort(), b"192.0.2.7", 4567, b"192.0.2.25", 25, secured
    )
    session.helo = b"mail.example.org"
    session.extended = True
    return session


def envelope(sender: bytes = b"ann@example.org", *paths: bytes) -> Envelope:
    """An envelope of 1204 octets, to bob if no paths are given."""
    recipients = [Recipient(path) for path in paths or (b"bob@example.com",)]
    return Envelope(sender, NOW, recipients, 1204)


def spooled(*paths: bytes) -> SpooledMessage:
    """A message that has been in the spool for a minute and a half second."""
    held = envelope(b"ann@example.org", *paths)
    waiting = tuple(range(len(held.recipients)))
    return SpooledMessage(MESSAGE, NOW - 60.5, held, b"", waiting)
