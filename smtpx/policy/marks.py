"""
The marks that others have put on a message: signatures of DKIM, and chains of ARC.

Both want hashes of the body, which are made once for both, and keys, for which the DNS
is asked side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..core.submitted import Field
from ..mailauth.arcvalues import Chain, ChainState
from ..mailauth.arcverify import ChainExamination
from ..mailauth.asking import Asking
from ..mailauth.bodyhash import BodyHash, BodyHashes
from ..mailauth.dkimvalues import DKIMResult, Verified
from ..mailauth.dkimverify import Examination, VerifyTerms

#: What is said of a check that went wrong.
UNCHECKED = "it could not be checked"

_NO_SIGNATURE = (Verified(DKIMResult.TEMPERROR, UNCHECKED),)
_NO_CHAIN = Chain(ChainState.TEMPERROR, UNCHECKED)


class Marks:
    """
    Those of one message.

    @ivar hashes: takes the body; L{None}: nothing of it is wanted.
    """

    def __init__(self, troubled: Callable[[str, Exception], None]) -> None:
        """
        @param troubled: told of checks that go wrong: which, and how.
        """
        self.hashes: BodyHashes | None = None
        self._troubled = troubled
        self._signatures: Examination | None = None
        self._chain: ChainExamination | None = None

    def header(
        self,
        methods: frozenset[str],
        fields: Sequence[Field],
        now: float,
        terms: VerifyTerms,
        whole: bool,
    ) -> Iterator[tuple[str, Asking[None]]]:
        """
        The header is there.

        @param methods: C{dkim} and C{arc}, or one of them.
        @param now: in seconds since 1970.
        @param whole: see L{Examination}.
        @return: what is to be asked, and for whom.
        """
        wanted: list[BodyHash] = []
        asking: list[tuple[str, Asking[None]]] = []
        if "dkim" in methods:
            try:
                self._signatures = signatures = Examination(fields, now, terms, whole)
                wanted += signatures.wanted
                asking.append(("dkim", signatures.ask()))
            except Exception as error:
                self._signatures = None
                self._troubled("dkim", error)
        if "arc" in methods:
            try:
                self._chain = chain = ChainExamination(fields, now, whole=whole)
                wanted += chain.wanted
                asking.append(("arc", chain.ask()))
            except Exception as error:
                self._chain = None
                self._troubled("arc", error)
        if wanted:
            self.hashes = BodyHashes(wanted)
        yield from asking

    def write(self, piece: bytes) -> None:
        """A piece of the body."""
        if self.hashes is not None:
            try:
                self.hashes.write(piece)
            except Exception as error:
                self._lost(error)

    def end(self) -> None:
        """The body has ended; to be called once, before the other two."""
        if self.hashes is None:
            self.hashes = BodyHashes(())
        try:
            self.hashes.end()
        except Exception as error:
            self._lost(error)

    def _lost(self, error: Exception) -> None:
        """There are no hashes."""
        self.hashes = self._signatures = self._chain = None
        self._troubled("body hashes", error)

    def signatures(self) -> tuple[Verified, ...]:
        """What came of the signatures, one for none."""
        found, hashes = self._signatures, self.hashes
        if found is None or hashes is None:
            return _NO_SIGNATURE
        try:
            return found.conclude(hashes)
        except Exception as error:
            self._troubled("dkim", error)
            return _NO_SIGNATURE

    def chain(self) -> Chain:
        """What came of the chain."""
        found, hashes = self._chain, self.hashes
        if found is None or hashes is None:
            return _NO_CHAIN
        try:
            return found.conclude(hashes)
        except Exception as error:
            self._troubled("arc", error)
            return _NO_CHAIN


__all__ = ["UNCHECKED", "Marks"]
