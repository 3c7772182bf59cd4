"""
How a host had to be protected, what it showed, and what that came to, in sentences:
what C{smtpx send --explain-tls} says.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ..core.hooks import RoutePolicy, TLSInfo, TLSLevel
from ..core.stapled import Stapled, StapleWish
from ..net.sending import Unreached
from ..observe.harmless import visible
from ..service.wiring.tryout import Protected
from ..tls.ocsp import moment

#: The longest line, in characters.
_MOST = 1000

#: What a level means.
_LEVELS = {
    TLSLevel.UNWANTED: "TLS is not begun with it",
    TLSLevel.OPPORTUNISTIC: "TLS is used if it has it, with any certificate",
    TLSLevel.ENCRYPTED: "without TLS it gets nothing",
    TLSLevel.VERIFIED: "it gets nothing unless it shows that it is who it should be",
}


def toldProtection(each: Protected) -> Iterator[str]:
    """What is to be said of one host, line by line."""
    yield f"TLS with {visible(each.host.decode('ascii', 'backslashreplace'))}:"
    for line in (*_asked(each.policy), *_unknown(each), *_came(each)):
        yield f"  {visible(line, _MOST)}"


def _asked(policy: RoutePolicy) -> Iterator[str]:
    """Which rule asked for what."""
    if not policy.demands:
        yield f"Nobody demands anything: {_LEVELS[policy.tls]}."
        return
    for demand in policy.demands:
        what = _LEVELS[demand.level]
        if demand.staple is StapleWish.REQUIRED:
            what += ", and that its certificate was not revoked"
        if not demand.counts(policy):
            what = f"that is set aside; otherwise {what}"
        yield f"{demand.rule}: {demand.why}, so {what}."
    yield f"In all: {_LEVELS[policy.tls]}."


def _unknown(each: Protected) -> Iterator[str]:
    """What could not be found out, and what nobody asked about."""
    for rule, why in each.doubts:
        yield f"{rule}: nobody can tell what it asks, so it asks nothing: {why}."
    for text in each.unasked:
        yield f"{text}."


def _came(each: Protected) -> Iterator[str]:
    """What it showed, and what that came to."""
    came = each.came
    if isinstance(came, Unreached):
        yield f"It got nothing: {came.text}."
        return
    if came.tls is None:
        yield "The connection was in the clear."
        return
    yield from _showed(came.tls)


def _showed(tls: TLSInfo) -> Iterator[str]:
    again = ", in a session from before" if tls.resumed else ""
    who = "no certificate" if tls.subject is None else f"a certificate ({tls.subject})"
    yield f"It showed {who}, under {tls.version.replace('v', ' ')}{again}."
    if tls.proof is not None:
        by = "by DANE" if tls.dane else "by PKIX"
        yield f"It is who it should be, {by}: {tls.proof}."
    elif tls.problem is not None:
        yield f"Nobody knows who it is: {tls.problem}."
    else:
        yield "Nobody looked whether the certificate is good, for nobody demanded it."
    if tls.stapled is not Stapled.NOT_ASKED:
        yield f"What it shows of the certificate's standing (OCSP): {_standing(tls)}."


def _standing(tls: TLSInfo) -> str:
    if tls.stapled is Stapled.SENT and tls.stapleEnds is not None:
        ends = datetime.fromtimestamp(tls.stapleEnds, UTC)
        return f"it is good, until {moment(ends)}"
    return tls.stapleProblem or "nothing good, when the session began"


__all__ = ["toldProtection"]
