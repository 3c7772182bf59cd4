"""
Tests for L{smtpx.service.wiring.colleagues}: workers of one server that reach each
other.
"""

from __future__ import annotations

import os

from smtpx.service.mail import EXPECTED

from .made import HouseTestCase, send
from .workers.houses import HousesTestCase

_HOLD = {"route": [{"match": ["*"], "transport": "hold"}]}


class ColleaguesTests(HousesTestCase):
    """A server of three workers."""

    def test_asked(self) -> None:
        """Each asks the others what is in their queues."""
        self.start(3, **_HOLD)
        send(self.sites[1].call(), b"x@localhost")
        for number, expected in ((1, {2: 1, 3: 0}), (2, {1: 0, 3: 0})):
            others = self.sites[number - 1].machine.worker.others
            found = self.result(others.ask("queue.count", {}, 1.0))
            counts = {each: parts[-1]["found"] for each, parts in found.items()}
            self.assertEqual(counts, expected)

    def test_folder(self) -> None:
        """Nobody else may enter the folder of the sockets."""
        self.start(2)
        mode = os.stat(self.folder / "state/workers").st_mode
        self.assertEqual(mode & 0o777, 0o700)

    def test_public(self) -> None:
        """The socket of commands is the leading worker's."""
        self.start(2)
        state = self.folder / "state"
        expected = {state / "control", state / "workers/1", state / "workers/2"}
        self.assertEqual({*self.board.listening}, {*map(str, expected)})

    def test_stopped(self) -> None:
        """A worker that stops is not there any more."""
        self.start(2)
        self.leave(2)
        others = self.sites[0].machine.worker.others
        self.assertEqual(self.result(others.ask("queue.count", {}, 1.0)), {})

    def test_again(self) -> None:
        """A worker that was started again is there again."""
        self.start(2)
        self.leave(2)
        self.enter(2)
        others = self.sites[0].machine.worker.others
        self.assertEqual([*self.result(others.ask("queue.count", {}, 1.0))], [2])


class DeepTests(HousesTestCase):
    """Workers whose folder is too deep for sockets."""

    def test_tooLong(self) -> None:
        """They do not start, and say why."""
        self.folder = self.folder / ("x" * 100)
        self.folder.mkdir()
        site = self._site(1, 2)
        service = site.build({})
        opened = service.whenOpen()
        service.privilegedStartService()
        service.startService()
        error = self.failureResultOf(opened, *EXPECTED).value
        self.assertIn("is too long for a socket", str(error))
        self.successResultOf(service.stopService())


class OneTests(HouseTestCase):
    """A server of one process."""

    def test_none(self) -> None:
        """It has no such socket, and no folder for any."""
        self.start()
        self.assertFalse((self.site.folder / "state/workers").exists())
