"""
The header field C{Require-Recipient-Valid-Since} (RFC 7293 section 3.2)::

    rrvs = "Require-Recipient-Valid-Since:" addr-spec ";" date-time CRLF

It is part of L{smtpx.extensions.rrvs}: reading it, and changing a message on its way
to one host.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from attrs import frozen
from zope.interface import implementer

from ..core.address import parseMailbox
from ..core.body import HeaderWatch
from ..core.envelope import Envelope
from ..core.errors import Malformed
from ..core.interfaces import IBody, Transform
from ..core.submitted import fieldsOf

#: The field's name.
FIELD = b"Require-Recipient-Valid-Since"

#: How much of a header is looked through for it, in octets.
_HEADER_OCTETS = 64 << 10


@frozen
class FieldNote:
    """
    What a field says.

    @ivar path: the mailbox.
    @ivar since: since when it is to be the same person's, in seconds since the
        epoch.
    """

    path: bytes
    since: int

    def names(self, path: bytes) -> bool:
        """Is it about this mailbox?"""
        return parseMailbox(self.path, utf8=True) == parseMailbox(path, utf8=True)


def readField(value: bytes) -> FieldNote | None:
    """
    Read a field.

    @param value: unfolded, without white space around it.
    @return: L{None}: it is not well formed, and so does not count (section 5.2).
    """
    address, _, when = value.rpartition(b";")
    try:
        path = parseMailbox(address.strip(), utf8=True).render()
        found = parsedate_to_datetime(when.decode("ascii"))
    except (Malformed, ValueError, TypeError, IndexError, OverflowError):
        return None
    if found.tzinfo is None:
        # "-0000": the time is in UTC all the same.
        found = found.replace(tzinfo=UTC)
    return FieldNote(path, int(found.timestamp()))


def renderField(path: bytes, since: int) -> bytes:
    """The field, with its CRLF."""
    when = format_datetime(datetime.fromtimestamp(since, UTC))
    return b"%b: %b;\r\n %b\r\n" % (FIELD, path, when.encode("ascii"))


def adding(path: bytes, since: int) -> Transform:
    """What puts the field in front of a message."""
    front = renderField(path, since)

    def transform(envelope: Envelope, body: IBody) -> IBody:
        return ChangedHeader(body, 0, front)

    return transform


def removing(paths: Sequence[bytes]) -> Transform:
    """What takes away the fields that are about these mailboxes."""

    def transform(envelope: Envelope, body: IBody) -> IBody:
        header = _headerOf(body)
        kept, length = [], 0
        for each in fieldsOf(header)[0]:
            length += len(each.octets)
            if not _isAbout(each.octets, paths):
                kept.append(each.octets)
        front = b"".join(kept)
        return body if len(front) == length else ChangedHeader(body, length, front)

    return transform


def _isAbout(field: bytes, paths: Sequence[bytes]) -> bool:
    name, _, value = field.partition(b":")
    if name.rstrip().lower() != FIELD.lower():
        return False
    note = readField(b"".join(value.split(b"\r\n")).strip())
    return note is not None and any(map(note.names, paths))


def _headerOf(body: IBody) -> bytes:
    """The header, or as much of it as is looked at."""
    watch = HeaderWatch(_HEADER_OCTETS)
    for piece in body.pieces():
        found = watch.feed(piece)
        if found is not None:
            return found
    return watch.finish()


@implementer(IBody)
@frozen
class ChangedHeader:
    """
    A message whose beginning is another one.

    @ivar body: as it was.
    @ivar length: how much of it is replaced, in octets.
    @ivar front: by what.
    """

    body: IBody
    length: int
    front: bytes

    @property
    def octets(self) -> int:
        """Its length, in octets."""
        return self.body.octets - self.length + len(self.front)

    def pieces(self) -> Iterator[bytes]:
        """See L{IBody}."""
        if self.front:
            yield self.front
        left = self.length
        for piece in self.body.pieces():
            if left >= len(piece):
                left -= len(piece)
                continue
            yield piece[left:]
            left = 0
