"""
The journal: what happens in a server, told as events.

L{Journal} is handed to those who do things (L{smtpx.net.interfaces.IJournal});
it makes the events of L{smtpx.observe.events} of what it is told, and has them
published.  Without observers it is not C{enabled}, and costs next to nothing;
what went wrong is told all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from zope.interface import implementer

from ..core.envelope import Envelope, Stamp
from ..core.errors import HookTrouble
from ..core.hooks import Ending, LogFields
from ..core.interfaces import IServerBuilder, IServerSession
from ..core.reply import Reply
from ..core.trace import protocol
from ..extensions.auth import FAILURE, SUBMITTER, Failure
from ..extensions.etrn import Begun, State
from ..extensions.pipeconnect import STRANGER
from ..extensions.xclient import PROXY, PROXY_PORT
from ..net.ends import Ends
from ..net.interfaces import IJournal
from ..net.ruled import ruledOut
from ..net.submission import MADE_MESSAGE_ID
from . import events
from .authlog import CHECKED
from .brief import KEPT_MOST, Told, lasts
from .facts import clientFields, codeFields, handshakeFields, loginFields
from .milters import MILTER_AWAY, MILTER_DID
from .naming import REPEATED, RESUMED
from .opinions import NO_OPINION, OPINION
from .publisher import Publisher, errorFields
from .rulings import RULED

#: The Message-ID of a transaction, without angle brackets.  Not for the spool.
MESSAGE_ID = Stamp[bytes]("journal.message-id", None, str.encode)

#: The subject of a transaction's message.  Not for the spool.
SUBJECT = Stamp[bytes]("journal.subject", None, str.encode)

#: The most octets of a subject that are kept.
_SUBJECT_OCTETS = 256

#: The most connections that were not let in, of which is told in a second.
_TURNED_AWAY_MOST = 20

#: The most octets of a Message-ID that are kept (RFC 5322 section 2.1.1 allows
#: a line 998).
_MESSAGE_ID_OCTETS = 998


#: Of such messages each is told as a whole.
_UNUSUAL = frozenset({MADE_MESSAGE_ID, SUBJECT, SUBMITTER, CHECKED})


def noteMessageID(session: IServerSession, value: bytes) -> None:
    """Keep the Message-ID of the message that is arriving (a header watch)."""
    envelope = session.envelope
    if envelope is not None:
        found = value.strip()[:_MESSAGE_ID_OCTETS]
        envelope.stamps[MESSAGE_ID] = found.removeprefix(b"<").removesuffix(b">")


def noteSubject(session: IServerSession, value: bytes) -> None:
    """Keep the subject of the message that is arriving (a header watch)."""
    envelope = session.envelope
    if envelope is not None:
        # Unfolded (RFC 5322 section 2.2.3).
        found = value.replace(b"\r\n", b"").strip()
        envelope.stamps[SUBJECT] = found[:_SUBJECT_OCTETS]


@implementer(IJournal)
class Journal:
    """
    Makes events of what it is told.  No method raises.

    @ivar enabled: is anybody listening?
    """

    def __init__(self, publisher: Publisher, subjects: bool = False) -> None:
        """
        @param subjects: are the subjects of messages to be told?
        """
        self.enabled = publisher.enabled
        self._subjects = subjects
        self._publish = publisher.publish
        self._isShort = publisher.isShort(events.ACCEPTED)
        self._briefs = publisher.briefs
        self._failed = publisher.failed
        self._clock = publisher.clock
        self._told: dict[IServerSession, Told] = {}
        self._second = self._shown = self._omitted = 0

    def watch(self, server: IServerBuilder) -> None:
        """
        Let the journal see the fields of messages' headers that it tells of.

        @param server: a server's profile, before its first connection.
        """
        if self.enabled:
            server.header(b"Message-ID", noteMessageID)
            if self._subjects:
                server.header(b"Subject", noteSubject)

    # --- a session -------------------------------------------------------------

    def connected(self, session: IServerSession) -> None:
        """See L{IJournal}."""
        if self.enabled:
            self._publish(events.CONNECTED, clientFields(session))

    def secured(self, session: IServerSession) -> None:
        """See L{IJournal}."""
        if self.enabled and session.secured is not None:
            fields = clientFields(session) | handshakeFields(session.secured)
            self._publish(events.SECURED, fields)

    def overridden(self, session: IServerSession) -> None:
        """
        A proxy has said that the client is another one.

        @param session: with what it said.
        """
        if self.enabled:
            fields = clientFields(session)
            # What it called itself is forgotten.
            fields.pop("helo", None)
            fields["proxy"] = session.stamps[PROXY]
            fields["proxyPort"] = session.stamps[PROXY_PORT]
            self._publish(events.OVERRIDDEN, fields)

    def cameAgain(self, session: IServerSession, octets: int, resumed: bool) -> None:
        """
        A message that a client has named was there before.

        @param octets: how long it is, or where it is gone on with how much of it was
            there.
        """
        envelope = session.envelope
        if self.enabled and envelope is not None:
            fields = clientFields(session)
            fields["sender"] = envelope.sender
            fields["recipients"] = [each.path for each in envelope.recipients]
            fields["octets"] = octets
            self._publish(RESUMED if resumed else REPEATED, fields)

    def queueAsked(self, session: IServerSession, node: str, begun: Begun) -> None:
        """
        A client wants mail for a domain to be sent now.

        @param node: with C{@} where the domains below it are meant as well.
        @param begun: what came of it.
        """
        if self.enabled:
            fields = clientFields(session)
            fields["node"] = node
            fields["answer"] = begun.state.name.lower().replace("_", " ")
            if begun.state is State.COUNTED:
                fields["count"] = begun.count
            self._publish(events.QUEUE_ASKED, fields)

    def authenticated(
        self, session: IServerSession, mechanism: str, good: bool
    ) -> None:
        """See L{IJournal}."""
        if not self.enabled:
            return
        fields = clientFields(session) | {"mechanism": mechanism}
        if good:
            fields["identity"] = session.identity
            self._publish(events.AUTHENTICATED, fields)
            return
        failure: Failure | None = session.stamps.get(FAILURE)
        if failure is not None:
            fields["why"] = failure.why or ""
            if failure.identity is not None:
                fields["identity"] = failure.identity
        self._publish(events.LOGIN_FAILED, fields)

    def refused(self, session: IServerSession, command: bytes, answer: Reply) -> None:
        """See L{IJournal}."""
        if not self.enabled:
            return
        fields = clientFields(session) | self._answer(answer)
        fields["command"] = command
        envelope = session.envelope or session.ended
        if envelope is not None:
            fields["sender"] = envelope.sender
            self._noteChecks(envelope, fields)
        if session.ended is not None:
            fields["octets"] = session.ended.octets
        ruled = ruledOut(session, answer)
        if ruled is not None:
            fields["rule"] = ruled.rule
            if ruled.why:
                fields["why"] = ruled.why
        if session.hasty:
            fields["hasty"] = session.hasty
            if session.pipelined:
                fields["pipelining"] = "offered"
        fields |= loginFields(session)
        if session.secured is not None:
            fields |= handshakeFields(session.secured)
        self._publish(events.REFUSED, fields)

    def opinion(
        self,
        session: IServerSession,
        checker: str,
        state: str,
        found: Mapping[str, object],
        why: str,
        seconds: float,
        messageID: str,
    ) -> None:
        """
        A checker was asked of a message.

        @param checker: what it is called.
        @param state: how far it came.
        @param found: what it has found.
        @param why: why there is no opinion, though there should be; empty: there is, or
            need not be.
        @param seconds: how long it took.
        @param messageID: the spool's id of the message; empty: it has none.
        """
        if not self.enabled:
            return
        fields = clientFields(session)
        fields |= {"checker": checker, "state": state, "seconds": seconds}
        fields["message"] = messageID
        if session.envelope is not None:
            fields["sender"] = session.envelope.sender
        if why:
            self._publish(NO_OPINION, fields | {"why": why})
        else:
            self._publish(OPINION, fields | {"found": dict(found)})

    def ruled(
        self,
        session: IServerSession,
        rule: str,
        stage: str,
        action: str,
        why: str,
        recipient: bytes | None = None,
    ) -> None:
        """
        A rule has something for the log, or did something else than refuse.

        @param rule: what it is called.
        @param action: what it decided.
        @param why: what it has for the log; empty: nothing.
        @param recipient: of whom it was asked; L{None}: of nobody.
        """
        if self.enabled:
            fields = clientFields(session)
            fields |= {"rule": rule, "stage": stage, "action": action, "why": why}
            if session.envelope is not None:
                fields["sender"] = session.envelope.sender
            if recipient is not None:
                fields["recipient"] = recipient
            self._publish(RULED, fields)

    def milterDid(
        self, session: IServerSession, milter: str, stage: str, what: str, why: str
    ) -> None:
        """
        A milter has done something, or cannot be asked.

        @param milter: what it is called.
        @param stage: what it was told last.
        @param what: C{refused}, C{discarded}, C{changed} or C{away}.
        @param why: what there is to say of that; empty: nothing.
        """
        if self.enabled:
            fields = clientFields(session)
            fields |= {"milter": milter, "stage": stage, "why": why}
            if session.envelope is not None:
                fields["sender"] = session.envelope.sender
            if what == "away":
                self._publish(MILTER_AWAY, fields)
            else:
                self._publish(MILTER_DID, fields | {"what": what})

    def accepted(
        self,
        session: IServerSession,
        envelope: Envelope,
        id: str,
        answer: Reply,
    ) -> None:
        """See L{IJournal}."""
        if not self.enabled:
            return
        try:
            recorded = session.logFields()
        except HookTrouble as trouble:
            # A log field is not worth a message.
            self.trouble(session, trouble.owner, trouble.__cause__ or trouble)
            recorded = ()
        known = None
        if self._isShort and _UNUSUAL.isdisjoint(envelope.borne()):
            messageID = envelope.stamp(MESSAGE_ID)
            # All that those fields are made of which last.
            key = (
                messageID is None,
                recorded,
                session.peer,
                session.peerPort,
                session.peerName,
                session.local,
                session.localPort,
                session.helo,
                session.proxy,
                session.mechanism,
                session.identity,
                session.secured,
                session.extended,
                session.utf8Addresses,
                session.obliged,
                session.pipelined,
                session.batched,
                session.early,
                session.earlyHello,
                # Of the connection, so it is told once.
                session.transactions == 1 and session.fastOpen,
            )
            known = self._told.get(session)
            if known is None or known.key != key:
                known = None
                self._keep(session, key, recorded)
            elif known.briefs is not None:
                now = self._clock()
                for tell, observer in known.briefs:
                    try:
                        tell(now, id, envelope, messageID)
                    except Exception:
                        self._failed(observer)
                return
        fields = self._arrival(session, envelope, id, recorded)
        if known is not None and not known.asked:
            known.asked = True
            known.briefs = self._briefs(events.ACCEPTED, fields)
        self._publish(events.ACCEPTED, fields)

    def _keep(
        self, session: IServerSession, key: tuple[object, ...], recorded: LogFields
    ) -> None:
        """The next message may be like this one."""
        if len(self._told) >= KEPT_MOST:
            self._told.clear()
        if lasts(recorded):
            self._told[session] = Told(key)

    def _arrival(
        self,
        session: IServerSession,
        envelope: Envelope,
        id: str,
        recorded: LogFields,
    ) -> dict[str, object]:
        """The fields of a message that was accepted."""
        fields = clientFields(session)
        fields["message"] = id
        fields["sender"] = envelope.sender
        fields["recipients"] = [each.path for each in envelope.recipients]
        fields["octets"] = envelope.octets
        fields["protocol"] = protocol(session)
        # To the microsecond: more is noise.
        fields["seconds"] = round((session.now() - envelope.arrived) * 1e6) / 1e6
        found = envelope.stamp(MESSAGE_ID)
        made = envelope.stamp(MADE_MESSAGE_ID)
        if made is not None:
            fields["messageID"] = made
            fields["messageIDMade"] = True
        elif found is not None:
            fields["messageID"] = found
        if self._subjects and SUBJECT in envelope.stamps:
            fields["title"] = envelope.stamps[SUBJECT]
        if session.fastOpen and session.transactions == 1:
            # Of the connection, so once.
            fields["fastOpen"] = session.fastOpen
        if session.pipelined:
            fields["pipelining"] = "used" if session.batched else "offered"
            if session.early:
                fields["early"] = "used"
            elif session.earlyHello:
                fields["early"] = "offered"
        if session.secured is not None:
            fields |= handshakeFields(session.secured)
        fields |= loginFields(session)
        submitter = envelope.stamp(SUBMITTER)
        if submitter:
            fields["submitter"] = submitter
        self._noteChecks(envelope, fields)
        more = dict(recorded)
        if session.proxy:
            # Exim's name for it; XCLIENT has it first.
            more.setdefault("PRX", session.proxy)
        if more:
            fields["fields"] = more
        return fields

    def trouble(
        self, session: IServerSession, owner: str, error: BaseException
    ) -> None:
        """See L{IJournal}."""
        fields: dict[str, object] = {"session": session.id}
        self._publish(events.SESSION_TROUBLE, fields | errorFields(owner, error))

    def closed(self, session: IServerSession, why: str) -> None:
        """See L{IJournal}."""
        if not self.enabled:
            return
        self._told.pop(session, None)
        ending = session.ending or Ending.LOST
        fields = clientFields(session)
        fields["ending"] = ending.value
        fields["why"] = why
        fields["seconds"] = round(session.now() - session.began, 6)
        fields["transactions"] = session.transactions
        if session.early:
            # By HELO it has not even asked.
            stranger = session.stamps.get(STRANGER)
            fields["early"] = "offered" if stranger is False else "stranger"
        self._publish(events.CLOSED, fields)

    def turnedAway(self, peer: bytes, port: int, answer: Reply) -> None:
        """See L{IJournal}.  Of a flood only so many are told of."""
        if not self.enabled or self._drowned():
            return
        fields = self._answer(answer)
        fields["address"] = peer
        fields["port"] = port
        if self._omitted:
            fields["omitted"], self._omitted = self._omitted, 0
        self._publish(events.TURNED_AWAY, fields)

    def _drowned(self) -> bool:
        """Were there so many this second that one more is not worth a line?"""
        second = int(self._clock())
        if second != self._second:
            self._second, self._shown = second, 0
        if self._shown < _TURNED_AWAY_MOST:
            self._shown += 1
            return False
        self._omitted += 1
        return True

    def proxyRefused(self, ends: Ends, why: str) -> None:
        """See L{IJournal}."""
        if self.enabled:
            fields: dict[str, object] = {
                "address": ends.peer,
                "port": ends.peerPort,
                "local": ends.local,
                "localPort": ends.localPort,
                "why": why,
            }
            self._publish(events.PROXY_REFUSED, fields)

    # --- how it is said -----------------------------------------------------------

    def _answer(self, answer: Reply) -> dict[str, object]:
        fields = codeFields(answer)
        fields["text"] = b" ".join(answer.lines)
        return fields

    def _noteChecks(self, envelope: Envelope, fields: dict[str, object]) -> None:
        """What was found out of who sent a message, as far as it is known."""
        found = envelope.stamp(CHECKED)
        if found is not None:
            fields.update(found)
