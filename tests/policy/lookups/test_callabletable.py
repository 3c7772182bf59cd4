"""Tests for L{smtpx.policy.lookups.callabletable}."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.policy.lookups import CallableTable, ITable, LookupDeferred, callabletable

from .tables import Heard


class CallableTableTests(SynchronousTestCase):
    """What somebody's Python says."""

    def setUp(self) -> None:
        """There is a clock."""
        self.clock = Clock()
        self.heard = Heard()

    def table(self, call: Any) -> CallableTable:
        """A table that calls something."""
        return CallableTable(call, self.clock, self.heard.complaints(), 5.0)

    def failing(self, call: Any) -> str:
        """Why it cannot tell."""
        try:
            found = self.table(call).find(b"key")
        except LookupDeferred as error:
            return str(error)
        assert isinstance(found, Deferred)
        return str(self.failureResultOf(found, LookupDeferred).value)

    def test_provides(self) -> None:
        """It is a table."""
        self.assertTrue(verifyObject(ITable, self.table(lambda key: None)))

    def test_atOnce(self) -> None:
        """Octets, text, or that there is nothing."""
        for said, value in ((b"a", b"a"), ("\u00e4", b"\xc3\xa4"), (None, None)):
            self.assertEqual(self.table(lambda key, said=said: said).find(b"k"), value)

    def test_whoLeavesIsNoFault(self) -> None:
        """That a client leaves while it is asked is nothing to tell the operator of."""
        for waits in (Deferred[bytes](), Deferred[bytes](lambda asked: None)):
            table = self.table(lambda key, waits=waits: waits)
            found = table.find(b"key")
            assert isinstance(found, Deferred)
            found.cancel()
            self.failureResultOf(found, CancelledError)
            self.assertEqual(table._waiting, 0)
        self.assertEqual(self.heard.told, [])

    def test_itsKey(self) -> None:
        """It is told the key, as octets."""
        self.assertEqual(self.table(lambda key: key[::-1]).find(b"abc"), b"cba")

    def test_later(self) -> None:
        """By a Deferred, or by anything that can be awaited."""

        async def said(key: bytes) -> str:
            return await succeed("later")

        for call in (lambda key: succeed("later"), said):
            found = self.table(call).find(b"k")
            assert isinstance(found, Deferred)
            self.assertEqual(self.successResultOf(found), b"later")

    def test_raises(self) -> None:
        """What it raises means that it cannot tell."""

        def raises(key: bytes) -> bytes:
            raise KeyError("lost")

        async def later(key: bytes) -> bytes:
            raise KeyError("lost")

        for call in (raises, later, lambda key: fail(KeyError("lost"))):
            self.assertEqual(self.failing(call), "KeyError: 'lost'")
        self.assertEqual(self.failing(lambda key: fail(OSError())), "OSError")

    def test_noValue(self) -> None:
        """Something else than a value is none."""
        for call in (lambda key: 42, lambda key: succeed(42)):
            expected = "TypeError: expected bytes, str or None, got 42"
            self.assertEqual(self.failing(call), expected)
        long = "ValueError: a value has more than 65536 octets"
        self.assertEqual(self.failing(lambda key: b"v" * 65537), long)

    def test_slow(self) -> None:
        """It has so much time, and is cancelled then."""
        waiting: Deferred[bytes] = Deferred()
        found = self.table(lambda key: waiting).find(b"k")
        assert isinstance(found, Deferred)
        self.clock.advance(4.9)
        self.assertNoResult(found)
        self.clock.advance(0.2)
        failure = self.failureResultOf(found, LookupDeferred)
        self.assertEqual(str(failure.value), "it took more than 5 s")

    def test_many(self) -> None:
        """Only so many questions are under way."""
        self.patch(callabletable, "WAITING_MOST", 1)
        waiting: list[Deferred[bytes]] = []

        def call(key: bytes) -> Deferred[bytes]:
            waiting.append(Deferred())
            return waiting[-1]

        table = self.table(call)
        table.find(b"a")
        self.assertRaises(LookupDeferred, table.find, b"b")
        waiting[0].callback(b"v")
        self.assertIsInstance(table.find(b"c"), Deferred)

    def test_told(self) -> None:
        """That it cannot tell is told once, and that it can again."""
        answers: list[bytes | None] = [None, None, b"yes"]

        def call(key: bytes) -> bytes:
            answer = answers.pop(0)
            if answer is None:
                raise KeyError("lost")
            return answer

        table = self.table(call)
        for _ in range(2):
            self.assertRaises(LookupDeferred, table.find, b"k")
        table.find(b"k")
        told = [("lookup.broken", "KeyError: 'lost'"), ("lookup.works", None)]
        self.assertEqual(self.heard.told, told)
