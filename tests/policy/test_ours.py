"""Tests for L{smtpx.policy.ours}."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Conflict, UsageError
from smtpx.policy import ours as module
from smtpx.policy.ours import LocalAddresses, OurDomain, VirtualDomains

OURS = LocalAddresses(["example.org", "*.example.org"])
LISTED = LocalAddresses(
    ["example.org"], ["ann@example.org", "Bob@Alone.Example"], anybody=False
)

PATHS = [
    local + domain
    for local in (b"ann", b"a%b", b"a!b", b'"ann"', b'"a@b"', b'"a%b"', b"postmaster")
    for domain in (b"@example.org", b"@EXAMPLE.org", b"@a.example.org", b"@x.example")
]
PATHS += [b"postmaster", b"x@[192.0.2.1]"]


class LocalAddressesTests(SynchronousTestCase):
    """Whom we are the final host of."""

    def test_anybodyAtOurDomains(self) -> None:
        """Where nobody is listed, everybody is known."""
        for path in [b"x@example.org", b"X@EXAMPLE.ORG", b"x@a.b.example.org"]:
            self.assertIs(OURS.knows(path), True)

    def test_notOurs(self) -> None:
        """Other domains are not ours, however much they look like it."""
        for path in [b"x@example.net", b"x@badexample.org", b"x@example.org.net"]:
            self.assertIsNone(OURS.knows(path))

    def test_onlyListed(self) -> None:
        """Where addresses are listed, others are unknown."""
        self.assertIs(LISTED.knows(b"ann@example.org"), True)
        self.assertIs(LISTED.knows(b"ANN@Example.org"), True)
        self.assertIs(LISTED.knows(b'"ann"@example.org'), True)
        self.assertIs(LISTED.knows(b"ann+x@example.org"), False)
        self.assertIs(LISTED.knows(b"eve@example.org"), False)

    def test_addressAtAnotherDomain(self) -> None:
        """An address may be ours where its domain was not listed."""
        self.assertIs(LISTED.knows(b"bob@alone.example"), True)
        self.assertIs(LISTED.knows(b"eve@alone.example"), False)

    def test_listedAmongAnybody(self) -> None:
        """Listing one address does not make its neighbours unknown."""
        local = LocalAddresses(["*.example.org"], ["ann@a.example.org"])
        self.assertIs(local.knows(b"ann@a.example.org"), True)
        self.assertIs(local.knows(b"eve@a.example.org"), True)

    @given(st.lists(st.sampled_from(PATHS), min_size=2, max_size=12))
    def test_rememberedAlike(self, paths: list[bytes]) -> None:
        """What is remembered of a domain makes no difference to anybody there."""
        makers: list[Callable[[], LocalAddresses]] = [
            lambda: LocalAddresses(["*"]),
            lambda: LocalAddresses(["example.org"], ["a%b@example.org"]),
            lambda: LocalAddresses(["example.org"], home=b"example.org"),
            lambda: LocalAddresses(["example.org", "*.example.org"], anybody=False),
        ]
        for make in makers:
            local = make()
            for path in paths:
                self.assertIs(local.knows(path), make().knows(path), path)

    def test_remembersNotAll(self) -> None:
        """However many domains there are, only so many are remembered."""
        self.patch(module, "_OPEN_MOST", 2)
        local = LocalAddresses(["*"])
        for number in range(9):
            self.assertIs(local.knows(b"a@%d.example" % number), True)
            self.assertLessEqual(len(local._open), 2)

    def test_postmasterIsAlwaysThere(self) -> None:
        """RFC 5321 section 4.5.1: at each domain of ours, and without a domain."""
        for path in [
            b"postmaster",
            b"PostMaster",
            b"Postmaster@example.org",
            b"POSTMASTER@alone.example",
            b'"postmaster"@example.org',
        ]:
            self.assertIs(LISTED.knows(path), True)
        self.assertIs(LocalAddresses([]).knows(b"postmaster"), True)
        self.assertIsNone(LISTED.knows(b"postmaster@example.net"))

    def test_noWayToAnotherHost(self) -> None:
        """A local part that names another host is just an unknown name."""
        for path in [
            b"x%example.net@example.org",
            b"example.net!x@example.org",
            b'"x@example.net"@example.org',
        ]:
            self.assertIs(OURS.knows(path), False)
        listed = LocalAddresses(["example.org"], ["x%y@example.org"])
        self.assertIs(listed.knows(b"x%y@example.org"), True)

    def test_literal(self) -> None:
        """Our own address may be a domain of ours."""
        local = LocalAddresses(["[192.0.2.1]"], ["ann@[IPv6:2001:db8::1]"])
        self.assertIs(local.knows(b"x@[192.0.2.1]"), True)
        self.assertIs(local.knows(b"ann@[ipv6:2001:DB8:0:0:0:0:0:1]"), True)
        self.assertIs(local.knows(b"postmaster@[IPv6:2001:db8::1]"), True)
        self.assertIsNone(local.knows(b"x@[192.0.2.2]"))

    def test_manyAtOneDomain(self) -> None:
        """Two addresses at a domain that is not listed are no conflict."""
        addresses = ["a@bücher.example", "b@xn--bcher-kva.example"]
        local = LocalAddresses([], addresses, anybody=False)
        self.assertIs(local.knows(b"b@xn--bcher-kva.example"), True)

    def test_everything(self) -> None:
        """A server for tests may take all there is."""
        self.assertIs(LocalAddresses(["*"]).knows(b"x@example.net"), True)

    def test_badPatterns(self) -> None:
        """Mistakes are refused by name."""
        self.assertRaises(UsageError, LocalAddresses, ["no domain"])
        self.assertRaises(UsageError, LocalAddresses, [], ["a@"])
        self.assertRaises(Conflict, LocalAddresses, ["a.example", "A.example"])

    def test_tags(self) -> None:
        """With separators, a user is known with any tag (RFC 5233)."""
        local = LocalAddresses(
            ["example.org"], ["ann@example.org"], False, separators=b"+-"
        )
        self.assertIs(local.knows(b"Ann+lists@example.org"), True)
        self.assertIs(local.knows(b"ann-lists@example.org"), True)
        self.assertIs(local.knows(b"eve+lists@example.org"), False)
        self.assertIs(local.knows(b"Postmaster+x@example.org"), True)

    def test_domains(self) -> None:
        """Domains of the server's own are told from others."""
        self.assertEqual(OURS.domain(b"a.example.org"), OurDomain(True, True))
        self.assertEqual(LISTED.domain(b"example.org"), OurDomain(False, True))
        self.assertEqual(LISTED.domain(b"alone.example"), OurDomain(False, False))
        self.assertIsNone(LISTED.domain(b"example.net"))

    def test_lists(self) -> None:
        """An address is listed as such, or not."""
        self.assertIs(LISTED.lists(b"ann", b"example.org"), True)
        self.assertIs(LISTED.lists(b"ann+x", b"example.org"), False)

    def test_homeOfThePostmaster(self) -> None:
        """<postmaster> is at the server's name, or where there are people."""
        self.assertEqual(
            LocalAddresses(["mx.a.example"], home=b"MX.a.example").home, b"mx.a.example"
        )
        self.assertEqual(
            LocalAddresses(["a.example"], home=b"mx.b.example").home, b"a.example"
        )
        self.assertEqual(LocalAddresses([], home=b"mx.b.example").home, b"mx.b.example")
        self.assertIsNone(LocalAddresses(["*.a.example"]).plainDomain)


class VirtualDomainsTests(SynchronousTestCase):
    """Domains with people of their own."""

    def test_peopleOfTheirOwn(self) -> None:
        """A name at one domain says nothing about the same at another."""
        local = LocalAddresses(
            ["example.org"],
            ["ann@example.org"],
            False,
            virtual=[
                VirtualDomains(("shop.example", "store.example"), ("carol",)),
                VirtualDomains(("any.example",), (), True),
            ],
        )
        for path, known in (
            (b"carol@shop.example", True),
            (b"carol@store.example", True),
            (b"carol@example.org", False),
            (b"ann@shop.example", False),
            (b"eve@any.example", True),
            (b"postmaster@shop.example", True),
        ):
            self.assertIs(local.knows(path), known, path)
        self.assertEqual(local.domain(b"shop.example"), OurDomain(False, False))
        self.assertEqual(local.domain(b"any.example"), OurDomain(True, False))

    def test_addressAtOneOfThem(self) -> None:
        """A whole address is known at its domain only."""
        domains = ("shop.example", "store.example")
        local = LocalAddresses(
            [], virtual=[VirtualDomains(domains, ("dan@store.example",))]
        )
        self.assertIs(local.knows(b"dan@store.example"), True)
        self.assertIs(local.knows(b"dan@shop.example"), False)

    def test_mistakes(self) -> None:
        """What cannot be meant is refused by name."""
        for domains, addresses, error in (
            (("a.example",), ("x@b.example",), '"x@b.example" is not at any of'),
            (("*.a.example",), ("x",), '"x" wants a domain: "*.a.example" stands for'),
            (("a.example",), ("x@[foo]",), '"x@[foo]": bad address literal'),
            (("a.example",), ("x y",), '"x y@a.example": bad'),
        ):
            wrong = self.assertRaises(
                UsageError,
                LocalAddresses,
                [],
                virtual=[VirtualDomains(domains, addresses)],
            )
            self.assertIn(error, str(wrong))
        self.assertRaises(
            Conflict,
            LocalAddresses,
            ["a.example"],
            virtual=[VirtualDomains(("a.example",))],
        )
