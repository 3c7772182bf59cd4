"""
SPF for programs: may a host send mail for a domain?

::

    outcome = await checkSPF(reactor, "192.0.2.1", "ann@example.org", "mx.example.org")
    if outcome.result is SPFResult.FAIL:
        print(smtpComment(outcome))

L{smtpx.mailauth.spf} is what evaluates, and asks no resolver;
L{smtpx.mailauth.spftexts} has what to write about an outcome.
"""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError as DeferredTimeout

from ..core.address import parseMailbox
from ..dns.answering import answered
from ..dns.interfaces import IResolver
from ..dns.system import systemResolver
from ..mailauth import spf
from ..mailauth.asking import Asking
from ..mailauth.spfquery import LIMITS, Limits, Outcome, Query, Watch, queryOf
from ..mailauth.spfrecord import Record, SPFResult

#: RFC 7208 section 4.6.4.
SECONDS = 20.0


def checkSPF(
    reactor: Any,
    client: str | bytes,
    sender: str | bytes,
    helo: str | bytes,
    *,
    receiver: str = "unknown",
    resolver: IResolver | None = None,
    guess: Record | None = None,
    limits: Limits = LIMITS,
    seconds: float = SECONDS,
    watch: Watch | None = None,
) -> Deferred[Outcome]:
    """
    Ask a sender's domain whether a host may send for it (RFC 7208).

    @param reactor: the reactor.
    @param client: the host's address.
    @param sender: the mailbox in MAIL; empty: the null sender, for which the name in
        HELO is checked.
    @param helo: the name in HELO or EHLO.
    @param receiver: our name, which records may want to have in explanations.
    @param resolver: asks the DNS; L{None}: the system's.
    @param guess: what is evaluated for a domain that has no record, such as
        L{smtpx.mailauth.spf.GUESS};
        L{None}: nothing.
    @param limits: what a record may cause.
    @param seconds: how long it may take; after that the outcome is C{temperror}.
    @param watch: told each step.
    @return: fires with the outcome; C{temperror} and C{permerror} are outcomes too.  It
        may be cancelled.
    @raise ValueError: C{client} is no address.
    @raise smtpx.core.errors.Malformed: C{sender} is no mailbox.
    """
    path = _octets(sender)
    if path:
        parseMailbox(path, utf8=True)
    query = queryOf(_octets(client), path, _octets(helo), receiver)
    asking = _checkAndGuess(query, guess, limits, watch)
    running = answered(asking, resolver or systemResolver(reactor, hosts=None))
    if not running.called:
        running.addTimeout(seconds, reactor)

    def late(failure: Any) -> Outcome:
        failure.trap(DeferredTimeout)
        return Outcome(SPFResult.TEMPERROR, query, problem="no answer in time")

    return running.addErrback(late)


def _checkAndGuess(
    query: Query, guess: Record | None, limits: Limits, watch: Watch | None
) -> Asking[Outcome]:
    """Check, and guess if there is nothing to go by."""
    outcome = yield from spf.check(query, limits, time.time, watch)
    if guess is not None and outcome.result is SPFResult.NONE:
        outcome = yield from spf.guess(query, guess, limits, time.time, watch)
    return outcome


def _octets(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text


__all__ = ["SECONDS", "checkSPF"]
