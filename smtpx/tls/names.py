"""
Is a certificate for a host?  (RFC 9525, by C{service_identity}.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from cryptography.x509 import (
    Certificate,
    DNSName,
    ExtensionNotFound,
    SubjectAlternativeName,
)
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)

from .certificates import UNREADABLE

#: How many names of a certificate are told at most, and which are.
_NAMES = 3
_plain = re.compile(r"[A-Za-z0-9.*_-]{1,255}").fullmatch


def mismatch(
    certificate: Certificate | None, names: Iterable[Iterable[bytes]]
) -> str | None:
    """
    What is wrong with a certificate for a server.

    @param certificate: L{None}: one that cannot be read.
    @param names: it has to be for one name out of each of these.
    @return: L{None}: nothing, it is for them.
    """
    if certificate is None:
        return "the certificate cannot be read"
    for some in names:
        some = sorted(some)
        try:
            if any(_isFor(certificate, each) for each in some):
                continue
        except (CertificateError, *UNREADABLE):
            return "the certificate has no name that can be read"
        told = " or ".join(
            each.removesuffix(b".").decode("ascii", "replace") for each in some
        )
        return f"the certificate is not for {told}{_otherwise(certificate)}"
    return None


def _isFor(certificate: Certificate, name: bytes) -> bool:
    if not name.isascii():
        return False
    host = name.removesuffix(b".").decode("ascii")
    try:
        if isAddress(name):
            verify_certificate_ip_address(certificate, host)
        else:
            verify_certificate_hostname(certificate, host)
    except VerificationError:
        return False
    return True


def _otherwise(certificate: Certificate) -> str:
    """
    For whom a certificate is, as far as that is of use to who looks for a mistake.
    What stands there is the server's word, so there is an end to it, and it is
    plain.
    """
    try:
        names = certificate.extensions.get_extension_for_class(
            SubjectAlternativeName
        ).value.get_values_for_type(DNSName)
    except UNREADABLE:
        return ""
    except ExtensionNotFound:
        return ", nor for any host"
    told = [each for each in names if _plain(each)][:_NAMES]
    if not told:
        return ""
    more = len(names) - len(told)
    rest = f" and {more} more" if more else ""
    return f", but for {', '.join(told)}{rest}"


def isAddress(name: bytes) -> bool:
    """Is it an IP address?  Those are never sent as SNI (RFC 6066 section 3)."""
    try:
        ip_address(name.decode("ascii"))
    except ValueError:
        return False
    return True


__all__ = ["isAddress", "mismatch"]
