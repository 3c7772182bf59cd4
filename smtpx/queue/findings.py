"""
What is known of the recipients of a message while it is offered to one host after the
other, and what it comes to: delivered, failed, or to be tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

from attrs import evolve
from twisted.internet.defer import CancelledError

from ..core.hooks import Scope
from ..core.reply import Reply
from ..dns.mailhosts import Unroutable
from ..net.sending import Sent, Unreached
from ..spool.format import Fate, Outcome
from ..spool.via import Cause, Via
from .interfaces import NOT_YET

# A member of an enumeration takes time to look up.
_DELIVERED = Fate.DELIVERED


class Findings:
    """
    What is known of the recipients of one attempt.

    @ivar left: those whom another host may serve.
    @ivar early: hosts that are not to be tried yet: when they are, and what went
        wrong the last time.
    @ivar partial: are there hosts that could not be looked up?
    """

    def __init__(self, indices: Sequence[int], partial: bool = False) -> None:
        self.left: Sequence[int] = indices
        self.early: list[tuple[float, str]] = []
        self.partial = partial
        self._known: dict[int, Outcome] = {}
        #: Those for whom a host may yet be of use that was not today.
        self._later: set[int] = set()

    @property
    def served(self) -> list[Outcome]:
        """Of those who have got it."""
        return [each for each in self._known.values() if each.fate is Fate.DELIVERED]

    @property
    def hopeful(self) -> bool:
        """May there be a host yet for those who are left?"""
        return self._untried or not self._later.isdisjoint(self.left)

    @property
    def _untried(self) -> bool:
        """Are there hosts that were not tried?"""
        return bool(self.early) or self.partial

    def unreached(self, error: Unreached, notBefore: float) -> None:
        """A host could not be reached, or wants no mail."""
        self._note({i: unreached(i, error, notBefore) for i in self.left})

    def passedOver(self, error: Unreached) -> None:
        """
        A host was not to be asked at all.  What one says that was asked tells more of
        why the message waits.
        """
        asked = {i: self._known[i] for i in self.left if i in self._known}
        self.unreached(error, 0.0)
        self._known |= asked

    def sent(self, sent: Sent) -> None:
        """What a host said."""
        taken = _taken(self.left, sent)
        if taken is not None:
            # So it mostly is.
            self._known |= taken
            self.left = ()
            return
        results = _results(self.left, sent)
        self._note(results)
        self.left = [i for i in self.left if _maybeElsewhere(results[i], sent)]

    def _note(self, outcomes: dict[int, Outcome]) -> None:
        self._known |= outcomes
        self._later.update([i for i in outcomes if outcomes[i].fate is Fate.WAITING])

    def cutOff(self, error: BaseException) -> None:
        """It was broken off."""
        why = f"{type(error).__name__}: {error}"
        cause = Cause.LOST if isinstance(error, CancelledError) else Cause.LOCAL
        self._known |= {
            i: Outcome(i, Fate.WAITING, why, cause=cause) for i in self.left
        }

    def outcomes(self) -> list[Outcome]:
        """What became of each of them."""
        for i in self.left:
            outcome = self._known.get(i)
            if outcome is None:
                self._known[i] = _early(i, self.early)
            elif outcome.fate is Fate.FAILED and (self._untried or i in self._later):
                # This host will never take it, for a reason of its own; but one that
                # could not be asked today may.
                self._known[i] = evolve(outcome, fate=Fate.WAITING)
        return list(self._known.values())


def _early(index: int, hosts: Sequence[tuple[float, str]]) -> Outcome:
    """
    It is not yet time for any of the hosts.

    @param hosts: when it is, and what went wrong the last time.
    """
    due, why = min(hosts, default=(0.0, ""))
    text = f"{NOT_YET}: {why}" if why else NOT_YET
    return Outcome(index, Fate.WAITING, text, cause=Cause.EARLY, notBefore=due)


def unreached(index: int, error: Unreached, notBefore: float = 0.0) -> Outcome:
    """
    What it means for a recipient that a host could not be reached, or wants no mail.

    @param notBefore: when it may be tried again; 0: at any time.
    """
    said, via = error.reply, error.via
    # What is wrong with a login or with TLS is for operators to mend; but a host
    # that wants no mail at all (RFC 5321 section 3.1, RFC 7504) says so.
    fate = Fate.WAITING
    refused = error.cause is Cause.SESSION and said is not None and said.permanent
    if refused or error.final:
        fate = Fate.FAILED
    return Outcome(index, fate, error.text, said, via, error.cause, notBefore)


def unroutable(index: int, error: Unroutable) -> Outcome:
    """What it means for a recipient that no way leads to it."""
    fate = Fate.FAILED if error.reply.permanent else Fate.WAITING
    return Outcome(index, fate, str(error), error.reply, cause=Cause.DNS)


def _taken(left: Sequence[int], sent: Sent) -> dict[int, Outcome] | None:
    """
    The same as L{_results}, where the host has taken it for all.

    @return: L{None}: it has not.
    """
    results: dict[int, Outcome] = {}
    via, text = sent.via, ""
    last: Reply | None = None
    said = zip(left, sent.outcomes, sent.causes, strict=True)
    for index, (_, got), cause in said:
        if got.code >= 400:
            return None
        if got is not last:
            # Of a transaction with several recipients it is one reply.
            text, last = _spelled(got), got
        results[index] = Outcome(index, _DELIVERED, text, got, via, cause)
    return results


def _results(left: Sequence[int], sent: Sent) -> dict[int, Outcome]:
    """What a host said, by recipient."""
    results: dict[int, Outcome] = {}
    said = zip(left, sent.outcomes, sent.causes, strict=True)
    for index, (_, got), cause in said:
        if not got.refuses:
            results[index] = delivered(index, got, sent.via, cause)
            continue
        fate = Fate.FAILED if got.permanent else Fate.WAITING
        text = f"{_named(sent.via)}: {_spelled(got)}"
        if cause is Cause.UNFIT:
            text = f"not sent to {text}"
        results[index] = Outcome(index, fate, text, got, sent.via, cause)
    return results


def delivered(index: int, got: Reply, via: Via, cause: Cause = Cause.OTHER) -> Outcome:
    """
    A host has taken it.

    @param cause: means nothing here.
    """
    return Outcome(index, Fate.DELIVERED, _spelled(got), got, via, cause)


def _maybeElsewhere(outcome: Outcome, sent: Sent) -> bool:
    """May another host take it, where this one did not?"""
    if outcome.fate is Fate.DELIVERED or sent.unsure:
        return False
    if sent.scope is Scope.HOST:
        return True
    # RFC 5321 section 5.1: the next one, until one takes it.  A message that was
    # sent whole is not sent to one after the other.
    whole = outcome.cause in (Cause.CONTENT, Cause.UNFIT)
    return outcome.fate is Fate.WAITING and not whole


def _spelled(got: Reply) -> str:
    """A reply on one line, for the operator."""
    text = b" ".join(got.lines).decode("utf-8", "backslashreplace")
    return _codes(got.code, got.status) + text


@lru_cache(maxsize=256)
def _codes(code: int, status: tuple[int, int, int] | None) -> str:
    """What stands before the text, which is the same of most replies."""
    if status is None:
        return f"{code} "
    return f"{code} {'.'.join(map(str, status))} "


def _named(via: Via) -> str:
    """A host, as Exim writes it: C{mx.example.org [192.0.2.1]}."""
    if via.local:
        return via.address.decode("utf-8", "backslashreplace")
    host, address = via.host.decode("utf-8", "backslashreplace"), via.address.decode()
    try:
        ip_address(host.strip("[]").removeprefix("IPv6:"))
    except ValueError:
        return f"{host} [{address}]"
    return f"[{address}]"


__all__ = ["Findings", "delivered", "unreached", "unroutable"]
