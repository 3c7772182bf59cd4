"""Tests for L{smtpx.spool.eximfiles}."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.extensions.eightbitmimeconversion import EIGHTBIT
from smtpx.spool import eximfiles
from smtpx.spool.eximfiles import (
    BadPair,
    EximPair,
    Unfinished,
    findPairs,
    pairAt,
    queueFolder,
)
from smtpx.spool.eximspool import EximField, EximMessage, EximRecipient, Setting
from smtpx.spool.eximwriter import renderHeaderFile
from smtpx.spool.parcels import Busy, Gone, IParcel, NotTaken

ID = "1tHsXz-000000003Bv-1aBc"
OLD_ID = "1tHsXz-0003Bv-1a"
MESSAGE = EximMessage(
    ID,
    b"mail",
    8,
    8,
    b"ann@c.example",
    1000,
    settings=(Setting(b"body_linecount", b"2"),),
    recipients=(EximRecipient(b"bob@d.example"),),
    fields=(EximField(b" ", b"A: 1\n"),),
)


class EximPairTestCase(SynchronousTestCase):
    """A queue on the disk."""

    def setUp(self) -> None:
        """It is empty."""
        self.root = Path(self.mktemp()).absolute()
        self.root.mkdir(parents=True)

    def lay(
        self,
        message: EximMessage = MESSAGE,
        body: bytes = b"x\ny\n",
        folder: Path | None = None,
    ) -> EximPair:
        """Put a message there."""
        where = folder or self.root
        where.mkdir(exist_ok=True)
        name = f"{message.id}-D"
        (where / name).write_bytes(name.encode() + b"\n" + body)
        (where / f"{message.id}-H").write_bytes(renderHeaderFile(message))
        pair = EximPair(where, message.id)
        self.addCleanup(pair.close)
        return pair

    def text(self, pair: EximPair) -> bytes:
        """What it becomes."""
        pair.open()
        [mail] = pair.mails()
        return b"".join(mail.pieces)


class EximPairTests(EximPairTestCase):
    """One message."""

    def test_interface(self) -> None:
        """It is a parcel."""
        verifyObject(IParcel, self.lay())

    def test_whole(self) -> None:
        """Header and body become one text with CRLF line ends."""
        pair = self.lay()
        self.assertEqual(self.text(pair), b"A: 1\r\n\r\nx\r\ny\r\n")
        [mail] = pair.mails()
        self.assertEqual(mail.envelope.sender, b"ann@c.example")
        self.assertEqual(mail.hold, "")
        self.assertNotIn(EIGHTBIT, mail.envelope.stamps)

    def test_wireFormat(self) -> None:
        """What Exim keeps as it came stays so, bare line ends and all."""
        wire = evolve(MESSAGE, settings=(Setting(b"spool_file_wireformat"),))
        pair = self.lay(wire, b"x\r\ny\nz\r\n")
        self.assertEqual(self.text(pair), b"A: 1\r\n\r\nx\r\ny\nz\r\n")

    def test_eightBits(self) -> None:
        """Octets above 127 are declared, whether in header or body."""
        header = evolve(MESSAGE, fields=(EximField(b" ", b"A: \xe9\n"),))
        for message, body in ((MESSAGE, b"\xe9\n\n"), (header, b"\n\n")):
            pair = self.lay(message, body)
            pair.open()
            [mail] = pair.mails()
            self.assertNotIn(EIGHTBIT, mail.envelope.stamps)
            list(mail.pieces)
            self.assertTrue(mail.envelope.stamp(EIGHTBIT))
            pair.close()

    def test_long(self) -> None:
        """A long body comes in pieces, cut anywhere."""
        body = b"\n".join(b"x" * length for length in range(700)) + b"\n"
        pair = self.lay(MESSAGE, body)
        text = self.text(pair)
        self.assertEqual(text, b"A: 1\r\n\r\n" + body.replace(b"\n", b"\r\n"))

    def test_mark(self) -> None:
        """Another message in its place has another mark; a new header has not."""
        pair = self.lay()
        mark = pair.open()
        pair.close()
        header = renderHeaderFile(evolve(MESSAGE, warnings=1))
        (self.root / f"{ID}-H").write_bytes(header)
        self.assertEqual(pair.open(), mark)
        pair.close()
        pair.remove()
        other = self.lay(MESSAGE, b"another\n\n")
        self.assertNotEqual(other.open(), mark)

    def test_place(self) -> None:
        """From its place, it is found again."""
        pair = self.lay()
        again = pairAt(pair.place)
        self.assertEqual((again.folder, again.id), (pair.folder, pair.id))

    def test_journal(self) -> None:
        """Who had it when Exim died is left out."""
        pair = self.lay()
        (self.root / f"{ID}-J").write_bytes(b"bob@d.example\n")
        pair.open()
        self.assertEqual(pair.mails(), [])

    def test_removed(self) -> None:
        """All its files are gone, and no others; twice is no more than once."""
        other = self.lay(evolve(MESSAGE, id=OLD_ID))
        pair = self.lay()
        (self.root / f"{ID}-J").write_bytes(b"")
        pair.open()
        for _ in range(2):
            pair.remove()
            names = [f"{other.id}-D", f"{other.id}-H"]
            self.assertEqual(sorted(os.listdir(self.root)), names)

    def test_swept(self) -> None:
        """Data that lost its header in a removal that was cut off goes, no other."""
        pair = self.lay()
        mark = pair.open()
        pair.close()
        pair.sweep(mark)
        self.assertEqual(len(os.listdir(self.root)), 2)
        (self.root / f"{ID}-H").unlink()
        pair.sweep("another")
        self.assertEqual(os.listdir(self.root), [f"{ID}-D"])
        pair.sweep(mark)
        pair.sweep(mark)
        self.assertEqual(os.listdir(self.root), [])

    def test_removedHeaderFirst(self) -> None:
        """Where it is cut off, no header is left without data."""
        pair = self.lay()
        names: list[str] = []
        self.patch(os, "unlink", lambda path: names.append(path.name[-2:]))
        pair.remove()
        self.assertEqual(names, ["-H", "-D", "-J"])

    def test_locked(self) -> None:
        """What Exim has locked is left alone."""
        pair = self.lay()

        def locked(*arguments: object) -> None:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

        self.patch(fcntl, "lockf", locked)
        error = self.assertRaises(Busy, pair.open)
        self.assertIn("Exim is at it", str(error))

    def test_goneMeanwhile(self) -> None:
        """What Exim has delivered while we waited for it is not there."""
        pair = self.lay()
        lockf = fcntl.lockf

        def slow(data: int, how: int, octets: int) -> None:
            lockf(data, how, octets)
            (self.root / f"{ID}-D").unlink()

        self.patch(fcntl, "lockf", slow)
        self.assertRaises(Gone, pair.open)

    def test_noData(self) -> None:
        """A header without data may be one that is being written."""
        pair = self.lay()
        (self.root / f"{ID}-D").unlink()
        error = self.assertRaises(Unfinished, pair.open)
        self.assertIn(f"{ID}-D is not there", str(error))

    def test_noHeader(self) -> None:
        """Data alone is no message."""
        pair = self.lay()
        (self.root / f"{ID}-H").unlink()
        self.assertRaises(Gone, pair.open)
        self.assertEqual(list(findPairs(self.root)), [])

    def test_cutHeader(self) -> None:
        """A header that is cut is named, wherever that is."""
        pair = self.lay()
        path = self.root / f"{ID}-H"
        text = path.read_bytes()
        pair.open()
        for end in range(len(text)):
            path.write_bytes(text[:end])
            if text[:end].endswith(b"\n\n"):
                # That nothing is below cannot be seen.
                continue
            error = self.assertRaises(Unfinished, pair.mails)
            self.assertIn(f"{path}: line ", str(error))

    def test_cutData(self) -> None:
        """A body that has fewer lines than it had is not taken."""
        pair = self.lay(MESSAGE, b"x\n")
        error = self.assertRaises(Unfinished, self.text, pair)
        self.assertIn("1 lines, and Exim counted 2", str(error))

    def test_cutName(self) -> None:
        """Data that ends in its first line may be being written."""
        pair = self.lay()
        (self.root / f"{ID}-D").write_bytes(b"1tHsX")
        self.assertRaises(Unfinished, pair.open)

    def test_anothersFiles(self) -> None:
        """A file that says it is another's is not taken."""
        pair = self.lay()
        path = self.root / f"{ID}-D"
        text = path.read_bytes()
        path.write_bytes(b"2" + text[1:])
        error = self.assertRaises(BadPair, pair.open)
        self.assertNotIsInstance(error, Unfinished)
        path.write_bytes(text)
        pair.open()
        other = renderHeaderFile(evolve(MESSAGE, id="2" + ID[1:]))
        (self.root / f"{ID}-H").write_bytes(other)
        error = self.assertRaises(BadPair, pair.mails)
        self.assertIn("line 1: this is not its own name", str(error))

    def test_symbolicLink(self) -> None:
        """Nobody is followed elsewhere."""
        pair = self.lay()
        path = self.root / f"{ID}-D"
        path.rename(self.root / "elsewhere")
        path.symlink_to("elsewhere")
        self.assertRaises(OSError, pair.open)
        path.unlink()
        os.mkfifo(path)
        self.assertRaises((NotTaken, OSError), pair.open)

    def test_folderInItsPlace(self) -> None:
        """A folder is no file."""
        pair = self.lay()
        path = self.root / f"{ID}-D"
        path.unlink()
        path.mkdir()
        self.assertRaises((BadPair, OSError), pair.open)

    def test_tooLong(self) -> None:
        """A header file that can be none is not read into memory."""
        self.patch(eximfiles, "FILE_OCTETS", 50)
        pair = self.lay()
        pair.open()
        error = self.assertRaises(BadPair, pair.mails)
        self.assertIn("longer than 50 octets", str(error))

    def test_badAddress(self) -> None:
        """A recipient that is none stops the message."""
        recipients = (EximRecipient(b"nobody at all"),)
        pair = self.lay(evolve(MESSAGE, recipients=recipients))
        pair.open()
        self.assertRaises(BadPair, pair.mails)

    def test_circles(self) -> None:
        """A message that comes again and again is not taken for ever."""
        field = EximField(b"P", b"Received: by here\n")
        for hops, good in ((100, True), (101, False)):
            pair = self.lay(evolve(MESSAGE, fields=(field,) * hops))
            pair.open()
            if good:
                self.assertEqual(len(pair.mails()), 1)
                pair.close()
            else:
                error = self.assertRaises(BadPair, pair.mails)
                self.assertIn("it goes in circles", str(error))

    def test_age(self) -> None:
        """How long nothing was written to it."""
        pair = self.lay()
        for part, when in (("D", 50), ("H", 70)):
            os.utime(self.root / f"{ID}-{part}", (when, when))
        self.assertEqual(pair.age(100.0), 30.0)
        pair.remove()
        self.assertEqual(pair.age(100.0), 0.0)


class FindTests(EximPairTestCase):
    """What there is on a queue."""

    def test_found(self) -> None:
        """Messages of both kinds of id are found, and nothing else."""
        self.lay()
        self.lay(evolve(MESSAGE, id=OLD_ID))
        for name in ("hdr.123", f"{ID[:-1]}-H", f"smtpx.{ID}-H", "x", f"{ID}-J"):
            (self.root / name).write_bytes(b"")
        found = [each.id for each in findPairs(self.root)]
        self.assertEqual(found, [ID, OLD_ID])

    def test_split(self) -> None:
        """A queue that is split is looked through as well."""
        self.lay()
        self.lay(evolve(MESSAGE, id=OLD_ID), folder=self.root / "z")
        self.lay(evolve(MESSAGE, id="2" + OLD_ID[1:]), folder=self.root / "other")
        (self.root / "a").symlink_to("other")
        found = [(each.folder, each.id) for each in findPairs(self.root)]
        self.assertEqual(found, [(self.root, ID), (self.root / "z", OLD_ID)])

    def test_spoolDirectory(self) -> None:
        """Exim's whole spool may be given; one place has one name."""
        inner = self.root / "input"
        inner.mkdir()
        link = self.root.with_name("link")
        link.symlink_to(self.root)
        self.assertEqual(queueFolder(link), inner)
        self.assertEqual(queueFolder(inner), inner)
        self.assertRaises(FileNotFoundError, queueFolder, self.root / "none")
