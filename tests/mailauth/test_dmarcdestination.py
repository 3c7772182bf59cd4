"""
Reports go only where they are wanted.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.asking import Unanswered
from smtpx.mailauth.dmarcdestination import destination
from smtpx.mailauth.dmarcrecord import DMARCRecord, Place
from smtpx.mailauth.dmarcwalk import TreeWalk

from .zone import Zone

DOMAIN = b"blue.example.com"
ASKED = "blue.example.com._report._dmarc.red.example.net"


def goes(
    zone: Zone, mailbox: str, domain: bytes = DOMAIN, failure: bool = False
) -> list[bytes]:
    """
    Where reports go instead of a mailbox.
    """
    record = DMARCRecord.parse(b"v=DMARC1; rua=mailto:" + mailbox.encode())
    (place,) = record.aggregate
    found = zone.run(destination(place, domain, TreeWalk(), failure))
    return [each.mailbox for each in found]


class DestinationTests(SynchronousTestCase):
    """
    RFC 9990 section 4, with its example.
    """

    def test_ownMailboxesAreFine(self) -> None:
        """
        Those of the domain, and of the same owner; the first needs no look-up.
        """
        zone = Zone()
        self.assertEqual([b"r@blue.example.com"], goes(zone, "r@blue.example.com"))
        self.assertEqual([], zone.asked)
        zone.dmarc("example.com", "v=DMARC1")
        self.assertEqual([b"r@x.example.com"], goes(zone, "r@x.example.com"))

    def test_othersHaveToAgree(self) -> None:
        """
        A stranger's mailbox gets nothing unless his domain says so.
        """
        zone = Zone()
        self.assertEqual([], goes(zone, "reports@red.example.net"))
        self.assertEqual([ASKED.encode()], zone.asked[-1])
        zone.text(ASKED, "v=spf1 -all", "v=DMARC2")
        self.assertEqual([], goes(zone, "reports@red.example.net"))
        zone.text(ASKED, "v=DMARC1")
        self.assertEqual(
            [b"reports@red.example.net"], goes(zone, "reports@red.example.net")
        )

    def test_othersMayNameAnotherMailbox(self) -> None:
        """
        Of theirs, and for each kind of reports.
        """
        zone = Zone().text(ASKED, "v=DMARC1; rua=mailto:a@red.example.net")
        self.assertEqual([b"a@red.example.net"], goes(zone, "r@red.example.net"))
        self.assertEqual(
            [b"r@red.example.net"], goes(zone, "r@red.example.net", failure=True)
        )
        zone = Zone().text(ASKED, "v=DMARC1; ruf=mailto:f@red.example.net")
        self.assertEqual(
            [b"f@red.example.net"], goes(zone, "r@red.example.net", failure=True)
        )

    def test_strangersAreNotPassedOn(self) -> None:
        """
        Who names a mailbox that is elsewhere gets nothing, and nor does that one.
        """
        zone = Zone().text(ASKED, "v=DMARC1; rua=mailto:victim@example.org")
        self.assertEqual([], goes(zone, "r@red.example.net"))

    def test_longNamesAreNotAsked(self) -> None:
        """
        What cannot be asked for cannot agree (step 4).
        """
        zone = Zone()
        domain = b".".join([b"x" * 60] * 4)
        self.assertEqual([], goes(zone, "r@red.example.net", domain))
        self.assertFalse(
            any(b"_report" in name for group in zone.asked for name in group)
        )

    def test_whatNobodyCanTellIsTemporary(self) -> None:
        """
        It may be tried again.
        """
        zone = Zone().broken(ASKED)
        place = Place(b"r@red.example.net", "mailto:r@red.example.net")
        with self.assertRaises(Unanswered):
            zone.run(destination(place, DOMAIN, TreeWalk()))
