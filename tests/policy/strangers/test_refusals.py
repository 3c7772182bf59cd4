"""
Tests for L{smtpx.policy.strangers.refusals} and L{smtpx.policy.strangers.notes}.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, execute, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.net.interfaces import IPolicy
from smtpx.policy.strangers.notes import count, note, noted
from smtpx.policy.strangers.pace import Mode, Pace
from smtpx.policy.strangers.rates import Meter, Rates
from smtpx.policy.strangers.refusals import RefusalCountingPolicy, Refusals
from tests.policy.doubles import sessionFrom

_METER = Meter("refusals", Pace(3600.0, Mode.FIXED))
_NO = reply(550, "5.1.1", b"Nobody of that name")
_LATER = reply(451, "4.7.1", b"Please come again")


@implementer(IPolicy)
class Strict:
    """
    Says what it is told to.

    @ivar says: what.
    """

    def __init__(self) -> None:
        self.says: Reply | None | Deferred[Reply | None] = None

    def mayConnect(self, session: IServerSession) -> Reply | None:
        """A client connected."""
        return _NO

    def maySend(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | None | Deferred[Reply | None]:
        """MAIL."""
        return self.says

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Deferred[Reply | None]:
        """RCPT."""
        return self.says


class Case(SynchronousTestCase):
    """Somebody who counts."""

    def setUp(self) -> None:
        """A clock."""
        clock = self.clock = Clock()
        self.rates = Rates(clock, clock.seconds, execute, "nowhere")
        self.envelope = Envelope(b"ann@example.net", 0.0)

    def level(self, meter: Meter = _METER, key: str = "192.0.2.1") -> float:
        """How much was counted."""
        return self.rates.look(meter, key, 0)


class RefusalCountingTests(Case):
    """Refusals of another policy."""

    def setUp(self) -> None:
        """Another policy."""
        super().setUp()
        self.strict = Strict()
        self.policy = RefusalCountingPolicy(
            self.strict,
            self.rates,
            [
                Refusals(_METER, lambda session: session.peer.decode(), 10),
                Refusals(Meter("users", _METER.pace), lambda session: "", 10),
            ],
        )
        self.session = sessionFrom(b"192.0.2.1")

    def test_provides(self) -> None:
        """It is a policy, which counts."""
        verifyObject(IPolicy, self.policy)
        self.assertFalse(self.policy.bearsRepeats)
        self.assertIsNone(self.policy.mayDeliver)

    def test_counted(self) -> None:
        """What is refused for good counts, and is refused as before."""
        recipient = Recipient(b"x@example.org")
        later: Deferred[Reply | None] = succeed(_NO)
        for says in (_NO, later):
            self.strict.says = says
            found = self.policy.mayReceive(self.session, self.envelope, recipient)
            if isinstance(found, Deferred):
                found = self.successResultOf(found)
            self.assertEqual(found, _NO)
        self.strict.says = _NO
        self.assertEqual(self.policy.maySend(self.session, self.envelope), _NO)
        self.assertEqual(self.level(), 3)
        self.assertEqual(self.level(Meter("users", _METER.pace), ""), 0)

    def test_limitIsReached(self) -> None:
        """
        Whichever way they are counted, who goes on comes to the limit; and where what
        is too much does not count, it stays in reach.
        """
        for mode, most in ((Mode.LEAKY, 4), (Mode.STRICT, 10), (Mode.FIXED, 10)):
            meter = Meter(mode.value, Pace(3600.0, mode))
            refusals = Refusals(meter, lambda session: "192.0.2.1", 3)
            policy = RefusalCountingPolicy(self.strict, self.rates, [refusals])
            self.strict.says = _NO
            for _ in range(10):
                policy.maySend(self.session, self.envelope)
                self.clock.advance(1)
            self.assertGreater(self.level(meter), 3, mode)
            self.assertLessEqual(self.level(meter), most, mode)

    def test_notCounted(self) -> None:
        """What is put off or taken does not, nor whom nobody lets in."""
        recipient = Recipient(b"x@example.org")
        for says in (_LATER, None):
            self.strict.says = says
            self.policy.mayReceive(self.session, self.envelope, recipient)
        self.policy.mayConnect(self.session)
        self.assertEqual(self.level(), 0)


class NotesTests(Case):
    """What counts once its message was taken."""

    def test_taken(self) -> None:
        """Of recipients those count who are such in the end."""
        here, gone = Recipient(b"a@example.org"), Recipient(b"b@example.org")
        note(self.envelope, _METER, "ann", 1, 10)
        note(here, _METER, "ann", 1, 10)
        note(here, _METER, "bob", 5, 10)
        note(gone, _METER, "ann", 1, 10)
        self.envelope.recipients.append(here)
        self.assertEqual(noted(self.envelope, _METER, "ann"), 2)
        self.assertEqual(self.level(key="ann"), 0)
        count(self.envelope, self.rates)
        self.assertEqual((self.level(key="ann"), self.level(key="bob")), (2, 5))

    def test_nothing(self) -> None:
        """Mostly there is nothing to count."""
        count(self.envelope, self.rates)
        self.assertEqual(noted(self.envelope, _METER, "ann"), 0)
