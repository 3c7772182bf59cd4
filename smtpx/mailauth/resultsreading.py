"""
Reading C{Authentication-Results} (RFC 8601 section 2.2)::

    authres-payload = [CFWS] authserv-id [ CFWS authres-version ]
                      ( no-result / 1*resinfo ) [CFWS] CRLF
    resinfo    = [CFWS] ";" methodspec [ CFWS reasonspec ] [ CFWS 1*propspec ]
    methodspec = [CFWS] method [CFWS] "=" [CFWS] result
    method     = Keyword [ [CFWS] "/" [CFWS] method-version ]
    reasonspec = "reason" [CFWS] "=" [CFWS] value
    propspec   = ptype [CFWS] "." [CFWS] property [CFWS] "=" pvalue
    pvalue     = [CFWS] ( value / [ [ local-part ] "@" ] domain-name ) [CFWS]

Much of the mail that is under way keeps to it nearly, and the meaning is beyond doubt;
so also read are values with C{/}, C{=} or C{:} in them that are not quoted, empty
values, C{reason=} behind properties, a C{;} at the end, and a field without any result.
All else that is not in the grammar is refused as a whole: half a field is worse than
none.

All of it takes time in proportion to the input, and input that is longer than
L{MAX_OCTETS} is refused.
"""

from __future__ import annotations

import re

from attrs import Factory, define

from ..core.errors import Malformed
from .results import VERSION, AuthenticationResults, Property, Result

#: How long a field may be, in octets.
MAX_OCTETS = 64 << 10

_space = re.compile(rb"[ \t]*").match
_digits = re.compile(rb"[0-9]{1,9}(?![0-9])").match
_keyword = re.compile(rb"[A-Za-z0-9_-]{1,64}(?![A-Za-z0-9_-])").match
# "value" of RFC 2045 section 5.1, with UTF-8 (RFC 6532).
_token = re.compile(rb"[!#$%&'*+.^_`{|}~0-9A-Za-z\x80-\xff-]+").match
_QUOTED = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_quoted = re.compile(_QUOTED, re.DOTALL).match
_pvalue = re.compile(rb"(?:" + _QUOTED + rb'|[^ \t;()"\\])+', re.DOTALL).match
_property = re.compile(rb"[A-Za-z][A-Za-z0-9_-]*\.[A-Za-z0-9_-]+=").match
_pair = re.compile(rb"\\(.)", re.DOTALL)
_inComment = re.compile(rb"[^()\\]+|\\.|[()]", re.DOTALL).match

_folding = re.compile(rb"\r\n(?=[ \t])")
_control = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


@define
class Reading:
    """
    A field that is being read.

    @ivar octets: what it says, unfolded.
    @ivar at: how far it is read.
    @ivar comments: those that were met and belong to nothing yet.
    """

    octets: bytes
    at: int = 0
    comments: list[bytes] = Factory(list)

    def space(self) -> bool:
        """
        Go on behind white space and comments (CFWS).

        @return: was there any?
        @raise Malformed: a comment does not end.
        """
        start = self.at
        while True:
            space = _space(self.octets, self.at)
            assert space is not None
            self.at = space.end()
            if not self.next(b"("):
                return self.at > start
            self.comments.append(self._comment())

    def _comment(self) -> bytes:
        """The inside of a comment whose C{(} was read, with comments inside it."""
        said: list[bytes] = []
        depth = 1
        while True:
            match = _inComment(self.octets, self.at)
            if match is None:
                raise Malformed("a comment does not end")
            self.at = match.end()
            piece = match[0]
            depth += (piece == b"(") - (piece == b")")
            if depth == 0:
                return b"".join(said)
            said.append(piece[1:] if piece[:1] == b"\\" else piece)

    def taken(self) -> tuple[bytes, ...]:
        """The comments that were met, which have an owner now."""
        taken = tuple(self.comments)
        self.comments.clear()
        return taken

    def next(self, sign: bytes) -> bool:
        """Go on behind a character, if it is the next one."""
        if not self.octets.startswith(sign, self.at):
            return False
        self.at += 1
        return True

    def ended(self) -> bool:
        """Is there nothing more?"""
        return self.at >= len(self.octets)

    def ends(self) -> bool:
        """Is it the end, or the end of a result?"""
        return self.ended() or self.octets.startswith(b";", self.at)

    def wanted(self, sign: bytes) -> None:
        """
        Go on behind a character and the white space before it.

        @raise Malformed: it is not there.
        """
        self.space()
        if not self.next(sign):
            raise Malformed(f"no {sign.decode('ascii')} where one is wanted")

    def keyword(self) -> bytes:
        """
        A keyword.

        @raise Malformed: there is none.
        """
        match = _keyword(self.octets, self.at)
        if match is None:
            raise Malformed("no keyword where one is wanted")
        self.at = match.end()
        return match[0]

    def number(self) -> int | None:
        """A version; L{None}: there is none."""
        match = _digits(self.octets, self.at)
        if match is None:
            return None
        self.at = match.end()
        return int(match[0])

    def value(self) -> bytes:
        """
        A token, or what stands between quotation marks.

        @raise Malformed: there is neither.
        """
        match = _quoted(self.octets, self.at) or _token(self.octets, self.at)
        if match is None:
            raise Malformed("no value where one is wanted")
        self.at = match.end()
        return _plain(match[0])

    def propertyValue(self) -> bytes:
        """A property's value, which may be an address or be empty."""
        spaced = self.space()
        if spaced and _property(self.octets, self.at):
            # "smtp.mailfrom= smtp.helo=x": the first is empty.
            return b""
        match = _pvalue(self.octets, self.at)
        if match is None:
            return b""
        self.at = match.end()
        return _plain(match[0])


def _plain(text: bytes) -> bytes:
    """A value without the quotation marks around all of it, if there are any."""
    whole = _quoted(text)
    if whole is None or whole.end() != len(text):
        return text
    return _pair.sub(rb"\1", text[1:-1])


def unfolded(value: bytes) -> bytes:
    """
    What a field says, on one line.

    @param value: what stands behind the colon, folded as it is.
    @raise Malformed: it has control characters in it.
    """
    text = _folding.sub(b"", value.removesuffix(b"\r\n"))
    if _control(text) is not None:
        raise Malformed("control character in the field")
    return text


def readHead(reading: Reading) -> tuple[bytes, int]:
    """
    Read who made the checks, and the field's version, as far as what follows them.

    @raise Malformed: it cannot be made out.
    """
    reading.space()
    name = reading.value()
    spaced = reading.space()
    version = reading.number() if spaced else None
    reading.space()
    if not reading.ends():
        raise Malformed("no ; behind the authserv-id")
    return name, VERSION if version is None else version


def parseResults(value: bytes) -> AuthenticationResults:
    """
    Read a field.

    @param value: what stands behind the colon, folded as it is.
    @raise Malformed: it is too long, not in the grammar, or of another version.
    """
    if len(value) > MAX_OCTETS:
        raise Malformed(f"longer than {MAX_OCTETS} octets")
    return readResults(Reading(unfolded(value)))


def readResults(reading: Reading) -> AuthenticationResults:
    """
    Read all that is left of a field, from its authserv-id on.

    @raise Malformed: it is not in the grammar, or of another version.
    """
    name, version = readHead(reading)
    if version != VERSION:
        raise Malformed(f"version {version} is not known")
    comments = reading.taken()
    results: list[Result] = []
    while reading.next(b";"):
        reading.space()
        if reading.ended():
            break
        result = _result(reading, alone=not results)
        if result is None:
            comments += reading.taken()
            break
        results.append(result)
    if not reading.ended():
        raise Malformed("more behind the results")
    return AuthenticationResults(
        name, tuple(results), comments=comments + reading.taken()
    )


def _result(reading: Reading, alone: bool) -> Result | None:
    """
    Read what one method has found out.

    @param alone: nothing stood before it.
    @return: L{None}: C{none}, with nothing before it.
    """
    method = reading.keyword()
    reading.space()
    if alone and method.lower() == b"none" and reading.ends():
        return None
    version = _methodVersion(reading)
    reading.wanted(b"=")
    reading.space()
    result = reading.keyword()
    reading.space()
    comments = reading.taken()
    reason: bytes | None = None
    properties: list[Property] = []
    while not reading.ends():
        word = reading.keyword()
        reading.space()
        if reading.next(b"="):
            if word.lower() != b"reason" or reason is not None:
                raise Malformed("a word that says nothing")
            reading.space()
            reason = reading.value()
            reading.space()
            comments += reading.taken()
            continue
        properties.append(_propertyOf(reading, word))
    return Result(method, result, tuple(properties), reason, comments, version)


def _methodVersion(reading: Reading) -> int:
    """
    Read the version behind a method, if there is one.

    @raise Malformed: it is no number.
    """
    if not reading.next(b"/"):
        return VERSION
    reading.space()
    version = reading.number()
    if version is None:
        raise Malformed("no version behind /")
    return version


def _propertyOf(reading: Reading, ptype: bytes) -> Property:
    """Read what stands behind a property's ptype, and the comments behind it."""
    reading.wanted(b".")
    reading.space()
    name = reading.keyword()
    reading.wanted(b"=")
    value = reading.propertyValue()
    reading.space()
    return Property(ptype, name, value, reading.taken())


__all__ = [
    "MAX_OCTETS",
    "Reading",
    "parseResults",
    "readHead",
    "readResults",
    "unfolded",
]
