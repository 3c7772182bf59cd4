"""
Tests for L{smtpx.mailauth.iprev}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.asking import Found, Known, Lookup, Unknown
from smtpx.mailauth.iprev import NAMES_MOST, HostName, check
from smtpx.mailauth.results import Property, Result

_REVERSE = Lookup(b"1.2.0.192.in-addr.arpa", "PTR")


def run(address: bytes, known: dict[Lookup, Known]) -> HostName:
    """Run a check, with what is known; all else does not exist."""
    asking = check(address)
    group = next(asking)
    try:
        while True:
            missing = Found(exists=False)
            group = asking.send(tuple([known.get(each, missing) for each in group]))
    except StopIteration as stop:
        found: HostName = stop.value
        return found


class HostNameTests(SynchronousTestCase):
    """Whether a name leads back (RFC 8601 section 3)."""

    def test_leadsBack(self) -> None:
        """A name that leads back is a pass; it may be one of several."""
        known: dict[Lookup, Known] = {
            _REVERSE: Found((b"Other.example", b"MX.example.org")),
            Lookup(b"mx.example.org", "A"): Found((b"192.0.2.7", b"192.0.2.1")),
        }
        for address in (b"192.0.2.1", b"::ffff:192.0.2.1"):
            self.assertEqual(HostName(b"pass", b"mx.example.org"), run(address, known))

    def test_sixth(self) -> None:
        """So it is for IPv6."""
        reverse = b"1" + b".0" * 23 + b".8.b.d.0.1.0.0.2.ip6.arpa"
        known: dict[Lookup, Known] = {
            Lookup(reverse, "PTR"): Found((b"mx.example.org",)),
            Lookup(b"mx.example.org", "AAAA"): Found((b"2001:db8::1",)),
        }
        self.assertEqual(
            HostName(b"pass", b"mx.example.org"), run(b"2001:db8::1", known)
        )

    def test_leadsElsewhere(self) -> None:
        """Names that lead elsewhere are a fail."""
        known: dict[Lookup, Known] = {
            _REVERSE: Found((b"mx.example.org",)),
            Lookup(b"mx.example.org", "A"): Found((b"192.0.2.7",)),
        }
        self.assertEqual(HostName(b"fail"), run(b"192.0.2.1", known))

    def test_noName(self) -> None:
        """Without a name there is nothing to go by."""
        self.assertEqual(HostName(b"permerror"), run(b"192.0.2.1", {}))

    def test_nobodyKnows(self) -> None:
        """What cannot be looked up may be right."""
        unknown = Unknown("SERVFAIL")
        self.assertEqual(HostName(b"temperror"), run(b"192.0.2.1", {_REVERSE: unknown}))
        known: dict[Lookup, Known] = {
            _REVERSE: Found((b"mx.example.org", b"b.example")),
            Lookup(b"mx.example.org", "A"): unknown,
        }
        self.assertEqual(HostName(b"temperror"), run(b"192.0.2.1", known))

    def test_tooMany(self) -> None:
        """Of a host with a thousand names only some are looked at."""
        names = [b"n%d.example" % each for each in range(1000)]
        known: dict[Lookup, Known] = {_REVERSE: Found(tuple(names))}
        known[Lookup(names[NAMES_MOST], "A")] = Found((b"192.0.2.1",))
        self.assertEqual(HostName(b"fail"), run(b"192.0.2.1", known))

    def test_noAddress(self) -> None:
        """What is no address is an error of the caller's."""
        self.assertRaises(ValueError, next, check(b"mx.example.org"))

    def test_told(self) -> None:
        """As it is written."""
        where = (Property(b"policy", b"iprev", b"192.0.2.1"),)
        self.assertEqual(
            Result(b"iprev", b"pass", where, comments=(b"mx.example.org",)),
            HostName(b"pass", b"mx.example.org").told(b"192.0.2.1"),
        )
        self.assertEqual(
            Result(b"iprev", b"fail", where), HostName(b"fail").told(b"192.0.2.1")
        )
