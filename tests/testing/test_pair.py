"""
Tests for L{smtpx.testing.pair}: both cores against each other.
"""

from __future__ import annotations

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.bounds import Bounds
from smtpx.core.dialogue import (
    ClientDialogue,
    Question,
    ServerDialogue,
    Step,
    ask,
    secure,
    send,
)
from smtpx.core.effects import PENDING, Close, Ready, TakeMessage
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.grammar import FLAG
from smtpx.core.hooks import (
    Capability,
    Forecast,
    Hello,
    Phase,
    RoutePolicy,
    Scope,
    SyncPoint,
    TLSInfo,
    TLSLevel,
    TLSOptions,
    Verb,
)
from smtpx.core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from smtpx.core.reply import Reply, reply
from smtpx.testing.client import OctetsBody
from smtpx.testing.pair import Flight, Side, pair

CAPABILITY = Capability[bool](b"FAST", FLAG)


@implementer(IServerExtension, IClientExtension)
class Fast:
    """Groups, early talk and TLS, all at once."""

    name = "FAST"
    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: object) -> Fast:
        """It has no options."""
        return self

    def extendServer(self, server: IServerBuilder) -> None:
        """Everything may come early."""
        server.capability(CAPABILITY, lambda session: True)
        server.relax(
            lambda session: SyncPoint.GREETING | SyncPoint.EHLO | SyncPoint.TRANSACTION
        )
        server.verb(Verb(b"UPGRADE", self._upgrade, alone=True))

    def _upgrade(self, session: IServerSession, rest: bytes) -> ServerDialogue:
        yield from secure(before=reply(220, None, b"Go"))
        session.forget()
        return None

    def extendClient(self, client: IClientBuilder) -> None:
        """Everything that is offered is used."""
        client.capability(CAPABILITY)
        client.relax(
            lambda session: (
                SyncPoint.TRANSACTION if session.offered(CAPABILITY) else SyncPoint.NONE
            )
        )
        client.step(Phase.SECURE, self._step)

    def _step(self, session: IClientSession) -> ClientDialogue | None:
        wanted = session.policy.tls >= TLSLevel.ENCRYPTED
        return self._secure() if wanted and session.secured is None else None

    def _secure(self) -> ClientDialogue:
        yield from send(b"UPGRADE")
        yield from secure()
        return Step.GREET_AGAIN


@frozen
class Name(Question[bytes]):
    """Who?"""


@implementer(IClientExtension)
class Asking:
    """Asks who we are, and says it in a command that there is not."""

    name = "ASKING"
    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: object) -> Asking:
        """It has no options."""
        return self

    def extendClient(self, client: IClientBuilder) -> None:
        """One step."""
        client.step(Phase.IDENTIFY, self._step)

    def _step(self, session: IClientSession) -> ClientDialogue:
        who = yield from ask(Name())
        yield from send(b"IAM " + who)
        if who == b"nobody":
            raise ValueError(who)
        return Step.DONE


def message(*paths: bytes) -> Envelope:
    """An envelope, for one if not said otherwise."""
    return Envelope(b"a@x", 0.0, [Recipient(path) for path in paths or (b"b@y",)])


class PairTests(SynchronousTestCase):
    """A server and a client, joined."""

    def test_flights(self) -> None:
        """What each says before it hears the other is one flight."""
        joined = pair()
        joined.open()
        self.assertEqual(
            joined.flights,
            [
                Flight(Side.SERVER, b"220 mx.example.org ESMTP\r\n"),
                Flight(Side.CLIENT, b"EHLO client.example.org\r\n"),
                Flight(Side.SERVER, b"250 mx.example.org\r\n"),
            ],
        )
        self.assertEqual(joined.roundTrips, 1)
        self.assertEqual(joined.said, b"EHLO client.example.org\r\n")
        self.assertEqual(joined.events, [Ready()])

    def test_delivery(self) -> None:
        """What the client sends the server has."""
        joined = pair().open()
        joined.deliver(message(b"b@y", b"c@y"), b".\r\nx")
        self.assertEqual(joined.codes, [250, 250])
        self.assertEqual(joined.bodies, [b".\r\nx\r\n"])
        self.assertEqual(
            [recipient.path for recipient in joined.taken[0].recipients],
            [b"b@y", b"c@y"],
        )
        joined.quit()
        self.assertTrue(joined.heard.endswith(b"221 2.0.0 Bye\r\n"))
        self.assertEqual(joined.events[-1], Close())
        self.assertEqual((joined.gaveUp, joined.troubles), ([], []))

    def test_groupsTakeFewerFlights(self) -> None:
        """A round trip each for EHLO, the group and the body."""
        joined = pair([Fast()], [Fast()]).open()
        joined.deliver(message(b"b@y", b"c@y", b"d@y"))
        self.assertEqual(joined.roundTrips, 3)

    def test_earlyTalk(self) -> None:
        """What is known saves a flight more."""
        known = Forecast(Hello(b"mx.example.org", ((b"FAST", None),)))
        policy = RoutePolicy(tls=TLSLevel.UNWANTED)
        joined = pair([Fast()], [Fast()], forecast=known, policy=policy)
        joined.start()
        joined.deliver(message())
        self.assertEqual(joined.flights, [])
        joined.greet()
        self.assertEqual(joined.codes, [250])
        self.assertEqual(joined.roundTrips, 2)
        self.assertIs(joined.flights[0].side, Side.CLIENT)

    def test_earlyTalkUnwelcome(self) -> None:
        """A server that wants none refuses; the envelope is for another try."""
        known = Forecast(Hello(b"mx.example.org", ((b"FAST", None),)))
        policy = RoutePolicy(tls=TLSLevel.UNWANTED)
        joined = pair([], [Fast()], forecast=known, policy=policy)
        joined.start()
        joined.deliver(message())
        joined.greet()
        self.assertIs(joined.settled[-1].scope, Scope.SESSION)
        self.assertTrue(joined.client.forecastWrong)

    def test_handshake(self) -> None:
        """Both sides are told how it came out."""
        seen: list[tuple[TLSOptions, TLSOptions]] = []

        def shake(server: TLSOptions, client: TLSOptions) -> TLSInfo:
            seen.append((server, client))
            return TLSInfo(cipher="X", verified=True)

        policy = RoutePolicy(tls=TLSLevel.VERIFIED)
        for tls in (shake, TLSInfo(verified=True)):
            joined = pair([Fast()], [Fast()], policy=policy, tls=tls, tlsReady=True)
            joined.open()
            self.assertEqual(joined.server.secured, joined.client.secured)
            self.assertTrue(joined.flights[-1].secured)
            self.assertEqual(joined.events[-1], Ready())
        self.assertEqual(
            seen, [(TLSOptions(), TLSOptions(b"mx.example.org", verified=True))]
        )

    def test_implicitTLS(self) -> None:
        """Both sides can be secured from the first octet."""
        joined = pair(secured=TLSInfo()).open()
        self.assertTrue(all(flight.secured for flight in joined.flights))
        self.assertEqual(joined.server.secured, TLSInfo())

    def test_questions(self) -> None:
        """The test answers for both sides."""
        no = reply(450, "4.2.1", b"Not now")
        joined = pair(
            (),
            [Asking()],
            clientAnswers={Name: lambda question: b"me"},
            serverAnswers={TakeMessage: lambda question: no},
        ).open()
        self.assertIn(b"IAM me\r\n", joined.said)
        joined.deliver(message())
        self.assertEqual(joined.settled[-1].outcomes[0][1], no)

    def test_answerLater(self) -> None:
        """A question that the server's port leaves open waits."""
        joined = pair(serverAnswers={TakeMessage: lambda question: PENDING}).open()
        joined.deliver(message())
        self.assertEqual(joined.settled, [])
        joined.answer(Reply(250, (2, 0, 0), (b"Late",)))
        self.assertEqual(joined.codes, [250])

    def test_trouble(self) -> None:
        """Exceptions out of either side's extensions are there to see."""

        def fail(question: TakeMessage) -> object:
            raise KeyError("disk")

        joined = pair(
            (),
            [Asking()],
            clientAnswers={Name: lambda question: b"nobody"},
            serverAnswers={TakeMessage: fail},
        ).open()
        self.assertEqual([owner for owner, _ in joined.troubles], ["ASKING"])
        self.assertEqual(len(joined.gaveUp), 1)
        joined = pair(serverAnswers={TakeMessage: fail}).open()
        joined.deliver(message())
        self.assertEqual([owner for owner, _ in joined.troubles], ["core"])
        self.assertEqual(joined.codes, [451])

    def test_serverCloses(self) -> None:
        """The client loses the connection when the server ends it."""
        joined = pair(bounds=Bounds(errorsMax=0), name=b"client.example").open()
        joined.deliver(message(b"not@an@address"))
        self.assertEqual(len(joined.gaveUp), 1)
        self.assertTrue(joined.client.over)
        self.assertTrue(joined.server.closed)

    def test_serverShutsDown(self) -> None:
        """A server that is stopped says so, and the client understands."""
        joined = pair().open()
        joined.server.lost()
        joined.run()
        self.assertEqual(len(joined.gaveUp), 1)
        self.assertIsNone(joined.gaveUp[0].reply)

    def test_backPressure(self) -> None:
        """A long body goes piece by piece."""
        joined = pair().open()
        joined.deliver(message(), OctetsBody(b"x" * 100 + b"\r\n", 1))
        self.assertEqual(joined.bodies, [b"x" * 100 + b"\r\n"])
