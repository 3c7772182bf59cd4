"""
Tests for L{smtpx.core.client}: the opening of a session, and its end.

TLS is in L{tests.core.test_clienttls}, forecasts are in
L{tests.core.test_clientforecast}, transactions in
L{tests.core.test_clienttransaction}.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.client import ClientConnection
from smtpx.core.dialogue import ClientDialogue, Question, Step, ask, send
from smtpx.core.effects import (
    Close,
    GaveUp,
    Pose,
    Ready,
    Trouble,
    Write,
)
from smtpx.core.errors import Malformed, UsageError
from smtpx.core.hooks import (
    Hello,
    Phase,
)
from smtpx.core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
)
from smtpx.core.profile import ClientProfile
from smtpx.core.reply import LOCAL_ERROR, Reply, reply
from smtpx.testing.client import TARGET, OctetsBody, ScriptedPeer, client, ehlo

from .made import MadeClient
from .peers import (
    BROKEN,
    GREETING,
    HELLO,
    envelope,
    stepping,
)

UNFIT = reply(451, "4.7.0", b"Peer did not do what was asked of it")


class OpeningTests(SynchronousTestCase):
    """Greeting, EHLO, HELO."""

    def test_providesItsInterface(self) -> None:
        """Hooks are given what L{IClientSession} promises."""
        self.assertTrue(verifyObject(IClientSession, client()))

    def test_waitsForTheGreeting(self) -> None:
        """Nothing is said before the server has greeted."""
        peer = ScriptedPeer(client())
        self.assertEqual(peer.start(), b"")
        self.assertEqual(peer.say(GREETING), HELLO)
        self.assertEqual(peer.events, [])

    def test_ehloThenReady(self) -> None:
        """After the EHLO response envelopes can be given."""
        peer = ScriptedPeer(client())
        self.assertEqual(peer.open(b"SIZE 1"), b"")
        self.assertEqual(peer.events, [Ready()])
        self.assertTrue(peer.connection.ready)
        self.assertEqual(
            peer.connection.peer, Hello(b"mx.example.org", ((b"SIZE", b"1"),))
        )

    def test_anyCutOfTheInputIsTheSame(self) -> None:
        """Replies may come octet by octet."""
        peer = ScriptedPeer(client())
        peer.start()
        self.assertEqual(peer.say(b"220-one\r\n220 two\r\n", cut=1), HELLO)
        peer.say(ehlo(b"SIZE", b"8BITMIME"), cut=1)
        self.assertEqual(peer.events, [Ready()])

    def test_greetingOtherThan220(self) -> None:
        """The first digit decides (RFC 5321 section 4.2)."""
        peer = ScriptedPeer(client())
        peer.start()
        self.assertEqual(peer.say(b"299 well\r\n"), HELLO)

    def test_refusingGreeting(self) -> None:
        """
        A server that refuses gets a QUIT, which is what it waits for (RFC 5321
        section 3.1), and the session is given up with what it said.
        """
        peer = ScriptedPeer(client())
        peer.start()
        self.assertEqual(peer.say(b"554 5.7.1 Not you\r\n"), b"QUIT\r\n")
        self.assertEqual(peer.events, [GaveUp(reply(554, "5.7.1", b"Not you"))])
        self.assertFalse(peer.connection.over)
        self.assertEqual(peer.say(b"221 Bye\r\n"), b"")
        self.assertEqual(peer.events[1:], [Close()])
        self.assertTrue(peer.connection.over)

    def test_greeting421(self) -> None:
        """A server that closes is not told QUIT."""
        peer = ScriptedPeer(client())
        peer.start()
        self.assertEqual(peer.say(b"421 4.3.2 Later\r\n"), b"")
        self.assertEqual(peer.events, [GaveUp(reply(421, "4.3.2", b"Later")), Close()])

    def test_intermediateGreeting(self) -> None:
        """A 3yz where nothing can go on is no SMTP."""
        peer = ScriptedPeer(client())
        peer.start()
        self.assertEqual(peer.say(b"354 go\r\n"), b"")
        self.assertEqual(peer.events, [GaveUp(BROKEN), Close()])

    def test_heloWhereEHLOIsUnknown(self) -> None:
        """500 and 502 to EHLO mean "say HELO" (RFC 5321 section 3.2)."""
        for answer in (b"500 what?\r\n", b"502 5.5.1 no\r\n"):
            peer = ScriptedPeer(client())
            peer.start()
            peer.say(GREETING)
            self.assertEqual(peer.say(answer), b"HELO client.example.org\r\n")
            peer.say(b"250-mx.example.org\r\n250 SIZE 1\r\n")
            self.assertEqual(peer.events, [Ready()])
            # What a HELO response says besides is only text.
            self.assertEqual(peer.connection.peer, Hello(b"mx.example.org"))

    def test_heloRefused(self) -> None:
        """Where HELO is refused too, that is the reason."""
        peer = ScriptedPeer(client())
        peer.start()
        peer.say(GREETING)
        peer.say(b"502 no\r\n")
        self.assertEqual(peer.say(b"550 never\r\n"), b"QUIT\r\n")
        self.assertEqual(peer.events, [GaveUp(Reply(550, None, (b"never",)))])

    def test_ehloRefused(self) -> None:
        """Any other refusal of EHLO is not a reason for HELO."""
        for answer in (b"504 no\r\n", b"550 no\r\n", b"451 no\r\n", b"501 no\r\n"):
            peer = ScriptedPeer(client())
            peer.start()
            peer.say(GREETING)
            self.assertEqual(peer.say(answer), b"QUIT\r\n")
            self.assertEqual(
                peer.events, [GaveUp(Reply(int(answer[:3]), None, (b"no",)))]
            )

    def test_nameThatNoEHLOCanSay(self) -> None:
        """A host name with a line end in it is refused at once."""
        for name in (b"", b"a\r\nRSET", b"a b", b"a\0"):
            profile = ClientProfile(name=name)
            self.assertRaises(UsageError, ClientConnection, profile, TARGET)


class StepTests(SynchronousTestCase):
    """What extensions do between EHLO and MAIL."""

    def test_stepsRunByPhase(self) -> None:
        """A step of a later phase waits, whoever registered it first."""
        seen: list[str] = []

        def note(what: str) -> Callable[[IClientSession], ClientDialogue]:
            def step(session: IClientSession) -> ClientDialogue:
                seen.append(what)
                yield from send(what.encode("ascii"))
                return Step.DONE

            return step

        def register(builder: IClientBuilder) -> None:
            builder.step(Phase.AUTHENTICATE, note("LAST"))
            builder.step(Phase.SECURE, note("FIRST"))
            builder.step(Phase.IDENTIFY, lambda session: None)

        peer = ScriptedPeer(client([MadeClient(register)]))
        self.assertEqual(peer.open(), b"FIRST\r\n")
        self.assertEqual(peer.say(b"250 ok\r\n"), b"LAST\r\n")
        self.assertEqual(peer.events, [])
        peer.say(b"250 ok\r\n")
        self.assertEqual(seen, ["FIRST", "LAST"])
        self.assertEqual(peer.events, [Ready()])

    def test_greetAgain(self) -> None:
        """A step may want a second EHLO, which counts from then on."""

        def step(session: IClientSession) -> ClientDialogue:
            yield from send(b"XCHANGE")
            return Step.GREET_AGAIN

        peer = ScriptedPeer(client(stepping(step)))
        peer.open(b"ONE")
        self.assertEqual(peer.say(b"220 again\r\n"), HELLO)
        peer.say(ehlo(b"TWO"))
        self.assertEqual(
            peer.connection.peer, Hello(b"mx.example.org", ((b"TWO", None),))
        )
        self.assertEqual(peer.events, [Ready()])

    def test_giveUpAfterARefusal(self) -> None:
        """The session is given up with the peer's own words."""

        def step(session: IClientSession) -> ClientDialogue:
            yield from send(b"PLEASE")
            return Step.GIVE_UP

        peer = ScriptedPeer(client(stepping(step)))
        peer.open()
        self.assertEqual(peer.say(b"535 5.7.8 No\r\n"), b"QUIT\r\n")
        self.assertEqual(
            peer.events, [GaveUp(reply(535, "5.7.8", b"No"), Phase.SECURE)]
        )

    def test_giveUpWithoutARefusal(self) -> None:
        """What was refused before the step is not its reason."""

        def step(session: IClientSession) -> ClientDialogue:
            yield from send(b"PLEASE")
            return Step.GIVE_UP

        peer = ScriptedPeer(client(stepping(step)))
        peer.start()
        peer.say(GREETING)
        peer.say(b"500 what?\r\n")
        peer.say(b"250 mx\r\n")
        peer.say(b"250 a wrong proof\r\n")
        self.assertEqual(peer.events, [GaveUp(UNFIT, Phase.SECURE)])

    def test_troubleInAStep(self) -> None:
        """An exception names its extension, and ends the session."""
        error = ZeroDivisionError()

        def atOnce(session: IClientSession) -> ClientDialogue | None:
            raise error

        def later(session: IClientSession) -> ClientDialogue:
            yield from send(b"PLEASE")
            raise error

        for step, answer in ((atOnce, b""), (later, b"250 ok\r\n")):
            peer = ScriptedPeer(client(stepping(step)))
            peer.open()
            peer.say(answer)
            self.assertEqual(peer.events, [Trouble("made", error), GaveUp(LOCAL_ERROR)])
            self.assertEqual(peer.written[-1], b"QUIT\r\n")

    def test_commandWithALineEnd(self) -> None:
        """A command that would be two is refused before it is sent."""
        caught: list[str] = []

        def step(session: IClientSession) -> ClientDialogue:
            try:
                yield from send(b"X a\r\nRSET")
            except UsageError as error:
                caught.append(str(error))
            yield from send(b"Y")
            yield from send(b"Z\0")
            raise AssertionError("not reached")

        peer = ScriptedPeer(client(stepping(step)))
        self.assertEqual(peer.open(), b"Y\r\n")
        self.assertEqual(caught, ["a command line cannot have this in it"])
        self.assertEqual(peer.say(b"250 ok\r\n"), b"QUIT\r\n")
        self.assertIsInstance(peer.troubles[0].error, UsageError)

    def test_questions(self) -> None:
        """A step may ask the world, at once or later."""

        @frozen
        class Secret(Question[bytes]):
            """The password?"""

        def step(session: IClientSession) -> ClientDialogue:
            password = yield from ask(Secret())
            yield from send(b"LOGIN " + password)
            session.authenticated = True
            return Step.DONE

        peer = ScriptedPeer(client(stepping(step)))
        self.assertEqual(peer.open(), b"")
        self.assertEqual(peer.events, [Pose(Secret())])
        self.assertEqual(peer.answer(b"later"), b"LOGIN later\r\n")
        peer = ScriptedPeer(
            client(stepping(step)), answers={Secret: lambda question: b"now"}
        )
        self.assertEqual(peer.open(), b"LOGIN now\r\n")
        peer.say(b"235 ok\r\n")
        self.assertTrue(peer.connection.authenticated)

    def test_answerWithoutAQuestion(self) -> None:
        """An answer that nobody waits for is the caller's mistake."""
        peer = ScriptedPeer(client())
        peer.open()
        self.assertRaises(UsageError, peer.answer, 1)


class EndTests(SynchronousTestCase):
    """How a session ends."""

    def test_quit(self) -> None:
        """QUIT, its reply, and then the connection is closed."""
        peer = ScriptedPeer(client())
        peer.open()
        self.assertEqual(peer.quit(), b"QUIT\r\n")
        self.assertEqual(peer.events, [Ready()])
        peer.say(b"221 Bye\r\n")
        self.assertEqual(peer.events, [Ready(), Close()])
        self.assertEqual(peer.quit(), b"")
        self.assertEqual(peer.say(b"250 what?\r\n"), b"")
        self.assertEqual(peer.lost(), b"")
        self.assertEqual(len(peer.events), 2)

    def test_quitAnsweredOddly(self) -> None:
        """Whatever is said to QUIT, the connection is closed."""
        for answer in (b"500 what?\r\n", b"421 bye\r\n", b"354 go\r\n", b"rubbish\r\n"):
            peer = ScriptedPeer(client())
            peer.open()
            peer.quit()
            peer.say(answer)
            self.assertEqual(peer.events, [Ready(), Close()])

    def test_lostInsteadOf221(self) -> None:
        """A server that just closes after QUIT is nothing to speak of."""
        peer = ScriptedPeer(client())
        peer.open()
        peer.quit()
        peer.lost()
        self.assertEqual(peer.events, [Ready()])
        self.assertTrue(peer.connection.over)

    def test_lostBeforeTheBeginning(self) -> None:
        """A connection that was never made is lost all the same."""
        peer = ScriptedPeer(client())
        peer.lost()
        self.assertEqual(peer.events, [GaveUp(None)])
        self.assertTrue(peer.connection.over)

    def test_lostWhileIdle(self) -> None:
        """A session that is gone says so, once."""
        peer = ScriptedPeer(client())
        peer.open()
        peer.lost()
        peer.lost()
        self.assertEqual(peer.events, [Ready(), GaveUp(None)])

    def test_closingWhileIdle(self) -> None:
        """A 421 may come at any time (RFC 5321 section 3.8)."""
        peer = ScriptedPeer(client())
        peer.open()
        peer.say(b"421 4.4.2 Idle for too long\r\n")
        self.assertEqual(
            peer.events[1:],
            [GaveUp(reply(421, "4.4.2", b"Idle for too long")), Close()],
        )

    def test_replyToNothing(self) -> None:
        """
        A reply too many would be taken for the answer to the next command, so
        the session ends.
        """
        peer = ScriptedPeer(client())
        peer.open()
        peer.say(b"250 and another thing\r\n")
        self.assertEqual(peer.events[1:], [GaveUp(BROKEN), Close()])

    def test_replyBeforeItsCommand(self) -> None:
        """What was said before the command was sent is no answer to it."""
        peer = ScriptedPeer(client())
        peer.start()
        self.assertEqual(peer.say(GREETING + b"250 mx\r\n"), HELLO)
        self.assertEqual(peer.events, [GaveUp(BROKEN), Close()])

    def test_rubbish(self) -> None:
        """What is no reply ends the session."""
        for rubbish in (
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\r\n",
            b"250-a\r\n251 b\r\n",
            b"150 preliminary\r\n",
            b"250=x\r\n",
            b"\x16\x03\x01\r\n",
        ):
            peer = ScriptedPeer(client())
            peer.start()
            self.assertEqual(peer.say(rubbish), b"")
            self.assertEqual(peer.events, [GaveUp(BROKEN), Close()])

    def test_lineTooLong(self) -> None:
        """A line without an end is not collected for ever."""
        for octets in (b"2" * 5000, b"220 " + b"x" * 4091 + b"\r\n"):
            peer = ScriptedPeer(client())
            peer.start()
            peer.say(octets, cut=100)
            self.assertEqual(peer.events, [GaveUp(BROKEN), Close()])

    def test_longestBeginningOfALine(self) -> None:
        """4095 octets can still become a line of 4096, one more cannot."""
        peer = ScriptedPeer(client())
        peer.start()
        peer.say(b"220 " + b"x" * 4091)
        self.assertEqual(peer.events, [])
        peer.say(b"x")
        self.assertEqual(peer.events, [GaveUp(BROKEN), Close()])

    def test_longestLine(self) -> None:
        """A line of 4096 octets is taken, CRLF and all."""
        peer = ScriptedPeer(client())
        peer.start()
        self.assertEqual(peer.say(b"220 " + b"x" * 4090 + b"\r\n", cut=1), HELLO)

    def test_bareCode(self) -> None:
        """A code alone is a reply (RFC 5321 section 4.2)."""
        peer = ScriptedPeer(client())
        peer.start()
        self.assertEqual(peer.say(b"220\r\n"), HELLO)

    def test_usage(self) -> None:
        """What the caller does in the wrong order is told at once."""
        connection = client()
        body = OctetsBody(b"")
        self.assertRaises(UsageError, connection.feed, b"220 mx\r\n")
        self.assertRaises(UsageError, connection.quit)
        connection.start()
        self.assertRaises(UsageError, connection.start)
        self.assertRaises(UsageError, connection.deliver, envelope(), body)
        self.assertEqual(connection.resume(), [])
        connection.feed(GREETING)
        self.assertEqual(connection.feed(ehlo()), [Ready()])
        self.assertEqual(
            connection.deliver(envelope(), body),
            [Write(b"MAIL FROM:<a@client.example>\r\n")],
        )
        self.assertRaises(UsageError, connection.deliver, envelope(), body)
        self.assertRaises(UsageError, connection.quit)

    def test_dialogueThatWillNotEnd(self) -> None:
        """A step that makes trouble while it is stopped is named, too."""

        def step(session: IClientSession) -> ClientDialogue:
            try:
                yield from send(b"X")
            finally:
                raise Malformed("on the way out")

        peer = ScriptedPeer(client(stepping(step)))
        peer.open()
        peer.lost()
        self.assertEqual(peer.troubles[0].owner, "made")
        self.assertIsInstance(peer.troubles[0].error, Malformed)
        self.assertEqual(peer.gaveUp, [GaveUp(None)])


class LearnTests(SynchronousTestCase):
    """Who learns what the peer said."""

    def heard(self) -> tuple[list[Hello | None], list[IClientExtension]]:
        """A list that fills, and the extension that fills it."""
        seen: list[Hello | None] = []

        def register(builder: IClientBuilder) -> None:
            builder.learn(lambda session, hello: seen.append(hello))

        return seen, [MadeClient(register)]

    def test_eachRealResponse(self) -> None:
        """The response is told, and nothing more when the session ends."""
        seen, extensions = self.heard()
        peer = ScriptedPeer(client(extensions))
        peer.open(b"X")
        peer.lost()
        self.assertEqual(seen, [Hello(b"mx.example.org", ((b"X", None),))])

    def test_neverHeard(self) -> None:
        """A session that ends before is told as L{None}."""
        seen, extensions = self.heard()
        peer = ScriptedPeer(client(extensions))
        peer.start()
        peer.say(b"554 no\r\n")
        self.assertEqual(seen, [None])

    def test_trouble(self) -> None:
        """A learner's trouble is its own; the session goes on."""
        error = OSError("disk")

        def learn(session: IClientSession, hello: Hello | None) -> None:
            raise error

        peer = ScriptedPeer(client([MadeClient(lambda builder: builder.learn(learn))]))
        peer.open()
        self.assertEqual(peer.events, [Trouble("made", error), Ready()])
