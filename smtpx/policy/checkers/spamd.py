"""
SpamAssassin's spamd, as a spam filter: the request C{REPORT} of its protocol::

    REPORT SPAMC/1.5 CRLF
    [ Content-length: octets CRLF ]
    [ User: name CRLF ]
    CRLF message

    SPAMD/1.1 0 EX_OK CRLF
    Content-length: octets CRLF
    Spam: True ; 7.5 / 5.0 CRLF
    CRLF report

Without a length, the message goes to where we close our half of the connection: so it
is with a message that is still on its way.

SpamAssassin wants to know who the client is, which it looks for in the topmost
C{Received} field, and who the sender is, in C{X-Envelope-From}: both are put above the
message for it.

U{https://svn.apache.org/repos/asf/spamassassin/trunk/spamd/PROTOCOL}.
"""

from __future__ import annotations

import re

from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer

from ...core.envelope import Envelope
from ...core.errors import Malformed
from ...core.interfaces import IServerSession
from ...core.trace import received
from .interfaces import USUAL, ICheck, IChecker, Message, Opinion, Terms
from .link import Link
from .scores import scored
from .wires import UntilClosed

#: As large a message as C{spamc} gives to it.
SPAMC_OCTETS = 500 << 10

#: The most octets of an answer.
ANSWER_OCTETS = 1 << 18

#: The most characters of a report that are kept.
REPORT_MOST = 1 << 14

_STATUS = re.compile(rb"SPAMD/\d+(?:\.\d+)? +(\d{1,5}) +(.*)")
_VERDICT = re.compile(
    r"(True|False|Yes|No) *; *(-?\d+(?:\.\d+)?) */ *(-?\d+(?:\.\d+)?)", re.IGNORECASE
)
_YES = ("true", "yes")

#: The id of a message that has none.
_NO_ID = "none"

#: What it answers where it took too long itself (EX_TIMEOUT).
_TIMEOUT = 79


def spamdWire(above: bytes, octets: int | None, user: str = "") -> UntilClosed:
    """
    One C{REPORT}.

    @param above: what stands above the message.
    @param octets: the length of the message; L{None}: until we say no more.
    @param user: for whom; empty: it does not matter.
    """
    said = b"REPORT SPAMC/1.5\r\n"
    if octets is not None:
        said += b"Content-length: %d\r\n" % (len(above) + octets)
    if user:
        said += b"User: %b\r\n" % user.encode("utf-8")
    return UntilClosed("spamd", said + b"\r\n" + above, ANSWER_OCTETS, opinionOf)


def opinionOf(answer: bytes) -> Opinion:
    """
    What an answer means.

    @raise Malformed: it is none, or tells of an error.
    @raise TimeoutError: it took too long.
    """
    head, _, report = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(lines[0])
    if status is None:
        raise Malformed(f"spamd says: {lines[0][:200]!r}")
    code = int(status[1])
    why = status[2].decode("utf-8", "replace")[:200]
    if code == _TIMEOUT:
        raise TimeoutError(f"spamd says: {why}")
    if code:
        raise Malformed(f"spamd says: {code} {why}")
    fields = {
        name.strip().lower(): value.decode("utf-8", "replace").strip()
        for name, colon, value in (line.partition(b":") for line in lines[1:])
        if colon
    }
    length = fields.get(b"content-length", "")
    if length.isdecimal() and len(length) < 10 and len(report) < int(length):
        raise ConnectionError("spamd has closed the connection within its answer")
    verdict = _VERDICT.fullmatch(fields.get(b"spam", ""))
    if verdict is None:
        raise Malformed("spamd says nothing of spam")
    spam = verdict[1].lower() in _YES
    found = scored(float(verdict[2]), float(verdict[3]), spam)
    found["spam_action"] = "reject" if spam else "no action"
    text = report[: REPORT_MOST * 4].decode("utf-8", "replace").strip()
    found["spam_report"] = text[:REPORT_MOST]
    return Opinion(found=found)


@implementer(IChecker)
class Spamd:
    """
    A spam filter.
    """

    finds = frozenset({"spam"})

    def __init__(
        self,
        name: str,
        endpoint: IStreamClientEndpoint,
        terms: Terms = USUAL,
        user: str = "",
    ) -> None:
        """
        @param name: what it is called.
        @param endpoint: where it listens.
        @param terms: how it is asked.
        @param user: whose rules and knowledge of words it is to use; empty: those of
            nobody in particular.
        """
        self.name = name
        self.terms = terms
        self._endpoint = endpoint
        self._user = user

    def begin(
        self, session: IServerSession, envelope: Envelope, message: Message
    ) -> ICheck | None:
        """See L{IChecker}."""
        above = b"X-Envelope-From: <%b>\r\n" % envelope.sender
        id = message.id or _NO_ID
        above += received(session, envelope, id, session.clauses())
        octets = message.octets
        wire = spamdWire(above, octets, self._user)
        return Link(self._endpoint, wire, halfCloses=octets is None)


__all__ = [
    "ANSWER_OCTETS",
    "REPORT_MOST",
    "SPAMC_OCTETS",
    "Spamd",
    "opinionOf",
    "spamdWire",
]
