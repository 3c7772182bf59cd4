"""Tests for L{smtpx.queue.smtp}: what is remembered of hosts, and which is next."""

from __future__ import annotations

from attrs import evolve

from smtpx.core.envelope import Envelope
from smtpx.core.hooks import LookupLevel, RoutePolicy, Scope, TLSLevel
from smtpx.core.reply import reply
from smtpx.dns.mailhosts import MailHost, MailHosts
from smtpx.knowledge.hints import HostHints
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.names import hostName
from smtpx.net.sending import Sent, Unreached, Way
from smtpx.queue import locating, repute
from smtpx.spool.format import Fate
from smtpx.spool.via import Cause, Via

from .doubles import messageFor
from .pools import NO, OK, ONE, THREE, TWO, via
from .remotes import SMTPTransportCase

#: A host with two addresses.
BOTH = MailHost(b"both.example", (b"192.0.2.7", b"192.0.2.8"))


class RememberedTests(SMTPTransportCase):
    """Domains and lanes."""

    def test_sameWay(self) -> None:
        """
        Messages for one domain go the very same way, until its hosts are others, and
        as long as messages want the same.
        """
        message = messageFor(b"a@example.org")
        [first] = self.locate(message).legs
        [second] = self.locate(messageFor(b"b@example.org")).legs
        self.assertIs(second.where, first.where)
        self.clock.advance(11.0)
        self.domains[b"example.org"] = MailHosts((ONE,))
        [other] = self.locate(message).legs
        self.assertNotEqual(other.where, first.where)
        self.assertEqual(other.lane, b"remote mx1.example")

    def test_nowhereAndSomewhere(self) -> None:
        """A domain without a way keeps nobody from having theirs."""
        message = messageFor(b"a@nowhere.example", b"b@example.com", b"c@not.example")
        located = self.locate(message)
        self.assertEqual([each.index for each in located.outcomes], [0, 2])
        self.assertEqual([leg.indices for leg in located.legs], [(1,)])

    def test_severalDomains(self) -> None:
        """Each domain is remembered for itself."""
        for _ in range(3):
            self.locate(messageFor(b"a@example.com", b"b@example.org"))
        self.assertEqual(self.asked, [b"example.com", b"example.org"])

    def test_clockSetBack(self) -> None:
        """After the clock was set back, what is remembered is not believed."""
        self.locate(messageFor(b"a@example.com"))
        self.clock.rightNow -= 0.5
        self.locate(messageFor(b"a@example.com"))
        self.assertEqual(len(self.asked), 2)

    def test_bounded(self) -> None:
        """Neither of lanes nor of hosts more are remembered than so many."""
        for each in (locating, repute):
            self.patch(each, "_REMEMBERED_MOST", 3)
        for number in range(10):
            host = MailHost(b"mx%d.example" % number, (b"192.0.2.9",))
            self.domains[b"%d.example" % number] = MailHosts((host,))
            self.deliver(messageFor(b"a@%d.example" % number))
            for kept in (self.transport._locating._lanes, self.transport._repute._took):
                self.assertEqual(len(kept), number % 3 + 1)

    def test_longestName(self) -> None:
        """A lane's name that is just as long as it may be is left as it is."""
        names = [b"m" * 248, b"m" * 249]
        lanes = []
        for name in names:
            self.domains[b"example.org"] = MailHosts((MailHost(name, (b"192.0.2.1",)),))
            self.transport = self.made()
            [leg] = self.locate(messageFor(b"a@example.org")).legs
            lanes.append(leg.lane)
        self.assertEqual(lanes[0], b"remote " + names[0])
        self.assertIn(b"#", lanes[1])

    def test_lenientLookup(self) -> None:
        """Where a proof is only wished for, mail goes without one as well."""
        for lenient, fate in ((True, Fate.DELIVERED), (False, Fate.FAILED)):
            policy = RoutePolicy(
                TLSLevel.OPPORTUNISTIC, LookupLevel.DNSSEC, lenient=lenient
            )
            self.transport = self.made(Way(policy))
            [outcome] = self.deliver(messageFor(b"a@example.com"))
            self.assertEqual(outcome.fate, fate)


class HostsTests(SMTPTransportCase):
    """Hosts in trouble, and those that are not."""

    def test_heardIsHeard(self) -> None:
        """One that greets us only to turn us away was talked to as well."""
        hosts = tuple(
            MailHost(b"mx%d.example" % n, (b"192.0.2.%d" % n,), preference=n)
            for n in range(9)
        )
        self.domains[b"example.org"] = MailHosts(hosts)
        busy = reply(421, "4.3.2", b"Busy")
        self.pool.said = {
            host.name: self.unreached(host, Cause.SESSION, busy) for host in hosts
        }
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertEqual((outcome.fate, len(self.pool.tried)), (Fate.WAITING, 2))

    def test_turnedAwayForNow(self) -> None:
        """A greeting that says later, or no greeting at all, is for now."""
        busy = reply(421, "4.3.2", b"Busy")
        for said in (busy, None):
            self.pool.said[THREE.name] = self.unreached(THREE, Cause.SESSION, said)
            self.transport = self.made()
            [outcome] = self.deliver(messageFor(b"a@example.com"))
            self.assertEqual((outcome.fate, outcome.reply), (Fate.WAITING, said))
            self.clock.advance(4000)

    def test_askedFor(self) -> None:
        """Who is asked for does not mind what failed before, only what does since."""
        self.domains[b"example.org"] = MailHosts((ONE,))
        self.pool.said[ONE.name] = self.unreached(ONE)
        message = messageFor(b"a@example.org")
        self.deliver(message)
        [outcome] = self.deliver(message)
        self.assertIs(outcome.cause, Cause.EARLY)
        asked = self.clock.seconds()
        [outcome] = self.deliver(message, asked)
        self.assertIs(outcome.cause, Cause.CONNECT)
        self.clock.advance(1)
        self.deliver(message, self.clock.seconds())
        [outcome] = self.deliver(message, asked)
        self.assertIs(outcome.cause, Cause.EARLY)
        del self.pool.said[ONE.name]
        [outcome] = self.deliver(message, self.clock.seconds())
        self.assertIs(outcome.fate, Fate.DELIVERED)

    def test_deliveredIsDelivered(self) -> None:
        """Who has it does not get it of the next host, which others go to."""

        def some(host: MailHost, envelope: Envelope) -> Sent:
            said = {b"a@example.org": OK, b"b@example.org": NO}
            outcomes = tuple((r, said[r.path]) for r in envelope.recipients)
            causes = (Cause.RECIPIENT,) * len(outcomes)
            return Sent(outcomes, causes, Scope.HOST, via(host))

        self.pool.said[ONE.name] = some
        outcomes = self.deliver(messageFor(b"a@example.org", b"b@example.org"))
        self.assertEqual([each.fate for each in outcomes], [Fate.DELIVERED] * 2)
        self.assertEqual(self.pool.tried[1:], [(TWO.name, [b"b@example.org"])])

    def test_notLivelyForEver(self) -> None:
        """Half a minute after its last success a host may be in trouble."""
        for seconds, inTrouble in ((29.5, False), (30.0, True)):
            self.pool.said.clear()
            self.deliver(messageFor(b"a@example.com"))
            self.clock.advance(seconds)
            self.pool.said[THREE.name] = self.unreached(THREE)
            [outcome] = self.deliver(messageFor(b"a@example.com"))
            self.assertEqual(outcome.notBefore > 0.0, inTrouble)

    def test_severalLivelyHosts(self) -> None:
        """Each is remembered for itself."""
        self.deliver(messageFor(b"a@example.com"))
        self.deliver(messageFor(b"a@example.org"))
        self.pool.said[THREE.name] = self.unreached(THREE)
        [outcome] = self.deliver(messageFor(b"a@example.com"))
        self.assertEqual(outcome.notBefore, 0.0)

    def test_lostSomewhere(self) -> None:
        """Where it is not known at which address it failed, all are in trouble."""
        self.domains[b"example.com"] = MailHosts((BOTH,))
        nowhere = Unreached("lost", Cause.LOST, Via(BOTH.name, b""), None)
        self.pool.said[BOTH.name] = nowhere
        for _ in range(2):
            [outcome] = self.deliver(messageFor(b"a@example.com"))
        self.assertEqual(outcome.cause, Cause.EARLY)
        self.assertEqual(len(self.pool.tried), 1)

    def test_soonestAddress(self) -> None:
        """A host may be tried again as soon as one of its addresses may."""
        self.domains[b"example.com"] = MailHosts((BOTH,))
        now = self.clock.seconds
        self.hints = HostHints(
            MemoryKnowledge(now), now, rule=lambda first, at, failures: at + failures
        )
        first = hostName(BOTH.name, BOTH.addresses[0], BOTH.port)
        for _ in range(3):
            self.hints.failed(first, "before", now())
        self.clock.advance(10)
        self.pool.said[BOTH.name] = self.unreached(BOTH)
        self.transport = self.made()
        [outcome] = self.deliver(messageFor(b"a@example.com"))
        self.assertEqual(outcome.notBefore, now() + 1)
        [early] = self.deliver(messageFor(b"a@example.com"))
        self.assertEqual((early.cause, early.notBefore), (Cause.EARLY, now() + 1))

    def test_forgiven(self) -> None:
        """What was known against an address that works is forgotten."""
        name = hostName(THREE.name, THREE.addresses[0], THREE.port)
        self.hints.failed(name, "no", self.clock.seconds() - 4000)
        self.clock.advance(4000)
        self.deliver(messageFor(b"a@example.com"))
        self.assertIsNone(self.hints.trouble(name))

    def test_wayOfEachHost(self) -> None:
        """The way that a message wants is kept from one host to the next."""
        self.pool.said[ONE.name] = self.unreached(ONE)
        names: list[object] = []

        def wayTo(host: MailHost, way: Way) -> Way:
            names.append(way.name)
            return evolve(way, name=host.name)

        self.transport = self.made(wayTo=wayTo)
        self.deliver(messageFor(b"x@example.org"))
        self.assertEqual(names, [None, None])
