"""
Lines of the main log, for the tests of this room.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.reply import reply
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.files import LineFile
from smtpx.observe.journal import (
    Journal,
)
from smtpx.observe.mainlog import MainLog
from smtpx.observe.selectors import parseSelectors

from .stories import publishing

AT = "2026-11-22 03:19:48 "
#: In place of an id that is another one each time.
SESSION = "d82b59dd-1"
NO = reply(550, "5.1.1", b"No such user")
X = "X=TLS1.3:TLS_AES_256_GCM_SHA384:256"


class MainLogTestCase(SynchronousTestCase):
    """Lines of a log."""

    def lines(
        self, tell: Callable[[Journal, DeliveryJournal], None], *chosen: str
    ) -> list[str]:
        """
        The lines that come of what C{tell} tells the journals.

        @param chosen: selectors.
        """
        path = self.mktemp()
        file = LineFile(path, Clock())
        log = MainLog(file, parseSelectors(chosen), time.gmtime)
        publisher = publishing(log)
        tell(Journal(publisher, subjects=True), DeliveryJournal(publisher))
        file.close()
        return Path(path).read_text("ascii").splitlines()

    def line(
        self, tell: Callable[[Journal, DeliveryJournal], None], *chosen: str
    ) -> str:
        """The one line, without its time."""
        (found,) = self.lines(tell, *chosen)
        self.assertTrue(found.startswith(AT.strip()), found)
        found = re.sub(r" Ci=[0-9a-f]{8}-[0-9a-f]+ ", f" Ci={SESSION} ", found)
        return found.removeprefix(AT.strip()).removeprefix(".123").lstrip()
