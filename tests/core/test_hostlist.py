"""
Tests for L{smtpx.core.hostlist}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.core.hostlist import HostList

networks = st.one_of(
    st.builds(
        lambda ip, bits: f"{ip}/{bits}",
        st.ip_addresses(v=4).map(lambda ip: f"{int(ip) >> 24}.0.0.0"),
        st.integers(8, 32),
    ),
    st.just("2001:db8::/32"),
    st.just("::/0"),
)
texts = st.builds(
    lambda sign, text: sign + text,
    st.sampled_from(["", "!", " ! "]),
    st.one_of(
        st.sampled_from(["*", ""]),
        st.sampled_from(["mail.example.org", "*.Example.org", "host1", "a_b.example"]),
        st.ip_addresses().map(str),
        networks,
    ),
)


def matched(items: list[str], address: str, *names: str) -> bool:
    """Is the client with C{address} and C{names} in the list of C{items}?"""
    return HostList.parse(items).matches(
        address.encode(), [name.encode() for name in names]
    )


class ParseTests(SynchronousTestCase):
    """Lists as text."""

    @given(st.lists(texts, max_size=6))
    @settings(max_examples=100, deadline=None)
    def test_whatIsWrittenIsReadBack(self, items: list[str]) -> None:
        """
        A list is written so that the same list is read.
        """
        hosts = HostList.parse(items)
        self.assertEqual(HostList.parse(hosts.render()), hosts)
        self.assertEqual(len(hosts.items), len(items))

    def test_itemsHaveOneForm(self) -> None:
        """
        However an item is written, it is shown in one form.
        """
        for text, rendered in (
            ("192.0.2.1/32", "192.0.2.1"),
            ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
            ("2001:DB8:0::/32", "2001:db8::/32"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("! MAIL.Example.org ", "!mail.example.org"),
        ):
            self.assertEqual(HostList.parse([text]).render(), (rendered,))

    def test_badItemIsNamed(self) -> None:
        """
        What is no item is refused with the item in the message.
        """
        for item in (
            "!!",
            "!!*",
            "mail*.example.org",
            "*.*.example.org",
            "*example.org",
            "a b",
            "[192.0.2.1]",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.0/33",
            "192.0.2.0/",
            "2001:db8::1::2",
            "mx.example.25",
            "/etc/hosts",
            "bücher.example",
            "+trusted",
        ):
            error = self.assertRaises(Malformed, HostList.parse, ["*", item])
            self.assertIn(repr(item), str(error))

    def test_bitsBeyondThePrefixAreRefusedWithASuggestion(self) -> None:
        """
        C{192.0.2.1/24} is one of two things, so it is refused.
        """
        error = self.assertRaises(Malformed, HostList.parse, ["192.0.2.1/24"])
        self.assertEqual(
            str(error),
            "'192.0.2.1/24' has bits beyond its prefix: is 192.0.2.0/24 meant?",
        )

    def test_portIsNamedAsWhatIsWrong(self) -> None:
        """
        Who writes a port behind a host is told that it is the port; other things with
        colons and slashes are merely no addresses.
        """
        why = "is neither an address nor a network"
        for item, more in (
            ("mail.example.net:25", ": a port has no place in a host list"),
            ("[2001:db8::1]:25", ""),
            ("192.0.2.1:25", ": a port has no place in a host list"),
            ("mail.example.net:smtp", ""),
            (":25", ""),
            ("192.0.2.1/99", ""),
        ):
            error = self.assertRaises(Malformed, HostList.parse, [item])
            self.assertEqual(str(error), f"{item!r} {why}{more}")

    @given(st.text(max_size=20))
    @settings(max_examples=100, deadline=None)
    def test_anyTextIsAnItemOrMalformed(self, text: str) -> None:
        """
        No text makes the parser raise anything else.
        """
        try:
            HostList.parse([text])
        except Malformed:
            pass


class MatchTests(SynchronousTestCase):
    """Who is in a list."""

    def test_emptyListIsNobody(self) -> None:
        """
        An empty list matches no client.
        """
        self.assertFalse(matched([], "192.0.2.1", "a.example"))
        self.assertFalse(HostList().matches(b""))

    def test_starIsAnybody(self) -> None:
        """
        C{*} matches every client, also one without an address; C{!*} nobody.
        """
        for address in ("192.0.2.1", "::1", "/run/socket", ""):
            self.assertTrue(matched(["*"], address))
            self.assertFalse(matched(["!*", "192.0.2.1"], address))
            self.assertTrue(matched(["!192.0.2.9", "*"], address))

    def test_emptyItemIsWhoHasNoAddress(self) -> None:
        """
        The empty item matches a client that came over a UNIX socket, and nobody
        else; it is no name to look up.
        """
        self.assertTrue(matched(["192.0.2.1", ""], ""))
        for address in ("192.0.2.1", "0.0.0.0", "::", "2001:db8::1"):
            self.assertFalse(matched([""], address, "mx.example"))
            self.assertTrue(matched(["!"], address))
        self.assertFalse(matched(["!", "*"], ""))
        found = HostList.parse(["", "!"])
        self.assertEqual((found.names, found.needsNames), ((), False))
        self.assertTrue(found.resolved({}).matches(b""))

    def test_anUnknownAddressIsNotNone(self) -> None:
        """A client whose address a proxy does not know is not one of this machine."""
        self.assertFalse(matched([""], "unknown"))
        self.assertTrue(matched(["", "*"], "unknown"))
        self.assertTrue(matched(["!"], "unknown"))

    def test_networks(self) -> None:
        """
        An address matches itself, a network what is in it, each its own family.
        """
        items = ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32"]
        for address in ("192.0.2.255", "198.51.100.7", "2001:db8:1::1"):
            self.assertTrue(matched(items, address), address)
        for address in ("192.0.3.0", "198.51.100.8", "2001:db9::", "::c000:201"):
            self.assertFalse(matched(items, address), address)
        self.assertFalse(matched(["::/0"], "192.0.2.1"))
        self.assertFalse(matched(["0.0.0.0/0"], "::1"))

    def test_mappedAddressIsIPv4(self) -> None:
        """
        A client that a dual-stack socket calls C{::ffff:192.0.2.1} is
        C{192.0.2.1}.
        """
        self.assertTrue(matched(["192.0.2.0/24"], "::ffff:192.0.2.1"))
        self.assertTrue(matched(["::ffff:192.0.2.1"], "192.0.2.1"))
        self.assertFalse(matched(["::/0"], "::ffff:192.0.2.1"))

    def test_zoneOfALinkLocalAddressDoesNotMatter(self) -> None:
        """
        C{fe80::1%eth0} is in C{fe80::/10}.
        """
        self.assertTrue(matched(["fe80::/10"], "fe80::1%eth0"))

    def test_noAddressMatchesNoNetwork(self) -> None:
        """
        A UNIX socket's client, or an unknown one, is in no network.
        """
        for address in ("", "/run/socket", "é"):
            self.assertFalse(matched(["0.0.0.0/0", "::/0"], address))

    def test_firstMatchDecides(self) -> None:
        """
        Items are looked at in order.
        """
        items = ["!192.0.2.1", "192.0.2.0/24"]
        self.assertFalse(matched(items, "192.0.2.1"))
        self.assertTrue(matched(items, "192.0.2.2"))
        self.assertFalse(matched(items, "192.0.3.1"))
        self.assertTrue(matched(items[::-1], "192.0.2.1"))

    def test_negatedLastItemEndsWithEverybody(self) -> None:
        """
        Exim's rule: a list that ends with C{!} is for all the others.
        """
        self.assertFalse(matched(["!192.0.2.0/24"], "192.0.2.1"))
        self.assertTrue(matched(["!192.0.2.0/24"], "192.0.3.1"))
        self.assertTrue(matched(["10.0.0.0/8", "!192.0.2.1"], "192.0.3.1"))
        self.assertFalse(matched(["!192.0.2.1", "10.0.0.0/8"], "192.0.3.1"))

    def test_names(self) -> None:
        """
        A client's names are compared without regard to case or a last dot.
        """
        self.assertTrue(matched(["mail.Example.org"], "::1", "x", "MAIL.example.org."))
        self.assertTrue(matched(["*.example.org"], "::1", "a.b.EXAMPLE.org"))
        for name in ("example.org", "badexample.org", "example.org.evil.example"):
            self.assertFalse(matched(["*.example.org"], "::1", name))
        self.assertFalse(matched(["mail.example.org"], "::1", "x.mail.example.org"))

    def test_unknownNameMatchesNoName(self) -> None:
        """
        A name that is not known matches no item, and the next one is looked at.
        """
        self.assertTrue(matched(["*.example.org", "192.0.2.1"], "192.0.2.1"))
        self.assertTrue(matched(["!*.example.org", "*"], "192.0.2.1"))


class NameTests(SynchronousTestCase):
    """What has to be looked up for a list."""

    def test_needsNames(self) -> None:
        """
        Only names and suffixes need the client's name, and only where they can
        be reached.
        """
        for items, needed in (
            ([], False),
            (["*"], False),
            (["192.0.2.1", "::/0"], False),
            (["*.example.org"], True),
            (["192.0.2.1", "!a.example"], True),
            (["*", "*.example.org"], False),
        ):
            self.assertEqual(HostList.parse(items).needsNames, needed, items)

    def test_plainNamesAreListed(self) -> None:
        """
        Each plain name is listed once, in lower case.
        """
        hosts = HostList.parse(
            ["A.example", "!a.example", "host1", "*.b", "::1", "10.0.0.0/8", "*", "z"]
        )
        self.assertEqual(hosts.names, (b"a.example", b"host1"))

    def test_resolvedNameMatchesItsAddresses(self) -> None:
        """
        With its addresses known, a plain name needs no name of the client.
        """
        hosts = HostList.parse(["192.0.2.9", "!a.example", "b.example", "*.c"])
        known = hosts.resolved(
            {b"a.example": [b"192.0.2.1", b"2001:db8::1"], b"b.example": []}
        )
        self.assertFalse(known.matches(b"192.0.2.1"))
        self.assertFalse(known.matches(b"2001:db8::1"))
        self.assertFalse(known.matches(b"192.0.2.2"))
        self.assertTrue(known.matches(b"192.0.2.9"))
        self.assertTrue(known.matches(b"192.0.2.2", [b"b.example"]))
        self.assertEqual(known.render(), hosts.render())
        self.assertTrue(known.needsNames)
        alone = HostList.parse(["a.example"]).resolved(
            {b"a.example": [b"::ffff:192.0.2.1"]}
        )
        self.assertFalse(alone.needsNames)
        self.assertTrue(alone.matches(b"192.0.2.1"))

    def test_badAddressIsAnError(self) -> None:
        """
        Who resolves names has to give addresses.
        """
        hosts = HostList.parse(["a.example"])
        self.assertRaises(ValueError, hosts.resolved, {b"a.example": [b"nonsense"]})


class VerdictTests(SynchronousTestCase):
    """What can be told while names cannot be looked up."""

    def verdict(
        self,
        items: list[str],
        names: tuple[bytes, ...] = (),
        named: bool = True,
        unknown: tuple[bytes, ...] = (),
    ) -> bool | None:
        """Whether 192.0.2.1 is in a list."""
        hosts = HostList.parse(items).resolved({b"a.example": [b"192.0.2.9"]}, unknown)
        return hosts.verdict(b"192.0.2.1", names, named)

    def test_everythingIsKnown(self) -> None:
        """
        With all names known it is what L{HostList.matches} says.
        """
        for items, names in (
            ([], ()),
            (["*"], ()),
            (["192.0.2.0/24"], ()),
            (["!192.0.2.1", "*"], ()),
            (["*.example"], (b"x.example",)),
            (["*.example"], ()),
            (["!*.example"], (b"x.example",)),
            (["a.example", "b.example"], ()),
        ):
            expected = HostList.parse(items).matches(b"192.0.2.1", names)
            self.assertIs(self.verdict(items, names), expected, items)

    def test_nameOfTheClient(self) -> None:
        """
        Where the client's own name could not be looked up, an item that wants it
        makes a doubt, if it would make a difference.
        """
        for items, expected in (
            (["*.example"], None),
            (["!*.example"], None),
            (["*.example", "192.0.2.1"], True),
            (["!*.example", "192.0.2.1"], None),
            (["192.0.2.1", "!*.example"], True),
            (["*.example", "!b.example"], None),
            (["b.example"], None),
            (["a.example"], False),
            (["192.0.2.9"], False),
            (["*", "*.example"], True),
        ):
            self.assertIs(self.verdict(items, named=False), expected, items)

    def test_addressesOfAName(self) -> None:
        """
        So does a plain name whose addresses could not be looked up, but for those
        who have a name in the list already.
        """
        unknown = (b"b.example",)
        self.assertIsNone(self.verdict(["b.example"], unknown=unknown))
        self.assertIsNone(self.verdict(["!b.example", "*"], unknown=unknown))
        self.assertIs(self.verdict(["c.example"], unknown=unknown), False)
        self.assertIs(
            self.verdict(["b.example"], names=(b"b.example",), unknown=unknown), True
        )
        self.assertIs(matched(["!b.example", "*"], "192.0.2.1"), True)
