"""Stand-ins that several tests of policies use."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import TLSInfo
from smtpx.core.profile import ServerProfile
from smtpx.core.server import ServerConnection
from smtpx.testing.server import ScriptedPort

PROFILE = ServerProfile()
ENVELOPE = Envelope(b"sender@example.net", 0.0)

T = TypeVar("T")


def sessionFrom(
    peer: bytes = b"192.0.2.1",
    name: bytes | None = None,
    identity: bytes | None = None,
    secured: TLSInfo | None = None,
) -> ServerConnection:
    """
    A session, real but without anybody at its other end.

    @param name: the client's verified name.
    @param identity: who authenticated.
    """
    session = ServerConnection(PROFILE, ScriptedPort(), peer, secured=secured)
    session.peerName = name
    session.identity = identity
    return session


def recipientOf(path: bytes) -> Recipient:
    """A recipient as RCPT made it."""
    return Recipient(path)


def deferred(answer: T | Deferred[T]) -> Deferred[T]:
    """An answer that comes, or came, by a Deferred."""
    assert isinstance(answer, Deferred), answer
    return answer
