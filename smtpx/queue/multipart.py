"""
Parts of a message of our own, and how they become one (RFC 2045, RFC 2046).

Lines end in CRLF, none has more than 998 octets (RFC 5322 section 2.1.1), and a
boundary stands in none of the parts.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from attrs import evolve, frozen

#: RFC 5322 section 2.1.1, without the CRLF.
LINE_OCTETS = 998

#: RFC 2045 section 6.7 (5), without the CRLF.
_QUOTED_OCTETS = 76

#: How long a line of base64 is, in octets (RFC 2045 section 6.8).
_LINE_OCTETS = 76

#: What no line of text may have.
_UNFIT = re.compile(rb"\x00|\r(?!\n)|(?<!\r)\n")
_QUOTE = re.compile(rb"[^!-<>-~ \t]|[ \t]\Z")


def fits(octets: bytes) -> bool:
    """
    Can these octets be in a message as they are, at least where 8-bit ones can?
    """
    if _UNFIT.search(octets) is not None:
        return False
    # Not by the expression, which would look at a line once for each of its octets.
    return max(map(len, octets.split(b"\r\n"))) <= LINE_OCTETS


def quoted(octets: bytes) -> bytes:
    """
    In quoted-printable (RFC 2045 section 6.7); each CRLF stays one.
    """
    return b"\r\n".join(map(_quotedLine, octets.split(b"\r\n")))


def _quotedLine(line: bytes) -> bytes:
    rest = _QUOTE.sub(lambda found: b"=%02X" % found[0][0], line)
    pieces = []
    while len(rest) > _QUOTED_OCTETS:
        cut = _QUOTED_OCTETS - 1
        # Not within an octet's three.
        cut -= next((back for back in (1, 2) if rest[cut - back] == 0x3D), 0)
        pieces.append(rest[:cut] + b"=\r\n")
        rest = rest[cut:]
    return b"".join([*pieces, rest])


def inBase64(octets: bytes) -> bytes:
    """
    In base64 (RFC 2045 section 6.8), in lines.
    """
    encoded = b64encode(octets)
    return b"\r\n".join(
        encoded[start : start + _LINE_OCTETS]
        for start in range(0, len(encoded), _LINE_OCTETS)
    )


@frozen
class Part:
    """
    A part of a message.

    @ivar type: its media type, with parameters.
    @ivar content: as it goes over the wire.
    @ivar encoding: the value of its C{Content-Transfer-Encoding}.
    @ivar description: what it is, for people.
    @ivar language: the tag of the language that it is in; empty: it is in none.
    @ivar disposition: the value of its C{Content-Disposition}; empty: not said.
    """

    type: bytes
    content: bytes
    encoding: bytes
    description: bytes
    language: str = ""
    disposition: bytes = b""

    @property
    def octets(self) -> bytes:
        """The part with its header."""
        language = b""
        if self.language:
            # RFC 3282.
            language = b"Content-Language: %b\r\n" % self.language.encode("ascii")
        more = language
        if self.disposition:
            more += b"Content-Disposition: %b\r\n" % self.disposition
        return (
            b"Content-Description: %b\r\nContent-Type: %b\r\n%b"
            b"Content-Transfer-Encoding: %b\r\n\r\n%b"
            % (self.description, self.type, more, self.encoding, self.content)
        )


def plain(type: bytes, octets: bytes, description: bytes, eight: bool = False) -> Part:
    """
    A part that stays as it is where it can, and is quoted-printable otherwise.

    @param eight: may it have octets above 127 as they are?
    """
    if fits(octets) and (eight or octets.isascii()):
        encoding = b"7bit" if octets.isascii() else b"8bit"
        return Part(type, octets, encoding, description)
    return Part(type, quoted(octets), b"quoted-printable", description)


def text(words: str, description: bytes, language: str = "") -> Part:
    """
    A text for people.

    @param words: lines that end in C{\\n}, none too long.
    @param language: the tag of the language that it is in; empty: not said.
    """
    octets = words.replace("\n", "\r\n").encode()
    charset = b"us-ascii" if octets.isascii() else b"utf-8"
    part = plain(b"text/plain; charset=" + charset, octets, description)
    return evolve(part, language=language)


def joined(parts: Sequence[Part]) -> tuple[bytes, bytes]:
    """
    Join parts to one body.

    @return: the boundary; and the body, which begins with it.
    """
    contents = [part.octets for part in parts]
    whole = b"".join(contents)
    number = 0
    while True:
        # With "=_" it cannot be in quoted-printable (RFC 2045 section 6.7).
        digest = sha256(whole + b"%d" % number).hexdigest()[:24]
        boundary = b"=_" + digest.encode("ascii")
        if boundary not in whole:
            break
        number += 1
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary, each) for each in contents)
    return boundary, b"%b--%b--\r\n" % (body, boundary)


__all__ = [
    "LINE_OCTETS",
    "Part",
    "fits",
    "inBase64",
    "joined",
    "plain",
    "quoted",
    "text",
]
