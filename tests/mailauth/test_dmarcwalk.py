"""
Records and organizational domains are found by a walk through the DNS.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.asking import Unanswered
from smtpx.mailauth.dmarcwalk import SuffixList, TreeWalk, targets
from smtpx.mailauth.publicsuffix import PublicSuffixes

from .zone import Zone


def ownerOf(zone: Zone, domain: bytes) -> bytes:
    """
    The organizational domain.
    """
    return zone.run(TreeWalk().organization(domain))


def recordFor(zone: Zone, domain: bytes) -> bytes | None:
    """
    Where the record for a domain is.
    """
    published = zone.run(TreeWalk().policy(domain))
    return None if published is None else published.domain


class TargetTests(SynchronousTestCase):
    """
    What a walk asks for.
    """

    def test_longNamesAreCutShort(self) -> None:
        """
        The example of RFC 9989 section 4.10: eight names, and no more.
        """
        self.assertEqual(
            [
                b"a.b.c.d.e.f.g.h.i.j.mail.example.com",
                b"g.h.i.j.mail.example.com",
                b"h.i.j.mail.example.com",
                b"i.j.mail.example.com",
                b"j.mail.example.com",
                b"mail.example.com",
                b"example.com",
                b"com",
            ],
            targets(b"a.b.c.d.e.f.g.h.i.j.mail.example.com"),
        )

    def test_eightLabelsAreEightNames(self) -> None:
        """
        At the edge nothing is left out, and behind it one name is.
        """
        self.assertEqual(
            ["a.b.c.d.e.f.g.h"[at:].encode() for at in range(0, 16, 2)],
            targets(b"a.b.c.d.e.f.g.h"),
        )
        self.assertEqual(
            [b"z.a.b.c.d.e.f.g.h", b"b.c.d.e.f.g.h"], targets(b"z.a.b.c.d.e.f.g.h")[:2]
        )

    def test_shortNames(self) -> None:
        """
        Down to the last label, which is asked for too.
        """
        self.assertEqual([b"example.com", b"com"], targets(b"example.com"))
        self.assertEqual([b"com"], targets(b"com"))


class OrganizationTests(SynchronousTestCase):
    """
    The organizational domain (RFC 9989 section 4.10.2).
    """

    def test_shortestNameWithARecordIsIt(self) -> None:
        """
        The first example of the section.
        """
        zone = Zone().dmarc("mail.example.com", "v=DMARC1")
        zone.dmarc("example.com", "v=DMARC1")
        self.assertEqual(b"example.com", ownerOf(zone, b"a.mail.example.com"))

    def test_ownerSaysSo(self) -> None:
        """
        The second: C{psd=n} ends the walk.
        """
        zone = Zone().dmarc("mail.example.com", "v=DMARC1; psd=n")
        zone.dmarc("example.com", "v=DMARC1")
        self.assertEqual(b"mail.example.com", ownerOf(zone, b"a.mail.example.com"))

    def test_belowAPublicSuffix(self) -> None:
        """
        The third: C{psd=y} makes it the name below, though that has no record.
        """
        zone = Zone().dmarc("com", "v=DMARC1; psd=y")
        self.assertEqual(b"example.com", ownerOf(zone, b"a.mail.example.com"))
        self.assertEqual(b"example.com", ownerOf(zone, b"example.com"))

    def test_publicSuffixItself(self) -> None:
        """
        Where the walk starts C{psd=y} says nothing of what is below.
        """
        zone = Zone().dmarc("bank", "v=DMARC1; psd=y")
        self.assertEqual(b"bank", ownerOf(zone, b"bank"))

    def test_withoutRecordsItIsTheDomain(self) -> None:
        """
        Nothing says otherwise.
        """
        self.assertEqual(b"a.example.com", ownerOf(Zone(), b"a.example.com"))

    def test_twoRecordsAreNone(self) -> None:
        """
        Step 6 of section 4.10.
        """
        zone = Zone().dmarc("example.com", "v=DMARC1", "v=DMARC1")
        self.assertEqual(b"a.example.com", ownerOf(zone, b"a.example.com"))

    def test_whatNobodyCanTellIsToldFromNothing(self) -> None:
        """
        Without an answer there is no organizational domain.
        """
        zone = Zone().broken("_dmarc.example.com")
        self.assertRaises(Unanswered, ownerOf, zone, b"a.example.com")

    def test_answersBehindTheEndAreNotNeeded(self) -> None:
        """
        A walk that has ended does not care for what is above.
        """
        zone = Zone().dmarc("example.com", "v=DMARC1; psd=n").broken("_dmarc.com")
        self.assertEqual(b"example.com", ownerOf(zone, b"a.example.com"))

    def test_walkTakesOneRoundTrip(self) -> None:
        """
        All names are asked for at once, and none twice.
        """
        zone = Zone()
        walk = TreeWalk()
        zone.run(walk.organization(b"a.example.com"))
        zone.run(walk.organization(b"b.example.com"))
        self.assertEqual(
            [
                [b"_dmarc.a.example.com", b"_dmarc.example.com", b"_dmarc.com"],
                [b"_dmarc.b.example.com"],
            ],
            zone.asked,
        )


class PolicyTests(SynchronousTestCase):
    """
    The record for a domain (RFC 9989 section 4.10.1).
    """

    def test_ownRecordComesFirst(self) -> None:
        """
        The author domain's is preferred, whatever the others are.
        """
        zone = Zone().dmarc("a.example.com", "v=DMARC1").broken("_dmarc.example.com")
        self.assertEqual(b"a.example.com", recordFor(zone, b"a.example.com"))

    def test_organizationsRecordIsNext(self) -> None:
        """
        Those between are not asked.
        """
        zone = Zone().dmarc("mail.example.com", "v=DMARC1")
        zone.dmarc("example.com", "v=DMARC1")
        self.assertEqual(b"example.com", recordFor(zone, b"a.mail.example.com"))

    def test_publicSuffixComesLast(self) -> None:
        """
        Its record is for those without one of their own.
        """
        zone = Zone().dmarc("com", "v=DMARC1; psd=y")
        self.assertEqual(b"com", recordFor(zone, b"a.example.com"))
        self.assertEqual(b"com", recordFor(zone, b"example.com"))
        zone.dmarc("example.com", "v=DMARC1")
        self.assertEqual(b"example.com", recordFor(zone, b"a.example.com"))

    def test_recordBetweenIsNotUsedBelowAPublicSuffix(self) -> None:
        """
        What is neither the organizational domain's nor the suffix's does not count.
        """
        zone = Zone().dmarc("com", "v=DMARC1; psd=y")
        zone.dmarc("mail.example.com", "v=DMARC1")
        self.assertEqual(b"com", recordFor(zone, b"a.mail.example.com"))

    def test_noRecord(self) -> None:
        """
        DMARC does not apply then.
        """
        self.assertIsNone(recordFor(Zone(), b"a.example.com"))


class SuffixListTests(SynchronousTestCase):
    """
    The same with a public suffix list (RFC 7489 section 6.6.3).
    """

    def setUp(self) -> None:
        """
        Make a list.
        """
        self.limits = SuffixList(PublicSuffixes([b"com", b"co.uk"]))

    def test_twoNamesAreAsked(self) -> None:
        """
        The domain's and that of its organization, and none between.
        """
        zone = Zone().dmarc("b.example.co.uk", "v=DMARC1")
        zone.dmarc("example.co.uk", "v=DMARC1")
        published = zone.run(self.limits.policy(b"a.b.example.co.uk"))
        assert published is not None
        self.assertEqual(b"example.co.uk", published.domain)
        self.assertEqual(
            [[b"_dmarc.a.b.example.co.uk", b"_dmarc.example.co.uk"]], zone.asked
        )

    def test_suffixHasNoSay(self) -> None:
        """
        It is not asked.
        """
        zone = Zone().dmarc("com", "v=DMARC1; psd=y")
        self.assertIsNone(zone.run(self.limits.policy(b"example.com")))

    def test_organizationComesFromTheList(self) -> None:
        """
        Nothing is asked for it.
        """
        zone = Zone()
        self.assertEqual(
            b"example.co.uk", zone.run(self.limits.organization(b"a.example.co.uk"))
        )
        self.assertEqual([], zone.asked)
