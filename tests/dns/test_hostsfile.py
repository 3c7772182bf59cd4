"""Tests for L{smtpx.dns.hostsfile}."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.dns.hostsfile import HostsFile, readHosts
from smtpx.dns.interfaces import Answer, IResolver, NoSuchDomain, Record
from smtpx.dns.records import reverseName
from smtpx.dns.watched import WatchedFile
from smtpx.testing.dns import StaticResolver

TEXT = """\
127.0.0.1   localhost
# 192.0.2.9 commented.example.org
192.0.2.1   Mail.example.org mail   # our own
2001:db8::1 mail.example.org
192.0.2.2   mail.example.org
"""

ZONE = """
    mail.example.org  A    192.0.2.66
    mail.example.org  MX   10 mx.example.org
    other.example.org A    192.0.2.7
    localhost         A    192.0.2.66
"""


class ReadTests(SynchronousTestCase):
    """What the file says."""

    def test_lines(self) -> None:
        """An address and its names in a line."""
        found = readHosts(TEXT)
        self.assertEqual(found[b"mail.example.org", "A"], (b"192.0.2.1", b"192.0.2.2"))
        self.assertEqual(found[b"mail.example.org", "AAAA"], (b"2001:db8::1",))
        self.assertEqual(found[b"mail", "A"], (b"192.0.2.1",))
        self.assertEqual(found[b"mail", "AAAA"], ())
        self.assertEqual(
            found[reverseName(b"192.0.2.1"), "PTR"], (b"mail.example.org",)
        )
        self.assertNotIn((b"commented.example.org", "A"), found)

    def test_garbage(self) -> None:
        """What cannot be understood is passed over."""
        text = "192.0.2.1\nnonsense here\n192.0.2.2 \u2603\nfe80::1%eth0 x.example\n"
        self.assertEqual(
            readHosts(text),
            {(b"x.example", "A"): (), (b"x.example", "AAAA"): (b"fe80::1%eth0",)},
        )
        self.assertEqual(readHosts(""), {})


class HostsFileTests(SynchronousTestCase):
    """A resolver that looks there first."""

    def setUp(self) -> None:
        """A file before a DNS."""
        self.clock = Clock()
        self.path = Path(self.mktemp())
        self.path.write_text(TEXT)
        self.inner = StaticResolver(ZONE)
        file = WatchedFile(self.path, self.clock.seconds)
        self.resolver = HostsFile(self.inner, self.clock.seconds, file)

    def records(self, name: bytes, kind: str) -> tuple[Record, ...]:
        """What it says at once."""
        found: Answer = self.successResultOf(self.resolver.lookUp(name, kind))
        return found.records

    def test_interface(self) -> None:
        """It is a resolver."""
        verifyObject(IResolver, self.resolver)

    def test_fileFirst(self) -> None:
        """Addresses in the file are those, whatever the DNS has."""
        self.assertEqual(
            self.records(b"MAIL.example.org.", "A"), (b"192.0.2.1", b"192.0.2.2")
        )
        self.assertEqual(self.records(b"mail", "AAAA"), ())
        self.assertEqual(
            self.records(reverseName(b"2001:db8::1"), "PTR"), (b"mail.example.org",)
        )
        self.assertEqual(self.inner.asked, [])

    def test_elsewhere(self) -> None:
        """All else is asked of the DNS, MX records among it."""
        self.assertEqual(len(self.records(b"mail.example.org", "MX")), 1)
        self.assertEqual(self.records(b"other.example.org", "A"), (b"192.0.2.7",))
        self.failureResultOf(self.resolver.lookUp(b"no.example", "A"), NoSuchDomain)

    def test_changed(self) -> None:
        """A file that changes counts after some seconds."""
        self.records(b"other.example.org", "A")
        self.path.write_text("192.0.2.33 other.example.org\n")
        self.clock.advance(5)
        self.assertEqual(self.records(b"other.example.org", "A"), (b"192.0.2.33",))

    def test_localhost(self) -> None:
        """C{localhost} is this machine, without a file and whatever the DNS says."""
        resolver = HostsFile(self.inner, self.clock.seconds, None)
        for name, kind, expected in (
            (b"localhost", "A", (b"127.0.0.1",)),
            (b"Any.localhost.", "AAAA", (b"::1",)),
            (b"localhost", "MX", ()),
        ):
            found = self.successResultOf(resolver.lookUp(name, kind))
            self.assertEqual(found.records, expected)
        self.assertEqual(self.inner.asked, [])
        # The file says otherwise.
        self.assertEqual(self.records(b"localhost", "AAAA"), ())
