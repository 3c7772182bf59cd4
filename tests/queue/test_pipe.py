"""Tests for L{smtpx.queue.pipe}."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.hooks import Action
from smtpx.core.queueprofile import ORIGIN
from smtpx.core.reply import reply
from smtpx.extensions.requiretls import REQUIRED
from smtpx.queue.commandline import CommandLine
from smtpx.queue.commandrun import Launch, RunAs, RunBounds
from smtpx.queue.exitstatus import Crashed, Reading
from smtpx.queue.interfaces import Attempt, IRelay, Leg, Located
from smtpx.queue.mailbox import LineEnds
from smtpx.queue.pipe import Pipe, Piping, fromLine
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.via import Cause
from smtpx.testing.spool import MemoryBody, memoryID

from .commands import PlayedChild, Stage
from .doubles import messageFor
from .test_maildir import BrokenBody

RECEIVED = b"Received: from c.example by s.example;\r\n\tdate\r\n"
BODY = b"Subject: x\r\n\r\n.\r\n8 bit: \xe9\0\r\nFrom here\r\nno final line end"

ONE = CommandLine(("/bin/x", "-a", "{local}"))
SEVERAL = CommandLine(("/bin/x", "{recipients}"), several=True)


class PipeTests(SynchronousTestCase):
    """Messages into commands."""

    def setUp(self) -> None:
        """A clock, and a stage."""
        self.clock = Clock()
        self.stage = Stage()

    def pipe(self, piping: Piping | None = None) -> Pipe:
        """A transport."""
        return Pipe("pipe", piping or Piping(ONE), self.stage.spawn, self.clock, 3)

    def deliver(
        self, pipe: Pipe, message: SpooledMessage, *indices: int, again: bool = False
    ) -> tuple[Deferred[Sequence[Outcome]], list[Outcome]]:
        """
        Begin to deliver.

        @return: what comes of it, and what is noted on the way.
        """
        noted: list[Outcome] = []
        attempt = Attempt(
            message, MemoryBody(BODY), indices or (0,), again, note=noted.extend
        )
        return Deferred.fromCoroutine(pipe.deliver(attempt)), noted

    @property
    def child(self) -> PlayedChild:
        """What was started last."""
        return self.stage.children[-1]

    # --- what is run ----------------------------------------------------------------

    def test_isARelay(self) -> None:
        """The queue can use it, with a lane of its own width."""
        pipe = self.pipe()
        self.assertTrue(verifyObject(IRelay, pipe))
        self.assertEqual((pipe.width, pipe.gathers, pipe.holds), (3, False, False))

    def test_delivered(self) -> None:
        """A command reads fields, and the message below them with LFs; and ends."""
        message = messageFor(b"ann@example.org", sender=b"s@x", prefix=RECEIVED)
        done, noted = self.deliver(self.pipe(), message)
        self.assertNoResult(done)
        child = self.child
        child.take()
        whole = b"Return-Path: <s@x>\r\nDelivered-To: ann@example.org\r\n"
        whole += RECEIVED + BODY
        self.assertEqual(child.read, whole.replace(b"\r\n", b"\n"))
        self.assertEqual(child.launch.words, (b"/bin/x", b"-a", b"ann"))
        self.assertEqual(child.launch.environment[b"MESSAGE_ID"], memoryID(1).encode())
        self.assertEqual(child.launch.environment[b"RECIPIENT"], b"ann@example.org")
        self.assertNotIn(b"AGAIN", child.launch.environment)
        child.end(0)
        self.assertEqual(self.successResultOf(done), [Outcome(0, Fate.DELIVERED)])
        self.assertEqual(noted, [Outcome(0, Fate.DELIVERED)])

    def test_octetForOctet(self) -> None:
        """With CRLFs it is what came, octet for octet."""
        message = messageFor(b"ann@x", sender=b"", prefix=RECEIVED)
        message.envelope.recipients[0].stamps[ORIGIN] = b"sales@x"
        self.deliver(self.pipe(Piping(ONE, lineEnds=LineEnds.CRLF)), message)
        self.child.take()
        self.assertEqual(
            self.child.read,
            b"Return-Path: <>\r\nX-Original-To: sales@x\r\nDelivered-To: ann@x\r\n"
            + RECEIVED
            + BODY,
        )

    def test_fromLine(self) -> None:
        """Where it is wished, the line of an mbox stands above all."""
        message = messageFor(b"ann@x", sender=b'"a  b"@x', arrived=1_700_000_000.75)
        self.deliver(self.pipe(Piping(ONE, fromLine=True)), message)
        self.child.take()
        self.assertTrue(
            self.child.read.startswith(
                b'From "ab"@x Tue Nov 14 22:13:20 2023\nReturn-Path: <"a  b"@x>\n'
            )
        )
        line = fromLine(messageFor(b"ann@x", sender=b"", arrived=0.0))
        self.assertEqual(line, b"From MAILER-DAEMON Thu Jan  1 00:00:00 1970\r\n")

    def test_sentOn(self) -> None:
        """A command that only sends it on reads what was received, and no more."""
        pipe = self.pipe(Piping(ONE, final=False))
        self.assertIs(pipe.reports, Action.RELAYED)
        self.assertIs(self.pipe().reports, Action.DELIVERED)
        self.deliver(pipe, messageFor(b"ann@x", prefix=RECEIVED))
        self.child.take()
        self.assertEqual(self.child.read, (RECEIVED + BODY).replace(b"\r\n", b"\n"))
        # A report has nothing above its body, and nothing is no piece.
        self.deliver(pipe, messageFor(b"ann@x"))
        self.child.take()
        self.assertEqual(self.child.read, BODY.replace(b"\r\n", b"\n"))

    def test_sentOnInTheClear(self) -> None:
        """Who demands TLS all the way (RFC 8689) is not handed on without it."""
        message = messageFor(b"ann@x", b"bob@x")
        message.envelope.stamps[REQUIRED] = True
        done, _ = self.deliver(self.pipe(Piping(ONE, final=False)), message, 0, 1)
        for outcome in self.successResultOf(done):
            self.assertIs(outcome.fate, Fate.FAILED)
            said = reply(550, "5.7.30", b"REQUIRETLS support required")
            self.assertEqual(outcome.reply, said)
        self.assertEqual(self.stage.children, [])
        # Here its way is at its end.
        self.deliver(self.pipe(), message)
        self.assertEqual(len(self.stage.children), 1)

    def test_asConfigured(self) -> None:
        """Folder, rights and account are those of the configuration."""
        piping = Piping(
            CommandLine(("/bin/x",), ("HOME=/h",)),
            who=((b"USER", b"mail"), (b"HOME", b"/var/mail")),
            folder="/srv",
            umask=0o022,
            runAs=RunAs(8, 8, (8, 12)),
        )
        self.deliver(self.pipe(piping), messageFor(b"ann@x"))
        launch = self.child.launch
        self.assertEqual(
            (launch.folder, launch.umask, launch.runAs),
            ("/srv", 0o022, RunAs(8, 8, (8, 12))),
        )
        self.assertEqual(launch.environment[b"USER"], b"mail")
        # What the configuration says of the environment goes before all else.
        self.assertEqual(launch.environment[b"HOME"], b"/h")
        self.assertEqual(Launch((b"x",)), Launch((b"x",), {}, "/", 0o077, None))

    def test_again(self) -> None:
        """It is told that it may have had the message."""
        self.deliver(self.pipe(), messageFor(b"ann@x"), again=True)
        self.assertEqual(self.child.launch.environment[b"AGAIN"], b"1")

    # --- recipients -----------------------------------------------------------------

    def test_aLegForEachRun(self) -> None:
        """Recipients have runs of their own, or share some, as it is configured."""
        message = messageFor(*[b"%d@x" % number for number in range(5)])
        located = self.successResultOf(self.pipe().locate(message, (0, 2, 4)))
        legs = (Leg(b"pipe", (0,)), Leg(b"pipe", (2,)), Leg(b"pipe", (4,)))
        self.assertEqual(located, Located(legs))
        pipe = self.pipe(Piping(SEVERAL, batchMax=2))
        located = self.successResultOf(pipe.locate(message, (0, 2, 4)))
        self.assertEqual(located, Located((Leg(b"pipe", (0, 2)), Leg(b"pipe", (4,)))))

    def test_oneAfterTheOther(self) -> None:
        """Who hands it several gets an outcome for each, noted as it comes."""
        done, noted = self.deliver(self.pipe(), messageFor(b"a@x", b"b@x"), 0, 1)
        self.child.end(0)
        self.assertEqual(noted, [Outcome(0, Fate.DELIVERED)])
        self.assertEqual(len(self.stage.children), 2)
        self.child.end(67)
        first, second = self.successResultOf(done)
        self.assertEqual(first, Outcome(0, Fate.DELIVERED))
        self.assertEqual((second.index, second.fate), (1, Fate.FAILED))

    def test_severalInOneRun(self) -> None:
        """They share the outcome, and none reads of the others."""
        pipe = self.pipe(Piping(SEVERAL, batchMax=9))
        message = messageFor(b"a@x", b"b@x", b"c@x", sender=b"s@x")
        done, _ = self.deliver(pipe, message, 0, 2)
        self.child.take()
        self.assertEqual(self.child.launch.words, (b"/bin/x", b"a@x", b"c@x"))
        self.assertTrue(self.child.read.startswith(b"Return-Path: <s@x>\nSubject: x\n"))
        self.child.end(75)
        self.assertEqual(
            [(each.index, each.fate) for each in self.successResultOf(done)],
            [(0, Fate.WAITING), (2, Fate.WAITING)],
        )

    def test_oneOfSeveralIsUnfit(self) -> None:
        """The others get theirs."""
        pipe = self.pipe(Piping(SEVERAL, batchMax=9))
        message = messageFor(b"a@x", b"-rf@x", b"c@x")
        done, noted = self.deliver(pipe, message, 0, 1, 2)
        self.assertEqual(self.child.launch.words, (b"/bin/x", b"a@x", b"c@x"))
        self.child.end(0)
        unfit = Outcome(
            1,
            Fate.FAILED,
            "b'-rf@x' could be taken for an option",
            reply(550, "5.1.3", b"This address cannot be delivered to"),
            cause=Cause.RECIPIENT,
        )
        self.assertEqual(
            self.successResultOf(done),
            [unfit, Outcome(0, Fate.DELIVERED), Outcome(2, Fate.DELIVERED)],
        )

    def test_unfit(self) -> None:
        """Nothing is run with an address that would be an option."""
        done, _ = self.deliver(self.pipe(), messageFor(b"-rf@x"))
        [outcome] = self.successResultOf(done)
        self.assertEqual((outcome.fate, outcome.cause), (Fate.FAILED, Cause.RECIPIENT))
        self.assertEqual(self.stage.children, [])

    # --- how it ends ----------------------------------------------------------------

    def outcome(self, status: int, piping: Piping | None = None) -> Outcome:
        """What comes of a status."""
        done, _ = self.deliver(self.pipe(piping), messageFor(b"ann@x"))
        self.child.end(status)
        [outcome] = self.successResultOf(done)
        return outcome

    def test_statuses(self) -> None:
        """They are read as it is configured."""
        self.assertIs(self.outcome(75).fate, Fate.WAITING)
        self.assertIs(self.outcome(67).fate, Fate.FAILED)
        self.assertIs(self.outcome(-9).fate, Fate.WAITING)
        piping = Piping(ONE, reading=Reading((67,), Crashed.FAIL))
        self.assertIs(self.outcome(75, piping).fate, Fate.FAILED)
        self.assertIs(self.outcome(67, piping).fate, Fate.WAITING)
        self.assertIs(self.outcome(-9, piping).fate, Fate.FAILED)

    def test_hangs(self) -> None:
        """The time is bounded."""
        pipe = self.pipe(Piping(ONE, bounds=RunBounds(timeLimit=7.0)))
        done, _ = self.deliver(pipe, messageFor(b"ann@x"))
        self.clock.advance(7)
        self.assertEqual(
            self.successResultOf(done),
            [
                Outcome(
                    0,
                    Fate.WAITING,
                    "the command took longer than 7 seconds",
                    cause=Cause.LOCAL,
                )
            ],
        )

    def test_cannotBeStarted(self) -> None:
        """That is trouble of ours: the queue tells an operator, and all wait."""
        self.stage.error = PermissionError(13, "Permission denied", "/bin/x")
        done, _ = self.deliver(self.pipe(), messageFor(b"ann@x"))
        self.failureResultOf(done, PermissionError)

    def test_bodyIsBroken(self) -> None:
        """The command is killed, and the trouble is the spool's."""
        pipe = self.pipe()
        attempt = Attempt(messageFor(b"ann@x"), BrokenBody(), (0,))
        done = Deferred.fromCoroutine(pipe.deliver(attempt))
        self.child.take1()
        self.child.take1()
        self.assertEqual(self.child.signals, [signal.SIGKILL])
        self.failureResultOf(done, EOFError)

    def test_cancelled(self) -> None:
        """When we stop, nobody has it, even where a failure is for good."""
        piping = Piping(ONE, reading=Reading(crashed=Crashed.FAIL))
        done, noted = self.deliver(self.pipe(piping), messageFor(b"ann@x"))
        done.cancel()
        self.assertEqual(self.child.signals, [signal.SIGTERM])
        self.failureResultOf(done, CancelledError)
        self.assertEqual(noted, [])
