"""
What logs and metrics tell of who sent a message: the results of SPF, DKIM, ARC and
DMARC.

In the main log they have Exim's names and places.  A result that is good is a bare
name; what else there is, is shown by the selectors that end in C{_verbose}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twisted.logger import LogEvent

from ..core.envelope import Stamp
from .harmless import text, word
from .linefields import FieldOf, about
from .selectors import Selector

#: Of an envelope: what was found out so far, as fields of events, L{AUTHENTICATION}.
CHECKED = Stamp[Mapping[str, object]]("authentication.log", None, lambda text: {})

#: The fields.
AUTHENTICATION = {
    "spf": "what SPF has come to (RFC 7208), if it was looked at; so too the others",
    "spfGuess": "the best guess, where the sender's domain has no record",
    "dkim": "the signatures: of each ``result``, ``domain``, ``selector``,"
    " ``algorithm``, ``bits`` (of its key), ``forms`` (canonicalizations), and ``why``"
    " it is not good",
    "arc": "what the chain of ARC has come to",
    "dmarc": "what DMARC has come to, in the words of ``dmarc_status``",
}


def spfField(selectors: frozenset[Selector]) -> Callable[[LogEvent], str]:
    """Makes C{SPF}, as it stands behind a client."""
    return _result("SPF", "spf", "pass", _SPF, selectors)


def messageFields(selectors: frozenset[Selector]) -> Iterator[FieldOf]:
    """Makes C{DKIM=}, C{ARC} and C{DMARC}, as they stand behind a message's size."""

    @about("dkim")
    def signed(event: LogEvent, fields: dict[str, Any]) -> str:
        good = [one["domain"] for one in event["dkim"] if one["result"] == "pass"]
        return "".join(f" DKIM={word(domain)}" for domain in dict.fromkeys(good))

    @about("arc")
    def chained(event: LogEvent, fields: dict[str, Any]) -> str:
        return " ARC" if event["arc"] == "pass" else ""

    found = _result("DMARC", "dmarc", "accept", _DMARC, selectors)

    @about("dmarc")
    def judged(event: LogEvent, fields: dict[str, Any]) -> str:
        return found(event)

    if Selector.DKIM in selectors:
        yield signed
    if Selector.ARC in selectors:
        yield chained
    yield judged


def signatureLines(event: LogEvent) -> Iterator[str]:
    """A line for each signature of a message, for C{dkim_verbose}."""
    for one in event.get("dkim", ()):
        shown = [
            f"{letter}={word(one[name])}"
            for letter, name in _LETTERS
            if name in one and not isinstance(one[name], int)
        ]
        if "bits" in one:
            shown.append(f"b={one['bits']}")
        said = f"{event['message']} DKIM: {' '.join(shown)}".rstrip()
        yield f"{said} [{_verdict(one)}]"


def _verdict(one: Mapping[str, Any]) -> str:
    if one["result"] == "pass":
        return "verification succeeded"
    why = f" - {text(one['why'])}" if "why" in one else ""
    return f"verification {_ENDS.get(one['result'], 'failed')}{why}"


def _result(
    name: str,
    field: str,
    good: str,
    shownBy: tuple[Selector, Selector],
    selectors: frozenset[Selector],
) -> Callable[[LogEvent], str]:
    plain, verbose = [each in selectors for each in shownBy]

    def shown(event: LogEvent) -> str:
        result = event.get(field)
        if result is None:
            return ""
        if verbose:
            return f" {name}={word(result)}"
        return f" {name}" if plain and result == good else ""

    return shown


_SPF = (Selector.SPF, Selector.SPF_VERBOSE)
_DMARC = (Selector.DMARC, Selector.DMARC_VERBOSE)

#: Parts of a signature, under the letters that Exim has for them.
_LETTERS = (("d", "domain"), ("s", "selector"), ("c", "forms"), ("a", "algorithm"))

#: Results that are neither good nor bad.
_ENDS = {"temperror": "put off", "neutral": "not possible", "policy": "not wanted"}

__all__ = [
    "AUTHENTICATION",
    "CHECKED",
    "messageFields",
    "signatureLines",
    "spfField",
]
