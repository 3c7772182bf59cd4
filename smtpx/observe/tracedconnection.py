"""
A server connection that is recorded while it runs.

It does exactly what L{ServerConnection} does, and notes it; a connection that is
not traced is none of these, and so pays for nothing.

What may be seen is settled by a list of what may, not of what may not:

 - A command that nobody knows is C{*}, however it looks: it may be a password that
   came too late, or the line of a message that nobody wanted.
 - Of a command whose arguments are secret (C{AUTH}), only what we have offered
   ourselves in the EHLO response is shown.
 - Commands that take no argument, or whose argument can be anything, are shown
   without.
 - The lines of a dialogue that says they are secret are C{*}, and so is each
   prompt for them.
 - Messages are a count of octets.
"""

from __future__ import annotations

import re

from ..core.address import forwardPath
from ..core.dialogue import Line, Secure, ServerNeed
from ..core.effects import IServerPort
from ..core.errors import HookTrouble, Malformed
from ..core.facts import HANDSHAKE
from ..core.hooks import TLSInfo
from ..core.profile import ServerProfile
from ..core.reply import Reply
from ..core.server import ServerConnection
from .recording import Recording

#: Commands whose argument is shown only if it begins so.
_ARGUMENTS = {b"MAIL": b"FROM:", b"RCPT": b"TO:"}

#: Commands that have no argument, or one that can be anything.
_BARE = frozenset((b"DATA", b"EXPN", b"HELP", b"NOOP", b"QUIT", b"RSET", b"VRFY"))

#: An attribute whose value is somebody's (Postfix's XCLIENT has C{LOGIN}).
_SECRET_VALUE = re.compile(rb"\b((?:LOGIN|PASS[A-Z]*|TOKEN)=)\S*", re.IGNORECASE)

#: What is shown of octets that nobody is to see.
_MASK = b"*"
_BODY = "octets of a message"
_JUNK = "octets that are no command"
_UNREAD = "octets that were not read"


class TracedConnection(ServerConnection):
    """
    One connection, recorded.

    @ivar entrant: the address that came in; C{peer} may be changed by an extension.
    @ivar recording: what was said so far.
    @ivar recipients: whom the client has named in RCPT.
    """

    __slots__ = (
        "_masking",
        "_offered",
        "_secret",
        "entrant",
        "recipients",
        "recording",
    )

    #: Each step is told.
    ordinary = False

    def __init__(
        self,
        profile: ServerProfile,
        port: IServerPort,
        peer: bytes,
        peerPort: int,
        recording: Recording,
    ) -> None:
        """
        @param recording: a fresh one, which becomes this connection's.
        """
        ServerConnection.__init__(self, profile, port, peer, peerPort)
        self.entrant = peer
        self.recording = recording
        #: No more than a session may have recipients of a kind.
        self.recipients: dict[bytes, None] = {}
        #: Is the reply that is made now a prompt for something secret?
        self._masking = False
        #: Is the line that a dialogue waits for secret?
        self._secret = True
        #: Words of ours, behind each secret verb.
        self._offered: dict[bytes, frozenset[bytes]] = {}

    # --- octets in and out ------------------------------------------------------------

    @property
    def _taken(self) -> int:
        """How many octets of the client's have been taken."""
        return self.recording.heard - len(self._buffer)

    def feed(self, octets: bytes) -> bytes:
        """See L{ServerConnection.feed}."""
        self.recording.hear(len(octets), self.secured is not None)
        return super().feed(octets)

    def _flush(self) -> bytes:
        if self.closed:
            # It is about to be thrown away.
            self.recording.count(_UNREAD, self.recording.heard)
        out = super()._flush()
        if out:
            self.recording.say(len(out), self.secured is not None)
        return out

    # --- the client's lines --------------------------------------------------------

    def _command(self, line: bytes) -> None:
        word, _, rest = line.partition(b" ")
        word = word.upper()
        verb = self.profile.table.get(word)
        super()._command(line)
        if verb is None:
            shown = _MASK
        elif verb.secret:
            shown = self._withoutSecrets(word, rest)
        elif rest and self._line.upper() == word:
            # A dialogue has said since that what stands behind it is secret.
            shown = word + b" " + _MASK
        else:
            shown = _shown(word, rest)
        self.recording.note(shown, self._taken)
        if word == b"RCPT":
            self._noteRecipient(rest)

    def _wholeLine(self, line: bytes) -> None:
        super()._wholeLine(line)
        # What was a command has been noted.
        self.recording.count(_JUNK, self._taken)

    def _partialLine(self) -> bool:
        more = super()._partialLine()
        self.recording.count(_JUNK, self._taken)
        return more

    def _withoutSecrets(self, word: bytes, rest: bytes) -> bytes:
        """A command with secret arguments: only words of ours are shown."""
        first, _, more = rest.partition(b" ")
        shown = word
        if first.upper() in self._offered.get(word, ()):
            shown += b" " + first.upper()
            return shown + b" " + _MASK if more else shown
        return shown + b" " + _MASK if rest else shown

    def _noteRecipient(self, rest: bytes) -> None:
        try:
            path, _ = forwardPath(rest)
        except Malformed:
            return
        if len(self.recipients) < self.profile.bounds.recipientsMax:
            self.recipients[path] = None

    def _takeLine(self) -> bool:
        secret = self._secret
        buffer = self._buffer
        start = buffer.position
        data = buffer.data
        taken = super()._takeLine()
        if taken:
            line = _MASK if secret else data[start : buffer.position].rstrip(b"\r\n")
            self.recording.note(line, self._taken)
        return taken

    def _dotted(self) -> bool:
        more = super()._dotted()
        self.recording.count(_BODY, self._taken)
        return more

    def _octets(self) -> None:
        super()._octets()
        self.recording.count(_BODY, self._taken)

    # --- our own ------------------------------------------------------------

    def _say(self, what: Reply) -> None:
        # Before: too many errors make another reply of this one.
        self._record(what)
        super()._say(what)

    def _utter(self, what: Reply) -> None:
        self._record(what)
        super()._utter(what)

    def _record(self, what: Reply) -> None:
        if self._masking:
            lines = [b"%d %b" % (what.code, _MASK)]
        else:
            lines = what.octets.split(b"\r\n")[:-1]
            if len(what.lines) > 1:
                self._noteOffers(what)
        self.recording.speak(lines)

    def _noteOffers(self, what: Reply) -> None:
        """The EHLO response: which words do we ourselves have behind a verb?"""
        for line in what.lines:
            word, _, offered = line.upper().partition(b" ")
            verb = self.profile.table.get(word)
            if verb is not None and verb.secret:
                self._offered[word] = frozenset(offered.split())

    def _meet(self, need: ServerNeed) -> object:
        if isinstance(need, Line):
            self._secret = need.secret
            # Where there is input already, it is no prompt that is said.
            self._masking = need.secret and not self._buffer
        try:
            return super()._meet(need)
        finally:
            self._masking = False

    # --- TLS, and the rest ------------------------------------------------------------

    def start(self) -> bytes:
        """See L{ServerConnection.start}."""
        if self.secured is not None:
            self.recording.secured(self.secured)
        return super().start()

    def answer(self, value: object) -> bytes:
        """See L{ServerConnection.answer}."""
        if self.mode == HANDSHAKE and isinstance(value, TLSInfo):
            self.recording.secured(value)
        return super().answer(value)

    def _secure(self, need: Secure) -> None:
        super()._secure(need)
        self.recording.secure()

    def lost(self, securing: bool = False) -> None:
        """See L{ServerConnection.lost}."""
        self.recording.count(_UNREAD, self.recording.heard)
        super().lost(securing)

    def trouble(self, error: BaseException, owner: str) -> Reply:
        """See L{ServerConnection.trouble}.  What the exception says stays away."""
        if isinstance(error, HookTrouble):
            owner, cause = error.owner, error.__cause__ or error
        else:
            cause = error
        self.recording.remark(f"{type(cause).__name__} in {owner}")
        return super().trouble(error, owner)


def _shown(word: bytes, rest: bytes) -> bytes:
    """What is seen of a command whose arguments are not secret."""
    if not rest:
        return word
    begins = _ARGUMENTS.get(word)
    if begins is not None:
        good = rest.lstrip().upper().startswith(begins)
    else:
        good = word not in _BARE
    if not good:
        return word + b" " + _MASK
    return word + b" " + _SECRET_VALUE.sub(rb"\1*", rest)


__all__ = ["TracedConnection"]
