"""
Exim's spool format as values: what stands in the two files of a message on Exim's
queue (chapter "Format of spool files" of Exim's specification).

C{ID-H} has the envelope, what Exim noted of the message, and the header fields;
C{ID-D} has the body.  Each begins with a line that is its own name::

    1tHsXz-000000003Bv-1aBc-H
    Debian-exim 105 109
    <ann@client.example>
    1732270000 0
    --helo_name client.example
    -deliver_firsttime
    XX
    1
    bob@server.example

    029  Subject: a field of header
    ...

It is read by L{smtpx.spool.eximreader}, written by L{smtpx.spool.eximwriter}, and
made from an envelope of ours, and into one, by L{smtpx.spool.eximenvelope}.  Nothing
here touches a disk.
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import frozen

from ..core.errors import SMTPXError

#: An id of today (Exim 4.97), and one of before, which ours look like.
_ID = re.compile(
    r"[0-9A-Za-z]{6}-(?:[0-9A-Za-z]{11}-[0-9A-Za-z]{4}|[0-9A-Za-z]{6}-[0-9A-Za-z]{2})\Z"
)

#: More recipients than this Exim does not read.
RECIPIENTS_MOST = 16_384

#: The kinds of a header field that is no longer part of the message.
DELETED = b"*"


class BadSpoolFile(SMTPXError):
    """A file is not in Exim's spool format; the text says where it goes wrong."""


class CutShort(BadSpoolFile):
    """A file is in the format, as far as it goes: it may still be written."""


def isID(text: str) -> bool:
    """Could it be the id of a message on Exim's queue?"""
    return _ID.match(text) is not None


class FilePart(Enum):
    """What the file of a message is for: what its name ends with."""

    HEADER = "-H"
    DATA = "-D"
    JOURNAL = "-J"

    def nameOf(self, id: str) -> str:
        """The name of this file of a message."""
        return id + self.value

    def firstLine(self, id: str) -> bytes:
        """What the file begins with; a journal does not."""
        return b"%b\n" % self.nameOf(id).encode("ascii")


@frozen
class Setting:
    """
    Something that Exim noted of a message: a line that begins with C{-}.

    @ivar name: what it is called, such as C{helo_name}.
    @ivar value: what stands behind the name; L{None}: nothing, it is a flag.
    @ivar data: of a variable, what stands behind the line; it may have lines of its
        own.  L{None}: it is no variable.
    @ivar tainted: did it come from outside?
    @ivar quoter: for what kind of lookup it is quoted; empty: for none.
    """

    name: bytes
    value: bytes | None = None
    data: bytes | None = None
    tainted: bool = False
    quoter: bytes = b""


@frozen
class EximRecipient:
    """
    A recipient.

    @ivar path: the mailbox.
    @ivar orcpt: the value of ORCPT, as it stood on the wire; empty: there was none.
    @ivar flags: what was said with NOTIFY, in Exim's bits.
    @ivar errorsTo: another sender for this recipient; empty: that of the message.
    @ivar parent: the place of the recipient that it was made of, counted from 0; -1:
        it was made of none.
    """

    path: bytes
    orcpt: bytes = b""
    flags: int = 0
    errorsTo: bytes = b""
    parent: int = -1

    @property
    def plain(self) -> bool:
        """Is there nothing to be said of it but the mailbox?"""
        return not (self.flags or self.errorsTo or self.parent >= 0)


@frozen
class EximField:
    """
    A header field.

    @ivar kind: one character: what Exim has found it to be.
    @ivar text: all of it, lines ended by LF alone.
    """

    kind: bytes
    text: bytes


@frozen
class EximMessage:
    """
    What C{ID-H} says.

    @ivar login: who ran Exim, or what stands for it, when the message was taken.
    @ivar sender: the reverse path's mailbox; empty: the null sender.
    @ivar received: when, in seconds since the epoch.
    @ivar warnings: how often the sender was told of a delay.
    @ivar settings: what Exim noted besides.
    @ivar done: addresses that it is not to go to any more.
    @ivar recipients: all of them, those that have it among them.
    @ivar fields: the header.
    """

    id: str
    login: bytes
    uid: int
    gid: int
    sender: bytes
    received: int
    warnings: int = 0
    settings: tuple[Setting, ...] = ()
    done: frozenset[bytes] = frozenset()
    recipients: tuple[EximRecipient, ...] = ()
    fields: tuple[EximField, ...] = ()

    def value(self, name: bytes) -> bytes | None:
        """
        What was noted under a name.

        @return: empty for a flag; L{None}: there is nothing of that name.
        """
        for each in self.settings:
            if each.name == name:
                return each.value or b""
        return None

    def has(self, name: bytes) -> bool:
        """Was something noted under this name?"""
        return self.value(name) is not None


__all__ = [
    "DELETED",
    "RECIPIENTS_MOST",
    "BadSpoolFile",
    "CutShort",
    "EximField",
    "EximMessage",
    "EximRecipient",
    "FilePart",
    "Setting",
    "isID",
]
