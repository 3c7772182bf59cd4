"""
What was found out of a message, as C{Authentication-Results} tells it (RFC 8601).

Methods stand in Exim's order: iprev, auth, spf, dkim, dmarc, arc.
"""

from __future__ import annotations

from base64 import b64encode

from ..core.address import domainOf
from ..core.interfaces import IServerSession
from ..core.trace import LOCAL
from ..mailauth.dkimvalues import Verified
from ..mailauth.dmarc import Status, Verdict
from ..mailauth.results import Property, Result
from ..mailauth.spfquery import Outcome
from .verdicts import Verdicts

#: RFC 8601 has no method for our own opinion of a domain that has none.
_GUESS = b"x-spf-guess"

#: How much of a signature tells it from others (RFC 6008 section 3), in characters.
_SIGNATURE_CHARACTERS = 12


def authTold(session: IServerSession) -> Result | None:
    """Who logged in; L{None}: nobody did."""
    login, mechanism = session.identity, session.mechanism
    if login is None or mechanism == LOCAL:
        return None
    comments = (mechanism.encode("ascii"),) if mechanism else ()
    return Result(b"auth", b"pass", (_of(b"smtp", b"auth", login),), None, comments)


def spfTold(outcome: Outcome, sender: bytes) -> Result:
    """
    What SPF, or the best guess, has come to.

    @param sender: of the message.
    """
    query = outcome.query
    if query.mailFrom:
        whose = _of(b"smtp", b"mailfrom", domainOf(sender))
    else:
        whose = _of(b"smtp", b"helo", query.helo.encode("utf-8", "surrogateescape"))
    method, comments = b"spf", [outcome.problem.encode("ascii", "replace")]
    if outcome.guessed:
        method, comments = _GUESS, [b"best guess record for domain", *comments]
    shown = tuple(each for each in comments if each)
    word = outcome.result.value.encode("ascii")
    return Result(method, word, (whose,), None, shown)


def dkimTold(verified: Verified) -> Result:
    """What came of a signature."""
    signature = b64encode(verified.value)[:_SIGNATURE_CHARACTERS]
    parts = (
        (b"d", verified.domain),
        (b"i", verified.identity),
        (b"s", verified.selector),
        (b"a", verified.algorithm),
        (b"b", signature),
    )
    shown = tuple(_of(b"header", name, value) for name, value in parts if value)
    comments = (verified.reason.encode("utf-8"),) if verified.reason else ()
    word = verified.result.value.encode("ascii")
    return Result(b"dkim", word, shown, None, comments)


def dmarcTold(verdict: Verdict) -> Result | None:
    """What DMARC has come to; L{None}: it was not looked at."""
    if verdict.status is Status.OFF:
        return None
    shown = []
    if verdict.author:
        shown.append(_of(b"header", b"from", verdict.author))
    if verdict.applied is not None:
        shown.append(_of(b"policy", b"dmarc", verdict.applied.value.encode("ascii")))
    comments = (verdict.why.encode("utf-8"),)
    word = verdict.result.encode("ascii")
    return Result(b"dmarc", word, tuple(shown), None, comments)


def noted(verdicts: Verdicts) -> dict[str, object]:
    """What logs tell of a message."""
    out: dict[str, object] = {}
    if verdicts.spf is not None:
        out["spf"] = verdicts.spf.result.value
    if verdicts.guess is not None:
        out["spfGuess"] = verdicts.guess.result.value
    if verdicts.dkim is not None:
        out["dkim"] = [_signature(each) for each in verdicts.dkim if each.value]
    if verdicts.arc is not None:
        out["arc"] = verdicts.arc.state.value
    if verdicts.dmarc is not None:
        out["dmarc"] = verdicts.dmarc.status.value
    return out


def _signature(verified: Verified) -> dict[str, object]:
    """What logs tell of a signature."""
    forms = (verified.headerForm, verified.bodyForm)
    found: dict[str, object] = {
        "result": verified.result.value,
        "domain": verified.domain,
        "selector": verified.selector,
        "algorithm": verified.algorithm,
        "bits": verified.keyBits,
        "forms": b"/".join(forms) if all(forms) else b"",
        "why": verified.reason,
    }
    return {name: value for name, value in found.items() if value}


def _of(ptype: bytes, name: bytes, value: bytes) -> Property:
    return Property(ptype, name, value)


__all__ = ["authTold", "dkimTold", "dmarcTold", "noted", "spfTold"]
