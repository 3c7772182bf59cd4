"""Tests for L{smtpx.spool.eximreader}."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool import eximreader
from smtpx.spool.eximreader import checkFirstLine, parseHeaderFile, parseJournal
from smtpx.spool.eximspool import (
    BadSpoolFile,
    CutShort,
    EximRecipient,
    FilePart,
    Setting,
    isID,
)

from .eximsamples import FULL, FULL_MESSAGE, ID, LEAST, OLD_ID


class HeaderFileTests(SynchronousTestCase):
    """What stands in a header file."""

    def refused(self, old: bytes, new: bytes) -> str:
        """What is said of the sample, with a part of it changed."""
        self.assertIn(old, FULL)
        changed = FULL.replace(old, new, 1)
        error = self.assertRaises(BadSpoolFile, parseHeaderFile, changed)
        self.assertNotIsInstance(error, CutShort)
        return str(error)

    def recipient(self, line: bytes) -> EximRecipient:
        """A recipient, read from its line."""
        text = LEAST.replace(b"\n0\n", b"\n1\n" + line + b"\n")
        [found] = parseHeaderFile(text).recipients
        return found

    def test_everything(self) -> None:
        """All that Exim notes is read, and what is not known is kept."""
        self.assertEqual(parseHeaderFile(FULL), FULL_MESSAGE)

    def test_least(self) -> None:
        """There need be no notes, no recipients and no header."""
        found = parseHeaderFile(LEAST)
        self.assertEqual((found.id, found.sender, found.fields), (OLD_ID, b"", ()))
        self.assertEqual((found.login, found.uid, found.gid), (b"mail", 8, 8))

    def test_cutAnywhere(self) -> None:
        """A file that is cut is never taken for a whole one."""
        for end in range(len(FULL)):
            with self.subTest(end=end):
                try:
                    found = parseHeaderFile(FULL[:end])
                except CutShort:
                    continue
                # Only between two fields it cannot be told.
                self.assertTrue(FULL[:end].endswith(b"\n"))
                self.assertEqual(
                    evolve(found, fields=()), evolve(FULL_MESSAGE, fields=())
                )
                self.assertEqual(found.fields, FULL_MESSAGE.fields[: len(found.fields)])

    def test_nullsAtTheEnd(self) -> None:
        """Exim has seen a crash leave NULs behind; the file is damaged."""
        error = self.assertRaises(BadSpoolFile, parseHeaderFile, FULL + b"\0" * 8)
        self.assertIn("the length of a field of header", str(error))

    def test_nullInAField(self) -> None:
        """A field of header with a NUL is one that a crash has left."""
        said = self.refused(b"Subject: not old", b"Subject: not\0old")
        self.assertIn("a field of header as long as it says", said)

    def test_anyLine(self) -> None:
        """Each fault is told with its line."""
        for old, new, said in (
            (b"1tHsXz-000000003Bv-1aBc-H", b"something-H", "line 1: this is not an id"),
            (b"1tHsXz-000000003Bv-1aBc-H", b"\xff-H", "line 1: this is not its own"),
            (b"Debian-exim 105 109", b"Debian-exim", "line 2: this is not a login"),
            (b"<ann@client.example>", b"ann@client.example", "line 3: this is not a s"),
            (b"1732270000 2", b"today", "line 4: this is not the time"),
            (b"-received_time_usec .1", b"- .1", "line 5: this is not a note"),
            (b"-aclc 0 7", b"-aclc 0", "this is not a variable with its length"),
            (b"-aclc 0 7", b"-aclc 0 6", "this is not a variable as long as it says"),
            (b"-aclc 0 7", b"-acl 0 16385", "a length that there can be"),
            (b"YY bob", b"Y bob", "line 37: this is not an address that has it"),
            (b"NN alias", b"alias", "this is not an address that has it"),
            (b"\n5\n", b"\nfive\n", "this is not the number of recipients"),
            (b"\n5\n", b"\n16385\n", "a number of recipients up to 16384"),
            (b"\n5\n", b"\n6\n", "this is not a recipient"),
            (b"\n5\n", b"\n4\n", "this is not the empty line above the header"),
            (b"0,-1#3", b"0,-1#7", "in a form that is known here"),
            (b"0,-1#3", b"0#3", "this is not a recipient with what belongs to it"),
            (b"0,-1#3", b"9999,-1#3", "this is not a recipient with what belongs"),
            (b"017  Subject", b"Subject", "the length of a field of header"),
            (b"017  Subject", b"016  Subject", "a field of header as long as it says"),
        ):
            with self.subTest(new=new):
                self.assertIn(said, self.refused(old, new))

    def test_deepTree(self) -> None:
        """A tree that is a list is read as well, however long it is."""
        nodes = [b"NY a%d@x.example" % number for number in range(5000)]
        tree = b"\n".join([*nodes, b"NN z@x.example"])
        found = parseHeaderFile(LEAST.replace(b"XX", tree))
        self.assertEqual(len(found.done), 5001)

    def test_bounds(self) -> None:
        """A file whose reading would take all memory is none of Exim's."""
        for bound, text, said in (
            ("_NOTES_MOST", LEAST.replace(b"XX\n", b"-a\n" * 6 + b"XX\n"), "5 notes"),
            (
                "_DONE_MOST",
                LEAST.replace(b"XX\n", b"YN a@b\n" * 6 + b"NN a@b\n"),
                "5 addresses that have it",
            ),
            ("_FIELDS_MOST", LEAST + b"005  A: b\n" * 6, "5 fields of header"),
        ):
            parseHeaderFile(text)
            self.patch(eximreader, bound, 5)
            error = self.assertRaises(BadSpoolFile, parseHeaderFile, text)
            self.assertIn(f"this is not one of at most {said}", str(error))

    def test_noDate(self) -> None:
        """A time that no report could tell of is none."""
        time = b"\n%d " % FULL_MESSAGE.received
        self.assertIn("the time and the number", self.refused(time, b"\n999999999999 "))

    def test_oldVariable(self) -> None:
        """Variables of Exim before 4.61 are read."""
        found = parseHeaderFile(LEAST.replace(b"XX", b"-acl 12 3\na\nb\nXX"))
        self.assertEqual(found.settings, (Setting(b"acl", b"12", b"a\nb"),))

    def test_recipientAlone(self) -> None:
        """A mailbox may stand alone, even one that ends with digits."""
        for line in (b"a@b.example", b"a@[192.0.2.1]", b"a@host7", b"12"):
            with self.subTest(line=line):
                self.assertEqual(self.recipient(line), EximRecipient(line))

    def test_recipientOfOldExims(self) -> None:
        """The forms of Exim 3, of early Exim 4 and of Exim 4 before DSN are read."""
        for line, parent in (
            (b"a b@c.example 0,3,0", 3),
            (b"a b@c.example 4", 4),
            (b"a b@c.example  0,5#1", 5),
        ):
            with self.subTest(line=line):
                wanted = EximRecipient(b"a b@c.example", parent=parent)
                self.assertEqual(self.recipient(line), wanted)

    def test_recipientWithDSNAlone(self) -> None:
        """What is for DSN may stand there without a parent."""
        wanted = EximRecipient(b"a@c.example", b"rfc822;x", 2)
        self.assertEqual(self.recipient(b"a@c.example rfc822;x 8,2#2"), wanted)

    def test_valueAndFlag(self) -> None:
        """Notes are found by their names."""
        self.assertEqual(FULL_MESSAGE.value(b"dsn_ret"), b"1")
        self.assertEqual(FULL_MESSAGE.value(b"smtputf8"), b"")
        self.assertTrue(FULL_MESSAGE.has(b"frozen"))
        self.assertFalse(FULL_MESSAGE.has(b"manual_thaw"))

    @settings(max_examples=100)
    @given(st.integers(0, len(FULL) - 1), st.binary(max_size=6), st.integers(0, 6))
    def test_anythingElse(self, at: int, new: bytes, length: int) -> None:
        """Whatever is in a file, it is read or refused."""
        try:
            parseHeaderFile(FULL[:at] + new + FULL[at + length :])
        except BadSpoolFile:
            pass


class FirstLineTests(SynchronousTestCase):
    """What a file calls itself."""

    def test_itsOwnName(self) -> None:
        """A file has its own name in it."""
        checkFirstLine(b"%b-D\n" % ID.encode(), ID, FilePart.DATA)

    def test_another(self) -> None:
        """One with another's is not taken."""
        error = self.assertRaises(
            BadSpoolFile, checkFirstLine, b"x" * 26, ID, FilePart.DATA
        )
        self.assertNotIsInstance(error, CutShort)

    def test_cut(self) -> None:
        """One that ends there may still be written."""
        for end in range(len(ID) + 3):
            line = FilePart.DATA.firstLine(ID)[:end]
            self.assertRaises(CutShort, checkFirstLine, line, ID, FilePart.DATA)


class JournalTests(SynchronousTestCase):
    """What Exim wrote down at once."""

    def test_addresses(self) -> None:
        """Each line is an address that has it; one that is cut is none."""
        found = parseJournal(b"a@b.example\n\nc@d.example\ne@f.exam")
        self.assertEqual(found, {b"a@b.example", b"c@d.example"})


class IDTests(SynchronousTestCase):
    """Ids of messages."""

    def test_bothForms(self) -> None:
        """Those of today and those of before are known, and nothing else is."""
        self.assertTrue(isID(ID) and isID(OLD_ID))
        for other in ("", ID[:-1], OLD_ID + "x", ID.replace("-", "_"), ID + "\n"):
            self.assertFalse(isID(other), other)
