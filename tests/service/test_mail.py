"""
Tests for L{smtpx.service.mail}: the order in which things start and stop.
"""

from __future__ import annotations

from typing import cast

from attrs import define, field
from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import UsageError
from smtpx.net.factory import SMTPServerFactory
from smtpx.queue.interfaces import IQueueControl
from smtpx.service.listening import Door
from smtpx.service.mail import House, MailService, ToldToEnd
from smtpx.service.tables import Listener, ListenerTLS

from .test_listening import FakeEndpoint, FakePort


@define(eq=False)
class FakeHouse:
    """A house that remembers what was done."""

    done: list[str]
    gone: Deferred[None] = field(factory=Deferred)
    letsIn: bool = True
    queue: IQueueControl = field(factory=lambda: cast(IQueueControl, object()))

    def factory(self, listener: Listener) -> SMTPServerFactory | None:
        """Something to be behind a door, unless others let clients in."""
        if not self.letsIn:
            return None
        self.done.append(f"factory {listener.tls.value}")
        return SMTPServerFactory(MemoryReactorClock(), lambda envelope, body: None)

    def farewell(self) -> Deferred[None]:
        """The test says when they are gone."""
        self.done.append("farewell")
        return self.gone

    def reopenLogs(self) -> None:
        """Note it."""
        self.done.append("reopen")

    async def close(self) -> None:
        """Note it."""
        self.done.append("close")


@define
class FakeBuilder:
    """Somebody who makes a house, and notes what he is told."""

    done: list[str]

    def abandon(self) -> None:
        """Note it."""
        self.done.append("abandon")

    def reopenLogs(self) -> None:
        """Note it."""
        self.done.append("reopen early")


class MailServiceTests(SynchronousTestCase):
    """A mail service with a house that is not real."""

    def setUp(self) -> None:
        """A service with one door."""
        self.done: list[str] = []
        self.house = FakeHouse(self.done)
        self.entering: Deferred[House] = Deferred()
        self.port = FakePort()
        self.endpoint = FakeEndpoint(self.port)
        self.service = MailService(
            [Door(Listener(25, tls=ListenerTLS.NONE), self.endpoint)],
            self.enter,
            lambda doors: self.done.append(f"opened {len(doors)}"),
        )
        self.events: list[LogEvent] = []
        observer = cast(ILogObserver, self.events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def enter(self) -> Deferred[House]:
        """The test says when the house stands."""
        self.done.append("enter")
        return self.entering

    def test_interface(self) -> None:
        """It is a service of Twisted's."""
        verifyObject(IService, self.service)

    def test_started(self) -> None:
        """The port is taken first, and opened when the house stands."""
        self.service.privilegedStartService()
        self.assertFalse(self.port.reading)
        self.assertEqual(self.done, [])
        opened = self.service.whenOpen()
        self.service.startService()
        self.assertEqual(self.done, ["enter"])
        self.assertNoResult(opened)
        self.assertFalse(self.port.reading)
        self.entering.callback(self.house)
        self.successResultOf(opened)
        self.assertTrue(self.port.reading)
        self.assertEqual(self.done, ["enter", "factory none", "opened 1"])

    def test_othersLetIn(self) -> None:
        """Where other processes let clients in, the port is kept, and nobody let in."""
        self.house.letsIn = False
        self.entering.callback(self.house)
        self.service.startService()
        self.assertEqual(self.done, ["enter", "opened 1"])
        self.assertIsNotNone(self.service.doors[0].port)
        self.assertFalse(self.port.reading)

    def test_builder(self) -> None:
        """Who makes a house can be told of new log files, and not to go on."""
        self.service.builder = FakeBuilder(self.done)
        self.service.startService()
        self.service.reopenLogs()
        stopped = self.service.stopService()
        self.assertEqual(self.done, ["enter", "reopen early", "abandon"])
        self.entering.errback(UsageError("told to end"))
        self.successResultOf(stopped)

    def test_builderHasMade(self) -> None:
        """Once it has, the house itself is told."""
        self.service.builder = FakeBuilder(self.done)
        self.entering.callback(self.house)
        self.service.startService()
        self.done.clear()
        self.service.reopenLogs()
        self.service.stopService()
        self.assertEqual(self.done, ["reopen", "farewell"])

    def test_explainedElsewhere(self) -> None:
        """A reason can be told to somebody else than the log."""
        told: list[object] = []
        self.service.explain = lambda failure: told.append(failure.value)
        failed = self.service.whenOpen()
        self.service.startService()
        error = OSError("no room")
        self.entering.errback(error)
        self.failureResultOf(failed, OSError)
        self.assertEqual((told, self.events), ([error], []))

    def test_UNIXSocket(self) -> None:
        """The file of a UNIX socket is not made by root, but by the server's user."""
        door = Door(Listener(endpoint="unix:/run/x"), self.endpoint)
        self.service.doors = (door,)
        self.service.privilegedStartService()
        self.assertIsNone(door.port)
        self.entering.callback(self.house)
        self.service.startService()
        self.assertIs(door.port, self.port)
        self.assertTrue(self.port.reading)

    def test_startedByAProgram(self) -> None:
        """A program need not care for privileges."""
        self.entering.callback(self.house)
        self.service.startService()
        self.assertTrue(self.port.reading)

    def test_stopped(self) -> None:
        """Doors are closed, all leave, then the house is put away."""
        self.entering.callback(self.house)
        self.service.startService()
        del self.done[:]
        stopped = self.service.stopService()
        self.assertFalse(self.port.listening)
        self.assertEqual(self.done, ["farewell"])
        self.house.gone.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.done, ["farewell", "close"])
        self.assertIsNone(self.service.house)

    def test_stoppedWhileStarting(self) -> None:
        """A stop waits for the start that is under way, and undoes it."""
        self.service.startService()
        stopped = self.service.stopService()
        self.assertNoResult(stopped)
        self.house.gone.callback(None)
        self.entering.callback(self.house)
        self.successResultOf(stopped)
        self.assertEqual(self.done[-2:], ["farewell", "close"])

    def whenReady(self) -> Deferred[None]:
        """The doors wait for somebody."""
        may: Deferred[None] = Deferred()

        def ready() -> Deferred[None]:
            self.done.append("ready")
            return may

        self.service.ready = ready
        return may

    def test_ready(self) -> None:
        """Doors can wait for something else when the house stands."""
        may = self.whenReady()
        opened = self.service.whenOpen()
        self.service.startService()
        self.assertEqual(self.done, ["enter"])
        self.entering.callback(self.house)
        self.assertEqual(self.done, ["enter", "ready"])
        self.assertNoResult(opened)
        self.assertFalse(self.port.reading)
        may.callback(None)
        self.successResultOf(opened)
        self.assertTrue(self.port.reading)
        self.house.gone.callback(None)
        self.successResultOf(self.service.stopService())

    def test_stoppedWhileReady(self) -> None:
        """A stop does not wait for that, and opens no door."""
        self.whenReady()
        told: list[str] = []
        self.service.explain = lambda failure: told.append(str(failure.value))
        self.entering.callback(self.house)
        self.house.gone.callback(None)
        opened = self.service.whenOpen()
        self.service.startService()
        self.assertNoResult(opened)
        self.successResultOf(self.service.stopService())
        self.failureResultOf(opened, ToldToEnd)
        self.assertEqual(told, ["it was told to end before its doors were open"])
        self.assertEqual(self.done, ["enter", "ready", "farewell", "close"])
        self.assertFalse(self.port.listening)

    def test_stoppedBeforeReady(self) -> None:
        """Who is stopped already when the house stands waits for nothing else."""
        self.whenReady()
        self.service.explain = lambda failure: None
        self.house.gone.callback(None)
        self.service.startService()
        stopped = self.service.stopService()
        self.assertNoResult(stopped)
        self.entering.callback(self.house)
        self.successResultOf(stopped)
        self.assertEqual(self.done, ["enter", "farewell", "close"])

    def test_children(self) -> None:
        """Other services can be put in, and live and end with it."""
        child = Service()
        child.setServiceParent(self.service)
        self.entering.callback(self.house)
        self.house.gone.callback(None)
        self.service.startService()
        self.assertTrue(child.running)
        self.successResultOf(self.service.stopService())
        self.assertFalse(child.running)

    def test_portTaken(self) -> None:
        """Where the port is another's, nothing is begun, and one line says why."""
        self.endpoint.port = CannotListenError("", 25, OSError(98, "in use"))
        self.service.privilegedStartService()
        opened = self.service.whenOpen()
        self.service.startService()
        self.failureResultOf(opened, CannotListenError)
        self.assertEqual(self.done, [])
        [event] = [e for e in self.events if e["log_level"].name == "critical"]
        self.assertIn("Couldn't listen on any:25", event["reason"])
        self.assertNotIn("log_failure", event)
        self.successResultOf(self.service.stopService())

    def test_portThatHasToBeHad(self) -> None:
        """Who goes into the background hears at once that the port is another's."""
        self.service.insists = True
        self.endpoint.port = CannotListenError("", 25, OSError(98, "in use"))
        self.assertRaises(CannotListenError, self.service.privilegedStartService)
        [event] = [e for e in self.events if e["log_level"].name == "critical"]
        self.assertIn("Couldn't listen on any:25", event["reason"])

    def test_portThatIsHad(self) -> None:
        """Where nothing is wrong with the port, insisting changes nothing."""
        self.service.insists = True
        self.service.privilegedStartService()
        self.assertIsNotNone(self.service.doors[0].port)

    def test_badHouse(self) -> None:
        """Where the house cannot be built, the port is given back."""
        opened = self.service.whenOpen()
        self.service.startService()
        self.entering.errback(RuntimeError("odd"))
        self.failureResultOf(opened, RuntimeError)
        self.assertFalse(self.port.listening)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.successResultOf(self.service.stopService())

    def test_queue(self) -> None:
        """There is a queue to be controlled while it runs."""
        self.assertRaises(UsageError, getattr, self.service, "queue")
        self.entering.callback(self.house)
        self.service.startService()
        self.assertIs(self.service.queue, self.house.queue)

    def test_reopenLogs(self) -> None:
        """Logs are reopened if there are any."""
        self.service.reopenLogs()
        self.entering.callback(self.house)
        self.service.startService()
        self.service.reopenLogs()
        self.assertEqual(self.done[-1], "reopen")
