"""Tests for L{smtpx.queue.routes}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Conflict, UsageError
from smtpx.queue.discard import Discard
from smtpx.queue.hold import Hold
from smtpx.queue.interfaces import ITransport
from smtpx.queue.routes import NULL_SENDER, RouteRule, Routes

from .doubles import ScriptedTransport

HOLD, DISCARD = Hold(), Discard()


class RoutesTests(SynchronousTestCase):
    """Which transport takes the messages of which recipient."""

    def setUp(self) -> None:
        """Routes of every width."""
        self.routes = Routes(
            [
                RouteRule("*.example.org", "discard"),
                RouteRule("example.org", "hold"),
                RouteRule("root@example.org", "discard"),
            ],
            [HOLD, DISCARD],
            b"example.org",
        )

    def found(self, path: bytes) -> tuple[str, ITransport] | None:
        """What is found for a recipient."""
        route = self.routes.find(path, b"a@b.example")
        return None if route is None else (route.pattern, route.transport)

    def test_narrowestRouteWins(self) -> None:
        """An address beats its domain."""
        self.assertEqual(self.found(b"a@example.org"), ("example.org", HOLD))
        self.assertEqual(self.found(b"root@example.org"), ("root@example.org", DISCARD))
        self.assertEqual(self.found(b"a@b.example.org"), ("*.example.org", DISCARD))
        self.assertIsNone(self.found(b"a@example.net"))

    def test_askedAgain(self) -> None:
        """Whoever asks again, and however many others did, hears the same."""
        for number in range(2100):
            path = b"%d@b.example.org" % (number % 1050)
            self.assertEqual(self.found(path), ("*.example.org", DISCARD))
        self.assertEqual(self.found(b"a@example.org"), ("example.org", HOLD))
        self.assertIsNone(self.found(b"a@example.net"))
        self.assertIsNone(self.found(b"a@example.net"))

    def test_lookupsAreAskedEachTime(self) -> None:
        """What is looked up for a route may be another thing the next time."""
        there: set[bytes] = set()
        routes = Routes(
            [RouteRule("lookup:ours", "hold"), RouteRule("*", "discard")],
            [HOLD, DISCARD],
            asks={"ours": there.__contains__},
        )
        for domains, transport in (set(), DISCARD), ({b"b.example"}, HOLD):
            there |= domains
            route = routes.find(b"a@b.example", b"")
            assert route is not None
            self.assertIs(route.transport, transport)

    def test_postmasterAlone(self) -> None:
        """C{<postmaster>} goes where the home domain's mail goes."""
        self.assertEqual(self.found(b"postmaster"), ("example.org", HOLD))

    def test_tags(self) -> None:
        """A tag goes where its user goes, unless it has a route of its own."""
        routes = Routes(
            [
                RouteRule("a.example", "one"),
                RouteRule("x@a.example", "two"),
                RouteRule("x+own@a.example", "one"),
            ],
            [ScriptedTransport("one"), ScriptedTransport("two")],
            separators=b"+",
        )
        for path, name in (
            (b"x+tag@a.example", "two"),
            (b"x+own@a.example", "one"),
            (b"y+tag@a.example", "one"),
        ):
            route = routes.find(path, b"")
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

    def test_onward(self) -> None:
        """What somebody has released goes the next wider way that does not hold."""
        rules = [
            RouteRule("ann@example.org", "hold", ("b.example",)),
            RouteRule("example.org", "hold"),
            RouteRule("*", "discard", ("b.example",)),
        ]
        routes = Routes(rules, [HOLD, DISCARD])
        found = routes.onward(b"ann@example.org", b"a@b.example")
        assert found is not None
        self.assertEqual((found.pattern, found.transport), ("*", DISCARD))
        self.assertIsNone(routes.onward(b"ann@example.org", b"a@c.example"))

    def test_unknownTransport(self) -> None:
        """A route to nowhere is refused, and it is said what there is."""
        with self.assertRaises(UsageError) as caught:
            Routes([RouteRule("*", "maildri")], [HOLD, DISCARD])
        self.assertEqual(
            str(caught.exception),
            'route "*": there is no transport "maildri"; there is discard, hold',
        )
        with self.assertRaises(UsageError) as caught:
            Routes([RouteRule("*", "hold")], [])
        self.assertIn("there is none", str(caught.exception))

    def test_oneNameTwice(self) -> None:
        """Two transports of one name are refused."""
        with self.assertRaises(Conflict) as caught:
            Routes([], [Hold("x"), Discard("x")])
        self.assertEqual(str(caught.exception), 'two transports are called "x"')

    def test_onePatternTwice(self) -> None:
        """Two routes for one pattern are refused."""
        with self.assertRaises(Conflict) as caught:
            Routes([RouteRule("*", "hold"), RouteRule("*", "discard")], [HOLD, DISCARD])
        self.assertEqual(str(caught.exception), '"*" has two routes')


class SenderTests(SynchronousTestCase):
    """Routes that hold for some senders."""

    def setUp(self) -> None:
        """A smart host for two brands, one of whose people has another."""
        names = ["mx", "brand", "joe", "bounces", "local", "none"]
        self.transports = [ScriptedTransport(name) for name in names]
        self.rules = [
            RouteRule("*", "mx"),
            RouteRule("*", "brand", ("brand.example", "*.brand.example")),
            RouteRule("*", "joe", ("joe@brand.example",)),
            RouteRule("*", "bounces", (NULL_SENDER,)),
            RouteRule("example.org", "local"),
            RouteRule("*.example.org", "local", ("joe@brand.example",)),
        ]
        self.routes = Routes(self.rules, self.transports, separators=b"+")

    def found(self, path: bytes, sender: bytes, routes: Routes | None = None) -> str:
        """Which transport has it."""
        route = (routes or self.routes).find(path, sender)
        return "none" if route is None else route.transport.name

    def test_narrowestSenderWins(self) -> None:
        """Among routes with one pattern, an address beats its domain, that all."""
        for sender, expected in (
            (b"ann@else.example", "mx"),
            (b"ann@brand.example", "brand"),
            (b"ann@a.brand.example", "brand"),
            (b"Joe@Brand.example", "joe"),
            (b"joe+tag@brand.example", "joe"),
            (b"postmaster", "mx"),
            (b"", "bounces"),
        ):
            self.assertEqual(self.found(b"x@example.net", sender), expected)

    def test_recipientComesFirst(self) -> None:
        """A domain with a route of its own is not carried to a smart host."""
        self.assertEqual(self.found(b"x@example.org", b"ann@brand.example"), "local")

    def test_widerPatternIsNext(self) -> None:
        """Where no route of a pattern is for the sender, the next wider one is."""
        path = b"x@sub.example.org"
        self.assertEqual(self.found(path, b"joe@brand.example"), "local")
        self.assertEqual(self.found(path, b"ann@brand.example"), "brand")
        self.assertEqual(self.found(path, b"ann@else.example"), "mx")

    def test_nullSender(self) -> None:
        """The null sender is nobody of a domain; for all is for it as well."""
        routes = Routes(self.rules[:3], self.transports, b"brand.example")
        self.assertEqual(self.found(b"x@example.net", b"", routes), "mx")
        self.assertEqual(self.found(b"x@example.net", b"postmaster", routes), "brand")

    def test_everybodyIsNobodysRoute(self) -> None:
        """C{*} as a sender is the same as none."""
        routes = Routes([RouteRule("*", "mx", ("*",))], self.transports)
        self.assertTrue(routes.goes(b"x@example.net"))
        self.assertEqual(self.found(b"x@example.net", b"", routes), "mx")

    def test_goes(self) -> None:
        """There is a way for all, or for one sender only."""
        routes = Routes(self.rules[1:], self.transports)
        self.assertFalse(routes.goes(b"x@example.net"))
        self.assertTrue(routes.goes(b"x@example.org"))
        self.assertTrue(routes.leads(b"x@example.net"))
        reports = Routes([RouteRule("*", "mx", (NULL_SENDER,))], self.transports)
        self.assertFalse(reports.leads(b"x@example.net"))
        self.assertTrue(routes.goesFrom(b"x@example.net", b"ann@brand.example"))
        self.assertFalse(routes.goesFrom(b"x@example.net", b"ann@else.example"))

    def test_holdsForTheSender(self) -> None:
        """Whether a message is put on hold at once depends on the sender, too."""
        routes = Routes(
            [RouteRule("*", "discard"), RouteRule("*", "hold", ("a@b.example",))],
            [HOLD, DISCARD],
        )
        people = [Recipient(b"x@example.net")]
        self.assertTrue(routes.holds(Envelope(b"a@b.example", 0.0, people)))
        self.assertFalse(routes.holds(Envelope(b"b@b.example", 0.0, people)))

    def test_oneSenderTwice(self) -> None:
        """Two routes for one pattern and one sender are refused."""
        for sender, expected in (
            ("<>", '"*" and the sender "<>" has two routes'),
            ("*", '"*" has two routes'),
            ("a.example", '"a.example" stands in the table twice'),
        ):
            rules = [RouteRule("*", "mx", (sender,)) for _ in range(2)]
            with self.assertRaises(Conflict) as caught:
                Routes(rules, self.transports)
            self.assertEqual(str(caught.exception), expected)


class ConditionTests(SynchronousTestCase):
    """Routes that hold only for what was found out of a message."""

    def setUp(self) -> None:
        """Two with a condition, and those for the rest."""
        self.spam = {b"ann@example.org", b"eve@example.net"}
        self.bad = {b"eve@example.net"}
        self.routes = Routes(
            [
                RouteRule("ann@example.org", "usual"),
                RouteRule("example.org", "usual"),
                RouteRule("*", "bad", holds=lambda each: each.path in self.bad),
                RouteRule(
                    "*",
                    "spam",
                    ("sender.example",),
                    lambda each: each.path in self.spam,
                ),
                RouteRule("*", "held", (), lambda each: each.path in self.spam),
            ],
            [
                *map(ScriptedTransport, ("usual", "bad", "spam")),
                Hold("held"),
            ],
            b"example.org",
        )

    def found(self, path: bytes, sender: bytes, message: bool = True) -> str:
        """The transport for a recipient."""
        recipient = Recipient(path) if message else None
        route = self.routes.find(path, sender, recipient)
        return "nowhere" if route is None else route.transport.name

    def test_first(self) -> None:
        """They come before narrower ones that always hold, in their order."""
        sender = b"a@sender.example"
        self.assertEqual(self.found(b"ann@example.org", sender), "spam")
        self.assertEqual(self.found(b"bob@example.org", sender), "usual")
        self.assertEqual(self.found(b"eve@example.net", sender), "bad")
        self.assertEqual(self.found(b"ann@example.org", b"a@other.example"), "held")

    def test_withoutAMessage(self) -> None:
        """Whom mail is taken for does not depend on them."""
        sender = b"a@sender.example"
        self.assertEqual(self.found(b"ann@example.org", sender, False), "usual")
        self.assertEqual(self.found(b"eve@example.net", sender, False), "nowhere")
        self.assertFalse(self.routes.goes(b"eve@example.net"))
        self.assertFalse(self.routes.leads(b"eve@example.net"))
        self.assertTrue(self.routes.goesFrom(b"ann@example.org", sender))

    def test_released(self) -> None:
        """What is released goes on to the next that matches."""
        ann = Recipient(b"ann@example.org")
        route = self.routes.onward(ann.path, b"a@other.example", ann)
        assert route is not None
        self.assertEqual(route.transport.name, "usual")

    def test_heldAtOnce(self) -> None:
        """A message that is on hold for a condition never gets to delivering."""
        for path, held in ((b"ann@example.org", True), (b"bob@example.org", False)):
            envelope = Envelope(b"a@other.example", 0.0, [Recipient(path)])
            self.assertIs(self.routes.holds(envelope), held)

    def test_unknownTransport(self) -> None:
        """They are checked as the others are."""
        rule = RouteRule("*", "none", holds=lambda each: True)
        self.assertRaises(UsageError, Routes, [rule], [])
