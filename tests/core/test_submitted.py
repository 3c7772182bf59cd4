"""
Tests for L{smtpx.core.submitted}.
"""

from __future__ import annotations

from email import message_from_bytes

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.submitted import (
    Completed,
    Field,
    complete,
    domainsOf,
    fieldsOf,
    headerEnd,
    unqualified,
)

_DATE = b"Sun, 22 Nov 2026 03:19:48 +0000"
_ID = b"<1@mx.example>"
_NEW = b"Date: %b\r\nMessage-ID: %b\r\n" % (_DATE, _ID)
_WHOLE = b"Date: x\r\nMessage-ID: <y>\r\n"

_names = st.from_regex(rb"\A[!-9;-~]{1,12}\Z")
_values = st.from_regex(rb"\A( [!-~]{0,9}(\r\n [!-~]{1,9}){0,2})\Z")
_fields = st.lists(st.tuples(_names, _values), max_size=5)


def completed(message: bytes) -> Completed:
    """What becomes of a message."""
    return complete(message, _DATE, _ID)


class HeaderEndTests(SynchronousTestCase):
    """
    Where a header ends, while the message comes in pieces.
    """

    def test_whereverItIsCut(self) -> None:
        """
        The end is found by the piece that completes the empty line.
        """
        message = b"A: b\r\n\r\nx\r\n\r\n"
        for at in range(len(message) + 1):
            held = bytearray()
            first = headerEnd(held, message[:at])
            self.assertEqual(6 if at >= 8 else None, first)
            if first is None:
                self.assertEqual(6, headerEnd(held, message[at:]))
            self.assertEqual(message[: max(at, len(held))], bytes(held))

    def test_messageWithoutAHeader(self) -> None:
        """
        It begins with the empty line.
        """
        self.assertEqual(0, headerEnd(bytearray(b"\r"), b"\nx"))


class FieldsTests(SynchronousTestCase):
    """A header taken apart."""

    @settings(max_examples=100, deadline=None)
    @given(_fields)
    def test_fieldsAreFound(self, fields: list[tuple[bytes, bytes]]) -> None:
        """Each, with its folded lines, and nothing is left."""
        octets = [name + b":" + value + b"\r\n" for name, value in fields]
        found, rest = fieldsOf(b"".join(octets))
        self.assertEqual([field.octets for field in found], octets)
        self.assertEqual(
            [field.name for field in found], [n.lower() for n, _ in fields]
        )
        self.assertEqual(
            [field.value for field in found], [v + b"\r\n" for _, v in fields]
        )
        self.assertEqual(rest, b"")

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=60) | st.from_regex(rb"\A([a: \r\n]{0,20})\Z"))
    def test_nothingIsLost(self, octets: bytes) -> None:
        """Whatever it is."""
        found, rest = fieldsOf(octets)
        self.assertEqual(b"".join(field.octets for field in found) + rest, octets)

    def test_wherePagesBegin(self) -> None:
        """The first line that is no field ends the header."""
        for line in (
            b"hello",
            b" folded",
            b"From ann Sat",
            b": x",
            b"a b: c",
            b"\xc3: x",
        ):
            found, rest = fieldsOf(line + b"\r\nTo: x\r\n")
            self.assertEqual((found, rest), ([], line + b"\r\nTo: x\r\n"))
        self.assertEqual(fieldsOf(b"\r\nhello"), ([], b"\r\nhello"))
        found, rest = fieldsOf(b"To : a\r\n b\r\nhello\r\nCc: c\r\n")
        self.assertEqual(found, [Field(b"to", b"To : a\r\n b\r\n")])
        self.assertEqual(rest, b"hello\r\nCc: c\r\n")


class CompleteTests(SynchronousTestCase):
    """What is added and taken out."""

    def test_bothAreMissing(self) -> None:
        """They stand before all others."""
        self.assertEqual(
            completed(b"Subject: x\r\n\r\nDate: in the text\r\n"),
            Completed(
                _NEW + b"Subject: x\r\n\r\nDate: in the text\r\n",
                _ID,
                (
                    Field(b"date", b"Date: %b\r\n" % _DATE),
                    Field(b"message-id", b"Message-ID: %b\r\n" % _ID),
                    Field(b"subject", b"Subject: x\r\n"),
                ),
            ),
        )

    def test_oneIsMissing(self) -> None:
        """The other stays, however it is spelled."""
        found = completed(b"MESSAGE-id: <y>\r\n\r\n")
        self.assertEqual(found.octets, b"Date: %b\r\nMESSAGE-id: <y>\r\n\r\n" % _DATE)
        self.assertIsNone(found.messageID)
        self.assertEqual(
            completed(b"date:\r\n y\r\n\r\n").octets,
            b"Message-ID: %b\r\ndate:\r\n y\r\n\r\n" % _ID,
        )

    def test_whatIsWholeStays(self) -> None:
        """Octet for octet."""
        for message in (
            _WHOLE + b"\r\n",
            _WHOLE + b"\r\ntext",
            _WHOLE + b"X:\r\n  a\r\n\tb\r\n\r\n\r\n\r\ntext\r\n",
        ):
            self.assertEqual(completed(message).octets, message)

    def test_noHeader(self) -> None:
        """There is one then; text without an empty line before it stays text."""
        for message, text in (
            (b"", b""),
            (b"\r\ntext\r\n", b"text\r\n"),
            (b"hello\r\nyou\r\n", b"hello\r\nyou\r\n"),
            (b"hello\r\n\r\nTo: x\r\n", b"hello\r\n\r\nTo: x\r\n"),
        ):
            self.assertEqual(completed(message).octets, _NEW + b"\r\n" + text)

    def test_noText(self) -> None:
        """The empty line is there all the same; an end of line, if it was not."""
        for message in (_WHOLE, _WHOLE[:-2]):
            self.assertEqual(completed(message).octets, _WHOLE + b"\r\n")

    def test_blindCopies(self) -> None:
        """Nobody sees them."""
        self.assertEqual(
            completed(
                _WHOLE + b"Bcc: eve@a.example,\r\n bob@a.example\r\nTo: x\r\n"
                b"resent-BCC: y\r\n\r\nBcc: text\r\n"
            ).octets,
            _WHOLE + b"To: x\r\n\r\nBcc: text\r\n",
        )

    @settings(max_examples=100, deadline=None)
    @given(_fields, st.binary(max_size=30))
    def test_theResultIsAMessage(
        self, fields: list[tuple[bytes, bytes]], text: bytes
    ) -> None:
        """With one date and one id where there was at most one, and the text."""
        header = b"".join(name + b":" + value + b"\r\n" for name, value in fields)
        found = completed(header + b"\r\n" + text)
        self.assertTrue(found.octets.endswith(b"\r\n\r\n" + text))
        again = complete(found.octets, b"other", b"<other>")
        self.assertEqual(again.octets, found.octets)
        self.assertIsNone(again.messageID)
        made = message_from_bytes(found.octets)
        self.assertEqual(len(made.get_all("date", [])), 1)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=60) | st.from_regex(rb"\A([a:\r\n ]{0,20})\Z"))
    def test_anything(self, octets: bytes) -> None:
        """No octets do harm, and all of them are there, but for ends of lines."""
        found = completed(octets).octets.replace(b"\r\n", b"")
        self.assertTrue(found.endswith(octets.replace(b"\r\n", b"")), found)


class SenderTests(SynchronousTestCase):
    """Who sends it is said where the header says otherwise."""

    def sent(self, header: bytes) -> bytes:
        """What becomes of a header where ann sends it."""
        return complete(_WHOLE + header + b"\r\n", _DATE, _ID, b"ann@mx.example").octets

    def test_ofAnother(self) -> None:
        """A field Sender is added, and one that lies is taken out."""
        for header in (
            b"From: bob@b.example\r\n",
            b"Sender: bob@b.example\r\nFrom: bob@b.example\r\n",
            b"From: Ann <ann@mx.example>, bob@b.example\r\n",
            b"",
        ):
            self.assertIn(b"Sender: ann@mx.example\r\n", self.sent(header))
            self.assertNotIn(b"Sender: bob", self.sent(header))

    def test_ofOneself(self) -> None:
        """Nothing is added where From says so."""
        header = b"From: Ann <ANN@mx.example>\r\n"
        self.assertEqual(self.sent(header), _WHOLE + header + b"\r\n")


class DomainsTests(SynchronousTestCase):
    """The addresses in a header."""

    def test_addresses(self) -> None:
        """As RFC 5322 appendix A has them, and as others have."""
        for value, domains in (
            (b" Joe Q. Public <john.q.public@Example.com>", [b"example.com"]),
            (
                b" Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
                [b"x.test", b"example.org", b"y.test"],
            ),
            (
                b' <boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>',
                [b"nil.test", b"example.net"],
            ),
            (
                b" A Group:Ed Jones <joe@where.test>,joe@a.test,John <jdoe@one.test>;",
                [b"where.test", b"a.test", b"one.test"],
            ),
            (b" A Group:joe@a.test, bob;", [b"a.test", None]),
            (b" Undisclosed recipients:;", []),
            (
                b" Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
                [b"silly.test"],
            ),
            (b" (Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", []),
            (b" <@relay.test,@other.test:joe@where.test>", [b"where.test"]),
            (b" <@relay.test:joe>", [None]),
            (b" <joe@where.test> at work, <ann@a.test>;", [b"where.test", b"a.test"]),
            (b' "a@b, c"@d.test', [b"d.test"]),
            (
                b" ann@[192.0.2.1], bob@[IPv6:2001:db8::1]",
                [b"[192.0.2.1]", b"[ipv6:2001:db8::1]"],
            ),
            (
                b" joe@exa\r\n mple.org ,,\r\n\tann @ a . test",
                [b"example.org", b"a.test"],
            ),
            (b" ann@[where.test, bob@a.test\\", [b"[where.test", b"a.test\\"]),
            (b"", []),
            (b" <>", []),
        ):
            self.assertEqual(list(domainsOf(value)), domains, value)

    def test_addressesWithoutADomain(self) -> None:
        """They are found among the others."""
        for value in (b"bob", b"<bob>", b'"bob"', b"Bob <bob>", b"bob (at@work.test)"):
            self.assertEqual(list(domainsOf(value)), [None], value)
        self.assertEqual(
            list(domainsOf(b"a@b.test, bob, c@d")), [b"b.test", None, b"d"]
        )

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=60) | st.from_regex(rb'\A[a@<>()\[\]",;:\\ ]{0,30}\Z'))
    def test_anything(self, octets: bytes) -> None:
        """Nothing is an error."""
        list(domainsOf(octets))

    def test_hostileNesting(self) -> None:
        """A header of nothing but brackets takes no longer than another one."""
        for octet in b'(<["\\:@,;':
            list(domainsOf(bytes([octet]) * 20_000))

    def test_theFieldIsFound(self) -> None:
        """That of the first address which is not whole; other fields have none."""
        fields, _ = fieldsOf(
            b"Subject: bob\r\nTo: a@b.test\r\nResent-Cc: a@b.test, c@d\r\nFrom: e\r\n"
        )
        found = unqualified(tuple(fields), lambda domain: b"." in domain)
        self.assertEqual(found, fields[2])
        self.assertIsNone(unqualified(tuple(fields[:2]), lambda domain: True))
        found = unqualified(tuple(fields), lambda domain: True)
        self.assertEqual(found, fields[3])

    def test_fieldsWithAddresses(self) -> None:
        """All of RFC 5322 sections 3.6.2, 3.6.3 and 3.6.6 but blind copies."""
        for name in (b"From", b"Sender", b"Reply-To", b"To", b"Cc"):
            for field in (name, b"Resent-" + name):
                fields, _ = fieldsOf(field + b": bob\r\n")
                found = unqualified(tuple(fields), lambda domain: True)
                self.assertEqual(found, fields[0])
