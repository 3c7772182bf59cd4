"""
Tests for L{smtpx.net.delivery}: how often one envelope is tried, and what of it that
nobody foresaw.  The rest is in L{tests.net.test_pool}.
"""

from __future__ import annotations

from typing import Any

from attrs import define, evolve, field
from hypothesis import example, given, strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import Settled
from smtpx.core.envelope import Envelope
from smtpx.core.hooks import Refusal, RoutePolicy, Scope, Stage
from smtpx.core.reply import reply
from smtpx.net.client import ClientProtocol
from smtpx.net.delivery import Delivery
from smtpx.spool.via import Via
from smtpx.testing.scripted import KEYWORDS
from tests.core.made import MadeClient

from .clients import HOST, WAY, codes, envelopeFor, rig
from .network import watched


class DeliveryTests(SynchronousTestCase):
    """
    One envelope on its way to a host.
    """

    def test_limitOfDomains(self) -> None:
        """As many sessions as there are domains, if the host wants that."""
        rigged = rig(keywords=(*KEYWORDS, b"LIMITS RCPTDOMAINMAX=1"))
        got = rigged.send(envelopeFor(*[b"x@%d.example" % n for n in range(6)]))
        self.assertEqual(codes(got), [250] * 6)
        self.assertEqual(len(rigged.server.sessions), 6)

    def test_noSessionIsRight(self) -> None:
        """An extension that wants another session gets only so many."""
        refusal = Refusal(reply(451, "4.3.0", b"Another one"), Scope.SESSION)
        picky = MadeClient(lambda builder: builder.admit(lambda s, e: refusal))
        rigged = rig(extensions=[picky])
        got = rigged.send()
        self.assertEqual(codes(got), [451])
        self.assertIs(got.value.scope, Scope.HOST)
        self.assertEqual(len(rigged.server.sessions), 4)

    def test_sameHost(self) -> None:
        """
        Of one message after the other over a connection the very same is told of the
        host, but for the first one.
        """
        rigged = rig()
        vias = [rigged.send().value.via for _ in range(3)]
        self.assertEqual([via.again for via in vias], [False, True, True])
        self.assertIs(vias[2], vias[1])
        self.assertEqual(evolve(vias[1], again=False), vias[0])

    def test_whatIsBroken(self) -> None:
        """A mistake of ours fails the message, and leaves no connection."""

        def broken(self: object, *what: object) -> None:
            raise ZeroDivisionError

        rigged = rig()
        self.patch(ClientProtocol, "begin", broken)
        got = rigged.send()
        self.assertIsInstance(got.error, ZeroDivisionError)
        rigged.network.run(1)
        self.assertEqual(rigged.pool.open, 0)


@define(eq=False)
class MadeLine:
    """
    A connection that is as the test says.

    @ivar told: what was asked of it, and of the pool.
    """

    ready: bool
    unopened: bool
    count: int
    silent: bool
    told: list[object] = field(factory=list)
    spent: bool = False
    mistaken: bool = False
    served: object = None

    def begin(self, envelope: Envelope, body: object, settled: object) -> None:
        """Another transaction."""
        self.told.append([each.path for each in envelope.recipients])

    def quit(self) -> None:
        """It is of no more use."""
        self.told.append("quit")

    def via(self, policy: RoutePolicy | None = None) -> Via:
        """The host."""
        self.told.append(policy)
        return Via(b"mx.example", b"192.0.2.1")


@define(eq=False)
class MadePool:
    """
    A pool with one connection.

    @ivar told: what it was told.
    """

    line: MadeLine
    told: list[object]

    def take(self, place: object) -> MadeLine:
        """It is idle."""
        return self.line

    def giveBack(self, place: object, line: MadeLine) -> None:
        """It is idle again, or of no more use."""
        self.told.append("rest" if line.ready else "end")

    def rest(self, place: object, line: MadeLine) -> None:
        """It is idle again."""
        self.told.append("rest")

    def finished(self, place: object) -> None:
        """A delivery has ended."""
        self.told.append("finished")

    def dial(self, *what: object) -> Deferred[ClientProtocol]:
        """Another connection is wanted."""
        self.told.append(what)
        return Deferred()


#: What may have become of each of some recipients.
OUTCOMES = st.lists(
    st.tuples(
        st.sampled_from([*Stage, None]),
        st.sampled_from([250, 450, 550]),
        st.sampled_from(["", "ours", "rest"]),
    ),
    min_size=1,
    max_size=3,
)


class PlainTests(SynchronousTestCase):
    """
    What is plain, beside what is not.
    """

    def outcome(self, line: MadeLine, settle: Any) -> list[Any]:
        """What a delivery does about what became of its envelope."""
        pool: Any = MadePool(line, line.told)
        place: Any = None
        paths = [b"%d@mx.example" % number for number in range(3)]
        envelope = envelopeFor(*paths)
        delivery = Delivery(pool, place, HOST, WAY, envelope, None)
        delivery.begin()
        got = watched(delivery.done)
        settle(delivery, envelope)
        if not got.fired:
            return [line.told]
        sent = got.value
        outcomes = [(each.path, said) for each, said in sent.outcomes]
        return [line.told, outcomes, sent.causes, sent.scope, sent.unsure, sent.via]

    @given(
        OUTCOMES,
        st.sampled_from(list(Scope)),
        st.booleans(),
        st.tuples(st.booleans(), st.booleans(), st.integers(1, 2), st.booleans()),
    )
    @example([(Stage.MESSAGE, 250, "")], Scope.MESSAGE, False, (True, False, 2, False))
    def test_same(
        self,
        each: list[tuple[Stage | None, int, str]],
        scope: Scope,
        unsure: bool,
        line: tuple[bool, bool, int, bool],
    ) -> None:
        """
        Whatever became of an envelope, over whatever connection: where that is plain,
        the same is done about it as if it were not.
        """

        def settledOf(envelope: Envelope) -> Settled:
            some = envelope.recipients = envelope.recipients[: len(each)]
            replies = [reply(code, f"{code // 100}.0.0", b"x") for _, code, _ in each]
            return Settled(
                envelope,
                tuple(zip(some, replies, strict=True)),
                scope,
                tuple(
                    who
                    for who, what in zip(some, each, strict=True)
                    if what[2] == "rest"
                ),
                tuple(stage for stage, _, _ in each),
                unsure,
                frozenset(n for n, what in enumerate(each) if what[2] == "ours"),
            )

        def plain(delivery: Any, envelope: Envelope) -> None:
            delivery._told(settledOf(envelope))

        def thorough(delivery: Any, envelope: Envelope) -> None:
            delivery._settled(settledOf(envelope), delivery._line)

        straight = self.outcome(MadeLine(*line), plain)
        self.assertEqual(straight, self.outcome(MadeLine(*line), thorough))
