"""
Addresses that the sender of a message is not to know of: those that aliases lead to.

Hosts say them in their replies, and not only the address that a reply is about: one to
the end of a message may be about anybody.  So each address of them that stands in what
a host said is replaced by the one that the client gave.  Behind an alias, what is told
of by its local part alone is as well: delivery agents call users by that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import field, frozen

from ..core.address import localPartOf
from ..core.envelope import Envelope, Recipient
from ..core.queueprofile import ORIGIN

#: What an address could be, and more; one step an octet, whatever a host says.
_WORD = re.compile(rb"[^\s<>()\[\]\\,;:\"]+")
#: What may stand around it there.
_AROUND = b"'`.!?*"

#: A shorter local part may be any word.
_LEAST_OCTETS = 2


def givenOf(recipient: Recipient) -> bytes:
    """The address that the client gave."""
    return recipient.stamp(ORIGIN) or recipient.path


@frozen
class Veil:
    """
    Hides the addresses that the aliases of one message lead to.

    @ivar addresses: what is told instead of each, in small letters.
    """

    addresses: Mapping[bytes, bytes] = field(factory=dict)

    @classmethod
    def over(cls, envelope: Envelope) -> Veil:
        """That of a message."""
        found: dict[bytes, bytes] = {}
        known = {givenOf(each).lower() for each in envelope.recipients}
        for each in envelope.recipients:
            hidden = each.path.lower()
            # Whom the client has named himself, he may read of.
            if hidden not in known:
                found[hidden] = givenOf(each)
        return cls(found)

    def of(self, recipient: Recipient) -> Look:
        """What is shown in a reply about a recipient."""
        return Look(self.addresses, _own(recipient, self.addresses))


def _own(
    recipient: Recipient, addresses: Mapping[bytes, bytes]
) -> tuple[tuple[re.Pattern[bytes], bytes], ...]:
    """What is hidden of a recipient in particular, with what is told instead."""
    path, given = recipient.path, givenOf(recipient)
    if path.lower() not in addresses:
        return ()
    found = [(re.compile(re.escape(path), re.IGNORECASE), given)]
    local, told = localPartOf(path), localPartOf(given)
    if len(local) >= _LEAST_OCTETS and local.lower() != told.lower():
        alone = rb"(?<![\w@])%b(?![\w@])" % re.escape(local)
        found.append((re.compile(alone, re.IGNORECASE), told))
    return tuple(found)


@frozen
class Look:
    """
    What is shown of what a host said.

    @ivar addresses: as in L{Veil}.
    @ivar own: patterns, and what is told instead.
    """

    addresses: Mapping[bytes, bytes] = field(factory=dict)
    own: tuple[tuple[re.Pattern[bytes], bytes], ...] = ()

    def at(self, octets: bytes) -> bytes:
        """The same, without those addresses."""
        if not self.addresses:
            return octets
        for pattern, told in self.own:
            octets = pattern.sub(told.replace(b"\\", rb"\\"), octets)
        return _WORD.sub(self._word, octets)

    def _word(self, found: re.Match[bytes]) -> bytes:
        word = found[0]
        if b"@" not in word:
            return word
        address = word.strip(_AROUND)
        told = self.addresses.get(address.lower())
        return word if told is None else word.replace(address, told)


__all__ = ["Look", "Veil", "givenOf"]
