"""
Tests for L{smtpx.spool.claims}: a name is one process's at a time.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool.claims import FILE, Claims

KEY, OTHER = sha256(b"one").digest(), sha256(b"other").digest()


class ClaimsTests(SynchronousTestCase):
    """Two processes that want names."""

    def setUp(self) -> None:
        """A folder for them."""
        self.folder = self.mktemp()
        os.mkdir(self.folder)
        self.one, self.two = self.claims(), self.claims()

    def claims(self) -> Claims:
        """Those of a process."""
        made = Claims(self.folder)
        made.open()
        self.addCleanup(made.close)
        return made

    def test_oneOnly(self) -> None:
        """What one has the other does not get; whoever has it has it still."""
        self.assertTrue(self.one.take(KEY))
        self.assertFalse(self.two.take(KEY))
        self.assertTrue(self.one.take(KEY))
        self.assertTrue(self.two.take(OTHER))
        self.assertFalse(self.one.take(OTHER))

    def test_drop(self) -> None:
        """What is let go of, others get; and the rest is as it was."""
        self.one.take(KEY)
        self.one.take(OTHER)
        self.one.drop(KEY)
        self.assertTrue(self.two.take(KEY))
        self.assertFalse(self.two.take(OTHER))

    def test_notOurs(self) -> None:
        """What another has cannot be let go of."""
        self.one.take(KEY)
        self.two.drop(KEY)
        self.assertFalse(self.two.take(KEY))

    def test_end(self) -> None:
        """Whoever ends has nothing, and gets nothing any more."""
        self.one.take(KEY)
        self.one.mark(1)
        self.one.close()
        self.assertTrue(self.two.take(KEY))
        self.assertFalse(self.two.marked(1))
        self.assertFalse(self.one.take(OTHER))
        self.one.drop(KEY)
        self.assertFalse(self.claims().take(KEY))

    def test_marks(self) -> None:
        """One sees whose spool is open, and a mark is no claim."""
        self.assertFalse(self.two.marked(1))
        self.one.mark(1)
        self.assertTrue(self.two.marked(1))
        self.assertFalse(self.two.marked(2))
        self.assertTrue(self.two.take(b"\0" * 32))
        self.assertTrue(self.two.take(b"\xff" * 32))

    def test_everyPlace(self) -> None:
        """Names of all kinds have a place."""
        for key in (b"\0" * 32, b"\xff" * 32, b"\x7f" * 32, b"\x80" + b"\0" * 31, b"k"):
            self.assertTrue(self.one.take(key))
            self.assertFalse(self.two.take(key))

    def test_nobodyElses(self) -> None:
        """The file is ours alone, and holds nothing."""
        path = os.path.join(self.folder, FILE)
        self.one.take(KEY)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(os.stat(path).st_size, 0)

    def test_noMoreLocks(self) -> None:
        """Where the kernel has no more locks, that is told."""

        def full(*args: object) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        self.patch(fcntl, "fcntl", full)
        self.assertRaises(OSError, self.one.take, KEY)
