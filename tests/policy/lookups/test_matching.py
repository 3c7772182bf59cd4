"""Tests for L{smtpx.policy.lookups.matching}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.policy.lookups import (
    Default,
    Found,
    ILookup,
    Lookup,
    LookupDeferred,
    Matching,
)

from .tables import Memory


def keys(matching: Matching, key: bytes) -> list[bytes]:
    """What is asked for."""
    return list(matching.keys(key))


class MatchingTests(SynchronousTestCase):
    """What else may stand for a key."""

    def test_partial(self) -> None:
        """The example of Exim's manual, section 9.7."""
        self.assertEqual(
            keys(Matching(2), b"2250.dates.fict.example"),
            [
                b"2250.dates.fict.example",
                b"*.2250.dates.fict.example",
                b"*.dates.fict.example",
                b"*.fict.example",
            ],
        )

    def test_affix(self) -> None:
        """Another affix, and the empty one, as in Exim's manual."""
        self.assertEqual(
            keys(Matching(2, b"."), b"a.b.c"), [b"a.b.c", b".a.b.c", b".b.c"]
        )
        self.assertEqual(keys(Matching(1, b""), b"a.b.c"), [b"a.b.c", b"b.c", b"c"])

    def test_downToNothing(self) -> None:
        """With 0 the affix is asked for by itself in the end, if there is any."""
        for affix, last in (
            (b"*.", [b"*"]),
            (b".", [b"."]),
            (b"*-", [b"*-"]),
            (b"", []),
        ):
            found = keys(Matching(0, affix), b"a.b")
            start = [affix + b"a.b"] if affix else []
            self.assertEqual(found, [b"a.b", *start, affix + b"b", *last])

    def test_tooFewComponents(self) -> None:
        """What has fewer components is only asked for as a whole."""
        self.assertEqual(keys(Matching(3), b"a.b"), [b"a.b", b"*.a.b"])

    def test_defaults(self) -> None:
        """C{*}, and C{*@domain} before it where there is an address."""
        star, at = Matching(default=Default.STAR), Matching(default=Default.AT)
        self.assertEqual(keys(star, b"a@b"), [b"a@b", b"*"])
        self.assertEqual(keys(at, b"a@b@c"), [b"a@b@c", b"*@c", b"*"])
        self.assertEqual(keys(at, b"@c"), [b"@c", b"*"])
        self.assertEqual(keys(at, b"c"), [b"c", b"*"])

    def test_defaultsComeLast(self) -> None:
        """They are asked for when all that is partial was."""
        self.assertEqual(
            keys(Matching(2, default=Default.AT), b"x@a.b.c"),
            [b"x@a.b.c", b"*.x@a.b.c", b"*.b.c", b"*@a.b.c", b"*"],
        )


class LookupTests(SynchronousTestCase):
    """A look-up under a name."""

    def test_provides(self) -> None:
        """It is one."""
        verifyObject(ILookup, Lookup("some", Memory({})))

    def test_plain(self) -> None:
        """Nothing else is tried, if that is not wanted."""
        table = Memory({b"*": b"all", b"a": b"one"})
        lookup = Lookup("some", table)
        self.assertIsNone(lookup.find(b"b"))
        self.assertEqual(lookup.find(b"a"), b"one")
        self.assertEqual(table.asked, [b"b", b"a"])
        self.assertTrue(lookup.prompt)

    def test_firstFound(self) -> None:
        """The first key that there is has the value; an empty one is one."""
        table = Memory({b"*.b.c": b"", b"*": b"all"})
        lookup = Lookup("some", table, Matching(2, default=Default.STAR))
        self.assertEqual(lookup.find(b"a.b.c"), b"")
        self.assertEqual(lookup.find(b"x"), b"all")
        self.assertEqual(lookup.find(b""), b"all")

    def test_lowers(self) -> None:
        """A table that minds case can be asked in lower case only."""
        table = Memory({b"a.b": b"one"})
        self.assertIsNone(Lookup("some", table).find(b"A.B"))
        self.assertEqual(Lookup("some", table, lowers=True).find(b"A.B"), b"one")
        matching = Matching(2)
        self.assertEqual(
            self.successResultOf(
                Deferred.fromCoroutine(
                    Lookup("some", table, matching, True).explain(b"A.B")
                )
            ),
            Found(b"one", b"a.b", (b"a.b",)),
        )

    def test_later(self) -> None:
        """A table that takes its time is asked one key after the other."""
        values = {b"*.b.c": b"one"}
        for key, value, tried in (
            (b"a.b.c", b"one", [b"a.b.c", b"*.a.b.c", b"*.b.c"]),
            (b"x", None, [b"x", b"*.x"]),
        ):
            table = Memory(values, prompt=False)
            lookup = Lookup("some", table, Matching(2))
            found = lookup.find(key)
            assert isinstance(found, Deferred)
            self.assertEqual(self.successResultOf(found), value)
            self.assertEqual(table.asked, tried)
            self.assertFalse(lookup.prompt)

    def test_tooLong(self) -> None:
        """A key that is too long is not found, and neither is a default for it."""
        table = Memory({b"*": b"all"})
        lookup = Lookup("some", table, Matching(default=Default.STAR))
        self.assertEqual(lookup.find(b"k" * 1024), b"all")
        self.assertIsNone(lookup.find(b"k" * 1025))
        explained = Deferred.fromCoroutine(lookup.explain(b"k" * 1025))
        self.assertEqual(self.successResultOf(explained), Found(None, None, ()))

    def test_explained(self) -> None:
        """Which key it was that there is, and which were tried."""
        for prompt in (True, False):
            table = Memory({b"*.b.c": b"one"}, prompt)
            lookup = Lookup("some", table, Matching(2))
            explained = Deferred.fromCoroutine(lookup.explain(b"a.b.c"))
            tried = (b"a.b.c", b"*.a.b.c", b"*.b.c")
            self.assertEqual(
                self.successResultOf(explained), Found(b"one", b"*.b.c", tried)
            )
            explained = Deferred.fromCoroutine(lookup.explain(b"x"))
            self.assertEqual(
                self.successResultOf(explained), Found(None, None, (b"x", b"*.x"))
            )

    def test_deferred(self) -> None:
        """Where the table cannot tell, nobody can."""
        table = Memory({b"*": b"all"}, why="it is gone")
        lookup = Lookup("some", table, Matching(2))
        self.assertRaises(LookupDeferred, lookup.find, b"a")
