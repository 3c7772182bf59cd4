"""Tests for L{smtpx.queue.errorkind}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.reply import Reply, reply
from smtpx.queue.errorkind import ErrorKind, kindOf
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause


def kind(cause: Cause, said: Reply | None = None) -> ErrorKind:
    """The kind of an error."""
    return kindOf(Outcome(0, Fate.WAITING, "", said, cause=cause))


class KindTests(SynchronousTestCase):
    """What kind of error it was."""

    def test_everyKindIsExplained(self) -> None:
        """Each has a text for people."""
        for each in ErrorKind:
            self.assertTrue(each.help, each)

    def test_mostAreAtWhatItFailed(self) -> None:
        """With the same name, where there is one."""
        for cause in Cause:
            same = [each for each in ErrorKind if each.value == cause.value]
            expected = same[0] if same else ErrorKind.OTHER
            if cause is Cause.EARLY:
                expected = ErrorKind.CONNECT
            if cause is Cause.UNFIT:
                expected = ErrorKind.CONTENT
            self.assertIs(kind(cause), expected)

    def test_greylisting(self) -> None:
        """By the status of RFC 6647, that of Postgrey, or by the word itself."""
        for said in (
            reply(450, "4.7.1", b"Try again in 300 seconds"),
            reply(450, "4.2.0", b"<a@b>: Recipient address rejected"),
            reply(451, None, b"Greylisted, come again"),
            reply(451, "4.3.0", b"first", b"You have been gray-listed"),
        ):
            for cause in (Cause.SENDER, Cause.RECIPIENT, Cause.CONTENT):
                self.assertIs(kind(cause, said), ErrorKind.GREYLISTED)

    def test_whatIsNoGreylisting(self) -> None:
        """Refusals for good, other words, and what is not about a transaction."""
        said = reply(550, "5.7.1", b"We do not do greylisting here")
        self.assertIs(kind(Cause.RECIPIENT, said), ErrorKind.RECIPIENT)
        said = reply(450, None, b"Wait")
        self.assertIs(kind(Cause.SENDER, said), ErrorKind.SENDER)
        said = reply(421, "4.7.1", b"Too many connections")
        self.assertIs(kind(Cause.SESSION, said), ErrorKind.SESSION)

    def test_fullMailbox(self) -> None:
        """A status of X.2.2."""
        for cause in (Cause.RECIPIENT, Cause.CONTENT):
            said = reply(452, "4.2.2", b"Over quota")
            self.assertIs(kind(cause, said), ErrorKind.QUOTA)
        said = reply(452, "4.3.1", b"Disk full")
        self.assertIs(kind(Cause.RECIPIENT, said), ErrorKind.RECIPIENT)
