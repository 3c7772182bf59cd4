"""
Names that are known without the DNS: those in the system's file of hosts
(C{hosts(5)}), and C{localhost} (RFC 6761 section 6.3).
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ..core.errors import Malformed
from .idn import asciiDomain
from .interfaces import Answer, IResolver
from .records import reverseName
from .watched import LOOK_SECONDS, WatchedFile

_LOOPBACK = {"A": b"127.0.0.1", "AAAA": b"::1"}


@implementer(IResolver)
class HostsFile:
    """
    A resolver that looks into a file before it asks another.

    A name that the file has, has the addresses there and no others.  Only addresses,
    and names of addresses, are looked up in it: mail for a domain that is named there
    goes where the DNS says.
    """

    def __init__(
        self,
        inner: IResolver,
        seconds: Callable[[], float],
        file: WatchedFile | None,
    ) -> None:
        """
        @param inner: is asked about all else.
        @param seconds: the clock of C{inner}.
        @param file: L{None}: there is no file, only C{localhost}.
        """
        self._inner = inner
        self._seconds = seconds
        self._file = file
        self._known: dict[tuple[bytes, str], tuple[bytes, ...]] = {}

    def lookUp(self, name: bytes, kind: str) -> Deferred[Answer]:
        """See L{IResolver}."""
        text = None if self._file is None else self._file.changed()
        if text is not None:
            self._known = readHosts(text)
        plain = name.lower().removesuffix(b".")
        records = self._known.get((plain, kind))
        if records is None and _isLocal(plain):
            records = (_LOOPBACK[kind],) if kind in _LOOPBACK else ()
        if records is None:
            return self._inner.lookUp(name, kind)
        expires = self._seconds() + LOOK_SECONDS
        return succeed(Answer(records, expires=expires, name=plain))


def _isLocal(name: bytes) -> bool:
    return name == b"localhost" or name.endswith(b".localhost")


def readHosts(text: str) -> dict[tuple[bytes, str], tuple[bytes, ...]]:
    """
    Read C{hosts(5)}: an address and its names in a line.

    @return: records by name and kind; of kind PTR the first name of an address.  Lines
        that cannot be understood are passed over.
    """
    found: dict[tuple[bytes, str], list[bytes]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        try:
            address = ip_address(words[0]) if words else None
            names = [asciiDomain(word.encode("utf-8")) for word in words[1:]]
        except (ValueError, Malformed):
            continue
        if address is None or not names:
            continue
        octets = str(address).encode("ascii")
        for name in names:
            families = {
                kind: found.setdefault((name, kind), []) for kind in ("A", "AAAA")
            }
            families["A" if address.version == 4 else "AAAA"].append(octets)
        if b"%" not in octets:
            found.setdefault((reverseName(octets), "PTR"), names[:1])
    return {question: tuple(dict.fromkeys(each)) for question, each in found.items()}


__all__ = ["HostsFile", "readHosts"]
