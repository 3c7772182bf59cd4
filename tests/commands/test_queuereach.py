"""
Tests for L{smtpx.commands.queuereach}: beside a server, and without one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from smtpx.commands import queuereach as module
from smtpx.commands.console import CommandFailed
from smtpx.commands.queuereach import (
    IdleQueue,
    ReachedQueue,
    RunningQueue,
    beOwner,
    reachQueue,
)
from smtpx.core.errors import SMTPXError
from smtpx.service.control import NoServer, Refused
from smtpx.service.control.wire import Kind, smtpxVersion
from smtpx.service.privileges import Account
from smtpx.spool.recovery import SpoolInUse
from tests.service.control.made import ControlCase
from tests.service.made import FOUND, Site, site


class Client:
    """A client of a server that says what a test has for it."""

    def __init__(self, answer: Mapping[str, object] | SMTPXError) -> None:
        self.hello = {"smtpx": "0.1"}
        self.asked: list[object] = []
        self.closed = False
        self._answer = answer

    def ask(self, *what: object) -> Mapping[str, object]:
        """Answer."""
        self.asked.append(what[:2])
        if isinstance(self._answer, SMTPXError):
            raise self._answer
        return self._answer

    def close(self) -> None:
        """Note it."""
        self.closed = True


class ReachTests(ControlCase):
    """How the queue is reached."""

    def setUp(self) -> None:
        """A configuration, of a server that ran once."""
        super().setUp()
        self.site: Site = site(self.mktemp())
        self.spoolFolder = self.site.folder / "state" / "spool"
        self.spoolFolder.mkdir(parents=True)

    def reach(self, **values: object) -> tuple[ReachedQueue, AsyncExitStack]:
        """Reach it."""
        stack = AsyncExitStack()
        configuration = self.site.read(values)
        reached = reachQueue(self.site.machine, configuration, FOUND, stack)
        return self.successResultOf(Deferred.fromCoroutine(reached)), stack

    def fails(self, **values: object) -> str:
        """It cannot be reached; why."""
        configuration = self.site.read(values)
        reached = reachQueue(self.site.machine, configuration, FOUND, AsyncExitStack())
        failure = self.failureResultOf(Deferred.fromCoroutine(reached), CommandFailed)
        return str(failure.value)

    def close(self, stack: AsyncExitStack) -> None:
        """Let go of it."""
        self.successResultOf(Deferred.fromCoroutine(stack.aclose()))

    def serve(self, answer: Mapping[str, object] | SMTPXError) -> Client:
        """A server runs."""
        client = Client(answer)
        self.patch(module, "ControlClient", lambda path: client)
        return client

    def test_running(self) -> None:
        """The server that runs is asked."""
        client = self.serve({"found": 5})
        queue, stack = self.reach()
        self.assertIsInstance(queue, RunningQueue)
        self.assertTrue(queue.delivers)
        asked = Deferred.fromCoroutine(queue.ask("queue.count", {}))
        self.assertEqual(self.successResultOf(asked), {"found": 5})
        self.assertEqual(client.asked, [("queue.count", {})])
        self.close(stack)
        self.assertTrue(client.closed)

    def test_older(self) -> None:
        """A server that does not know what is wanted: both versions are said."""
        self.serve(Refused(Kind.UNKNOWN, "no such request"))
        queue, _ = self.reach()
        asked = Deferred.fromCoroutine(queue.ask("queue.new", {}))
        failure = self.failureResultOf(asked, CommandFailed)
        self.assertEqual(
            str(failure.value),
            "the server is smtpx 0.1, which cannot do that;"
            f" this is smtpx {smtpxVersion()}: start the server again",
        )

    def test_refused(self) -> None:
        """What else it refuses is for whoever asks."""
        self.serve(Refused(Kind.MISSING, "there is none"))
        queue, _ = self.reach()
        asked = Deferred.fromCoroutine(queue.ask("queue.show", {}))
        self.failureResultOf(asked, Refused)

    def test_idle(self) -> None:
        """Where none runs, the spool is opened, and what is done is in the log."""
        self.serve({})
        self.patch(module, "ControlClient", _nobody)
        queue, stack = self.reach()
        self.assertIsInstance(queue, IdleQueue)
        self.assertFalse(queue.delivers)
        [spool] = self.site.spools
        id = spool.add(b"s@x.example", [b"a@localhost"])
        self.site.reactor.advance(1)
        parts: list[Any] = []
        asked = queue.ask("queue.list", {}, parts.append)
        self.successResultOf(Deferred.fromCoroutine(asked))
        self.assertEqual([each["message"] for each in parts], [id])
        asked = queue.ask("queue.remove", {"selection": {}})
        done = self.successResultOf(Deferred.fromCoroutine(asked))
        self.assertEqual(done["done"], 1)
        self.close(stack)
        log = (self.site.folder / "state" / "main.log").read_text()
        self.assertIn(f"{id} removed by ", log)
        self.assertIn(f"{id} Completed", log)

    def test_leaderAway(self) -> None:
        """Of several workers the leading one is waited for, as long as others run."""
        self.patch(module, "ControlClient", _nobody)
        self.patch(module, "isAnyAlive", lambda folder: True)
        configuration = self.site.read({"workers": 2})
        for back in (True, False):
            reached = Deferred.fromCoroutine(
                reachQueue(self.site.machine, configuration, FOUND, AsyncExitStack())
            )
            self.site.reactor.pump([0.25] * 20)
            self.assertNoResult(reached)
            if back:
                self.serve({})
                self.site.reactor.advance(0.25)
                self.assertIsInstance(self.successResultOf(reached), RunningQueue)
                self.patch(module, "ControlClient", _nobody)
        self.site.reactor.pump([0.25] * 20)
        text = str(self.failureResultOf(reached, CommandFailed).value)
        self.assertIn("its leading worker, which commands ask, does not", text)
        self.assertEqual(self.site.spools, [])

    def test_noSocket(self) -> None:
        """Where there is to be no socket, nobody is asked."""
        queue, _ = self.reach(control={"enabled": False})
        self.assertIsInstance(queue, IdleQueue)

    def test_noSocketOfWorkers(self) -> None:
        """Where workers run, the spool of one that is just away is not taken."""
        self.patch(module, "isAnyAlive", lambda folder: True)
        text = self.fails(control={"enabled": False}, workers=2)
        self.assertIn("control.enabled is false", text)
        self.assertEqual(self.site.spools, [])

    def test_inUse(self) -> None:
        """Where another process has the spool, that is said, and what that means."""

        async def idleQueue(*what: object) -> None:
            raise SpoolInUse("spool/1/lock: in use by process 7")

        self.patch(module, "idleQueue", idleQueue)
        self.patch(module, "ControlClient", _nobody)
        text = self.fails()
        self.assertIn("in use by process 7: a server that runs has no control", text)
        text = self.fails(control={"enabled": False})
        self.assertIn("control.enabled is false", text)

    def test_noSpool(self) -> None:
        """Where there is no spool, none is made."""
        self.spoolFolder.rmdir()
        self.patch(module, "ControlClient", _nobody)
        text = self.fails()
        self.assertIn(f"there is no queue: {self.spoolFolder}: No such file", text)
        self.assertIn("is this the configuration of the server?", text)
        self.assertFalse(self.spoolFolder.exists())


def _nobody(path: Path) -> None:
    """Nobody listens."""
    raise NoServer("no")


class OwnerTests(ControlCase):
    """Whose the spool is."""

    def setUp(self) -> None:
        """A folder."""
        super().setUp()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.become: list[Account] = []
        self.patch(Account, "become", self.become.append)

    def beOwner(self, owner: int, us: int) -> None:
        """The folder is somebody's, and we are somebody."""
        there = os.lstat

        def stat(path: object) -> os.stat_result:
            values = list(there(self.folder))
            if str(path) == str(self.folder):
                values[4], values[5] = owner, owner
            return os.stat_result(values)

        self.patch(os, "stat", stat)
        self.patch(os, "lstat", stat)
        self.patch(os, "geteuid", lambda: us)
        beOwner(self.folder)

    def test_ours(self) -> None:
        """It is ours."""
        self.beOwner(54321, 54321)
        self.assertEqual(self.become, [])

    def test_root(self) -> None:
        """Root becomes whom it belongs to, so that what is made is of use to him."""
        self.patch(Account, "become", lambda account: self.become.append(account))
        self.beOwner(54321, 0)
        self.assertEqual(self.become, [Account(54321, 54321)])

    def test_link(self) -> None:
        """
        The spool may be elsewhere; but who owns it there counts only where root says
        so: root works nowhere as root because a user has made a link.
        """
        self.patch(Account, "become", lambda account: self.become.append(account))
        link = Path(self.mktemp())
        link.symlink_to(self.folder.resolve())
        for maker, wanted in ((0, []), (54321, [Account(54321, 54321)])):
            self.become.clear()
            there = os.lstat

            def owned(
                path: object, uid: int = maker, there: Any = there
            ) -> os.stat_result:
                values = list(there(path))
                values[4], values[5] = uid, uid
                return os.stat_result(values)

            def atRoots(path: object, there: Any = there) -> os.stat_result:
                values = list(there(self.folder))
                values[4], values[5] = 0, 0
                return os.stat_result(values)

            self.patch(os, "lstat", owned)
            self.patch(os, "stat", atRoots)
            self.patch(os, "geteuid", lambda: 0)
            beOwner(link)
            self.assertEqual(self.become, wanted)
            self.patch(os, "lstat", there)

    def test_another(self) -> None:
        """Somebody else hears whom to be."""
        error = self.assertRaises(CommandFailed, self.beOwner, 1, 54321)
        self.assertIn("you may not; be root or daemon", str(error))

    def test_hidden(self) -> None:
        """So does who cannot even see it."""

        def stat(path: object) -> os.stat_result:
            raise PermissionError(13, "Permission denied")

        self.patch(os, "stat", stat)
        self.patch(os, "lstat", stat)
        error = self.assertRaises(CommandFailed, beOwner, self.folder)
        self.assertIn("you may not; be root", str(error))
