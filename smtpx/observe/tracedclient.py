"""
A client connection that is recorded while it runs.

It does exactly what L{ClientConnection} does, and notes it; see
L{smtpx.observe.tracedconnection}, which does the same for servers.  Here, too, it is
settled what may be seen, not what may not:

 - Of what extensions say before the first MAIL (a login above all), only a keyword
   that the server itself has offered is shown, and behind it a word that it has
   offered with that.
 - What answers a 3yz reply there is C{*}, and so is the text of that reply.
 - Of the rest, commands of RFC 5321 are shown; anything else is C{*}.
 - Messages are a count of octets, the commands between their chunks included.
"""

from __future__ import annotations

from ..core.bounds import BareLines
from ..core.client import ClientConnection
from ..core.clientmachine import State
from ..core.effects import ClientEffect
from ..core.envelope import Envelope
from ..core.errors import HookTrouble
from ..core.hooks import Forecast, RoutePolicy, Target, TLSInfo
from ..core.interfaces import IBody
from ..core.profile import ClientProfile
from ..core.reply import Reply
from .recording import Recording

#: Commands whose arguments are shown, and those that have none.
_ARGUMENTS = frozenset((b"EHLO", b"HELO", b"LHLO", b"MAIL", b"RCPT"))
_BARE = frozenset((b"DATA", b"NOOP", b"QUIT", b"RSET"))

#: What stands behind a message that nobody wanted, and is none of it.
_RESET = b"RSET\r\n"

#: The most recipients that are kept.
RECIPIENTS_MOST = 1000

_MASK = b"*"
_BODY = "octets of a message"


class TracedClient(ClientConnection):
    """
    One connection, recorded.

    @ivar id: the session's id, among traces.
    @ivar began: when it did, in seconds since the epoch.
    @ivar recording: what was said so far.
    @ivar recipients: to whom messages went, or were to go.
    @ivar securing: is there a handshake under way?
    """

    def __init__(
        self,
        profile: ClientProfile,
        target: Target,
        policy: RoutePolicy,
        forecast: Forecast | None,
        bareLines: BareLines,
        ignored: frozenset[bytes],
        id: str,
        recording: Recording,
    ) -> None:
        """
        @param recording: a fresh one, which becomes this connection's.
        """
        ClientConnection.__init__(
            self,
            profile,
            target,
            policy,
            forecast=forecast,
            bareLines=bareLines,
            ignored=ignored,
        )
        self.id = id
        self.began = self.now()
        self.recording = recording
        self.recipients: dict[bytes, None] = {}
        self.securing = False
        #: Was the last reply before the first MAIL one that asks for more?
        self._prompted = False

    # What happens is noted where the long way does it.
    straight = False

    def start(self) -> list[ClientEffect]:
        """See L{ClientConnection.start}."""
        if self.secured is not None:
            self.recording.secured(self.secured)
        return super().start()

    def deliver(self, envelope: Envelope, body: IBody | None) -> list[ClientEffect]:
        """See L{ClientConnection.deliver}."""
        for recipient in envelope.recipients:
            if len(self.recipients) >= RECIPIENTS_MOST:
                break
            self.recipients[recipient.path] = None
        return super().deliver(envelope, body)

    # --- what we say ------------------------------------------------------------------

    def _write(self, octets: bytes) -> None:
        super()._write(octets)
        transaction = self._transaction
        if transaction is not None and transaction.carrying and octets != _RESET:
            self.recording.pour(_BODY, len(octets))
            return
        lines = octets.split(b"\r\n")[:-1]
        self.recording.speak([self._visible(line) for line in lines])

    def _visible(self, line: bytes) -> bytes:
        """What may be seen of a command."""
        word, _, rest = line.partition(b" ")
        word = word.upper()
        if self._prompted:
            return _MASK
        if word in _ARGUMENTS:
            return word + b" " + rest
        if word in _BARE:
            return word
        offered = self._offered(word) if self._state is State.OPENING else None
        if offered is None:
            return _MASK
        first, _, more = rest.partition(b" ")
        if first.upper() in offered:
            return b" ".join([word, first.upper(), *([_MASK] if more else [])])
        return word + b" " + _MASK if rest else word

    def _offered(self, word: bytes) -> frozenset[bytes] | None:
        """
        What the server offers with a keyword.

        @return: L{None}: it does not have it.
        """
        if self.peer is None:
            return None
        for keyword, value in self.peer.keywords:
            if keyword == word:
                return frozenset((value or b"").upper().split())
        return None

    def _flush(self) -> None:
        if self._out:
            octets = sum(map(len, self._out))
            self.recording.say(octets, self.secured is not None)
        super()._flush()

    # --- what the server says ---------------------------------------------------------

    def feed(self, octets: bytes) -> list[ClientEffect]:
        """See L{ClientConnection.feed}."""
        self.recording.hear(len(octets), self.secured is not None)
        return super().feed(octets)

    def _nextReply(self) -> Reply | None:
        got = super()._nextReply()
        if got is None:
            return None
        opening = self._state is State.OPENING
        self._prompted = opening and 300 <= got.code < 400
        if self._prompted:
            lines = [b"%d %b" % (got.code, _MASK)]
        else:
            lines = got.octets.split(b"\r\n")[:-1]
        taken = self.recording.heard - len(self._buffer)
        for line in lines:
            self.recording.note(line, taken)
        return got

    # --- TLS, and the rest ------------------------------------------------------------

    def _secure(self) -> None:
        super()._secure()
        self.securing = True
        self.recording.secure()

    def _secured(self, info: TLSInfo) -> None:
        self.securing = False
        self.recording.secured(info)
        super()._secured(info)

    def report(self, trouble: HookTrouble) -> None:
        """
        See L{ClientSession<smtpx.core.clientsession.ClientSession>}.  What the
        exception says stays away.
        """
        cause = trouble.__cause__ or trouble
        self.recording.remark(f"{type(cause).__name__} in {trouble.owner}")
        super().report(trouble)


__all__ = ["RECIPIENTS_MOST", "TracedClient"]
