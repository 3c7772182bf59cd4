"""
The words of CHECKPOINT (RFC 1845 section 2): the keyword, and the name that a client
gives to a transaction.

It is part of L{smtpx.extensions.checkpoint}, and both of its sides read it.
"""

from __future__ import annotations

import re

from ..core.errors import Malformed
from ..core.grammar import KEYWORD, Grammar
from ..core.hooks import Capability

CAPABILITY = Capability[bool](b"CHECKPOINT", KEYWORD)

#: The longest name, with its angle brackets, in octets.
TRANSID_OCTETS = 80

# RFC 1521 section 4: tspecials are ()<>@,;:\"/[]?= and "." is left out as well.
_TOKEN = rb"[!#$%&'*+\-0-9A-Z^_`a-z{|}~]+(?:\.[!#$%&'*+\-0-9A-Z^_`a-z{|}~]+)*"
_TRANSID = re.compile(rb"<(" + _TOKEN + rb"@" + _TOKEN + rb")>").fullmatch


def _parse(value: bytes | None) -> bytes:
    """
    Read a name::

        transid-value  ::= "<" transid-spec ">"
        transid-spec   ::= transid-local "@" transid-domain
        transid-domain ::= transid-token
        transid-local  ::= transid-token
        transid-token  ::= transid-atom *("." transid-atom)
        transid-atom   ::= 1*<any (ASCII) CHAR except SPACE,
                              CTLs, tspecials, or ".">

    @return: the C{transid-spec}, opaque and case-sensitive (section 3).
    @raise Malformed: not in the grammar, or longer than L{TRANSID_OCTETS}.
    """
    match = None if value is None or len(value) > TRANSID_OCTETS else _TRANSID(value)
    if match is None:
        raise Malformed("wants <name@domain> of at most 80 characters")
    return match[1]


#: C{transid-value}; the value is what stands between the angle brackets.
TRANSID = Grammar[bytes](_parse, lambda name: b"<%b>" % name)


__all__ = ["CAPABILITY", "TRANSID", "TRANSID_OCTETS"]
