"""
Two-way grammars: how one thing is read from the wire and written to it.

Every grammar is its own inverse: C{parse(render(w)) == w}.  The ones that
several extensions share are here: L{FLAG}, L{KEYWORD}, L{DECIMAL}, L{XTEXT}
(RFC 3461 section 4) and L{token}.
"""

from __future__ import annotations

from typing import Callable, Generic, TypeVar

from attrs import frozen

from .errors import Malformed

W = TypeVar("W")

_HEX = b"0123456789ABCDEF"


@frozen
class Grammar(Generic[W]):
    """
    How one value stands on the wire, both directions.

    @ivar parse: octets to value; raises L{Malformed}.  L{None} stands for "the
        keyword came without a value".
    @ivar render: value to octets.  C{parse(render(w)) == w} for every C{w}.
    """

    parse: Callable[[bytes | None], W]
    render: Callable[[W], bytes | None]


def _parseFlag(value: bytes | None) -> bool:
    if value is not None:
        raise Malformed("takes no value")
    return True


def _parseDecimal(value: bytes | None) -> int:
    if not value or not value.isdigit() or len(value) > 20:
        raise Malformed("wants 1*20DIGIT")
    return int(value)


#: A keyword that stands alone.
FLAG = Grammar[bool](_parseFlag, lambda flag: None)
#: An EHLO keyword without parameters.  None are sent; a peer's are ignored, as
#: RFC 6531 section 3.1 demands and others do not forbid.
KEYWORD = Grammar[bool](lambda value: True, lambda flag: None)
#: RFC 1870 section 3: C{1*20DIGIT}.
DECIMAL = Grammar[int](_parseDecimal, lambda n: b"%d" % n)


def _parseXtext(value: bytes | None) -> bytes:
    if value is None:
        raise Malformed("wants xtext")
    out = bytearray()
    rest = iter(value)
    for octet in rest:
        if octet == 0x2B:
            pair = bytes((next(rest, 0), next(rest, 0)))
            # Upper case only: hexchar is "+" and two of 0-9, A-F.
            if pair.strip(_HEX):
                raise Malformed("bad hexchar in xtext")
            out.append(int(pair, 16))
        elif 33 <= octet <= 126 and octet != 0x3D:
            out.append(octet)
        else:
            raise Malformed("bad octet in xtext")
    return bytes(out)


def _renderXtext(raw: bytes) -> bytes:
    return b"".join(
        bytes((o,)) if 33 <= o <= 126 and o not in b"+=" else b"+%02X" % o for o in raw
    )


#: RFC 3461 section 4.
XTEXT = Grammar[bytes](_parseXtext, _renderXtext)


def token(*words: bytes) -> Grammar[bytes]:
    """
    A case-insensitive choice of words.

    @param words: upper case.
    """

    def parse(value: bytes | None) -> bytes:
        upper = b"" if value is None else value.upper()
        if upper not in words:
            raise Malformed("wants one of " + b", ".join(words).decode("ascii"))
        return upper

    return Grammar(parse, lambda word: word)


__all__ = ["DECIMAL", "FLAG", "KEYWORD", "XTEXT", "Grammar", "Malformed", "token"]
