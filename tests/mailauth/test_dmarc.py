"""
DMARC judges messages.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.dmarc import (
    DOMAINS_MOST,
    OFF,
    Evidence,
    Override,
    Status,
    Verdict,
    evaluate,
    noFrom,
)
from smtpx.mailauth.dmarcrecord import Policy
from smtpx.mailauth.dmarcwalk import Discovery
from smtpx.mailauth.publicsuffix import PublicSuffixes

from .zone import Zone

AUTHOR = b"mail.example.com"
SUFFIXES = PublicSuffixes([b"com", b"co.uk"])


def judged(
    zone: Zone,
    spf: bytes | None = None,
    *dkim: bytes,
    author: bytes = AUTHOR,
    lot: int = 0,
    suffixes: PublicSuffixes | None = None,
) -> Verdict:
    """
    What DMARC says.
    """
    return zone.run(evaluate(Evidence(author, spf, dkim, lot), suffixes))


def policyOf(text: str) -> Zone:
    """
    The zone of an organization that asks for something.
    """
    return (
        Zone().dmarc("example.com", f"v=DMARC1; {text}").text("mail.example.com", "x")
    )


class AlignmentTests(SynchronousTestCase):
    """
    Whose proof counts (RFC 9989 section 4.4).
    """

    def test_sameOwnerIsEnough(self) -> None:
        """
        Relaxed alignment is the default: above, beside and below.
        """
        zone = policyOf("p=reject")
        for domain in (AUTHOR, b"example.com", b"b.example.com", b"a.mail.example.com"):
            with self.subTest(domain=domain):
                spf = judged(zone, domain)
                self.assertEqual(Status.ACCEPT, spf.status)
                self.assertEqual((True, False), (spf.alignedSPF, spf.alignedDKIM))
                dkim = judged(zone, None, b"other.example", domain)
                self.assertEqual((False, True), (dkim.alignedSPF, dkim.alignedDKIM))
                self.assertTrue(dkim.aligned)

    def test_othersAreNot(self) -> None:
        """
        What only ends alike is somebody else's.
        """
        zone = policyOf("p=reject")
        for domain in (b"example.net", b"badexample.com", b"com", b"other.com"):
            with self.subTest(domain=domain):
                verdict = judged(zone, domain, domain)
                self.assertEqual(Status.REJECT, verdict.status)
                self.assertFalse(verdict.aligned)

    def test_ownerBelowIsAnother(self) -> None:
        """
        A domain below that is its own owner does not stand in for the one above.
        """
        zone = policyOf("p=reject").dmarc("own.example.com", "v=DMARC1; psd=n")
        self.assertEqual(
            Status.REJECT,
            judged(zone, b"a.own.example.com", author=b"example.com").status,
        )

    def test_strictNeedsTheVeryDomain(self) -> None:
        """
        Each of SPF and DKIM has its own mode.
        """
        zone = policyOf("p=reject; adkim=s; aspf=r")
        self.assertEqual(Status.REJECT, judged(zone, None, b"example.com").status)
        self.assertEqual(Status.ACCEPT, judged(zone, None, AUTHOR).status)
        self.assertEqual(Status.ACCEPT, judged(zone, b"example.com").status)
        zone = policyOf("p=reject; aspf=s")
        self.assertEqual(Status.REJECT, judged(zone, b"example.com").status)

    def test_manySignaturesAreBounded(self) -> None:
        """
        Of very many domains the last are not looked at.
        """
        zone = policyOf("p=reject")
        others = [b"s%d.example" % number for number in range(DOMAINS_MOST)]
        self.assertEqual(Status.REJECT, judged(zone, None, *others, AUTHOR).status)

    def test_strangersAreNotAskedFor(self) -> None:
        """
        A domain that cannot be of the same owner costs no look-up.
        """
        zone = policyOf("p=reject")
        judged(zone, b"example.net", b"example.org")
        self.assertEqual(
            [[b"_dmarc.mail.example.com", b"_dmarc.example.com", b"_dmarc.com"]],
            zone.asked,
        )


class UnsureTests(SynchronousTestCase):
    """
    What nobody could tell for now, which may yet be proof (RFC 7489 section 6.6.2).
    """

    def of(self, text: str, **unsure: Any) -> Verdict:
        """
        What is said of a message without proof.
        """
        return policyOf(text).run(evaluate(Evidence(AUTHOR, **unsure)))

    def test_itMightHavePassed(self) -> None:
        """
        Mail that may pass when it is looked at again is not refused.
        """
        for text in ("p=reject", "p=quarantine"):
            for unsure in (
                {"unsureSPF": b"example.com"},
                {"unsureDKIM": (b"other.example", AUTHOR)},
            ):
                verdict = self.of(text, **unsure)
                self.assertEqual(Status.TEMPERROR, verdict.status)
                self.assertFalse(verdict.aligned)

    def test_forgersTroubleIsTheirOwn(self) -> None:
        """
        Trouble with a name that would prove nothing saves no forgery.
        """
        verdict = self.of(
            "p=reject", unsureSPF=b"evil.example", unsureDKIM=(b"evil.example", b"com")
        )
        self.assertEqual(Status.REJECT, verdict.status)
        strict = self.of(
            "p=reject; adkim=s; aspf=s",
            unsureSPF=b"example.com",
            unsureDKIM=(b"example.com",),
        )
        self.assertEqual(Status.REJECT, strict.status)

    def test_nothingIsAskedForNothing(self) -> None:
        """
        Where nothing is to be done with mail that fails, it fails.
        """
        verdict = self.of("p=none", unsureSPF=AUTHOR)
        self.assertEqual(Status.NONE, verdict.status)


class StatusTests(SynchronousTestCase):
    """
    What comes of it.
    """

    def test_failedMailHasThePolicysStatus(self) -> None:
        """
        What the owner asks for is the status, and what is to be done.
        """
        for policy in Policy:
            with self.subTest(policy=policy):
                verdict = judged(policyOf(f"p={policy.value}"))
                self.assertEqual(policy.value, verdict.status.value)
                self.assertEqual("fail", verdict.result)
                self.assertEqual(policy, verdict.applied)
                self.assertIsNone(verdict.override)

    def test_passedMailIsAccepted(self) -> None:
        """
        The policy is told all the same.
        """
        verdict = judged(policyOf("p=reject; sp=quarantine"), AUTHOR)
        self.assertEqual("pass", verdict.result)
        self.assertEqual(Policy.QUARANTINE, verdict.policy)
        self.assertEqual(Policy.NONE, verdict.applied)
        self.assertEqual("passed", verdict.why)

    def test_withoutRecordItDoesNotApply(self) -> None:
        """
        Nothing is known, and nothing is done.
        """
        verdict = judged(Zone(), AUTHOR)
        self.assertEqual(Status.NORECORD, verdict.status)
        self.assertEqual("none", verdict.result)
        self.assertIsNone(verdict.applied)

    def test_recordThatIsOfNoUse(self) -> None:
        """
        A policy that is none is one of C{none} if reports are wanted; else there is
        none (RFC 9989 section 4.10.1).
        """
        verdict = judged(policyOf("p=rejct"))
        self.assertEqual(Status.NORECORD, verdict.status)
        self.assertEqual("permerror", verdict.result)
        verdict = judged(policyOf("p=reject; sp=x; rua=mailto:a@example.com"))
        self.assertEqual(Status.NONE, verdict.status)

    def test_recordWithoutPolicyAsksForNothing(self) -> None:
        """
        C{p} may be left out (RFC 9989 section 4.7).
        """
        self.assertEqual(Status.NONE, judged(policyOf("adkim=s")).status)

    def test_subdomainsHaveTheirOwnPolicy(self) -> None:
        """
        C{sp} is for those that exist, C{np} for others, C{p} for the very domain.
        """
        zone = policyOf("p=reject; sp=none; np=quarantine")
        self.assertEqual(Status.NONE, judged(zone).status)
        self.assertEqual(
            Status.QUARANTINE, judged(zone, author=b"nothing.example.com").status
        )
        self.assertEqual(Status.REJECT, judged(zone, author=b"example.com").status)

    def test_existenceIsAskedOnlyWhereItMatters(self) -> None:
        """
        Mail that passes does not need it, nor does a record with one policy.
        """
        zone = policyOf("p=reject; np=none")
        judged(zone, AUTHOR)
        judged(policyOf("p=reject; sp=none; np=none"))
        self.assertEqual(1, len(zone.asked))
        judged(zone)
        self.assertEqual([AUTHOR], zone.asked[-1])

    def test_testIsOneLevelBelow(self) -> None:
        """
        C{t=y} asks for less, and the verdict says why.
        """
        for text, status, override in (
            ("p=reject", Status.QUARANTINE, Override.TEST),
            ("p=quarantine", Status.NONE, Override.TEST),
            ("p=none", Status.NONE, None),
        ):
            with self.subTest(text=text):
                verdict = judged(policyOf(f"{text}; t=y"))
                self.assertEqual((status, override), (verdict.status, verdict.override))
        self.assertEqual(
            "failed, the domain's policy is quarantine, which it tests",
            judged(policyOf("p=quarantine; t=y")).why,
        )

    def test_domainWithoutAuthorIsNobodys(self) -> None:
        """
        There is a verdict for it.
        """
        verdict = noFrom("2 From fields")
        self.assertEqual("permerror", verdict.result)
        self.assertEqual(
            {
                "dmarc_status": "nofrom",
                "dmarc_status_text": "2 From fields",
                "dmarc_used_domain": "",
                "dmarc_domain_policy": "",
                "dmarc_alignment_spf": "no",
                "dmarc_alignment_dkim": "no",
            },
            verdict.variables(),
        )

    def test_uncheckedMailIsOff(self) -> None:
        """
        So it has a status, too.
        """
        self.assertEqual("off", OFF.variables()["dmarc_status"])
        self.assertEqual("none", OFF.result)

    def test_variablesTellTheVerdict(self) -> None:
        """
        Those of the seeds.
        """
        self.assertEqual(
            {
                "dmarc_status": "accept",
                "dmarc_status_text": "passed",
                "dmarc_used_domain": "example.com",
                "dmarc_domain_policy": "reject",
                "dmarc_alignment_spf": "no",
                "dmarc_alignment_dkim": "yes",
            },
            judged(policyOf("p=reject"), None, b"example.com").variables(),
        )


class TroubleTests(SynchronousTestCase):
    """
    The DNS does not answer.
    """

    def test_recordThatNobodyCanTellIsTemporary(self) -> None:
        """
        Neither passed nor failed (RFC 9989 section 5.3.6).
        """
        for name in ("_dmarc.mail.example.com", "_dmarc.example.com"):
            with self.subTest(name=name):
                verdict = judged(policyOf("p=reject").broken(name), AUTHOR)
                self.assertEqual(Status.TEMPERROR, verdict.status)
                self.assertEqual("temperror", verdict.result)
                self.assertEqual(AUTHOR, verdict.author)
                self.assertIn("SERVFAIL", verdict.why)

    def test_existenceThatNobodyCanTellIsTemporary(self) -> None:
        """
        The policy hangs on it.
        """
        zone = policyOf("p=none; np=reject").broken("mail.example.com")
        self.assertEqual(Status.TEMPERROR, judged(zone).status)

    def test_ownerThatNobodyCanTellIsTemporary(self) -> None:
        """
        Unless something else has proven the author domain.
        """
        zone = policyOf("p=reject").broken("_dmarc.b.example.com")
        other = b"a.b.example.com"
        self.assertEqual(Status.TEMPERROR, judged(zone, other).status)
        self.assertEqual(Status.ACCEPT, judged(zone, other, AUTHOR).status)
        self.assertEqual(Status.ACCEPT, judged(zone, AUTHOR, other).status)


class ListTests(SynchronousTestCase):
    """
    RFC 7489, with a public suffix list.
    """

    def test_listTellsTheOwner(self) -> None:
        """
        And the verdict tells how it was found.
        """
        zone = Zone().dmarc("example.co.uk", "v=DMARC1; p=reject")
        verdict = judged(
            zone, b"b.example.co.uk", author=b"a.example.co.uk", suffixes=SUFFIXES
        )
        self.assertEqual(Status.ACCEPT, verdict.status)
        self.assertEqual(Discovery.LIST, verdict.discovery)
        other = judged(zone, b"co.uk", author=b"a.example.co.uk", suffixes=SUFFIXES)
        self.assertEqual(Status.REJECT, other.status)

    def test_policyIsForAPartOfTheMail(self) -> None:
        """
        C{pct} counts here, and only here.
        """
        zone = policyOf("p=reject; pct=30")
        self.assertEqual(Status.REJECT, judged(zone, lot=29, suffixes=SUFFIXES).status)
        verdict = judged(zone, lot=30, suffixes=SUFFIXES)
        self.assertEqual(Status.QUARANTINE, verdict.status)
        self.assertEqual(Override.SAMPLE, verdict.override)
        self.assertIn("for a part of its mail", verdict.why)
        self.assertEqual(Status.REJECT, judged(zone, lot=30).status)

    def test_newerTagsAreUnknown(self) -> None:
        """
        C{np} and C{t} came later.
        """
        zone = policyOf("p=reject; np=none; t=y")
        self.assertEqual(
            Status.REJECT,
            judged(zone, author=b"nothing.example.com", suffixes=SUFFIXES).status,
        )

    def test_policyMayNotBeLeftOut(self) -> None:
        """
        It may since RFC 9989.
        """
        verdict = judged(policyOf("adkim=s"), suffixes=SUFFIXES)
        self.assertEqual(Status.NORECORD, verdict.status)
        self.assertTrue(verdict.invalid)
