"""
A pool of connections that does what the test says, for those who send by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from smtpx.core.envelope import Envelope
from smtpx.core.hooks import Scope
from smtpx.core.interfaces import IBody
from smtpx.core.reply import OK, Reply
from smtpx.dns.mailhosts import MailHost
from smtpx.net.sending import Heard, IClientPool, Sent, Unreached, Way
from smtpx.spool.via import Cause, Via


def viaOf(host: MailHost) -> Via:
    """A host, reached at its first address."""
    return Via(host.name, host.addresses[0], host.port)


@define(eq=False)
class Sending:
    """
    One envelope on its way.

    @ivar done: what the pool gave; the test fires it, by these methods or itself.
    @ivar cancelled: was it given up?
    """

    host: MailHost
    way: Way
    envelope: Envelope
    body: IBody
    done: Deferred[Sent]
    cancelled: bool = False

    @property
    def paths(self) -> list[bytes]:
        """Who is to get it."""
        return [recipient.path for recipient in self.envelope.recipients]

    def answer(
        self,
        *replies: Reply,
        scope: Scope = Scope.MESSAGE,
        cause: Cause = Cause.RECIPIENT,
        unsure: bool = False,
    ) -> None:
        """
        A session came about.

        @param replies: one a recipient; a single one is for all; none: all have it.
        @param cause: what those that are no 2yz are about.
        """
        recipients = self.envelope.recipients
        each = replies if len(replies) > 1 else (replies or (OK,)) * len(recipients)
        outcomes = tuple(zip(recipients, each, strict=True))
        causes = tuple(cause for _ in recipients)
        self.done.callback(Sent(outcomes, causes, scope, viaOf(self.host), unsure))

    def fail(
        self,
        text: str = "Connection refused",
        cause: Cause = Cause.CONNECT,
        reply: Reply | None = None,
    ) -> None:
        """No session came about."""
        self.done.errback(Unreached(text, cause, viaOf(self.host), reply))


@implementer(IClientPool)
@define(eq=False)
class ScriptedPool:
    """
    A pool without connections.

    @ivar behave: called with each envelope, to answer it at once; L{None}: the test
        does so later.
    @ivar sendings: all envelopes so far, in order.
    @ivar idle: what C{cold} gives.
    @ivar closed: was it closed?
    """

    behave: Callable[[Sending], None] | None = None
    sendings: list[Sending] = field(factory=list)
    idle: int = 0
    closed: bool = False

    def send(
        self,
        host: MailHost,
        way: Way,
        envelope: Envelope,
        body: IBody,
        heard: Heard | None = None,
    ) -> Deferred[Sent]:
        """See L{IClientPool}."""

        def cancelled(done: Deferred[Sent]) -> None:
            sending.cancelled = True

        sending = Sending(host, way, envelope, body, Deferred(cancelled))
        self.sendings.append(sending)
        if self.behave is not None:
            self.behave(sending)
        return sending.done

    def cold(self, host: MailHost, way: Way) -> int:
        """See L{IClientPool}."""
        return self.idle

    def retire(self, hosts: Sequence[MailHost], most: int) -> Deferred[None]:
        """Nothing is idle."""
        return succeed(None)

    def close(self) -> Deferred[None]:
        """See L{IClientPool}."""
        self.closed = True
        return succeed(None)


__all__ = ["ScriptedPool", "Sending", "viaOf"]
