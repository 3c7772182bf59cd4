"""
Tests for L{smtpx.spool.sharednames}: a name is known to all processes of a spool.
"""

from __future__ import annotations

import errno
import sqlite3
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

from smtpx.spool.claims import Claims
from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.names import INames
from smtpx.spool.nametable import Name
from smtpx.spool.siblings import Siblings, Unsure
from smtpx.spool.store import Store

from .killing import STEPS, Death, Killed
from .named import ANN
from .rig import LONG, NOW, PREFIX, SHORT, envelope
from .shared import SharedTestCase


class KnownTests(SharedTestCase):
    """What one has put down, and the others find."""

    def test_interface(self) -> None:
        """They are names."""
        self.assertTrue(verifyObject(INames, self.worker(1).spool.names))

    def test_name(self) -> None:
        """A name is known to all, and counted where it is."""
        one, two = self.two()
        name = self.put(one)
        self.assertEqual((self.known(one), self.known(two)), (name, name))
        self.assertEqual(one.spool.names.count(ANN), 1)
        self.assertEqual(two.spool.names.count(None), 0)

    def test_withoutMessage(self) -> None:
        """So is one under which there is no message."""
        one, two = self.two()
        self.claimed(one)
        one.wait(one.spool.names.put(self.name(b"k", None)))
        self.release(one)
        self.assertEqual(self.known(two), self.name(b"k", None))

    def test_whoeverIsAway(self) -> None:
        """
        While a worker is being started again nobody knows what is in its file, and it
        is waited for; not for long.
        """
        one, two = self.two()
        name = self.put(one)
        self.kill(one)
        self.claimed(two)
        found = two.spool.names.recall(b"k")
        for _ in range(9):
            two.reactor.advance(0.1)
            two.run()
        self.assertNoResult(found)
        one = self.worker(1)
        two.reactor.advance(0.1)
        self.assertEqual(two.wait(found), name)
        self.kill(one)
        found = two.spool.names.recall(b"k")
        for _ in range(60):
            two.reactor.advance(0.1)
        self.failureResultOf(found, Unsure)

    def test_tooOld(self) -> None:
        """A name that is too old elsewhere is none; our own is told, to be dropped."""
        one, two = self.two()
        name = self.put(one)
        for rig in (one, two):
            rig.now = NOW + 61
        self.assertEqual((self.known(one), self.known(two)), (name, None))

    def test_newest(self) -> None:
        """Where there are two, of which one is too old, the other counts."""
        one, two = self.two()
        self.put(one)
        one.now = two.now = NOW + 61
        self.claimed(two)
        name = evolve(self.name(b"k"), until=NOW + 99)
        self.commit(two, name)
        self.release(two)
        self.assertEqual((self.known(one), self.known(two)), (name, name))

    def test_forget(self) -> None:
        """Each forgets what is its own."""
        one, two = self.two()
        name = self.put(one)
        two.wait(two.spool.names.forget(b"k", ANN))
        self.assertEqual(self.known(two), name)
        one.wait(one.spool.names.forget(b"k", ANN))
        self.assertIsNone(self.known(two))

    def test_unsure(self) -> None:
        """Where another's file cannot be read, nobody can say."""
        one, two = self.two()
        self.put(one)

        def broken(*args: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        self.claimed(two)
        patched = self.patch(Siblings, "look", broken)
        self.assertRaises(Unsure, self.recall, two, b"k")
        patched.restore()
        self.assertIsInstance(self.recall(two, b"k"), Name)

    def test_estate(self) -> None:
        """
        What nobody has taken over yet is known, once only, when the first worker has:
        until then it is waited for.
        """
        third = self.worker(3, 3)
        self.claimed(third)
        name = self.name(b"k")
        self.commit(third, name)
        third.close()
        two = self.worker(2)
        self.claimed(two)
        found = two.spool.names.recall(b"k")
        two.reactor.advance(0.1)
        two.run()
        self.assertNoResult(found)
        self.worker(1)
        two.reactor.advance(0.1)
        self.assertEqual(two.wait(found), name)
        self.assertEqual(two.spool.names.count(None), 0)


class KillTests(SharedTestCase):
    """A worker that is killed while it puts something down."""

    def test_anywhere(self) -> None:
        """
        Killed at any step, it leaves a message with its name or nothing, and the others
        know which, before it is back and behind that.
        """
        for body in (SHORT, LONG):
            number, killed = 0, True
            while killed:
                self.folder = self.mktemp()
                one, two = self.two()
                self.claimed(one)
                death = Death(number, STEPS)
                try:
                    self.commit(one, self.name(b"k", body), body)
                    killed = False
                except Killed:
                    number += 1
                finally:
                    death.over()
                self.assertFalse(two.spool.names.claim(b"k"))
                self.kill(one)
                one = self.worker(1)
                found = self.known(two)
                self.assertEqual(one.wait(one.spool.count()), int(found is not None))
                self.assertTrue(killed or found is not None)
                self.kill(one)
                self.kill(two)
            self.assertGreater(number, 0)


class ClaimTests(SharedTestCase):
    """Who may do something under a name."""

    def test_oneAtATime(self) -> None:
        """A name is one's until it lets go of it, or is dead."""
        one, two = self.two()
        self.assertTrue(one.spool.names.claim(b"k"))
        self.assertTrue(one.spool.names.claim(b"k"))
        self.assertFalse(two.spool.names.claim(b"k"))
        self.release(one)
        self.assertTrue(two.spool.names.claim(b"k"))
        self.assertFalse(one.spool.names.claim(b"k"))
        self.kill(two)
        self.assertTrue(one.spool.names.claim(b"k"))

    def test_noMoreLocks(self) -> None:
        """Where there are no more locks it is as if somebody had it."""
        one = self.worker(1)

        def full(*args: object) -> bool:
            raise OSError(errno.ENOLCK, "No locks available")

        self.patch(Claims, "take", full)
        self.assertFalse(one.spool.names.claim(b"k"))

    def test_withoutIt(self) -> None:
        """Whoever has no claim puts nothing down, and finds nothing out."""
        one, two = self.two()
        self.claimed(two)
        names = one.spool.names
        self.assertRaises(SpoolBroken, self.commit, one, self.name(b"k"))
        self.assertRaises(SpoolBroken, self.recall, one, b"k")
        self.assertRaises(SpoolBroken, one.wait, names.put(self.name(b"k")))
        self.assertRaises(SpoolBroken, self.leave, one, self.remnant(b"k"))
        self.release(one)
        self.assertEqual(one.wait(one.spool.count()), 0)
        self.assertEqual(self.files(one), [])
        self.assertIsNone(self.recall(two, b"k"))

    def test_notBeforeItIsOver(self) -> None:
        """
        Who lets go of a name while something is put down under it keeps it until that
        is over, also if nobody waits for it any more.
        """
        one, two = self.two()
        self.claimed(one)
        incoming = one.spool.begin()
        incoming.write(SHORT)
        name = self.name(b"k")
        done = one.spool.names.commit(incoming, envelope(), PREFIX, False, name)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.release(one)
        self.assertFalse(two.spool.names.claim(b"k"))
        one.run()
        self.assertEqual(self.known(two), name)

    def test_wantedAgain(self) -> None:
        """Who wants it again in the meantime has it."""
        one, two = self.two()
        self.claimed(one)
        looked = one.spool.names.recall(b"k")
        self.release(one)
        self.claimed(one)
        one.wait(looked)
        self.assertFalse(two.spool.names.claim(b"k"))

    def test_doubt(self) -> None:
        """
        Where a commit failed nobody knows whether it is in the file; others cannot look
        before that is known, and then find nothing.
        """
        one, two = self.two()
        self.claimed(one)
        real = Store.commit

        def commit(store: Store, *rest: Any) -> list[int]:
            real(store, *rest)
            raise sqlite3.OperationalError("disk I/O error")

        patched = self.patch(Store, "commit", commit)
        self.assertRaises(SpoolBroken, self.commit, one, self.name(b"k"))
        self.release(one)
        self.assertFalse(two.spool.names.claim(b"k"))
        one.reactor.advance(1)
        one.run()
        self.assertFalse(two.spool.names.claim(b"k"))
        patched.restore()
        for _ in range(4):
            one.reactor.advance(1)
            one.run()
        self.assertIsNone(self.known(two))
        self.assertEqual(one.wait(one.spool.count()), 0)

    def test_doubtAtItsDeath(self) -> None:
        """A process that dies in doubt leaves what is in its file: all of it."""
        one, two = self.two()
        self.claimed(one)
        real = Store.commit

        def commit(store: Store, *rest: Any) -> list[int]:
            real(store, *rest)
            raise sqlite3.OperationalError("disk I/O error")

        patched = self.patch(Store, "commit", commit)
        self.assertRaises(SpoolBroken, self.commit, one, self.name(b"k"))
        self.kill(one)
        patched.restore()
        one = self.worker(1)
        self.assertIsInstance(self.known(two), Name)
        self.assertEqual(one.wait(one.spool.count()), 1)
