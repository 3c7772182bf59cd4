"""
Connections to servers that are recorded: what is in a trace, and what is not.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable

from hypothesis import given, settings, strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.addresstable import AddressTable
from smtpx.core.bounds import BareLines
from smtpx.core.client import ClientConnection
from smtpx.core.dialogue import ClientDialogue, Step, send
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import (
    Forecast,
    Hello,
    Phase,
    RoutePolicy,
    Target,
    TLSInfo,
    TLSLevel,
)
from smtpx.core.interfaces import IClientBuilder, IClientSession, IExtension
from smtpx.core.profile import ClientProfile
from smtpx.extensions.auth import Auth, AuthSettings
from smtpx.extensions.chunking import Chunking, ChunkingSettings
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.starttls import StartTLS
from smtpx.net.clientkit import ClientKit
from smtpx.observe.ladder import ladder
from smtpx.observe.recording import Recording
from smtpx.observe.trace import (
    Direction,
    Flight,
    HandshakeStep,
    Remark,
    TraceStore,
)
from smtpx.observe.tracedclient import RECIPIENTS_MOST, TracedClient
from smtpx.observe.tracer import TraceChoice, Tracer
from smtpx.sasl import Credentials
from smtpx.testing.client import OctetsBody, ScriptedPeer, ehlo

from ..core.made import MadeClient
from ..extensions.logins import clientAnswers
from ..net.clients import NOBODY, WAY, rig

TARGET = Target(b"mx.example.org", b"192.0.2.25", 25)
CLEAR = RoutePolicy(tls=TLSLevel.UNWANTED)
GREETING = b"220 mx.example.org ESMTP\r\n"
OK = b"250 2.0.0 OK\r\n"
#: Long enough not to be there by chance.
SECRET = b"Tr0ub4dor/3+horse"


def profileOf(loaded: Iterable[IExtension]) -> ClientProfile:
    """What a client has."""
    profile = ClientProfile(name=b"client.example.org", clock=lambda: 1000.0)
    return profile.load(loaded)


class Traced:
    """
    A client that is recorded, and a peer.

    @ivar clock: of the recording.
    """

    def __init__(
        self,
        *loaded: IExtension,
        policy: RoutePolicy = CLEAR,
        octetsMax: int = 262_144,
        forecast: Forecast | None = None,
        credentials: Credentials | None = None,
        tls: TLSInfo | None = None,
    ) -> None:
        self.clock = Clock()
        recording = Recording(self.clock.seconds, octetsMax, Direction.SERVER)
        self.core = TracedClient(
            profileOf(loaded or [Pipelining()]),
            TARGET,
            policy,
            forecast,
            BareLines.NORMALISE,
            frozenset(),
            "d82b59dd-1",
            recording,
        )
        self.peer = ScriptedPeer(self.core, clientAnswers(credentials), tls)

    def say(self, *flights: bytes) -> Traced:
        """The peer says something, each time after a while."""
        for flight in flights:
            self.clock.advance(0.125)
            self.peer.say(flight)
        return self

    def deliver(self, body: bytes = b"x\r\n", *paths: bytes) -> Traced:
        """The client is given an envelope."""
        recipients = [Recipient(each) for each in paths or (b"b@example.org",)]
        envelope = Envelope(b"a@client.example", 0.0, recipients, len(body))
        self.peer.deliver(envelope, body)
        return self

    @property
    def steps(self) -> tuple[object, ...]:
        """All of the recording."""
        return self.core.recording.steps(self.core.securing)

    @property
    def ladder(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each flight so far: an arrow, and its lines."""
        return [
            ("<" if step.direction is Direction.SERVER else ">", step.lines)
            for step in self.steps
            if isinstance(step, Flight)
        ]

    @property
    def said(self) -> list[str]:
        """All lines of ours."""
        return [line for arrow, lines in self.ladder for line in lines if arrow == ">"]

    def text(self) -> str:
        """The trace of this session, in all its forms."""
        self.core.lost()
        store = TraceStore()
        choice = TraceChoice(hosts=lambda address, names: True)
        tracer = Tracer(choice, store, self.clock.seconds)
        tracer.clientEnded(self.core, (b"192.0.2.7", 4567), "Connection was closed.")
        (trace,) = store.recent()
        return ladder(trace) + json.dumps(trace.asJSON())


class LadderTests(SynchronousTestCase):
    """Who said what, in which flight."""

    def test_aMessage(self) -> None:
        """The whole of it, with times; the message is a count."""
        traced = Traced()
        traced.peer.start()
        traced.say(GREETING, ehlo(b"PIPELINING"))
        traced.deliver()
        traced.say(OK + b"250 2.1.5 OK\r\n354 Go\r\n", OK)
        traced.clock.advance(1)
        traced.peer.quit()
        traced.say(b"221 Bye\r\n")
        self.assertEqual(
            traced.ladder,
            [
                ("<", ("220 mx.example.org ESMTP",)),
                (">", ("EHLO client.example.org",)),
                ("<", ("250-mx.example.org", "250 PIPELINING")),
                (
                    ">",
                    ("MAIL FROM:<a@client.example>", "RCPT TO:<b@example.org>", "DATA"),
                ),
                ("<", ("250 2.0.0 OK", "250 2.1.5 OK", "354 Go")),
                (">", ("(6 octets of a message)",)),
                ("<", ("250 2.0.0 OK",)),
                (">", ("QUIT",)),
                ("<", ("221 Bye",)),
            ],
        )
        flights = [step for step in traced.steps if isinstance(step, Flight)]
        self.assertEqual(
            [step.seconds for step in flights],
            [0.125, 0.125, 0.25, 0.25, 0.375, 0.375, 0.5, 1.5, 1.625],
        )
        ours = [step.octets for step in flights if step.direction is Direction.CLIENT]
        self.assertEqual(ours, [len(each) for each in traced.peer.written])

    def test_aLongMessage(self) -> None:
        """However many writes it takes, it is one flight, with one count."""
        traced = Traced()
        traced.peer.open(b"PIPELINING")
        traced.deliver(b"x" * 500_000 + b"\r\n")
        before = len(traced.steps)
        traced.say(OK + OK + b"354 Go\r\n")
        self.assertGreater(len(traced.peer.written), 5)
        self.assertEqual(
            traced.ladder[before:],
            [
                ("<", ("250 2.0.0 OK", "250 2.0.0 OK", "354 Go")),
                (">", ("(500005 octets of a message)",)),
            ],
        )

    def test_chunks(self) -> None:
        """They are counted with their commands; a RSET is none of them."""
        options = ChunkingSettings(chunkOctets=65_536, chunksInFlight=1)
        traced = Traced(Pipelining(), Chunking(options))
        traced.peer.open(b"PIPELINING", b"CHUNKING")
        traced.deliver(b"x" * 100_000)
        traced.say(OK + OK, b"552 5.3.4 Too big\r\n")
        self.assertEqual(
            traced.ladder[-3:],
            [
                (
                    ">",
                    (
                        "MAIL FROM:<a@client.example>",
                        "RCPT TO:<b@example.org>",
                        "(65548 octets of a message)",
                    ),
                ),
                ("<", ("250 2.0.0 OK", "250 2.0.0 OK", "552 5.3.4 Too big")),
                (">", ("RSET",)),
            ],
        )
        small = Traced(Pipelining(), Chunking())
        small.peer.open(b"PIPELINING", b"CHUNKING")
        small.deliver()
        self.assertEqual(
            small.said[-3:],
            [
                "MAIL FROM:<a@client.example>",
                "RCPT TO:<b@example.org>",
                "(16 octets of a message)",
            ],
        )

    def test_talkingEarly(self) -> None:
        """What was said before the greeting stands before it."""
        known = Forecast(Hello(b"mx.example.org", ((b"PIPELINING", None),)))
        traced = Traced(forecast=known)
        traced.peer.start()
        traced.say(GREETING + ehlo(b"PIPELINING"))
        self.assertEqual([arrow for arrow, _ in traced.ladder], [">", "<"])

    def test_repliesInPieces(self) -> None:
        """A reply stands in the flight that its last octet came with."""
        traced = Traced()
        traced.peer.start()
        traced.say(b"220-mx", b".example.org\r\n220 ES", b"MTP\r\n")
        (first, *_) = traced.steps
        assert isinstance(first, Flight)
        self.assertEqual(first.lines, ("220-mx.example.org", "220 ESMTP"))
        self.assertEqual((first.seconds, first.untilSeconds), (0.125, 0.375))
        self.assertEqual(first.octets, 31)


class TLSTests(SynchronousTestCase):
    """Handshakes."""

    def test_startTLS(self) -> None:
        """It stands where it was, and what follows is inside of it."""
        info = TLSInfo("TLSv1.3", "AES", 256, verified=True, subject="CN=mx")
        traced = Traced(Pipelining(), StartTLS(), policy=RoutePolicy(), tls=info)
        traced.peer.start()
        traced.say(GREETING, ehlo(b"STARTTLS"), b"220 2.0.0 Go\r\n", ehlo())
        self.assertEqual(traced.said[1:], ["STARTTLS", "EHLO client.example.org"])
        (step,) = [each for each in traced.steps if isinstance(each, HandshakeStep)]
        self.assertEqual((step.version, step.subject), ("TLSv1.3", "CN=mx"))
        secured = [s.secured for s in traced.steps if isinstance(s, Flight)]
        self.assertEqual(secured, [False] * 5 + [True] * 2)

    def test_notComplete(self) -> None:
        """It began."""
        traced = Traced(Pipelining(), StartTLS(), policy=RoutePolicy())
        traced.peer.start()
        traced.say(GREETING, ehlo(b"STARTTLS"), b"220 2.0.0 Go\r\n")
        self.assertIsInstance(traced.steps[-1], HandshakeStep)
        self.assertIn("end     handshake (Connection was closed.)", traced.text())

    def test_fromTheBeginning(self) -> None:
        """One that was there before anything was said."""
        traced = Traced()
        traced.core.secured = TLSInfo("TLSv1.3", "AES", 256, onConnect=True)
        traced.peer.start()
        self.assertIsInstance(traced.steps[0], HandshakeStep)


class PoolTests(SynchronousTestCase):
    """A program's pool of connections."""

    def test_itsConnectionsAreRecorded(self) -> None:
        """Each from its beginning to its end, with all messages that it had."""
        store = TraceStore()
        table = AddressTable([("b@mx.example", "b")])
        rigged = rig()
        tracer = Tracer(TraceChoice(recipients=table), store, rigged.network.seconds)
        rigged.pool.kit.tracer = tracer
        rigged.send()
        rigged.send()
        self.assertEqual((tracer.recording, store.kept), (1, 0))
        rigged.network.run(10)
        self.assertEqual((tracer.recording, store.kept), (0, 1))
        (trace,) = store.recent()
        self.assertEqual(trace.why, "recipient b@mx.example")
        self.assertEqual((trace.end, trace.name), ("quit", "mx.example.org"))
        self.assertNotEqual(trace.localPort, 0)
        lines = [each for s in trace.steps for each in getattr(s, "lines", ())]
        self.assertEqual(lines.count("MAIL FROM:<a@client.example>"), 2)

    def test_theKit(self) -> None:
        """It asks who traces for each connection, and for none before."""
        tracer = Tracer(TraceChoice(hosts=lambda a, n: True), TraceStore(), float)
        kit = ClientKit(Clock(), tls=NOBODY, tracer=tracer)
        self.assertEqual(tracer.recording, 0)
        core = kit.connection(TARGET, WAY, None)
        self.assertIsInstance(core, TracedClient)
        self.assertEqual(core.profile, kit.profile(b"localhost"))


class SecretTests(SynchronousTestCase):
    """What is secret is in no trace."""

    def assertSilent(self, traced: Traced) -> None:
        """The secret is nowhere, at none of the three places of base64."""
        written = b"".join(traced.peer.written)
        text = traced.text()
        spelled = [SECRET]
        for shift in range(3):
            whole = b64encode(b"\0" * shift + SECRET)
            spelled.append(whole[4 if shift else 0 : -4])
        self.assertTrue(any(each in written for each in spelled), written)
        for each in spelled:
            self.assertNotIn(each.decode("ascii"), text)

    def opened(self, mechanism: str, offered: bytes, **more: bytes) -> Traced:
        """A client that logs in, and has been greeted."""
        auth = Auth(AuthSettings(mechanisms=(mechanism,)), logsIn=True)
        credentials = Credentials(b"ann", **more)
        traced = Traced(Pipelining(), auth, credentials=credentials)
        traced.core.secured = TLSInfo("TLSv1.3", "AES", 256, verified=True)
        traced.peer.open(offered)
        return traced

    def test_plain(self) -> None:
        """The mechanism is shown, as the server has offered it."""
        traced = self.opened("PLAIN", b"AUTH PLAIN LOGIN", password=SECRET)
        traced.say(b"535 5.7.8 No\r\n")
        self.assertIn("AUTH PLAIN *", traced.said)
        self.assertIn(("<", ("535 5.7.8 No",)), traced.ladder)
        self.assertSilent(traced)

    def test_login(self) -> None:
        """Neither prompts nor what is said to them."""
        traced = self.opened("LOGIN", b"AUTH LOGIN", password=SECRET)
        traced.say(b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n")
        traced.say(b"235 2.7.0 OK\r\n")
        self.assertEqual(traced.said[1:], ["AUTH LOGIN", "*", "*"])
        self.assertEqual([s for _, (s, *_) in traced.ladder].count("334 *"), 2)
        self.assertSilent(traced)

    def test_tokens(self) -> None:
        """They are passwords too."""
        traced = self.opened("OAUTHBEARER", b"AUTH OAUTHBEARER", token=SECRET)
        self.assertIn("AUTH OAUTHBEARER *", traced.said)
        self.assertSilent(traced)

    def test_wordsThatLookLikeCommands(self) -> None:
        """What is said to a prompt is hidden, whatever it looks like."""

        def register(builder: IClientBuilder) -> None:
            def step(session: IClientSession) -> ClientDialogue:
                for line in (b"XWORD", b"QUIT", b"MAIL FROM:<" + SECRET, b"QUIT"):
                    yield from send(line)
                return Step.DONE

            builder.step(Phase.IDENTIFY, step)

        traced = Traced(Pipelining(), MadeClient(register))
        traced.peer.open(b"XWORD")
        traced.say(b"334 x\r\n", b"334 y\r\n", OK, OK)
        self.assertEqual(traced.said[1:], ["XWORD", "*", "*", "QUIT"])
        self.assertSilent(traced)

    def test_whatNobodyKnows(self) -> None:
        """An extension may say anything; what the server did not offer is hidden."""

        def register(builder: IClientBuilder) -> None:
            def step(session: IClientSession) -> ClientDialogue:
                for line in (SECRET, b"XWORD " + SECRET, b"XWORD", b"XWORD a b"):
                    yield from send(line)
                return Step.DONE

            builder.step(Phase.IDENTIFY, step)

        traced = Traced(Pipelining(), MadeClient(register))
        traced.peer.open(b"XWORD A B")
        traced.say(OK, OK, OK, OK)
        self.assertEqual(traced.said[1:], ["*", "XWORD *", "XWORD", "XWORD A *"])
        self.assertSilent(traced)


class BoundTests(SynchronousTestCase):
    """However long it is, and whatever goes wrong."""

    def test_recipients(self) -> None:
        """No more are kept than are useful."""
        traced = Traced()
        traced.peer.open(b"PIPELINING")
        paths = [b"%d@example.org" % n for n in range(RECIPIENTS_MOST + 5)]
        traced.deliver(b"x", *paths)
        self.assertEqual([*traced.core.recipients], paths[:RECIPIENTS_MOST])

    def test_withoutAnyRoom(self) -> None:
        """Nothing is kept, and nothing breaks."""
        traced = Traced(octetsMax=0)
        traced.peer.open(b"PIPELINING")
        traced.deliver(b"x" * 200_000)
        traced.say(OK + OK + b"354 Go\r\n", OK)
        self.assertEqual(traced.steps, ())
        self.assertEqual(traced.peer.codes, [250])
        self.assertGreater(traced.core.recording.omitted, 5)

    def test_anExceptionIsARemark(self) -> None:
        """Its kind and its owner, not what it says."""

        def register(builder: IClientBuilder) -> None:
            nothing: dict[bytes, None] = {}
            builder.learn(lambda session, hello: nothing[SECRET])

        traced = Traced(Pipelining(), MadeClient(register, name="LEARNER"))
        traced.peer.open(b"PIPELINING")
        remarks = [each.text for each in traced.steps if isinstance(each, Remark)]
        self.assertEqual(remarks, ["KeyError in LEARNER"])

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                [GREETING, ehlo(b"PIPELINING", b"CHUNKING"), OK, b"354 Go\r\n"]
                + [b"421 Bye\r\n", b"550 No\r\n", b"334 x\r\n"]
            )
            | st.binary(max_size=8),
            max_size=12,
        ),
        st.integers(1, 40),
        st.integers(0, 20_000),
    )
    def test_theServerSeesNoDifference(
        self, lines: list[bytes], cut: int, octetsMax: int
    ) -> None:
        """Octet for octet, we say the same as without, whatever the server says."""
        traced = Traced(Pipelining(), Chunking(), octetsMax=octetsMax)
        plain = ClientConnection(traced.core.profile, TARGET, CLEAR)
        other = ScriptedPeer(plain)
        message = Envelope(b"a@b.example", 0.0, [Recipient(b"c@d.example")], 3)
        self.assertEqual(traced.peer.start(), other.start())
        for line in lines:
            self.assertEqual(traced.peer.say(line, cut), other.say(line, cut))
            self.assertEqual(traced.core.ready, plain.ready)
            if plain.ready:
                body = OctetsBody(b"x\r\n")
                self.assertEqual(
                    traced.peer.deliver(message, body), other.deliver(message, body)
                )
        traced.peer.lost()
        other.lost()
        self.assertEqual(len(traced.peer.events), len(other.events))
        if not traced.core.recording.full:
            flights = [each for each in traced.steps if isinstance(each, Flight)]
            ours = sum(s.octets for s in flights if s.direction is Direction.CLIENT)
            self.assertEqual(ours, len(b"".join(other.written)))
