"""Tests for L{smtpx.core.asked}: look-ups in host lists and tables of addresses."""

from __future__ import annotations

from collections.abc import Collection

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.addresstable import AddressTable
from smtpx.core.asked import Ask, Asks, asked, lookupIn
from smtpx.core.errors import Conflict, Malformed, Untold, UsageError
from smtpx.core.hostlist import HostList, lookupKeys


def having(*keys: bytes) -> Ask:
    """A look-up with these keys."""
    known: Collection[bytes] = frozenset(keys)
    return lambda key: key in known


def broken(key: bytes) -> bool:
    """A look-up that cannot tell."""
    raise Untold("the file is gone")


class LookupItemTests(SynchronousTestCase):
    """How a look-up stands in a list."""

    def test_names(self) -> None:
        """They are as the operator writes them."""
        self.assertEqual(lookupIn(" lookup:Mine "), "Mine")
        self.assertEqual(lookupIn("LOOKUP:Mine"), "Mine")
        self.assertIsNone(lookupIn("lookup.example"))

    def test_asked(self) -> None:
        """A look-up that there is not is an error."""
        ask = having(b"x")
        self.assertIs(asked("mine", {"mine": ask}), ask)
        error = self.assertRaises(UsageError, asked, "mien", {"mine": ask})
        text = '"lookup:mien": there is no look-up "mien" for lists'
        self.assertEqual(str(error), text)


class HostListTests(SynchronousTestCase):
    """Host lists with look-ups."""

    def bound(self, *items: str, **asks: Ask) -> HostList:
        """A list whose look-ups are asked."""
        return HostList.parse(items).asking(asks)

    def test_parse(self) -> None:
        """It is written as it was read, and wants no names."""
        hosts = HostList.parse(["!Lookup:Bad", "lookup:good", "lookup:good"])
        texts = ("!lookup:Bad", "lookup:good", "lookup:good")
        self.assertEqual(hosts.render(), texts)
        self.assertEqual(hosts.lookups, ("Bad", "good"))
        self.assertEqual(hosts.names, ())
        self.assertFalse(hosts.needsNames)
        self.assertRaises(Malformed, HostList.parse, ["lookup:"])

    def test_withoutSomebodyWhoAnswers(self) -> None:
        """Nobody is in it."""
        self.assertFalse(HostList.parse(["lookup:x"]).matches(b"192.0.2.1"))
        self.assertRaises(UsageError, HostList.parse(["lookup:x"]).asking, {})
        plain = HostList.parse(["192.0.2.1"])
        self.assertIs(plain.asking({}), plain)

    def test_addresses(self) -> None:
        """They are looked up in short, and names as far as they are known."""
        hosts = self.bound(
            "!192.0.2.7", "lookup:x", x=having(b"192.0.2.1", b"2001:db8::1", b"a.b")
        )
        for address, names, held in (
            (b"192.0.2.1", (), True),
            (b"::ffff:192.0.2.1", (), True),
            (b"2001:db8:0:0::1", (), True),
            (b"192.0.2.2", (), False),
            (b"192.0.2.2", (b"A.B.",), True),
            (b"192.0.2.7", (b"a.b",), False),
            (b"", (), False),
            (b"nowhere", (b"a.b",), True),
        ):
            self.assertIs(hosts.matches(address, names), held, address)
            self.assertIs(hosts.verdict(address, names), held, address)

    def test_keys(self) -> None:
        """What is no address is not looked up."""
        self.assertEqual(lookupKeys(b"", (b"A.",)), (b"a",))
        self.assertEqual(lookupKeys(b"x", ()), ())
        self.assertEqual(lookupKeys(b"2001:DB8::1", ()), (b"2001:db8::1",))

    def test_negated(self) -> None:
        """As any other item; what is behind it still counts."""
        hosts = self.bound("!lookup:x", "192.0.2.0/24", x=having(b"192.0.2.1"))
        self.assertFalse(hosts.matches(b"192.0.2.1"))
        self.assertTrue(hosts.matches(b"192.0.2.2"))
        self.assertTrue(self.bound("!lookup:x", x=having()).matches(b"192.0.2.2"))

    def test_whatCannotBeTold(self) -> None:
        """There is no verdict; where there has to be one, it is no match."""
        hosts = self.bound("lookup:x", x=broken)
        self.assertIsNone(hosts.verdict(b"192.0.2.1"))
        self.assertFalse(hosts.matches(b"192.0.2.1"))
        sure = self.bound("lookup:x", "*", x=broken)
        self.assertIs(sure.verdict(b"192.0.2.1"), True)

    def test_resolved(self) -> None:
        """Names beside it are looked up, and it is asked all the same."""
        hosts = self.bound("mx.example", "lookup:x", x=having(b"192.0.2.1"))
        found = hosts.resolved({b"mx.example": [b"192.0.2.2"]})
        for address in (b"192.0.2.1", b"192.0.2.2"):
            self.assertTrue(found.matches(address))


class AddressTableTests(SynchronousTestCase):
    """Tables with look-ups."""

    def table(self, *patterns: str, **asks: Ask) -> AddressTable[str]:
        """A table whose values are its patterns."""
        known: Asks = asks
        return AddressTable([(each, each) for each in patterns], asks=known)

    def test_domains(self) -> None:
        """They are looked up in lower case and ASCII, behind what is listed."""
        asks = having(b"a.example", b"xn--bcher-kva.example", b"listed.example")
        table = self.table("lookup:x", "listed.example", "*.sub.example", x=asks)
        for path, value in (
            (b"ann@A.example", "lookup:x"),
            ("ann@bücher.example".encode(), "lookup:x"),
            (b"ann@listed.example", "listed.example"),
            (b"ann@b.example", None),
        ):
            self.assertEqual(table.find(path), value)
            self.assertEqual(list(table.matching(path))[:1], [value] if value else [])

    def test_constant(self) -> None:
        """A table with a look-up in it may say something else at any time."""
        self.assertTrue(self.table("*", "a.example").constant)
        self.assertFalse(self.table("*", "lookup:x", x=having()).constant)

    def test_order(self) -> None:
        """One after the other, and C{*} is the last."""
        has, hasNot = having(b"a.example"), having()
        table = self.table("*", "lookup:one", "lookup:two", one=hasNot, two=has)
        self.assertEqual(table.find(b"x@a.example"), "lookup:two")
        self.assertEqual(table.find(b"x@b.example"), "*")
        found = list(table.matching(b"x@a.example"))
        self.assertEqual(found, ["lookup:two", "*"])

    def test_errors(self) -> None:
        """One twice, one that there is not, and one that cannot tell."""
        self.assertRaises(Conflict, self.table, "lookup:x", "lookup:x", x=having())
        self.assertRaises(UsageError, self.table, "lookup:y", x=having())
        error = self.assertRaises(UsageError, AddressTable, [("lookup:x", True)])
        self.assertEqual(str(error), '"lookup:x": no look-up can stand here')
        table = self.table("lookup:x", x=broken)
        self.assertRaises(Untold, table.find, b"x@a.example")
