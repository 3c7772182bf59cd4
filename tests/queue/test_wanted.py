"""Tests for L{smtpx.queue.wanted}, and of what the transport makes of it."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.clientreplies import NO_TLS
from smtpx.core.demands import Demand
from smtpx.core.envelope import Envelope
from smtpx.core.flaw import Flaw
from smtpx.core.hooks import LookupLevel, RoutePolicy, Scope, TLSLevel
from smtpx.core.queueprofile import QueueProfile
from smtpx.core.reply import Reply, reply
from smtpx.dns.mailhosts import MailHost, MailHosts
from smtpx.extensions.requiretls import OPTIONAL, REDACTED, REQUIRED, RequireTLS
from smtpx.net.protection import Protection
from smtpx.net.sending import Sent, Unreached, Way
from smtpx.queue.smtp import SMTPTransport
from smtpx.queue.wanted import HOSTS_SEARCHED, certain, particular
from smtpx.queue.whither import both
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.via import Cause
from smtpx.tls.rules import Rules

from .doubles import messageFor
from .pools import GREY, ONE, THREE, TWO, sent, via
from .remotes import SMTPTransportCase

WANTED = RoutePolicy(TLSLevel.VERIFIED, LookupLevel.MTASTS)
ASKED = both(RoutePolicy(), WANTED)
UNSUPPORTED = reply(550, "5.7.30", b"REQUIRETLS support required")
NOT_NOW = reply(454, "4.7.0", b"TLS not available due to temporary reason")
UNKNOWN = reply(502, "5.5.1", b"What is that?")


class CertainTests(SynchronousTestCase):
    """Whether a host that cannot be had today can be had tomorrow."""

    def error(self, flaw: Flaw | None, said: Reply | None = None) -> Unreached:
        """A host that cannot be had."""
        cause = Cause.CONNECT if flaw is None else Cause.TLS
        return Unreached("no", cause, via(ONE), said, flaw)

    def test_whatWillStayIsCertain(self) -> None:
        """
        RFC 8689 section 4.2.1: no TLS, and a certificate that is not good, are 5.7.10.
        """
        for error in (
            self.error(Flaw.NO_TLS, NO_TLS),
            self.error(Flaw.NO_TLS, UNKNOWN),
            self.error(Flaw.NAME),
            self.error(Flaw.EXPIRED),
            self.error(Flaw.UNTRUSTED),
            self.error(Flaw.TLSA),
        ):
            found = certain(error, ASKED)
            assert found.reply is not None
            self.assertEqual((found.reply.code, found.reply.status), (550, (5, 7, 10)))
            self.assertTrue(found.final)
            self.assertEqual((found.text, found.flaw), ("no", error.flaw))

    def test_whatMayChangeIsNot(self) -> None:
        """It is tried again."""
        for error in (
            self.error(None),
            self.error(Flaw.NO_TLS, NOT_NOW),
            self.error(Flaw.NO_TLS),
            self.error(Flaw.HANDSHAKE),
            self.error(Flaw.DNSSEC),
            self.error(Flaw.BARRED, NOT_NOW),
        ):
            self.assertIs(certain(error, ASKED), error)

    def test_otherMailWaits(self) -> None:
        """What the route wants, or the domain, is for somebody to mend."""
        error = self.error(Flaw.EXPIRED)
        dane = Demand("dane", "there are records", TLSLevel.VERIFIED)
        for policy in (
            RoutePolicy(TLSLevel.VERIFIED),
            RoutePolicy(TLSLevel.VERIFIED, demands=(dane,)),
            both(RoutePolicy(), RoutePolicy(lenient=True)),
        ):
            self.assertFalse(particular(policy))
            self.assertIs(certain(error, policy), error)

    def test_whatIsFinalStaysAsItIs(self) -> None:
        """Somebody has found words for it already."""
        error = self.error(Flaw.TLSA)
        error.final = True
        self.assertIs(certain(error, ASKED), error)


class SearchTests(SMTPTransportCase):
    """
    RFC 8689 section 4.2.1: one host of the domain after the other, until one will do.
    """

    def made(self, way: Way | None = None, **options: object) -> SMTPTransport:
        """A transport that knows of REQUIRETLS."""
        profile = QueueProfile().load([RequireTLS()])
        protection = Protection(Rules(), self.clock.seconds)
        options = {"protection": protection, "profile": profile, **options}
        return SMTPTransportCase.made(self, way, **options)

    def setUp(self) -> None:
        """The domains have hosts for sure."""
        SMTPTransportCase.setUp(self)
        for domain, hosts in self.domains.items():
            self.domains[domain] = evolve(hosts, namesAuthentic=True)

    def required(self, *paths: bytes) -> SpooledMessage:
        """A message that is to go under verified TLS or not at all."""
        message = messageFor(*paths or (b"a@example.org",))
        message.envelope.stamps[REQUIRED] = True
        return message

    def unsupported(self, host: MailHost, envelope: Envelope) -> Sent:
        """What comes of a host that does not offer REQUIRETLS."""
        return sent(host, envelope, UNSUPPORTED, Cause.CONTENT, Scope.HOST)

    def untrusted(self, host: MailHost) -> Unreached:
        """A host with a certificate of others."""
        return Unreached("not for it", Cause.TLS, via(host), None, Flaw.NAME)

    def only(self, *paths: bytes) -> Outcome:
        """What becomes of a message for one."""
        [outcome] = self.deliver(self.required(*paths))
        return outcome

    def test_nextHostThatOffersIt(self) -> None:
        """A host that does not offer it makes room for one that does."""
        self.pool.said[ONE.name] = self.unsupported
        self.assertIs(self.only().fate, Fate.DELIVERED)
        self.assertEqual([name for name, _ in self.pool.tried], [ONE.name, TWO.name])

    def test_nextHostThatIsVerified(self) -> None:
        """So does one that is not who it should be."""
        self.pool.said[ONE.name] = self.untrusted(ONE)
        self.assertIs(self.only().fate, Fate.DELIVERED)

    def test_noHostOffersIt(self) -> None:
        """It comes back, with 5.7.30."""
        for host in (ONE, TWO):
            self.pool.said[host.name] = self.unsupported
        outcome = self.only()
        self.assertIs(outcome.fate, Fate.FAILED)
        assert outcome.reply is not None
        self.assertEqual(outcome.reply.status, (5, 7, 30))

    def test_noHostIsVerified(self) -> None:
        """It comes back, with 5.7.10."""
        for host in (ONE, TWO):
            self.pool.said[host.name] = self.untrusted(host)
        for _ in range(2):
            # The second time nobody is asked: it is known.
            outcome = self.only()
            self.assertIs(outcome.fate, Fate.FAILED)
            assert outcome.reply is not None
            self.assertEqual(outcome.reply.status, (5, 7, 10))
        self.assertEqual(len(self.pool.tried), 2)

    def test_hostThatCouldNotBeLookedUp(self) -> None:
        """So it is while the address of one is not known for want of an answer."""
        found = MailHosts((ONE,), namesAuthentic=True, partial=True)
        self.domains[b"example.org"] = found
        for said in (self.unsupported, self.untrusted(ONE)):
            self.pool.said[ONE.name] = said
            self.assertIs(self.only().fate, Fate.WAITING)

    def test_hostThatMayDoTomorrow(self) -> None:
        """While one could not be asked, nothing is certain."""
        self.pool.said[ONE.name] = self.unreached(ONE)
        self.pool.said[TWO.name] = self.unsupported
        self.assertIs(self.only().fate, Fate.WAITING)

    def test_allHostsAreSearched(self) -> None:
        """Not only as many as for other mail; but there is a bound."""
        hosts = tuple(
            MailHost(b"mx%d.example" % number, (b"192.0.2.1",), preference=number)
            for number in range(HOSTS_SEARCHED + 1)
        )
        self.domains[b"example.org"] = MailHosts(hosts, namesAuthentic=True)
        for host in hosts[: HOSTS_SEARCHED - 1]:
            self.pool.said[host.name] = self.unsupported
        self.assertIs(self.only().fate, Fate.DELIVERED)
        self.pool.tried.clear()
        for host in hosts[:HOSTS_SEARCHED]:
            self.pool.said[host.name] = GREY
        self.assertIs(self.only().fate, Fate.WAITING)
        self.assertEqual(len(self.pool.tried), HOSTS_SEARCHED)

    def test_domainsThatShareHosts(self) -> None:
        """
        That hosts are one domain's for sure says nothing of another that has the same.
        """
        self.domains[b"example.net"] = MailHosts((ONE, TWO))
        outcomes = self.deliver(self.required(b"a@example.net", b"b@example.org"))
        fates = {each.index: each.fate for each in outcomes}
        self.assertEqual(fates, {0: Fate.FAILED, 1: Fate.DELIVERED})
        message = messageFor(b"a@example.net", b"b@example.org")
        legs = self.locate(message).legs
        self.assertEqual([each.indices for each in legs], [(0,), (1,)])

    def test_domainThatIsItsOwnHost(self) -> None:
        """Nothing is to be proven of it, even where others share it."""
        home = MailHost(b"example.com", THREE.addresses)
        self.domains[b"example.com"] = self.domains[b"example.net"] = MailHosts((home,))
        outcomes = self.deliver(self.required(b"a@example.net", b"b@example.com"))
        fates = {each.index: each.fate for each in outcomes}
        self.assertEqual(fates, {0: Fate.FAILED, 1: Fate.DELIVERED})

    def report(self) -> Outcome:
        """What becomes of a report of ours."""
        message = self.required()
        message.envelope.sender = b""
        message.envelope.stamps[REDACTED] = True
        [outcome] = self.deliver(message)
        return outcome

    def test_report(self) -> None:
        """
        RFC 8689 section 5: a report that has no more than the header goes to a host
        that will do, and else to any; but not while one may do.
        """
        self.pool.said[ONE.name] = self.untrusted(ONE)
        self.assertIs(self.report().fate, Fate.DELIVERED)
        self.assertEqual([way.policy for way in self.pool.ways], [WANTED, WANTED])
        self.pool.said[TWO.name] = self.unreached(TWO)
        self.assertIs(self.report().fate, Fate.WAITING)
        self.clock.advance(86400)
        self.domains[b"example.org"] = MailHosts((THREE,))
        self.pool.ways.clear()
        self.assertIs(self.report().fate, Fate.DELIVERED)
        self.assertEqual([way.policy for way in self.pool.ways], [RoutePolicy()])

    def test_otherMailMayGo(self) -> None:
        """What wants nothing goes to the host that would not do, by another way."""
        self.pool.said[ONE.name] = self.untrusted(ONE)
        self.only()
        del self.pool.said[ONE.name]
        self.pool.tried.clear()
        self.deliver(messageFor(b"a@example.org"))
        self.assertEqual([name for name, _ in self.pool.tried], [ONE.name])
        ways = {way.policy.tls for way in self.pool.ways}
        self.assertEqual(ways, {TLSLevel.VERIFIED, TLSLevel.OPPORTUNISTIC})

    def test_senderWhoWantsItDelivered(self) -> None:
        """C{TLS-Required: No} goes by a way of its own as well."""
        message = messageFor(b"a@example.org")
        message.envelope.stamps[OPTIONAL] = True
        self.deliver(message)
        [way] = self.pool.ways
        self.assertEqual(way.policy, RoutePolicy(lenient=True))
