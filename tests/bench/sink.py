"""
C{python sink.py PORT}: our server with all extensions, and a receiver that throws
messages away.
"""

from __future__ import annotations

import sys

from twisted.internet import epollreactor

epollreactor.install()

from twisted.internet import endpoints, reactor  # noqa: E402
from twisted.internet.interfaces import IProducer  # noqa: E402
from zope.interface import implementer  # noqa: E402

from smtpx.core.envelope import Envelope  # noqa: E402
from smtpx.core.interfaces import IServerSession  # noqa: E402
from smtpx.core.reply import OK, Reply  # noqa: E402
from smtpx.net.factory import SMTPServerFactory  # noqa: E402
from smtpx.net.interfaces import IArrival, IReceiver  # noqa: E402
from smtpx.net.poller import withoutLogContext  # noqa: E402


@implementer(IArrival)
class Nowhere:
    """A message that goes nowhere; one object for all of them."""

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See L{IArrival}."""

    def unregisterProducer(self) -> None:
        """See L{IArrival}."""

    def write(self, data: bytes) -> None:
        """See L{IArrival}."""

    def finish(self, session: IServerSession, envelope: Envelope) -> Reply:
        """See L{IArrival}."""
        return OK

    def abort(self) -> None:
        """See L{IArrival}."""


@implementer(IReceiver)
class Sink:
    """Takes everything."""

    def __init__(self) -> None:
        self._nowhere = Nowhere()

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival:
        """See L{IReceiver}."""
        return self._nowhere


def main(port: str) -> None:
    """Serve until terminated."""
    withoutLogContext(reactor)
    factory = SMTPServerFactory(reactor, Sink(), name=b"peer.test")
    where = f"tcp:{port}:interface=127.0.0.1:backlog=1024"
    endpoints.serverFromString(reactor, where).listen(factory)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1])
