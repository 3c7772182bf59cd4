"""
The file with the public suffix list.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.mailauth.publicsuffix import FILE_OCTETS, RULES_LEAST
from smtpx.policy.suffixfile import checkSuffixes, readSuffixes, replaceSuffixes
from smtpx.policy.watchedfile import BadList


class SuffixFileTests(SynchronousTestCase):
    """
    It is read, checked and replaced.
    """

    def setUp(self) -> None:
        """
        Make a place for it.
        """
        self.path = Path(self.mktemp()).absolute()

    def test_fileIsRead(self) -> None:
        """
        What is wrong with it is told with its name, and the line.
        """
        with self.assertRaisesRegex(BadList, "cannot be read"):
            readSuffixes(self.path)
        self.path.write_bytes(b"com\nco.uk\n")
        self.assertEqual(b"co.uk", readSuffixes(self.path).suffix(b"a.co.uk"))
        self.path.write_bytes(b"com\n<html>\n")
        with self.assertRaisesRegex(BadList, f"^{self.path}: line 2"):
            readSuffixes(self.path)
        self.path.write_bytes(b" " * (FILE_OCTETS + 1))
        self.assertRaises(BadList, readSuffixes, self.path)

    def test_listThatIsNotWholeIsRefused(self) -> None:
        """
        One that broke off would make owners of public suffixes.
        """
        with self.assertRaisesRegex(Malformed, "it has 1 rules"):
            checkSuffixes(b"com\n")
        text = b"".join(b"s%d\n" % number for number in range(RULES_LEAST))
        self.assertEqual(RULES_LEAST, checkSuffixes(text).rules)

    def test_fileIsReplacedAtOnce(self) -> None:
        """
        A new one can be read by all; one that was there keeps who may.
        """
        replaceSuffixes(self.path, b"a\n")
        self.assertEqual(0o644, stat.S_IMODE(self.path.stat().st_mode))
        self.path.chmod(0o600)
        with self.path.open("rb") as reader:
            replaceSuffixes(self.path, b"b\n")
            self.assertEqual(b"a\n", reader.read())
        self.assertEqual(b"b\n", self.path.read_bytes())
        self.assertEqual(0o600, stat.S_IMODE(self.path.stat().st_mode))

    def test_failureChangesNothing(self) -> None:
        """
        And leaves nothing behind.
        """
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        path = folder / "list"
        replaceSuffixes(path, b"a\n")

        def full(file: int) -> None:
            raise OSError("no room")

        self.patch(os, "fsync", full)
        self.assertRaises(OSError, replaceSuffixes, path, b"b\n")
        self.assertEqual(["list"], os.listdir(folder))
        self.assertEqual(b"a\n", path.read_bytes())
