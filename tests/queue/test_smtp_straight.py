"""
Tests for L{smtpx.queue.smtp}: what is kept for the next message makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from attrs import evolve, frozen
from hypothesis import given, settings, strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.demands import Demand, Source
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import LookupLevel, RoutePolicy, Scope, TLSLevel
from smtpx.core.queueprofile import QueueProfile
from smtpx.core.reply import Reply
from smtpx.dns.mailhosts import MailHost, MailHosts, Unroutable
from smtpx.knowledge.hints import HostHints
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.names import hostName
from smtpx.net.protection import Protection
from smtpx.net.sending import Sent, Unreached, Way
from smtpx.queue.findings import Findings, _results, _spelled, _taken
from smtpx.queue.interfaces import Attempt, Located
from smtpx.queue.smtp import SMTPTransport
from smtpx.spool.bodies import HeldBody
from smtpx.spool.format import Outcome
from smtpx.spool.via import Cause
from smtpx.tls.rules import Conclusion, Hop, Rules

from .doubles import messageFor
from .pools import FULL, GREY, NO, OK, ONE, THREE, TWO, Answer, ScriptedPool, via
from .remotes import located
from .test_smtp_protection import Script

T = TypeVar("T")

HOSTS = (ONE, TWO, THREE)
KEYS = frozenset(
    hostName(host.name, each, host.port) for host in HOSTS for each in host.addresses
)
#: All of the same host; of several hosts; of several hosts that are equal.
DOMAINS = {
    b"one.example": MailHosts((ONE,)),
    b"two.example": MailHosts((ONE, TWO, THREE)),
    b"same.example": MailHosts((ONE, evolve(TWO, preference=10)), partial=True),
}

DEMAND = Demand("tls", "the route says so", TLSLevel.ENCRYPTED, by=Source.OPERATOR)
BARRED = evolve(DEMAND, refused="it is barred")

POLICIES = (
    RoutePolicy(),
    RoutePolicy(TLSLevel.UNWANTED),
    RoutePolicy(TLSLevel.ENCRYPTED, demands=(DEMAND,)),
    RoutePolicy(TLSLevel.ENCRYPTED, demands=(BARRED,)),
)


@frozen
class Step:
    """
    One message.

    @ivar domain: where it goes.
    @ivar recipients: to how many.
    @ivar said: what the hosts say: a reply, or why they cannot be reached.
    @ivar again: did the connections carry a message before?
    @ivar seconds: how much time has passed.
    @ivar asked: did somebody ask for it?
    """

    domain: bytes
    recipients: int
    said: tuple[Reply | Cause, ...]
    again: bool
    seconds: int
    asked: bool


steps = st.builds(
    Step,
    st.sampled_from(sorted(DOMAINS)),
    st.integers(1, 3),
    st.tuples(
        *[
            st.sampled_from(
                [OK, OK, OK, GREY, NO, FULL, Cause.CONNECT, Cause.TLS, Cause.SESSION]
            )
        ]
        * 3
    ),
    st.booleans(),
    st.sampled_from([0, 1, 20, 100, 4000]),
    st.booleans(),
)


class World:
    """
    A transport, and whom it asks.

    @ivar seen: all that was told and asked.
    """

    def __init__(self, policy: RoutePolicy, keeps: bool) -> None:
        """
        @param keeps: is it kept for the next message how hosts are talked to, and of
            whom nothing is known?
        """
        self.clock = Clock()
        self.clock.advance(10_000)
        now = self.clock.seconds
        self.pool = ScriptedPool()
        self.seen: list[object] = []
        self.hints = HostHints(MemoryKnowledge(now), now)
        self.transport = SMTPTransport(
            "remote",
            lambda domain: succeed(DOMAINS[domain]),
            self.pool,
            Way(policy=policy),
            self.hints,
            now,
            random=Random(1),
            wayTo=lambda host, way: way,
            protection=Protection(Rules(()), now, self._concluded),
            steady=keeps,
        )
        if not keeps:
            # Then each of them is asked for.
            self.transport._repute.known = KEYS

    def _concluded(self, conclusion: Conclusion) -> None:
        self.seen.append(conclusion)

    def deliver(self, step: Step) -> Sequence[Outcome]:
        """Deliver it."""
        self.clock.advance(step.seconds)
        for host, said in zip(HOSTS, step.said, strict=True):
            self.pool.said[host.name] = self._answer(host, said, step.again)
        message = messageFor(
            *[b"%d@" % i + step.domain for i in range(step.recipients)]
        )
        found = _now(located(self.transport, message))
        self.seen.append(found)
        [leg] = found.legs
        attempt = Attempt(
            message,
            HeldBody(b"X: y"),
            leg.indices,
            where=leg.where,
            note=lambda outcomes: self.seen.append(tuple(outcomes)),
            asked=self.clock.seconds() - 30 if step.asked else None,
        )
        return _now(Deferred.fromCoroutine(self.transport.deliver(attempt)))

    def _answer(
        self, host: MailHost, said: Reply | Cause, again: bool
    ) -> Unreached | Answer:
        if isinstance(said, Cause):
            return Unreached("no", said, via(host), None)

        def answer(host: MailHost, envelope: Envelope) -> Sent:
            outcomes = tuple((each, said) for each in envelope.recipients)
            causes = (Cause.RECIPIENT,) * len(outcomes)
            return Sent(outcomes, causes, Scope.HOST, evolve(via(host), again=again))

        return answer


def _now(fired: Deferred[T]) -> T:
    """The result of what has fired already."""
    found: list[T] = []
    fired.addCallback(found.append)
    [result] = found
    return result


_GOOD = Step(b"one.example", 1, (OK, OK, OK), True, 1, False)


class KeptTests(SynchronousTestCase):
    """What is kept of hosts from one message to the next."""

    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(POLICIES), st.lists(steps, max_size=6))
    def test_makesNoDifference(self, policy: RoutePolicy, script: list[Step]) -> None:
        """
        Where nothing is known against a host, and it is known how to talk to it, it
        is tried without asking for that; all that comes of it is the same.
        """
        usual, asking = World(policy, True), World(policy, False)
        for step in script:
            self.assertEqual(usual.deliver(step), asking.deliver(step))
        for one, other in (
            (usual.seen, asking.seen),
            (usual.pool.tried, asking.pool.tried),
            (usual.pool.ways, asking.pool.ways),
            (usual.pool.bodies, asking.pool.bodies),
        ):
            self.assertEqual(one, other)
        for key in KEYS:
            self.assertEqual(usual.hints.trouble(key), asking.hints.trouble(key))

    def test_rulesAreAsked(self) -> None:
        """Nothing is kept where a rule has a say, or where lists are looked up in."""
        asked: list[MailHost] = []

        def wayTo(host: MailHost, way: Way) -> Way:
            asked.append(host)
            return way

        world = World(RoutePolicy(), True)
        world.transport._wayTo = wayTo
        for _ in range(3):
            world.deliver(_GOOD)
        self.assertEqual(len(asked), 1)
        world = World(RoutePolicy(), False)
        world.transport._wayTo = wayTo
        for _ in range(3):
            world.deliver(_GOOD)
        self.assertEqual(len(asked), 4)

    def test_settled(self) -> None:
        """It is known what comes of rules only where none of them has a say."""
        hop = Hop(b"mx.example", (b"192.0.2.1",), domains=(b"example.org",))
        nobody = Rules(())
        for policy, settled in zip(POLICIES, (True, True, True, False), strict=True):
            self.assertIs(nobody.isSettled(hop, policy), settled, policy)
        dnssec = RoutePolicy(lookup=LookupLevel.DNSSEC)
        self.assertFalse(nobody.isSettled(hop, dnssec))
        self.assertTrue(nobody.isSettled(hop, evolve(dnssec, lenient=True)))
        somebody = Rules((Script(),))
        for policy in POLICIES:
            self.assertIs(somebody.isSettled(hop, policy), policy is POLICIES[1])


#: Recipients of three domains, of whom some are spelled oddly.
PATHS = (
    b"a@one.example",
    b"b@one.example",
    b"c@ONE.example",
    b'"d@two.example"@one.example',
    b"e@two.example",
    b'"f"@two.example',
    b"g@same.example",
    b"h@nowhere.example",
    b"postmaster",
)


class LocatedTests(SynchronousTestCase):
    """Where messages go."""

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.lists(st.sampled_from(PATHS), min_size=1, max_size=3),
                st.sampled_from([0, 1, 9, 10, -1]),
                st.booleans(),
                st.booleans(),
            ),
            max_size=8,
        )
    )
    def test_atOnce(self, script: list[tuple[list[bytes], int, bool, bool]]) -> None:
        """
        Where it was found out for another message it is known at once, and it is no
        other way than one that is found out.
        """
        world = World(RoutePolicy(), True)
        locating = world.transport._locating
        domains = dict(DOMAINS)

        def find(domain: bytes) -> Deferred[MailHosts]:
            found = domains.get(domain)
            if found is None:
                return fail(Unroutable(NO, "nowhere"))
            return succeed(found)

        def constrain(envelope: Envelope, policy: RoutePolicy) -> RoutePolicy:
            return RoutePolicy(TLSLevel.ENCRYPTED) if envelope.octets else policy

        locating.find = find
        locating.profile = QueueProfile()
        locating.profile.constrainers = (constrain,)
        for paths, seconds, wants, moves in script:
            world.clock.rightNow += seconds
            if moves:
                # The DNS says something else.
                one, two = b"one.example", b"two.example"
                domains[one], domains[two] = domains[two], domains[one]
            message = messageFor(*paths)
            message.envelope.octets = int(wants)
            way = locating._wayOf(message)
            found = _now(located(world.transport, message))
            again = Deferred.fromCoroutine(
                locating._locate(message, message.waiting, way)
            )
            self.assertEqual(found, _now(again))

    def test_notAsked(self) -> None:
        """The second message for a domain is not kept waiting."""
        world = World(RoutePolicy(), True)
        message = messageFor(b"a@two.example", b"b@two.example")
        transport = world.transport
        first = _now(located(transport, message))
        self.assertEqual(transport.locate(message, (0, 1)), first)
        [leg] = first.legs
        for indices in ((0,), (1,)):
            one = Located((evolve(leg, indices=indices),))
            self.assertEqual(transport.locate(message, indices), one)


replies = st.builds(
    Reply,
    st.sampled_from([250, 252, 354, 450, 550]),
    st.sampled_from([None, (2, 0, 0), (5, 7, 10)]),
    st.lists(st.binary(max_size=9), min_size=1, max_size=3).map(tuple),
)


class TakenTests(SynchronousTestCase):
    """A host that has taken all."""

    @given(st.lists(replies, min_size=1, max_size=4), st.booleans())
    def test_same(self, said: list[Reply], shared: bool) -> None:
        """It comes to the same as where each reply is looked at."""
        if shared:
            said = [said[0]] * len(said)
        recipients = [Recipient(b"a@example.org") for _ in said]
        causes = (Cause.OTHER,) * len(said)
        sent = Sent(
            tuple(zip(recipients, said, strict=True)), causes, Scope.MESSAGE, via(ONE)
        )
        left = range(3, 3 + len(said))
        found = _taken(left, sent)
        if any(each.refuses for each in said):
            self.assertIsNone(found)
        else:
            self.assertEqual(found, _results(left, sent))
            known = Findings(left)
            known.sent(sent)
            self.assertEqual(list(known.left), [])
            self.assertEqual(known.outcomes(), list(_results(left, sent).values()))

    @given(replies)
    def test_spelled(self, said: Reply) -> None:
        """A reply is spelled line by line, whatever octets a host sends."""
        lines = [line.decode("utf-8", "backslashreplace") for line in said.lines]
        status = [] if said.status is None else [".".join(map(str, said.status))]
        self.assertEqual(_spelled(said), " ".join([str(said.code), *status, *lines]))
