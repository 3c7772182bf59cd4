"""
Asks C{dccifd(8)} of messages: a checker (L{smtpx.policy.checkers}).

One message is one question over one connection.  The daemon is told of the recipients
that the message has, in their order, and has something to say of each.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from attrs import frozen
from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer

from ...core.envelope import Envelope, Recipient
from ...core.errors import Malformed
from ...core.interfaces import IServerSession
from ...core.reply import Reply, reply
from ..checkers.interfaces import ICheck, IChecker, Message, Opinion, State, Terms
from ..checkers.link import Link
from ..checkers.wires import UntilClosed
from ..edits import FieldPlace, Insert, Remove
from .answer import ANSWER_OCTETS, DCCAnswer, DCCResult, parseAnswer
from .extra import extraFields
from .marks import DCC_RECIPIENTS
from .question import DCCQuestion, readClient

#: The variables of rules that have something for the daemon, as Exim calls them.
CLIENT_VARIABLE = "acl_m_dcc_override_client_ip"
FIELDS_VARIABLE = "acl_m_dcc_add_header"

#: How many fields are taken out that a sender has written as if they were ours.
_FORGED_MOST = 10

#: How long a line of the field ought to be (RFC 5322 section 2.1.1).
_LINE_OCTETS = 77

#: What the client is told of a recipient, where it can be told of each.
_REFUSALS: dict[DCCResult, Reply] = {
    DCCResult.REJECT: reply(550, "5.7.1", b"This recipient takes no bulk mail"),
    DCCResult.GREY: reply(451, "4.7.1", b"Greylisted; please try again later"),
}

#: Gives the value of a rule's variable; empty: no rule has set it.
Variables = Callable[[IServerSession, str], str]

#: Told that what a rule has set is of no use: the session, and why.
Complain = Callable[[IServerSession, str], None]


@frozen
class DCCOptions:
    """
    What an operator says of the daemon.

    @ivar words: what it is told to do (L{smtpx.policy.dcc.question.OPTIONS}).
    @ivar addsHeader: is the field that it gives put into the message?
    """

    words: Sequence[str] = ("header",)
    addsHeader: bool = False


#: What holds if nobody says otherwise.
_OPTIONS, _TERMS = DCCOptions(), Terms()


@implementer(IChecker)
class DCCDaemon:
    """
    The daemon of DCC.
    """

    finds = frozenset({"dcc"})

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        variables: Variables,
        complain: Complain,
        options: DCCOptions = _OPTIONS,
        terms: Terms = _TERMS,
        name: str = "dcc",
    ) -> None:
        """
        @param endpoint: where it listens.
        @param variables: what rules have set for it.
        @param complain: told where that is of no use; it is left out then.
        @param terms: on what terms it is asked.
        @param name: what it is called in logs.
        """
        self.name = name
        self.terms = terms
        self._endpoint = endpoint
        self._variables = variables
        self._complain = complain
        self._options = options

    def begin(
        self, session: IServerSession, envelope: Envelope, message: Message
    ) -> ICheck | None:
        """See L{IChecker}."""
        recipients = tuple(envelope.recipients)
        client, name = self._client(session)
        question = DCCQuestion(
            client,
            name,
            session.helo,
            envelope.sender,
            [each.path for each in recipients],
            self._options.words,
        )
        head = question.render() + self._fields(session)

        def opinion(answer: bytes) -> Opinion:
            parsed = parseAnswer(answer, len(recipients))
            return self._opinion(envelope, recipients, parsed)

        wire = UntilClosed("dccifd", head, ANSWER_OCTETS, opinion)
        return Link(self._endpoint, wire, halfCloses=True)

    def _client(self, session: IServerSession) -> tuple[bytes, bytes | None]:
        """Whom the daemon is told that the message came from: address and name."""
        given = self._variables(session, CLIENT_VARIABLE)
        if not given.strip():
            return session.peer, session.peerName
        client = readClient(given)
        if client is None:
            self._complain(session, f"${CLIENT_VARIABLE} is no address: {given!r}")
            return session.peer, session.peerName
        # The client's own name is not that address's.
        return client, None

    def _fields(self, session: IServerSession) -> bytes:
        """What the daemon sees above the header of the message."""
        try:
            return extraFields(self._variables(session, FIELDS_VARIABLE))
        except Malformed as error:
            self._complain(session, f"${FIELDS_VARIABLE}: {error}")
            return b""

    def _opinion(
        self, envelope: Envelope, recipients: Sequence[Recipient], answer: DCCAnswer
    ) -> Opinion:
        """What an answer comes to."""
        if answer.overall is DCCResult.TEMPORARY:
            # Not broken: so it is not asked again, and the message not counted twice.
            why = "dccifd could not find it out; mostly its servers do not answer"
            return Opinion(State.SLOW, why=why)
        found = {
            "dcc_result": answer.overall.value,
            "dcc_header": answer.field,
            "dcc_recipients": "".join(each.value for each in answer.each),
            "dcc_each": dict(zip(recipients, answer.each, strict=True)),
        }
        refusals = {}
        if envelope.stamp(DCC_RECIPIENTS):
            refusals = {
                recipient: _REFUSALS[each]
                for recipient, each in zip(recipients, answer.each, strict=True)
                if each in _REFUSALS
            }
        edits = tuple(self._edits(answer.field))
        return Opinion(found=found, refusals=refusals, edits=edits)

    def _edits(self, line: str) -> list[Remove | Insert]:
        """What is to be changed in the message."""
        if not (line and self._options.addsHeader):
            return []
        name, _, _ = line.encode("ascii").partition(b":")
        folded = "\r\n".join(textwrap.wrap(line, _LINE_OCTETS, subsequent_indent=" "))
        value = folded.encode("ascii")[len(name) + 1 :].lstrip()
        forged = [Remove(name, nth) for nth in range(1, _FORGED_MOST + 1)]
        return [*forged, Insert(name, value, FieldPlace.AFTER_RECEIVED)]


__all__ = [
    "CLIENT_VARIABLE",
    "FIELDS_VARIABLE",
    "DCCDaemon",
    "DCCOptions",
]
