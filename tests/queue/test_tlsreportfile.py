"""
Tests for L{smtpx.queue.tlsreportfile}.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import SMTPXError
from smtpx.queue import dailyfile
from smtpx.queue.dailyfile import At, Job
from smtpx.queue.tlscounts import FAILURES_MOST, POLICIES_MOST, Applied, Count, Failed
from smtpx.queue.tlsreportfile import TLSReportFile
from smtpx.tls.tlsrpt import ResultType

from .test_tlscounts import BAD, GOOD, POLICY

JOB = Job(10, "example.org", 0.0, 0, {})


class TLSReportFileTests(SynchronousTestCase):
    """The file of reports."""

    def setUp(self) -> None:
        """A new one."""
        self.path = Path(self.mktemp())
        self.file = self.opened()

    def opened(self) -> TLSReportFile:
        """The file, as another process opens it."""
        file = TLSReportFile(str(self.path))
        self.addCleanup(file.close)
        return file

    def claimed(self, now: float) -> Job:
        """The report that is due, as another process gets it."""
        job = self.opened().claim(now, now + 100)
        assert job is not None
        return job

    def planned(self) -> None:
        """The report for the tenth day is due at 100 seconds."""
        self.file.plan(11, lambda day, domain: 100.0)

    def test_addedUp(self) -> None:
        """Counts of several times, and processes, are added up, and are kept."""
        self.assertEqual(self.file.add([Count(GOOD, 2), Count(BAD, 1)]), 0)
        self.opened().add([Count(GOOD, 3)])
        self.assertEqual(
            self.opened().content(JOB), [Count(GOOD, 5), Count(BAD, 1)][::1]
        )

    def test_manyFailures(self) -> None:
        """A domain that fails in ever new ways is told of them in fewer words."""
        for number in range(FAILURES_MOST + 5):
            failed = Failed(ResultType.FAILURE, reason=str(number))
            self.file.add([Count(evolve(GOOD, failed=failed), 1)])
        content = self.file.content(JOB)
        self.assertEqual(len(content), FAILURES_MOST + 1)
        rough = evolve(GOOD, failed=Failed(ResultType.FAILURE))
        self.assertEqual(content[0], Count(rough, 5))

    def test_tooMuch(self) -> None:
        """There is an end to how much is kept."""
        self.patch(dailyfile, "ROWS_MOST", 2)
        counts = [Count(evolve(GOOD, domain=str(each)), 3) for each in range(4)]
        self.assertEqual(self.file.add(counts), 6)
        self.assertEqual(self.file.add(counts[:1]), 0)

    def test_claimed(self) -> None:
        """A report is given out when it is due, to one process at a time."""
        self.file.add([Count(GOOD, 1)])
        self.file.plan(10, lambda day, domain: 100.0)
        self.assertIsNone(self.file.claim(1e9, 2e9))
        self.planned()
        self.assertIsNone(self.file.claim(99, 200))
        self.assertEqual(self.file.claim(100, 200), evolve(JOB, until=200))
        self.assertIsNone(self.opened().claim(199, 300))
        self.assertEqual(
            self.opened().claim(200, 300), evolve(JOB, first=100.0, tries=1, until=300)
        )

    def test_plannedOnce(self) -> None:
        """To plan twice changes nothing, nor does what is counted late."""
        self.file.add([Count(GOOD, 1)])
        self.planned()
        self.file.plan(11, lambda day, domain: 5.0)
        self.assertIsNone(self.file.claim(99, 200))
        self.file.finish(self.claimed(100))
        self.file.add([Count(GOOD, 1)])
        self.planned()
        self.assertIsNone(self.file.claim(1e9, 2e9))

    def test_oneAtATime(self) -> None:
        """Of many that are due, one is given out at a time."""
        for domain in ("a", "b", "c"):
            self.file.add([Count(evolve(GOOD, domain=domain), 1)])
        self.planned()
        jobs = [self.file.claim(100, 200) for _ in range(4)]
        domains = [None if job is None else job.domain for job in jobs]
        self.assertEqual(domains, ["a", "b", "c", None])

    def test_places(self) -> None:
        """It is known how far a report has come, beyond restarts."""
        self.file.add([Count(GOOD, 1)])
        self.planned()
        self.file.note(JOB, "mailto:a@b", At.BEGUN)
        self.file.note(JOB, "https://c/", At.DONE)
        job = self.claimed(100)
        self.assertEqual(job.places, {"mailto:a@b": At.BEGUN, "https://c/": At.DONE})
        self.file.note(job, "mailto:a@b", None)
        self.file.again(job, 150)
        job = self.claimed(150)
        self.assertEqual(job.places, {"https://c/": At.DONE})

    def test_begunOnce(self) -> None:
        """A report begins to go to a place once, whoever wants to bring it there."""
        self.file.add([Count(GOOD, 1)])
        self.planned()
        job = self.claimed(100)
        self.assertTrue(self.file.begin(job, "mailto:a@b"))
        self.assertFalse(self.file.begin(job, "mailto:a@b"))
        self.assertTrue(self.file.begin(job, "mailto:c@d"))
        self.file.note(job, "mailto:c@d", At.DONE)
        self.assertFalse(self.file.begin(job, "mailto:c@d"))

    def test_claimThatIsLost(self) -> None:
        """Who takes longer than his claim begins nothing any more, nor puts it off."""
        self.file.add([Count(GOOD, 1)])
        self.planned()
        slow, other = self.claimed(100), self.claimed(250)
        self.assertFalse(self.file.begin(slow, "mailto:a@b"))
        self.file.again(slow, 1e9)
        self.file.finish(slow)
        self.assertTrue(self.file.begin(other, "mailto:a@b"))
        self.file.finish(other)
        self.assertFalse(self.file.begin(other, "mailto:c@d"))

    def test_manyPolicies(self) -> None:
        """
        A domain with ever new policies is told of some in full, and of the others that
        they were of a kind.
        """
        for number in range(50):
            policy = evolve(POLICY, kind="tlsa", domain=f"mx{number}.example")
            bad = Failed(ResultType.EXPIRED, reason=str(number))
            for failed in (None, bad):
                event = evolve(GOOD, policy=policy, failed=failed)
                self.assertEqual(self.file.add([Count(event, 1)]), 0)
        content = self.file.content(JOB)
        policies = {each.event.policy for each in content}
        self.assertEqual(len(policies), POLICIES_MOST + 1)
        self.assertIn(Applied("tlsa", "example.org"), policies)
        self.assertEqual(sum(each.sessions for each in content), 100)

    def test_bounded(self) -> None:
        """However a domain's policies and failures vary, it has few rows."""
        for number in range(400):
            policy = evolve(POLICY, domain=f"mx{number}.example")
            failed = Failed(ResultType.FAILURE, reason=str(number))
            event = evolve(GOOD, policy=policy, failed=failed)
            self.file.add([Count(event, 1)])
        self.assertLess(len(self.file.content(JOB)), FAILURES_MOST + 20)

    def test_fileIsFull(self) -> None:
        """The file has an end in octets, too; what it has already is counted on."""
        self.file.add([Count(GOOD, 1)])
        self.patch(dailyfile, "OCTETS_MOST", 1)
        self.assertEqual(self.file.add([Count(GOOD, 1), Count(BAD, 3)]), 3)

    def test_tidied(self) -> None:
        """What is old is forgotten, sent or not."""
        self.file.add([Count(GOOD, 1), Count(evolve(GOOD, day=12), 1)])
        self.planned()
        self.file.tidy(15)
        self.assertIsNone(self.file.claim(1e9, 2e9))
        self.assertEqual(self.file.content(JOB), [])
        self.assertEqual(len(self.file.content(evolve(JOB, day=12))), 1)

    def test_private(self) -> None:
        """Nobody else may read whom mail goes to."""
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_damaged(self) -> None:
        """A damaged file is put aside, and a new one begun."""
        self.file.close()
        self.path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
        for name in ("-wal", "-shm"):
            Path(f"{self.path}{name}").unlink(missing_ok=True)
        file = self.opened()
        self.assertEqual(file.aside, f"{self.path}.damaged")
        file.add([Count(GOOD, 1)])

    def test_foreign(self) -> None:
        """Another program's file is left alone."""
        other = self.mktemp()
        database = sqlite3.connect(other)
        database.execute("CREATE TABLE x(y)")
        database.commit()
        database.close()
        error = self.assertRaises(SMTPXError, TLSReportFile, other)
        self.assertIn("no file of TLS reports", str(error))

    def test_damagedRows(self) -> None:
        """Rows that nobody can read are passed over."""
        self.file.add([Count(GOOD, 1), Count(BAD, 1)])
        self.planned()
        database = sqlite3.connect(str(self.path))
        database.execute("UPDATE count SET failed = '{}' WHERE failed != ''")
        database.execute("UPDATE report SET places = '[1]'")
        database.commit()
        database.close()
        self.assertEqual(self.file.content(JOB), [Count(GOOD, 1)])
        self.assertEqual(self.file.claim(100, 200), evolve(JOB, until=200))

    def test_nothingHalf(self) -> None:
        """What fails leaves nothing behind."""

        def counts() -> list[Count]:
            raise ZeroDivisionError

        def given() -> object:
            yield Count(GOOD, 1)
            counts()

        self.assertRaises(ZeroDivisionError, self.file.add, given())
        self.assertEqual(self.file.content(JOB), [])
