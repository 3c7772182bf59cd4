"""
What tests of those who ask checkers share: a message on its way past them.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply
from smtpx.net.interfaces import IArrival, IReceiver
from smtpx.policy.checkers.consultation import (
    CONSULTATION,
    Opinions,
)
from smtpx.policy.checkers.consulting import ConsultingReceiver
from smtpx.policy.checkers.desk import Desk
from smtpx.policy.checkers.interfaces import (
    Opinion,
)
from tests.net.made import RememberedArrival, RememberingReceiver

from ..doubles import sessionFrom
from .made import MadeChecker

SHORT = b"Subject: hello\r\n\r\nHello.\r\n"
_PIECE = b"x" * 8190 + b"\r\n"
LONG = [b"Subject: long\r\n\r\n", *[_PIECE] * 20]

GOOD = Opinion(found={"made": "good"})


@define(eq=False)
class KeptArrival(RememberedArrival):
    """An arrival that can be read again, as those of a spool can."""

    id: str = "1abcde-000000-01"
    readable: bool = True

    def reread(self) -> Iterator[bytes]:
        """See L{IArrival}."""
        if not self.readable:
            raise OSError(5, "Input/output error")
        for at in range(0, len(self.octets), 4096):
            yield self.octets[at : at + 4096]


class KeepingReceiver(RememberingReceiver):
    """Makes such arrivals."""

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        found = KeptArrival()
        self.arrivals.append(found)
        return found


class ConsultingTestCase(SynchronousTestCase):
    """A message on its way past checkers."""

    def setUp(self) -> None:
        """A receiver that can be read again."""
        self.clock = Clock()
        self.session = sessionFrom(b"192.0.2.1")
        self.behind: RememberingReceiver = KeepingReceiver()
        self.troubles: list[str] = []
        self.told: list[tuple[str, Opinion, float]] = []
        self.client = StringTransport()

    def trouble(
        self, session: IServerSession, owner: str, error: BaseException
    ) -> None:
        """Somebody made a mistake."""
        self.troubles.append(f"{owner}: {error}")

    def begin(self, *checkers: MadeChecker) -> IArrival:
        """A message begins."""

        def tell(
            session: IServerSession,
            name: str,
            opinion: Opinion,
            seconds: float,
            id: str,
        ) -> None:
            self.told.append((name, opinion, seconds))

        desks = [Desk(each, self.clock, self.trouble) for each in checkers]
        receiver = ConsultingReceiver(self.behind, desks, tell)
        self.assertTrue(verifyObject(IReceiver, receiver))
        self.envelope = Envelope(b"ann@example.org", 0.0)
        self.receiver: IReceiver = receiver
        return self.opened(receiver)

    def opened(self, receiver: IReceiver) -> IArrival:
        """The arrival that a receiver makes."""
        arrival = receiver.begin(self.session, self.envelope)
        assert not isinstance(arrival, Reply)
        self.assertTrue(verifyObject(IArrival, arrival))
        self.client = StringTransport()
        arrival.registerProducer(self.client, True)
        return arrival

    def write(self, arrival: IArrival, pieces: list[bytes]) -> None:
        """A message comes."""
        for each in pieces:
            self.envelope.octets += len(each)
            arrival.write(each)

    def ask(self) -> Deferred[Opinions]:
        """A rule wants to know."""
        asked = self.envelope.stamps[CONSULTATION].opinions()
        for _ in range(20):
            self.clock.advance(0)
        return asked

    def opinion(self) -> Opinion:
        """What the one checker thinks."""
        (found,) = self.successResultOf(self.ask()).values()
        return found
