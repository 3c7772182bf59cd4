"""Tests for L{smtpx.policy.chain}."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import LOCAL_ERROR, Reply, reply
from smtpx.net.interfaces import IPolicy
from smtpx.policy.chain import NamedPolicy, PolicyChain

from .doubles import ENVELOPE, deferred, recipientOf, sessionFrom

NO = reply(550, "5.7.1", b"No")
LATER = reply(450, "4.7.1", b"Later")
FORWARDED = reply(251, "2.1.5", b"Will forward")


@implementer(IPolicy)
class SamePolicy:
    """
    Answers each question alike.

    @ivar asked: the questions.
    """

    bearsRepeats = False

    def __init__(self, answer: Callable[[], object]) -> None:
        self._answer = answer
        self.asked: list[tuple[object, ...]] = []

    def mayConnect(self, session: IServerSession) -> Reply | None:
        """Answer."""
        return self._say("connect", session)

    def maySend(self, session: IServerSession, envelope: Envelope) -> Reply | None:
        """Answer."""
        return self._say("send", session, envelope)

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """Answer."""
        return self._say("receive", session, envelope, recipient)

    def _say(self, *question: object) -> Reply | None:
        self.asked.append(question)
        return self._answer()  # type: ignore[return-value]  # wrong ones too


class PolicyChainTests(SynchronousTestCase):
    """Several policies as one."""

    def setUp(self) -> None:
        """Nobody failed yet."""
        self.clock = Clock()
        self.session = sessionFrom()
        self.recipient = recipientOf(b"a@example.org")
        self.troubles: list[tuple[str, str, str]] = []
        self.policies: list[SamePolicy] = []

    def trouble(
        self, session: IServerSession, owner: str, error: BaseException
    ) -> None:
        """Note it."""
        self.assertIs(session, self.session)
        self.troubles.append((owner, type(error).__name__, str(error)))

    def chain(self, *answers: object) -> PolicyChain:
        """A chain of policies called 1, 2, ... that answer so."""

        def answering(answer: object) -> Callable[[], object]:
            return answer if callable(answer) else lambda: answer

        self.policies = [SamePolicy(answering(answer)) for answer in answers]
        named = [NamedPolicy(str(n), p) for n, p in enumerate(self.policies, 1)]
        return PolicyChain(named, self.trouble, self.clock, 10.0)

    def receive(self, chain: PolicyChain) -> Reply | None | Deferred[Reply | None]:
        """Ask about RCPT."""
        return chain.mayReceive(self.session, ENVELOPE, self.recipient)

    def later(self, chain: PolicyChain) -> Deferred[Reply | None]:
        """The same, where the answer comes by a Deferred."""
        return deferred(self.receive(chain))

    def asked(self) -> list[int]:
        """How many questions each policy was asked."""
        return [len(policy.asked) for policy in self.policies]

    def test_isAPolicy(self) -> None:
        """The net can use it."""
        self.assertTrue(verifyObject(IPolicy, self.chain()))

    def test_bearsRepeats(self) -> None:
        """It bears to be asked again and again if all of its policies do."""
        patient, other = SamePolicy(lambda: None), SamePolicy(lambda: None)
        patient.bearsRepeats = True

        def bears(*policies: SamePolicy) -> bool:
            named = [NamedPolicy("made", each) for each in policies]
            return PolicyChain(named, self.trouble, self.clock, 10.0).bearsRepeats

        self.assertTrue(bears(patient, patient))
        self.assertFalse(bears(patient, other))
        self.assertFalse(bears(other))

    def test_everyQuestion(self) -> None:
        """Each question is given on as it came."""
        chain = self.chain(None, None)
        self.assertIsNone(chain.mayConnect(self.session))
        self.assertIsNone(chain.maySend(self.session, ENVELOPE))
        self.assertIsNone(self.receive(chain))
        for policy in self.policies:
            self.assertEqual(
                policy.asked,
                [
                    ("connect", self.session),
                    ("send", self.session, ENVELOPE),
                    ("receive", self.session, ENVELOPE, self.recipient),
                ],
            )

    def test_firstRefusalDecides(self) -> None:
        """Those behind it are not asked."""
        chain = self.chain(None, LATER, NO)
        self.assertEqual(self.receive(chain), LATER)
        self.assertEqual(self.asked(), [1, 1, 0])

    def test_anAnswerInPlaceOfTheUsual(self) -> None:
        """A 2yz stands if nobody refuses, the last of several."""
        other = reply(251, "2.1.5", b"Other")
        self.assertEqual(self.receive(self.chain(other, FORWARDED, None)), FORWARDED)
        self.assertEqual(self.receive(self.chain(FORWARDED, NO)), NO)

    def test_anAnswerInPlaceOfTheUsualElsewhere(self) -> None:
        """To connecting and MAIL, a 2yz is no more than no objection."""
        chain = self.chain(FORWARDED)
        self.assertIsNone(chain.mayConnect(self.session))
        self.assertIsNone(chain.maySend(self.session, ENVELOPE))

    def test_noAnswer(self) -> None:
        """What is no answer is 451 and told of; nobody else is asked."""
        for answer in [True, "yes", reply(354, None, b"Go on")]:
            chain = self.chain(None, lambda answer=answer: answer, None)
            self.assertEqual(self.receive(chain), LOCAL_ERROR)
            self.assertEqual(self.asked(), [1, 1, 0])
            [(owner, error, text)] = self.troubles
            self.assertEqual((owner, error), ("policy 2", "TypeError"))
            self.assertIn(repr(answer), text)
            self.troubles.clear()

    def test_exception(self) -> None:
        """A policy that fails lets nothing through, and is named."""

        def fail() -> None:
            raise LookupError("no table")

        self.assertEqual(self.receive(self.chain(fail, None)), LOCAL_ERROR)
        self.assertEqual(self.troubles, [("policy 1", "LookupError", "no table")])

    def test_answersLater(self) -> None:
        """What comes later is waited for, then the others are asked."""
        first: Deferred[Reply | None] = Deferred()
        second: Deferred[Reply | None] = Deferred()
        chain = self.chain(FORWARDED, first, None, second, None)
        answer = self.receive(chain)
        self.assertNoResult(answer)
        self.assertEqual(self.asked(), [1, 1, 0, 0, 0])
        first.callback(None)
        self.assertNoResult(answer)
        self.assertEqual(self.asked(), [1, 1, 1, 1, 0])
        second.callback(None)
        self.assertEqual(self.successResultOf(deferred(answer)), FORWARDED)
        self.assertEqual(self.asked(), [1, 1, 1, 1, 1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_refusesLater(self) -> None:
        """A refusal that comes later decides as well."""
        for chain in [
            self.chain(lambda: succeed(NO), None),
            self.chain(lambda: succeed(None), NO, None),
            self.chain(lambda: succeed(FORWARDED), lambda: succeed(NO)),
        ]:
            self.assertEqual(self.successResultOf(self.later(chain)), NO)

    def test_anAnswerInPlaceOfTheUsualLater(self) -> None:
        """So does a 2yz that comes later."""
        chain = self.chain(lambda: succeed(FORWARDED), None)
        self.assertEqual(self.successResultOf(self.later(chain)), FORWARDED)

    def test_coroutines(self) -> None:
        """A policy may be written with C{async}."""

        async def answer() -> Reply:
            return NO

        self.assertEqual(self.successResultOf(self.later(self.chain(answer))), NO)
        later = self.chain(lambda: succeed(None), answer)
        self.assertEqual(self.successResultOf(self.later(later)), NO)

    def test_failsLater(self) -> None:
        """An exception that comes later is 451 too."""

        async def fail() -> None:
            raise LookupError("no table")

        def failAtOnce() -> None:
            raise LookupError("at once")

        self.assertEqual(
            self.successResultOf(self.later(self.chain(fail, None))), LOCAL_ERROR
        )
        chain = self.chain(lambda: succeed(None), failAtOnce)
        self.assertEqual(self.successResultOf(self.later(chain)), LOCAL_ERROR)
        chain = self.chain(None, lambda: succeed(7))
        self.assertEqual(self.successResultOf(self.later(chain)), LOCAL_ERROR)
        self.assertEqual(
            [(owner, error) for owner, error, _ in self.troubles],
            [
                ("policy 1", "LookupError"),
                ("policy 2", "LookupError"),
                ("policy 2", "TypeError"),
            ],
        )

    def test_tooLate(self) -> None:
        """A policy that does not answer in time is 451, and is named."""
        hanging: Deferred[None] = Deferred()
        answer = self.receive(self.chain(lambda: succeed(None), hanging))
        self.clock.advance(9)
        self.assertNoResult(answer)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(deferred(answer)), LOCAL_ERROR)
        self.assertEqual(
            self.troubles, [("policy 2", "TimeoutError", "no answer within 10 s")]
        )

    def test_clientGoes(self) -> None:
        """Where nobody waits any more, it is nobody's fault."""
        cancelled: list[Deferred[None]] = []
        hanging: Deferred[None] = Deferred(cancelled.append)
        answer = self.later(self.chain(hanging))
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(cancelled, [hanging])
        self.assertEqual(self.troubles, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Delivering(SamePolicy):
    """The same, with a say once the message is there."""

    def mayDeliver(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """Answer."""
        return self._say("deliver", session, envelope, recipient)


class DeliveryTests(SynchronousTestCase):
    """Several policies, some of which have a say once the message is there."""

    def chain(self, *policies: SamePolicy) -> PolicyChain:
        """A chain of them."""
        self.troubles: list[str] = []

        def trouble(session: object, owner: str, error: BaseException) -> None:
            self.troubles.append(owner)

        named = [NamedPolicy(str(n), each) for n, each in enumerate(policies, 1)]
        return PolicyChain(named, trouble, Clock(), 10.0)

    def test_nobody(self) -> None:
        """Where nobody has it, nobody is asked of any message."""
        self.assertIsNone(self.chain(SamePolicy(lambda: None)).mayDeliver)

    def test_asked(self) -> None:
        """Those who have it are asked, and the first refusal decides."""
        silent = SamePolicy(lambda: NO)
        one, two = Delivering(lambda: None), Delivering(lambda: LATER)
        three = Delivering(lambda: NO)
        chain = self.chain(silent, one, two, three)
        assert chain.mayDeliver is not None
        recipient = recipientOf(b"a@example.org")
        self.assertIs(chain.mayDeliver(sessionFrom(), ENVELOPE, recipient), LATER)
        counts = [len(each.asked) for each in (silent, one, two, three)]
        self.assertEqual(counts, [0, 1, 1, 0])

    def test_fails(self) -> None:
        """One that answers nonsense lets nothing through."""
        chain = self.chain(Delivering(lambda: "yes"))
        assert chain.mayDeliver is not None
        recipient = recipientOf(b"a@example.org")
        answer = chain.mayDeliver(sessionFrom(), ENVELOPE, recipient)
        self.assertIs(answer, LOCAL_ERROR)
        self.assertEqual(self.troubles, ["policy 1"])
