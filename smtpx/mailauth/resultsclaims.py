"""
Which C{Authentication-Results} of an incoming message nobody here may trust, since they
pretend to be our own (RFC 8601 section 5).

Only the beginning of a field is read, as far as the name of who made the checks; so it
takes little time, however long the field is.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import frozen

from ..core.errors import Malformed
from .idn import asciiDomain
from .results import VERSION
from .resultsreading import MAX_OCTETS, Reading, readHead, unfolded


class Claim(Enum):
    """
    Why a field that came from outside is to be taken out.

    @cvar OURS: it claims that we made the checks.
    @cvar VERSION: it is of a version that is not known here, and what it says may mean
        something to somebody behind us.
    @cvar UNREADABLE: whose it is cannot be made out, and somebody behind us may take it
        for ours.  RFC 8601 does not demand that such fields be taken out; it allows it.
    """

    OURS = "ours"
    VERSION = "version"
    UNREADABLE = "unreadable"


@frozen
class OurNames:
    """
    The names under which results are ours.

    @ivar names: in the form in which they are compared: lower case, with A-labels.
    """

    names: frozenset[bytes]

    @classmethod
    def of(cls, names: Iterable[bytes]) -> OurNames:
        """
        @param names: authserv-ids, in UTF-8: the one that we write, and the ones that
            we wrote in former times or that others inside do.
        """
        return cls(frozenset(map(_compared, names)))

    def has(self, authservId: bytes) -> bool:
        """Is that one of them?"""
        return _compared(authservId) in self.names

    def claimed(self, value: bytes) -> Claim | None:
        """
        Is a field that came from outside to be taken out?

        @param value: what stands behind the colon, folded as it is, of any length.
        @return: why; L{None}: it is somebody else's, and stays.
        """
        try:
            reading = Reading(unfolded(value[:MAX_OCTETS]))
            name, version = readHead(reading)
        except Malformed:
            return Claim.UNREADABLE
        if reading.ended() and len(value) > MAX_OCTETS:
            # What was cut off may belong to the name.
            return Claim.UNREADABLE
        if self.has(name):
            return Claim.OURS
        return None if version == VERSION else Claim.VERSION


def _compared(name: bytes) -> bytes:
    """A name in the form in which it is compared (RFC 8601 section 5)."""
    try:
        return asciiDomain(name)
    except Malformed:
        # It need not be a domain (section 2.5).
        return name.lower()


__all__ = ["Claim", "OurNames"]
