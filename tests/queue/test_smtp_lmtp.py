"""Tests for L{smtpx.queue.smtp}, where it speaks LMTP."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from smtpx.core.envelope import Envelope
from smtpx.core.hooks import Action, Dialect, LookupLevel, RoutePolicy, TLSLevel
from smtpx.core.interfaces import IBody
from smtpx.core.queueprofile import QueueProfile
from smtpx.dns.mailhosts import MailHost, MailHosts
from smtpx.net.sending import Heard, Sent, Way
from smtpx.queue.interfaces import Attempt
from smtpx.spool.bodies import HeldBody
from smtpx.spool.format import Fate, Outcome

from .doubles import messageFor
from .pools import OK, via
from .remotes import SMTPTransportCase


class HearingPool:
    """
    A pool that keeps whoever sends waiting.

    @ivar waiting: the envelope, and who is to be told of recipients.
    """

    waiting: tuple[Envelope, Heard]

    def send(
        self,
        host: MailHost,
        way: Way,
        envelope: Envelope,
        body: IBody,
        heard: Heard | None = None,
    ) -> Deferred[Sent]:
        """See L{IClientPool}."""
        assert heard is not None
        self.waiting = envelope, heard
        return Deferred()


class LMTPTests(SMTPTransportCase):
    """What is otherwise than with SMTP."""

    def test_lmtp(self) -> None:
        """
        By LMTP it is final delivery; at a UNIX socket, whatever the message wants of
        a connection.
        """
        self.assertIs(self.transport.reports, Action.RELAYED)
        profile = QueueProfile()
        wanted = RoutePolicy(TLSLevel.VERIFIED, LookupLevel.DNSSEC)
        profile.constrainers = (lambda envelope, policy: wanted,)
        way = Way(dialect=Dialect.LMTP)
        there = MailHosts((MailHost.atSocket(b"/run/lmtp"),))
        self.domains = dict.fromkeys((b"example.org", b"example.com"), there)
        self.transport = self.made(way, profile=profile, local=True, manual=True)
        self.assertIs(self.transport.reports, Action.DELIVERED)
        message = messageFor(b"a@example.org", b"b@example.com")
        [leg] = self.locate(message).legs
        self.assertEqual((leg.lane, leg.indices), (b"remote /run/lmtp", (0, 1)))
        self.deliver(message)
        self.assertIs(self.pool.ways[-1], way)

    def test_notedAtOnce(self) -> None:
        """By LMTP, who has it is noted while others are waited for."""
        there = MailHosts((MailHost.atSocket(b"/run/lmtp"),))
        self.domains = {b"example.org": there}
        self.transport = self.made(Way(dialect=Dialect.LMTP), local=True, manual=True)
        message = messageFor(b"a@example.org", b"b@example.org")
        noted: list[Outcome] = []
        pool = HearingPool()
        self.patch(self.transport, "_pool", pool)
        [leg] = self.locate(message).legs
        body = HeldBody(b"X: y\r\n\r\nHello\r\n")
        attempt = Attempt(
            message, body, leg.indices, where=leg.where, note=noted.extend
        )
        done = Deferred.fromCoroutine(self.transport.deliver(attempt))
        self.assertNoResult(done)
        envelope, heard = pool.waiting
        self.assertEqual(noted, [])
        heard(envelope.recipients[1], OK, via(there.hosts[0]))
        [outcome] = noted
        self.assertEqual((outcome.index, outcome.fate), (1, Fate.DELIVERED))
        self.assertEqual(outcome.reply, OK)
        assert outcome.via is not None
        self.assertTrue(outcome.via.local)
        done.cancel()
        self.failureResultOf(done, CancelledError)
