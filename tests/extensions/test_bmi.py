"""
Tests for L{smtpx.extensions.bmi}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Recipient, Stamps
from smtpx.core.interfaces import IQueueExtension
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.bmi import (
    BMI,
    BMI_OPTIN,
    BMI_VERDICT,
    LOCATION_MOST,
    OPAQUE_OCTETS,
    RULES_MOST,
    VARIABLES,
    BMIDelivery,
    BMIVerdict,
    deliversAlternate,
    deliversDefault,
    deliversNot,
    fired,
    variable,
)

ALTERNATE = BMIVerdict(BMIDelivery.ALTERNATE, "X-Bulk: yes", (5, 8), b"\0v", b"t")
DROP = BMIVerdict(BMIDelivery.DROP, verdict=b"drop it")

_locations = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=" +=%"),
    min_size=1,
    max_size=LOCATION_MOST,
)


@st.composite
def verdicts(draw: st.DrawFn) -> BMIVerdict:
    """Any verdict."""
    delivery = draw(st.sampled_from(list(BMIDelivery)))
    location = draw(_locations) if delivery is BMIDelivery.ALTERNATE else ""
    rules = draw(st.lists(st.integers(0, (1 << 63) - 1), max_size=9))
    opaque = st.binary(max_size=60)
    return BMIVerdict(delivery, location, rules, draw(opaque), draw(opaque))


def judged(verdict: BMIVerdict) -> Recipient:
    """A recipient with a verdict."""
    recipient = Recipient(b"ann@example.org")
    recipient.stamps[BMI_VERDICT] = verdict
    return recipient


UNSEEN = Recipient(b"bob@example.org")


class TextTests(SynchronousTestCase):
    """How a verdict stands in the spool."""

    @settings(max_examples=100)
    @given(verdicts())
    def test_isItsOwnInverse(self, verdict: BMIVerdict) -> None:
        """What is written is read."""
        self.assertEqual(BMIVerdict.load(verdict.dump()), verdict)

    def test_text(self) -> None:
        """It is as the manual says."""
        self.assertEqual(
            ALTERNATE.dump(),
            "alternate location=X-Bulk:+20yes rules=5:8 verdict=AHY= tracker=dA==",
        )
        self.assertEqual(BMIVerdict().dump(), "default")

    def test_cut(self) -> None:
        """Of what was cut short nothing is believed that was not said."""
        whole = ALTERNATE.dump()
        for cut in range(len(whole)):
            try:
                found = BMIVerdict.load(whole[:cut])
            except ValueError:
                continue
            self.assertIs(found.delivery, BMIDelivery.ALTERNATE)
            self.assertTrue(found.location)

    def test_malformed(self) -> None:
        """What is no verdict is none."""
        for text in (
            "",
            "keep",
            "default ",
            "drop location=x",
            "alternate",
            "alternate location=",
            "alternate location=+zz",
            "alternate location=+FF",
            "alternate location=+0A",
            "default rules=",
            "default rules=5:",
            "default rules=99999999999999999999",
            "default verdict=???",
            "default verdict=\u00e9",
            "default tracker=YQ== verdict=YQ==",
        ):
            self.assertRaises(ValueError, BMIVerdict.load, text)

    def test_bounds(self) -> None:
        """A verdict is not longer than the spool wants to hold."""
        for make in (
            lambda: BMIVerdict(BMIDelivery.ALTERNATE, "x" * (LOCATION_MOST + 1)),
            lambda: BMIVerdict(BMIDelivery.ALTERNATE, "a\r\nb"),
            lambda: BMIVerdict(rules=range(RULES_MOST + 1)),
            lambda: BMIVerdict(rules=[-1]),
            lambda: BMIVerdict(verdict=b"x" * (OPAQUE_OCTETS + 1)),
            lambda: BMIVerdict(tracker=b"x" * (OPAQUE_OCTETS + 1)),
            lambda: BMIVerdict(BMIDelivery.DEFAULT, "somewhere"),
        ):
            self.assertRaises(ValueError, make)


class QuestionTests(SynchronousTestCase):
    """What routes ask of a verdict."""

    def test_unseen(self) -> None:
        """What nobody has scanned is delivered as usual."""
        self.assertTrue(deliversDefault(UNSEEN))
        self.assertFalse(deliversAlternate(UNSEEN))
        self.assertFalse(deliversNot(UNSEEN))
        self.assertFalse(fired(UNSEEN, [5]))

    def test_each(self) -> None:
        """One of the three holds for each verdict."""
        for verdict, holds in (
            (BMIVerdict(), deliversDefault),
            (ALTERNATE, deliversAlternate),
            (DROP, deliversNot),
        ):
            recipient = judged(verdict)
            asked = (deliversDefault, deliversAlternate, deliversNot)
            self.assertEqual([a for a in asked if a(recipient)], [holds])

    def test_rules(self) -> None:
        """One rule of the list is enough."""
        recipient = judged(ALTERNATE)
        self.assertTrue(fired(recipient, [11, 8]))
        self.assertFalse(fired(recipient, [11]))

    def test_variables(self) -> None:
        """They are Exim's."""
        self.assertEqual(
            [variable(judged(ALTERNATE), each) for each in VARIABLES],
            ["AHY=", "dA==", "X-Bulk: yes", "1"],
        )
        self.assertEqual([variable(UNSEEN, e) for e in VARIABLES], ["", "", "", "1"])
        self.assertEqual(variable(judged(DROP), "bmi_deliver"), "0")


class SpoolTests(SynchronousTestCase):
    """It is in the spool."""

    def test_kept(self) -> None:
        """The queue knows the stamp, and reads it again."""
        verifyObject(IQueueExtension, BMI())
        self.assertEqual(BMI().configured(None).name, "BMI")
        profile = QueueProfile().load([BMI()])
        recipient = judged(ALTERNATE)
        recipient.stamps[BMI_OPTIN] = ("spam",)
        found = Stamps()
        found.load(profile.stamps, recipient.dumpedStamps())
        self.assertEqual(found.get(BMI_VERDICT), ALTERNATE)
        self.assertNotIn(BMI_OPTIN.name, found.dumped())

    def test_inherited(self) -> None:
        """Whoever an alias puts in its place has the verdict."""
        profile = QueueProfile().load([BMI()])
        child = profile.redirected(judged(DROP), b"carl@example.net", True)
        self.assertTrue(deliversNot(child))

    def test_unreadable(self) -> None:
        """A text that nobody can read holds nothing up, and is not lost."""
        profile = QueueProfile().load([BMI()])
        recipient = Recipient(b"ann@example.org")
        recipient.stamps.load(profile.stamps, {"bmi": "maybe"})
        self.assertTrue(deliversDefault(recipient))
        self.assertEqual(recipient.dumpedStamps(), {"bmi": "maybe"})
        self.assertEqual(recipient.stamps.holding(), ())
