"""
Tests for TLS and logins of L{smtpx.net.client}, with real handshakes in memory.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.dialogue import ClientDialogue, Question, Step, ask
from smtpx.core.hooks import Phase, RoutePolicy, TLSInfo, TLSLevel, TLSOptions
from smtpx.core.interfaces import IClientBuilder, IClientSession
from smtpx.core.reply import OK, Reply
from smtpx.extensions.auth import Auth
from smtpx.extensions.authsettings import AuthSettings
from smtpx.extensions.standard import standard
from smtpx.net.clientkit import ClientKit
from smtpx.net.factory import SMTPServerFactory
from smtpx.net.sending import Way
from smtpx.net.times import ClientTimes
from smtpx.sasl import (
    CheckPassword,
    Credentials,
    FetchVerifier,
    IUsers,
    Judgement,
    SaltPassword,
    SCRAMVerifier,
    enrol,
    saltPassword,
)
from smtpx.spool.via import Cause
from smtpx.testing import GREETING, answered, brokenTLS, closed, silent
from smtpx.testing.scripted import KEYWORDS, ScriptedServer
from smtpx.tls.client import ClientTLS
from smtpx.tls.contexts import ServerTLS
from tests.core.made import MadeClient
from tests.tls.joined import AUTHORITY, issue, store

from .clients import ADDRESS, HOST, MESSAGE, Rig, codes, rig
from .network import watched

TRUSTING = ClientTLS((AUTHORITY.certificate,))
VERIFIED = RoutePolicy(TLSLevel.VERIFIED)
ENCRYPTED = RoutePolicy(TLSLevel.ENCRYPTED)


def serverTLS(case: SynchronousTestCase, *names: str) -> ServerTLS:
    """Certificates for a server of these names."""
    files = store(Path(case.mktemp()), *issue(*names))
    return ServerTLS((files,), clock=Clock())


class STARTTLSTests(SynchronousTestCase):
    """
    TLS on a connection that began in the clear (RFC 3207).
    """

    def rigged(self, *faults: Any, name: str = "mx.example.org", **more: Any) -> Rig:
        """A host with a certificate."""
        tls = serverTLS(self, name)
        return rig(*faults, serverTLS=tls, tls=TRUSTING, **more)

    def test_opportunistic(self) -> None:
        """TLS is begun where it is offered, whatever the certificate (RFC 7435)."""
        for name in ("mx.example.org", "other.example"):
            rigged = self.rigged(name=name)
            got = rigged.send()
            self.assertEqual(codes(got), [250])
            self.assertTrue(rigged.server.messages[0].secured)
            tls = got.value.via.tls
            self.assertEqual((tls.version, tls.verified), ("TLSv1.3", False))
            again = rigged.send()
            self.assertTrue(again.value.via.again)

    def test_verified(self) -> None:
        """A certificate that is good for the name, and none else."""
        way = Way(VERIFIED)
        got = self.rigged().send(way=way)
        self.assertTrue(got.value.via.tls.verified)
        rigged = self.rigged(name="other.example")
        error = rigged.send(way=way).error
        self.assertIs(error.cause, Cause.TLS)
        self.assertIn("the certificate is not for mx.example.org", error.text)
        self.assertEqual(len(rigged.server.sessions), 1)

    def test_notOffered(self) -> None:
        """A route that has to be encrypted does not go in the clear."""
        rigged = rig()
        error = rigged.send(way=Way(ENCRYPTED)).error
        self.assertIs(error.cause, Cause.TLS)
        self.assertEqual(error.reply.code, 451)
        self.assertEqual(rigged.server.messages, [])

    def test_refused(self) -> None:
        """Nor where the host says not now; an opportunistic one does."""
        refused = answered(b"STARTTLS", b"454 4.7.0 Not now", nth=None)
        error = self.rigged(refused).send(way=Way(ENCRYPTED)).error
        self.assertIs(error.cause, Cause.TLS)
        self.assertEqual(error.reply.code, 454)
        got = self.rigged(refused).send()
        self.assertIsNone(got.value.via.tls)

    def test_broken(self) -> None:
        """
        A handshake that fails is tried again in the clear, unless the route has to be
        encrypted.
        """
        for fault in (
            brokenTLS(b"STARTTLS"),
            closed(b"STARTTLS"),
            evolve(silent(b"STARTTLS"), reply=b"220 Go\r\n", octets=None),
        ):
            rigged = self.rigged(fault)
            got = rigged.send()
            rigged.network.run(70)
            self.assertEqual(codes(got), [250])
            self.assertIsNone(got.value.via.tls)
            self.assertEqual(len(rigged.server.sessions), 2)
            rigged = self.rigged(fault)
            got = rigged.send(way=Way(ENCRYPTED))
            rigged.network.run(70)
            self.assertIs(got.error.cause, Cause.TLS)
            self.assertIn("TLS handshake", got.error.text)
            self.assertEqual(len(rigged.server.sessions), 1)

    def test_brokenAndGone(self) -> None:
        """What comes of the try in the clear is what counts, if nothing else."""
        rigged = self.rigged(
            brokenTLS(b"STARTTLS"), answered(GREETING, b"554 No").inSession(2)
        )
        self.assertEqual(rigged.send().error.text, "554 No")

    def test_lenient(self) -> None:
        """Better delivered than secure (RFC 8689 section 3)."""
        rigged = self.rigged(brokenTLS(b"STARTTLS"))
        policy = RoutePolicy(TLSLevel.VERIFIED, lenient=True)
        self.assertEqual(codes(rigged.send(way=Way(policy))), [250])

    def test_largeMessage(self) -> None:
        """Messages stream under TLS, too."""
        rigged = self.rigged()
        body = (b"x" * 998 + b"\r\n") * 300
        got = rigged.send(body=body)
        self.assertEqual(codes(got), [250])
        self.assertEqual(rigged.server.messages[0].body, body)
        rigged.network.run(5)
        self.assertEqual(rigged.pool.open, 0)

    def test_goodbye(self) -> None:
        """TLS has no halves; the end still comes soon."""
        rigged = self.rigged(silent(b"QUIT"))
        rigged.send()
        rigged.network.run(10)
        self.assertEqual(rigged.pool.open, 0)


class ImplicitTests(SynchronousTestCase):
    """
    TLS that begins with the connection (RFC 8314).
    """

    def host(self, way: Way, answering: bool = True, **more: Any) -> tuple[Rig, Any]:
        """A real server, and what came of a message to it."""
        rigged = rig(tls=TRUSTING, **more)
        taken: list[bytes] = []

        def take(envelope: Any, body: Any) -> Reply:
            taken.append(body.read())
            return OK

        factory = SMTPServerFactory(
            rigged.network,
            take,
            tls=serverTLS(self, "mx.example.org"),
            implicitTLS=True,
        )
        rigged.network.hosts[ADDRESS, 465] = factory
        got = rigged.send(host=evolve(HOST, port=465), way=way)
        if got.value is not None:
            self.assertEqual(taken, [MESSAGE])
        return rigged, got

    def test_implicit(self) -> None:
        """It is verified where that is wanted."""
        for policy in (RoutePolicy(), VERIFIED):
            _, got = self.host(Way(policy, implicitTLS=True))
            self.assertEqual(codes(got), [250])
            tls = got.value.via.tls
            self.assertEqual((tls.onConnect, tls.verified), (True, policy is VERIFIED))

    def test_noTLSThere(self) -> None:
        """It is never tried in the clear."""
        rigged = rig()
        got = rigged.send(way=Way(implicitTLS=True))
        self.assertIs(got.error.cause, Cause.TLS)
        self.assertEqual(len(rigged.server.sessions), 1)

    def test_nothingThere(self) -> None:
        """A handshake has a limit."""
        rigged = rig(silent(GREETING), times=ClientTimes(handshakeSeconds=20))
        got = rigged.send(way=Way(implicitTLS=True))
        rigged.network.run(19)
        self.assertEqual(got.fired, 0)
        rigged.network.run(2)
        self.assertEqual(got.error.text, "TLS handshake timed out")

    def test_unprotected(self) -> None:
        """A handshake that came to less than the route has to be."""

        class Careless(ClientTLS):
            """Looks at nothing."""

            def info(self, connection: Any, options: TLSOptions) -> TLSInfo:
                """What it came to."""
                return evolve(ClientTLS.info(self, connection, options), verified=False)

        way = Way(VERIFIED, implicitTLS=True)
        rigged = rig()
        factory = SMTPServerFactory(
            rigged.network,
            lambda envelope, body: None,
            tls=serverTLS(self, "mx.example.org"),
            implicitTLS=True,
        )
        rigged.network.hosts[ADDRESS, 25] = factory
        rigged.pool.kit.tls = Careless((AUTHORITY.certificate,))
        self.assertIs(rigged.send(way=way).error.cause, Cause.TLS)

    def test_troubleBeforeIt(self) -> None:
        """An extension that fails as the handshake is prepared ends the session."""

        def tune(session: IClientSession, options: TLSOptions) -> TLSOptions:
            raise ValueError("no")

        extensions = [MadeClient(lambda builder: builder.tls(tune))]
        rigged, got = self.host(Way(implicitTLS=True), extensions=extensions)
        self.assertIs(got.error.cause, Cause.LOCAL)
        self.assertEqual(rigged.troubles[0][0], "made")


USERS = {b"user": b"secret"}


@implementer(IUsers)
class Users:
    """Whoever can log in at the server of these tests."""

    available = True
    scram = True


class LoginTests(SynchronousTestCase):
    """
    Logging in (RFC 4954).
    """

    LOGIN = Credentials(b"user", b"secret")
    #: As large as servers have them.
    ITERATIONS = 4096

    def server(self, rigged: Rig, mechanisms: tuple[str, ...]) -> None:
        """A server of ours that wants a login."""
        verifier = enrol(b"secret", b"saltsaltsaltsalt", self.ITERATIONS)

        def verifiers(question: FetchVerifier) -> SCRAMVerifier:
            return verifier

        def check(question: CheckPassword) -> Judgement:
            good = USERS.get(question.user) == question.password
            return Judgement.GOOD if good else Judgement.BAD

        settings = AuthSettings(mechanisms=mechanisms, demanded=True)
        auth = Auth(settings, users=Users())
        extensions = [auth if each.name == auth.name else each for each in standard()]
        rigged.network.hosts[ADDRESS, 25] = SMTPServerFactory(
            rigged.network,
            lambda envelope, body: None,
            tls=serverTLS(self, "mx.example.org"),
            extensions=extensions,
            answers={FetchVerifier: verifiers, CheckPassword: check},
        )

    def rigged(self, *mechanisms: str, **more: Any) -> Rig:
        """A pool, and that server."""
        rigged = rig(tls=TRUSTING, **more)
        self.server(rigged, mechanisms)
        return rigged

    def test_mechanisms(self) -> None:
        """The strongest that both have."""
        for mechanisms in (("SCRAM-SHA-256-PLUS",), ("SCRAM-SHA-256",), ("PLAIN",)):
            rigged = self.rigged(*mechanisms, "LOGIN")
            got = rigged.send(way=Way(VERIFIED, login=self.LOGIN))
            self.assertEqual(codes(got), [250])
            said = b"".join(rigged.writes())
            self.assertIn(b"AUTH " + mechanisms[0].encode("ascii") + b" ", said)

    def test_wrongPassword(self) -> None:
        """The host's own words say why."""
        login = Credentials(b"user", b"wrong")
        for mechanism in ("SCRAM-SHA-256", "PLAIN"):
            error = self.rigged(mechanism).send(way=Way(VERIFIED, login=login)).error
            self.assertIs(error.cause, Cause.LOGIN)
            self.assertEqual(error.reply.code, 535)
            self.assertNotIn("wrong", error.text)

    def test_unverifiedHost(self) -> None:
        """A password is not shown to a host that may be another."""
        rigged = self.rigged("PLAIN")
        error = rigged.send(way=Way(login=self.LOGIN)).error
        self.assertIs(error.cause, Cause.LOGIN)
        self.assertIn("no way to log in", error.text)
        self.assertNotIn(b"AUTH", b"".join(rigged.writes()))

    def test_noLogin(self) -> None:
        """Without credentials nothing is tried."""
        got = self.rigged("PLAIN").send(way=Way(VERIFIED))
        self.assertEqual(codes(got), [530])

    def test_answeredLater(self) -> None:
        """What takes long is done elsewhere, and has a limit."""
        salting: list[Deferred[bytes]] = []

        def salt(question: SaltPassword) -> Deferred[bytes]:
            salting.append(Deferred())
            return salting[-1]

        way = Way(VERIFIED, login=self.LOGIN)
        salted = saltPassword(b"secret", b"saltsaltsaltsalt", self.ITERATIONS)
        rigged = self.rigged("SCRAM-SHA-256", answers={SaltPassword: salt})
        got = rigged.send(way=way)
        salting[0].callback(salted)
        rigged.network.run()
        self.assertEqual(codes(got), [250])
        rigged = self.rigged("SCRAM-SHA-256", answers={SaltPassword: salt})
        got = rigged.send(way=way)
        rigged.network.run(61)
        self.assertEqual(got.error.text, "Timed out waiting for answer")
        self.assertEqual(rigged.troubles, [])

    def test_hostIsGoneMeanwhile(self) -> None:
        """What nobody wants to know any more is given up."""
        salting: list[Deferred[bytes]] = []
        ended: list[object] = []

        def salt(question: SaltPassword) -> Deferred[bytes]:
            salting.append(Deferred(ended.append))
            return salting[-1]

        way = Way(VERIFIED, login=self.LOGIN)
        rigged = self.rigged("SCRAM-SHA-256", answers={SaltPassword: salt})
        got = rigged.send(way=way)
        self.assertEqual((len(salting), ended), (1, []))
        rigged.network.links[0][1].abortConnection()
        rigged.network.run()
        self.assertEqual(ended, salting)
        self.assertEqual((got.fired, rigged.troubles), (1, []))
        self.assertEqual(rigged.network.getDelayedCalls(), [])

    def test_answerFails(self) -> None:
        """Who cannot tell ends the session, and the operator hears of it."""

        def raises(question: SaltPassword) -> bytes:
            raise OSError("no")

        def fails(question: SaltPassword) -> Deferred[bytes]:
            later: Deferred[bytes] = Deferred()
            later.errback(OSError("no"))
            return later

        way = Way(VERIFIED, login=self.LOGIN)
        for salt in (raises, fails):
            rigged = self.rigged("SCRAM-SHA-256", answers={SaltPassword: salt})
            error = rigged.send(way=way).error
            self.assertIs(error.cause, Cause.LOCAL)
            [(owner, trouble)] = rigged.troubles
            self.assertIsInstance(trouble, OSError)
            self.assertEqual((owner, rigged.pool.open), ("client", 0))

    def test_questionThatNobodyAnswers(self) -> None:
        """A mistake of whoever put an extension in."""

        class Odd(Question[None]):
            """Nobody knows."""

        def step(session: IClientSession) -> ClientDialogue:
            yield from ask(Odd())
            return Step.DONE

        def register(builder: IClientBuilder) -> None:
            builder.step(Phase.IDENTIFY, step)

        rigged = rig(extensions=[MadeClient(register)])
        self.assertIs(rigged.send().error.cause, Cause.LOCAL)
        self.assertIn("nobody answers Odd", str(rigged.troubles[0][1]))


class KitTests(SynchronousTestCase):
    """
    What connections have in common.
    """

    def test_profilesAreMadeOnce(self) -> None:
        """One for each name in EHLO, and no more than so many."""
        kit = rig().pool.kit
        self.assertIs(kit.profile(b"a.example"), kit.profile(b"a.example"))
        for number in range(100):
            kit.profile(b"%d.example" % number)
        late = kit.profile(b"late.example")
        self.assertEqual(late.name, b"late.example")
        self.assertIsNot(late, kit.profile(b"late.example"))

    def test_threads(self) -> None:
        """Salting is for a thread, where the reactor has any."""
        from twisted.internet.interfaces import IReactorThreads
        from zope.interface import directlyProvides

        network = rig().network
        asked = []

        class Pool:
            """Threads that are none."""

            def callInThreadWithCallback(
                self, done: Any, work: Any, *more: Any
            ) -> None:
                """At once."""
                asked.append(work)
                done(True, work(*more))

        network.getThreadPool = Pool  # type: ignore[attr-defined]  # a reactor's
        network.callFromThread = lambda f, *more: f(*more)  # type: ignore[attr-defined]  # likewise
        directlyProvides(network, IReactorThreads)
        kit = ClientKit(network, tls=TRUSTING)
        got = watched(kit.answer(SaltPassword(b"p", b"salt", 4096), Way()))
        expected = hashlib.pbkdf2_hmac("sha256", b"p", b"salt", 4096)
        self.assertEqual(got.value, expected)
        self.assertEqual(asked, [saltPassword])

    def test_trouble(self) -> None:
        """If nobody else wants to know, it is logged."""
        network = rig().network

        def broken(session: IClientSession) -> ClientDialogue | None:
            raise ValueError("no")

        extensions = [MadeClient(lambda b: b.step(Phase.IDENTIFY, broken))]
        kit = ClientKit(network, tls=TRUSTING, extensions=extensions)
        from smtpx.net.pool import ClientPool

        server = ScriptedServer(clock=network, keywords=KEYWORDS)
        network.hosts[ADDRESS, 25] = server
        from smtpx.testing.client import OctetsBody

        from .clients import WAY, envelopeFor

        watched(ClientPool(kit).send(HOST, WAY, envelopeFor(), OctetsBody(MESSAGE)))
        network.run()
        [error] = self.flushLoggedErrors(ValueError)
        self.assertEqual(str(error.value), "no")
