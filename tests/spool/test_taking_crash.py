"""Tests for L{smtpx.spool.taking}: processes that end at any step."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail

from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.parcelbook import Stage
from smtpx.spool.parcels import IParcel

from .parcels import Killed, Parcel, TakingTestCase


class CrashTests(TakingTestCase):
    """A process that is killed."""

    def recover(self, left: int | None = None) -> list[str]:
        """Start again; gives the messages that nobody can know of."""
        taking = self.taking(left)
        done = Deferred.fromCoroutine(
            taking.recover("store ", lambda p: Parcel(self.store, p.split()[1]))
        )
        if left is not None:
            self.failureResultOf(done, Killed)
            return []
        _, unsure = self.successResultOf(done)
        return list(unsure)

    def crash(self, left: int, *parcels: IParcel, stay: bool = False) -> bool:
        """Take parcels; was it killed before the end?"""
        taking = self.taking(left)
        done = Deferred.fromCoroutine(taking.take(parcels, stay))
        killed: list[object] = []
        done.addErrback(lambda failure: killed.append(failure.trap(Killed)))
        self.successResultOf(done)
        self.store.open.clear()
        return bool(killed)

    def test_atEachStep(self) -> None:
        """Killed at any step, each message goes exactly once."""
        for stay in (False, True):
            for left in range(18):
                with self.subTest(stay=stay, left=left):
                    self.setUp()
                    parcels = [self.lay("x", "a", "b"), self.lay("y", "c")]
                    killed = self.crash(left, *parcels, stay=stay)
                    done = self.deliver()
                    self.assertEqual(self.recover(), [])
                    done += self.deliver()
                    there = [each for each in parcels if each.name in self.store.files]
                    self.take(*there, stay=stay)
                    done += self.deliver()
                    self.assertEqual(sorted(done), ["a", "b", "c"])
                    self.assertEqual(self.messages(), [])
                    self.assertEqual(len(self.store.files), 2 * stay)
                    self.assertEqual(self.book.unfinished(""), [])
            self.assertFalse(killed, "so many steps are enough")

    def test_atEachStepTwice(self) -> None:
        """Killed while it goes on after that, too."""
        for left in range(3, 14):
            for again in range(12):
                with self.subTest(left=left, again=again):
                    self.setUp()
                    parcel = self.lay("x", "a", "b")
                    self.crash(left, parcel)
                    done = self.deliver()
                    taking = self.taking(again)
                    going = Deferred.fromCoroutine(
                        taking.recover("store ", lambda p: Parcel(self.store, "x"))
                    )
                    going.addErrback(lambda failure: failure.trap(Killed))
                    self.successResultOf(going)
                    self.store.open.clear()
                    done += self.deliver()
                    self.recover()
                    if self.store.files:
                        self.take(parcel)
                    done += self.deliver()
                    self.assertEqual(sorted(done), ["a", "b"])
                    self.assertEqual((self.messages(), self.store.files), ([], {}))

    def test_somebodyElseTookIt(self) -> None:
        """
        What somebody else took while we were dead may have been delivered by them:
        it stays on hold.
        """
        seen = set()
        swept = []
        for left in range(18):
            self.setUp()
            parcel = self.lay("x", "a")
            self.crash(left, parcel)
            elsewhere = self.store.files.pop("x", None) is not None
            unsure = self.recover()
            held = [each for each in self.messages() if each.held]
            done = self.deliver()
            seen.add((elsewhere, len(held), len(done)))
            self.assertEqual(unsure, [each.id for each in held])
            swept += self.store.swept
            for each in held:
                self.assertIn("store x: somebody else took it", each.note)
            self.assertEqual(self.book.unfinished(""), [])
        # Where the removal was cut off, what it left is looked for.
        self.assertEqual(set(swept), {("x", "m")})
        # Not yet ours, perhaps theirs, surely ours though they have it too, ours.
        self.assertEqual(
            seen, {(True, 0, 0), (True, 1, 0), (True, 0, 1), (False, 0, 1)}
        )

    def test_somebodyElseTookSomeOfIt(self) -> None:
        """
        What somebody else has delivered while we were dead, and says so in the files,
        does not go again; the rest goes, once.
        """
        seen = set()
        for left in range(18):
            self.setUp()
            parcel = self.lay("x", "a", "b")
            self.crash(left, parcel)
            done = self.deliver()
            ours = "x" not in self.store.files
            # Exim lets go of the mark only with the body.
            if not ours:
                self.lay("x", "b")
            entries = self.book.unfinished("")
            begun = not entries or entries[0].stage is Stage.BEGUN
            self.recover()
            if "x" in self.store.files:
                self.take(parcel)
            done += self.deliver()
            seen.add(begun)
            if begun and not ours:
                self.assertEqual(done, ["b"], left)
            self.assertEqual((self.messages(), self.store.files), ([], {}))
            self.assertEqual(self.book.unfinished(""), [])
        self.assertEqual(seen, {True, False})

    def test_somebodyElseDeliveredAllOfIt(self) -> None:
        """Then there is nothing left of it, here or there."""
        parcel = self.lay("x", "a", "b")
        for left in range(18):
            self.crash(left, parcel)
            if len(self.messages()) == 2:
                break
        self.lay("x")
        [took] = self.take(parcel)
        self.assertEqual((took.error, took.messages), (None, ()))
        self.assertEqual((self.messages(), self.store.files), ([], {}))
        self.assertEqual(self.book.unfinished(""), [])

    def test_itCannotBeForgottenAtOnce(self) -> None:
        """Where the spool breaks meanwhile, that is done the next time."""
        parcel = self.lay("x", "a", "b")
        for left in range(18):
            self.crash(left, parcel)
            if len(self.messages()) == 2:
                break
        self.lay("x", "b")
        taking = self.taking()
        settle = self.spool.settle

        def broken(*args: object) -> Deferred[object]:
            return fail(SpoolBroken("for a moment"))

        self.patch(self.spool, "settle", broken)
        for _ in range(2):
            [took] = self.successResultOf(Deferred.fromCoroutine(taking.take([parcel])))
            self.assertIsInstance(took.error, SpoolBroken)
        self.patch(self.spool, "settle", settle)
        [took] = self.successResultOf(Deferred.fromCoroutine(taking.take([parcel])))
        self.assertIsNone(took.error)
        self.assertEqual((self.deliver(), self.messages()), (["b"], []))

    def test_anotherCameThere(self) -> None:
        """Another in the same place is another, whatever became of the first."""
        for left in range(18):
            for recovers in (True, False):
                self.setUp()
                self.crash(left, self.lay("x", "a"))
                other = self.lay("x", "b", mark="another")
                if recovers:
                    self.recover()
                else:
                    self.take(other)
                if "x" in self.store.files:
                    self.take(other)
                self.assertEqual(self.deliver().count("b"), 1)
                self.assertEqual(self.book.unfinished(""), [])

    def test_busyAtTheStart(self) -> None:
        """What somebody else is at waits for them."""
        for left in range(4, 12):
            self.setUp()
            parcel = self.lay("x", "a")
            self.crash(left, parcel)
            if "x" not in self.store.files:
                continue
            self.store.busy.add("x")
            self.assertEqual(self.recover(), [])
            self.assertEqual(self.deliver(), [])
            self.store.busy.clear()
            self.take(parcel)
            self.assertEqual(self.deliver(), ["a"])
