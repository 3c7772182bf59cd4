"""A transport of the test's own, with hosts that nobody has to look for."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.reply import Reply, reply
from smtpx.dns.mailhosts import MailHost, MailHosts, Unroutable
from smtpx.knowledge.hints import HostHints
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.net.sending import Unreached, Way
from smtpx.queue.interfaces import Attempt, Located
from smtpx.queue.smtp import SMTPTransport
from smtpx.spool.bodies import HeldBody
from smtpx.spool.format import Outcome, SpooledMessage
from smtpx.spool.via import Cause

from .pools import ONE, THREE, TWO, ScriptedPool, via


def located(transport: SMTPTransport, message: SpooledMessage) -> Deferred[Located]:
    """Where all recipients of a message go, be it that it is known at once."""

    async def wait() -> Located:
        found = transport.locate(message, message.waiting)
        return found if isinstance(found, Located) else await found

    return Deferred.fromCoroutine(wait())


class SMTPTransportCase(SynchronousTestCase):
    """From recipients to what became of them."""

    def setUp(self) -> None:
        """C{example.org} and C{example.net} have the same hosts."""
        self.clock = Clock()
        self.clock.advance(10_000)
        self.pool = ScriptedPool()
        hosts = MailHosts((ONE, TWO))
        self.domains: dict[bytes, MailHosts] = {
            b"example.org": hosts,
            b"example.net": hosts,
            b"example.com": MailHosts((THREE,)),
        }
        self.asked: list[bytes] = []
        self.hints = HostHints(MemoryKnowledge(self.clock.seconds), self.clock.seconds)
        self.transport = self.made()

    def made(self, way: Way | None = None, **options: object) -> SMTPTransport:
        """A transport, made otherwise."""
        return SMTPTransport(
            "remote",
            self.find,
            self.pool,
            way or Way(),
            self.hints,
            self.clock.seconds,
            random=Random(1),
            **options,  # type: ignore[arg-type]  # as the test has them
        )

    def find(self, domain: bytes) -> Deferred[MailHosts]:
        """As the DNS of the test has it."""
        self.asked.append(domain)
        found = self.domains.get(domain)
        if found is None:
            refusal = reply(550, "5.1.2", b"There is no such domain")
            return fail(Unroutable(refusal, f"{domain.decode()} does not exist"))
        return succeed(found)

    def locate(self, message: SpooledMessage) -> Located:
        """Where all of them go."""
        return self.successResultOf(located(self.transport, message))

    def deliver(
        self, message: SpooledMessage, asked: float | None = None
    ) -> list[Outcome]:
        """Deliver all of it; somebody may have asked for that."""
        outcomes: list[Outcome] = []
        located = self.locate(message)
        outcomes += located.outcomes
        for leg in located.legs:
            body = HeldBody(b"X: y\r\n\r\nHello\r\n")
            attempt = Attempt(message, body, leg.indices, where=leg.where, asked=asked)
            done = Deferred.fromCoroutine(self.transport.deliver(attempt))
            found: Sequence[Outcome] = self.successResultOf(done)
            outcomes += found
        return outcomes

    def unreached(
        self, host: MailHost, cause: Cause = Cause.CONNECT, said: Reply | None = None
    ) -> Unreached:
        """A host that cannot be reached."""
        return Unreached(f"{host.name.decode()}: no", cause, via(host), said)
