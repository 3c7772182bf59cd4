"""
Messages of many kinds, octet for octet.
"""

from __future__ import annotations

from collections.abc import Iterator


def _lines(*lines: bytes) -> bytes:
    """Lines, each with its CRLF."""
    return b"".join(line + b"\r\n" for line in lines)


_HEADER = _lines(
    b"From: Ann <ann@example.com>", b"To: bob@localhost", b"Subject: kinds"
)


def _nested(depth: int) -> Iterator[bytes]:
    """A multipart in a multipart in a ..."""
    boundary = b"level-%d" % depth
    yield b'Content-Type: multipart/mixed; boundary="%b"' % boundary
    yield b""
    yield b"--" + boundary
    if depth:
        yield from _nested(depth - 1)
    else:
        yield from (b"Content-Type: text/plain", b"", b".", b"-- ", b"--not-a-boundary")
    yield b"--" + boundary
    yield from (b"Content-Type: message/rfc822", b"", b"Subject: inner", b"", b"..")
    yield b"--%b--" % boundary


#: What DATA can carry: lines that end with CRLF, without a bare CR or LF.
LINES: dict[str, bytes] = {
    "plain": _HEADER + _lines(b"", b"It works."),
    "nothing": b"",
    "header only": _HEADER,
    "header and empty line": _HEADER + _lines(b""),
    "empty header": _lines(b"", b"All of it is body."),
    "no header": _lines(b"This is no header", b"", b"at all"),
    "one empty line": _lines(b""),
    "nested multiparts": _HEADER + _lines(b"MIME-Version: 1.0", *_nested(20)),
    "folded header": _lines(b"Subject: a", b"\tb", b" c", b" ", b"X:", b"", b"body"),
    "lone dots": _lines(b".", b".", b"Subject: dots", b"", b".", b"..", b"...", b"."),
    "leading dots": _lines(b".a", b"..b", b"...c", b"", b".\t", b". .", b"...."),
    "only a dot": _lines(b"."),
    "many dots": b".\r\n" * 5000,
    "dots at borders": _HEADER + b"\r\n" + b"x\r\n.y\r\n" * 30_000,
    "long line": _HEADER + _lines(b"", b"x" * 10_000, b"." * 10_000),
    "very long line": _HEADER + _lines(b"", b"0123456789abcdef" * 20_000),
    "long header field": _lines(b"X-Long: " + b"y" * 20_000, b"", b"z"),
    "8 bit": _HEADER + _lines(b"", bytes(range(128, 256)), "Grüße, 你好".encode()),
    "UTF-8 header": "Subject: Grüße 你好\r\nFrom: Änn <ä@x.example>\r\n\r\n".encode(),
    "control characters": _lines(b"", bytes(set(range(1, 32)) - {10, 13}) + b"\x7f"),
    "NUL": _HEADER + _lines(b"", b"a\0b", b"\0", b"\0."),
    "separators": "\r\n\u2028.\u2028\u0085.\u0085\x0b.\x0c.\x1c\r\n".encode(),
    "trailing blanks": _lines(b"Subject: blanks ", b"", b"a ", b"b\t", b" ", b"\t"),
    "no line end in words": _lines(b"", rb"\r\n.\r\n", b"%0d%0a.%0d%0a", b"=0D=0A."),
    "commands": _lines(b"", b"QUIT", b"RSET", b"MAIL FROM:<a@b.example>", b"BDAT 5"),
    "from line": _lines(b"From ann Sun Nov 22 00:00:00 2026", b"", b"From here"),
    "base64": _HEADER
    + _lines(b"", *[b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo" * 2] * 2000),
}

#: What only BDAT can carry: no line end at the end, line ends that stand alone,
#: octets of any kind.
OCTETS: dict[str, bytes] = {
    "no final line end": _HEADER + b"\r\nno end",
    "one octet": b"x",
    "a dot": b".",
    "final CR": _HEADER + b"\r\nends with\r",
    "final dot": _HEADER + b"\r\n.",
    "only CRs": b"\r" * 100,
    "only LFs": b"\n" * 100,
    "bare line ends": b"Subject: x\n\na\rb\n\rc\r\r\n\n.\n.\r\n.\r.\n",
    "end of data": _HEADER + b"\r\n.\r\nQUIT\r\n.\r\n",
    "binary": bytes(range(256)) * 400,
    "only NULs": bytes(70_000),
}
