"""
One spooled message as values, and as text: versioned, pure functions.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from ..core.envelope import Envelope


class Fate(Enum):
    """What became of one recipient."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@frozen
class Outcome:
    """
    What became of one recipient in one attempt.

    @ivar index: which recipient, counted from 0 in the envelope as accepted.
    @ivar fate: WAITING: it is to be tried again.
    @ivar text: why, for reports and the operator; never credentials.
    """

    index: int
    fate: Fate
    text: str = ""


@frozen(eq=False)
class SpooledMessage:
    """
    A message as the spool has it.

    @ivar id: its id.
    @ivar arrived: when, in seconds since the epoch.
    @ivar envelope: sender, all recipients as accepted, stamps, octets.
    @ivar prefix: header fields before the body, with CRLFs.
    @ivar waiting: indices of recipients that are not finished with.
    @ivar attempts: how often it was tried.
    @ivar held: is it on hold?
    """

    id: str
    arrived: float
    envelope: Envelope
    prefix: bytes
    waiting: tuple[int, ...]
    attempts: int = 0
    held: bool = False
