"""
The three fields of an ARC set (RFC 8617 section 4.1), read::

    arc-authres-header    = "ARC-Authentication-Results:" [CFWS] arc-info
    arc-info              = instance [CFWS] ";" authres-payload
    arc-message-signature = "ARC-Message-Signature:" [CFWS] arc-ams-info
    arc-ams-info          = instance [CFWS] ";" tag-list
    arc-seal              = "ARC-Seal:" [CFWS] arc-as-info
    arc-as-info           = instance [CFWS] ";" tag-list
    instance              = [CFWS] "i" [CFWS] "=" [CFWS] 1*2DIGIT [CFWS]

In the two that are lists of tags C{i=} may stand anywhere: everybody writes it where
he likes, and the test suite of ARC too.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import Factory, define, frozen

from ..core.errors import Malformed
from ..core.submitted import Field
from .dkimsignature import (
    Algorithm,
    KeyName,
    Signature,
    readAlgorithm,
    readKeyName,
    readSignature,
    readTime,
    tagsOf,
)
from .results import AuthenticationResults
from .resultsreading import MAX_OCTETS, Reading, readResults, unfolded
from .tagging import TagList, readBase64, readNumber

#: The names of the fields, in lower case, in the order in which a seal signs them
#: (RFC 8617 section 5.1.1).
RESULTS = b"arc-authentication-results"
MESSAGE_SIGNATURE = b"arc-message-signature"
SEAL = b"arc-seal"
FIELDS = (RESULTS, MESSAGE_SIGNATURE, SEAL)

#: Their names as people write them.
SHOWN = {
    RESULTS: "ARC-Authentication-Results",
    MESSAGE_SIGNATURE: "ARC-Message-Signature",
    SEAL: "ARC-Seal",
}

#: How many sets a message may have (RFC 8617 section 4.2.1).
MAX_SETS = 50

#: What an ARC-Seal can say of the chain before it (RFC 8617 section 4.4).
_STATES = frozenset({b"none", b"pass", b"fail"})


@frozen
class Seal:
    """
    An ARC-Seal.

    @ivar key: which key verifies it.
    @ivar value: C{b=}, decoded.
    @ivar state: what it says of the chain before it (C{cv=}).
    @ivar own: the field's value with that of C{b=} deleted, with its CRLF.
    """

    algorithm: Algorithm
    key: KeyName
    value: bytes
    state: bytes
    own: bytes


@define
class SetFields:
    """
    The fields of one set.

    @ivar fields: by name; of each name, those that there are.
    """

    fields: dict[bytes, list[Field]] = Factory(dict)

    def one(self, name: bytes) -> Field:
        """
        The field of a name.

        @raise Malformed: there is none, or more than one.
        """
        found = self.fields.get(name, [])
        if len(found) == 1:
            return found[0]
        trouble = "more than one" if found else "no"
        raise Malformed(f"{trouble} {SHOWN[name]}")

    def signed(self) -> list[Field]:
        """Its three fields, in the order in which a seal signs them."""
        return [self.one(name) for name in FIELDS]


def setsOf(fields: Sequence[Field]) -> dict[int, SetFields]:
    """
    The sets of a message, by instance, the oldest first.

    @raise Malformed: there are too many, or there is a field that belongs to none.
    """
    ours = [each for each in fields if each.name in FIELDS]
    if len(ours) > MAX_SETS * len(FIELDS):
        raise Malformed(f"more than {MAX_SETS} sets")
    found: dict[int, SetFields] = {}
    for each in ours:
        try:
            instance = instanceOf(each)
        except Malformed as error:
            raise Malformed(f"{SHOWN[each.name]}: {error}") from None
        kept = found.setdefault(instance, SetFields())
        kept.fields.setdefault(each.name, []).append(each)
    return dict(sorted(found.items()))


def highestInstance(fields: Sequence[Field]) -> int:
    """The highest instance of a message, whatever else its sets are; 0: none."""
    highest = 0
    for each in fields:
        if each.name in FIELDS:
            try:
                highest = max(highest, instanceOf(each))
            except Malformed:
                # A chain that is so broken gets a set behind what is left of it.
                continue
    return highest


def instanceOf(field: Field) -> int:
    """
    The set that a field belongs to.

    @raise Malformed: none.
    """
    if field.name == RESULTS:
        return _instance(_begun(field)[1])
    return _instance(tagsOf(field.octets).required(b"i"))


def readSetResults(field: Field) -> AuthenticationResults:
    """
    Read an ARC-Authentication-Results.

    @raise Malformed: it is not in the grammar.
    """
    return readResults(_begun(field)[0])


def _begun(field: Field) -> tuple[Reading, bytes]:
    """An ARC-Authentication-Results that is read as far as its instance."""
    if len(field.octets) > MAX_OCTETS:
        raise Malformed(f"longer than {MAX_OCTETS} octets")
    reading = Reading(unfolded(field.value))
    reading.space()
    if reading.keyword() != b"i":
        raise Malformed("no i= tag")
    reading.wanted(b"=")
    reading.space()
    instance = reading.keyword()
    reading.wanted(b";")
    return reading, instance


def _instance(value: bytes) -> int:
    """
    @raise Malformed: it is no number of a set.
    """
    # Three digits are read to be told from what is no number.
    found = readNumber(value, 3)
    if found > MAX_SETS:
        raise Malformed(f"more than {MAX_SETS} sets")
    if not found:
        raise Malformed("no number of a set")
    return found


def readMessageSignature(field: Field) -> Signature:
    """
    Read an ARC-Message-Signature.

    It must not sign ARC-Seal fields.  (RFC 8617 section 4.1.2 forbids sealers all ARC
    fields and Authentication-Results; those who do sign them, as the test suite of ARC
    does, only make their own signature break sooner.)

    @raise Malformed: it is not in the grammar.
    @raise Unusable: it is, and can never be verified.
    """
    found = readSignature(tagsOf(field.octets))
    if SEAL in found.names:
        raise Malformed("an ARC-Seal is signed")
    return found


def readSeal(field: Field) -> Seal:
    """
    Read an ARC-Seal.

    @raise Malformed: it is not in the grammar.
    @raise Unusable: it is, and can never be verified.
    """
    tags = tagsOf(field.octets)
    if tags.get(b"h") is not None:
        # RFC 8617 section 4.1.3.
        raise Malformed("it has an h= tag")
    key, value = readKeyName(tags), readBase64(tags.required(b"b"))
    state = _state(tags)
    readTime(tags, b"t")
    return Seal(readAlgorithm(tags), key, value, state, tags.emptied(b"b"))


def _state(tags: TagList) -> bytes:
    state = tags.required(b"cv")
    if state not in _STATES:
        raise Malformed("bad cv= tag")
    return state


__all__ = [
    "FIELDS",
    "MAX_SETS",
    "MESSAGE_SIGNATURE",
    "RESULTS",
    "SEAL",
    "SHOWN",
    "Seal",
    "SetFields",
    "highestInstance",
    "instanceOf",
    "readMessageSignature",
    "readSeal",
    "readSetResults",
    "setsOf",
]
