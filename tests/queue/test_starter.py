"""Tests for L{smtpx.queue.starter}."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.interfaces import IServerSession
from smtpx.extensions.etrn import Begun, StartQueue, State
from smtpx.queue.interfaces import IQueueControl, Selection, Tell, untold
from smtpx.queue.starter import AGAIN_SECONDS, AT_ONCE, MOMENT_SECONDS, QueueStarter
from tests.policy.doubles import sessionFrom


@define
class Control:
    """
    Only what is needed of a control.

    @ivar asked: what was asked for, what is told, and what fires when it is done.
    """

    asked: list[tuple[Selection, Tell, Deferred[int]]] = field(factory=list)

    def retry(self, selection: Selection, tell: Tell = untold) -> Deferred[int]:
        """Begin."""
        done: Deferred[int] = Deferred()
        self.asked.append((selection, tell, done))
        return done


class StarterTests(SynchronousTestCase):
    """What waits for a domain is tried at once."""

    def setUp(self) -> None:
        """There is a queue."""
        self.clock = Clock()
        self.control = Control()
        self.told: list[tuple[str, Begun]] = []
        self.troubles: list[tuple[str, BaseException]] = []

        def told(session: IServerSession, node: str, begun: Begun) -> None:
            self.told.append((node, begun))

        def trouble(session: IServerSession, owner: str, error: BaseException) -> None:
            self.troubles.append((owner, error))

        self.starter = QueueStarter(self.clock, told, trouble)
        control: Callable[[], IQueueControl] = lambda: self.control  # type: ignore[return-value, assignment]  # noqa: E731  # it has what is asked for
        self.starter.control = control()

    def ask(self, node: str = "a.example", below: bool = False) -> Deferred[Begun]:
        """Ask for a domain's mail."""
        answer: Deferred[Begun] = self.starter.answers[StartQueue](
            StartQueue(node, below, sessionFrom())
        )
        return answer

    def test_counted(self) -> None:
        """Who is fast enough is told how many they are, or that there are none."""
        for count, begun in (14, Begun(State.COUNTED, 14)), (0, Begun(State.NOTHING)):
            answer = self.ask(f"{count}.example")
            self.assertNoResult(answer)
            self.control.asked[-1][2].callback(count)
            self.assertEqual(self.successResultOf(answer), begun)
            self.assertEqual(self.told.pop(), (f"{count}.example", begun))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_whatIsMeant(self) -> None:
        """A domain alone, or all below it as well."""
        for below, domains in (
            (False, ("a.example",)),
            (True, ("a.example", "*.a.example")),
        ):
            self.ask(below=below)
            self.assertEqual(self.control.asked[-1][0], Selection(domains=domains))
            self.control.asked[-1][2].callback(1)
        self.assertEqual([node for node, _ in self.told], ["a.example", "@a.example"])

    def test_slow(self) -> None:
        """Nobody waits for longer than a moment; the rest goes on."""
        for seen, state in (0, State.STARTED), (3, State.PENDING):
            answer = self.ask(f"{seen}.example")
            _, tell, done = self.control.asked[-1]
            tell(100, seen)
            self.clock.advance(MOMENT_SECONDS)
            self.assertEqual(self.successResultOf(answer), Begun(state))
            done.callback(7)
            self.assertEqual(len(self.told), 1)
            self.told.clear()

    def test_tooOften(self) -> None:
        """The same is not asked for again so soon; another is."""
        self.ask()
        self.control.asked[-1][2].callback(1)
        again = self.successResultOf(self.ask())
        self.assertEqual(again, Begun(State.TOO_OFTEN))
        self.assertNoResult(self.ask("b.example"))
        self.clock.advance(AGAIN_SECONDS)
        self.assertNoResult(self.ask())

    def test_tooMany(self) -> None:
        """Only so many are under way at once."""
        for number in range(AT_ONCE):
            self.ask(f"{number}.example")
        self.assertEqual(self.successResultOf(self.ask()), Begun(State.UNABLE))
        self.control.asked[0][2].callback(1)
        self.assertNoResult(self.ask())

    def test_bounded(self) -> None:
        """However many domains there are, only so many are remembered."""
        for number in range(1000):
            self.ask(f"{number}.example")
            self.control.asked.pop()[2].callback(0)
        self.assertEqual(self.successResultOf(self.ask()), Begun(State.TOO_OFTEN))
        self.clock.advance(AGAIN_SECONDS)
        self.assertNoResult(self.ask())

    def test_trouble(self) -> None:
        """A spool that is broken: the client may come again, and it is told."""
        answer = self.ask()
        self.control.asked[-1][2].errback(ValueError("broken"))
        self.assertEqual(self.successResultOf(answer), Begun(State.UNABLE))
        [(owner, error)] = self.troubles
        self.assertEqual((owner, str(error)), ("queue", "broken"))

    def test_stop(self) -> None:
        """At the end nothing is begun, and what is under way is left off."""
        answer = self.ask()
        self.starter.stop()
        self.assertEqual(self.successResultOf(answer), Begun(State.UNABLE))
        answer = self.ask("b.example")
        self.assertEqual(self.successResultOf(answer), Begun(State.UNABLE))
        self.assertEqual((self.troubles, self.clock.getDelayedCalls()), ([], []))

    def test_goneMeanwhile(self) -> None:
        """A client that is gone is not waited for."""
        answer = self.ask()
        answer.cancel()
        self.failureResultOf(answer)
        self.control.asked[-1][2].callback(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ElsewhereTests(StarterTests):
    """A server of several processes, each of which has some of what waits."""

    def setUp(self) -> None:
        """There are others."""
        super().setUp()
        self.far: list[Deferred[int | None]] = []
        self.cancelled = 0

        def cancel(_: object) -> None:
            self.cancelled += 1

        def elsewhere(node: str, below: bool) -> Deferred[int | None]:
            self.far.append(Deferred(cancel))
            self.told_ = (node, below)
            if self.instantly is not None:
                self.far[-1].callback(self.instantly)
            return self.far[-1]

        #: How many the others have, where they say so at once.
        self.instantly: int | None = 0
        self.starter.elsewhere = elsewhere

    def test_everywhere(self) -> None:
        """What waits here and elsewhere is counted together."""
        for ours, theirs, expected in (
            (3, 4, Begun(State.COUNTED, 7)),
            (0, 4, Begun(State.COUNTED, 4)),
            (0, 0, Begun(State.NOTHING)),
        ):
            self.instantly = theirs
            answer = self.ask(f"a{ours}{theirs}.example", True)
            self.control.asked[-1][2].callback(ours)
            self.assertEqual(self.successResultOf(answer), expected)
            self.assertEqual(self.told_, (f"a{ours}{theirs}.example", True))

    def test_notAll(self) -> None:
        """Where not all could be asked, nobody knows how many they are."""
        self.instantly = None
        for ours, state in ((0, State.STARTED), (3, State.PENDING)):
            answer = self.ask(f"a{ours}.example")
            self.control.asked[-1][2].callback(ours)
            self.assertNoResult(answer)
            self.far[-1].callback(None)
            self.assertEqual(self.successResultOf(answer), Begun(state))

    def test_slow(self) -> None:
        """Who is slow elsewhere goes on; the client has its answer."""
        self.instantly = None
        answer = self.ask()
        self.control.asked[-1][2].callback(1)
        self.clock.advance(MOMENT_SECONDS)
        self.assertEqual(self.successResultOf(answer), Begun(State.STARTED))
        self.far[-1].callback(5)

    def test_failsHere(self) -> None:
        """Where it cannot be done here, it is left off elsewhere."""
        self.instantly = None
        answer = self.ask()
        self.control.asked[-1][2].errback(OSError("no disk"))
        self.assertEqual(self.successResultOf(answer), Begun(State.UNABLE))
        self.assertEqual((len(self.troubles), self.cancelled), (1, 1))

    def test_stopped(self) -> None:
        """At the end it is left off everywhere."""
        self.instantly = None
        self.ask()
        self.control.asked[-1][2].callback(1)
        self.starter.stop()
        self.assertEqual(self.cancelled, 1)

    def here(self) -> Deferred[int | None]:
        """Another process was asked."""
        return Deferred.fromCoroutine(self.starter.startHere("a.example", False))

    def test_askedElsewhere(self) -> None:
        """Somebody asked another process: it is done here, and nobody else asked."""
        found = self.here()
        self.assertEqual(self.control.asked[0][0], Selection(domains=("a.example",)))
        self.control.asked[0][2].callback(3)
        self.assertEqual(self.successResultOf(found), 3)
        self.assertEqual((self.far, self.told), ([], []))

    def test_tooOftenElsewhere(self) -> None:
        """Who has asked there does not ask here so soon again."""
        self.here()
        answer = self.ask()
        self.assertEqual(self.successResultOf(answer), Begun(State.TOO_OFTEN))

    def test_tooMuchElsewhere(self) -> None:
        """There is a bound to it here as well; at the end there is nothing."""
        for _ in range(AT_ONCE):
            self.here()
        self.assertEqual(self.successResultOf(self.here()), None)
        self.starter.control = None
        self.assertEqual(self.successResultOf(self.here()), None)
