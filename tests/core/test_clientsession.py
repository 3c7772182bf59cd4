"""
Tests for L{smtpx.core.clientsession}: what the peer offers, and what hooks say to
an envelope.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.client import ClientConnection
from smtpx.core.dialogue import Transformation, flow
from smtpx.core.effects import (
    Ready,
    Trouble,
)
from smtpx.core.envelope import Envelope, Stamp
from smtpx.core.grammar import DECIMAL, FLAG, Grammar
from smtpx.core.hooks import (
    BatchLimits,
    Capability,
    Hello,
    Parameter,
    Refusal,
    Scope,
    SyncPoint,
    Where,
)
from smtpx.core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
)
from smtpx.core.reply import LOCAL_ERROR, reply
from smtpx.extensions.size import Size
from smtpx.testing.client import OctetsBody, ScriptedPeer, client

from .made import MadeClient
from .peers import (
    GO,
    MAIL,
    OK,
    RCPT,
    envelope,
    grouping,
    opened,
    outcomes,
    three,
)

NOTE = Stamp[bytes]("note", None, str.encode)


class OffersTests(SynchronousTestCase):
    """What the peer says of itself."""

    SIZE = Capability[int](b"SIZE", DECIMAL)
    OLD = Capability[bool](b"NEW", FLAG, aliases=(b"OLD_NAME",))
    WORDS = Capability[bytes](
        b"WORDS", Grammar(lambda raw: raw or b"nothing", lambda words: words)
    )

    def opened(self, *keywords: bytes) -> ClientConnection:
        """A connection to a peer with these lines."""

        def register(builder: IClientBuilder) -> None:
            builder.capability(self.SIZE)
            builder.capability(self.OLD)
            builder.capability(self.WORDS)

        peer = ScriptedPeer(client([MadeClient(register)]))
        peer.open(*keywords)
        self.assertEqual(peer.events, [Ready()])
        return peer.connection

    def test_nothingYet(self) -> None:
        """Before a word was said nothing is offered, guessed or known."""
        connection = client()
        self.assertFalse(connection.offered(self.OLD))
        self.assertIsNone(connection.peer)
        self.assertFalse(connection.guessed)
        self.assertFalse(connection.authenticated)
        self.assertFalse(connection.forecastWrong)
        self.assertFalse(connection.stamps)

    def test_keywordsInAnyCase(self) -> None:
        """Keywords are compared without case (RFC 5321 section 2.4)."""
        self.assertEqual(self.opened(b"Size 12").offered(self.SIZE), 12)
        self.assertEqual(self.opened(b"Size 12").offers, {self.SIZE.keyword})

    def test_malformedIsNotOffered(self) -> None:
        """A keyword with an argument that cannot be read is as good as none."""
        connection = self.opened(b"SIZE lots", b"WORDS")
        size = connection.offered(self.SIZE)
        self.assertIsNone(size)
        self.assertEqual(connection.offered(self.WORDS), b"nothing")

    def test_olderSpelling(self) -> None:
        """An alias counts for the capability."""
        connection = self.opened(b"OLD_NAME", b"UNHEARD_OF", b"Size x")
        self.assertTrue(connection.offered(self.OLD))
        # By its proper name, with nothing that nobody knows or that is malformed.
        self.assertEqual(connection.offers, {b"NEW"})

    def test_equalsSign(self) -> None:
        """Old servers write C{KEYWORD=argument}."""
        connection = self.opened(b"WORDS=one two")
        self.assertEqual(connection.offered(self.WORDS), b"one two")

    def test_properSpellingBeatsTheOld(self) -> None:
        """Servers that say both mean the proper one."""
        for lines in ((b"WORDS=old", b"WORDS new"), (b"WORDS new", b"WORDS=old")):
            self.assertEqual(self.opened(*lines).offered(self.WORDS), b"new")

    def test_linesOutsideTheGrammar(self) -> None:
        """What is no ehlo-line is left out."""
        connection = self.opened(b"", b"-SIZE 3", b"!", b"SIZE  ", b"X y\x07")
        self.assertEqual(
            connection.peer,
            Hello(b"mx.example.org", ((b"SIZE", None), (b"X", b"y?"))),
        )

    def test_clock(self) -> None:
        """Hooks have the profile's clock."""
        self.assertEqual(client(clock=lambda: 7.0).now(), 7.0)


class Noted:
    """A parameter C{NOTE=} of MAIL and C{FLAG} of RCPT, for a test."""

    RAW = Grammar[bytes](lambda raw: raw or b"", lambda value: value)
    BARE = Grammar[bytes](lambda raw: b"", lambda value: None)
    OFFER = Capability[bytes](b"NOTE", RAW)

    def __init__(self, value: bytes | None) -> None:
        self.value = value

    def send(self, session: IClientSession, bearer: object) -> bytes | None:
        """What the test wants."""
        return self.value

    def extension(self) -> IClientExtension:
        """Both, as an extension."""
        mail = Parameter(b"NOTE", Where.MAIL, self.RAW, lambda s, b, v: None, self.send)
        rcpt = evolve(mail, keyword=b"FLAG", where=Where.RCPT, grammar=self.BARE)

        def register(builder: IClientBuilder) -> None:
            builder.capability(self.OFFER)
            builder.parameter(mail, self.OFFER)
            builder.parameter(rcpt, self.OFFER)

        return MadeClient(register)


class ParameterTests(SynchronousTestCase):
    """What stands behind the addresses."""

    def test_onlyWhereOffered(self) -> None:
        """
        Parameters are for peers that offered them in their last EHLO (RFC 5321
        section 4.1.1.11).
        """
        noted = Noted(b"x")
        peer = opened(noted.extension(), keywords=(b"NOTE",))
        self.assertEqual(
            peer.deliver(envelope()), b"MAIL FROM:<a@client.example> NOTE=x\r\n"
        )
        self.assertEqual(peer.say(OK), b"RCPT TO:<b@mx.example> FLAG\r\n")
        peer = opened(noted.extension(), keywords=(b"OTHER",))
        self.assertEqual(peer.deliver(envelope()), MAIL)
        self.assertEqual(peer.say(OK), RCPT)

    def test_leftOut(self) -> None:
        """An extension may leave its parameter out."""
        peer = opened(Noted(None).extension(), keywords=(b"NOTE",))
        self.assertEqual(peer.deliver(envelope()), MAIL)

    def test_valueThatWouldEndIt(self) -> None:
        """A value that would end its parameter is the extension's trouble."""
        for value in (b"x DSN", b"x\r\nRSET", b"x\0"):
            peer = opened(Noted(value).extension(), keywords=(b"NOTE",))
            self.assertEqual(peer.deliver(envelope()), b"")
            self.assertEqual(outcomes(peer), [LOCAL_ERROR])
            self.assertEqual(peer.troubles[0].owner, "made")
            self.assertIsInstance(peer.troubles[0].error, ValueError)


class HookTests(SynchronousTestCase):
    """What extensions say to an envelope."""

    def test_admit(self) -> None:
        """The first refusal settles it, with its scope, without a word."""
        refusal = Refusal(reply(552, "5.3.4", b"Too big here"), Scope.HOST)

        def register(builder: IClientBuilder) -> None:
            builder.admit(lambda session, envelope: None)
            builder.admit(lambda session, envelope: refusal)

        peer = opened(MadeClient(register))
        self.assertEqual(peer.deliver(three()), b"")
        self.assertEqual(outcomes(peer), [refusal.reply] * 3)
        self.assertIs(peer.settled[-1].scope, Scope.HOST)
        self.assertTrue(peer.connection.ready)

    def test_transform(self) -> None:
        """Transforms change the body one after the other."""

        def register(builder: IClientBuilder) -> None:
            builder.transform(lambda s, e: None)
            builder.transform(lambda s, e: lambda e, body: added(body, b"1"))
            builder.transform(lambda s, e: lambda e, body: added(body, b"2"))

        def added(body: IBody, octets: bytes) -> IBody:
            return OctetsBody(b"".join(body.pieces()) + octets)

        peer = opened(MadeClient(register))
        peer.deliver(envelope(), b"x")
        peer.say(OK)
        peer.say(OK)
        self.assertEqual(peer.say(GO), b"x12\r\n.\r\n")

    def test_transformTakesItsTime(self) -> None:
        """
        One that has to read the body leaves room; nothing is said before.
        """

        def reading(message: Envelope, body: IBody) -> Transformation:
            yield from flow()
            return OctetsBody(b"longer than it was")

        peer = opened(
            MadeClient(lambda builder: builder.transform(lambda s, e: reading))
        )
        peer.flowing = False
        self.assertEqual(peer.deliver(envelope(), b"x"), b"")
        self.assertEqual(peer.resume(), MAIL)

    def test_transformChangesTheEnvelope(self) -> None:
        """
        What it notes there, and the size that the body has now, go to this peer;
        the envelope that is settled is the one that was given.
        """
        parameter = Parameter[bytes](
            b"ODD",
            Where.MAIL,
            Grammar(lambda raw: raw or b"", lambda value: value),
            lambda session, bearer, value: None,
            lambda session, bearer: bearer.stamps.get(NOTE),
        )
        odd = Capability[bool](b"ODD", FLAG)

        def noting(message: Envelope, body: IBody) -> IBody:
            message.stamps[NOTE] = b"yes"
            return OctetsBody(b"12345678")

        def register(builder: IClientBuilder) -> None:
            builder.capability(odd)
            builder.parameter(parameter, under=odd)
            builder.transform(lambda s, e: noting)
            builder.transform(lambda s, e: lambda e, body: body)

        peer = opened(MadeClient(register), Size(), keywords=(b"ODD", b"SIZE"))
        message = envelope()
        message.octets = 1
        said = peer.deliver(message, b"x")
        self.assertEqual(said, MAIL[:-2] + b" ODD=yes SIZE=8\r\n")
        self.assertEqual(message.octets, 1)
        self.assertNotIn(NOTE, message.stamps)
        for answer in (OK, OK, GO, OK):
            peer.say(answer)
        self.assertIs(peer.settled[-1].envelope, message)

    def test_transformRefuses(self) -> None:
        """What cannot be had is refused, as far as is said, without a word."""
        refusal = Refusal(reply(554, "5.6.3", b"Not for this peer"), Scope.HOST)
        peer = opened(
            MadeClient(lambda b: b.transform(lambda s, e: lambda e, body: refusal))
        )
        self.assertEqual(peer.deliver(three()), b"")
        self.assertEqual(outcomes(peer), [refusal.reply] * 3)
        self.assertIs(peer.settled[-1].scope, Scope.HOST)
        self.assertTrue(peer.connection.ready)

    def test_trouble(self) -> None:
        """
        An exception out of any hook settles this envelope with 451, names the
        extension, and the session goes on.
        """
        error = KeyError("boom")

        def fail(*arguments: object) -> None:
            raise error

        def failing(message: Envelope, body: IBody) -> IBody:
            raise error

        def failingLater(message: Envelope, body: IBody) -> Transformation:
            yield from flow()
            raise error

        registrations = [
            lambda builder: builder.admit(fail),
            lambda builder: builder.transform(fail),
            lambda builder: builder.transform(lambda s, e: failing),
            lambda builder: builder.transform(lambda s, e: failingLater),
            lambda builder: builder.carrier(fail),
            lambda builder: builder.batch(fail),
            lambda builder: builder.relax(fail),
        ]
        for register in registrations:
            peer = opened(MadeClient(register, "bad"))
            self.assertEqual(peer.deliver(envelope()), b"")
            self.assertEqual(peer.troubles, [Trouble("bad", error)])
            self.assertEqual(outcomes(peer), [LOCAL_ERROR])
            self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
            self.assertTrue(peer.connection.ready)

    def test_quitGoesOnWithATroubledExtension(self) -> None:
        """QUIT asks nobody."""

        def fail(session: IClientSession) -> SyncPoint:
            raise ValueError

        peer = opened(MadeClient(lambda builder: builder.relax(fail)))
        self.assertEqual(peer.quit(), b"QUIT\r\n")


class LimitTests(SynchronousTestCase):
    """How much a peer takes (RFC 9422 section 4)."""

    def limited(self, *limits: BatchLimits | None) -> ScriptedPeer:
        """A peer of whom these opinions are held."""

        def opinion(
            limit: BatchLimits | None,
        ) -> Callable[[IClientSession], BatchLimits | None]:
            return lambda session: limit

        def register(builder: IClientBuilder) -> None:
            for limit in limits:
                builder.batch(opinion(limit))

        return opened(grouping(), MadeClient(register, "limits"))

    def test_theStrictestCounts(self) -> None:
        """Of several opinions the strictest counts, for each limit."""
        peer = self.limited(None, BatchLimits(3, 5), BatchLimits(2, 9, 4))
        self.assertEqual(peer.connection.limits(), BatchLimits(2, 5, 4))
        self.assertEqual(self.limited().connection.limits(), BatchLimits())

    def test_recipients(self) -> None:
        """Those above the limit are for another transaction."""
        peer = self.limited(BatchLimits(recipients=1))
        self.assertEqual(peer.deliver(three()), MAIL + RCPT + b"DATA\r\n")
        peer.say(OK + OK + GO)
        peer.say(OK)
        self.assertEqual(peer.codes, [250, 452, 452])

    def test_domains(self) -> None:
        """
        Domains are counted for the whole session, without case; C{<postmaster>}
        has none (RFC 5321 section 4.5.1).
        """
        peer = self.limited(BatchLimits(domains=2))
        first = envelope(b"b@one.example", b"c@two.example", b"d@three.example")
        peer.deliver(first)
        peer.say(OK + OK + OK + GO)
        peer.say(OK)
        self.assertEqual(peer.codes, [250, 250, 452])
        peer.deliver(envelope(b"e@ONE.example", b"postmaster", b"f@four.example"))
        peer.say(OK + OK + OK + GO)
        peer.say(OK)
        self.assertEqual(peer.codes, [250, 250, 452])

    def test_transactions(self) -> None:
        """Refused ones count too; what is too many is for another session."""
        peer = self.limited(BatchLimits(transactions=1))
        peer.deliver(envelope())
        peer.say(b"451 no\r\n" + b"503 no\r\n" * 2)
        self.assertEqual(peer.deliver(envelope()), b"")
        self.assertEqual(peer.codes, [452])
        self.assertIs(peer.settled[-1].scope, Scope.SESSION)
