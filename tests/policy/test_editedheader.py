"""
Tests for L{smtpx.policy.editedheader}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.editedheader import EditedHeader
from smtpx.policy.edits import Change, FieldPlace, HeaderEdit, Insert, Remove

HEADER = (
    b"Received: from a\r\n"
    b"\tby b\r\n"
    b"Received: from c\r\n"
    b"Resent-To: x\r\n"
    b"Subject: one\r\n"
    b"X-A :1\r\n"
    b"x-a: 2\r\n"
    b" and more\r\n"
    b"To: y\r\n"
)


def names(octets: bytes) -> list[bytes]:
    """The fields, each without the blanks around its value."""
    lines = octets.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ").splitlines()
    return [b":".join(map(bytes.strip, each.split(b":", 1))) for each in lines]


class EditedHeaderTests(SynchronousTestCase):
    """A header while it is changed."""

    def edited(self, *edits: HeaderEdit, header: bytes = HEADER) -> EditedHeader:
        """One author's changes."""
        made = EditedHeader(header)
        for each in edits:
            made.apply("a", each)
        return made

    def test_withoutEditsItIsAsItWas(self) -> None:
        """Octet by octet."""
        self.assertEqual(EditedHeader(HEADER).octets, HEADER)
        self.assertEqual(EditedHeader(b"").octets, b"")
        self.assertEqual(EditedHeader(HEADER).above, b"")

    def test_removedFieldIsTheNthOfItsName(self) -> None:
        """In any case, with all of its lines."""
        kept = self.edited(Remove(b"X-a", 2)).octets
        self.assertEqual(kept, HEADER.replace(b"x-a: 2\r\n and more\r\n", b""))
        self.assertEqual(self.edited(Remove(b"X-A", 3)).octets, HEADER)
        self.assertEqual(self.edited(Remove(b"X-B")).octets, HEADER)

    def test_removedFieldsStillCount(self) -> None:
        """As they do for sendmail: numbers are those of the message that came."""
        forwards = self.edited(Remove(b"X-A", 1), Remove(b"X-A", 2)).octets
        backwards = self.edited(Remove(b"X-A", 2), Remove(b"X-A", 1)).octets
        self.assertEqual(forwards, backwards)
        self.assertNotIn(b"-a", forwards.lower())
        once = self.edited(Remove(b"X-A", 1), Remove(b"X-A", 1)).octets
        self.assertIn(b"x-a: 2\r\n and more", once)

    def test_changedFieldStaysWhereItIs(self) -> None:
        """Its name is written as it is given."""
        self.assertEqual(
            self.edited(Change(b"X-A", 1, b"new\n\tline")).octets,
            HEADER.replace(b"X-A :1", b"X-A: new\r\n\tline"),
        )

    def test_emptyValueTakesAFieldOut(self) -> None:
        """Of one that there is not, nothing comes."""
        self.assertEqual(
            self.edited(Change(b"subject", 1, b"")).octets,
            HEADER.replace(b"Subject: one\r\n", b""),
        )
        self.assertEqual(self.edited(Change(b"X-B", 1, b"")).octets, HEADER)

    def test_changeOfAFieldThatThereIsNotAddsOne(self) -> None:
        """At the end."""
        self.assertEqual(
            self.edited(Change(b"X-A", 3, b"3")).octets, HEADER + b"X-A: 3\r\n"
        )

    def test_fieldGoesBelowSoManyOthers(self) -> None:
        """The first of which is our own Received field."""
        for at in range(1, 9):
            found = names(self.edited(Insert(b"N", b"1", at)).octets)
            self.assertEqual(found[at - 1], b"N:1", at)
        self.assertEqual(names(self.edited(Insert(b"N", b"1", 99)).octets)[-1], b"N:1")
        made = self.edited(Insert(b"N", b"1", 0))
        self.assertEqual((made.above, made.octets), (b"N: 1\r\n", HEADER))

    def test_laterOneAtTheSamePlaceStandsAbove(self) -> None:
        """So that several, each at index 1, come out as traces do."""
        made = EditedHeader(b"To: y\r\n")
        for author in ("a", "b"):
            for at in (0, 1):
                made.apply(author, Insert(b"N", author.encode(), at))
        self.assertEqual(made.above, b"N: b\r\nN: a\r\n")
        self.assertEqual(made.octets, b"N: b\r\nN: a\r\nTo: y\r\n")

    def test_ownFieldsCountAndThoseOfOthersDoNot(self) -> None:
        """So that several can look at a message side by side."""
        made = EditedHeader(HEADER)
        made.apply("a", Insert(b"X-A", b"0", 1))
        made.apply("b", Change(b"X-A", 1, b"b"))
        made.apply("a", Change(b"X-A", 1, b"a"))
        made.apply("b", Insert(b"N", b"1", 2))
        self.assertEqual(
            names(made.octets)[:4],
            [b"X-A:a", b"Received:from a by b", b"N:1", b"Received:from c"],
        )
        self.assertIn(b"X-A: b\r\nx-a: 2\r\n", made.octets)

    def test_lastThatSaysSomethingOfAFieldIsRight(self) -> None:
        """One takes it out, another gives it a value."""
        made = EditedHeader(b"A: 1\r\nB: 2\r\n")
        made.apply("a", Remove(b"A"))
        made.apply("b", Change(b"A", 1, b"new"))
        self.assertEqual(made.octets, b"A: new\r\nB: 2\r\n")

    def test_placesAreThoseOfExim(self) -> None:
        """Traces stay on top where the RFC wants them."""
        for place, index in (
            (FieldPlace.AFTER_RECEIVED, 0),
            (FieldPlace.AT_START_RFC, 3),
            (FieldPlace.AT_END, 7),
        ):
            found = names(self.edited(Insert(b"N", b"1", place)).octets)
            self.assertEqual(found.index(b"N:1"), index)
        self.assertEqual(
            self.edited(Insert(b"N", b"1", FieldPlace.AT_START)).above, b"N: 1\r\n"
        )
        self.assertEqual(
            self.edited(
                Insert(b"N", b"1", FieldPlace.AT_START_RFC), header=b"Received: a\r\n"
            ).octets,
            b"Received: a\r\nN: 1\r\n",
        )

    def test_whatCameIsStripped(self) -> None:
        """What somebody has put in or changed is another's."""
        made = self.edited(Insert(b"X-A", b"0", 1), Change(b"X-A", 2, b"changed"))
        seen: list[tuple[bytes, bytes]] = []

        def strips(name: bytes, value: bytes) -> bool:
            seen.append((name, value))
            return name == b"x-a"

        made.strip(strips)
        self.assertEqual(
            made.octets,
            b"X-A: 0\r\n"
            + HEADER.replace(b"X-A :1", b"X-A: changed").replace(
                b"x-a: 2\r\n and more\r\n", b""
            ),
        )
        self.assertIn((b"x-a", b" 2\r\n and more\r\n"), seen)

    def test_textBehindTheFieldsIsNoneOfThem(self) -> None:
        """A header may end at a line that is no field."""
        made = EditedHeader(b"A: 1\r\nhello\r\nB: 2\r\n")
        self.assertEqual((made.octets, made.rest), (b"A: 1\r\n", b"hello\r\nB: 2\r\n"))

    def test_lastFieldWithoutCRLFGetsOneIfAnotherFollows(self) -> None:
        """A message may end within its header."""
        made = EditedHeader(b"A: 1\r\nB: 2")
        self.assertEqual(made.octets, b"A: 1\r\nB: 2")
        made.apply("a", Insert(b"C", b"3"))
        self.assertEqual(made.octets, b"A: 1\r\nB: 2\r\nC: 3\r\n")

    def test_hiddenFieldsAreTakenOut(self) -> None:
        """
        What is a field only to those for whom a bare LF or CR ends a line (it may come
        by BDAT) is none of ours, but where it is named it goes.
        """

        def spam(name: bytes, value: bytes) -> bool:
            return name == b"x-spam" and b"no" in value

        for header, kept in (
            (b"A: b\nX-Spam: no\r\nC: d\r\n", b"A: b\r\nC: d\r\n"),
            (b"A: b\rx-spam : \n no\nE: f\r\n", b"A: b\rE: f\r\n"),
            (b"A: b\nX-Spam: yes\nno field\r\n", b""),
            (b"X-Spam: no\nA: b\r\nC: d\r\n", b"C: d\r\n"),
        ):
            made = EditedHeader(header)
            made.strip(spam)
            self.assertEqual(made.octets, kept or header)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=200), st.integers(0, 9))
    def test_whatNobodyTouchesStays(self, octets: bytes, at: int) -> None:
        """Whatever came: what is put in, taken out again, leaves what there was."""
        made = EditedHeader(octets)
        before = made.octets + made.rest
        self.assertEqual(before, octets)
        made.apply("a", Insert(b"X-New", b"1", at))
        made.apply("a", Change(b"X-New", 1, b""))
        self.assertEqual((made.above, made.octets + made.rest), (b"", octets))


class CountedTests(SynchronousTestCase):
    """Numbers of who has read a header as others have left it."""

    def test_skipsWhatIsGone(self) -> None:
        """Of fields that were taken out nobody knows who comes later."""
        header = EditedHeader(b"A: 1\r\nB: 2\r\nA: 3\r\nA: 4\r\n")
        header.apply("x", Remove(b"A", 1))
        for seen, counted in (
            (Change(b"a", 1, b"z"), Change(b"a", 2, b"z")),
            (Remove(b"A", 2), Remove(b"A", 3)),
            (Change(b"A", 3, b"z"), Change(b"A", 4, b"z")),
            (Change(b"B", 1, b"z"), Change(b"B", 1, b"z")),
            (Insert(b"C", b"z", 0), Insert(b"C", b"z", 0)),
            (Insert(b"C", b"z", 1), Insert(b"C", b"z", 1)),
            (Insert(b"C", b"z", 3), Insert(b"C", b"z", 4)),
            (Insert(b"C", b"z", 9), Insert(b"C", b"z", 10)),
            (Insert(b"C", b"z"), Insert(b"C", b"z")),
        ):
            self.assertEqual(header.counted("x", seen), counted)
