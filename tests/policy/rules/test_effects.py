"""Tests for L{smtpx.policy.rules.effects}."""

from __future__ import annotations

from email import message_from_bytes, policy

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Malformed
from smtpx.core.queueprofile import DISCARDED, QUARANTINED
from smtpx.policy.edits import FieldPlace
from smtpx.policy.rules import CONTROLS, AddHeader, RuleStage, settle
from smtpx.policy.rules.effects import add, discard, hold, isHeld, quarantine

from .asking import subject

START, RECEIVED = FieldPlace.AT_START, FieldPlace.AFTER_RECEIVED


def envelope() -> Envelope:
    """To two people."""
    return Envelope(
        b"a@b.example", 0.0, [Recipient(b"ann@x.org"), Recipient(b"b@x.org")]
    )


class AddHeaderTests(SynchronousTestCase):
    """Fields in the configuration."""

    def test_fieldMayHaveItsPlaceInFront(self) -> None:
        """Otherwise it stands below our Received field."""
        parse = AddHeader.parse
        self.assertEqual(parse("X-A: b"), AddHeader("X-A: b", RECEIVED))
        self.assertEqual(parse(":after_received:X-A: b"), AddHeader("X-A: b", RECEIVED))
        self.assertEqual(parse(":at_start: X-A: b"), AddHeader("X-A: b", START))
        self.assertEqual(parse("$spf_received"), AddHeader("$spf_received", RECEIVED))

    def test_whatIsNoFieldIsRefused(self) -> None:
        """A name is missing, a place is strange, a line ends within."""
        for text in ("hello", "X A: b", ":below: X: y", ":X", "X: a\r\nY: b"):
            self.assertRaises(Malformed, AddHeader.parse, text)


class SettleTests(SynchronousTestCase):
    """What becomes of what rules have noted."""

    def test_whereNothingWasNotedNothingIsDone(self) -> None:
        """The message goes its way."""
        given = envelope()
        settled = settle(given, given)
        self.assertEqual((settled.held, settled.above, settled.below), ("", b"", b""))
        self.assertFalse(any(DISCARDED in each.stamps for each in given.recipients))

    def test_fieldsStandInTheirPlacesAndOnce(self) -> None:
        """A rule may be true of many recipients."""
        given = envelope()
        add(given, START, "X-Top: a")
        for each in given.recipients:
            add(each, RECEIVED, "X-Below: b")
        add(given, RECEIVED, "X-More: c")
        settled = settle(given, given)
        self.assertEqual(settled.above, b"X-Top: a\r\n")
        self.assertEqual(settled.below, b"X-More: c\r\nX-Below: b\r\n")

    def test_whatIsNoFieldInTheEndIsLeftOut(self) -> None:
        """A variable may have been empty."""
        given = envelope()
        for line in ("", "X-A:  ", "no field", ": x"):
            add(given, RECEIVED, line)
        self.assertEqual(settle(given, given).below, b"")

    def test_fieldsAreFoldedAndASCII(self) -> None:
        """RFC 5322 section 2.1.1, and RFC 2047."""
        given = envelope()
        add(given, RECEIVED, "X-A: " + "word " * 30)
        add(given, RECEIVED, "X-B: gr\u00fc\u00df")
        lines = settle(given, given).below.split(b"\r\n")
        self.assertTrue(all(len(each) <= 78 for each in lines), lines)
        self.assertTrue(lines[1].startswith(b" word"))
        self.assertEqual(lines[-2], b"X-B: =?utf-8?b?Z3LDvMOf?=")

    def test_noLineIsTooLong(self) -> None:
        """What a client has said makes no message that nobody takes."""
        given = envelope()
        said = "\U0001f600" * 512
        add(given, RECEIVED, f"X-A: {said}")
        add(given, RECEIVED, "X-B: " + "a" * 2048)
        fields = settle(given, given).below
        lines = fields.split(b"\r\n")
        self.assertTrue(all(len(each) <= 78 for each in lines), lines)
        read = message_from_bytes(fields + b"\r\n", policy=policy.SMTP)
        self.assertEqual(str(read["X-A"]), said)

    def test_oneWhoIsNotToGetItIsMarked(self) -> None:
        """Others get it."""
        given = envelope()
        discard(given.recipients[0])
        settle(given, given)
        marked = [each.stamp(DISCARDED) for each in given.recipients]
        self.assertEqual(marked, [True, None])

    def test_whereNobodyIsToGetItAllAreMarked(self) -> None:
        """Also those who stand in for a recipient."""
        given = envelope()
        discard(given)
        spooled = given.addressedTo([Recipient(b"other@x.org")])
        settle(given, spooled)
        self.assertIs(spooled.recipients[0].stamp(DISCARDED), True)

    def test_quarantineIsNotedInTheSpool(self) -> None:
        """So that it is told apart from what is on hold for another reason."""
        given = envelope()
        quarantine(given.recipients[1], "may do harm")
        spooled = given.addressedTo([Recipient(b"other@x.org")])
        self.assertTrue(isHeld(given))
        self.assertEqual(settle(given, spooled).held, "may do harm")
        self.assertEqual(spooled.dumpedStamps(), {"quarantined": "yes"})
        other = envelope()
        hold(other, "look")
        settle(other, other)
        self.assertNotIn(QUARANTINED, other.stamps)

    def test_queueOnlyWaits(self) -> None:
        """Nothing else does."""
        asked = subject(RuleStage.MAIL)
        given = asked.envelope
        self.assertFalse(settle(given, given).waits)
        CONTROLS["queue_only"].apply(asked)
        self.assertTrue(settle(given, given).waits)

    def test_holdOfOneIsAHoldOfAll(self) -> None:
        """A message is on hold as a whole; the first reason is told."""
        given = envelope()
        hold(given.recipients[1], "for b")
        self.assertEqual(settle(given, given).held, "for b")
        hold(given, "all")
        self.assertEqual(settle(given, given).held, "all")
