"""
Tests for L{smtpx.policy.strangers.greylist}.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.task import Clock

from smtpx.policy.strangers.greylist import (
    AGAIN_SECONDS,
    AWAY_ACCEPTS,
    AWAY_DEFERS,
    Greylist,
    Work,
)
from smtpx.policy.strangers.greylistfile import GreylistFile, GreylistTerms
from smtpx.policy.strangers.interfaces import Standing, Triples
from smtpx.policy.strangers.sharedfile import Turn

from .made import NOW, FolderCase

_Job = Callable[[], Turn[list[Standing]]]

_TRIPLES = Triples(b"192.0.2.1", b"ann@example.net", (b"bob@example.org",))
_NEW = Standing(False, "it was not here before", 300.0)


class Slow:
    """
    A thread that does its work when it is told to.

    @ivar jobs: what it is to do.
    """

    def __init__(self) -> None:
        self.jobs: list[tuple[_Job, Deferred[Turn[list[Standing]]]]] = []

    def __call__(self, job: _Job) -> Deferred[Turn[list[Standing]]]:
        """Take a job."""
        done: Deferred[Turn[list[Standing]]] = Deferred()
        self.jobs.append((job, done))
        return done

    def go(self) -> None:
        """Do what is to be done now."""
        jobs, self.jobs = self.jobs, []
        for job, done in jobs:
            done.callback(job())


class GreylistTests(FolderCase):
    """A greylist, as a server asks it."""

    def setUp(self) -> None:
        """A clock."""
        super().setUp()
        self.clock = Clock()
        self.clock.advance(NOW)

    def greylist(
        self, work: Work = execute, away: Standing | None = AWAY_ACCEPTS
    ) -> Greylist:
        """One of a server."""
        self.counted: list[str] = []
        made = Greylist(
            self.clock,
            self.clock.seconds,
            work,
            self.path,
            GreylistTerms(),
            away,
            self.counted.append,
        )
        self.addCleanup(lambda: made._keeper.close())
        return made

    def asked(self, greylist: Greylist, triples: Triples = _TRIPLES) -> Standing | None:
        """What it says at once."""
        return self.successResultOf(greylist.ask(triples))

    def test_comesAgain(self) -> None:
        """Who is new waits, and may send when it comes again."""
        greylist = self.greylist()
        self.assertEqual(self.asked(greylist), _NEW)
        self.clock.advance(300)
        found = self.asked(greylist)
        assert found is not None
        self.assertEqual((found.passes, found.delayedSeconds), (True, 300))
        self.assertEqual(self.told, [])

    def test_answersAreCounted(self) -> None:
        """Each answer is, by what it comes to; one who only looks is not."""
        greylist = self.greylist()
        for wait in (0, 1, 300, 1):
            self.clock.advance(wait)
            self.asked(greylist)
        self.successResultOf(greylist.look(_TRIPLES))
        self.assertEqual(self.counted, ["waits", "waits", "passed", "known"])

    def test_failuresAreCounted(self) -> None:
        """A greylist that cannot be used is seen in the numbers, however it answers."""
        os.makedirs(self.path)
        for away in (AWAY_ACCEPTS, AWAY_DEFERS):
            greylist = self.greylist(away=away)
            for _ in range(2):
                self.assertEqual(self.asked(greylist), away)
            self.assertEqual(self.counted, ["away", "away"])

    def test_askTogether(self) -> None:
        """Those who ask while the thread is at work have the next turn together."""
        slow = Slow()
        greylist = self.greylist(slow)
        answers = [greylist.ask(_TRIPLES) for _ in range(4)]
        self.assertEqual(len(slow.jobs), 1)
        self.assertNoResult(answers[0])
        slow.go()
        self.assertEqual(self.successResultOf(answers[0]), _NEW)
        self.assertEqual(len(slow.jobs), 1)
        self.assertNoResult(answers[1])
        slow.go()
        for each in answers[1:]:
            found = self.successResultOf(each)
            assert found is not None
            self.assertFalse(found.passes)
        self.assertEqual(slow.jobs, [])

    def test_whoDoesNotWait(self) -> None:
        """A client that has gone keeps nobody else from an answer."""
        slow = Slow()
        greylist = self.greylist(slow)
        gone, other = greylist.ask(_TRIPLES), greylist.ask(_TRIPLES)
        gone.addErrback(lambda _: None)
        gone.cancel()
        slow.go()
        slow.go()
        self.assertIsNotNone(self.successResultOf(other))

    def test_look(self) -> None:
        """Who only looks is told the same, and makes no file."""
        greylist = self.greylist()
        self.assertEqual(self.successResultOf(greylist.look(_TRIPLES)), _NEW)
        self.assertEqual(os.listdir(self.folder), [])
        self.asked(greylist)
        self.clock.advance(100)
        found = self.successResultOf(greylist.look(_TRIPLES))
        assert found is not None
        self.assertEqual(found.waitSeconds, 200)
        self.clock.advance(200)
        found = self.successResultOf(greylist.look(_TRIPLES))
        assert found is not None
        self.assertTrue(found.passes)
        found = self.asked(greylist)
        assert found is not None
        self.assertEqual(found.why, "it has come again")

    def test_stop(self) -> None:
        """It ends when all have their answer, and the file is closed."""
        slow = Slow()
        greylist = self.greylist(slow)
        answer = greylist.ask(_TRIPLES)
        over = Deferred.fromCoroutine(greylist.stop())
        slow.go()
        self.successResultOf(answer)
        self.assertNoResult(over)
        slow.go()
        self.successResultOf(over)
        self.assertEqual(os.listdir(self.folder), ["strangers.sqlite"])

    def unusable(self, away: Standing | None) -> Greylist:
        """One whose file cannot be used."""
        os.mkdir(self.path)
        return self.greylist(away=away)

    def test_awayLetsIn(self) -> None:
        """
        Where the file cannot be used, mail is let in, and the operator is told once;
        after a while it is tried again.
        """
        greylist = self.unusable(AWAY_ACCEPTS)
        self.assertIs(self.asked(greylist), AWAY_ACCEPTS)
        self.assertIs(self.asked(greylist), AWAY_ACCEPTS)
        (told,) = self.told
        self.assertIn(
            "error: The greylist cannot be used, and clients are let in", told
        )
        self.clock.advance(AGAIN_SECONDS)
        self.assertIs(self.asked(greylist), AWAY_ACCEPTS)
        os.rmdir(self.path)
        self.assertIs(self.asked(greylist), AWAY_ACCEPTS)
        self.assertEqual(self.told, [told])
        self.clock.advance(AGAIN_SECONDS)
        self.assertEqual(self.asked(greylist), _NEW)
        self.assertEqual(self.told[1:], [f"info: The greylist is in {self.path} again"])
        self.assertEqual(greylist.trouble, "")

    def test_awayDefers(self) -> None:
        """Or it is put off, as the operator has it."""
        greylist = self.unusable(AWAY_DEFERS)
        self.assertIsNone(self.asked(greylist))
        self.assertIn("and clients are put off", self.told[0])

    def test_damaged(self) -> None:
        """A damaged file is put aside and told of; nobody notices else."""
        greylist = self.greylist()
        self.asked(greylist)
        self.successResultOf(Deferred.fromCoroutine(greylist.stop()))
        self.damage()
        self.assertEqual(self.asked(greylist), _NEW)
        self.assertEqual(
            self.told,
            [
                f"error: The file of the greylist {self.path} was damaged; it is now"
                f" {self.path}.damaged, and a new one begins"
            ],
        )

    def test_fullDisk(self) -> None:
        """A disk that is full keeps no mail out."""
        greylist = self.greylist()
        self.asked(greylist)
        file = greylist._keeper._file
        assert isinstance(file, GreylistFile)
        file.connection.execute("PRAGMA max_page_count = 1")
        for number in range(2000):
            sender = "".join(chr(97 + int(each)) for each in str(number)) * 20
            triples = Triples(b"192.0.2.1", sender.encode() + b"@a.example", (b"b@c",))
            found = self.asked(greylist, triples)
            if found is AWAY_ACCEPTS:
                break
        self.assertIs(found, AWAY_ACCEPTS)
        self.assertIn("database or disk is full", self.told[0])

    def test_ourFault(self) -> None:
        """What goes wrong with the thread itself lets mail in, too."""
        greylist = self.greylist(lambda job: fail(ZeroDivisionError("a fault")))
        self.assertIs(self.asked(greylist), AWAY_ACCEPTS)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIn(f"{self.path}: a fault", greylist.trouble)
