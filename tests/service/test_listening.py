"""
Tests for L{smtpx.service.listening}.
"""

from __future__ import annotations

import errno
import socket
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import (
    TCP4ServerEndpoint,
    UNIXServerEndpoint,
    serverFromString,
)
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocolFactory,
    IReadDescriptor,
    IStreamServerEndpoint,
)
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.net.factory import SMTPServerFactory
from smtpx.service.listening import (
    BACKLOG,
    Door,
    IPv6Endpoint,
    NoDoor,
    SilentEndpoint,
    endpointFor,
    listeningSocket,
)
from smtpx.service.tables import Listener, ListenerTLS
from smtpx.service.toml import parseDocument

HERE = IPv4Address("TCP", "127.0.0.1", 2525)


@implementer(IListeningPort, IReadDescriptor)
class FakePort:
    """A port that remembers whether it accepts."""

    def __init__(self, host: IAddress = HERE) -> None:
        self.reading = True
        self.listening = True
        self.socket: socket.socket | None = None
        self._host = host

    def startListening(self) -> None:
        """It does."""

    def stopListening(self) -> None:
        """Note it."""
        self.listening = False

    def getHost(self) -> IAddress:
        """Where it is."""
        return self._host

    def startReading(self) -> None:
        """It accepts."""
        self.reading = True

    def stopReading(self) -> None:
        """It does not."""
        self.reading = False

    def doRead(self) -> None:
        """Nobody comes."""

    def fileno(self) -> int:
        """There is none."""
        return -1

    def logPrefix(self) -> str:
        """Nothing to say."""
        return ""

    def connectionLost(self, reason: object) -> None:
        """Nothing to lose."""


@implementer(IStreamServerEndpoint)
class FakeEndpoint:
    """An endpoint with a port at hand, or trouble."""

    def __init__(self, port: FakePort | Exception) -> None:
        self.port = port
        self.factory: Any = None

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Give the port."""
        self.factory = protocolFactory
        if isinstance(self.port, Exception):
            return fail(self.port)
        return succeed(self.port)


class FakeSocket:
    """A socket that remembers that it was closed."""

    closed = False

    def fileno(self) -> int:
        """A number."""
        return 77

    def __enter__(self) -> FakeSocket:
        return self

    def __exit__(self, *rest: object) -> None:
        self.closed = True


#: What tests may put something else in the place of.
_Socket = socket.socket


class RecordingSocket(_Socket):
    """
    A socket, connected to nothing, that remembers what is done to it.

    @ivar done: by name.
    @ivar trouble: what is raised instead.
    """

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self.done: list[tuple[object, ...]] = []
        self.trouble: OSError | None = None

    def listen(self, backlog: int = 0) -> None:
        """Note it."""
        self._note("listen", backlog)

    def shutdown(self, how: int) -> None:
        """Note it."""
        self._note("shutdown", how)

    def setsockopt(self, *option: object) -> None:
        """Note it."""
        self._note(*option)

    def _note(self, *what: object) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.done.append(what)


class EndpointTests(SynchronousTestCase):
    """From listeners to endpoints."""

    def test_address(self) -> None:
        """An IPv4 address and port are what is listened on, with a long queue."""
        reactor = MemoryReactorClock()
        endpoint = endpointFor(reactor, Listener(25, "192.0.2.1"))
        self.assertIsInstance(endpoint, TCP4ServerEndpoint)
        endpoint.listen(None)  # type: ignore[arg-type]  # nobody comes
        self.assertEqual(reactor.tcpServers, [(25, None, BACKLOG, "192.0.2.1")])

    def test_named(self) -> None:
        """An endpoint of Twisted's is taken by its name."""
        endpoint = endpointFor(MemoryReactorClock(), Listener(endpoint="unix:/run/x"))
        self.assertIsInstance(endpoint, UNIXServerEndpoint)

    def test_namedBadly(self) -> None:
        """What is none is an error."""
        self.assertRaises(
            ValueError, endpointFor, MemoryReactorClock(), Listener(endpoint="odd:1")
        )

    def test_IPv6(self) -> None:
        """An IPv6 socket is given to the reactor, and our copy is closed."""
        reactor = MemoryReactorClock()
        asked = []
        made = FakeSocket()

        def listening(address: str, port: int) -> Any:
            asked.append((address, port))
            return made

        endpoint = IPv6Endpoint(reactor, 25, "2001:db8::1", listening)
        verifyObject(IStreamServerEndpoint, endpoint)
        self.successResultOf(endpoint.listen(None))  # type: ignore[arg-type]  # same
        self.assertEqual(asked, [("2001:db8::1", 25)])
        self.assertEqual(reactor.adoptedPorts, [(77, socket.AF_INET6, None)])
        self.assertTrue(made.closed)

    def test_IPv6Listener(self) -> None:
        """An IPv6 address has an endpoint that takes IPv6 only."""
        endpoint = endpointFor(MemoryReactorClock(), Listener(25, "::"))
        self.assertIsInstance(endpoint, IPv6Endpoint)

    def test_IPv6Taken(self) -> None:
        """A port that is not to be had is C{CannotListenError}, as with Twisted."""

        def listening(address: str, port: int) -> Any:
            raise OSError(98, "Address already in use")

        endpoint = IPv6Endpoint(MemoryReactorClock(), 25, "::", listening)
        failure = self.failureResultOf(
            endpoint.listen(None),  # type: ignore[arg-type]  # same
            CannotListenError,
        )
        self.assertIn("Couldn't listen on :::25", str(failure.value))

    def test_silent(self) -> None:
        """A port that is only to be taken is bound and given to the reactor."""
        reactor = EPollReactor.__new__(EPollReactor)
        silent = endpointFor(reactor, Listener(25, "192.0.2.1"), silent=True)
        self.assertIsInstance(silent, SilentEndpoint)
        plain = endpointFor(reactor, Listener(25, "192.0.2.1"))
        self.assertIsInstance(plain, TCP4ServerEndpoint)
        memory = MemoryReactorClock()
        made = RecordingSocket()
        endpoint = SilentEndpoint(memory, 25, "192.0.2.1", lambda *where: made)
        verifyObject(IStreamServerEndpoint, endpoint)
        self.successResultOf(endpoint.listen(None))  # type: ignore[arg-type]  # same
        [(_, family, _)] = memory.adoptedPorts
        self.assertEqual((family, made.done), (socket.AF_INET, []))
        self.assertEqual(made.fileno(), -1)

    def test_silentTaken(self) -> None:
        """One that is not to be had is C{CannotListenError}, and nothing stays open."""
        sockets: list[RecordingSocket] = []

        class Taken(RecordingSocket):
            """Cannot be bound."""

            def __init__(self, *kind: object) -> None:
                super().__init__()
                sockets.append(self)

            def bind(self, address: object) -> None:
                """Somebody else has it."""
                raise OSError(98, "Address already in use")

        self.patch(socket, "socket", Taken)
        for address in ("192.0.2.1", "2001:db8::1"):
            endpoint = SilentEndpoint(MemoryReactorClock(), 25, address)
            failing = endpoint.listen(None)  # type: ignore[arg-type]  # same
            self.failureResultOf(failing, CannotListenError)
        self.assertEqual([each.fileno() for each in sockets], [-1, -1])
        only = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.assertEqual([only in each.done for each in sockets], [False, True])

    def test_socket(self) -> None:
        """The socket takes IPv6 and nothing else."""
        done: list[tuple[object, ...]] = []

        class Recording(FakeSocket):
            """A socket that remembers what is done to it."""

            bad = False

            def __init__(self, *kind: object) -> None:
                done.append(kind)

            def setblocking(self, flag: bool) -> None:
                """Note it."""

            def setsockopt(self, *option: object) -> None:
                """Note it."""
                done.append(option)

            def bind(self, address: object) -> None:
                """Note it, or fail."""
                if self.bad:
                    raise OSError(13, "no")
                done.append(("bind", address))

            def listen(self, backlog: int) -> None:
                """Note it."""
                done.append(("listen", backlog))

            def close(self) -> None:
                """Note it."""
                done.append(("close",))

        self.patch(socket, "socket", Recording)
        listeningSocket("::", 25)
        self.assertEqual(
            done,
            [
                (socket.AF_INET6, socket.SOCK_STREAM),
                (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
                (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1),
                ("bind", ("::", 25)),
                ("listen", BACKLOG),
            ],
        )
        Recording.bad = True
        self.assertRaises(OSError, listeningSocket, "::", 25)
        self.assertEqual(done[-1], ("close",))


class DoorTests(SynchronousTestCase):
    """Doors that are bound, opened and closed."""

    def setUp(self) -> None:
        """A door, and what is behind it."""
        self.port = FakePort()
        self.endpoint = FakeEndpoint(self.port)
        self.door = Door(Listener(2525), self.endpoint)
        self.factory = SMTPServerFactory(
            MemoryReactorClock(), lambda envelope, body: None
        )

    def bind(self) -> None:
        """Bind it."""
        self.successResultOf(Deferred.fromCoroutine(self.door.bind()))

    def test_boundNotOpen(self) -> None:
        """Who comes before the house stands waits outside."""
        self.bind()
        self.assertFalse(self.port.reading)
        self.assertIsNone(self.endpoint.factory.buildProtocol(HERE))

    def test_boundOnce(self) -> None:
        """To bind it again changes nothing."""
        self.bind()
        self.endpoint.port = RuntimeError("again")
        self.bind()

    def test_taken(self) -> None:
        """Somebody else has the port: it is told which entry wants it."""
        document = parseDocument(
            "[[listener]]\nport = 25\n[[listener]]\nport = 26\n", "x.toml", Path()
        )
        taken = CannotListenError("192.0.2.1", 26, OSError(98, "Address in use"))
        door = Door(
            Listener(26),
            FakeEndpoint(taken),
            partial(document.problem, ("listener", 1)),
        )
        bound = Deferred.fromCoroutine(door.bind())
        error = self.failureResultOf(bound, CannotListenError).value
        self.assertEqual(str(error), f"x.toml:3: listener[1]: {taken}")
        nameless = Door(Listener(26), FakeEndpoint(taken))
        bound = Deferred.fromCoroutine(nameless.bind())
        error = self.failureResultOf(bound, NoDoor).value
        self.assertEqual(str(error), f"configuration: listener: {taken}")

    def test_takenForAMoment(self) -> None:
        """Where it may be free in a moment, it is asked for again."""
        taken = CannotListenError("192.0.2.1", 26, OSError(98, "Address in use"))
        endpoint = FakeEndpoint(taken)
        waited: list[int] = []

        def wait() -> bool:
            waited.append(1)
            if len(waited) == 3:
                endpoint.port = self.port
            return True

        door = Door(Listener(26), endpoint, wait=wait)
        self.successResultOf(Deferred.fromCoroutine(door.bind()))
        self.assertEqual((len(waited), door.port), (3, self.port))

    def test_notAllowed(self) -> None:
        """Where it is not allowed, waiting is of no use."""
        denied = CannotListenError("192.0.2.1", 26, OSError(13, "Permission denied"))
        door = Door(Listener(26), FakeEndpoint(denied), wait=lambda: True)
        self.failureResultOf(Deferred.fromCoroutine(door.bind()), NoDoor)

    def test_open(self) -> None:
        """Then everybody is let in."""
        self.bind()
        self.door.open(self.factory)
        self.assertTrue(self.port.reading)
        self.assertIsNotNone(self.endpoint.factory.buildProtocol(HERE))

    def test_close(self) -> None:
        """In the end nobody is let in, and the port is free."""
        self.bind()
        self.door.open(self.factory)
        self.successResultOf(Deferred.fromCoroutine(self.door.close()))
        self.assertFalse(self.port.listening)
        self.assertIsNone(self.endpoint.factory.buildProtocol(HERE))
        self.assertIsNone(self.door.port)

    def test_closeInVain(self) -> None:
        """
        A file that may not be removed any more, because privileges were given up,
        does not keep the door from being closed.
        """
        door = Door(Listener(endpoint="unix:/run/x"), self.endpoint)
        self.successResultOf(Deferred.fromCoroutine(door.bind()))
        door.open(self.factory)

        def stopListening() -> None:
            raise PermissionError(13, "Permission denied")

        self.patch(self.port, "stopListening", stopListening)
        with capturedLogs() as events:
            self.successResultOf(Deferred.fromCoroutine(door.close()))
        [text] = map(formatEvent, events)
        self.assertEqual(
            text,
            "unix:/run/x (STARTTLS) stays behind: [Errno 13] Permission denied",
        )
        self.assertIsNone(self.endpoint.factory.buildProtocol(HERE))

    def listensAt(self, listener: Listener) -> RecordingSocket:
        """Bind a door whose port has a socket."""
        made = RecordingSocket()
        self.addCleanup(made.close)
        self.port.socket = made
        self.door = Door(listener, self.endpoint)
        self.bind()
        return made

    def test_listensWhenItIsOpened(self) -> None:
        """The port is told to listen when the door is opened, and not before."""
        made = self.listensAt(Listener(0, fastOpen=False))
        self.assertEqual(made.done, [])
        self.assertFalse(self.port.reading)
        self.door.open(self.factory)
        self.assertEqual(made.done, [("listen", BACKLOG)])
        self.assertTrue(self.port.reading)

    def test_listensAlready(self) -> None:
        """What only has a name, such as a socket of systemd's, is left as it is."""
        endpoint = "systemd:domain=INET:index=0"
        made = self.listensAt(Listener(endpoint=endpoint, fastOpen=False))
        self.door.open(self.factory)
        self.assertEqual(made.done, [])

    def test_takenWhileSilent(self) -> None:
        """Somebody else was quicker: that is told as where it was taken before."""
        made = self.listensAt(Listener(2525, "192.0.2.1"))
        made.trouble = OSError(errno.EADDRINUSE, "Address already in use")
        error = self.assertRaises(NoDoor, self.door.open, self.factory)
        self.assertEqual(
            str(error),
            "configuration: listener: Couldn't listen on 192.0.2.1:2525: [Errno 98]"
            " Address already in use.",
        )
        self.assertFalse(self.door.isOpen)
        self.assertFalse(self.port.reading)

    def test_closeUnbound(self) -> None:
        """A door that was never bound can be closed."""
        self.successResultOf(Deferred.fromCoroutine(self.door.close()))

    def test_portThatCannotPause(self) -> None:
        """A port of another kind is opened as it is."""

        class Other(FakeEndpoint):
            """An endpoint whose port is nothing but that."""

            def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
                """See L{IStreamServerEndpoint}."""
                reactor = MemoryReactorClock()
                return serverFromString(reactor, "tcp:25").listen(factory)  # type: ignore[no-any-return]  # Twisted's

        door = Door(Listener(25), Other(self.port))
        self.successResultOf(Deferred.fromCoroutine(door.bind()))
        door.open(self.factory)

    def test_words(self) -> None:
        """A door says where it is and what TLS it has."""
        self.bind()
        self.assertEqual(str(self.door), "127.0.0.1:2525 (STARTTLS)")
        for host, listener, words in (
            (
                IPv6Address("TCP", "::1", 25),
                Listener(25, "::1", tls=ListenerTLS.NONE),
                "[::1]:25 (no TLS)",
            ),
            (
                UNIXAddress("/run/x"),
                Listener(endpoint="unix:/run/x", tls=ListenerTLS.IMPLICIT),
                "unix:/run/x (implicit TLS)",
            ),
        ):
            door = Door(listener, FakeEndpoint(FakePort(host)))
            self.successResultOf(Deferred.fromCoroutine(door.bind()))
            self.assertEqual(str(door), words)
