"""
Tests for L{smtpx.service.wiring.later}: what waits to be released is counted at the
start.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from smtpx.extensions.futurerelease import FutureRelease, FutureReleaseSettings
from smtpx.extensions.size import Size
from smtpx.queue.heldmail import HeldMail
from smtpx.service.wiring.later import countHeld
from smtpx.spool.selection import Page, Selection
from smtpx.testing.spool import MemorySpool

from .workers.houses import HousesTestCase

DAY = FutureReleaseSettings(holdMaxSeconds=86400)


class Spool(MemorySpool):
    """
    A spool that is asked.

    @ivar pages: what each question waits for.
    """

    def __init__(self) -> None:
        MemorySpool.__init__(self)
        self.pages: list[Deferred[Page]] = []

    def find(self, selection: Selection, after: str, most: int) -> Deferred[Page]:
        """Answer when the test does."""
        self.pages.append(Deferred())
        return self.pages[-1]


class LaterTests(SynchronousTestCase):
    """What the spool has from before."""

    def setUp(self) -> None:
        """Nothing was asked."""
        self.spool = Spool()
        self.troubles: list[BaseException] = []
        self.stack = AsyncExitStack()

    def count(self, extension: FutureRelease) -> None:
        """Begin."""
        extensions = [Size(), extension]
        countHeld(extensions, self.spool, self.troubles.append, self.stack)

    def end(self) -> None:
        """The house is left."""
        self.successResultOf(Deferred.fromCoroutine(self.stack.aclose()))

    def test_counted(self) -> None:
        """Only where somebody may have mail wait, and somebody counts."""
        held = HeldMail(lambda: 0.0)
        for extension in FutureRelease(held=held), FutureRelease(DAY):
            self.count(extension)
        self.assertEqual(self.spool.pages, [])
        self.count(FutureRelease(DAY, held=held))
        [page] = self.spool.pages
        page.callback(Page((), None))
        self.assertEqual(self.troubles, [])
        self.end()

    def test_leftEarly(self) -> None:
        """Who leaves meanwhile does not wait for it."""
        self.count(FutureRelease(DAY, held=HeldMail(lambda: 0.0)))
        self.end()
        self.assertEqual(self.troubles, [])

    def test_trouble(self) -> None:
        """A spool that is broken is told of, and nothing else comes of it."""
        error = OSError("broken")
        self.count(FutureRelease(DAY, held=HeldMail(lambda: 0.0)))
        fail(error).chainDeferred(self.spool.pages[0])
        self.assertEqual(self.troubles, [error])
        self.end()


class WorkersTests(HousesTestCase):
    """A server of several workers."""

    def asked(self) -> object:
        """What the others of the first say of what waits with them."""
        ask = self.sites[0].machine.worker.others.ask
        return self.result(ask("held.all", {}, 1.0))

    def test_shared(self) -> None:
        """They let each other know what waits."""
        self.start(3, extensions={"FUTURERELEASE": {"hold_max_seconds": 86400}})
        self.assertEqual(self.asked(), {2: [{}], 3: [{}]})

    def test_off(self) -> None:
        """Where nobody may have mail wait, they have nothing to say."""
        self.start(2)
        self.assertEqual(self.asked(), {})
