"""
Tests for L{smtpx.service.maker}: the command line of C{twistd smtpx}.
"""

from __future__ import annotations

import atexit
import io
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.internet.error import ReactorNotRunning
from twisted.plugin import IPlugin
from twisted.plugins import smtpx_service
from twisted.python.usage import Options as TwistedOptions
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.errors import Conflict, UsageError
from smtpx.core.grammar import KEYWORD
from smtpx.core.hooks import Capability
from smtpx.core.interfaces import IExtension, IServerBuilder, IServerExtension
from smtpx.service import maker
from smtpx.service.extensions import findExtensions
from smtpx.service.mail import MailService
from smtpx.service.maker import Options, makeService
from smtpx.service.privileges import Account
from smtpx.service.problems import Problem
from smtpx.service.workers.staff import CannotStart

from ..shortpaths import shortFolder
from .made import Reactor
from .test_listening import FakePort


@implementer(IServerExtension)
class Rival:
    """Somebody else's extension, that claims a word of ours."""

    name = "RIVAL"
    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: Any) -> IExtension:
        """It has no options."""
        return self

    def extendServer(self, server: IServerBuilder) -> None:
        """Claim it."""
        server.capability(Capability(b"CHUNKING", KEYWORD), lambda session: True)


class SocketPort(FakePort):
    """A port with a socket, by its number."""

    addressFamily = socket.AF_INET

    def fileno(self) -> int:
        """That number."""
        return 77


class MakerTestCase(SynchronousTestCase):
    """What tests of the command line share."""

    def setUp(self) -> None:
        """A reactor in memory, a folder, and an output that is kept."""
        self.reactor = Reactor()
        self.patch(maker, "_reactor", lambda: self.reactor)
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.output = io.StringIO()
        self.patch(sys, "stdout", self.output)
        self.patch(resource, "setrlimit", lambda *rest: None)

    def file(self, text: str) -> str:
        """A configuration."""
        file = self.folder / "smtpx.toml"
        file.write_text(text)
        return str(file)

    def parse(self, *words: str) -> Options:
        """Options by the command line."""
        options = Options()  # type: ignore[no-untyped-call]  # Twisted's
        options.parseOptions(words)  # type: ignore[no-untyped-call]  # Twisted's
        return options

    def ended(self, *words: str) -> tuple[object, list[str]]:
        """The status and the lines that a command line ends with."""
        ended = self.assertRaises(SystemExit, self.parse, *words)
        return ended.code, self.output.getvalue().splitlines()


class OptionsTests(MakerTestCase):
    """The command line."""

    def test_plugin(self) -> None:
        """C{twistd} finds it."""
        verifyObject(IServiceMaker, smtpx_service.smtpx)
        verifyObject(IPlugin, smtpx_service.smtpx)
        self.assertIs(smtpx_service.smtpx.options, Options)
        self.assertIs(smtpx_service.smtpx.makeService, makeService)

    def test_help(self) -> None:
        """The help has an example."""
        status, lines = self.ended("--help")
        self.assertEqual(status, 0)
        words = " ".join(" ".join(lines).split())
        self.assertIn('"twistd -n smtpx" to try it', words)
        self.assertIn("--explain", words)

    def test_checkGood(self) -> None:
        """A configuration in order is said to be."""
        name = self.file("")
        self.assertEqual(
            self.ended("--config", name, "--check"), (0, [f"{name}: nothing is wrong"])
        )
        self.assertEqual(os.listdir(self.folder), ["smtpx.toml"])

    def test_checkOfNothing(self) -> None:
        """Without a file it is said that none was looked at."""
        self.assertEqual(
            self.ended("--check"),
            (0, ["a first start, without a configuration: nothing is wrong"]),
        )

    def test_checkUnreadable(self) -> None:
        """What cannot be read is told with all faults, and is status 1."""
        name = self.file("nam = 1\nstat = 2")
        self.assertEqual(
            self.ended("-c", name, "--check"),
            (
                1,
                [
                    f'{name}:1: nam: there is no such option; did you mean "name"?',
                    f'{name}:2: stat: there is no such option; did you mean "state"?',
                ],
            ),
        )

    def test_checkUnusable(self) -> None:
        """What names things that are not there is told so, and is status 1."""
        name = self.file("[policy]\npython = ['json:x']\n[users]\npython = 'json:y'\n")
        self.assertEqual(
            self.ended("-c", name, "--check"),
            (
                1,
                [
                    f"{name}:2: policy.python[0]: ImportError: json has no x",
                    f"{name}:4: users.python: ImportError: json has no y",
                ],
            ),
        )

    def test_user(self) -> None:
        """Whom the configuration names is whom C{twistd} is to become."""
        asked: list[object] = []

        def wanted(
            configuration: object, uid: object, gid: object
        ) -> tuple[Account, list[Problem]]:
            asked.append((uid, gid))
            return Account(10, 20), []

        def checked(*rest: object, starts: bool) -> list[Problem]:
            asked.append((rest[-1], starts))
            return []

        self.patch(maker, "wantedAccount", wanted)
        self.patch(maker, "checkAsWanted", checked)
        options = Options()  # type: ignore[no-untyped-call]  # Twisted's
        options.parent = TwistedOptions()
        options.parent.update({"uid": 11, "gid": None})
        options.parseOptions(["-c", self.file("")])  # type: ignore[no-untyped-call]  # Twisted's
        self.assertEqual(dict(options.parent), {"uid": 10, "gid": 20})
        self.assertEqual(asked, [(11, None), (Account(10, 20), True)])
        self.ended("-c", self.file(""), "--check")
        self.assertEqual(asked[2:], [(None, None), (Account(10, 20), False)])

    def test_checkThatFails(self) -> None:
        """A check that does not come to its end lets nothing start."""

        def checked(*rest: object, starts: bool) -> list[Problem]:
            raise UsageError("the check as the user x has failed")

        self.patch(maker, "checkAsWanted", checked)
        self.assertEqual(
            self.ended("-c", self.file("")),
            (1, ["the check as the user x has failed"]),
        )

    def test_startUnusable(self) -> None:
        """A server is not started by what would not pass the check."""
        name = self.file("[policy]\npython = ['json:x']\n")
        self.assertEqual(
            self.ended("-c", name),
            (1, [f"{name}:2: policy.python[0]: ImportError: json has no x"]),
        )

    def test_noFile(self) -> None:
        """A file that is not there is told in one line."""
        status, lines = self.ended("-c", "no.toml")
        self.assertEqual(
            (status, lines), (1, ["no.toml: cannot be read: No such file or directory"])
        )

    def test_conflictingPlugins(self) -> None:
        """Plugins that do not go together are told of, not thrown at the user."""

        def find() -> None:
            raise Conflict("a and b both bring X")

        self.patch(maker, "findExtensions", find)
        self.assertEqual(self.ended(), (1, ["a and b both bring X"]))

    def test_explain(self) -> None:
        """The hooks are listed."""
        status, lines = self.ended("--explain")
        self.assertEqual(status, 0)
        self.assertEqual(lines[0], "Server:")
        self.assertIn("  SIZE                 parameter   MAIL SIZE", lines)

    def test_explainBadChoice(self) -> None:
        """Extensions that do not go together are told of instead of explained."""
        name = self.file("[extensions]\ndisable = ['PIPELINING']")
        self.assertEqual(
            self.ended("-c", name, "--explain"),
            (
                1,
                [
                    f"{name}:2: extensions.disable: PIPECONNECT requires PIPELINING,"
                    " so disable both or neither"
                ],
            ),
        )

    def test_twoOwners(self) -> None:
        """
        Two extensions that claim one keyword are refused with both names, by a
        start, a check, and an explanation alike.
        """

        def find() -> dict[str, Any]:
            return findExtensions() | {"RIVAL": Rival()}

        self.patch(maker, "findExtensions", find)
        wanted = "extensions: CHUNKING and RIVAL both claim capability CHUNKING"
        for words in ((), ("--check",), ("--explain",)):
            status, lines = self.ended(*words)
            self.assertEqual((status, lines), (1, [f"configuration: {wanted}"]))
            self.output.truncate(0)
            self.output.seek(0)

    def test_brokenPipe(self) -> None:
        """Who has seen enough of the output is not told of an exception."""
        read, write = os.pipe()
        os.close(read)
        self.patch(sys, "stdout", os.fdopen(write, "w"))
        ended = self.assertRaises(SystemExit, self.parse, "--explain")
        self.assertEqual(ended.code, 0)
        sys.stdout.close()


class ServiceTests(MakerTestCase):
    """What C{twistd} runs."""

    def setUp(self) -> None:
        """Nothing happens at the end of this process."""
        super().setUp()
        self.atEnd: list[Callable[[], object]] = []
        self.patch(atexit, "register", self.atEnd.append)

    def test_made(self) -> None:
        """It is the server of the configuration."""
        name = self.file("[[listener]]\nport = 99\n")
        service = makeService(self.parse("-c", name))
        assert isinstance(service, MailService)
        [door] = service.doors
        self.assertEqual(door.listener.port, 99)

    def test_background(self) -> None:
        """Only in the background has a start to fail at once."""
        name = self.file("[[listener]]\nport = 99\n")
        for given, insists in ((None, False), (True, False), (False, True)):
            options = self.parse("-c", name)
            if given is not None:
                options.parent = TwistedOptions()
                options.parent["nodaemon"] = given
            service = makeService(options)
            assert isinstance(service, MailService)
            self.assertIs(service.insists, insists)

    def test_cannotStart(self) -> None:
        """A server that cannot start ends, with status 1."""
        stopped: list[str] = []
        self.patch(self.reactor, "stop", lambda: stopped.append("stop"))
        name = self.file("[[listener]]\nport = 99\n")
        service = makeService(self.parse("-c", name))
        assert isinstance(service, MailService)
        (self.folder / "smtpx-state").write_text("in the way")
        self.reactor.hasInstalled = True
        service.startService()
        for hook, rest, more in self.reactor.whenRunningHooks:
            hook(*rest, **more)
        self.assertEqual(stopped, ["stop"])
        status: list[int] = []
        self.patch(os, "_exit", status.append)
        [end] = self.atEnd
        end()
        self.assertEqual(status, [1])

    def test_endedBeforeItHasStarted(self) -> None:
        """A server that is told to end while it starts just ends."""

        def stop() -> None:
            raise ReactorNotRunning

        self.patch(self.reactor, "stop", stop)
        service = makeService(self.parse("-c", self.file("[[listener]]\nport = 99\n")))
        assert isinstance(service, MailService)
        (self.folder / "smtpx-state").write_text("in the way")
        self.reactor.hasInstalled = True
        service.startService()
        for hook, rest, more in self.reactor.whenRunningHooks:
            hook(*rest, **more)
        self.assertEqual(self.atEnd, [])

    def test_severalProcesses(self) -> None:
        """
        With several workers, C{twistd}'s process has the ports, and starts another
        process for the rest.
        """
        state = shortFolder(self) / "state"
        top = f'workers = 2\nstate = "{state}"\n'
        name = self.file(f"{top}[[listener]]\nport = 99\n")
        service = makeService(self.parse("-c", name))
        assert isinstance(service, MailService)
        started: list[tuple[Any, ...]] = []

        def spawnProcess(*rest: Any, **more: Any) -> None:
            started.append(rest)
            raise OSError(13, "not allowed")

        self.patch(Reactor, "spawnProcess", staticmethod(spawnProcess))
        self.patch(self.reactor, "listenTCP", lambda *rest, **more: SocketPort())
        failed = service.whenOpen()
        service.privilegedStartService()
        service.startService()
        error = self.failureResultOf(failed, CannotStart)
        self.assertIn("not allowed", str(error.value))
        [(_, program, words, environment)] = started
        self.assertEqual(
            (program, words[-1]), (sys.executable, "smtpx.service.workers")
        )
        path = os.pathsep.join(filter(None, sys.path))
        self.assertEqual(environment["PYTHONPATH"], path)

    def test_descriptors(self) -> None:
        """It may have as many descriptors as it wants, as far as that is allowed."""
        set: list[tuple[int, int]] = []
        self.patch(resource, "setrlimit", lambda _, limits: set.append(limits))
        infinity = resource.RLIM_INFINITY
        name = self.file("[limits]\nconnections_max = 900\ndescriptors_free = 100")
        options = self.parse("-c", name)
        for limits in (
            (256, 512),
            (256, 4096),
            (256, infinity),
            (1000, 4096),
            (infinity, infinity),
        ):
            self.patch(resource, "getrlimit", lambda _, limits=limits: limits)
            makeService(options)
        self.assertEqual(set, [(512, 512), (1000, 4096), (1000, infinity)])

    def hangup(self, terminal: bool, before: Any) -> list[Any]:
        """The handlers of SIGHUP that a start installs."""
        installed: list[Any] = []
        self.patch(signal, "getsignal", lambda number: before)
        self.patch(signal, "signal", lambda _, handler: installed.append(handler))
        terminalOrNot = io.StringIO()
        terminalOrNot.isatty = lambda: terminal  # type: ignore[method-assign]  # for this test
        self.patch(sys, "stdin", terminalOrNot)
        self.service = makeService(self.parse("-c", self.file("")))
        for hook, rest, more in self.reactor.whenRunningHooks:
            hook(*rest, **more)
        return installed

    def test_hangup(self) -> None:
        """SIGHUP reopens the logs."""
        [handler] = self.hangup(False, signal.SIG_DFL)
        reopened: list[str] = []
        self.patch(self.service, "reopenLogs", lambda: reopened.append("logs"))
        handler(signal.SIGHUP, None)
        self.assertEqual(reopened, ["logs"])

    def test_hangupOfATerminal(self) -> None:
        """On a terminal SIGHUP means that it is gone, and ends the server."""
        self.assertEqual(self.hangup(True, signal.SIG_DFL), [])

    def test_hangupIgnored(self) -> None:
        """Under C{nohup} SIGHUP stays ignored."""
        self.assertEqual(self.hangup(False, signal.SIG_IGN), [])
