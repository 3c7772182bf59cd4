"""
Tests for L{smtpx.core.envelope}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import (
    CRITICAL,
    Envelope,
    Recipient,
    Stamp,
    Stamps,
    dumpFlag,
    dumpOctets,
    loadFlag,
    loadOctets,
)

NOTE = Stamp[bytes]("note", dumpOctets, loadOctets)
SEEN = Stamp[bytes]("seen", dumpOctets, loadOctets)
COUNT = Stamp[int]("count", str, int)
OATH = Stamp[bool]("oath", dumpFlag, loadFlag, critical=True)
SCRATCH = Stamp[int]("scratch", None, int)

KNOWN = {stamp.name: stamp for stamp in (NOTE, COUNT, OATH)}


class StampsTests(SynchronousTestCase):
    """Notes on an envelope."""

    def test_values(self) -> None:
        """A stamp is set, read, asked for and taken off."""
        stamps = Stamps()
        self.assertFalse(stamps)
        missing = stamps.get(COUNT)
        self.assertIsNone(missing)
        self.assertRaises(KeyError, lambda: stamps[COUNT])
        stamps[COUNT] = 3
        self.assertTrue(stamps)
        self.assertIn(COUNT, stamps)
        self.assertEqual((stamps[COUNT], stamps.get(COUNT)), (3, 3))
        del stamps[COUNT]
        self.assertNotIn(COUNT, stamps)

    def test_identity(self) -> None:
        """Two stamps of one name are two stamps."""
        stamps = Stamps()
        stamps[COUNT] = 3
        self.assertNotIn(Stamp[int]("count", str, int), stamps)

    def test_spool(self) -> None:
        """What was dumped is loaded again; a critical stamp is marked."""
        stamps = Stamps()
        stamps[NOTE] = b"a\xff"
        stamps[COUNT] = 3
        stamps[OATH] = True
        text = stamps.dumped()
        self.assertEqual(text, {"note": "a\xff", "count": "3", "!oath": "yes"})
        again = Stamps()
        again.load(KNOWN, text)
        self.assertEqual(again, stamps)
        self.assertEqual(again.holding(), ())

    def test_scratch(self) -> None:
        """A stamp that is not for the spool ends with the transaction."""
        stamps = Stamps()
        stamps[SCRATCH] = 1
        self.assertEqual(stamps.dumped(), {})

    def test_unknown(self) -> None:
        """
        Stamps of extensions that are not loaded are kept word for word, and a
        critical one keeps the whole message where it is.
        """
        text = {"count": "3", "other": "a=b c", "!duty": "\xe9"}
        stamps = Stamps()
        stamps.load(KNOWN, text)
        self.assertEqual(stamps[COUNT], 3)
        self.assertEqual(stamps.dumped(), text)
        self.assertEqual(stamps.holding(), (CRITICAL + "duty",))
        self.assertTrue(stamps)

    def test_unknownOnly(self) -> None:
        """Stamps that nobody knows are stamps."""
        stamps = Stamps()
        stamps.load({}, {"other": ""})
        self.assertTrue(stamps)
        self.assertEqual(stamps.holding(), ())

    def test_unreadable(self) -> None:
        """Text that its stamp cannot read is kept, too."""
        text = {"count": "three", "!oath": "maybe", "note": "\u20ac"}
        stamps = Stamps()
        stamps.load(KNOWN, text)
        self.assertNotIn(COUNT, stamps)
        self.assertEqual(stamps.dumped(), text)
        self.assertEqual(stamps.holding(), ("!oath",))

    def test_notedSinceBeatsUnreadable(self) -> None:
        """A value that is noted anew is the one that is dumped."""
        stamps = Stamps()
        stamps.load(KNOWN, {"count": "three"})
        stamps[COUNT] = 3
        self.assertEqual(stamps.dumped(), {"count": "3"})

    def test_nowCritical(self) -> None:
        """
        A stamp finds its text whether or not it was critical when that was
        written.
        """
        stamps = Stamps()
        stamps.load(KNOWN, {"oath": "yes", "!count": "4"})
        self.assertEqual((stamps[OATH], stamps[COUNT]), (True, 4))
        self.assertEqual(stamps.dumped(), {"!oath": "yes", "count": "4"})

    def test_equality(self) -> None:
        """Stamps are equal where they say the same."""
        one, other = Stamps(), Stamps()
        one[COUNT] = other[COUNT] = 1
        self.assertEqual(one, other)
        other.unknown["x"] = "y"
        self.assertNotEqual(one, other)
        self.assertNotEqual(one, {COUNT: 1})

    def test_repr(self) -> None:
        """They print by name, whether known or not."""
        stamps = Stamps()
        stamps[COUNT] = 1
        stamps.unknown["!x"] = "y"
        self.assertEqual(repr(stamps), "<Stamps {'count': 1, '!x': 'y'}>")

    @settings(max_examples=100, deadline=None)
    @given(
        st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4),
        st.binary(max_size=8),
        st.integers(),
        st.booleans(),
    )
    def test_inverse(
        self, others: dict[str, str], note: bytes, count: int, oath: bool
    ) -> None:
        """Whatever is in the spool is there again after it was read and written."""
        for name in KNOWN:
            others.pop(name, None)
            others.pop(CRITICAL + name, None)
        stamps = Stamps()
        stamps.unknown.update(others)
        stamps[NOTE], stamps[COUNT], stamps[OATH] = note, count, oath
        again = Stamps()
        again.load(KNOWN, stamps.dumped())
        self.assertEqual(again, stamps)
        self.assertEqual(again.dumped(), stamps.dumped())


class BearerTests(SynchronousTestCase):
    """Envelopes and recipients."""

    def test_stampsAreMadeWhenWanted(self) -> None:
        """Dumping makes none; asking does, once."""
        for bearer in (Envelope(b"a@x", 0.0), Recipient(b"b@x")):
            self.assertEqual(bearer.dumpedStamps(), {})
            stamps = bearer.stamps
            self.assertIs(bearer.stamps, stamps)
            stamps[COUNT] = 1
            self.assertEqual(bearer.dumpedStamps(), {"count": "1"})

    def test_redirected(self) -> None:
        """Whoever is put in the place of another has its stamps, to change."""
        plain = Recipient(b"a@b.example").redirected(b"c@d.example")
        self.assertEqual((plain.path, plain.dumpedStamps()), (b"c@d.example", {}))
        recipient = Recipient(b"a@b.example")
        recipient.stamps.load({}, {"oath": "never"})
        other = recipient.redirected(b"c@d.example")
        self.assertEqual(other.stamps, recipient.stamps)
        other.stamps.unknown["more"] = "x"
        self.assertEqual(recipient.dumpedStamps(), {"oath": "never"})

    def test_unstamped(self) -> None:
        """
        Of an envelope whose stamps end with the transaction there is a copy without.
        """
        envelope = Envelope(b"ann@c.example", 5.0, [Recipient(b"b@d.example")], 7)
        envelope.recipients.append(Recipient(b"c@d.example"))
        for bearer in (None, envelope, envelope.recipients[1]):
            if bearer is not None:
                bearer.stamps[SCRATCH] = 3
            other = envelope.unstamped()
            assert other is not None
            self.assertEqual(
                (other.sender, other.arrived, other.octets),
                (b"ann@c.example", 5.0, 7),
            )
            self.assertEqual(
                [each.path for each in other.recipients],
                [b"b@d.example", b"c@d.example"],
            )
            for each in (other, *other.recipients):
                self.assertFalse(each.borne())
            self.assertIsNot(other.recipients[0], envelope.recipients[0])
        for bearer in (envelope, envelope.recipients[1]):
            bearer.stamps[COUNT] = 1
            self.assertIsNone(envelope.unstamped())
            del bearer.stamps[COUNT]
            bearer.stamps.unknown["more"] = "x"
            self.assertIsNone(envelope.unstamped())
            del bearer.stamps.unknown["more"]
        self.assertIsNotNone(envelope.unstamped())

    def test_oneStamp(self) -> None:
        """
        To ask for one makes no stamps.
        """
        recipient = Recipient(b"bob@d.example")
        missing: bool | None = recipient.stamp(OATH)
        self.assertIsNone(missing)
        self.assertIsNone(recipient._stamps)
        recipient.stamps[OATH] = True
        self.assertIs(recipient.stamp(OATH), True)

    def test_addressedToOthers(self) -> None:
        """
        The same message for others has the same stamps.
        """
        envelope = Envelope(b"ann@c.example", 1000.0, [Recipient(b"a@d.example")], 7)
        envelope.stamps[OATH] = True
        others = [Recipient(b"b@d.example")]
        other = envelope.addressedTo(others)
        self.assertEqual(
            (other.sender, other.arrived, other.recipients, other.octets),
            (b"ann@c.example", 1000.0, others, 7),
        )
        self.assertIs(other.stamps, envelope.stamps)

    def test_plain(self) -> None:
        """
        What has none of the stamps that make a difference is plain, unless there is one
        that nobody here knows.
        """
        for bearer in range(3):
            for name in ("none", "ours", "theirs", "unknown"):
                envelope = Envelope(b"", 0.0, [Recipient(b"a@b"), Recipient(b"c@d")])
                each = [envelope, *envelope.recipients][bearer]
                if name == "unknown":
                    each.stamps.unknown["!odd"] = "1"
                elif name != "none":
                    each.stamps[NOTE if name == "ours" else SEEN] = b"1"
                found = envelope.isPlain({NOTE}, {SEEN})
                makes = {"ours": bearer == 0, "theirs": bearer > 0}
                plain = name == "none" or not makes.get(name, True)
                self.assertIs(found, plain, (bearer, name))

    def test_noting(self) -> None:
        """An envelope for others bears one stamp more, and the first does not."""
        first = Envelope(b"s@x", 5.0, [Recipient(b"a@x")], 10)
        for stamps in ({}, {NOTE: b"n"}):
            for stamp, value in stamps.items():
                first.stamps[stamp] = value
            others = [Recipient(b"b@x")]
            made = first.noting(COUNT, 3, others, 12)
            self.assertEqual(
                (made.sender, made.arrived, made.octets), (b"s@x", 5.0, 12)
            )
            self.assertIs(made.recipients, others)
            self.assertEqual(set(made.borne()), {COUNT, *stamps})
            self.assertEqual(set(first.borne()), set(stamps))

    def test_ownLists(self) -> None:
        """Two envelopes do not share their recipients."""
        one, other = Envelope(b"", 0.0), Envelope(b"", 0.0)
        one.recipients.append(Recipient(b"b@x"))
        self.assertEqual(other.recipients, [])
        self.assertEqual(one.octets, 0)

    def test_repr(self) -> None:
        """They print their addresses."""
        self.assertEqual(
            repr(Envelope(b"a@x", 0.0, [Recipient(b"b@x")])),
            "<Envelope b'a@x' -> [<Recipient b'b@x'>]>",
        )


class TextTests(SynchronousTestCase):
    """Values as text for the spool."""

    def test_flag(self) -> None:
        """C{yes} and C{no}, and nothing else."""
        for flag in (True, False):
            self.assertIs(loadFlag(dumpFlag(flag)), flag)
        for text in ("", "YES", "true", "1"):
            self.assertRaises(ValueError, loadFlag, text)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=20))
    def test_octets(self, octets: bytes) -> None:
        """Any octets, one character each."""
        self.assertEqual(loadOctets(dumpOctets(octets)), octets)
        self.assertEqual(len(dumpOctets(octets)), len(octets))

    def test_noOctets(self) -> None:
        """A character that is no octet cannot be read."""
        self.assertRaises(ValueError, loadOctets, "\u0100")
