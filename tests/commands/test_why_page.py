"""
What the manual shows of C{smtpx why} is what it prints.
"""

from __future__ import annotations

import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.commands.why import paragraphs
from smtpx.commands.whystory import Trouble

from .test_whytold import AGAIN, ARRIVAL, BOB, CAME, EVE, STAY, story

PRINTED = Path(smtpx.__file__).parent.parent / "doc" / "howto" / "find-a-message.txt"


class WhyPageTests(SynchronousTestCase):
    """The page on what became of a message."""

    maxDiff = None

    def test_shown(self) -> None:
        """A message that was deferred twice."""
        trouble = Trouble(
            "mx.example.net",
            "192.0.2.9",
            CAME + 1,
            CAME + 1803,
            2,
            "Connection refused",
        )
        what = story(ARRIVAL, BOB, EVE, AGAIN, stay=STAY, troubles=(trouble,))
        printed = "\n".join(paragraphs(what, time.gmtime, 96)) + "\n"
        self.assertEqual(printed, PRINTED.read_text("ascii"))
