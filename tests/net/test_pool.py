"""
Tests for L{smtpx.net.pool} and L{smtpx.net.delivery}: connections that are used again,
and messages that are tried again.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import UsageError
from smtpx.core.hooks import (
    Forecast,
    Hello,
    LogFields,
    RoutePolicy,
    Scope,
    Target,
    TLSLevel,
)
from smtpx.core.reply import Reply
from smtpx.dns.mailhosts import MailHost
from smtpx.extensions.standard import standard
from smtpx.net.pool import ClientPool, PoolBounds
from smtpx.net.sending import IClientPool, Way
from smtpx.sasl import Credentials
from smtpx.spool.via import Cause
from smtpx.testing import (
    BODY,
    GREETING,
    Fault,
    ScriptedServer,
    answered,
    closed,
    delayed,
    silent,
)
from smtpx.testing.scripted import KEYWORDS

from .clients import (
    ADDRESS,
    CHUNKING,
    HOST,
    MESSAGE,
    WAY,
    Rig,
    codes,
    envelopeFor,
    rig,
)
from .network import watched

#: A peer that says 421 and closes as soon as it hears from an idle client.
CLOSING = Fault(b"MAIL", nth=2, session=1, reply=b"421 4.4.2 Idle\r\n")


class ReuseTests(SynchronousTestCase):
    """
    Which connection a message goes over.
    """

    def test_interface(self) -> None:
        """It is what queues want."""
        verifyObject(IClientPool, rig().pool)

    def test_again(self) -> None:
        """The second message goes over the connection of the first."""
        rigged = rig()
        first, second = rigged.send(), rigged.send()
        self.assertEqual(codes(first) + codes(second), [250, 250])
        self.assertEqual(len(rigged.server.sessions), 1)
        self.assertFalse(first.value.via.again)
        self.assertTrue(second.value.via.again)
        self.assertEqual(rigged.pool.cold(HOST, WAY), 1)

    def test_addressesInAnyOrder(self) -> None:
        """A host whose addresses come in another order is the same."""
        rigged = rig()
        one = evolve(HOST, addresses=(*HOST.addresses, b"192.0.2.26"))
        two = evolve(HOST, addresses=(b"192.0.2.26", *HOST.addresses), preference=5)
        rigged.send(host=one)
        rigged.send(host=two)
        self.assertEqual(len(rigged.server.sessions), 1)

    def test_otherWays(self) -> None:
        """What is sent another way, or to another host, has its own connection."""
        rigged = rig()
        rigged.network.hosts[ADDRESS, 26] = rigged.server
        rigged.send()
        for way in (Way(name=b"x.example"), Way(RoutePolicy(TLSLevel.UNWANTED))):
            rigged.send(way=way)
        rigged.send(host=evolve(HOST, port=26))
        rigged.send(host=evolve(HOST, name=b"other.example"))
        self.assertEqual(len(rigged.server.sessions), 5)
        self.assertEqual(rigged.pool.cold(HOST, WAY), 1)

    def test_busy(self) -> None:
        """One that is busy is not used; there are two, then."""
        rigged = rig(delayed(BODY, 1))
        one = rigged.send()
        two = rigged.send()
        self.assertEqual(len(rigged.server.sessions), 2)
        rigged.network.run(1.5)
        self.assertEqual(codes(one) + codes(two), [250, 250])
        self.assertEqual(rigged.pool.cold(HOST, WAY), 2)

    def test_idleForTooLong(self) -> None:
        """Two seconds without a message, and it is told goodbye."""
        rigged = rig()
        rigged.send()
        rigged.network.run(1.5)
        rigged.send()
        rigged.network.run(1.5)
        self.assertEqual(rigged.pool.cold(HOST, WAY), 1)
        rigged.network.run(1)
        self.assertEqual((rigged.pool.cold(HOST, WAY), rigged.pool.open), (0, 0))
        self.assertEqual(rigged.commands[-1], b"QUIT")
        self.assertEqual(rigged.network.getDelayedCalls(), [])

    def test_notKept(self) -> None:
        """Where none is to be kept, none is."""
        for bounds in (PoolBounds(idleMost=0), PoolBounds(idleSeconds=0)):
            rigged = rig(bounds=bounds)
            rigged.send()
            self.assertEqual(rigged.pool.open, 0)
            self.assertEqual(rigged.commands[-1], b"QUIT")

    def test_soManyAndNoMore(self) -> None:
        """Above the bound the one that has waited longest is ended."""
        rigged = rig(bounds=PoolBounds(idleMost=2))
        hosts = [evolve(HOST, name=b"mx%d.example.org" % n) for n in range(3)]
        for host in hosts:
            rigged.send(host=host)
            rigged.network.run(0.1)
        found = [rigged.pool.cold(host, WAY) for host in hosts]
        self.assertEqual(found, [0, 1, 1])

    def test_messagesOfAConnection(self) -> None:
        """After so many it is told goodbye."""
        rigged = rig(bounds=PoolBounds(messagesMost=2))
        for _ in range(3):
            rigged.send()
        self.assertEqual(len(rigged.server.sessions), 2)
        self.assertEqual(rigged.commands[-1], b"QUIT")

    def test_limitOfTheHost(self) -> None:
        """MAILMAX (RFC 9422) is kept without trying."""
        rigged = rig(keywords=(*KEYWORDS, b"LIMITS MAILMAX=2"))
        for _ in range(5):
            self.assertEqual(codes(rigged.send()), [250])
        self.assertEqual(len(rigged.server.sessions), 3)
        self.assertEqual(rigged.commands[-1], b"QUIT")

    def test_limitOfRecipients(self) -> None:
        """A long list takes as many transactions and sessions as it needs."""
        rigged = rig(keywords=(*KEYWORDS, b"LIMITS MAILMAX=2 RCPTMAX=10"))
        paths = [b"%d@mx.example" % n for n in range(65)]
        got = rigged.send(envelopeFor(*paths))
        self.assertEqual(codes(got), [250] * 65)
        self.assertEqual(len(rigged.server.messages), 7)
        self.assertEqual(len(rigged.server.sessions), 4)
        to = [path for message in rigged.server.messages for path in message.recipients]
        self.assertEqual(to, paths)

    def test_hostGoesAwayUnderALongList(self) -> None:
        """What was taken is taken; the rest has the outcome that it had."""
        rigged = rig(keywords=(*KEYWORDS, b"LIMITS MAILMAX=1 RCPTMAX=1"))

        def made(client: Any, server: Any) -> None:
            rigged.network.hosts.clear()

        rigged.network.onConnect = made
        got = rigged.send(envelopeFor(b"b@mx.example", b"c@mx.example"))
        self.assertEqual(codes(got), [250, 452])


class StaleTests(SynchronousTestCase):
    """
    Idle connections that are not there any more.
    """

    def idle(self, rigged: Rig) -> None:
        """Have one."""
        self.assertEqual(codes(rigged.send()), [250])
        self.assertEqual(rigged.pool.cold(HOST, WAY), 1)

    def test_closedWhileIdle(self) -> None:
        """One that was closed is not used."""
        for words in (b"", b"421 4.4.2 Idle\r\n", b"rubbish\r\n"):
            rigged = rig()
            self.idle(rigged)
            server = rigged.network.links[0][1]
            server.write(words)
            server.loseConnection()
            rigged.network.run()
            self.assertEqual(rigged.pool.cold(HOST, WAY), 0)
            self.assertEqual(codes(rigged.send()), [250])

    def test_closedAsWeSpeak(self) -> None:
        """The message goes over a new one: the host cannot have it."""
        for fault in (CLOSING, Fault(b"MAIL", nth=2, session=1, octets=0)):
            ends = fault if fault is CLOSING else evolve(closed(b"MAIL", 2), octets=0)
            rigged = rig(ends.inSession(1))
            self.idle(rigged)
            got = rigged.send()
            self.assertEqual(codes(got), [250])
            self.assertFalse(got.value.via.again)
            self.assertEqual(len(rigged.server.sessions), 2)

    def test_maybeTaken(self) -> None:
        """A message that was sent whole is not sent again on its own account."""
        rigged = rig(evolve(closed(b"MAIL", 2), octets=0, session=1), keywords=CHUNKING)
        self.idle(rigged)
        got = rigged.send()
        self.assertEqual(codes(got), [451])
        self.assertTrue(got.value.unsure)
        self.assertEqual(len(rigged.server.sessions), 1)

    def test_readableBeforeUse(self) -> None:
        """One on which something waits to be read is left alone."""
        rigged = rig()
        self.idle(rigged)
        rigged.network.run(1)
        line: Any = rigged.network.links[0][0].protocol
        line.pending = lambda: True
        self.assertEqual(codes(rigged.send()), [250])
        self.assertEqual(len(rigged.server.sessions), 2)

    def test_usedJustNow(self) -> None:
        """One that has delivered a message a moment ago is not looked at first."""
        rigged = rig()
        self.idle(rigged)
        line: Any = rigged.network.links[0][0].protocol
        line.pending = lambda: True
        rigged.send()
        self.assertEqual(len(rigged.server.sessions), 1)

    def test_notStaleButBroken(self) -> None:
        """A host that breaks off behind its first answer is in trouble itself."""
        rigged = rig(Fault(b"RCPT", nth=2, session=1, reply=b"421 4.3.2 Bye\r\n"))
        self.idle(rigged)
        got = rigged.send()
        self.assertEqual(codes(got), [421])
        self.assertIs(got.value.scope, Scope.HOST)

    def test_aNewConnectionIsNotStale(self) -> None:
        """A host that says 421 to the first MAIL means it."""
        rigged = rig(Fault(b"MAIL", nth=1, reply=b"421 4.3.2 Bye\r\n"))
        self.assertEqual(codes(rigged.send()), [421])
        self.assertEqual(len(rigged.server.sessions), 1)


class AddressesTests(SynchronousTestCase):
    """
    A host with several addresses (RFC 5321 section 5.1).
    """

    HOSTS = MailHost(b"mx.example.org", (b"192.0.2.1", b"192.0.2.2", b"192.0.2.3"))

    def servers(self, *faults: Any) -> tuple[Rig, list[ScriptedServer]]:
        """Each address has its own faults."""
        rigged = rig()
        servers = []
        for number, fault in enumerate(faults, 1):
            server = ScriptedServer(*fault, clock=rigged.network)
            rigged.network.hosts[f"192.0.2.{number}", 25] = server
            servers.append(server)
        return rigged, servers

    def test_nextAddress(self) -> None:
        """An address that turns the session away is not the last one."""
        for fault in (
            answered(GREETING, b"554 5.3.2 Not here"),
            answered(GREETING, b"421 4.3.2 Busy"),
            evolve(closed(GREETING), octets=0),
        ):
            rigged, servers = self.servers([fault], [fault], [])
            got = rigged.send(host=self.HOSTS)
            self.assertEqual(codes(got), [250])
            self.assertEqual(got.value.via.address, b"192.0.2.3")
            self.assertEqual([len(s.sessions) for s in servers], [1, 1, 1])

    def test_noneOfThem(self) -> None:
        """The first that said something says why."""
        rigged, _ = self.servers(
            [answered(GREETING, b"554 5.3.2 First")],
            [answered(GREETING, b"421 4.3.2 Second")],
        )
        error = rigged.send(host=self.HOSTS).error
        self.assertEqual(error.text, "554 5.3.2 First")
        self.assertEqual(error.via.address, b"192.0.2.1")

    def test_nobodyThere(self) -> None:
        """Each address has its reason."""
        rigged, _ = self.servers()
        error = rigged.send(host=self.HOSTS).error
        refused = [f"192.0.2.{n}: Connection refused" for n in (1, 2, 3)]
        self.assertEqual(error.text, "; ".join(refused))
        self.assertEqual(error.via.address, b"192.0.2.3")

    def test_noLoginElsewhere(self) -> None:
        """Wrong credentials are not tried at each address."""
        rigged, servers = self.servers([], [])
        way = Way(login=Credentials(b"u", b"p"))
        error = rigged.send(host=self.HOSTS, way=way).error
        self.assertIs(error.cause, Cause.LOGIN)
        self.assertEqual([len(s.sessions) for s in servers], [1, 0])


class Knows:
    """A memory of what hosts said to EHLO."""

    def __init__(self, *words: bytes) -> None:
        self.words = words
        self.forgotten = 0

    def recall(self, target: Target) -> Forecast | None:
        """What it said last."""
        if self.forgotten:
            return None
        keywords = tuple((word, None) for word in self.words)
        return Forecast(clear=Hello(b"scripted.example", keywords))

    def remember(
        self, target: Target, secured: bool, hello: Hello, early: bool
    ) -> None:
        """It said something else."""

    def forget(self, target: Target, secured: bool) -> None:
        """It does not know the keyword."""
        self.forgotten += 1


def early(memory: Knows) -> Any:
    """The standard extensions, with one that talks early."""
    from smtpx.core.hostlist import HostList
    from smtpx.extensions.pipeconnect import PipeConnect, PipeConnectSettings

    settings = PipeConnectSettings(hostsPipeConnect=HostList.parse(["*"]))
    return [
        PipeConnect(settings, memory=memory)  # type: ignore[arg-type]  # a double
        if each.name == PipeConnect.name
        else each
        for each in standard()
    ]


class ForecastTests(SynchronousTestCase):
    """
    Hosts that are known (draft-harris-early-pipe).
    """

    WAY = Way(RoutePolicy(TLSLevel.UNWANTED))

    def test_oneFlight(self) -> None:
        """What is known to be offered is used before the greeting: one write."""
        memory = Knows(b"PIPELINING", b"PIPECONNECT", b"CHUNKING")
        rigged = rig(
            keywords=(b"PIPELINING", b"PIPECONNECT", b"CHUNKING"),
            extensions=early(memory),
        )
        got = rigged.send(way=self.WAY)
        self.assertEqual(codes(got), [250])
        self.assertEqual(len(rigged.writes()), 1)
        self.assertTrue(rigged.writes()[0].endswith(MESSAGE))

    def test_wrong(self) -> None:
        """
        Where it was not so, the message goes again at once, without expectations.
        """
        memory = Knows(b"PIPELINING", b"PIPECONNECT", b"CHUNKING")
        rigged = rig(
            answered(b"BDAT", b"500 What?"), keywords=(), extensions=early(memory)
        )
        got = rigged.send(way=self.WAY)
        self.assertEqual(codes(got), [250])
        self.assertEqual(len(rigged.server.sessions), 2)
        self.assertEqual(rigged.writes(1)[0], b"EHLO client.example.org\r\n")

    def test_neverRight(self) -> None:
        """A session's reason to try again holds a few times, and not forever."""
        refused = answered(GREETING, b"554 No", nth=None)
        rigged = rig(refused, extensions=early(Knows(b"PIPELINING", b"PIPECONNECT")))
        got = rigged.send(way=self.WAY)
        self.assertEqual(got.fired, 1)
        self.assertLessEqual(len(rigged.server.sessions), 5)


class EndTests(SynchronousTestCase):
    """
    Messages that nobody waits for any more, and pools that are closed.
    """

    def test_cancelled(self) -> None:
        """At whatever moment, the connection is cut off, and nothing is left."""
        for fault in (
            silent(GREETING),
            silent(b"EHLO"),
            silent(b"MAIL"),
            silent(BODY),
        ):
            rigged = rig(fault)
            sending = rigged.pool.send(HOST, WAY, envelopeFor(), _body())
            got = watched(sending)
            rigged.network.run(1)
            sending.cancel()
            rigged.network.run()
            self.assertIsInstance(got.error, CancelledError)
            self.assertEqual((got.fired, rigged.pool.open), (1, 0))
            self.assertEqual(rigged.network.getDelayedCalls(), [])

    def test_cancelledBeforeItIsConnected(self) -> None:
        """Nor is one made."""
        rigged = rig()
        rigged.network.delays[ADDRESS] = 10
        sending = rigged.pool.send(HOST, WAY, envelopeFor(), _body())
        got = watched(sending)
        rigged.network.run(1)
        sending.cancel()
        rigged.network.run(20)
        self.assertIsInstance(got.error, CancelledError)
        self.assertEqual(rigged.server.sessions, [])

    def test_close(self) -> None:
        """
        Those that are idle are told goodbye; the others finish what they do.
        """
        rigged = rig(Fault(BODY, session=1, nth=1), delayed(BODY, 5).inSession(2))
        rigged.send()
        rigged.send(run=False)
        busy = rigged.send(way=Way(name=b"x.example"))
        first, second = watched(rigged.pool.close()), watched(rigged.pool.close())
        rigged.network.run(1)
        self.assertEqual((first.fired, busy.fired), (0, 0))
        after = rigged.send()
        self.assertIsInstance(after.error, UsageError)
        rigged.network.run(10)
        self.assertEqual(codes(busy), [250])
        self.assertEqual((first.fired, second.fired), (1, 1))
        self.assertEqual(rigged.pool.open, 0)

    def test_closeWhatIsNotOpen(self) -> None:
        """It is closed at once, however often."""
        pool = rig().pool
        self.assertEqual(watched(pool.close()).fired, 1)
        self.assertEqual(watched(pool.close()).fired, 1)

    def test_whatNobodyForesaw(self) -> None:
        """An error of ours is told, and leaves no connection."""

        class Broken:
            """A body that is none."""

        rigged = rig()
        got = watched(
            rigged.pool.send(HOST, WAY, envelopeFor(), Broken())  # type: ignore[arg-type]  # on purpose
        )
        rigged.network.run()
        self.assertEqual(got.fired, 1)
        self.assertEqual(rigged.server.messages, [])
        rigged.network.run(10)
        self.assertEqual(rigged.pool.open, 0)


def _body() -> Any:
    from smtpx.testing.client import OctetsBody

    return OctetsBody(MESSAGE)


class LogTests(SynchronousTestCase):
    """
    What logs are told.
    """

    def test_fieldsOfExtensions(self) -> None:
        """Each envelope has its own."""
        rigged = rig(keywords=CHUNKING)
        fields: LogFields = rigged.send().value.via.fields
        self.assertIsInstance(fields, tuple)
        self.assertIsInstance(rigged.pool, ClientPool)
        self.assertIsInstance(rigged.send().value.outcomes[0][1], Reply)
