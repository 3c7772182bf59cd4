"""Tests for L{smtpx.policy.callout}."""

from __future__ import annotations

from random import Random

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Recipient
from smtpx.core.hooks import Scope
from smtpx.core.reply import OK, Reply, reply
from smtpx.dns.mailhosts import MailHost, MailHosts, Unroutable
from smtpx.net.sending import Sent, Unreached, Way
from smtpx.policy.callout import HOSTS_MOST, Callout
from smtpx.policy.recipients import Finding, IRecipientCheck, Standing
from smtpx.policy.turnstile import Turnstile
from smtpx.spool.via import Cause, Via

NO = reply(550, "5.1.1", b"No such\r\nuser")
GREY = reply(450, "4.7.1", b"Come again")
WAY = Way(name=b"mx.example")
PATH = b"ann@branch.example"

HOSTS = tuple(
    MailHost(b"mx%d.branch.example" % n, (b"192.0.2.%d" % n,), preference=n)
    for n in range(1, 6)
)


@define
class Next:
    """
    Where mail goes next.

    @ivar hosts: the hosts; what finding them fails with; L{None}: it stays here.
    @ivar troubled: which are in trouble.
    """

    hosts: MailHosts | Exception | None = MailHosts(HOSTS[:2])
    troubled: tuple[MailHost, ...] = ()

    def find(self, path: bytes) -> Deferred[MailHosts] | None:
        """See L{smtpx.policy.callout.Onward}."""
        if isinstance(self.hosts, Exception):
            return fail(self.hosts)
        return None if self.hosts is None else succeed(self.hosts)

    async def wayTo(self, path: bytes, host: MailHost, hosts: MailHosts) -> Way:
        """See L{smtpx.policy.callout.Onward}."""
        return WAY

    def mayTry(self, host: MailHost) -> bool:
        """See L{smtpx.policy.callout.Onward}."""
        return host not in self.troubled


@define
class Peer:
    """
    Hosts that answer.

    @ivar said: by host: what it says, and to what; L{None}: it cannot be reached.
    @ivar asked: who was asked.
    """

    said: dict[bytes, tuple[Reply, Cause] | None] = field(factory=dict)
    asked: list[bytes] = field(factory=list)

    def verify(self, host: MailHost, way: Way, path: bytes) -> Deferred[Sent]:
        """See L{smtpx.policy.callout.Verify}."""
        assert (way, path) == (WAY, PATH)
        self.asked.append(host.name)
        said = self.said.get(host.name, (OK, Cause.OTHER))
        via = Via(host.name, host.addresses[0], host.port)
        if said is None:
            return fail(Unreached("Connection refused", Cause.CONNECT, via, None))
        outcomes = ((Recipient(path), said[0]),)
        return succeed(Sent(outcomes, (said[1],), Scope.MESSAGE, via))


class CalloutTests(SynchronousTestCase):
    """What the next host says of a recipient."""

    def setUp(self) -> None:
        """Two hosts, which take everything."""
        self.next, self.peer = Next(), Peer()
        self.clock = Clock()
        self.callout = Callout(
            self.next, self.peer.verify, Turnstile(self.clock), Random(1)
        )

    def found(self) -> Finding:
        """What is found."""
        return self.successResultOf(self.callout.look(PATH, b"192.0.2.9"))

    def assertFinds(self, standing: Standing, why: str, *asked: int) -> None:
        """This is found, and these hosts were asked for it."""
        self.assertEqual(self.found(), Finding(standing, why))
        names = [b"mx%d.branch.example" % n for n in asked]
        self.assertEqual(self.peer.asked, names)

    def test_isCheck(self) -> None:
        """It is a check."""
        verifyObject(IRecipientCheck, self.callout)
        self.found()

    def test_known(self) -> None:
        """The best host takes mail for the recipient."""
        self.assertFinds(Standing.KNOWN, "", 1)

    def test_unknown(self) -> None:
        """What it says of RCPT for good is what becomes of a message."""
        self.peer.said[HOSTS[0].name] = NO, Cause.RECIPIENT
        why = f"mx1.branch.example: {NO.octets.decode().strip()}".replace("\r\n", " / ")
        self.assertFinds(Standing.UNKNOWN, why, 1)

    def test_saysNothingOfTheRecipient(self) -> None:
        """A host that wants no null sender, or puts us off, could not tell."""
        for said in ((NO, Cause.SENDER), (GREY, Cause.RECIPIENT), (NO, Cause.LOST)):
            self.peer.asked.clear()
            self.peer.said = {host.name: said for host in HOSTS}
            found = self.found()
            self.assertIs(found.standing, Standing.UNSURE)
            self.assertIn("mx2.branch.example: ", found.why)
            self.assertEqual(len(self.peer.asked), 2)

    def test_nextHost(self) -> None:
        """Where the first cannot tell, the next is asked."""
        self.peer.said[HOSTS[0].name] = None
        self.assertFinds(Standing.KNOWN, "", 1, 2)
        self.peer.asked.clear()
        self.peer.said[HOSTS[1].name] = None
        why = "mx2.branch.example: Connection refused"
        self.assertFinds(Standing.UNSURE, why, 1, 2)

    def test_bounded(self) -> None:
        """Only a few are asked."""
        self.next.hosts = MailHosts(HOSTS)
        self.peer.said = {host.name: None for host in HOSTS}
        self.assertIs(self.found().standing, Standing.UNSURE)
        self.assertEqual(len(self.peer.asked), HOSTS_MOST)

    def test_inTrouble(self) -> None:
        """A host that is known not to answer is not asked."""
        self.next.troubled = HOSTS[:1]
        self.assertFinds(Standing.KNOWN, "", 2)
        self.peer.asked.clear()
        self.next.troubled = HOSTS
        self.assertFinds(Standing.UNSURE, "all its hosts are in trouble")

    def test_staysHere(self) -> None:
        """What is not sent on has nobody to be asked."""
        self.next.hosts = None
        self.assertFinds(Standing.KNOWN, "")

    def test_noHosts(self) -> None:
        """Nobody is at a domain that there is not; else nobody can tell."""
        for said, standing in (
            (reply(550, "5.1.2", b"x"), Standing.UNKNOWN),
            (reply(556, "5.1.10", b"x"), Standing.UNKNOWN),
            (reply(451, "4.4.3", b"x"), Standing.UNSURE),
            (reply(554, "5.4.6", b"x"), Standing.UNSURE),
            (evolve(NO, status=None), Standing.UNSURE),
        ):
            self.next.hosts = Unroutable(said, "why")
            self.assertFinds(standing, "why")

    def test_tooLong(self) -> None:
        """Nobody waits for ever."""
        self.next.hosts = None
        waiting: Deferred[MailHosts] = Deferred()
        self.patch(Next, "find", lambda next, path: waiting)
        looking = self.callout.look(PATH, b"192.0.2.9")
        self.clock.advance(10.0)
        self.failureResultOf(looking, TimeoutError)
