"""
What checks of a message have found out, as the header field
C{Authentication-Results} tells it (RFC 8601)::

    Authentication-Results: mx.example.org;
        spf=pass smtp.mailfrom=example.net;
        dkim=fail (body hash differs) header.d=example.net header.s=s1

is, as values::

    AuthenticationResults(
        b"mx.example.org",
        (
            Result(b"spf", b"pass", (Property(b"smtp", b"mailfrom", b"example.net"),)),
            Result(
                b"dkim",
                b"fail",
                (
                    Property(b"header", b"d", b"example.net"),
                    Property(b"header", b"s", b"s1"),
                ),
                comments=(b"body hash differs",),
            ),
        ),
    )

Each check makes L{Result}s; whoever writes the field puts them together.  A value may
be anything, as EHLO or a domain of C{From} had it: what writes it
(L{smtpx.mailauth.resultswriting}) makes it harmless, and nobody else has to.
L{smtpx.mailauth.resultsreading} reads the field, and loses nothing of it but where
exactly a comment stood.

A field that claims to be ours and came from outside is to be taken out (section 5):
L{smtpx.mailauth.resultsclaims} tells.

Of results that somebody else wrote: methods, results and ptypes that nobody here knows
are kept, and mean nothing (section 4.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import field, frozen

from ..core.errors import UsageError

#: The field's name.
FIELD = b"Authentication-Results"

#: The version of the field that is known here (section 2.2), and the one of methods.
VERSION = 1

# "Keyword" of RFC 5321 section 4.1.2, and "_", which stands in many a field.
_keyword = re.compile(rb"[A-Za-z0-9_-]{1,64}\Z").match


def _lower(word: bytes) -> bytes:
    """
    A keyword in lower case, in which all are known.

    @raise UsageError: it is none.
    """
    if _keyword(word) is None:
        raise UsageError(f"no keyword of RFC 8601: {word!r}")
    return word.lower()


@frozen
class Property:
    """
    Something that a check looked at: C{ptype.property=value}.

    @ivar ptype: what it is a part of: C{smtp}, C{header}, C{body}, C{policy}, or
        another; in lower case.
    @ivar name: which part, in lower case: C{mailfrom}, C{from}, C{d}...
    @ivar value: its value, as it is: nothing in it is quoted, and anything may be.
    @ivar comments: what stands in brackets behind it.
    """

    ptype: bytes = field(converter=_lower)
    name: bytes = field(converter=_lower)
    value: bytes
    comments: tuple[bytes, ...] = ()


@frozen
class Result:
    """
    What one check has found out: C{method=result}.

    @ivar method: the check, in lower case: C{spf}, C{dkim}, C{dmarc}, C{arc}, C{auth},
        C{iprev}...
    @ivar result: the word of section 2.7, in lower case: C{pass}, C{fail},
        C{temperror}...
    @ivar properties: what was looked at.
    @ivar reason: why, for programs (C{reason=}); L{None}: it is not said.
    @ivar comments: what stands in brackets behind the result, for people.
    @ivar version: of the method.
    """

    method: bytes = field(converter=_lower)
    result: bytes = field(converter=_lower)
    properties: tuple[Property, ...] = ()
    reason: bytes | None = None
    comments: tuple[bytes, ...] = ()
    version: int = VERSION

    def get(self, ptype: bytes, name: bytes) -> bytes | None:
        """The value of the first property of this name; L{None}: there is none."""
        for each in self.properties:
            if (each.ptype, each.name) == (ptype, name):
                return each.value
        return None


@frozen
class AuthenticationResults:
    """
    A field.

    @ivar authservId: who made the checks, mostly a domain.
    @ivar results: what they have found out; empty: C{none}, nothing was checked.
    @ivar version: of the field.  Others than L{VERSION} cannot be read; they are never
        made by L{smtpx.mailauth.resultsreading}.
    @ivar comments: what stands in brackets behind C{authservId}.
    """

    authservId: bytes
    results: tuple[Result, ...] = ()
    version: int = VERSION
    comments: tuple[bytes, ...] = ()

    def by(self, method: bytes) -> Iterator[Result]:
        """The results of one method, in the version that is known here, in order."""
        for each in self.results:
            if each.method == method and each.version == VERSION:
                yield each


__all__ = ["FIELD", "VERSION", "AuthenticationResults", "Property", "Result"]
