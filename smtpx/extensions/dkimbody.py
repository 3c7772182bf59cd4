"""
Reading a message to sign it, and sending it with what was made of that: for DKIM, and
for whoever else puts fields before a message that depend on all of it.

A message is read once before it is sent, piece by piece; nothing of it is kept but its
header.  One that comes in a single piece is through without a wait, so that it can
leave in the first flight.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

from attrs import frozen
from zope.interface import implementer

from ..core.dialogue import ClientNeed, flow
from ..core.errors import Malformed
from ..core.interfaces import IBody
from ..core.submitted import Field, fieldsOf, headerEnd
from ..core.transparency import canonical
from ..mailauth.bodyhash import BodyHash, BodyHashes

#: The most octets of a header that can be signed.
HEADER_OCTETS = 1 << 18


@frozen
class Survey:
    """
    What was seen of a message.

    @ivar fields: its header.
    @ivar hashes: of its body: those that were wanted.
    """

    fields: Sequence[Field]
    hashes: BodyHashes


def survey(
    body: IBody,
    choose: Callable[[Sequence[Field]], Iterable[BodyHash]],
    lines: bool = True,
) -> Generator[ClientNeed, Any, Survey | None]:
    """
    Read a message.

    @param choose: is given the header, and says what is wanted of the body.
    @param lines: is it a text?  Then it is hashed with the line ends that it will have
        on the wire (RFC 6376 section 5.3).
    @return: L{None}: nothing is wanted, and the rest was not read.
    @raise Malformed: its header has a line that is no field, or is too long.
    """
    held = bytearray()
    hashes: BodyHashes | None = None
    fields: Sequence[Field] = ()
    begun = False
    for piece in canonical(body.pieces()) if lines else body.pieces():
        if begun:
            yield from flow()
        begun = True
        if hashes is None:
            found = _held(held, piece)
            if found is None:
                continue
            fields, piece = found
            hashes = _hashes(fields, choose)
            if hashes is None:
                return None
        hashes.write(piece)
    if hashes is None:
        # It has ended within its header.
        fields = _fields(bytes(held))
        hashes = _hashes(fields, choose)
        if hashes is None:
            return None
    hashes.end()
    return Survey(fields, hashes)


def _held(held: bytearray, piece: bytes) -> tuple[Sequence[Field], bytes] | None:
    """
    Take a piece of the header.

    @return: the header, and what of the piece stands behind it; L{None}: there is
        more of it.
    """
    end = headerEnd(held, piece)
    if end is None:
        if len(held) > HEADER_OCTETS:
            raise Malformed("header is too long")
        return None
    return _fields(bytes(held[:end])), bytes(held[end + 2 :])


def _fields(header: bytes) -> Sequence[Field]:
    fields, rest = fieldsOf(header)
    if rest:
        raise Malformed("header has a line that is no field")
    return fields


def _hashes(
    fields: Sequence[Field], choose: Callable[[Sequence[Field]], Iterable[BodyHash]]
) -> BodyHashes | None:
    wanted = tuple(choose(fields))
    return BodyHashes(wanted) if wanted else None


@implementer(IBody)
@frozen
class PrefixedBody:
    """
    A message with fields before it.

    @ivar prefix: the fields, with their CRLFs; at most 64 KiB.
    """

    prefix: bytes
    body: IBody

    @property
    def octets(self) -> int:
        """See L{IBody}."""
        return len(self.prefix) + self.body.octets

    def pieces(self) -> Iterator[bytes]:
        """See L{IBody}."""
        yield self.prefix
        yield from self.body.pieces()


__all__ = ["HEADER_OCTETS", "PrefixedBody", "Survey", "survey"]
