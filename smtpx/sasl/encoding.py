"""
How octets and names are written: base64 (RFC 4648 section 4), read strictly, and
the C{saslname} of GS2 (RFC 5801 section 4).

RFC 4954 section 4 has servers and clients refuse what others skip over:
foreign characters, line breaks, and padding that is missing, too much, or
anywhere but at the end.  Bits that stand for nothing have to be zero (RFC 4648
section 3.5), so that there is one way to write each string.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from ..core.errors import Malformed

_base64 = re.compile(
    rb"(?>(?:[A-Za-z0-9+/]{4})*)"
    rb"(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?\Z"
).match

#: C{saslname}, for regular expressions: no NUL, and neither comma nor equal sign but
#: as C{=2C} and C{=3D}.
SASLNAME = rb"(?>(?:[^=,\x00]|=2C|=3D)+)"

#: Octets to base64.
encodeBase64 = b64encode


def decodeBase64(octets: bytes) -> bytes:
    """
    Base64 to octets::

        base64 = *4base64-char [2base64-char "==" / 3base64-char "="]

    @raise Malformed: anything else.
    """
    if not _base64(octets):
        raise Malformed("bad base64")
    return b64decode(octets)


def fromSaslname(name: bytes) -> bytes:
    """
    The name that a C{saslname} stands for.

    @param name: one that L{SASLNAME} has matched.
    """
    return name.replace(b"=2C", b",").replace(b"=3D", b"=")


def toSaslname(name: bytes) -> bytes:
    """The inverse of L{fromSaslname}."""
    return name.replace(b"=", b"=3D").replace(b",", b"=2C")
