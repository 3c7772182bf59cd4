"""
Writing C{Authentication-Results} (RFC 8601), so that no value can do harm.

What a field tells comes from outside: an EHLO name, a domain of C{From}, the text of
an SPF record.  Whatever is in it, it stays inside its quotation marks or brackets, on
lines that are not too long:

  - what has to be quoted is quoted; a comment cannot close itself;
  - control characters, line ends (Unicode's, too) and what cannot be shown become
    C{?};
  - what is longer than L{MAX_TEXT} octets is cut there, and ends with C{...};
  - UTF-8 stands only in messages that may have it (RFC 8601 section 1.5.2, RFC 8616
    section 5); in others, a domain is written with A-labels (RFC 5890), and what has no
    form in ASCII becomes C{?}.

For all that has none of these, C{parseResults(renderResults(w)) == w}.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..core.errors import Malformed
from .idn import asciiDomain
from .results import FIELD, VERSION, AuthenticationResults, Property, Result

#: How long one value, reason or comment is at most, in octets, before it is quoted.  A
#: line that holds it is below the 998 octets of RFC 5322 section 2.1.1 even if each of
#: them has to be quoted.
MAX_TEXT = 400

#: Where lines are folded if they can be, in octets (RFC 5322 section 2.1.1).
_LINE = 78

#: What is no letter and belongs into words all the same (RFC 5892 appendix A).
_JOINERS = "\u200c\u200d"

_ATOM = rb"[!#$%&'*+/=?^_`{|}~0-9A-Za-z\x80-\xff-]+"
_DOT_ATOM = _ATOM + rb"(?:\." + _ATOM + rb")*"
_LABEL = rb"[0-9A-Za-z\x80-\xff_](?:[0-9A-Za-z\x80-\xff_-]*[0-9A-Za-z\x80-\xff])?"
_DOMAIN = _LABEL + rb"(?:\." + _LABEL + rb")*"

_token = re.compile(rb"[!#$%&'*+.^_`{|}~0-9A-Za-z\x80-\xff-]+\Z").match
# [ [ local-part ] "@" ] domain-name
_address = re.compile(
    rb"((?:(?:" + _DOT_ATOM + rb'|"(?:[^"\\]|\\[\t -~])*")?@)?)(' + _DOMAIN + rb")\Z"
).match
_special = re.compile(rb'["\\]')
_specialInComment = re.compile(rb"[()\\]")
_word = re.compile(rb"[ \t]*[^ \t]*").findall
_dull = re.compile(rb"[ -~\t]*\Z").match


def renderResults(results: AuthenticationResults, utf8: bool = False) -> bytes:
    """
    The field, folded, with its name and CRLF.

    @param utf8: may the message have UTF-8 in its header?
    """
    return renderField(FIELD, b"", results, utf8)


def renderField(
    name: bytes, lead: bytes, results: AuthenticationResults, utf8: bool
) -> bytes:
    """
    A field of another name that tells results.

    @param name: its name.
    @param lead: what stands before the authserv-id, in one word.
    """
    head = [b"%b:" % name, *([b" " + lead] if lead else [])]
    head.append(b" " + _value(results.authservId, utf8, False))
    if results.version != VERSION:
        head.append(b" %d" % results.version)
    head.extend(_comments(results.comments, utf8))
    lines = [head]
    if not results.results:
        _end(lines[-1])
        head.append(b" none")
    for each in results.results:
        _end(lines[-1])
        lines.append(list(_result(each, utf8)))
    return b"".join(_folded(line) for line in lines)


def _end(pieces: list[bytes]) -> None:
    pieces[-1] += b";"


def _result(result: Result, utf8: bool) -> Iterator[bytes]:
    """The pieces of a result, with the white space before each."""
    version = b"" if result.version == VERSION else b"/%d" % result.version
    yield b"\t%b%b=%b" % (result.method, version, result.result)
    yield from _comments(result.comments, utf8)
    if result.reason is not None:
        yield from _broken(b" reason=" + _value(result.reason, utf8, False))
    for each in result.properties:
        yield from _property(each, utf8)


def _property(each: Property, utf8: bool) -> Iterator[bytes]:
    value = _value(each.value, utf8)
    yield from _broken(b" %b.%b=%b" % (each.ptype, each.name, value))
    yield from _comments(each.comments, utf8)


def _comments(comments: tuple[bytes, ...], utf8: bool) -> Iterator[bytes]:
    for each in comments:
        text = _specialInComment.sub(rb"\\\g<0>", harmless(each, utf8))
        yield from _broken(b" (%b)" % text)


def _broken(text: bytes) -> Iterator[bytes]:
    """Text in pieces: before the white space of each a line may end."""
    yield from filter(None, _word(text))


def _value(value: bytes, utf8: bool, addressed: bool = True) -> bytes:
    """
    A value, quoted if it has to be.

    @param addressed: may it be an address, which has its own way to be written?
    """
    if _token(value) and value.isascii() and len(value) <= MAX_TEXT:
        return value
    text = harmless(value, utf8)
    if _token(text) or (addressed and _address(text)):
        return text
    return b'"%b"' % _special.sub(rb"\\\g<0>", text)


def harmless(text: bytes, utf8: bool) -> bytes:
    """
    Text without what may not stand in a header, cut to L{MAX_TEXT}.

    @param utf8: may there be UTF-8 in it?  If not, and it is a domain or an address,
        the domain is written in ASCII.
    """
    if len(text) > MAX_TEXT:
        # Not inside of a character: what is left of one is no UTF-8.
        cut = text[: MAX_TEXT - 3].decode("utf-8", "ignore").encode("utf-8")
        text = cut + b"..."
    if _dull(text):
        return text
    if not utf8:
        text = _inASCII(text)
    shown = text.decode("utf-8", "replace").replace("\ufffd", "?")
    shown = "".join(
        each if each.isprintable() or each == "\t" or each in _JOINERS else "?"
        for each in shown
    )
    return shown.encode("utf-8") if utf8 else shown.encode("ascii", "replace")


def _inASCII(text: bytes) -> bytes:
    """An address or a domain with A-labels; what is none stays."""
    match = _address(text)
    if match is None:
        return text
    try:
        return match[1] + asciiDomain(match[2])
    except Malformed:
        return text


def _folded(pieces: list[bytes]) -> bytes:
    """
    Lines of pieces, none longer than it has to be.

    @param pieces: a field's beginning, or what follows it; each but the first has the
        white space before it that a line may begin with.
    """
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if len(lines[-1]) + len(piece) > _LINE:
            lines.append(piece)
        else:
            lines[-1] += piece
    return b"\r\n".join(lines) + b"\r\n"


__all__ = ["MAX_TEXT", "harmless", "renderField", "renderResults"]
