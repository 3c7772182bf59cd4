"""
Does the name of a host lead back to its address?  (C{iprev}, RFC 8601 section 3.)
"""

from __future__ import annotations

from ipaddress import ip_address

from attrs import frozen

from .asking import Asking, Found, Lookup, Unanswered, Unknown, lookUp, lookUpAll
from .results import Property, Result

#: How many of an address's names are looked at (RFC 8601 section 3 wants a limit).
NAMES_MOST = 10


@frozen
class HostName:
    """
    What was found out of a host's name.

    @ivar result: C{pass}: it leads back; C{fail}: none does; C{permerror}: there is no
        name; C{temperror}: nobody could tell (RFC 8601 section 2.7.3).
    @ivar name: that leads back; empty: none does.
    """

    result: bytes
    name: bytes = b""

    def told(self, address: bytes) -> Result:
        """
        As C{Authentication-Results} has it.

        @param address: the host's.
        """
        comments = (self.name,) if self.name else ()
        where = Property(b"policy", b"iprev", address)
        return Result(b"iprev", self.result, (where,), comments=comments)


def check(address: bytes) -> Asking[HostName]:
    """
    Look for the name of a host.

    @param address: its IP address.
    @raise ValueError: it is none.
    """
    host = ip_address(address.decode("ascii"))
    host = getattr(host, "ipv4_mapped", None) or host
    kind = "A" if host.version == 4 else "AAAA"
    try:
        names = yield from lookUp(host.reverse_pointer.encode("ascii"), "PTR")
    except Unanswered:
        return HostName(b"temperror")
    asked = [Lookup(name.lower(), kind) for name in names.records[:NAMES_MOST]]
    if not asked:
        return HostName(b"permerror")
    wanted = str(host).encode("ascii")
    known = yield from lookUpAll(asked)
    for lookup, each in zip(asked, known, strict=True):
        if isinstance(each, Found) and wanted in each.records:
            return HostName(b"pass", lookup.name)
    unsure = any(isinstance(each, Unknown) for each in known)
    return HostName(b"temperror" if unsure else b"fail")


__all__ = ["NAMES_MOST", "HostName", "check"]
