"""
The history file of OpenDMARC: what its C{opendmarc-import} reads, to make aggregate
reports of it.

A message is a block of lines C{name value}, which begins with C{job}.  The importer
takes white space for the end of a value and ends a block at the next C{job}, so no
value has any: a domain that came over the wire could add lines of its own otherwise.

Where the importer is unforgiving the block has a value though there is nothing to
tell: C{arc_policy} without a list ends it, and its database wants C{spf}.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from .dmarcrecord import Policy
from .dmarcseen import Disposition, Outcome, Seen

#: Of C{spf}, C{dkim} and C{arc}: OpenDMARC's ARES_RESULT.
_RESULTS = {
    "pass": 0,
    "softfail": 2,
    "neutral": 3,
    "temperror": 4,
    "permerror": 5,
    "none": 6,
    "fail": 7,
    "policy": 8,
}
_UNTOLD = 6

#: Of C{arc_policy}: what we do of ARC here is no matter of DMARC.
_ARC_UNUSED = 1

#: Of C{policy}: DMARC_POLICY.
_PASSED = 15
_ENFORCED = {Policy.REJECT: 16, Policy.QUARANTINE: 17, Policy.NONE: 18}

_RELAXED, _STRICT = ord("r"), ord("s")
_ALIGNED, _NOT_ALIGNED = 4, 5

#: Of C{action}: DMARC_RESULT.
_REFUSED, _DISCARDED, _TAKEN, _DEFERRED, _QUARANTINED = range(5)

#: How long a value may be, in characters: there is an end to what goes into a line,
#: and the importer's tables take no more.
_VALUE_MOST = 255

#: The name of a line, and its value.
_Line = tuple[str, str | bytes | int]

_unfit = re.compile(r"[^\x21-\x7e]+")


def block(seen: Seen, reporter: str) -> bytes:
    """
    The lines of a message.

    @param seen: a record was found for it.
    @param reporter: what we call ourselves.
    """
    verdict, published = seen.verdict, seen.verdict.published
    applied = verdict.applied
    assert published is not None and applied is not None, seen
    record = published.record
    lines: list[_Line] = [
        ("job", seen.id or "-"),
        ("reporter", reporter),
        ("received", int(seen.received)),
        ("ipaddr", seen.source),
        ("from", verdict.author),
        ("mfrom", seen.sender.rpartition(b"@")[2]),
        ("spf", _RESULTS.get(seen.spf, _UNTOLD)),
    ]
    dkim = [
        f"dkim {_plain(each.domain) or '-'} {_plain(each.selector) or '-'}"
        f" {_RESULTS.get(each.result, _UNTOLD)}\n"
        for each in seen.signatures
    ]
    places = [place.text for place in record.aggregate] or ["-"]
    after: list[_Line] = [
        ("pdomain", published.domain),
        ("policy", _PASSED if verdict.aligned else _ENFORCED[applied]),
        *(("rua", place) for place in places),
        ("pct", record.percent),
        ("adkim", _STRICT if record.strictDKIM else _RELAXED),
        ("aspf", _STRICT if record.strictSPF else _RELAXED),
        ("p", _letter(record.policyHere)),
        ("sp", _letter(record.subdomains)),
        ("align_dkim", _ALIGNED if verdict.alignedDKIM else _NOT_ALIGNED),
        ("align_spf", _ALIGNED if verdict.alignedSPF else _NOT_ALIGNED),
        ("action", _action(seen)),
        ("arc", _RESULTS.get(seen.arc, _UNTOLD)),
    ]
    sets = f"arc_policy {_ARC_UNUSED} json:{_sets(seen)}\n"
    return "".join([*_lines(lines), *dkim, *_lines(after), sets]).encode("ascii")


def _lines(lines: list[_Line]) -> Iterator[str]:
    for name, value in lines:
        yield f"{name} {_plain(value)}\n"


def _letter(policy: Policy | None) -> int:
    return 0 if policy is None else ord(policy.value[0])


def _plain(value: str | bytes | int) -> str:
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return _unfit.sub("", str(value))[:_VALUE_MOST]


def _action(seen: Seen) -> int:
    match seen.outcome:
        case Outcome.DISCARDED:
            return _DISCARDED
        case Outcome.DEFERRED:
            return _DEFERRED
    match seen.disposition:
        case Disposition.REJECT:
            return _REFUSED
        case Disposition.QUARANTINE:
            return _QUARANTINED
    return _TAKEN


def _sets(seen: Seen) -> str:
    """The newest first, as OpenDMARC has them."""
    sets = [
        {
            "i": each.instance,
            "d": _plain(each.domain),
            "s": _plain(each.selector),
            "ip": _plain(each.client),
        }
        for each in sorted(seen.sets, key=lambda each: -each.instance)
    ]
    return json.dumps(sets, separators=(",", ":"))


__all__ = ["block"]
