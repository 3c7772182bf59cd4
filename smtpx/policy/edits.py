"""
What is to be changed in a message that arrives, by whoever looks at it: rules, milters,
scanners.

Whoever wants something changed asks for the L{Editor} of the message (L{editorOf}),
which is there from the moment its text begins to come until it is taken, where the
server is set up for that (L{smtpx.policy.editing.EditingReceiver})::

    editor = editorOf(envelope)
    editor.edit("milter opendkim", [
        Insert(b"Authentication-Results", b"mail.example.org; dkim=pass", 1),
        Change(b"Subject", 1, b"[suspicious] Hello"),
        Remove(b"X-Spam-Flag", 1),
        AddRecipient(b"archive@example.org"),
    ])

B{How fields are numbered.}  By one author, and as the message was when it came: the
fields that came with it, and those that the same author has put in.  What others have
done meanwhile shifts nothing, so that several can look at a message side by side; and
a field that was taken out still counts, as it does for sendmail.  Whoever works on what
somebody else has left does so under that one's name.

 - C{nth} counts the fields of one name, from 1.
 - C{Insert.at} is how many fields stand above the new one.  Our own C{Received} is the
   first, as it is for sendmail: 0 is above all that is ours, C{Authentication-Results}
   and C{Received}; 1 is right below it, above the first field that came; whatever is
   more than there are is the end.

Of two at one place, the one that came last stands above, and the last that says
something of a field is right.

B{The body} is replaced as a whole, in pieces, by L{Editor.replaceBody}; the one that
came stays until the other is whole.

The values are checked when they are made, so that a checker that talks nonsense is told
at once where it is wrong (L{Malformed}), and no value breaks out of its field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Protocol, cast

from attrs import field, frozen
from twisted.internet.interfaces import IProducer
from zope.interface import Interface

from ..core.address import parseMailbox
from ..core.envelope import Envelope, Stamp
from ..core.errors import Malformed
from ..core.reply import Reply
from .fieldtext import checkedName

#: The most edits of one message.
EDITS_MOST = 1000

#: The most octets of all that is put into its header.
EDITS_OCTETS = 1 << 18


class FieldPlace(Enum):
    """
    Where a field goes, in Exim's words.

    @cvar AT_START: above everything, our own fields among it.
    @cvar AFTER_RECEIVED: right below our C{Received}.
    @cvar AT_START_RFC: above the first field that is neither C{Received} nor
        C{Resent-} something.
    @cvar AT_END: below all fields.
    """

    AT_START = ":at_start:"
    AFTER_RECEIVED = ":after_received:"
    AT_START_RFC = ":at_start_rfc:"
    AT_END = ":at_end:"


def _path(path: bytes) -> bytes:
    """
    @raise Malformed: it is no mailbox.
    """
    return parseMailbox(path, utf8=True).render()


def _senderPath(path: bytes) -> bytes:
    return _path(path) if path else b""


def _number(nth: int) -> int:
    # Zero stands for the first, with Postfix.
    return max(nth, 1)


@frozen
class Remove:
    """
    Take a field out; nothing, if there are not so many.

    @ivar name: its name, in any case.
    @ivar nth: which of those of that name, from 1.
    """

    name: bytes = field(converter=checkedName)
    nth: int = field(default=1, converter=_number)


@frozen
class Change:
    """
    Give a field another value.

    @ivar name: its name, in any case, as it will be written.
    @ivar nth: which of those of that name, from 1; where there are not so many, one is
        put at the end.
    @ivar value: what stands behind the colon, and may have line ends of any kind where
        it is folded; empty: the field is taken out.
    @ivar exact: is there to be no blank behind the colon but those in the value?
    """

    name: bytes = field(converter=checkedName)
    nth: int = field(converter=_number)
    value: bytes
    exact: bool = False


@frozen
class Insert:
    """
    Put a field in.

    @ivar value: see L{Change}; an empty one is one.
    @ivar at: below how many others, our C{Received} being the first; or a place.
    @ivar exact: see L{Change}.
    """

    name: bytes = field(converter=checkedName)
    value: bytes
    at: int | FieldPlace = FieldPlace.AT_END
    exact: bool = False


@frozen
class ChangeSender:
    """
    Give the envelope another sender.

    @ivar path: without angle brackets; empty: the null sender.
    """

    path: bytes = field(converter=_senderPath)


@frozen
class AddRecipient:
    """
    Give the envelope a recipient more, unless it is one.  It is not asked whether mail
    is taken for it.
    """

    path: bytes = field(converter=_path)


@frozen
class RemoveRecipient:
    """
    Take a recipient off the envelope: the log says of it that its copy was discarded.
    """

    path: bytes = field(converter=_path)


@frozen
class Quarantine:
    """
    Put the message by.

    @ivar why: for the operator.
    """

    why: str


HeaderEdit = Remove | Change | Insert
EnvelopeEdit = ChangeSender | AddRecipient | RemoveRecipient
Edit = HeaderEdit | EnvelopeEdit | Quarantine


class INewBody(Interface):
    """
    The body that is to take the place of the one that came, what stands behind the
    empty line: with CRLF line ends, without stuffed dots.
    """

    def write(data: bytes) -> None:
        """Take a piece of it."""

    def registerProducer(producer: IProducer, streaming: bool) -> None:
        """Have a streaming producer that is paused while the disk is behind."""

    def unregisterProducer() -> None:
        """Have none any more."""

    def finish() -> None:
        """It is whole: the one that came is given up."""

    def abort() -> None:
        """It will not be whole: the one that came stays."""


class MakeBody(Protocol):
    """Begins another body."""

    def __call__(self) -> INewBody | Reply:
        """See L{Editor.replaceBody}."""


@frozen
class Noted:
    """
    An edit.

    @ivar author: whose it is.
    """

    author: str
    edit: Edit


def _cost(edit: Edit) -> int:
    if isinstance(edit, Change | Insert):
        return len(edit.name) + len(edit.value)
    return 0


class Editor:
    """
    Collects what is to be changed in one message.

    @ivar noted: all that was noted, in its order.
    """

    __slots__ = ("_makeBody", "_octets", "noted")

    def __init__(self, makeBody: MakeBody) -> None:
        """
        @param makeBody: begins another body.
        """
        self._makeBody = makeBody
        self._octets = 0
        self.noted: list[Noted] = []

    def edit(self, author: str, edits: Iterable[Edit]) -> None:
        """
        Note changes; they are made when the message is taken, in their order.

        @param author: whose they are, for the numbers and the log.
        @raise Malformed: they are more than one message can have, or longer; what was
            noted before stays.
        """
        found = list(edits)
        octets = self._octets + sum(map(_cost, found))
        if len(self.noted) + len(found) > EDITS_MOST or octets > EDITS_OCTETS:
            raise Malformed(f"{author} wants more changed than one message can have")
        self._octets = octets
        self.noted += [Noted(author, each) for each in found]

    def replaceBody(self) -> INewBody | Reply:
        """
        Begin another body.  Called when all of the message is there, as often as one
        likes; the last that is finished counts.

        @return: where it is written to, or why there is no room for it now (4yz).
        """
        return self._makeBody()


#: The editor of a message that is on its way.  Not for the spool.
EDITOR = Stamp[Editor]("policy.editor", None, cast("Callable[[str], Any]", None))


def editorOf(envelope: Envelope) -> Editor | None:
    """
    What notes changes of a message; L{None}: it has not begun, or the server is not set
    up for changes.
    """
    return envelope.stamp(EDITOR)


__all__ = [
    "EDITOR",
    "EDITS_MOST",
    "EDITS_OCTETS",
    "AddRecipient",
    "Change",
    "ChangeSender",
    "Edit",
    "Editor",
    "EnvelopeEdit",
    "HeaderEdit",
    "INewBody",
    "Insert",
    "MakeBody",
    "Noted",
    "FieldPlace",
    "Quarantine",
    "Remove",
    "RemoveRecipient",
    "editorOf",
]
