"""
What was found out of clients' certificates, for sessions that are resumed.

A resumed handshake has the client's certificate, out of the ticket, and no look at it;
nor is the rest of its chain there to look at once more.  So the verdict of the full
handshake is remembered here, for as long as there are keys that open the ticket:
L{smtpx.tls.keyring.KeyRing} has one such memory.

It is bounded.  Where it is full, or those who sign for clients are others, everything
is forgotten, and the keys with it: then no session is resumed whose verdict is not
known.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from attrs import define, field, frozen
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate

from .clientcertificates import Verdict

#: Of how many certificates something is remembered.
VERDICTS_MOST = 10_000


class IVerdicts(Protocol):
    """
    Verdicts of one ring of keys.
    """

    @property
    def era(self) -> int:
        """How often everything was forgotten."""

    def remember(
        self, certificate: Certificate | None, verdict: Verdict, ends: datetime | None
    ) -> None:
        """Note what came of a full handshake."""

    def recall(self, certificate: Certificate | None, now: datetime) -> Verdict:
        """What was found out of the certificate of a session that is resumed."""

    def forget(self) -> None:
        """Forget everything, and have no session resumed that was sealed so far."""


@frozen
class _Remembered:
    """
    A verdict.

    @ivar ends: until when it holds; L{None}: for ever, since it is a bad one.
    """

    problem: str | None
    ends: datetime | None


@define(eq=False)
class VerdictMemory:
    """
    Verdicts by certificate.

    @ivar forgotten: called when all of them were forgotten.
    @ivar most: of how many certificates something is remembered.
    @ivar era: how often everything was forgotten.
    """

    forgotten: Callable[[], None]
    most: int = VERDICTS_MOST
    era: int = field(init=False, default=0)
    _known: dict[bytes, _Remembered] = field(init=False, factory=dict)

    def remember(
        self, certificate: Certificate | None, verdict: Verdict, ends: datetime | None
    ) -> None:
        """
        Note what came of a full handshake.

        @param certificate: the client's; L{None}: it showed none that can be read.
        @param ends: when the first certificate of the chain ends, in UTC; L{None}: the
            chain is not known, since it is not good.
        """
        if certificate is None or not verdict.seen and verdict.problem is None:
            return
        if len(self._known) >= self.most:
            self.forget()
        key = certificate.fingerprint(SHA256())
        self._known[key] = _Remembered(verdict.problem, ends)

    def recall(self, certificate: Certificate | None, now: datetime) -> Verdict:
        """
        What was found out of the certificate of a session that is resumed.

        @param now: in UTC.
        @return: one that is not good, where nothing was.
        """
        if certificate is None:
            return Verdict()
        found = self._known.get(certificate.fingerprint(SHA256()))
        if found is None:
            return Verdict()
        return judged(found.problem, found.ends, now)

    def forget(self) -> None:
        """Forget everything."""
        self.era += 1
        self._known.clear()
        self.forgotten()


def judged(problem: str | None, ends: datetime | None, now: datetime) -> Verdict:
    """
    What a verdict of before is worth now.

    @param problem: what was wrong; L{None}: nothing.
    @param ends: until when nothing is; L{None}: that is not known.
    """
    if problem is None and (ends is None or ends <= now):
        return Verdict(True, "certificate has expired")
    return Verdict(True, problem)


__all__ = ["VERDICTS_MOST", "IVerdicts", "VerdictMemory", "judged"]
