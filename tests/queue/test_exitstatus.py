"""Tests for L{smtpx.queue.exitstatus}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.reply import Reply, reply
from smtpx.queue.exitstatus import LINES, Crashed, Reading, Result, spread
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause


class ExitStatusTests(SynchronousTestCase):
    """What the end of a command means."""

    def test_success(self) -> None:
        """Status 0 is success, whatever was printed; the log has its first line."""
        self.assertEqual(Reading().outcome(Result(0)), Outcome(0, Fate.DELIVERED))
        self.assertEqual(
            Reading().outcome(Result(0, b"\n \n5.7.1 No\r\nmore")),
            Outcome(0, Fate.DELIVERED, "5.7.1 No"),
        )

    def test_theStatusesOfSysexits(self) -> None:
        """As Postfix has them; a sender reads what is about the mail, no more."""
        for status, fate, said, cause in [
            (64, Fate.FAILED, None, Cause.LOCAL),
            (65, Fate.FAILED, reply(550, "5.6.0", b"data format error"), Cause.CONTENT),
            (66, Fate.FAILED, None, Cause.LOCAL),
            (67, Fate.FAILED, reply(550, "5.1.1", b"user unknown"), Cause.RECIPIENT),
            (68, Fate.FAILED, reply(550, "5.1.2", b"host name unknown"), None),
            (69, Fate.FAILED, None, Cause.LOCAL),
            (70, Fate.FAILED, None, Cause.LOCAL),
            (71, Fate.WAITING, None, Cause.LOCAL),
            (72, Fate.FAILED, None, Cause.LOCAL),
            (73, Fate.WAITING, reply(450, "4.2.0", b"cannot create output file"), None),
            (74, Fate.WAITING, None, Cause.LOCAL),
            (75, Fate.WAITING, None, Cause.LOCAL),
            (76, Fate.FAILED, None, Cause.LOCAL),
            (77, Fate.FAILED, reply(550, "5.7.0", b"permission denied"), None),
            (78, Fate.FAILED, None, Cause.LOCAL),
            # A shell could not run what it was to.
            (126, Fate.WAITING, None, Cause.LOCAL),
            (127, Fate.WAITING, None, Cause.LOCAL),
            (1, Fate.FAILED, None, Cause.LOCAL),
            (255, Fate.FAILED, None, Cause.LOCAL),
        ]:
            found = Reading().outcome(Result(status))
            self.assertEqual((found.fate, found.reply), (fate, said), status)
            if cause is not None:
                self.assertIs(found.cause, cause, status)

    def test_operatorReadsAll(self) -> None:
        """The status with its meaning, and the first line that was printed."""
        found = Reading().outcome(Result(75, b"\ndatabase is away\ntry later\n"))
        self.assertEqual(
            found.text,
            "the command ended with status 75 (temporary failure): database is away",
        )
        found = Reading().outcome(Result(3))
        self.assertEqual(found.text, "the command ended with status 3")

    def test_otherStatusesAreTemporary(self) -> None:
        """The configuration says which."""
        reading = Reading(temporary=(1,))
        self.assertIs(reading.outcome(Result(1)).fate, Fate.WAITING)
        self.assertIs(reading.outcome(Result(75)).fate, Fate.FAILED)

    def test_enhancedStatusCode(self) -> None:
        """One at the beginning of the output counts for more than the status."""
        for status, output, fate, said in [
            (1, b"4.2.2 Mailbox full", Fate.WAITING, (4, 2, 2)),
            (75, b"5.7.1 No attachments", Fate.FAILED, (5, 7, 1)),
            (75, b" \n5.1.1\n", Fate.FAILED, (5, 1, 1)),
            (67, b"4.999.999 x", Fate.WAITING, (4, 999, 999)),
        ]:
            found = Reading().outcome(Result(status, output))
            self.assertIs(found.fate, fate)
            assert found.reply is not None
            self.assertEqual(found.reply.status, said)
            # What was printed is not for the sender.
            self.assertEqual(found.reply.lines, (b"it could not be delivered",))

    def test_noEnhancedStatusCode(self) -> None:
        """What only looks like one is not taken for one."""
        for output in (
            b"2.0.0 x",
            b"5.7 x",
            b"5.7.1000 x",
            b"x 5.7.1",
            b"5.7.1x",
            b"6.1.1",
        ):
            found = Reading().outcome(Result(67, output))
            self.assertEqual(found.reply, reply(550, "5.1.1", b"user unknown"))

    def test_crashes(self) -> None:
        """Death, hanging and floods are tried again, or fail where that is wished."""
        for result, text in [
            (Result(-11, b"x\ny"), "the command died by SIGSEGV: x"),
            (Result(-77), "the command died by signal 77"),
            (Result(-15, b"", "it took too long"), "it took too long"),
            (Result(0, b"", "it took too long"), "it took too long"),
            (Result(-9, b"5.7.1 No"), "the command died by SIGKILL: 5.7.1 No"),
        ]:
            found = Reading().outcome(result)
            self.assertEqual(found, Outcome(0, Fate.WAITING, text, cause=Cause.LOCAL))
            found = Reading(crashed=Crashed.FAIL).outcome(result)
            self.assertEqual(found, Outcome(0, Fate.FAILED, text, cause=Cause.LOCAL))

    def test_outputForTheSender(self) -> None:
        """Where it is wished, the sender reads what was printed, within bounds."""
        reading = Reading(returnOutput=True)
        found = reading.outcome(Result(67, b"No \x1b[1mann\r\n\n  here\n"))
        self.assertEqual(found.reply, reply(550, "5.1.1", rb"No \x1b[1mann", b"here"))
        found = reading.outcome(Result(75, b"4.2.2 Full\n"))
        self.assertEqual(found.reply, reply(450, "4.2.2", b"Full"))
        found = reading.outcome(Result(1, b"x" * 5000 + b"\ny" * 100))
        assert found.reply is not None
        self.assertEqual(len(found.reply.lines), LINES)
        self.assertLess(len(found.reply.octets), 2500)
        # With nothing printed there is what there is without.
        self.assertEqual(reading.outcome(Result(67)), Reading().outcome(Result(67)))

    def test_spread(self) -> None:
        """All recipients of a run have the same."""
        self.assertEqual(
            spread(Outcome(0, Fate.DELIVERED, "x"), (1, 5)),
            [Outcome(1, Fate.DELIVERED, "x"), Outcome(5, Fate.DELIVERED, "x")],
        )

    @given(st.integers(-64, 255), st.binary(max_size=400), st.booleans())
    @settings(max_examples=100, deadline=None)
    def test_anyEnd(self, status: int, output: bytes, returned: bool) -> None:
        """There is an outcome for whatever a command does, and only 0 is success."""
        found = Reading(returnOutput=returned).outcome(Result(status, output))
        self.assertEqual(found.fate is Fate.DELIVERED, status == 0)
        self.assertNotIn("\n", found.text)
        if found.reply is not None:
            self.assertEqual(found.reply.permanent, found.fate is Fate.FAILED)
            self.assertIsInstance(found.reply, Reply)
            assert found.reply.status is not None
            self.assertEqual(found.reply.status[0] == 5, found.reply.permanent)
