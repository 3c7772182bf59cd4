"""
What happens in a server, as events.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.hooks import Ending
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import OK, reply
from smtpx.core.server import ServerConnection
from smtpx.extensions.auth import FAILURE, Failure
from smtpx.extensions.xclient import PROXY, PROXY_PORT
from smtpx.net.ends import Ends
from smtpx.net.interfaces import IJournal
from smtpx.net.submission import MADE_MESSAGE_ID
from smtpx.observe.events import CATALOGUE
from smtpx.observe.journal import (
    Journal,
    noteMessageID,
    noteSubject,
)
from smtpx.observe.publisher import Publisher
from smtpx.testing.server import talk

from .stories import MESSAGE, NOW, TLS, Heard, envelope, publishing, visit

NO = reply(550, "5.1.1", b"No such user", b"here")


class JournalTests(SynchronousTestCase):
    """Each thing that happens is one event, whole."""

    def setUp(self) -> None:
        """A journal that is heard."""
        self.heard = Heard()
        self.now = NOW
        self.journal = Journal(Publisher([self.heard], lambda: self.now))
        self.session = visit()
        self.client = {
            "session": self.session.id,
            "address": b"192.0.2.7",
            "port": 4567,
            "helo": b"mail.example.org",
            "local": b"192.0.2.25",
            "localPort": 25,
        }
        self.tls = {
            "version": "TLSv1.3",
            "cipher": "TLS_AES_256_GCM_SHA384",
            "bits": 256,
            "resumed": True,
            "verified": False,
            "subject": 'CN=ann "the" boss',
            "serverName": b"mx.example.org",
        }

    def tearDown(self) -> None:
        """Whatever was told is declared."""
        declared = {event.name: set(event.fields) for event in CATALOGUE}
        for event in self.heard.events:
            fields = {name for name in event if not name.startswith("log_")}
            self.assertEqual(fields - declared[event["event"]], {"event"})

    def test_itIsAJournal(self) -> None:
        """It provides what the net asks for."""
        verifyObject(IJournal, self.journal)
        self.assertTrue(self.journal.enabled)

    def test_aUserOfThisMachine(self) -> None:
        """Nobody logged in; the name stands in a field of its own."""
        self.session.identity, self.session.mechanism = b"ann", "local"
        self.journal.accepted(self.session, envelope(), MESSAGE, OK)
        told = self.heard.last
        self.assertEqual((told["user"], told["protocol"]), (b"ann", "local"))
        self.assertNotIn("identity", told)
        self.journal.refused(self.session, b"RCPT TO:<x@y.example>", NO)
        self.assertEqual(self.heard.last["user"], b"ann")

    def test_aConnection(self) -> None:
        """Who connected, and where; the verified name once there is one."""
        self.session.helo = None
        self.session.peerName = b"client.example.net"
        self.journal.connected(self.session)
        del self.client["helo"]
        self.assertEqual(
            self.heard.last,
            self.client | {"event": "session.connected", "name": b"client.example.net"},
        )

    def test_aClientOfAProxy(self) -> None:
        """The proxy that has brought a client is told of, too."""
        self.session.proxy = b"203.0.113.1"
        self.journal.closed(self.session, "done")
        told = self.client | {"proxy": b"203.0.113.1", "why": "done"}
        self.assertLessEqual(told.items(), self.heard.last.items())
        self.journal.accepted(self.session, envelope(), MESSAGE, OK)
        self.assertEqual(self.heard.last["fields"], {"PRX": b"203.0.113.1"})

    def test_connectionsThatAreNotLetIn(self) -> None:
        """Each is told of; of a flood some, and how many more there were."""
        busy = reply(421, "4.7.0", b"Too many connections")
        for _ in range(50):
            self.journal.turnedAway(b"192.0.2.7", 4567, busy)
        told = {
            "event": "connection.turnedAway",
            "address": b"192.0.2.7",
            "port": 4567,
            "code": 421,
            "status": "4.7.0",
            "text": b"Too many connections",
        }
        self.assertEqual(len(self.heard.events), 20)
        self.assertEqual(self.heard.last, told)
        self.now += 1
        self.journal.turnedAway(b"192.0.2.7", 4567, busy)
        self.assertEqual(self.heard.last, told | {"omitted": 30})
        self.journal.turnedAway(b"192.0.2.7", 4567, busy)
        self.assertEqual(self.heard.last, told)

    def test_aBadProxy(self) -> None:
        """A connection that a header has ended is no session, but is told of."""
        ends = Ends(b"203.0.113.1", 50000, b"192.0.2.25", 25)
        self.journal.proxyRefused(ends, "cut short")
        self.assertEqual(
            self.heard.last,
            {
                "event": "proxy.refused",
                "address": b"203.0.113.1",
                "port": 50000,
                "local": b"192.0.2.25",
                "localPort": 25,
                "why": "cut short",
            },
        )

    def test_aHandshake(self) -> None:
        """What was agreed on."""
        self.session.secured = TLS
        self.journal.secured(self.session)
        self.assertEqual(
            self.heard.last, self.client | self.tls | {"event": "session.secured"}
        )

    def test_aBadCertificate(self) -> None:
        """What is wrong with a client's certificate is told."""
        self.session.secured = evolve(TLS, problem="certificate has expired")
        self.journal.secured(self.session)
        told = self.tls | {"problem": "certificate has expired"}
        self.assertEqual(
            self.heard.last, self.client | told | {"event": "session.secured"}
        )

    def test_aProxySpeaksForAnother(self) -> None:
        """Who it is from now on, and who said so."""
        self.session.stamps[PROXY] = b"192.0.2.99"
        self.session.stamps[PROXY_PORT] = 4711
        self.journal.overridden(self.session)
        known = {k: v for k, v in self.client.items() if k != "helo"}
        self.assertEqual(
            self.heard.last,
            known
            | {
                "event": "session.overridden",
                "proxy": b"192.0.2.99",
                "proxyPort": 4711,
            },
        )

    def test_aLogin(self) -> None:
        """Who logged in, and how; messages of the session say so too."""
        self.session.identity = b"ann"
        self.session.mechanism = "plain"
        self.journal.authenticated(self.session, "PLAIN", True)
        login = {"identity": b"ann", "mechanism": "PLAIN"}
        self.assertEqual(
            self.heard.last, self.client | login | {"event": "session.authenticated"}
        )
        self.journal.accepted(self.session, envelope(), MESSAGE, OK)
        self.assertLessEqual(login.items(), self.heard.last.items())

    def test_aFailedLogin(self) -> None:
        """That it failed is a warning."""
        self.journal.authenticated(self.session, "LOGIN", False)
        self.assertEqual(
            self.heard.last,
            self.client | {"event": "session.loginFailed", "mechanism": "LOGIN"},
        )
        self.assertEqual(self.heard.events[-1]["log_level"].name, "warn")

    def test_aFailedLoginInFull(self) -> None:
        """Who it said to be, and what the peer is not told: why."""
        self.session.stamps[FAILURE] = Failure("no such user", b"eve", 1)
        self.journal.authenticated(self.session, "PLAIN", False)
        self.assertEqual(
            self.heard.last,
            self.client
            | {
                "event": "session.loginFailed",
                "mechanism": "PLAIN",
                "identity": b"eve",
                "why": "no such user",
            },
        )

    def test_aFailedLoginOfNobody(self) -> None:
        """One that broke off before there was a name."""
        self.session.stamps[FAILURE] = Failure("no base64", None, 1)
        self.journal.authenticated(self.session, "PLAIN", False)
        self.assertNotIn("identity", self.heard.last)
        self.assertEqual(self.heard.last["why"], "no base64")

    def test_aRefusal(self) -> None:
        """The command and the whole answer, with what is known by then."""
        self.session.secured = TLS
        self.session.envelope = envelope()
        self.journal.refused(self.session, b"RCPT TO:<x@y.example>", NO)
        self.assertEqual(
            self.heard.last,
            self.client
            | self.tls
            | {
                "event": "command.refused",
                "command": b"RCPT TO:<x@y.example>",
                "sender": b"ann@example.org",
                "code": 550,
                "status": "5.1.1",
                "text": b"No such user here",
            },
        )

    def test_aRefusalOfSomebodyKnown(self) -> None:
        """Who logged in is told with what was refused."""
        self.session.identity, self.session.mechanism = b"ann", "plain"
        self.journal.refused(self.session, b"RCPT TO:<x@y.example>", NO)
        self.assertEqual(self.heard.last["identity"], b"ann")
        self.assertEqual(self.heard.last["mechanism"], "PLAIN")

    def test_aRefusalWithoutATransaction(self) -> None:
        """What is not known is left out."""
        self.journal.refused(self.session, b"", reply(554, None, b"No"))
        self.assertEqual(
            self.heard.last,
            self.client
            | {"event": "command.refused", "command": b"", "code": 554, "text": b"No"},
        )

    def test_aMessage(self) -> None:
        """All that is known of a message that was taken, except its text."""
        session = visit(("K", True), ("A", "x"))
        arrived = envelope(b"", b"bob@example.com", b"eve@example.com")
        session.envelope = arrived
        noteMessageID(session, b" <abc@example.org>")
        self.journal.accepted(session, arrived, MESSAGE, OK)
        self.assertEqual(
            self.heard.last,
            self.client
            | {
                "event": "message.accepted",
                "session": session.id,
                "message": MESSAGE,
                "seconds": 0.0,
                "sender": b"",
                "recipients": [b"bob@example.com", b"eve@example.com"],
                "octets": 1204,
                "protocol": "esmtp",
                "messageID": b"abc@example.org",
                "fields": {"K": True, "A": "x"},
            },
        )

    def test_aMessageIDOfOurs(self) -> None:
        """That we made it is told with it."""
        arrived = self.session.envelope = envelope()
        arrived.stamps[MADE_MESSAGE_ID] = b"1@mx.example.org"
        self.journal.accepted(self.session, arrived, MESSAGE, OK)
        self.assertEqual(self.heard.last["messageID"], b"1@mx.example.org")
        self.assertIs(self.heard.last["messageIDMade"], True)

    def test_howTheClientTalked(self) -> None:
        """What it was offered to save round trips, and whether it did."""
        session = self.session
        session._pipelined = True
        self.journal.accepted(session, envelope(), MESSAGE, OK)
        self.assertEqual(self.heard.last["pipelining"], "offered")
        self.assertNotIn("early", self.heard.last)
        session.batched = session._earlyHello = True
        self.journal.accepted(session, envelope(), MESSAGE, OK)
        self.assertEqual(self.heard.last["pipelining"], "used")
        self.assertEqual(self.heard.last["early"], "offered")
        session.early = True
        self.journal.accepted(session, envelope(), MESSAGE, OK)
        self.assertEqual(self.heard.last["early"], "used")

    def test_subjectsOnlyIfWished(self) -> None:
        """What a message is about is nobody's business unless somebody asks."""
        told: list[object] = []
        for wished in (False, True):
            journal = Journal(publishing(self.heard), subjects=wished)
            session = visit()
            journal.watch(session.profile)
            self.assertEqual(b"subject" in session.profile.headers, wished)
            session.envelope = envelope()
            noteSubject(session, b" Hello\r\n there" + b"!" * 300 + b"\r\n")
            journal.accepted(session, session.envelope, MESSAGE, OK)
            told.append(self.heard.last.get("title"))
        self.assertEqual(told, [None, b"Hello there" + b"!" * 245])

    def test_withoutATransactionNothingIsNoted(self) -> None:
        """A header that comes when its transaction is over is nobody's."""
        noteSubject(self.session, b"x")
        noteMessageID(self.session, b"x")
        self.assertIsNone(self.session.envelope)

    def test_aMessageUnderTLS(self) -> None:
        """The handshake is told again with each message."""
        self.session.secured = TLS
        self.journal.accepted(self.session, envelope(), MESSAGE, OK)
        self.assertLessEqual(self.tls.items(), self.heard.last.items())
        self.assertNotIn("onConnect", self.heard.last)
        self.session.secured = evolve(TLS, onConnect=True)
        self.journal.accepted(self.session, envelope(), MESSAGE, OK)
        self.assertIs(self.heard.last["onConnect"], True)

    def test_aFieldThatFailsCostsNoMessage(self) -> None:
        """Where an extension cannot say its field, the message is told without."""

        def broken(session: object) -> tuple[tuple[str, object], ...]:
            raise ZeroDivisionError("no field")

        profile = ServerProfile()
        profile.record(broken)
        session = ServerConnection(profile, self.session.port)
        self.journal.accepted(session, envelope(), MESSAGE, OK)
        names = [event["event"] for event in self.heard.events]
        self.assertEqual(names, ["session.trouble", "message.accepted"])
        self.assertEqual(self.heard.events[0]["error"], "ZeroDivisionError: no field")
        self.assertNotIn("fields", self.heard.last)

    def test_trouble(self) -> None:
        """An exception is told of with where it came from."""
        try:
            raise OSError("the disk is gone")
        except OSError as error:
            self.journal.trouble(self.session, "SIZE", error)
        found = self.heard.last
        self.assertIn("test_journal", str(found.pop("traceback")))
        self.assertEqual(
            found,
            {
                "event": "session.trouble",
                "session": self.session.id,
                "owner": "SIZE",
                "error": "OSError: the disk is gone",
            },
        )

    def test_theEnd(self) -> None:
        """Why a session ended, after how long."""
        self.session.began = NOW - 1.5
        self.session.transactions = 2
        told = self.client | {
            "event": "session.closed",
            "why": "Connection was closed cleanly.",
            "seconds": 1.5,
            "transactions": 2,
        }
        for ending, named in ((None, "lost"), (Ending.QUIT, "quit")):
            self.session.ending = ending
            self.journal.closed(self.session, "Connection was closed cleanly.")
            self.assertEqual(self.heard.last, told | {"ending": named})

    def test_aDeafJournalTellsTroubleOnly(self) -> None:
        """Without observers nothing is made, and the login is still noted."""
        journal = Journal(publishing())
        self.assertFalse(journal.enabled)
        journal.connected(self.session)
        journal.secured(self.session)
        journal.authenticated(self.session, "PLAIN", True)
        journal.refused(self.session, b"NOOP", NO)
        journal.accepted(self.session, envelope(), MESSAGE, OK)
        journal.closed(self.session, "x")
        journal.turnedAway(b"192.0.2.7", 4567, NO)
        self.journal.accepted(self.session, envelope(), MESSAGE, OK)
        self.assertEqual(len(self.heard.events), 1)


class MessageIDTests(SynchronousTestCase):
    """The Message-ID of a message is read as it passes."""

    def test_theHeaderIsWatched(self) -> None:
        """Sent with the message, told with the message."""
        heard = Heard()
        journal = Journal(publishing(heard))
        said = talk([])
        journal.watch(said.connection.profile)
        said.feed(b"HELO c.example\r\n")
        said.feed(b"MAIL FROM:<a@example.org>\r\n")
        said.feed(b"RCPT TO:<b@example.org>\r\n")
        said.feed(b"DATA\r\n")
        said.feed(b"Subject: x\r\nmessage-id:\r\n <1@example.org>\r\n\r\nx\r\n.\r\n")
        journal.accepted(said.connection, said.port.taken[0], MESSAGE, OK)
        self.assertEqual(heard.last["messageID"], b"1@example.org")

    def test_itIsBounded(self) -> None:
        """A Message-ID of a megabyte is not kept."""
        session = visit()
        session.envelope = envelope()
        noteMessageID(session, b"<" + b"x" * 10_000)
        heard = Heard()
        Journal(publishing(heard)).accepted(session, session.envelope, MESSAGE, OK)
        self.assertEqual(heard.last["messageID"], b"x" * 997)

    def test_outsideOfATransactionItIsNobodys(self) -> None:
        """Without an envelope there is nothing to note it on."""
        noteMessageID(visit(), b"<1@example.org>")

    def test_aDeafJournalWatchesNothing(self) -> None:
        """Where nobody listens, no header is looked at."""
        profile = ServerProfile()
        Journal(publishing()).watch(profile)
        self.assertEqual(profile.headers, {})
