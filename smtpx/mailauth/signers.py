"""
Which keys sign the mail of which domains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from ..core.errors import Malformed
from ..core.submitted import Field, domainsOf
from .bodyhash import BodyHashes
from .dkimsign import SignTerms, sign
from .idn import asciiDomain
from .signingkey import SigningKey

#: How many authors' domains of one message are looked at.
_AUTHORS_MOST = 10


@frozen
class Signer:
    """
    A key, and what is signed with it.

    @ivar domains: mail from which domains is: names in ASCII and in lower case;
        C{*.example.org} is every domain below it.  Empty: that of the key.
    """

    terms: SignTerms
    key: SigningKey
    domains: tuple[bytes, ...] = ()

    def sign(self, fields: Sequence[Field], hashes: BodyHashes, now: float) -> bytes:
        """
        Sign a message.

        @param hashes: has C{terms.wanted}.
        @param now: in seconds since 1970.
        @return: the field, with its CRLF.
        """
        digest = hashes.digest(self.terms.wanted).value
        return sign(fields, digest, self.terms, self.key, now)


class Signers:
    """
    All keys that sign, by domain.
    """

    def __init__(self, signers: Iterable[Signer]) -> None:
        self._domains: dict[bytes, list[Signer]] = {}
        for signer in signers:
            for domain in signer.domains or (signer.terms.key.domain,):
                self._domains.setdefault(domain, []).append(signer)

    def forDomain(self, domain: bytes) -> Sequence[Signer]:
        """
        Those that sign the mail of a domain: where the domain itself is named those,
        else where C{*.} stands before the longest domain that it is below of.

        @param domain: in ASCII, in lower case.
        """
        found = self._domains.get(domain)
        rest = domain
        while found is None and rest:
            rest = rest.partition(b".")[2]
            found = self._domains.get(b"*." + rest)
        return found or ()

    def forHeader(self, fields: Iterable[Field]) -> Sequence[Signer]:
        """
        Those that sign a message: by the domains of its authors, each once.  Whoever
        is not in C{From} has no say: it is what the reader is shown (RFC 9989).
        """
        found: dict[Signer, None] = {}
        for domain in _authors(fields):
            found.update(dict.fromkeys(self.forDomain(domain)))
        return tuple(found)


def _authors(fields: Iterable[Field]) -> Sequence[bytes]:
    """The domains in From, each once."""
    found: dict[bytes, None] = {}
    for field in fields:
        if field.name != b"from":
            continue
        for domain in domainsOf(field.value):
            if domain is None or len(found) == _AUTHORS_MOST:
                continue
            try:
                found[asciiDomain(domain)] = None
            except Malformed:
                # Nobody's.
                continue
    return tuple(found)


__all__ = ["Signer", "Signers"]
