"""
The hashes of a body, made while it streams by: of each form once, however many
signatures want it (RFC 6376 section 3.7, RFC 8617 section 4.1.2)::

    hashes = BodyHashes(wanted)
    for piece in pieces:
        hashes.write(piece)
    hashes.end()
    digest = hashes.digest(BodyHash(Form.RELAXED))

Nothing of the body is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from attrs import define, field, frozen

from .canonical import BodyForm, Form


@frozen
class BodyHash:
    """
    A hash that somebody wants.

    @ivar form: of the body.
    @ivar octets: how many of the form's octets it is of (the C{l=} of DKIM); L{None}:
        all.
    @ivar hashName: as L{hashlib} calls it.
    """

    form: Form
    octets: int | None = None
    hashName: str = "sha256"


@frozen
class Digest:
    """
    A hash.

    @ivar value: its octets.
    @ivar octets: how many octets the body has in its form.
    """

    value: bytes
    octets: int


@define(eq=False)
class _Sum:
    """
    One hash in the making.

    @ivar left: how many octets it still takes; L{None}: all that come.
    """

    hash: hashlib._Hash
    left: int | None

    def write(self, octets: bytes) -> None:
        """Take octets of the form."""
        if self.left is None:
            self.hash.update(octets)
        elif self.left:
            taken = octets[: self.left]
            self.left -= len(taken)
            self.hash.update(taken)


@define(eq=False)
class _Stream:
    """
    A body in one form.

    @ivar octets: how many came by.
    """

    form: BodyForm
    sums: list[_Sum] = field(factory=list)
    octets: int = 0

    def write(self, pieces: Iterable[bytes]) -> None:
        """Take octets of the form."""
        for piece in pieces:
            self.octets += len(piece)
            for each in self.sums:
                each.write(piece)


class BodyHashes:
    """
    All hashes of one body.
    """

    __slots__ = ("_streams", "_sums")

    def __init__(self, wanted: Iterable[BodyHash]) -> None:
        """
        @param wanted: which; the same one more than once is made once.
        """
        self._streams: dict[Form, _Stream] = {}
        self._sums: dict[BodyHash, _Sum] = {}
        for want in wanted:
            if want in self._sums:
                continue
            stream = self._streams.get(want.form)
            if stream is None:
                stream = self._streams[want.form] = _Stream(BodyForm(want.form))
            each = _Sum(hashlib.new(want.hashName), want.octets)
            self._sums[want] = each
            stream.sums.append(each)

    @classmethod
    def of(cls, wanted: Iterable[BodyHash], body: Iterable[bytes]) -> BodyHashes:
        """
        All hashes of a body that is there, ended.

        @param body: its pieces.
        """
        hashes = cls(wanted)
        for piece in body:
            hashes.write(piece)
        hashes.end()
        return hashes

    def write(self, piece: bytes) -> None:
        """Take the next octets of the body, cut anywhere."""
        for stream in self._streams.values():
            stream.write(stream.form.write(piece))

    def end(self) -> None:
        """The body ends here; to be called once, before the first L{digest}."""
        for stream in self._streams.values():
            stream.write(stream.form.end())

    def digest(self, wanted: BodyHash) -> Digest:
        """
        A hash.

        @param wanted: one of those that were.
        """
        found = self._sums[wanted].hash.digest()
        return Digest(found, self._streams[wanted.form].octets)


__all__ = ["BodyHash", "BodyHashes", "Digest"]
