"""
DMARC: was a message sent by whom it says it is from, and what does the owner of that
domain want done if it was not (RFC 9989; with a public suffix list RFC 7489)?

L{evaluate} takes what is known of a message as plain values: in whose name it is
(L{smtpx.mailauth.authordomain}), and which domains SPF and DKIM have proven.  It asks
for records through L{smtpx.mailauth.dmarcwalk} and returns a L{Verdict}.

A verdict does nothing by itself.  RFC 9989 section 5.4 wants no mail refused for
C{p=reject} alone, so what is done is left to the operator's policy.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import frozen

from .asking import Asking, Unanswered, lookUp
from .dmarcrecord import DMARCRecord, Policy
from .dmarcwalk import Discovery, IBoundaries, Published, SuffixList, TreeWalk
from .publicsuffix import PublicSuffixes

#: How many domains that DKIM has proven are looked at.
DOMAINS_MOST = 20


class Status(Enum):
    """
    What came of it, as operators know it (C{dmarc_status}).

    @cvar ACCEPT: it passes.
    @cvar NONE: it fails, and the owner of the domain asks for nothing.
    """

    ACCEPT = "accept"
    REJECT = "reject"
    QUARANTINE = "quarantine"
    NONE = "none"
    NORECORD = "norecord"
    NOFROM = "nofrom"
    TEMPERROR = "temperror"
    OFF = "off"


class Override(Enum):
    """
    Why something milder is to be done than is asked for.

    @cvar TEST: the owner tests the policy (C{t=y}, RFC 9989).
    @cvar SAMPLE: it is for a part of the mail (C{pct}, RFC 7489), and not for this.
    """

    TEST = "policy_test_mode"
    SAMPLE = "sampled_out"


@frozen
class Evidence:
    """
    What is known of a message.

    @ivar author: in whose name it is, in A-labels, in lower case.
    @ivar spf: the domain of its sender that SPF passed, in A-labels, in lower case: of
        the null path, the name in EHLO (RFC 7208 section 2.4); L{None}: none passed.
    @ivar dkim: the domains of its signatures that hold, likewise.
    @ivar lot: from 0 to 99, drawn for this message: is it of the part that a policy is
        for (C{pct})?
    @ivar unsureSPF: the domain of its sender, where nobody could tell for now what SPF
        says; L{None}: somebody could.
    @ivar unsureDKIM: the domains of signatures of which nobody could tell for now.
    """

    author: bytes
    spf: bytes | None = None
    dkim: tuple[bytes, ...] = ()
    lot: int = 0
    unsureSPF: bytes | None = None
    unsureDKIM: tuple[bytes, ...] = ()


@frozen
class Verdict:
    """
    What DMARC says of a message.

    @ivar why: for people, in a few words.
    @ivar author: in whose name it is; empty: nobody's.
    @ivar published: the record that it was judged by; L{None}: there is none.
    @ivar policy: what the record asks for if it fails; L{None}: there is no record.
    @ivar alignedSPF: SPF has proven the author domain.
    @ivar alignedDKIM: DKIM has.
    @ivar override: why less is to be done than C{policy}; L{None}: no less is.
    @ivar invalid: there is a record, and it cannot be used.
    """

    status: Status
    why: str
    author: bytes = b""
    published: Published | None = None
    policy: Policy | None = None
    alignedSPF: bool = False
    alignedDKIM: bool = False
    override: Override | None = None
    discovery: Discovery = Discovery.WALK
    invalid: bool = False

    @property
    def result(self) -> str:
        """
        The word for C{Authentication-Results} (RFC 9989 section 9.2); C{none}, if it
        was not checked.
        """
        match self.status:
            case Status.ACCEPT:
                return "pass"
            case Status.REJECT | Status.QUARANTINE | Status.NONE:
                return "fail"
            case Status.TEMPERROR:
                return "temperror"
            case Status.NOFROM:
                return "permerror"
        return "permerror" if self.invalid else "none"

    @property
    def applied(self) -> Policy | None:
        """
        What is to be done (C{policy.dmarc} of C{Authentication-Results}); L{None}:
        DMARC does not apply to the message.
        """
        if self.policy is None:
            return None
        if self.status in (Status.REJECT, Status.QUARANTINE):
            return Policy(self.status.value)
        return Policy.NONE

    @property
    def aligned(self) -> bool:
        """Something has proven the author domain."""
        return self.alignedSPF or self.alignedDKIM

    def variables(self) -> dict[str, str]:
        """The values of the variables of operators, by name."""
        published, policy = self.published, self.policy
        return {
            "dmarc_status": self.status.value,
            "dmarc_status_text": self.why,
            "dmarc_used_domain": published.domain.decode("ascii") if published else "",
            "dmarc_domain_policy": policy.value if policy else "",
            "dmarc_alignment_spf": "yes" if self.alignedSPF else "no",
            "dmarc_alignment_dkim": "yes" if self.alignedDKIM else "no",
        }


#: Nobody asked for it.
OFF = Verdict(Status.OFF, "not checked")


def noFrom(why: str) -> Verdict:
    """
    There is no author domain.

    @param why: for people.
    """
    return Verdict(Status.NOFROM, why)


def boundaries(suffixes: PublicSuffixes | None = None) -> IBoundaries:
    """
    What tells where domains of one owner end, for one message.

    @param suffixes: L{None}: it is found out as RFC 9989 has it.
    """
    return TreeWalk() if suffixes is None else SuffixList(suffixes)


def evaluate(
    evidence: Evidence, suffixes: PublicSuffixes | None = None
) -> Asking[Verdict]:
    """
    Judge a message.

    @param suffixes: judge as RFC 7489 has it, with this list; L{None}: as RFC 9989 has
        it.
    """
    limits = boundaries(suffixes)
    try:
        return (yield from _evaluated(evidence, limits))
    except Unanswered as error:
        return Verdict(
            Status.TEMPERROR,
            f"temporary DNS trouble: {error}",
            evidence.author,
            discovery=limits.discovery,
        )


def _evaluated(evidence: Evidence, limits: IBoundaries) -> Asking[Verdict]:
    """
    Find the record, and judge by it.

    @raise Unanswered: nobody could tell.
    """
    author, discovery = evidence.author, limits.discovery
    published = yield from limits.policy(author)
    if published is None:
        why = "no DMARC record"
        return Verdict(Status.NORECORD, why, author, discovery=discovery)
    if not _isUsable(published.record, discovery):
        why = "the DMARC record cannot be used"
        return Verdict(Status.NORECORD, why, author, discovery=discovery, invalid=True)
    return (yield from _judged(evidence, published, limits))


def _isUsable(record: DMARCRecord, discovery: Discovery) -> bool:
    """
    Is it a policy, or at least a wish for reports (RFC 9989 section 4.10.1, RFC 7489
    section 6.6.3)?  RFC 7489 has no default for C{p}.
    """
    missing = discovery is Discovery.LIST and record.policy is None
    return record.reported or not (record.faulty or missing)


def _judged(
    evidence: Evidence, published: Published, limits: IBoundaries
) -> Asking[Verdict]:
    """
    Judge a message by a record.

    @raise Unanswered: nobody could tell.
    """
    author, record = evidence.author, published.record
    trouble: Unanswered | None = None
    aligned: list[bool] = []
    for domains, strict in (
        ([evidence.spf], record.strictSPF),
        (evidence.dkim, record.strictDKIM),
    ):
        try:
            aligned.append((yield from _isAligned(author, domains, strict, limits)))
        except Unanswered as error:
            aligned.append(False)
            trouble = error
    passed = any(aligned)
    if trouble is not None and not passed:
        raise trouble
    alignedSPF, alignedDKIM = aligned
    policy = yield from _policy(author, published, limits.discovery, passed)
    status, override = _outcome(policy, passed, record, limits.discovery, evidence.lot)
    why = _words(status, policy, override)
    if status in (Status.REJECT, Status.QUARANTINE):
        if (yield from _mayPass(evidence, record, limits)):
            # RFC 7489 section 6.6.2: what could not be looked up might have passed.
            status, override = Status.TEMPERROR, None
            why = "something could not be looked up"
    return Verdict(
        status,
        why,
        author,
        published,
        policy,
        alignedSPF,
        alignedDKIM,
        override=override,
        discovery=limits.discovery,
    )


def _mayPass(
    evidence: Evidence, record: DMARCRecord, limits: IBoundaries
) -> Asking[bool]:
    """
    Might a message that fails pass, when it is looked at again?  Only what would be
    aligned counts: whoever forges a message can have trouble in a DNS of his own
    whenever he likes.

    @raise Unanswered: nobody could tell.
    """
    author, spf = evidence.author, [evidence.unsureSPF]
    if (yield from _isAligned(author, spf, record.strictSPF, limits)):
        return True
    dkim = evidence.unsureDKIM
    return (yield from _isAligned(author, dkim, record.strictDKIM, limits))


def _isAligned(
    author: bytes,
    proven: Iterable[bytes | None],
    strict: bool,
    limits: IBoundaries,
) -> Asking[bool]:
    """
    Is one of the domains the author domain, or of the same owner?

    @param proven: no more than L{DOMAINS_MOST} are looked at.
    @raise Unanswered: nobody could tell.
    """
    domains = list(dict.fromkeys(filter(None, proven)))[:DOMAINS_MOST]
    if author in domains:
        return True
    if strict or not domains:
        return False
    owner = yield from limits.organization(author)
    for domain in domains:
        # An organizational domain is the end of what it is of: what does not end so
        # need not be asked for.
        if domain == owner:
            return True
        if domain.endswith(b"." + owner):
            if (yield from limits.organization(domain)) == owner:
                return True
    return False


def _policy(
    author: bytes, published: Published, discovery: Discovery, passed: bool
) -> Asking[Policy]:
    """
    What the record asks for (RFC 9989 section 4.10.1).

    @raise Unanswered: nobody could tell.
    """
    record = published.record
    if record.faulty:
        # It has a wish for reports.
        return Policy.NONE
    if author == published.domain:
        return record.policyHere
    known = record.policyBelow(True)
    if passed or discovery is Discovery.LIST or record.policyBelow(False) is known:
        return known
    exists = (yield from lookUp(author, "A")).exists
    return record.policyBelow(exists)


def _outcome(
    policy: Policy, passed: bool, record: DMARCRecord, discovery: Discovery, lot: int
) -> tuple[Status, Override | None]:
    if passed:
        return Status.ACCEPT, None
    override = None
    if policy is not Policy.NONE:
        if discovery is Discovery.LIST and lot >= record.percent:
            override = Override.SAMPLE
        elif discovery is Discovery.WALK and record.testing:
            override = Override.TEST
    return Status((policy.milder if override else policy).value), override


def _words(status: Status, policy: Policy, override: Override | None) -> str:
    if status is Status.ACCEPT:
        return "passed"
    words = f"failed, the domain's policy is {policy.value}"
    match override:
        case Override.TEST:
            words += ", which it tests"
        case Override.SAMPLE:
            words += ", for a part of its mail"
    return words


__all__ = [
    "DOMAINS_MOST",
    "OFF",
    "Evidence",
    "Override",
    "Status",
    "Verdict",
    "boundaries",
    "evaluate",
    "noFrom",
]
