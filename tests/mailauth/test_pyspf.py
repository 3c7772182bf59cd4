"""
Our evaluation of SPF records agrees with pyspf's, on zones that hypothesis makes up.

What the two are let disagree on:

 - void look-ups, which pyspf counts by questions and we by terms (RFC 7208
   section 4.6.4): none are counted here;
 - modifiers that nobody knows, which pyspf wants to stand once;
 - a domain that includes itself, which pyspf refuses at once, and we when the limit of
   terms is reached, unless something matches before;
 - C{redirect}, which pyspf counts where it is read, and we where it is followed;
 - hosts behind MX and PTR records of which nobody can tell, which are a temporary error
   to pyspf even where another one matches, or where RFC 7208 section 5.5 skips them;
 - C{%{p}} of a client with several names, of which pyspf takes one for all domains;
 - mistakes in a record behind ones that cannot be asked for, and the like, do not
   occur in these zones.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import spf
from hypothesis import assume, given, settings, strategies as some
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.asking import Lookup, Unknown
from smtpx.mailauth.spf import check
from smtpx.mailauth.spfquery import Limits, queryOf

from .spfzone import Zone, run

HOSTS = ["example.org", "mail.example.org", "b.test", "c.test", "nothing.test"]
ADDRESSES = ["192.0.2.3", "192.0.2.4", "198.51.100.7", "2001:db8::3", "2001:db8:1::3"]

names = some.sampled_from(
    [
        *HOSTS,
        "%{d}",
        "%{o}",
        "mail.%{d2}",
        "%{h}",
        "%{l1r-}.test",
        "%{ir}.%{v}.test",
        "%{p}",
        "%{l2r+-}.test",
        "%{S}.test",
        "%{d1r}.test.",
    ]
)
lengths = some.sampled_from(["", "", "/24", "/0", "//64", "/16//32", "/33", "//0"])
optional = some.just("") | names.map(":{}".format)
mechanisms = (
    some.just("all")
    | some.builds("{}{}{}".format, some.sampled_from(["a", "mx"]), optional, lengths)
    | some.builds("ptr{}".format, optional)
    | some.builds("{}:{}".format, some.sampled_from(["include", "exists"]), names)
    | some.builds(
        "ip4:{}{}".format,
        some.sampled_from(["192.0.2.3", "192.0.2.0", "198.51.100.0", "192.0.2"]),
        some.sampled_from(["", "/24", "/31", "/0", "/33", "/08"]),
    )
    | some.builds(
        "ip6:{}{}".format,
        some.sampled_from(["2001:db8::3", "2001:db8::", "::", "1.2.3.4"]),
        some.sampled_from(["", "/32", "/64", "/129"]),
    )
)
terms = some.builds(
    "{}{}".format, some.sampled_from(["", "", "+", "-", "~", "?"]), mechanisms
)
endings = some.sampled_from(["", "-all", "~all", "redirect=b.test", "redirect=c.test"])
records = some.builds(
    lambda terms, modifier, ending: " ".join(
        each for each in ("v=spf1", *terms, modifier, ending) if each
    ),
    some.lists(terms, max_size=5),
    some.just("")
    | some.builds("{}={}".format, some.sampled_from(["exp", "x-y"]), names),
    endings,
)
texts = some.lists(records | some.just("nothing of ours"), max_size=1)


@some.composite
def zones(draw: some.DrawFn) -> Zone:
    """A few domains that lead to each other."""
    zone = Zone().add("example.org", "TXT", draw(records))
    for name in ("b.test", "c.test", "mail.example.org"):
        for text in draw(texts):
            zone.add(name, "TXT", text)
    for name in HOSTS[:4]:
        for address in draw(some.lists(some.sampled_from(ADDRESSES), max_size=2)):
            zone.add(name, "AAAA" if ":" in address else "A", address)
        exchanges = draw(
            some.lists(some.sampled_from(HOSTS[:3]), max_size=2, unique=True)
        )
        if exchanges:
            zone.add(name, "MX", *exchanges)
    for address in ADDRESSES:
        reverse = ip_address(address).reverse_pointer
        for name in draw(some.lists(some.sampled_from(HOSTS[:3]), max_size=1)):
            zone.add(reverse, "PTR", name)
    zone.add("strong.test", "A", "127.0.0.2")
    zone.add("bad.strong.test", "A", "127.0.0.2")
    zone.failing.update(
        draw(
            some.sets(
                some.builds(
                    Lookup,
                    some.sampled_from([b"nothing.test", b"c.test"]),
                    some.sampled_from(["A", "MX", "TXT"]),
                ),
                max_size=1,
            )
        )
    )
    return zone


Raw = tuple[tuple[str, str], object]


def asPyspf(zone: Zone, name: str, kind: str) -> Iterator[Raw]:
    """Answer as what pyspf calls for the DNS does."""
    (known,) = zone.answer([Lookup(name.lower().encode("ascii"), kind)])
    if isinstance(known, Unknown):
        raise spf.TempError(known.why)
    for at, record in enumerate(known.records):
        value: object
        match kind:
            case "TXT":
                value = (record,)
            case "MX":
                value = (at, record.decode("ascii"))
            case _:
                value = record.decode("ascii")
        yield (name, kind), value


class AgreementTests(SynchronousTestCase):
    """
    Ours and pyspf.
    """

    def setUp(self) -> None:
        """
        pyspf asks nobody but a zone, and counts no void look-ups.
        """
        self.patch(spf, "MAX_VOID_LOOKUPS", 1000)

    def theirs(self, zone: Zone, client: str) -> str:
        """What pyspf finds out."""

        def ask(name: str, kind: str, *_: object) -> Iterator[Raw]:
            """Take the place of pyspf's resolver."""
            return asPyspf(zone, name, kind)

        self.patch(spf, "DNSLookup", ask)
        query = spf.query(client, "strong-bad@example.org", "mail.example.org")
        result, _, text = query.check()
        assume("trivial recursion" not in text)
        assert isinstance(result, str), result
        return result

    @settings(max_examples=100, deadline=None)
    @given(zones(), some.sampled_from(ADDRESSES))
    def test_resultsAreThoseOfPyspf(self, zone: Zone, client: str) -> None:
        """
        Both say the same.
        """
        query = queryOf(client.encode(), b"strong-bad@example.org", b"mail.example.org")
        ours = run(check(query, Limits(voids=1000)), zone)
        records = [
            text for kinds in zone.records.values() for text in kinds.get("TXT", ())
        ]
        self.assertEqual(
            self.theirs(zone, client), ours.result.value, (records, ours, zone.failing)
        )
