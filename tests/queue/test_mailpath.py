"""Tests for L{smtpx.queue.mailpath}."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.queue.mailpath import NAME_OCTETS, MailboxPath, folderName


class FolderNameTests(SynchronousTestCase):
    """Names of folders made of what a peer wrote."""

    def test_ordinaryNamesStay(self) -> None:
        """What most people are called needs no escape."""
        for name in [b"ann", b"ann.b", b"ann-b_c", b"ann+lists", b"x=y", b"42"]:
            self.assertEqual(folderName(name), name.decode())

    def test_dangerousNames(self) -> None:
        """Nothing leads out of the folder, hides, or ends a C string."""
        for raw, name in [
            (b"..", "%2E."),
            (b".", "%2E"),
            (b".hidden", "%2Ehidden"),
            (b"../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
            (b"a/b", "a%2Fb"),
            (b"a\0b", "a%00b"),
            (b"a\nb", "a%0Ab"),
            (b"100%", "100%25"),
            (b"", "%"),
            ("é".encode(), "%C3%A9"),
        ]:
            self.assertEqual(folderName(raw), name)

    def test_caseOfLettersIsOne(self) -> None:
        """Ann and ann have one mailbox."""
        self.assertEqual(folderName(b"Ann"), folderName(b"ann"))

    def test_longNamesStayApart(self) -> None:
        """Names too long for a file system are cut, and differ all the same."""
        first, second = b"/" * 64 + b"a" * 100, b"/" * 64 + b"a" * 99 + b"b"
        self.assertEqual(len(folderName(first)), NAME_OCTETS)
        self.assertNotEqual(folderName(first), folderName(second))
        self.assertEqual(len(folderName(b"a" * NAME_OCTETS)), NAME_OCTETS)
        self.assertNotIn("%", folderName(b"a" * NAME_OCTETS))

    @given(st.binary(max_size=80), st.binary(max_size=80))
    @settings(max_examples=100, deadline=None)
    def test_anyTwoNames(self, first: bytes, second: bytes) -> None:
        """One name of a folder each, and one only for what is one."""
        one, other = folderName(first), folderName(second)
        for name in (one, other):
            self.assertEqual(Path(name).parts, (name,))
            self.assertFalse(name.startswith("."))
            self.assertTrue(name.isascii() and name.isprintable())
            self.assertLessEqual(len(name), NAME_OCTETS)
        self.assertEqual(one == other, first.lower() == second.lower())


class MailboxPathTests(SynchronousTestCase):
    """Templates for the folder of a Maildir."""

    def assertPath(self, template: str, recipient: bytes, expected: str) -> None:
        """C{recipient} has its Maildir at C{expected}."""
        path = MailboxPath(template, b"home.example").path(recipient)
        self.assertEqual(path, Path(expected))

    def test_noFields(self) -> None:
        """One Maildir may be everybody's."""
        self.assertPath("/var/mail/all", b"ann@example.org", "/var/mail/all")

    def test_everyField(self) -> None:
        """Each field is a part of the address."""
        recipient = b"Ann+Lists@Example.ORG"
        self.assertPath("/m/{local}", recipient, "/m/ann+lists")
        self.assertPath("/m/{user}", recipient, "/m/ann")
        self.assertPath("/m/{domain}/x", recipient, "/m/example.org/x")
        self.assertPath("/m/{address}", recipient, "/m/ann+lists@example.org")
        self.assertPath("/{{m}}/{domain}/{user}", recipient, "/{m}/example.org/ann")

    def test_userIsNeverEmpty(self) -> None:
        """A local part that begins with the separator has no detail."""
        self.assertPath("/m/{user}", b"+ann@example.org", "/m/+ann")

    def test_tags(self) -> None:
        """What separates a tag is the server's choice."""
        for separators, user in ((b"-", "ann"), (b"", "ann-x+y"), (b"+", "ann-x")):
            path = MailboxPath("/mail/{user}", separators=separators)
            self.assertEqual(path.path(b"ann-x+y@example.org"), Path(f"/mail/{user}"))

    def test_quotedAddress(self) -> None:
        """Quotes are not part of a name; what they make possible is escaped."""
        self.assertPath("/m/{local}", b'"ann"@example.org', "/m/ann")
        self.assertPath("/m/{local}", b'"../ann"@example.org', "/m/%2E.%2Fann")
        self.assertPath("/m/{address}", b'"a@b"@example.org', "/m/a%40b@example.org")

    def test_literal(self) -> None:
        """An address literal is a domain like any other."""
        self.assertPath(
            "/m/{domain}", b"a@[IPv6:2001:DB8::1]", "/m/%5B2001%3Adb8%3A%3A1%5D"
        )

    def test_domainBeyondASCII(self) -> None:
        """A domain has one folder, in whichever form it comes."""
        self.assertPath(
            "/m/{domain}", "a@bücher.example".encode(), "/m/xn--bcher-kva.example"
        )

    def test_postmasterAlone(self) -> None:
        """C{<postmaster>} is the home domain's."""
        self.assertPath("/m/{address}", b"Postmaster", "/m/postmaster@home.example")

    def test_sender(self) -> None:
        """Where it is asked for, a folder may be the sender's domain's as well."""
        path = MailboxPath("/q/{domain}/{sender_domain}", senders=True)
        for sender, name in (
            ("a@bücher.example".encode(), "xn--bcher-kva.example"),
            (b"ann@C.example", "c.example"),
            (b"", "%"),
        ):
            found = path.path(b"b@d.example", sender)
            self.assertEqual(found, Path(f"/q/d.example/{name}"))
        with self.assertRaises(UsageError):
            MailboxPath("/m/{sender_domain}")

    def test_alternateLocation(self) -> None:
        """What a scanner says is one folder, whatever it is."""
        path = MailboxPath("/m/{user}/{bmi_alt_location}", alternates=True)
        for location, name in (
            (b"Spam", "spam"),
            (b"../../etc", "%2E.%2F..%2Fetc"),
            (b"X-Bulk: yes", "x-bulk%3A%20yes"),
        ):
            found = path.path(b"b@d.example", alternate=location)
            self.assertEqual(found, Path(f"/m/b/{name}"))
        with self.assertRaises(UsageError):
            MailboxPath("/m/{bmi_alt_location}")

    def test_badTemplates(self) -> None:
        """What cannot be filled in is refused when it is read, by name."""
        for template in ["", "a\0", "{", "}", "{}", "{name}", "{local!r}", "{local:9}"]:
            with self.assertRaises(UsageError):
                MailboxPath(template)
        with self.assertRaises(UsageError) as caught:
            MailboxPath("/m/{name}")
        self.assertEqual(
            str(caught.exception),
            '"/m/{name}": "{name}" is none of {local}, {user}, {domain}, {address}',
        )
