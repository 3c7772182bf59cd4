"""
How often messages in the name of a domain came from where, and what DMARC made of them:
what aggregate reports (RFC 9990) are made of.

L{rowOf} takes from a message what is told of it, and L{DMARCCounts} adds up in memory;
from there it is written down every now and then (L{smtpx.queue.dmarcreportfile}).  Who
sends in a stranger's name can make every message another row, so there is an end to all
of it: what has no room is still counted, as a number.

Nothing is told of who gets mail: C{envelope_to} is optional, and left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import evolve, frozen

from ..mailauth.dmarc import Override, Status
from ..mailauth.dmarcrecord import Policy
from ..mailauth.dmarcseen import Seen, Signature
from ..mailauth.dmarcwalk import Published
from .tlscounts import dayOf

#: How many domains are told of a day, how many rows each has then, and how many records
#: of each are told apart.
DOMAINS_MOST = 10_000
ROWS_MOST = 5000
POLICIES_MOST = 4

#: How many different things are counted in memory.
COUNTS_MOST = 20_000

#: How many signatures of a message are told, and how long a name may be, in octets.
SIGNATURES_MOST = 10
_NAME_OCTETS = 255

_PASS = "pass"

#: What a domain must be of to be told: it stands in names of files, and in a header.
_DOMAIN = re.compile(rb"[a-z0-9_.-]{1,255}\Z").match


@frozen
class PolicyPublished:
    """
    A record, as reports show it (C{policy_published}).

    @ivar domain: where it was found.
    @ivar policy: for the domain, C{p}.
    @ivar subdomains: C{sp}; empty: it does not say.
    @ivar missing: C{np}; empty: likewise.
    @ivar alignDKIM: C{r} or C{s}.
    @ivar alignSPF: likewise.
    @ivar options: C{fo}.
    @ivar testing: C{t}.
    @ivar discovery: C{treewalk} or C{psl}.
    """

    domain: str
    policy: str
    subdomains: str = ""
    missing: str = ""
    alignDKIM: str = "r"
    alignSPF: str = "r"
    options: str = "0"
    testing: bool = False
    discovery: str = "treewalk"


@frozen
class AuthResult:
    """
    What came of DKIM or SPF.

    @ivar domain: that was looked at.
    @ivar result: a word of RFC 8601.
    @ivar selector: of DKIM's key; of SPF empty.
    """

    domain: str
    result: str
    selector: str = ""


@frozen
class Row:
    """
    What is told of messages that are alike.

    @ivar source: the client's address.
    @ivar disposition: what was done with them.
    @ivar alignedDKIM: DKIM has proven the author domain.
    @ivar alignedSPF: SPF has.
    @ivar reasons: why that is not what the record asks for: a word of RFC 9990 each,
        and a text, which may be empty.
    @ivar author: the domain in C{From}.
    @ivar sender: the domain of the reverse path; empty: the null path.
    @ivar spf: L{None}: it was not looked at.
    """

    source: str
    disposition: str
    alignedDKIM: bool
    alignedSPF: bool
    reasons: tuple[tuple[str, str], ...]
    author: str
    sender: str
    dkim: tuple[AuthResult, ...] = ()
    spf: AuthResult | None = None


@frozen
class Tally:
    """
    What is counted.

    @ivar day: in days since the epoch (UTC).
    @ivar domain: where the record was found: whose owner is told.
    @ivar policy: L{None}: see C{row}.
    @ivar row: L{None}: what was left out, for want of room.
    """

    day: int
    domain: str
    policy: PolicyPublished | None = None
    row: Row | None = None

    @property
    def bare(self) -> Tally:
        """One more that is left out."""
        return evolve(self, policy=None, row=None)


@frozen
class Tallied:
    """How many messages there were."""

    tally: Tally
    messages: int


def tallyOf(seen: Seen) -> Tally | None:
    """
    What is counted of a message; L{None}: nobody asks for it.
    """
    published = seen.verdict.published
    if published is None or not published.record.aggregate:
        return None
    if _DOMAIN(published.domain) is None:
        return None
    policy = _policy(published, seen.verdict.discovery.value)
    return Tally(dayOf(seen.received), policy.domain, policy, rowOf(seen))


def rowOf(seen: Seen) -> Row:
    """What is told of a message."""
    verdict = seen.verdict
    spf = None
    if seen.spf:
        spf = AuthResult(_name(seen.spfDomain), seen.spf)
    # Of many, those that matter.
    some = sorted(seen.signatures, key=lambda each: each.result != _PASS)
    return Row(
        seen.source,
        seen.disposition.value,
        verdict.alignedDKIM,
        verdict.alignedSPF,
        _reasons(seen),
        _name(verdict.author),
        _name(seen.sender.rpartition(b"@")[2]),
        tuple(map(_signature, some[:SIGNATURES_MOST])),
        spf,
    )


def _policy(published: Published, discovery: str) -> PolicyPublished:
    record = published.record
    return PolicyPublished(
        _name(published.domain),
        record.policyHere.value,
        _word(record.subdomains),
        _word(record.missing),
        "s" if record.strictDKIM else "r",
        "s" if record.strictSPF else "r",
        ":".join(record.options),
        record.testing,
        discovery,
    )


def _word(policy: Policy | None) -> str:
    return "" if policy is None else policy.value


def _signature(signature: Signature) -> AuthResult:
    selector = _name(signature.selector)
    return AuthResult(_name(signature.domain), signature.result, selector)


def _name(octets: bytes) -> str:
    """A name out of a message, which may be anything."""
    return octets[:_NAME_OCTETS].decode("utf-8", "replace").lower()


def _reasons(seen: Seen) -> tuple[tuple[str, str], ...]:
    """
    Why less was done than the record asks for; RFC 9990 wants to be told wherever it
    was.
    """
    if not seen.isOverridden:
        return ()
    verdict = seen.verdict
    if verdict.status is Status.TEMPERROR:
        return (("other", "something could not be looked up for now"),)
    reasons = []
    match verdict.override:
        case Override.TEST:
            reasons.append((Override.TEST.value, ""))
        case Override.SAMPLE:
            # Of RFC 7489; RFC 9990 has no word for it.
            reasons.append(("other", "not in the part that pct names"))
    wanted = verdict.applied
    if wanted is not None and seen.disposition.value != wanted.value:
        reasons.append(("local_policy", ""))
    return tuple(reasons)


class DMARCCounts:
    """
    Adds up in memory.

    @ivar lost: how much was not counted, because there is too much of it.
    """

    def __init__(self, most: int = COUNTS_MOST) -> None:
        self._most = most
        self._counts: dict[Tally, int] = {}
        self.lost = 0

    def __len__(self) -> int:
        """How many different things were counted."""
        return len(self._counts)

    def add(self, tally: Tally, messages: int = 1) -> None:
        """It has happened."""
        # The rest of the room is for numbers of what is left out.
        if tally not in self._counts and 2 * len(self._counts) >= self._most:
            tally = tally.bare
        before = self._counts.get(tally)
        if before is None and len(self._counts) >= self._most:
            self.lost += messages
            return
        self._counts[tally] = (before or 0) + messages

    def taken(self) -> list[Tallied]:
        """All that was counted, which is forgotten here."""
        counts, self._counts = self._counts, {}
        return [Tallied(tally, messages) for tally, messages in counts.items()]

    def returned(self, counts: Sequence[Tallied]) -> None:
        """What was taken could not be written down: keep what there is room for."""
        for each in counts:
            self.add(each.tally, each.messages)


__all__ = [
    "COUNTS_MOST",
    "DOMAINS_MOST",
    "POLICIES_MOST",
    "ROWS_MOST",
    "SIGNATURES_MOST",
    "AuthResult",
    "DMARCCounts",
    "PolicyPublished",
    "Row",
    "Tallied",
    "Tally",
    "rowOf",
    "tallyOf",
]
