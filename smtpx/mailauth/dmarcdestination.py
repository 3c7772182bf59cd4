"""
May reports on a domain go where its DMARC record wants them (RFC 9990 section 4, RFC
9991 section 5)?

Within the organizational domain they may.  A mailbox elsewhere has to be content with
it, or anybody could have a stranger's filled: the domain of the mailbox says so under
C{_report._dmarc}, and may name another mailbox of its own instead.
"""

from __future__ import annotations

from ..core.domain import DOMAIN_OCTETS
from ..core.errors import Malformed
from .asking import Asking, lookUp
from .dmarcrecord import DMARCRecord, Place
from .dmarcwalk import IBoundaries

#: What stands between the two domains.
_BETWEEN = b"._report._dmarc."

#: How many records of others are looked at.
_RECORDS_MOST = 10


def destination(
    place: Place, domain: bytes, limits: IBoundaries, failure: bool = False
) -> Asking[tuple[Place, ...]]:
    """
    Where reports go instead of a place.

    @param domain: where the record was found.
    @param failure: those on single messages are meant (C{ruf}), not C{rua}.
    @return: the very place, or others of the same host; none: it must not be used.
    @raise smtpx.mailauth.asking.Unanswered: nobody could tell.
    """
    host = place.host
    if host == domain:
        return (place,)
    ours = yield from limits.organization(domain)
    if (yield from limits.organization(host)) == ours:
        return (place,)
    name = domain + _BETWEEN + host
    if len(name) >= DOMAIN_OCTETS:
        return ()
    found = yield from lookUp(name, "TXT")
    records: list[DMARCRecord] = []
    for text in found.records[:_RECORDS_MOST]:
        try:
            records.append(DMARCRecord.parse(text))
        except Malformed:
            continue
    if not records:
        return ()
    others = [
        other
        for record in records
        for other in (record.failure if failure else record.aggregate)
    ]
    if not others:
        return (place,)
    if any(other.host != host for other in others):
        # Reports must not go to either then.
        return ()
    return tuple(dict.fromkeys(others))


__all__ = ["destination"]
