"""
Clients for programs that bring their own connection: an endpoint of any kind, a proxy,
a UNIX socket::

    endpoint = clientFromString(reactor, "tcp:mail.example.org:25")
    client = await endpoint.connect(SMTPClientFactory(reactor, "mail.example.org"))
    receipt = await client.sendMessage("me@example.org", "you@example.net", message)
    client.quit()
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory

from ..core.hooks import TLSLevel
from ..dns.idn import asciiDomain
from ..spool.via import Cause
from .addressing import Address, Addressed, prepared
from .client import ClientProtocol
from .clientkit import ClientKit
from .content import Source
from .mailer import Login, SMTPClientOptions, ownName, wayOf
from .receipts import Findings, Receipt
from .tally import Tally

_OPTIONS = SMTPClientOptions()


class SMTPClientProtocol(ClientProtocol):
    """
    A connection to a host, for messages one after the other.
    """

    def sendMessage(
        self,
        sender: Address | None,
        recipients: Address | Iterable[Address] | None,
        message: Source,
    ) -> Deferred[Receipt]:
        """
        Send a message, as soon as the host is ready and those before are done with.

        @param sender: see L{smtpx.net.mailer.SMTPClient.sendMessage}, as for everything
            else.
        @return: fails with L{smtpx.net.sending.Unreached} where the session does not
            come about, or has ended.
        """
        ready = prepared(sender, recipients, message, self.kit.clock())
        return Deferred.fromCoroutine(self._send(ready))

    async def _send(self, message: Addressed) -> Receipt:
        await self.whenReady()
        envelope, tally = message.envelope, Tally(message.envelope)
        now = envelope
        while True:
            settled = await self.deliver(now, message.body)
            tally.note(settled, Cause.LOCAL if self.ready else Cause.LOST)
            if not settled.rest or not self.ready or self.spent:
                break
            now = envelope.addressedTo(list(settled.rest))
        found = Findings()
        found.sent(tally.sent(self.via()))
        return found.receipt(message)


class SMTPClientFactory(ClientFactory):
    """
    Makes connections to one host.
    """

    noisy = False

    def __init__(
        self,
        reactor: Any,
        host: str,
        *,
        tls: TLSLevel | None = None,
        implicitTLS: bool = False,
        login: Login | None = None,
        options: SMTPClientOptions = _OPTIONS,
    ) -> None:
        """
        @param reactor: for time limits.
        @param host: the name that the host's certificate is to be for.
        @param tls: see L{smtpx.net.mailer.SMTPClient}, as for the others.
        @param implicitTLS: does TLS begin with the connection?  Not where the endpoint
            has begun it.
        @param options: those that are about connecting are of no account.
        @raise Malformed: a name, or a login, that cannot be one.
        """
        self._host = asciiDomain(host.encode("utf-8"))
        self._way = options.way or wayOf(tls, implicitTLS, login)
        name = ownName() if options.name is None else options.name.encode("ascii")
        self._kit = ClientKit(
            reactor,
            name=name,
            extensions=options.extensions,
            tls=options.trust,
            times=options.times,
            clock=options.clock,
            tracer=options.tracer,
        )

    def buildProtocol(self, addr: IAddress | None) -> SMTPClientProtocol:
        """See L{ClientFactory}."""
        return SMTPClientProtocol(self._kit, self._host, self._way)


__all__ = ["SMTPClientFactory", "SMTPClientProtocol"]
