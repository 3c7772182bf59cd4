"""
Domains beyond ASCII as the DNS has them (IDNA 2008: RFC 5890 and RFC 5891), which
is what an SMTP client has to ask for (RFC 6531 section 3.2).
"""

from __future__ import annotations

import idna

from ..core.domain import DOMAIN_OCTETS, checkDomain
from ..core.errors import Malformed


def asciiDomain(domain: bytes) -> bytes:
    """
    A domain with A-labels for its U-labels, in lower case, without a dot at the end.

    Upper case and the like is mapped first, as UTS 46 has it (not transitional);
    labels in ASCII stay as they are, whatever is in them.

    @param domain: in UTF-8; no address literal.
    @raise Malformed: it has no such form.
    """
    domain = domain.removesuffix(b".")
    if domain.isascii():
        return domain.lower()
    if len(domain) > DOMAIN_OCTETS:
        raise Malformed(f"domain longer than {DOMAIN_OCTETS} octets")
    try:
        text = idna.uts46_remap(domain.decode("utf-8"), std3_rules=False)
        labels = [_asciiLabel(label) for label in text.split(".")]
    except UnicodeError as error:
        # idna's own errors are of this kind, too.
        raise Malformed(f"bad domain: {error}") from None
    found = b".".join(labels)
    checkDomain(found.replace(b"_", b"x"))
    return found


def _asciiLabel(label: str) -> bytes:
    if label.isascii():
        return label.lower().encode("ascii")
    return idna.alabel(label)


__all__ = ["asciiDomain"]
