"""
Checks ask the DNS by yielding.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.asking import (
    Asking,
    Found,
    Lookup,
    Unanswered,
    Unknown,
    lookUp,
    lookUpAll,
)

TXT = Lookup(b"example.org", "TXT")
A = Lookup(b"example.org", "A")


class AskingTests(SynchronousTestCase):
    """
    What a check yields, and what it gets.
    """

    def test_oneLookUpGivesItsRecords(self) -> None:
        """
        A single look-up is a group of one, and gives what was found.
        """
        asking = lookUp(b"example.org", "TXT")
        self.assertEqual((TXT,), next(asking))
        with self.assertRaises(StopIteration) as stop:
            asking.send((Found((b"v=spf1",)),))
        self.assertEqual(Found((b"v=spf1",)), stop.exception.value)

    def test_temporaryFailureIsRaised(self) -> None:
        """
        What nobody could tell is an exception with the question and the reason.
        """
        asking = lookUp(b"example.org", "TXT")
        next(asking)
        with self.assertRaises(Unanswered) as raised:
            asking.send((Unknown("no server answered"),))
        self.assertEqual(TXT, raised.exception.lookup)
        self.assertEqual("no server answered", str(raised.exception))

    def test_severalAreAskedAtOnce(self) -> None:
        """
        Several look-ups are one group, and failures among them are values.
        """
        asking = lookUpAll([TXT, A])
        self.assertEqual((TXT, A), next(asking))
        answers = (Unknown("late"), Found(exists=False))
        with self.assertRaises(StopIteration) as stop:
            asking.send(answers)
        self.assertEqual(answers, stop.exception.value)

    def test_nothingIsAskedWhereNothingIsWanted(self) -> None:
        """
        No look-ups: nobody is asked.
        """

        def check() -> Asking[int]:
            return len((yield from lookUpAll([])))

        with self.assertRaises(StopIteration) as stop:
            next(check())
        self.assertEqual(0, stop.exception.value)
