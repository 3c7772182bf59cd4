"""
Verifying a chain of ARC sets while a message streams in (RFC 8617 section 5.2).

It goes as with DKIM (L{smtpx.mailauth.dkimverify}), and shares the body's hashes with
it: as soon as the header is whole, what is to be hashed of the body is known, and all
keys of all sets can be asked for at once::

    examination = ChainExamination(fields, now)
    hashes = BodyHashes(examination.wanted)     # and those of DKIM
    ... = yield from examination.ask()          # while the body comes in
    chain = examination.conclude(hashes)

Nothing a sender writes makes it long: no more than 50 sets are looked at, of which a
message has one ARC-Message-Signature and one ARC-Seal each; and no more than
L{ChainTerms.hashes} different hashes of the body are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hmac import compare_digest

from attrs import define, frozen

from ..core.errors import Malformed
from ..core.submitted import Field, fieldsOf
from .arcfields import (
    FIELDS,
    MESSAGE_SIGNATURE,
    RESULTS,
    SEAL,
    SHOWN,
    Seal,
    SetFields,
    highestInstance,
    readMessageSignature,
    readSeal,
    readSetResults,
    setsOf,
)
from .arcvalues import Chain, ChainSet, ChainState
from .asking import Asking
from .bodyhash import BodyHash, BodyHashes
from .canonical import Form, fieldForm, signedOctets
from .dkimkey import KeyRecord, askForKeys
from .dkimsignature import KeyName, Signature
from .dkimvalues import DKIMResult, Unusable
from .results import AuthenticationResults


@frozen
class ChainTerms:
    """
    What is asked of chains.

    @ivar hashes: how many different hashes of the body are made for it at the most.
        Sets of which the hash is not made count as if the message had been changed
        since; the newest one's always is.
    @ivar skewSeconds: how far another's clock may be off from ours.
    """

    hashes: int = 4
    skewSeconds: int = 300


@define(eq=False)
class _Link:
    """
    A set that is being looked at.

    @ivar message: its ARC-Message-Signature, or why it cannot be read.
    @ivar seal: its ARC-Seal, or why it cannot be read.
    """

    instance: int
    fields: SetFields
    message: Signature | Malformed | Unusable
    seal: Seal | Malformed | Unusable

    @classmethod
    def of(cls, instance: int, fields: SetFields) -> _Link:
        """Read what can be read of a set."""
        message: Signature | Malformed | Unusable
        seal: Seal | Malformed | Unusable
        try:
            message = readMessageSignature(fields.one(MESSAGE_SIGNATURE))
        except (Malformed, Unusable) as error:
            message = error
        try:
            seal = readSeal(fields.one(SEAL))
        except (Malformed, Unusable) as error:
            seal = error
        return cls(instance, fields, message, seal)

    def told(self) -> ChainSet:
        """What is told of it."""
        none = KeyName(b"", b"")
        sealer = self.seal.key if isinstance(self.seal, Seal) else none
        signer = self.message.key if isinstance(self.message, Signature) else none
        return ChainSet(
            self.instance,
            sealer.domain,
            sealer.selector,
            signer.domain,
            signer.selector,
            self._results(),
        )

    def _results(self) -> AuthenticationResults | None:
        try:
            return readSetResults(self.fields.one(RESULTS))
        except Malformed:
            return None


class _Broken(Exception):
    """
    The chain does not pass.

    @ivar state: what it is.
    @ivar reason: why.
    """

    def __init__(self, reason: str, state: ChainState = ChainState.FAIL) -> None:
        Exception.__init__(self, reason)
        self.reason = reason
        self.state = state


class ChainExamination:
    """
    The chain of one message.

    @ivar wanted: the hashes of the body that are needed for it.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        now: float,
        terms: ChainTerms = ChainTerms(),
        whole: bool = True,
    ) -> None:
        """
        @param fields: the header.
        @param now: in seconds since 1970.
        @param whole: is that all of the header?  If not, there are lines in it that are
            no fields, and nobody knows what was signed.
        """
        self._fields = fields
        self._now = now
        self._terms = terms
        self._links: list[_Link] = []
        self._told: tuple[ChainSet, ...] = ()
        #: What is known against it.
        self._broken: _Broken | None = None
        self._asked = False
        #: The signatures of messages that are good as far as the header goes, from
        #: the newest on, without a gap.
        self._good: list[Signature] = []
        self._highest = 0
        if any(each.name in FIELDS for each in fields):
            self._highest = highestInstance(fields)
            try:
                self._collect(whole)
            except _Broken as broken:
                self._broken = broken
            self._told = tuple(link.told() for link in self._links)
        self.wanted: tuple[BodyHash, ...] = self._wanted()

    def ask(self) -> Asking[None]:
        """Get the keys, and verify all that is not of the body."""
        if self._broken is None and self._links:
            keys = yield from askForKeys(self._keys())
            try:
                self._verify(keys)
            except _Broken as broken:
                self._broken = broken
        self._asked = True

    def conclude(self, hashes: BodyHashes) -> Chain:
        """
        What came of it.

        @param hashes: those that were wanted; their body has ended.
        """
        if not self._links and self._broken is None:
            return Chain(ChainState.NONE)
        broken = self._broken
        if broken is None and not self._asked:
            broken = _Broken("the keys did not come in time", ChainState.TEMPERROR)
        if broken is None or broken.state is ChainState.TEMPERROR:
            # That the body was changed is for ever.
            if not _fits(self._newest(), hashes):
                why = "it does not fit the body"
                broken = _Broken(_reason(self._links[-1], MESSAGE_SIGNATURE, why))
        if broken is not None:
            return Chain(broken.state, broken.reason, self._told, self._highest)
        return Chain(
            ChainState.PASS,
            sets=self._told,
            instance=self._highest,
            oldestPass=self._oldestPass(hashes),
        )

    # --- the header -------------------------------------------------------------

    def _collect(self, whole: bool) -> None:
        """Collect the sets, and see that they are a chain (steps 1 to 3)."""
        try:
            found = setsOf(self._fields)
        except Malformed as error:
            raise _Broken(str(error)) from None
        self._links = [_Link.of(*each) for each in found.items()]
        newest = self._links[-1]
        if isinstance(newest.seal, Seal) and newest.seal.state == b"fail":
            raise _Broken(f"i={newest.instance}: cv=fail")
        if not whole:
            raise _Broken("the header has a line that is no field")
        for expected, link in enumerate(self._links, 1):
            if link.instance != expected:
                raise _Broken(f"i={link.instance} stands where i={expected} is wanted")
            _checkSet(link)
        if not isinstance(newest.message, Signature):
            raise _Broken(_reason(newest, MESSAGE_SIGNATURE, str(newest.message)))

    def _newest(self) -> Signature:
        """The newest set's ARC-Message-Signature, which can be read."""
        message = self._links[-1].message
        assert isinstance(message, Signature)
        return message

    def _messages(self) -> Iterator[tuple[_Link, Signature]]:
        """The ARC-Message-Signatures from the newest on, as far as they can be read."""
        for link in reversed(self._links):
            if not isinstance(link.message, Signature):
                return
            yield link, link.message

    def _wanted(self) -> tuple[BodyHash, ...]:
        """The hashes that are needed, those of the newest sets first."""
        if self._broken is not None:
            return ()
        wanted = dict.fromkeys(message.wanted for _, message in self._messages())
        return tuple(wanted)[: self._terms.hashes]

    # --- the keys ---------------------------------------------------------------

    def _keys(self) -> Iterable[KeyName]:
        """The keys that are needed."""
        yield from (message.key for _, message in self._messages())
        yield from (
            link.seal.key for link in self._links if isinstance(link.seal, Seal)
        )

    def _verify(self, keys: Mapping[KeyName, KeyRecord | Unusable]) -> None:
        """Verify all signatures, but for the body (steps 4 to 6)."""
        late: _Broken | None = None
        header = _Header(self._fields)
        for link, message in self._messages():
            try:
                self._verifyMessage(link, message, header, keys)
            except _Broken as broken:
                if link is self._links[-1]:
                    late = broken
                break
            self._good.append(message)
        if late is not None and late.state is ChainState.FAIL:
            raise late
        before = b""
        for link in self._links:
            *others, seal = link.fields.signed()
            before += b"".join(fieldForm(each.octets, Form.RELAXED) for each in others)
            try:
                _verifySeal(link, before, keys)
            except _Broken as broken:
                if broken.state is ChainState.FAIL:
                    raise
                late = late or broken
            before += fieldForm(seal.octets, Form.RELAXED)
        if late is not None:
            raise late

    def _verifyMessage(
        self,
        link: _Link,
        signature: Signature,
        header: _Header,
        keys: Mapping[KeyName, KeyRecord | Unusable],
    ) -> None:
        """Verify an ARC-Message-Signature, but for the body (step 4)."""
        skew = self._terms.skewSeconds
        if signature.until is not None and signature.until + skew < self._now:
            raise _Broken(_reason(link, MESSAGE_SIGNATURE, "it has expired"))
        if signature.signed is not None and signature.signed - skew > self._now:
            raise _Broken(_reason(link, MESSAGE_SIGNATURE, "it is from the future"))
        octets = header.signed(link.fields.one(MESSAGE_SIGNATURE), signature)
        _verifyOne(link, MESSAGE_SIGNATURE, signature, octets, keys)

    # --- the body ---------------------------------------------------------------

    def _oldestPass(self, hashes: BodyHashes) -> int:
        """Since which set the message was not changed; 0: since the first (step 5)."""
        for index, signature in enumerate(self._good):
            if signature.wanted not in self.wanted or not _fits(signature, hashes):
                return self._highest - index + 1
        unchanged = len(self._good)
        return 0 if unchanged == len(self._links) else self._highest - unchanged + 1


class _Header:
    """
    A header of which many signatures sign fields: they are looked for, and brought into
    their form, once.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._named: dict[bytes, list[Field]] = {}
        for each in fields:
            self._named.setdefault(each.name, []).append(each)
        self._forms: dict[tuple[int, Form], bytes] = {}

    def signed(self, own: Field, signature: Signature) -> bytes:
        """
        What a signature is made over, as L{smtpx.mailauth.canonical.signedOctets} has
        it.

        @param own: the field that it stands in.
        """
        # Only a signature that signs its like has to leave itself out.
        chosen = {name: self._named.get(name, []) for name in set(signature.names)}
        if own.name in chosen:
            chosen[own.name] = [each for each in chosen[own.name] if each is not own]
        left = {name: len(fields) for name, fields in chosen.items()}
        parts = []
        for name in signature.names:
            # The last ones first (RFC 6376 section 5.4.2).
            left[name] -= 1
            if left[name] >= 0:
                parts.append(self._form(chosen[name][left[name]], signature.headerForm))
        name = own.octets.partition(b":")[0]
        last = signedOctets((), name + b":" + signature.own, signature.headerForm)
        return b"".join(parts) + last

    def _form(self, field: Field, form: Form) -> bytes:
        key = (id(field), form)
        found = self._forms.get(key)
        if found is None:
            found = self._forms[key] = fieldForm(field.octets, form)
        return found


def _reason(link: _Link, name: bytes, why: str) -> str:
    """Why a signature does not pass."""
    return f"i={link.instance}: {SHOWN[name]}: {why}"


def _checkSet(link: _Link) -> None:
    """
    See that a set is one of a chain (step 3).

    @raise _Broken: it is not.
    """
    try:
        link.fields.signed()
    except Malformed as error:
        raise _Broken(f"i={link.instance}: {error}") from None
    if not isinstance(link.seal, Seal):
        raise _Broken(_reason(link, SEAL, str(link.seal)))
    state = link.seal.state
    if state != (b"none" if link.instance == 1 else b"pass"):
        raise _Broken(_reason(link, SEAL, f"cv={state.decode('ascii')}"))


def _verifySeal(
    link: _Link, before: bytes, keys: Mapping[KeyName, KeyRecord | Unusable]
) -> None:
    """
    Verify an ARC-Seal (step 6).

    @param before: what it is made over but for itself.
    @raise _Broken: it is not good.
    """
    assert isinstance(link.seal, Seal)
    name = link.fields.one(SEAL).octets.partition(b":")[0]
    own = signedOctets((), name + b":" + link.seal.own, Form.RELAXED)
    _verifyOne(link, SEAL, link.seal, before + own, keys)


def _verifyOne(
    link: _Link,
    name: bytes,
    signature: Signature | Seal,
    octets: bytes,
    keys: Mapping[KeyName, KeyRecord | Unusable],
) -> None:
    """
    @param name: the field's that the signature stands in.
    @raise _Broken: the signature is not that of these octets.
    """
    record = keys[signature.key]
    try:
        if isinstance(record, Unusable):
            raise record
        key = record.keyFor(signature.algorithm)
    except Unusable as error:
        late = error.result is DKIMResult.TEMPERROR
        state = ChainState.TEMPERROR if late else ChainState.FAIL
        raise _Broken(_reason(link, name, str(error)), state) from None
    if not key.verifies(signature.value, octets):
        raise _Broken(_reason(link, name, "it does not fit the header"))


def _fits(signature: Signature, hashes: BodyHashes) -> bool:
    """Is the body what was signed?"""
    digest, octets = hashes.digest(signature.wanted), signature.wanted.octets
    return (octets is None or octets == digest.octets) and compare_digest(
        digest.value, signature.digest
    )


def verifyChain(
    header: bytes,
    body: Iterable[bytes],
    now: float,
    terms: ChainTerms = ChainTerms(),
) -> Asking[Chain]:
    """
    Verify the chain of a message that is there as a whole.

    @param header: what stands before the empty line, with its CRLFs.
    @param body: the pieces of what stands behind it.
    @param now: in seconds since 1970.
    """
    fields, rest = fieldsOf(header)
    examination = ChainExamination(fields, now, terms, not rest)
    yield from examination.ask()
    return examination.conclude(BodyHashes.of(examination.wanted, body))


__all__ = ["ChainExamination", "ChainTerms", "verifyChain"]
