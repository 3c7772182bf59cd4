"""
Parameters of MAIL and RCPT that are said as they stand, for tests of servers.

An extension says a parameter to hosts that offer it (RFC 5321 section 4.1.1.11).  Who
wants to see what a server makes of one that it did not offer, or of a value that is
no good, puts it on the envelope, or on a recipient, by the stamp L{RAW}; it is said
in the place of what an extension would say.  It never comes into the spool.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import field, frozen

from .envelope import Bearer, Stamp
from .errors import Malformed

#: RFC 5321 section 4.1.2: esmtp-keyword and esmtp-value, but for "=" in a value.
_isKeyword = re.compile(rb"[A-Za-z0-9][A-Za-z0-9-]*").fullmatch
_isValue = re.compile(rb"[^\x00-\x20\x7f]+").fullmatch

#: The longest of both, in octets.
_OCTETS = 1000


def _checkKeyword(instance: object, attribute: Any, keyword: bytes) -> None:
    if _isKeyword(keyword) is None or len(keyword) > _OCTETS:
        raise Malformed("not the keyword of a parameter")


def _checkValue(instance: object, attribute: Any, value: bytes | None) -> None:
    if value is not None and (_isValue(value) is None or len(value) > _OCTETS):
        raise Malformed("not the value of a parameter")


def _upper(keyword: bytes) -> bytes:
    return keyword.upper()


@frozen
class RawParameter:
    """
    A parameter.

    @ivar keyword: in upper case.
    @ivar value: what stands behind the C{=}; L{None}: there is no C{=}.
    @raise Malformed: it would not be one parameter.
    """

    keyword: bytes = field(converter=_upper, validator=_checkKeyword)
    value: bytes | None = field(default=None, validator=_checkValue)

    @classmethod
    def parse(cls, text: bytes) -> RawParameter:
        """
        Read C{KEYWORD} or C{KEYWORD=value}.

        @raise Malformed: it is neither.
        """
        keyword, equals, value = text.partition(b"=")
        return cls(keyword, value if equals else None)

    def render(self) -> bytes:
        """As it is said."""
        if self.value is None:
            return self.keyword
        return self.keyword + b"=" + self.value


#: The parameters of an envelope or a recipient that are said as they stand.
RAW = Stamp[tuple[RawParameter, ...]]("raw-parameters", None, lambda text: ())


def rawOf(bearer: Bearer) -> tuple[RawParameter, ...]:
    """Those of an envelope or a recipient."""
    return bearer.stamp(RAW) or ()


__all__ = ["RAW", "RawParameter", "rawOf"]
