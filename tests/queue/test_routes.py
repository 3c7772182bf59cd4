"""Tests for L{smtpx.queue.routes}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Conflict, UsageError
from smtpx.queue.discard import Discard
from smtpx.queue.hold import Hold
from smtpx.queue.interfaces import ITransport
from smtpx.queue.routes import LocalRoute, Routes

from .doubles import ScriptedTransport

HOLD, DISCARD = Hold(), Discard()


class RoutesTests(SynchronousTestCase):
    """Which transport takes the messages of which recipient."""

    def setUp(self) -> None:
        """Routes of every width."""
        self.routes = Routes(
            [
                LocalRoute("*.example.org", "discard"),
                LocalRoute("example.org", "hold"),
                LocalRoute("root@example.org", "discard"),
            ],
            [HOLD, DISCARD],
            b"example.org",
        )

    def found(self, path: bytes) -> tuple[str, ITransport] | None:
        """What is found for a recipient."""
        route = self.routes.find(path)
        return None if route is None else (route.pattern, route.transport)

    def test_narrowestRouteWins(self) -> None:
        """An address beats its domain."""
        self.assertEqual(self.found(b"a@example.org"), ("example.org", HOLD))
        self.assertEqual(self.found(b"root@example.org"), ("root@example.org", DISCARD))
        self.assertEqual(self.found(b"a@b.example.org"), ("*.example.org", DISCARD))
        self.assertIsNone(self.found(b"a@example.net"))

    def test_postmasterAlone(self) -> None:
        """C{<postmaster>} goes where the home domain's mail goes."""
        self.assertEqual(self.found(b"postmaster"), ("example.org", HOLD))

    def test_tags(self) -> None:
        """A tag goes where its user goes, unless it has a route of its own."""
        routes = Routes(
            [
                LocalRoute("a.example", "one"),
                LocalRoute("x@a.example", "two"),
                LocalRoute("x+own@a.example", "one"),
            ],
            [ScriptedTransport("one"), ScriptedTransport("two")],
            separators=b"+",
        )
        for path, name in (
            (b"x+tag@a.example", "two"),
            (b"x+own@a.example", "one"),
            (b"y+tag@a.example", "one"),
        ):
            route = routes.find(path)
            assert route is not None
            self.assertEqual(route.transport.name, name)

    def test_goes(self) -> None:
        """A policy can ask whether there is a way at all."""
        self.assertTrue(self.routes.goes(b"a@example.org"))
        self.assertFalse(self.routes.goes(b"a@example.net"))

    def test_holds(self) -> None:
        """A message is put on hold at once only if all its routes hold."""

        def holds(*paths: bytes) -> bool:
            envelope = Envelope(b"", 0.0, [Recipient(path) for path in paths])
            return self.routes.holds(envelope)

        self.assertTrue(holds(b"a@example.org", b"b@example.org"))
        self.assertFalse(holds(b"a@example.org", b"root@example.org"))
        self.assertFalse(holds(b"a@example.org", b"a@example.net"))

    def test_unknownTransport(self) -> None:
        """A route to nowhere is refused, and it is said what there is."""
        with self.assertRaises(UsageError) as caught:
            Routes([LocalRoute("*", "maildri")], [HOLD, DISCARD])
        self.assertEqual(
            str(caught.exception),
            'route "*": there is no transport "maildri"; there is discard, hold',
        )
        with self.assertRaises(UsageError) as caught:
            Routes([LocalRoute("*", "hold")], [])
        self.assertIn("there is none", str(caught.exception))

    def test_oneNameTwice(self) -> None:
        """Two transports of one name are refused."""
        with self.assertRaises(Conflict) as caught:
            Routes([], [Hold("x"), Discard("x")])
        self.assertEqual(str(caught.exception), 'two transports are called "x"')

    def test_onePatternTwice(self) -> None:
        """Two routes for one pattern are refused."""
        with self.assertRaises(Conflict):
            Routes(
                [LocalRoute("*", "hold"), LocalRoute("*", "discard")], [HOLD, DISCARD]
            )
