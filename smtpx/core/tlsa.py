"""
TLSA records as values (RFC 6698 section 2), and what they ask of a certificate.

Whether a certificate is as they ask is found out in the TLS room
(L{smtpx.tls.dane}); what is here is plain enough to be part of keys.
"""

from __future__ import annotations

from attrs import field, frozen


@frozen(order=True)
class TLSA:
    """
    What certificate a service has (RFC 6698 section 2.1).

    @ivar association: the certificate association data.
    """

    usage: int
    selector: int
    matching: int
    association: bytes

    def __str__(self) -> str:
        """As in a zone file, cut where it gets long: C{3 1 1 8cb0fc6c527506a0...}."""
        digits = self.association.hex()
        shown = digits if len(digits) <= _DIGITS else digits[:_DIGITS] + "..."
        return f"{self.usage} {self.selector} {self.matching} {shown}"


#: How many digits of an association are shown.
_DIGITS = 16


def _ordered(records: tuple[TLSA, ...]) -> tuple[TLSA, ...]:
    return tuple(sorted(set(records)))


@frozen
class DANE:
    """
    What the TLSA records of a host ask of its certificate (RFC 7672 section 3).

    @ivar base: the name under which they stand, behind the port (the TLSA base
        domain): it is sent as SNI (RFC 7672 section 8.1).
    @ivar records: those that can be used, at least one.  The certificate has to match
        one of them.
    @ivar names: where a record names an authority (usage 2), the certificate has to be
        for one name out of each of these sets (RFC 7672 section 3.2.2): there is one
        set for each domain that the mail is for.
    """

    base: bytes
    records: tuple[TLSA, ...] = field(converter=_ordered)
    names: frozenset[frozenset[bytes]] = frozenset()


__all__ = ["DANE", "TLSA"]
