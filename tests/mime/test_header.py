"""
Tests for L{smtpx.mime.header}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mime.header import Header, Kind, Obstacle, readHeader, sealed

MALFORMED = sealed(Obstacle.MALFORMED)


def read(*lines: bytes, inDigest: bool = False) -> Header:
    """What a header of these lines says."""
    return readHeader(b"".join(line + b"\r\n" for line in lines), inDigest)


def typed(value: bytes) -> Header:
    """What a header with this type says."""
    return read(b"Content-Type: " + value)


class KindTests(SynchronousTestCase):
    """What a body is by its type."""

    def test_none(self) -> None:
        """It is a text (RFC 2045 section 5.2), or a message in a digest."""
        self.assertEqual(read(), Header(Kind.LEAF))
        self.assertEqual(read(inDigest=True), Header(Kind.MESSAGE))
        leaf = read(b"content-type:text/html", inDigest=True)
        self.assertEqual(leaf, Header(Kind.LEAF, typed=True))

    def test_leaves(self) -> None:
        """What has no parts; only text has lines."""
        for value, text in (
            (b"text/plain", True),
            (b"TEXT/HTML; charset=utf-8; =", True),
            (b" \r\n\ttext/plain\r\n ;x", True),
            (b"image/png", False),
            (b"application/pkcs7-mime;", False),
            (b"multiparts/mixed", False),
        ):
            header = typed(value)
            self.assertEqual(header, Header(Kind.LEAF, text=text, typed=True))

    def test_international(self) -> None:
        """What is in UTF-8 as a whole is content (RFC 6532 section 3.7)."""
        for value in (
            b"message/global",
            b"message/global-headers",
            b"message/GLOBAL-delivery-status",
        ):
            self.assertEqual(
                typed(value), Header(Kind.LEAF, international=True, typed=True)
            )

    def test_messages(self) -> None:
        """A message is in a message (RFC 2046 section 5.2.1)."""
        self.assertEqual(typed(b"Message/RFC822"), Header(Kind.MESSAGE, typed=True))

    def test_otherMessages(self) -> None:
        """They may be in no encoding at all (RFC 2045 section 6.4)."""
        for sub in b"partial", b"external-body", b"delivery-status", b"globe":
            header = typed(b"message/" + sub)
            self.assertEqual(
                (header.kind, header.obstacle), (Kind.SEALED, Obstacle.TYPE)
            )

    def test_signed(self) -> None:
        """What is signed or encrypted stays as it is (RFC 1847 section 2)."""
        for sub in b"signed", b"Encrypted":
            header = typed(b"multipart/%b; boundary=x" % sub)
            self.assertEqual(
                (header.kind, header.obstacle), (Kind.SEALED, Obstacle.SIGNED)
            )

    def test_unreadable(self) -> None:
        """What might be anything is left alone."""
        for value in (
            b"",
            b"text",
            b"/plain",
            b"text/",
            b"text/plain x",
            b"a b/c",
            b"a /b",
        ):
            header = typed(value)
            self.assertEqual(
                (header.kind, header.obstacle), (Kind.SEALED, Obstacle.MALFORMED), value
            )


class BoundaryTests(SynchronousTestCase):
    """The boundary of a multipart."""

    def test_good(self) -> None:
        """As a word, or in quotes, among other parameters, in any case."""
        for value, boundary in (
            (b"; boundary=simple", b"simple"),
            (b";boundary=----=_Part_1.2", b"----=_Part_1.2"),
            (b'; Boundary="a b"', b"a b"),
            (b'; BOUNDARY = "a\\"b\\\\c";', b'a"b\\c'),
            (b'; type="text/html; x=y";\r\n\tboundary="q"; charset=utf-8', b"q"),
            (b"; boundary=x; ; ", None),
            (b'; boundary="' + b"x" * 200 + b'"', b"x" * 200),
        ):
            header = typed(b"multipart/mixed" + value)
            if boundary is None:
                self.assertEqual(header.kind, Kind.SEALED)
                continue
            self.assertEqual(
                header, Header(Kind.MULTIPART, boundary=boundary, typed=True)
            )

    def test_digest(self) -> None:
        """Its parts are messages, if they do not say otherwise."""
        header = typed(b"multipart/Digest; boundary=x")
        self.assertTrue(header.digest)

    def test_bad(self) -> None:
        """None, two, one that ends in a space, that is too long, or odd."""
        for value in (
            b"",
            b";",
            b"; charset=x",
            b"; boundary",
            b"; boundary=",
            b'; boundary=""',
            b"; boundary=a; boundary=a",
            b'; boundary="a "',
            b'; boundary="' + b"x" * 201 + b'"',
            b'; boundary="a\xe4"',
            b'; boundary="a',
            b'; boundary="a"b',
            b"; boundary=a (comment)",
            b"; boundary*=utf-8''a",
            b"; boundary*0=a; boundary*1=b",
            b"; boundary=a\\b",
        ):
            header = typed(b"multipart/mixed" + value)
            self.assertEqual(
                (header.kind, header.obstacle), (Kind.SEALED, Obstacle.MALFORMED), value
            )


class EncodingTests(SynchronousTestCase):
    """The encoding that a body has already."""

    def test_identities(self) -> None:
        """Three names stand for none (RFC 2045 section 6.2); and so does none."""
        for label in b"7bit", b"8BIT", b"\r\n Binary ":
            header = read(b"X: y", b"Content-Transfer-Encoding:" + label, b"Z: z")
            self.assertEqual(
                header,
                Header(
                    Kind.LEAF,
                    label=label.strip().lower(),
                    labelSpan=(6, 34 + len(label)),
                ),
            )

    def test_others(self) -> None:
        """What is encoded stays so, and what nobody knows may be."""
        for label in b"quoted-printable", b"BASE64", b"x-uuencode", b"8bit;", b"":
            header = read(b"Content-Transfer-Encoding: " + label)
            self.assertEqual(
                (header.kind, header.obstacle), (Kind.SEALED, Obstacle.ENCODING), label
            )

    def test_ofWhatHasParts(self) -> None:
        """Parts are in no encoding (RFC 2045 section 6.4)."""
        for value, why in (
            (b"multipart/mixed; boundary=x", Obstacle.MALFORMED),
            (b"message/rfc822", Obstacle.ENCODING),
        ):
            header = read(
                b"Content-Type: " + value, b"Content-Transfer-Encoding: base64"
            )
            self.assertEqual((header.kind, header.obstacle), (Kind.SEALED, why))


class FieldTests(SynchronousTestCase):
    """The header as such."""

    def test_version(self) -> None:
        """It is seen that a message is MIME."""
        self.assertEqual(read(b"mime-version: 1.0"), Header(Kind.LEAF, versioned=True))

    def test_twice(self) -> None:
        """Of two, some take the first, some the last; others may be there twice."""
        for name in b"Content-Type", b"Content-Transfer-Encoding", b"MIME-Version":
            field = name + b": text/plain"
            self.assertEqual(read(field, b"A: b", field), MALFORMED)
        self.assertEqual(read(b"A: b", b"A: b"), Header(Kind.LEAF))

    def test_noFields(self) -> None:
        """A line that is no field may be the beginning of the body."""
        for lines in (
            (b"From me Mon Jan 1 00:00:00 2001", b"A: b"),
            (b"A: b", b"no field"),
            (b" continued",),
            (b"A : b",),
            (b"Content-Type\t: text/plain",),
        ):
            self.assertEqual(read(*lines), MALFORMED)
