"""
C{kill -9} of a server while an operator ends messages: of those that were not meant
none is gone, what was said to be done is, and no report is lost or comes twice.
"""

from __future__ import annotations

import base64
import random
import re
import smtplib
import threading
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import SMTPXError
from smtpx.service.control import ControlClient

from ..shortpaths import shortFolder
from .servers import Server, waitFor

ROUNDS = 5

#: How many there are at most, where no kill has come in the midst of the work.
MOST_ROUNDS = 4 * ROUNDS

#: How many messages there are in each round, and how many of them are meant.
MESSAGES, MEANT = 600, 400

#: The longest that an operator is at work before the first kill, in seconds.
LONGEST_SECONDS = 0.25


class QueueKillTests(SynchronousTestCase):
    """Messages are removed and returned by a server that dies."""

    slow = True

    def setUp(self) -> None:
        """A server that keeps all on hold."""
        self.socket = shortFolder(self) / "c"
        control = f'[control]\nsocket = "{self.socket}"\n'
        self.server = Server(self.mktemp(), 'transport = "hold"', control)
        self.addCleanup(self.server.kill)
        self.random = random.Random(20261122)
        #: The longest that an operator is at work before the next kill, in seconds.
        self.longest = LONGEST_SECONDS
        self.server.start()
        self.client = ControlClient(self.socket)

    def ids(self, **selection: object) -> set[str]:
        """The ids of some messages."""
        found: set[str] = set()
        self.client.ask(
            "queue.list",
            {"selection": selection},
            lambda part: found.add(str(part["message"])),
        )
        return found

    def remove(self) -> None:
        """Begin with nothing."""
        self.client.ask("queue.remove", {"selection": {}})
        self.assertEqual(self.ids(), set())

    def fill(self) -> set[str]:
        """Send messages; those that are to be spared."""
        with smtplib.SMTP("127.0.0.1", self.server.port) as client:
            for number in range(MESSAGES):
                domain = "meant" if number % 3 else "spared"
                text = f"Subject: number {number}\r\n\r\nHello\r\n"
                client.sendmail("ann@a.example", [f"bob@{domain}.example"], text)
        held = {"states": ["held"]}
        waitFor(lambda: len(self.ids(**held)) == MESSAGES, "all are on hold")
        return self.ids(domains=["spared.example"])

    def interrupt(self, what: str) -> int:
        """
        End those that are meant, kill the server meanwhile, and start it again.

        @return: how many were said to be ended.
        """
        told = [0]

        def tell(progress: Any) -> None:
            """So many are."""
            told.append(int(progress.get("done", 0)))

        def work() -> None:
            """An operator is at work."""
            try:
                meant = {"selection": {"domains": ["meant.example"]}}
                tell(self.client.ask(what, meant, progress=tell))
            except SMTPXError:
                # The server is gone, which is what this is about.
                told.append(0)

        operator = threading.Thread(target=work)
        operator.start()
        time.sleep(self.random.uniform(0, self.longest))
        self.server.kill()
        operator.join()
        self.client.close()
        self.server.start()
        self.client = ControlClient(self.socket)
        return max(told)

    def inTheMidst(self, left: int) -> bool:
        """
        Did the kill come in the midst of the work?  If not, the next one is to come
        later, or sooner: it is not known how fast the machine is.

        @param left: how many of those that were meant are still there.
        """
        if left == MEANT:
            self.longest *= 1.5
        elif not left:
            self.longest /= 1.5
        return 0 < left < MEANT

    def test_remove(self) -> None:
        """Those that were spared are there; those that were said to be gone are."""
        midst = 0
        for number in range(MOST_ROUNDS):
            if number >= ROUNDS and midst:
                break
            spared = self.fill()
            said = self.interrupt("queue.remove")
            left = self.ids(domains=["meant.example"])
            self.assertEqual(self.ids(), spared | left)
            self.assertLessEqual(len(left), MEANT - said)
            midst += self.inTheMidst(len(left))
            self.remove()
        # Did kills come in the midst of it?
        self.assertGreater(midst, 0, self.longest)

    def test_bounce(self) -> None:
        """Each of those that are gone has its report, once, and only those have."""
        midst = 0
        for number in range(MOST_ROUNDS):
            if number >= ROUNDS and midst:
                break
            spared = self.fill()
            meant = self.ids(domains=["meant.example"])
            said = self.interrupt("queue.bounce")
            left = self.ids(domains=["meant.example"])
            self.assertEqual(self.ids(domains=["spared.example"]), spared)
            self.assertLessEqual(len(left), MEANT - said)
            reports = self.ids(senders=["<>"])
            about = [self.subject(report) for report in reports]
            self.assertEqual(sorted(about), sorted(meant - left))
            midst += self.inTheMidst(len(left))
            self.remove()
        self.assertGreater(midst, 0, self.longest)

    def subject(self, report: str) -> str:
        """Which message a report is about."""
        pieces: list[bytes] = []
        self.client.ask(
            "queue.read",
            {"message": report, "what": "body"},
            lambda part: pieces.append(base64.b64decode(str(part["octets"]))),
        )
        [id] = re.findall(rb"Known here as: (\S{16})", b"".join(pieces))
        return str(id.decode("ascii"))
