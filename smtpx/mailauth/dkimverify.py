"""
Verifying DKIM signatures while a message streams in (RFC 6376 section 6).

As soon as the header is whole, what is to be hashed of the body is known, and the keys
can be asked for::

    examination = Examination(fields, now)
    hashes = BodyHashes(examination.wanted)
    ... = yield from examination.ask()      # while the body comes in
    verified = examination.conclude(hashes)

A signature is checked against the header as soon as its key is there; what is left to
be done at the end of the body is to compare its hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from hmac import compare_digest

from attrs import define, frozen

from ..core.errors import Malformed
from ..core.submitted import Field, fieldsOf
from .asking import Asking
from .bodyhash import BodyHash, BodyHashes
from .canonical import selected, signedOctets
from .dkimkey import KeyRecord, askForKeys
from .dkimsignature import (
    SIGNATURE,
    KeyName,
    Signature,
    readDKIMSignature,
    readKeyName,
    tagsOf,
)
from .dkimvalues import DKIMResult, Unusable, Verified
from .tagging import readBase64


@frozen
class VerifyTerms:
    """
    What is asked of signatures.

    @ivar signatures: how many are looked at, from the top of the header on.
    @ivar partial: is a signature taken that leaves the end of the body unsigned
        (RFC 6376 section 8.2)?
    @ivar skewSeconds: how far another's clock may be off from ours.
    """

    signatures: int = 10
    partial: bool = False
    skewSeconds: int = 300


@define(eq=False)
class _Candidate:
    """
    A signature that is being looked at.

    @ivar field: where it stands.
    @ivar signature: L{None}: it cannot be read.
    @ivar flaw: why it is no good; L{None}: nothing is known against it.
    @ivar record: its key's; L{None}: there is none, or it is not known yet.
    @ivar asked: was it seen whether it fits the header?
    """

    field: Field
    signature: Signature | None = None
    flaw: Unusable | None = None
    record: KeyRecord | None = None
    asked: bool = False


class Examination:
    """
    All signatures of one message.

    @ivar wanted: the hashes of the body that are needed for it.
    @ivar left: how many signatures are not looked at, for there are too many.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        now: float,
        terms: VerifyTerms = VerifyTerms(),
        whole: bool = True,
    ) -> None:
        """
        @param fields: the header.
        @param now: in seconds since 1970.
        @param whole: is that all of the header?  If not, there are lines in it that
            are no fields, behind which some begin the body and some do not; so nobody
            knows what was signed.
        """
        self._fields = fields
        self._terms = terms
        self._candidates: list[_Candidate] = []
        marks = [each for each in fields if each.name == SIGNATURE]
        self.left = max(0, len(marks) - terms.signatures)
        trouble = _troubleOf(fields, whole) if marks else None
        for mark in marks[: terms.signatures]:
            candidate = _Candidate(mark)
            self._candidates.append(candidate)
            try:
                self._read(candidate, now)
            except Malformed as error:
                candidate.flaw = Unusable(DKIMResult.NEUTRAL, str(error))
            except Unusable as error:
                candidate.flaw = error
            candidate.flaw = candidate.flaw or trouble
        self.wanted: tuple[BodyHash, ...] = tuple(
            dict.fromkeys(each.wanted for each in self._signatures())
        )

    def ask(self) -> Asking[None]:
        """Get the keys, and see whether the header is what was signed."""
        keys = yield from askForKeys(each.key for each in self._signatures())
        for candidate in self._candidates:
            signature = candidate.signature
            if signature is None or candidate.flaw is not None:
                continue
            candidate.asked = True
            try:
                self._verify(candidate, signature, keys[signature.key])
            except Unusable as error:
                candidate.flaw = error

    def conclude(self, hashes: BodyHashes) -> tuple[Verified, ...]:
        """
        What came of it.

        @param hashes: those that were wanted; their body has ended.
        @return: one for each signature, in their order; one, where there is none.
        """
        found = tuple(self._conclude(each, hashes) for each in self._candidates)
        return found or (Verified(DKIMResult.NONE),)

    # --- the steps --------------------------------------------------------------

    def _signatures(self) -> Iterable[Signature]:
        """Those against which nothing is known."""
        for each in self._candidates:
            if each.signature is not None and each.flaw is None:
                yield each.signature

    def _read(self, candidate: _Candidate, now: float) -> None:
        """Read a signature (RFC 6376 section 6.1.1)."""
        signature = readDKIMSignature(tagsOf(candidate.field.octets))
        candidate.signature = signature
        skew = self._terms.skewSeconds
        if signature.until is not None and signature.until + skew < now:
            raise Unusable(DKIMResult.POLICY, "the signature has expired")
        if signature.signed is not None and signature.signed - skew > now:
            raise Unusable(DKIMResult.POLICY, "the signature is from the future")

    def _verify(
        self, candidate: _Candidate, signature: Signature, record: KeyRecord | Unusable
    ) -> None:
        """Verify a signature, but for the body (RFC 6376 sections 6.1.2 and 6.1.3)."""
        if isinstance(record, Unusable):
            raise record
        candidate.record = record
        key = record.keyFor(signature.algorithm)
        domain = signature.identity.rpartition(b"@")[2].lower()
        if record.strict and domain != signature.key.domain:
            raise Unusable(DKIMResult.PERMERROR, "the key is not for subdomains")
        own = candidate.field
        others = [each for each in self._fields if each is not own]
        name = own.octets.partition(b":")[0]
        octets = signedOctets(
            selected(others, signature.names),
            name + b":" + signature.own,
            signature.headerForm,
        )
        if not key.verifies(signature.value, octets):
            raise Unusable(DKIMResult.FAIL, "the signature does not fit the header")

    def _conclude(self, candidate: _Candidate, hashes: BodyHashes) -> Verified:
        signature, flaw = candidate.signature, candidate.flaw
        if signature is not None and flaw is None:
            if candidate.asked:
                flaw = self._body(signature, hashes)
            else:
                flaw = Unusable(DKIMResult.TEMPERROR, "the key did not come in time")
        record = candidate.record
        testing = record is not None and record.testing
        result, reason = DKIMResult.PASS, ""
        if flaw is not None:
            result, reason = flaw.result, flaw.reason
            if testing and result is not DKIMResult.TEMPERROR:
                # RFC 6376 section 3.6.1: as if there were no signature.
                result, reason = DKIMResult.NEUTRAL, reason + " (the domain is testing)"
        return _told(candidate, result, reason, testing)

    def _body(self, signature: Signature, hashes: BodyHashes) -> Unusable | None:
        """What is wrong with the body; L{None}: nothing."""
        digest, octets = hashes.digest(signature.wanted), signature.wanted.octets
        if octets is not None and octets > digest.octets:
            return Unusable(DKIMResult.FAIL, "the body is shorter than what was signed")
        if not compare_digest(digest.value, signature.digest):
            return Unusable(DKIMResult.FAIL, "the signature does not fit the body")
        if octets is not None and octets < digest.octets and not self._terms.partial:
            return Unusable(DKIMResult.POLICY, "the end of the body is not signed")
        return None


def _troubleOf(fields: Sequence[Field], whole: bool) -> Unusable | None:
    """Why no signature of a header counts; L{None}: they do."""
    if not whole:
        return Unusable(DKIMResult.PERMERROR, "the header has a line that is no field")
    authors = sum(each.name == b"from" for each in fields)
    if authors != 1:
        # RFC 6376 section 8.15: what is signed may not be what is shown.
        number = "more than one From field" if authors else "no From field"
        return Unusable(DKIMResult.PERMERROR, number)
    return None


def _told(
    candidate: _Candidate, result: DKIMResult, reason: str, testing: bool
) -> Verified:
    """What is told of a signature, as far as it can be read."""
    signature, record = candidate.signature, candidate.record
    if signature is None:
        key, value = KeyName(b"", b""), b""
        with suppress(Malformed):
            tags = tagsOf(candidate.field.octets)
            key, value = readKeyName(tags), readBase64(tags.required(b"b"))
        return Verified(result, reason, key.domain, key.selector, value=value)
    return Verified(
        result,
        reason,
        signature.key.domain,
        signature.key.selector,
        signature.identity,
        signature.algorithm.value,
        signature.value,
        testing,
        signature.headerForm.value,
        signature.wanted.form.value,
        0 if record is None or record.key is None else record.key.bits,
    )


def verify(
    header: bytes,
    body: Iterable[bytes],
    now: float,
    terms: VerifyTerms = VerifyTerms(),
) -> Asking[tuple[Verified, ...]]:
    """
    Verify all signatures of a message that is there as a whole.

    @param header: what stands before the empty line, with its CRLFs.
    @param body: the pieces of what stands behind it.
    @param now: in seconds since 1970.
    @return: see L{Examination.conclude}.
    """
    fields, rest = fieldsOf(header)
    examination = Examination(fields, now, terms, not rest)
    yield from examination.ask()
    return examination.conclude(BodyHashes.of(examination.wanted, body))


__all__ = ["Examination", "VerifyTerms", "verify"]
