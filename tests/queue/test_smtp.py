"""Tests for L{smtpx.queue.smtp}."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred, fail
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import LookupLevel, RoutePolicy, Scope, TLSLevel
from smtpx.core.queueprofile import QueueProfile
from smtpx.core.repeatable import ERRAND, Errand
from smtpx.core.reply import Reply, reply
from smtpx.dns.mailhosts import MailHost, MailHosts, Unroutable
from smtpx.net.sending import IClientPool, Sent, Way
from smtpx.queue.interfaces import Attempt, IKeeping, IRelay
from smtpx.spool.bodies import HeldBody
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause

from .doubles import messageFor
from .pools import FULL, GREY, NO, OK, ONE, THREE, TWO, sent, via
from .remotes import SMTPTransportCase, located


class SMTPTransportTests(SMTPTransportCase):
    """From recipients to what became of them."""

    # --- where it goes -----------------------------------------------------------

    def test_isARelay(self) -> None:
        """It is what the queue wants."""
        verifyObject(IRelay, self.transport)
        verifyObject(IClientPool, self.pool)

    def test_sameHosts(self) -> None:
        """Recipients whose hosts are the same go together, whatever their domain."""
        message = messageFor(b"a@example.org", b"b@Example.NET", b"c@example.com")
        located = self.locate(message)
        self.assertEqual(
            [(leg.lane, leg.indices) for leg in located.legs],
            [
                (b"remote mx1.example;mx2.example", (0, 1)),
                (b"remote mx3.example", (2,)),
            ],
        )
        self.assertEqual(self.asked, [b"example.org", b"example.net", b"example.com"])

    def test_askedTogether(self) -> None:
        """No domain waits for the answer of another."""
        answers: dict[bytes, Deferred[MailHosts]] = {}

        def find(domain: bytes) -> Deferred[MailHosts]:
            return answers.setdefault(domain, Deferred())

        self.patch(self, "find", find)
        self.transport = self.made()
        message = messageFor(b"a@one", b"b@two")
        finding = located(self.transport, message)
        self.assertEqual(list(answers), [b"one", b"two"])
        answers[b"two"].callback(MailHosts((TWO,)))
        answers[b"one"].callback(MailHosts((ONE,)))
        self.assertEqual(len(self.successResultOf(finding).legs), 2)

    def test_askedOnce(self) -> None:
        """Many messages for a domain ask for it once in a while."""
        for _ in range(3):
            self.locate(messageFor(b"a@example.com"))
        self.assertEqual(len(self.asked), 1)
        self.clock.advance(10)
        self.locate(messageFor(b"a@example.com"))
        self.assertEqual(len(self.asked), 2)

    def test_nowhereAskedOnce(self) -> None:
        """It is the same where there is no way."""
        for _ in range(3):
            located = self.locate(messageFor(b"a@nowhere.example"))
            self.assertEqual(located.outcomes[0].fate, Fate.FAILED)
        self.assertEqual(len(self.asked), 1)

    def test_manyDomains(self) -> None:
        """What is remembered is bounded."""
        for number in range(5001):
            domain = b"%d.example" % number
            self.domains[domain] = self.domains[b"example.com"]
            self.locate(messageFor(b"a@" + domain))
        self.locate(messageFor(b"a@5000.example", b"a@0.example"))
        self.assertEqual(self.asked[-1], b"0.example")
        self.assertEqual(len(self.asked), 5002)

    def test_slowNameServers(self) -> None:
        """None of many domains waits for the name servers of another."""
        asked: list[bytes] = []

        def find(domain: bytes) -> Deferred[MailHosts]:
            asked.append(domain)
            return Deferred()

        self.patch(self.transport._locating, "find", find)
        message = messageFor(b"a@a.example", b"b@b.example", b"c@c.example")
        finding = located(self.transport, message)
        self.assertEqual(asked, [b"a.example", b"b.example", b"c.example"])
        finding.cancel()
        self.failureResultOf(finding, CancelledError)

    def test_nowhere(self) -> None:
        """Where there is no way: for good, or for now."""
        [outcome] = self.deliver(messageFor(b"a@nowhere.example"))
        self.assertEqual(
            (outcome.fate, outcome.cause, outcome.text),
            (Fate.FAILED, Cause.DNS, "nowhere.example does not exist"),
        )
        assert outcome.reply is not None
        self.assertEqual(outcome.reply.code, 550)
        later = Unroutable(reply(451, "4.4.3", b"Not now"), "timed out")
        self.patch(self, "find", lambda domain: fail(later))
        self.transport = self.made()
        [outcome] = self.deliver(messageFor(b"a@slow.example"))
        self.assertEqual((outcome.fate, outcome.text), (Fate.WAITING, "timed out"))

    def test_longLane(self) -> None:
        """The name of a lane is never longer than it may be."""
        names = [b"mx%d.%b.example" % (n, b"x" * 50) for n in range(10)]
        hosts = tuple(MailHost(name, (b"192.0.2.1",)) for name in names)
        self.domains[b"example.org"] = MailHosts(hosts)
        [leg] = self.locate(messageFor(b"a@example.org")).legs
        self.assertEqual(len(leg.lane), 255)
        self.assertTrue(leg.lane.startswith(b"remote mx0."))

    def test_retires(self) -> None:
        """It is the connections to the hosts of a leg that are closed."""
        self.assertTrue(verifyObject(IKeeping, self.transport))
        [leg] = self.locate(messageFor(b"a@example.org")).legs
        self.successResultOf(self.transport.retire(leg.where, 3))
        [(hosts, most)] = self.pool.retired
        names = [each.name for each in hosts]
        self.assertEqual((names, most), ([b"mx1.example", b"mx2.example"], 3))

    # --- what a message wants of the route -----------------------------------------

    def test_policy(self) -> None:
        """What the message wants is added to what the operator wants."""
        profile = QueueProfile()
        wanted = RoutePolicy(TLSLevel.VERIFIED, LookupLevel.PLAIN)
        profile.constrainers = (lambda envelope, policy: wanted,)
        self.transport = self.made(profile=profile)
        message = messageFor(b"a@example.com")
        [leg] = self.locate(message).legs
        self.assertEqual(leg.lane, b"remote tls3,0 mx3.example")
        self.deliver(message)
        self.assertEqual(self.pool.ways[0].policy, wanted)

    def test_policyIsEnough(self) -> None:
        """
        A way that is good enough stays as it is, and so does one without TLS where
        the message does not care.
        """
        profile = QueueProfile()
        profile.constrainers = (lambda envelope, policy: policy,)
        for level in (TLSLevel.ENCRYPTED, TLSLevel.UNWANTED):
            way = Way(RoutePolicy(level))
            self.transport = self.made(way, profile=profile)
            self.deliver(messageFor(b"a@example.com"))
            self.assertIs(self.pool.ways[-1], way)

    def test_lenient(self) -> None:
        """A sender cannot give away what the operator wants."""
        profile = QueueProfile()
        profile.constrainers = (lambda envelope, policy: evolve(policy, lenient=True),)
        for level, lenient in (
            (TLSLevel.OPPORTUNISTIC, True),
            (TLSLevel.ENCRYPTED, False),
        ):
            self.transport = self.made(Way(RoutePolicy(level)), profile=profile)
            self.deliver(messageFor(b"a@example.com"))
            self.assertEqual(self.pool.ways[-1].policy.lenient, lenient)

    def test_lookup(self) -> None:
        """
        A message that wants to know where it goes goes nowhere that is not proven,
        but to hosts that the operator named.
        """
        profile = QueueProfile()
        wanted = RoutePolicy(TLSLevel.VERIFIED, LookupLevel.DNSSEC)
        profile.constrainers = (lambda envelope, policy: wanted,)
        self.transport = self.made(profile=profile)
        [outcome] = self.deliver(messageFor(b"a@example.com"))
        self.assertEqual((outcome.fate, self.pool.tried), (Fate.FAILED, []))
        self.domains[b"example.org"] = MailHosts((ONE,), namesAuthentic=True)
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual(outcome.fate, Fate.DELIVERED)
        self.transport = self.made(profile=profile, manual=True)
        [outcome] = self.deliver(messageFor(b"a@example.com"))
        self.assertEqual(outcome.fate, Fate.DELIVERED)

    # --- an attempt ------------------------------------------------------------------

    def test_taken(self) -> None:
        """The first host takes it: all of it, with what was put above."""
        message = messageFor(b"a@example.org", b"b@example.net", prefix=b"R: z\r\n")
        outcomes = self.deliver(message)
        self.assertEqual(
            outcomes,
            [
                Outcome(i, Fate.DELIVERED, "250 2.0.0 Taken", OK, via(ONE), cause)
                for i, cause in ((0, Cause.RECIPIENT), (1, Cause.RECIPIENT))
            ],
        )
        self.assertEqual(
            self.pool.tried, [(b"mx1.example", [b"a@example.org", b"b@example.net"])]
        )
        self.assertEqual(self.pool.bodies, [(b"R: z\r\nX: y\r\n\r\nHello\r\n", 21)])

    def test_notedBeforeTheNext(self) -> None:
        """Who has it is told before another host is asked for the others."""
        noted: list[tuple[int, int]] = []

        def partly(host: MailHost, envelope: Envelope) -> Sent:
            first, second = envelope.recipients
            said = ((first, OK), (second, GREY))
            causes = (Cause.RECIPIENT, Cause.RECIPIENT)
            return Sent(said, causes, Scope.MESSAGE, via(host))

        def note(outcomes: Sequence[Outcome]) -> None:
            had = [each.index for each in outcomes if each.fate is Fate.DELIVERED]
            noted.extend((index, len(self.pool.tried)) for index in had)

        self.pool.said[b"mx1.example"] = partly
        message = messageFor(b"a@example.org", b"b@example.org")
        [leg] = self.locate(message).legs
        body = HeldBody(b"X: y\r\n\r\nHello\r\n")
        attempt = Attempt(message, body, leg.indices, where=leg.where, note=note)
        done = Deferred.fromCoroutine(self.transport.deliver(attempt))
        outcomes = self.successResultOf(done)
        self.assertEqual([each.fate for each in outcomes], [Fate.DELIVERED] * 2)
        self.assertEqual(noted, [(0, 1)])

    def test_hostsDiffer(self) -> None:
        """How one host is talked to may not be how another is."""

        def wayTo(host: MailHost, way: Way) -> Way:
            return evolve(way, name=host.name)

        self.pool.said[b"mx1.example"] = self.unreached(ONE)
        self.transport = self.made(wayTo=wayTo)
        self.deliver(messageFor(b"x@example.org"))
        names = [way.name for way in self.pool.ways]
        self.assertEqual(names, [b"mx1.example", b"mx2.example"])

    def test_postmaster(self) -> None:
        """Who has no domain is at home, which the route knows."""
        self.domains[b""] = self.domains[b"example.com"]
        self.deliver(messageFor(b"postmaster"))
        self.assertEqual(self.asked, [b""])
        self.assertEqual(self.pool.tried, [(b"mx3.example", [b"postmaster"])])

    def test_cannotBeReached(self) -> None:
        """Then the next is tried; and the first is left alone for a while."""
        self.pool.said[ONE.name] = self.unreached(ONE)
        for _ in range(2):
            [outcome] = self.deliver(messageFor(b"a@example.org"))
            self.assertEqual(outcome.fate, Fate.DELIVERED)
        self.assertEqual(
            [name for name, _ in self.pool.tried],
            [b"mx1.example", b"mx2.example", b"mx2.example"],
        )

    def test_noneCanBeReached(self) -> None:
        """It is tried later, and what comes before that is not tried at all."""
        for host in (ONE, TWO):
            self.pool.said[host.name] = self.unreached(host)
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual(
            (outcome.fate, outcome.cause, outcome.text, outcome.via),
            (Fate.WAITING, Cause.CONNECT, "mx2.example: no", via(TWO)),
        )
        self.assertGreater(outcome.notBefore, self.clock.seconds())
        self.pool.tried.clear()
        [early] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual(
            (early.fate, early.cause, early.text),
            (
                Fate.WAITING,
                Cause.EARLY,
                "retry time not reached for any host: mx1.example: no",
            ),
        )
        self.assertEqual(self.pool.tried, [])
        self.clock.advance(early.notBefore - self.clock.seconds())
        self.pool.said.clear()
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual(outcome.fate, Fate.DELIVERED)

    def test_leftAloneByRule(self) -> None:
        """How long a host is left alone is the operator's to say."""
        asked: list[tuple[bytes, Cause, float, int]] = []

        def pause(
            path: bytes, outcome: Outcome, seconds: float, failures: int
        ) -> float:
            asked.append((path, outcome.cause, seconds, failures))
            return 7.0

        self.transport = self.made(pause=pause)
        self.pool.said[THREE.name] = self.unreached(THREE)
        for seconds, failures in ((0.0, 0), (7.0, 1)):
            asked.clear()
            [outcome] = self.deliver(messageFor(b"a@example.com"))
            self.assertEqual(outcome.notBefore, self.clock.seconds() + 7.0)
            self.assertEqual(
                asked, [(b"a@example.com", Cause.CONNECT, seconds, failures)]
            )
            self.clock.advance(7.0)

    def test_turnedAway(self) -> None:
        """
        A host that wants no mail at all is the next one's turn; if there is none,
        it is for good.  A login that does not work is for now.
        """
        never = reply(554, "5.3.2", b"No mail here")
        self.pool.said[THREE.name] = self.unreached(THREE, Cause.SESSION, never)
        [outcome] = self.deliver(messageFor(b"a@example.com"))
        self.assertEqual((outcome.fate, outcome.reply), (Fate.FAILED, never))
        self.pool.said[ONE.name] = self.unreached(ONE, Cause.SESSION, never)
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual(outcome.fate, Fate.DELIVERED)
        wrong = reply(535, "5.7.8", b"Wrong")
        four = MailHost(b"mx4.example", (b"192.0.2.4",))
        self.domains[b"example.edu"] = MailHosts((four,))
        self.pool.said[four.name] = self.unreached(four, Cause.LOGIN, wrong)
        for _ in range(2):
            [outcome] = self.deliver(messageFor(b"a@example.edu"))
            self.assertEqual((outcome.fate, outcome.reply), (Fate.WAITING, wrong))
            self.assertEqual(outcome.notBefore, 0.0)

    def test_oneAddressIsInTrouble(self) -> None:
        """The host is tried at its others."""
        self.pool.said[ONE.name] = self.unreached(ONE, Cause.LOST)
        self.deliver(messageFor(b"a@example.org"))
        self.pool.tried.clear()
        self.deliver(messageFor(b"a@example.org"))
        self.assertEqual(self.pool.tried[0][0], b"mx1.example")

    def test_livelyHost(self) -> None:
        """One that took something just now is not in trouble."""
        self.deliver(messageFor(b"a@example.com"))
        self.pool.said[THREE.name] = self.unreached(THREE)
        [outcome] = self.deliver(messageFor(b"a@example.com"))
        self.assertEqual((outcome.fate, outcome.notBefore), (Fate.WAITING, 0.0))
        self.pool.said.clear()
        [outcome] = self.deliver(messageFor(b"a@example.com"))
        self.assertEqual(outcome.fate, Fate.DELIVERED)

    def test_refused(self) -> None:
        """Who is refused for good is; who is refused for now may try the next."""

        def some(host: MailHost, envelope: Envelope) -> Sent:
            said = {b"a@example.org": OK, b"b@example.org": NO, b"c@example.org": GREY}
            outcomes = tuple((r, said[r.path]) for r in envelope.recipients)
            causes = (Cause.RECIPIENT,) * len(outcomes)
            return Sent(outcomes, causes, Scope.MESSAGE, via(host))

        self.pool.said = {ONE.name: some, TWO.name: some}
        message = messageFor(b"a@example.org", b"b@example.org", b"c@example.org")
        self.assertEqual(
            [(o.index, o.fate, o.text) for o in self.deliver(message)],
            [
                (0, Fate.DELIVERED, "250 2.0.0 Taken"),
                (1, Fate.FAILED, "mx1.example [192.0.2.1]: 550 5.1.1 Not here"),
                (2, Fate.WAITING, "mx2.example [192.0.2.2]: 450 4.7.1 Come again"),
            ],
        )
        self.assertEqual(self.pool.tried[1], (b"mx2.example", [b"c@example.org"]))

    def test_refusedWithItsBody(self) -> None:
        """What was sent whole is not sent whole to one after the other."""
        self.pool.said[ONE.name] = lambda host, envelope: sent(
            host, envelope, GREY, Cause.CONTENT
        )
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual((outcome.fate, len(self.pool.tried)), (Fate.WAITING, 1))

    def test_unsure(self) -> None:
        """What a host may have taken is given to no other at once."""
        lost = reply(451, "4.4.2", b"Connection lost")
        self.pool.said[ONE.name] = lambda host, envelope: sent(
            host, envelope, lost, Cause.LOST, unsure=True
        )
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual((outcome.fate, len(self.pool.tried)), (Fate.WAITING, 1))

    def test_anotherHostMayTakeIt(self) -> None:
        """A refusal for a reason of the host's own is not the last word."""
        self.pool.said[ONE.name] = lambda host, envelope: sent(
            host, envelope, FULL, Cause.SENDER, Scope.HOST
        )
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual(outcome.fate, Fate.DELIVERED)
        self.pool.said[TWO.name] = self.pool.said[ONE.name]
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual((outcome.fate, outcome.reply), (Fate.FAILED, FULL))

    def test_bounded(self) -> None:
        """Two are talked to, and five tried, in one attempt."""
        hosts = tuple(
            MailHost(b"mx%d.example" % n, (b"192.0.2.%d" % n,), preference=n)
            for n in range(9)
        )
        self.domains[b"example.org"] = MailHosts(hosts)
        self.pool.said = {host.name: GREY for host in hosts}
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual((outcome.fate, len(self.pool.tried)), (Fate.WAITING, 2))
        self.clock.advance(100)
        self.pool.tried.clear()
        self.pool.said = {host.name: self.unreached(host) for host in hosts}
        self.deliver(messageFor(b"a@example.org"))
        self.assertEqual(len(self.pool.tried), 5)

    def test_anAddress(self) -> None:
        """A host without a name is told of by its address."""
        host = MailHost(b"[IPv6:2001:db8::9]", (b"2001:db8::9",))
        self.domains[b"example.org"] = MailHosts((host,))
        self.pool.said[host.name] = Reply(550, None, (b"No", b"and \xff no"))
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual(outcome.text, "[2001:db8::9]: 550 No and \\xff no")
        self.assertEqual(messageFor(b"a@b").envelope.recipients[0].path, b"a@b")

    def test_recipientsKeepTheirStamps(self) -> None:
        """The envelope that is sent has the recipients themselves."""
        message = messageFor(b"a@example.com")
        seen: list[Recipient] = []

        def see(host: MailHost, envelope: Envelope) -> Sent:
            seen.extend(envelope.recipients)
            return sent(host, envelope)

        self.pool.said[THREE.name] = see
        self.deliver(message)
        self.assertIs(seen[0], message.envelope.recipients[0])

    def test_errand(self) -> None:
        """
        Each host is told by the envelope which message it is, and whether it may have
        come before; the message itself is as it was.
        """
        message = messageFor(b"a@example.org")
        seen: list[Errand] = []

        def see(host: MailHost, envelope: Envelope) -> Sent:
            seen.append(envelope.stamps[ERRAND])
            return sent(host, envelope, FULL, Cause.SENDER, Scope.HOST)

        self.pool.said = {ONE.name: see, TWO.name: see}
        [leg] = self.locate(message).legs
        body = HeldBody(b"X: y\r\n\r\nHello\r\n")
        for again in (False, True):
            attempt = Attempt(message, body, leg.indices, again, leg.where)
            self.successResultOf(
                Deferred.fromCoroutine(self.transport.deliver(attempt))
            )
        self.assertEqual([each.id for each in seen], [message.id] * 4)
        self.assertEqual([each.again for each in seen], [False, False, True, True])
        self.assertIs(seen[0], seen[1])
        self.assertNotIn(ERRAND, message.envelope.stamps)

    def test_mayHaveSomeOfIt(self) -> None:
        """
        A host that knows the message again, and was lost in the middle of it, is tried
        first the next time, whatever its preference (RFC 1845 section 3).
        """
        lost = reply(451, "4.4.2", b"Connection lost")

        def named(host: MailHost, envelope: Envelope) -> Sent:
            envelope.stamps[ERRAND].names.add(b"name")
            return sent(host, envelope, lost, Cause.LOST, unsure=host is TWO)

        message = messageFor(b"a@example.org")
        self.pool.said = {ONE.name: self.unreached(ONE), TWO.name: named}
        self.deliver(message)
        self.clock.advance(86400)
        self.pool.tried.clear()
        self.pool.said = {ONE.name: NO}
        self.assertEqual(self.deliver(message)[0].fate, Fate.DELIVERED)
        self.assertEqual([name for name, _ in self.pool.tried], [TWO.name])
        self.pool.tried.clear()
        self.deliver(message)
        self.assertEqual([name for name, _ in self.pool.tried], [ONE.name])
