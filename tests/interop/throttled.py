"""
A server whose messages go to somebody slow: so many octets a second for a while,
and then as fast as they come.  It forgets them.
"""

from __future__ import annotations

import argparse
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort, IProducer, IPushProducer
from zope.interface import implementer

from smtpx import SMTPServerFactory
from smtpx.core.bounds import Bounds
from smtpx.core.envelope import Envelope
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import OK, Reply
from smtpx.net.interfaces import IArrival, IReceiver

#: Twisted's one, of which no type says all that it can do.
reactor: Any = _reactor


@implementer(IArrival)
class SlowArrival:
    """
    Takes octets at a rate, by pausing whoever gives them.

    @ivar octets: how many there were.
    """

    def __init__(self, rate: float, seconds: float) -> None:
        """
        @param rate: octets a second.
        @param seconds: for how long it is slow.
        """
        self.octets = 0
        self._rate = rate
        self._begun: float = reactor.seconds()
        self._quick = self._begun + seconds
        self._producer: IPushProducer | None = None

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Somebody who can be paused."""
        assert streaming and IPushProducer.providedBy(producer)
        self._producer = producer

    def unregisterProducer(self) -> None:
        """All is there."""
        self._producer = None

    def write(self, octets: bytes) -> None:
        """Take a piece; no other until its time is over."""
        self.octets += len(octets)
        now = reactor.seconds()
        due = min(self._begun + self.octets / self._rate, self._quick)
        if due > now and self._producer is not None:
            self._producer.pauseProducing()
            reactor.callLater(due - now, self._resume)

    def _resume(self) -> None:
        if self._producer is not None:
            self._producer.resumeProducing()

    def finish(self, session: IServerSession, envelope: Envelope) -> Reply:
        """It has come whole?"""
        assert self.octets == envelope.octets, (self.octets, envelope.octets)
        return OK

    def abort(self) -> None:
        """It will not."""


@implementer(IReceiver)
class SlowReceiver:
    """Gives each message to somebody slow."""

    def __init__(self, rate: float, seconds: float) -> None:
        self._rate = rate
        self._seconds = seconds

    def begin(self, session: IServerSession, envelope: Envelope) -> SlowArrival:
        """See L{IReceiver}."""
        return SlowArrival(self._rate, self._seconds)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    factory = SMTPServerFactory(
        reactor,
        SlowReceiver(options.rate, options.seconds),
        bounds=Bounds(messageOctets=None),
    )

    def say(port: IListeningPort) -> None:
        where = port.getHost()
        assert isinstance(where, IPv4Address)
        print(f"Listening on port {where.port}", flush=True)

    endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    endpoint.listen(factory).addCallback(say)
    reactor.run()


if __name__ == "__main__":
    main()
