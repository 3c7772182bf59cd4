"""
Domains and address literals, which stand behind the C{@} and in EHLO (RFC 5321
sections 4.1.2 and 4.1.3; U-labels by RFC 6531 section 3.3)::

    Domain       = sub-domain *("." sub-domain)
    sub-domain   = Let-dig [Ldh-str] / U-label
    address-literal = "[" ( IPv4-address-literal / "IPv6:" IPv6-addr /
                            Ldh-str ":" 1*dcontent ) "]"
    dcontent     = %d33-90 / %d94-126

The regular expressions are possessive: each costs time in proportion to its
input.
"""

from __future__ import annotations

import re
import unicodedata

from .errors import Malformed

#: RFC 5321 section 4.5.3.1.2, in octets.
DOMAIN_OCTETS = 255
#: RFC 1035 section 2.3.4, in octets; of a U-label, in its ASCII form.
LABEL_OCTETS = 63
#: The pattern of a label in ASCII.
LABEL = rb"[A-Za-z0-9]++(?>(?:-++[A-Za-z0-9]++)*)"

_control = re.compile(rb"[\x00-\x1f\x7f]").search
_label = re.compile(LABEL + rb"\Z").match
_snum = re.compile(rb"[0-9]{1,3}+\Z").match
_hexGroup = re.compile(rb"[0-9A-Fa-f]{1,4}+\Z").match
_generalLiteral = re.compile(rb"[A-Za-z0-9-]*+(?<=[A-Za-z0-9]):[!-Z^-~]++\Z").match

# The categories of IDNA's "protocol valid" code points (RFC 5892 section 2), in
# upper case too, and the ones it allows by name (sections 2.6 and 2.7; the
# joiners of its appendix A).
_LABEL_CATEGORIES = frozenset(("Ll", "Lu", "Lo", "Lm", "Mn", "Mc", "Nd"))
_LABEL_EXCEPTIONS = frozenset(
    "-\u00b7\u0375\u05f3\u05f4\u06fd\u06fe\u0f0b\u200c\u200d\u3007\u30fb"
)


def checkDomain(domain: bytes) -> None:
    """
    Look at a domain or an address literal.

    @raise Malformed: it is too long, or not in the grammar.
    """
    if len(domain) > DOMAIN_OCTETS:
        raise Malformed(f"domain longer than {DOMAIN_OCTETS} octets")
    if domain[:1] == b"[":
        if domain[-1:] != b"]" or not _isLiteral(domain[1:-1]):
            raise Malformed("bad address literal")
        return
    for label in domain.split(b"."):
        if label.isascii():
            if len(label) > LABEL_OCTETS:
                raise Malformed(f"label of a domain longer than {LABEL_OCTETS} octets")
            if _label(label) is None:
                raise Malformed("bad domain")
        else:
            _checkULabel(label)


def checkText(text: bytes, utf8: bool) -> None:
    """
    Look at what no part of an address may have.

    @raise Malformed: a control character, an octet that is not ASCII where only
        that may be, or UTF-8 that is none.
    """
    if _control(text) is not None:
        raise Malformed("control character in the argument")
    if text.isascii():
        return
    if not utf8:
        raise Malformed("character that is not ASCII in the argument")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("bad UTF-8 in the argument") from None


def lowerDomain(domain: bytes) -> bytes:
    """A domain in lower case, beyond ASCII too."""
    if domain.isascii():
        return domain.lower()
    return (
        domain.decode("utf-8", "surrogateescape")
        .lower()
        .encode("utf-8", "surrogateescape")
    )


def _checkULabel(label: bytes) -> None:
    """
    Look at a label beyond ASCII.  It must be in Unicode's form NFC (RFC 5891
    section 4.1), have only letters, marks, digits and hyphens in it (RFC 5892),
    and its ASCII form must fit into the DNS.  Rules that depend on the script
    (RFC 5893, RFC 5892 appendix A) are left to the registries.

    @raise Malformed: it is no label.
    """
    try:
        text = label.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("bad UTF-8 in the argument") from None
    if (
        not unicodedata.is_normalized("NFC", text)
        or text[0] == "-"
        or text[-1] == "-"
        or any(
            unicodedata.category(c) not in _LABEL_CATEGORIES
            and c not in _LABEL_EXCEPTIONS
            for c in text
        )
    ):
        raise Malformed("bad domain")
    if len("xn--") + len(text.encode("punycode")) > LABEL_OCTETS:
        raise Malformed(f"label of a domain longer than {LABEL_OCTETS} octets")


def _isLiteral(inside: bytes) -> bool:
    """Is it an address literal (RFC 5321 section 4.1.3), brackets taken off?"""
    tag, colon, text = inside.partition(b":")
    if not colon:
        return _isIPv4(inside)
    if tag.lower() == b"ipv6":
        return _isIPv6(text)
    return _generalLiteral(inside) is not None


def _isIPv4(text: bytes) -> bool:
    """Is it C{Snum 3("." Snum)}?  Leading zeros are in that grammar."""
    numbers = text.split(b".")
    return len(numbers) == 4 and all(_snum(n) and int(n) < 256 for n in numbers)


def _isIPv6(text: bytes) -> bool:
    """
    Is it C{IPv6-addr}?  Stricter than RFC 4291 in one thing: C{::} stands for
    at least two groups.
    """
    start, colon, last = text.rpartition(b":")
    if b"." in last:
        if not colon or not _isIPv4(last):
            return False
        text = start + b":0:0"
    head, gap, tail = text.partition(b"::")
    groups = [*(head.split(b":") if head else ()), *(tail.split(b":") if tail else ())]
    fits = len(groups) <= 6 if gap else len(groups) == 8
    return fits and all(_hexGroup(group) for group in groups)


__all__ = [
    "DOMAIN_OCTETS",
    "LABEL",
    "LABEL_OCTETS",
    "checkDomain",
    "checkText",
    "lowerDomain",
]
