"""
Tests for L{smtpx.policy.milter.milter} and L{smtpx.policy.milter.link}: the connections
to a milter.
"""

from __future__ import annotations

import socket

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.trace import LOCAL
from smtpx.policy.milter import link as links
from smtpx.policy.milter.commands import DATA, END_OF_HEADER
from smtpx.policy.milter.conversation import nothing
from smtpx.policy.milter.link import MilterAway, MilterLink, MilterSlow
from smtpx.policy.milter.milter import (
    AGAIN_SECONDS_MAX,
    KEPT_SECONDS,
    Milter,
    againSeconds,
)
from smtpx.policy.milter.packets import packet
from smtpx.policy.milter.terms import MilterTerms

from ..doubles import sessionFrom
from .made import ACCEPT, GO_ON, GONE, NOTHING, Line, MadeMilter, served

OK = b"250 2.0.0 OK\r\n"


class ReuseTests(SynchronousTestCase):
    """A connection for several clients, one after the other."""

    def begin(self, milter: MadeMilter) -> None:
        """The first client sends a message, and goes."""
        self.server = served(milter)
        self.session()

    def session(self) -> None:
        """A client sends a message, and goes."""
        call = self.server.call()
        call.mail()
        self.assertEqual(call.send(), OK)
        call.leave()

    def test_kept(self) -> None:
        """The next client comes over the same one."""
        milter = MadeMilter()
        self.begin(milter)
        self.session()
        self.assertEqual(milter.codes, "OCHMRTLNBEKCHMRTLNBEK")
        self.assertEqual(milter.connections, 1)

    def test_notKept(self) -> None:
        """One over which the milter would not hear of the next is ended."""
        milter = MadeMilter(answers={b"E": ACCEPT})
        self.begin(milter)
        self.session()
        self.assertEqual(milter.codes, "OCHMRTLNBEQ" * 2)

    def test_notForLong(self) -> None:
        """Nobody has come."""
        milter = MadeMilter()
        self.begin(milter)
        self.server.clock.advance(KEPT_SECONDS)
        self.server.settle()
        self.assertEqual(milter.codes[-2:], "KQ")
        self.assertEqual(self.server.asked[0].connections, 0)

    def test_endedMeanwhile(self) -> None:
        """The milter has ended it, and it is known: there is another."""
        milter = MadeMilter()
        self.begin(milter)
        milter.end()
        self.session()
        self.assertEqual(milter.connections, 2)

    def test_endsWhenItIsUsed(self) -> None:
        """It is not known yet: the client does not notice."""
        milter = MadeMilter()
        self.begin(milter)
        once = [GONE]
        milter.answers = {b"C": lambda: once.pop() if once else GO_ON}
        self.session()
        self.assertEqual(milter.connections, 2)
        self.assertEqual(self.server.told, [])

    def test_stop(self) -> None:
        """The server stops: nothing remains."""
        milter = MadeMilter()
        self.begin(milter)
        asked = self.server.asked[0]
        asked.stop()
        self.server.settle()
        self.assertEqual((asked.connections, milter.lines), (0, []))
        asked.stop()


class BoundedTests(SynchronousTestCase):
    """No more connections than its terms allow."""

    def setUp(self) -> None:
        """One is allowed, and in use."""
        self.milter = MadeMilter()
        terms = MilterTerms(connectionsMax=1)
        self.server = served(self.milter, terms=terms)
        self.first = self.server.call()
        self.assertIn(b"220", self.first.said())

    def test_waits(self) -> None:
        """The next client waits until one is free."""
        second = self.server.call()
        self.assertEqual(second.said(), b"")
        self.first.leave()
        self.assertIn(b"220", second.said())
        self.assertEqual(self.milter.connections, 2)

    def test_notForLong(self) -> None:
        """Then its terms hold."""
        second = self.server.call()
        self.server.clock.advance(10)
        self.server.settle()
        self.assertIn(b"220", second.said())
        self.assertIn("all its 1 connections are in use", self.server.told[0][3])

    def test_goesMeanwhile(self) -> None:
        """Who has gone is not waited for."""
        self.server.call().leave()
        third = self.server.call()
        self.first.leave()
        self.assertIn(b"220", third.said())

    def test_stops(self) -> None:
        """Nobody waits for a server that stops."""
        second = self.server.call()
        self.server.asked[0].stop()
        self.server.settle()
        self.assertIn(b"220", second.said())


class BackOffTests(SynchronousTestCase):
    """A milter that is not there is not tried for each client."""

    def test_backsOff(self) -> None:
        """For a while, and then it is there again."""
        milter = MadeMilter(down=True)
        server = served(milter)
        server.call()
        milter.down = False
        server.call()
        self.assertEqual(milter.connections, 0)
        server.clock.advance(againSeconds(1))
        server.call()
        self.assertEqual(milter.connections, 1)
        self.assertEqual(len(server.told), 2)

    def test_longer(self) -> None:
        """The longer it lasts, up to a bound."""
        seconds = [againSeconds(each) for each in range(1, 100)]
        self.assertEqual(seconds, sorted(seconds))
        self.assertEqual(seconds[-1], AGAIN_SECONDS_MAX)

    def test_doesNotAgree(self) -> None:
        """What is no milter is as good as none."""
        for answer in (b"220 mx.example ESMTP\r\n", packet(b"c"), packet(b"O"), GONE):
            milter = MadeMilter(answers={b"O": answer})
            server = served(milter)
            server.call()
            self.assertEqual(milter.lines, [])
            self.assertEqual(server.told[0][1:3], ("connect", "away"))
            server.call()
            self.assertEqual(milter.connections, 1)

    def test_doesNotAnswer(self) -> None:
        """Neither the connection nor the agreement is waited for without end."""
        for milter in (MadeMilter(deaf=True), MadeMilter(answers={b"O": NOTHING})):
            server = served(milter)
            call = server.call()
            self.assertEqual(call.said(), b"")
            server.clock.advance(10)
            server.settle()
            self.assertIn(b"220", call.said())
            self.assertEqual(server.asked[0].connections, 0)


class LinkTests(SynchronousTestCase):
    """What is left to be said of a connection."""

    def setUp(self) -> None:
        """One over which all is agreed on."""
        self.clock = Clock()
        self.made = MadeMilter()
        self.milter = Milter("made", self.made, MilterTerms(), self.clock)
        connecting = Deferred.fromCoroutine(self.milter.connect())
        self.made.turn()
        self.link: MilterLink = self.successResultOf(connecting)
        self.line: Line = self.made.lines[0][0]

    def test_overIsOver(self) -> None:
        """Whoever asks is told why."""
        self.link.giveUp("enough")
        self.link.giveUp("more than enough")
        for asked in (
            self.link.ask(DATA, nothing, 1.0),
            self.link.room(1.0),
        ):
            assert isinstance(asked, Deferred)
            failure = self.failureResultOf(asked, MilterAway)
            self.assertEqual(str(failure.value), "enough")
        self.link.tell(END_OF_HEADER)
        self.link.dataReceived(b"nonsense")
        self.link.stopProducing()
        self.milter.free(self.link)
        self.assertTrue(self.line.aborted)

    def test_room(self) -> None:
        """Whoever waits for room, waits so long."""
        self.assertIsNone(self.link.room(1.0))
        self.link.pauseProducing()
        first = self.link.room(1.0)
        assert first is not None
        self.assertNoResult(first)
        self.link.resumeProducing()
        self.assertIsNone(self.successResultOf(first))
        self.link.pauseProducing()
        second = self.link.room(1.0)
        assert second is not None
        self.clock.advance(1)
        self.failureResultOf(second, MilterSlow)

    def test_acknowledgesAtOnce(self) -> None:
        """By TCP; for the second half of an answer waits for that."""
        told: list[tuple[int, int, int]] = []

        class Handle:
            """A socket."""

            family = socket.AF_INET

            def setsockopt(self, *options: int) -> None:
                """See C{socket.socket}."""
                told.append(options)  # type: ignore[arg-type]  # there are three

        self.patch(self.line, "getHandle", Handle)
        self.patch(links, "_QUICKACK", 12)
        self.link.ask(DATA, nothing, 1.0)
        self.assertEqual(told, [(socket.IPPROTO_TCP, 12, 1)])


class WithoutTests(SynchronousTestCase):
    """Sessions of which no milter is asked."""

    def test_nobody(self) -> None:
        """All goes as ever."""
        server = served()
        call = server.call()
        call.mail(b"bob@example.org", b"eve@example.org")
        self.assertEqual(call.send(), OK)
        self.assertIn(b"250", call.say(b"RSET\r\n"))
        call.leave()
        self.assertEqual(server.troubles, [])

    def test_clientThatIsAnother(self) -> None:
        """Who connects as somebody else (XCLIENT) is another client to milters."""
        milter = MadeMilter()
        server = served(milter)
        call = server.call()
        asked = server.policy.mayConnect(call.call.protocol.core)
        server.settle()
        assert isinstance(asked, Deferred)
        self.assertIsNone(self.successResultOf(asked))
        self.assertEqual(milter.codes, "OCQOC")

    def test_whoIsHere(self) -> None:
        """Of users of this machine no milter is asked."""
        milter = MadeMilter()
        server = served(milter)
        session = sessionFrom(b"")
        session.mechanism = LOCAL
        self.assertIsNone(server.policy.mayConnect(session))
        self.assertEqual(milter.codes, "")

    def test_goneBeforeItIsConnected(self) -> None:
        """A connection that comes too late is given back."""
        milter = MadeMilter(answers={b"O": NOTHING})
        server = served(milter)
        session = sessionFrom(b"192.0.2.1")
        asked = server.policy.mayConnect(session)
        server.settle()
        server.policy.left(session)
        numbers = b"".join(each.to_bytes(4) for each in (6, 0x1FF, 0))
        milter.lines[0][1].dataReceived(packet(b"O", numbers))
        server.settle()
        assert isinstance(asked, Deferred)
        self.assertIsNone(self.successResultOf(asked))
        self.assertEqual(milter.codes, "OQ")
