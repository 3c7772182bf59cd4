"""Tests for L{smtpx.policy.dnslists.decision}."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.dnslists.asker import ListAsker
from smtpx.policy.dnslists.decision import Decision, Inquest, Probe
from smtpx.policy.dnslists.items import DNSList
from smtpx.testing.dns import StaticResolver
from tests.policy.doubles import sessionFrom

ZONES = """
1.2.0.192.a.example A 127.0.0.2
1.2.0.192.a.example TXT "listed, alas"
1.2.0.192.b.example A 127.0.0.4
1.2.0.192.all.example A 127.0.0.2
1.2.0.192.all.example A 127.0.0.4
"""


class DecisionTests(SynchronousTestCase):
    """What several lists come to."""

    def setUp(self) -> None:
        """Two lists that have the client, and others that have not."""
        self.dns = StaticResolver(ZONES)
        self.clock = Clock()

    def begin(self, *items: str, atOnce: int = 16) -> Deferred[Decision]:
        """Ask lists about 192.0.2.1."""
        asker = ListAsker(self.dns, self.clock, 5.0, atOnce, lambda zone, why: None)
        lists = DNSList.parse(items)
        inquest = Inquest.begin(asker, sessionFrom())
        probes = [Probe(each, b"192.0.2.1") for each in lists.items]
        return Deferred.fromCoroutine(inquest.decide(probes, lists.otherwise))

    def decided(self, *items: str, atOnce: int = 16) -> Decision:
        """What they come to at once."""
        return self.successResultOf(self.begin(*items, atOnce=atOnce))

    def names(self) -> list[bytes]:
        """The lists that were asked."""
        return [name[len(b"1.2.0.192.") :] for name, kind in self.dns.asked]

    def test_theFirstThatHasTheClientDecides(self) -> None:
        """Its answer and its text are told."""
        found = self.decided("none.example", "a.example", "b.example")
        assert found.probe is not None
        self.assertIs(found.held, True)
        self.assertEqual(found.probe.item.zone, b"a.example")
        self.assertEqual(found.values, (b"127.0.0.2",))
        self.assertEqual(found.text, "listed, alas")

    def test_nobodyHasTheClient(self) -> None:
        """Then the last item says what that means."""
        self.assertEqual(self.decided("none.example"), Decision(False))
        self.assertEqual(self.decided("!none.example"), Decision(True))
        self.assertEqual(self.decided(), Decision(False))

    def test_exceptions(self) -> None:
        """A list with C{!} says no for those whom it has."""
        self.assertIs(self.decided("!a.example", "b.example").held, False)
        self.assertIs(self.decided("b.example", "!a.example").held, True)

    def test_values(self) -> None:
        """A list of many kinds is asked for some."""
        self.assertIs(self.decided("all.example=127.0.0.3").held, False)
        self.assertIs(self.decided("all.example=127.0.0.3,127.0.0.4").held, True)
        self.assertIs(self.decided("all.example==127.0.0.4").held, False)

    def test_sideBySide(self) -> None:
        """All are asked at once, and decide in their order."""
        self.dns.hold(b"1.2.0.192.slow.example", "A")
        self.dns.hold(b"1.2.0.192.slower.example", "A")
        asking = self.begin("slow.example", "a.example", "slower.example")
        asked = [b"slow.example", b"a.example", b"slower.example"]
        self.assertEqual(self.names(), asked)
        self.assertNoResult(asking)
        self.dns.release(b"1.2.0.192.slow.example", "A")
        found = self.successResultOf(asking)
        assert found.probe is not None
        self.assertEqual(found.probe.item.zone, b"a.example")
        # What was under way is not waited for.
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_oneAfterTheOther(self) -> None:
        """No list is asked that is not needed."""
        self.decided("none.example", "a.example", "b.example", atOnce=1)
        asked = [b"none.example", b"a.example", b"a.example"]
        self.assertEqual(self.names(), asked)
        self.assertEqual(self.dns.asked[-1][1], "TXT")

    def test_soManyAtOnce(self) -> None:
        """There is a bound."""
        for name in (b"s1.example", b"s2.example", b"s3.example"):
            self.dns.hold(b"1.2.0.192." + name, "A")
        asking = self.begin("s1.example", "s2.example", "s3.example", atOnce=2)
        self.assertEqual(self.names(), [b"s1.example", b"s2.example"])
        self.dns.release(b"1.2.0.192.s1.example", "A")
        self.assertEqual(self.names()[2:], [b"s3.example"])
        self.dns.release(b"1.2.0.192.s3.example", "A")
        self.dns.release(b"1.2.0.192.s2.example", "A")
        self.assertIs(self.successResultOf(asking).held, False)

    def test_listThatIsAway(self) -> None:
        """It has nobody, everybody, or nobody knows, as the words before it say."""
        self.dns.fail(b"1.2.0.192.gone.example", "A")
        for items, held in (
            (("gone.example",), False),
            (("gone.example", "a.example"), True),
            (("!gone.example", "a.example"), True),
            (("+exclude_unknown", "gone.example"), False),
            (("+include_unknown", "gone.example"), True),
            (("+defer_unknown", "gone.example", "a.example"), None),
            (("+defer_unknown", "a.example", "gone.example"), True),
        ):
            found = self.decided(*items)
            self.assertIs(found.held, held, items)
        self.assertEqual(self.decided("gone.example").untold, (b"gone.example",))

    def test_limitOfTime(self) -> None:
        """It is for all lists of a rule together."""
        for name in (b"s1.example", b"s2.example"):
            self.dns.hold(b"1.2.0.192." + name, "A")
        asking = self.begin("s1.example", "s2.example", "a.example", atOnce=1)
        self.clock.advance(5)
        self.clock.advance(0)
        found = self.successResultOf(asking)
        self.assertEqual(found.untold, (b"s1.example", b"s2.example"))

    def test_mergedLists(self) -> None:
        """The second is asked first, and the first has to have the client, too."""
        found = self.decided("b.example,all.example=127.0.0.4")
        assert found.probe is not None
        self.assertEqual(found.probe.item.zone, b"b.example")
        # Of the first it is told what it says.
        self.assertEqual(found.values, (b"127.0.0.4",))
        self.assertIs(self.decided("none.example,all.example").held, False)
        self.assertIs(self.decided("b.example,all.example=127.0.0.9").held, False)
        self.dns.fail(b"1.2.0.192.b.example", "A")
        self.assertEqual(
            self.decided("b.example,all.example"),
            Decision(False, untold=(b"b.example",)),
        )

    def test_whatCanBeInNoList(self) -> None:
        """Nobody is asked."""
        asker = ListAsker(self.dns, self.clock)
        inquest = Inquest.begin(asker, sessionFrom())
        probe = Probe(DNSList.parse(["a.example,b.example"]).items[0], b"..")
        deciding = Deferred.fromCoroutine(inquest.decide([probe], False))
        self.assertIs(self.successResultOf(deciding).held, False)
        self.assertEqual(self.dns.asked, [])

    def test_clientThatLeaves(self) -> None:
        """All questions end."""
        for name in (b"s1.example", b"s2.example"):
            self.dns.hold(b"1.2.0.192." + name, "A")
        asking = self.begin("s1.example", "s2.example")
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_every(self) -> None:
        """Of weighted lists all are asked."""
        self.dns.fail(b"1.2.0.192.gone.example", "A")
        asker = ListAsker(self.dns, self.clock, told=lambda zone, why: None)
        inquest = Inquest.begin(asker, sessionFrom())
        items = DNSList.parse(["a.example", "none.example", "gone.example"]).items
        probes = [Probe(each, b"192.0.2.1") for each in items]
        every = Deferred.fromCoroutine(inquest.every(probes))
        self.assertEqual(self.successResultOf(every), [True, False, False])
        self.assertEqual(inquest.untold, [b"gone.example"])
