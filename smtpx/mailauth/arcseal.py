"""
Sealing: the three fields of an ARC set for a message that goes on (RFC 8617 section
5.1).

What is sealed is what we found out when the message came in: all
C{Authentication-Results} that are ours, put together.  Where there are none, or nobody
looked at the chain that the message has, there is nothing to seal; L{Unsealable} says
so, and the message goes on as it is.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Sequence

from attrs import frozen

from ..core.errors import Malformed, SMTPXError
from ..core.submitted import Field
from .arcfields import (
    FIELDS,
    MAX_SETS,
    SEAL,
    highestInstance,
    instanceOf,
    setsOf,
)
from .bodyhash import BodyHash
from .canonical import Form, selected
from .dkimsign import (
    OVERSIGNED_FIELDS,
    SIGNED_FIELDS,
    SignTerms,
    signedField,
    signedNames,
)
from .dkimsignature import SIGNATURE, KeyName, tagsOf
from .results import FIELD, AuthenticationResults
from .resultsclaims import OurNames
from .resultsreading import parseResults
from .resultswriting import renderField
from .signingkey import SigningKey


class Unsealable(SMTPXError):
    """
    A message that cannot be sealed.

    @ivar reason: why, for the operator.
    """

    def __init__(self, reason: str) -> None:
        SMTPXError.__init__(self, reason)
        self.reason = reason


class NothingToSeal(Unsealable):
    """Nothing was found out of a message."""


@frozen
class SealTerms:
    """
    How messages are sealed.

    @ivar authservId: the name under which what we found out is sealed.
    @ivar ours: the names of the C{Authentication-Results} that are taken in.
    @ivar key: where the key is published.
    @ivar signed: the fields of the message that are signed, in lower case; of C{from},
        one is in any case.
    @ivar oversigned: those of which nobody may add one more.
    @ivar lifeSeconds: how long the signature of the message is good; L{None}: without
        end, if C{until} does not say.
    @ivar until: when it ends, in seconds since 1970; L{None}: see C{lifeSeconds}.
    """

    authservId: bytes
    ours: OurNames
    key: KeyName
    signed: tuple[bytes, ...] = (*SIGNED_FIELDS, SIGNATURE)
    oversigned: tuple[bytes, ...] = OVERSIGNED_FIELDS
    lifeSeconds: int | None = None
    until: int | None = None

    @property
    def wanted(self) -> BodyHash:
        """What has to be hashed of the body."""
        return BodyHash(Form.RELAXED)


@frozen
class _Chain:
    """
    What is known of a message's chain.

    @ivar instance: of the set that is to be added.
    @ivar state: what is said of the ones before.
    @ivar before: their fields, as far as they are to be sealed, in their order.
    """

    instance: int
    state: bytes
    before: tuple[Field, ...] = ()


def seal(
    fields: Sequence[Field],
    digest: bytes,
    terms: SealTerms,
    key: SigningKey,
    now: float,
) -> bytes:
    """
    Seal a message, to which nothing is done any more.

    @param fields: its header, with all signatures that it is to have.
    @param digest: the hash of its body, L{SealTerms.wanted}.
    @param now: in seconds since 1970.
    @return: the fields to put before the header, with their CRLFs.
    @raise Unsealable: it cannot be sealed.
    """
    results, utf8 = _gathered(fields, terms)
    chain = _chainOf(fields, results)
    lead = b"i=%d;" % chain.instance
    own = renderField(b"ARC-Authentication-Results", lead, results, utf8)
    head = [
        (b"i", b"%d" % chain.instance),
        (b"a", key.algorithm.value),
        (b"d", terms.key.domain),
        (b"s", terms.key.selector),
        (b"t", b"%d" % now),
    ]
    tags = [*head, *_ending(terms, now), (b"c", b"relaxed/relaxed")]
    names = signedNames(fields, SignTerms(terms.key, terms.signed, terms.oversigned))
    tags.append((b"h", b":".join(names)))
    tags.append((b"bh", binascii.b2a_base64(digest, newline=False)))
    message = signedField(
        b"ARC-Message-Signature", tags, selected(fields, names), Form.RELAXED, key
    )
    sealed = [*chain.before, Field(b"", own), Field(b"", message)]
    head.append((b"cv", chain.state))
    last = signedField(b"ARC-Seal", head, sealed, Form.RELAXED, key)
    return last + message + own


def _ending(terms: SealTerms, now: float) -> Iterator[tuple[bytes, bytes]]:
    """How long the message's signature is good, as a tag."""
    if terms.until is not None:
        yield b"x", b"%d" % terms.until
    elif terms.lifeSeconds is not None:
        yield b"x", b"%d" % (int(now) + terms.lifeSeconds)


def _gathered(
    fields: Sequence[Field], terms: SealTerms
) -> tuple[AuthenticationResults, bool]:
    """
    All results of ours in one (RFC 8617 section 4.1.1), and whether there is UTF-8
    among them.

    @raise Unsealable: there are none.
    """
    found = None
    utf8 = False
    for each in fields:
        if each.name != FIELD.lower():
            continue
        try:
            results = parseResults(each.value)
        except Malformed:
            # Ours can be read.
            continue
        if terms.ours.has(results.authservId):
            utf8 = utf8 or not each.octets.isascii()
            found = (found or ()) + results.results
    if found is None:
        raise NothingToSeal("it has no Authentication-Results of ours")
    return AuthenticationResults(terms.authservId, found), utf8


def _chainOf(fields: Sequence[Field], results: AuthenticationResults) -> _Chain:
    """
    What is to be said of the chain that a message has (RFC 8617 section 5.1).

    @raise Unsealable: nothing.
    """
    ours = [each for each in fields if each.name in FIELDS]
    if not ours:
        return _Chain(1, b"none")
    highest = highestInstance(ours)
    if highest >= MAX_SETS:
        raise Unsealable(f"its chain has {highest} sets")
    if any(_endsChain(each, highest) for each in ours):
        raise Unsealable("its chain was sealed as failed")
    # What stands on top was found out last, of the chain that there is now.
    state = next((each.result for each in results.by(b"arc")), b"")
    if state == b"pass":
        try:
            sets = setsOf(ours)
            before = [field for each in sets.values() for field in each.signed()]
        except Malformed:
            # It was good when it came in, and was broken here.
            state = b"fail"
        else:
            return _Chain(highest + 1, state, tuple(before))
    if state != b"fail":
        said = state.decode("ascii") or "not looked at"
        raise Unsealable(f"it has a chain, and that was found to be: {said}")
    return _Chain(highest + 1, state)


def _endsChain(field: Field, instance: int) -> bool:
    """Is that the seal of a set, and says that the chain had failed?"""
    if field.name != SEAL:
        return False
    try:
        failed = tagsOf(field.octets).get(b"cv") == b"fail"
        return failed and instanceOf(field) == instance
    except Malformed:
        return False


__all__ = ["NothingToSeal", "SealTerms", "Unsealable", "seal"]
