"""
Tests for L{smtpx.core.addresslist}.
"""

from __future__ import annotations

from email.utils import getaddresses

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.addresslist import Found, findAddresses, qualify

_local = st.from_regex(r"\A[a-z][a-z0-9.]{0,8}[a-z0-9]\Z")
_names = st.sampled_from(["", "Ann", '"Bond, James"', '"a \\" b"', "Dr. No"])


def found(value: bytes) -> list[bytes]:
    """The addresses in a value."""
    return [each.address for each in findAddresses(value)]


class AddressListTests(SynchronousTestCase):
    """Addresses are found wherever they stand."""

    def test_addresses(self) -> None:
        """Names, comments, groups, routes and blanks stand around them."""
        for value, addresses in (
            (b" ann@a.example", [b"ann@a.example"]),
            (b" Ann <ann@a.example>, b@b.example", [b"ann@a.example", b"b@b.example"]),
            (b'"Cron, Daemon" <root>', [b"root"]),
            (b"root (Cron (the) Daemon, really)", [b"root"]),
            (b"team: a@b.example, c;, d@e", [b"a@b.example", b"c", b"d@e"]),
            (b"<@one.example,@two.example:x@y.example>", [b"x@y.example"]),
            (b"ann @ a . example\r\n\t(here)", [b"ann@a.example"]),
            (b'"a b"@c.example', [b'"a b"@c.example']),
            (b"x@[192.0.2.1], y@[IPv6:::1]", [b"x@[192.0.2.1]", b"y@[IPv6:::1]"]),
            (b"a\\,b@c.example", [b"a\\,b@c.example"]),
            (b"", []),
            (b"<>", []),
            (b" ,;, ", []),
            (b"undisclosed recipients:;", []),
            (b"x@[open", [b"x@[open"]),
            (b"<ann@a.example> and more", [b"ann@a.example"]),
        ):
            self.assertEqual(found(value), addresses, value)

    def test_wholeOnes(self) -> None:
        """An C{@} between quotes makes no domain."""
        for address, whole in (
            (b"ann@a.example", True),
            (b"ann", False),
            (b'"ann@home"', False),
            (b'"ann@home"@a.example', True),
            (b'"open@a.example', False),
            (b'"a\\"@b"', False),
        ):
            self.assertIs(Found(address, 0).qualified, whole, address)

    def test_qualify(self) -> None:
        """A domain is added where there is none, and nothing else changed."""
        for value, whole in (
            (b" root", b" root@mx.example"),
            (b" root (Cron Daemon)\r\n", b" root@mx.example (Cron Daemon)\r\n"),
            (b' "Cron, D." <root>', b' "Cron, D." <root@mx.example>'),
            (b" team: a,\r\n b@c.example;", b" team: a@mx.example,\r\n b@c.example;"),
            (b" ann@a.example", b" ann@a.example"),
            (b"", b""),
        ):
            self.assertEqual(qualify(value, b"mx.example"), whole)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(_names, _local, _local), max_size=6))
    def test_asPythonReadsThem(self, given_: list[tuple[str, str, str]]) -> None:
        """The addresses are those that the standard library finds."""
        value = ", ".join(f"{name} <{a}@{b}>" for name, a, b in given_)
        expected = [address for _, address in getaddresses([value]) if address]
        if all("." not in local for _, local, _ in given_):
            self.assertEqual(
                [each.decode() for each in found(value.encode())], expected
            )

    @settings(max_examples=100, deadline=None)
    @given(st.text('ab@<>():;,"\\ [].\r\n').map(str.encode))
    def test_anything(self, value: bytes) -> None:
        """Nothing is an error, and what was made whole has nothing to be added to."""
        for each in findAddresses(value):
            self.assertLessEqual(each.end, len(value))
        addresses = found(value)
        self.assertEqual(len(found(qualify(value, b"d"))), len(addresses))

    def test_hostileNesting(self) -> None:
        """Time is in proportion to the length."""
        for value in (b"(" * 200_000, b"<" * 200_000, b'"' * 200_001, b"a," * 100_000):
            self.assertIsInstance(found(value), list)
