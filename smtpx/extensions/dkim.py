"""
DKIM: mail that leaves is signed for the domain of its author (RFC 6376).

It has no keyword.  It is a change to the body, the last of all: what is signed is what
leaves, after a conversion to seven bits, say.  A message is signed anew for each
transaction, but for the time, which is that of its arrival, or so many days later: a
peer that knows a transaction again by its content (CHECKPOINT) finds the same one.

Which keys there are is behind a port (L{ISigners}); by whom a message is signed is said
by the domain in its C{From}.  But C{From} can be forged, and a message that a stranger
sends may be sent on, by an alias.  So only what is ours is signed: what came from
somebody who had logged in, a user of this machine, or a client of a list; and reports
of our own.  That is noted when the message is received, and goes with it through the
queue (L{SIGNABLE}).

In a program of one's own, all mail is::

    key = readSigningKey(pem)
    signers = Signers([Signer(SignTerms(KeyName(b"example.org", b"s1")), key)])
    extensions = [*standard(), DKIM(signers, everything=True)]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from zope.interface import implementer

from ..core.dialogue import Transformation
from ..core.envelope import Envelope, Recipient, Stamp, dumpFlag, loadFlag
from ..core.errors import Malformed
from ..core.hooks import Dialect, News, Refusal, ReportWish, Scope, Stage
from ..core.hostlist import clientNames
from ..core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IQueueBuilder,
    IQueueExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
    Transform,
)
from ..core.reply import reply
from ..core.submitted import Field
from ..mailauth.bodyhash import BodyHash
from ..mailauth.signers import Signer
from .dkimbody import PrefixedBody, survey
from .eightbitmimeconversion import BINARY

#: This message is ours to sign.
SIGNABLE = Stamp[bool]("dkim", dumpFlag, loadFlag)

#: How long a message is signed with one and the same time, in seconds.
_SPAN_SECONDS = 86_400


class ISigners(Protocol):
    """Knows who signs; the port of this extension."""

    def forHeader(self, fields: Sequence[Field]) -> Sequence[Signer]:
        """
        Those that sign a message; none, where it is not of our domains.  To be
        answered at once.

        @param fields: its header.
        """


class Hosts(Protocol):
    """A list of hosts."""

    def verdict(
        self, address: bytes, names: Sequence[bytes] = (), named: bool = True
    ) -> bool | None:
        """See L{smtpx.core.hostlist.HostList}."""


class IDKIM(IServerExtension, IClientExtension, IQueueExtension):
    """DKIM (RFC 6376), signing."""


@implementer(IDKIM)
class DKIM:
    """
    The DKIM extension.
    """

    name = "DKIM"
    requires: tuple[str, ...] = ()
    settings = None

    def __init__(
        self,
        signers: ISigners | None = None,
        *,
        hosts: Hosts | None = None,
        subjects: Iterable[str] = (),
        everything: bool = False,
        sendsUnsigned: bool = False,
    ) -> None:
        """
        @param signers: L{None}: nobody signs.
        @param hosts: clients whose mail is ours, without a login; L{None}: none.
        @param subjects: likewise, by the subjects of their certificates, as
            L{smtpx.core.hooks.TLSInfo} has them.
        @param everything: is all mail ours?
        @param sendsUnsigned: is a message of ours sent as it is where it cannot be
            signed?  If not, it is given up, and its sender is told.
        """
        self._signers = signers
        self._hosts = hosts
        self._subjects = frozenset(subjects)
        self._everything = everything
        self._sendsUnsigned = sendsUnsigned

    def configured(self, settings: Any) -> DKIM:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        if self._signers is not None:
            server.review(Stage.MAIL, self._note)

    def _note(self, session: IServerSession, recipient: Recipient | None) -> None:
        envelope = session.envelope
        assert envelope is not None
        if self._isOurs(session):
            envelope.stamps[SIGNABLE] = True

    def _isOurs(self, session: IServerSession) -> bool:
        """Is what this client sends ours?  Not where that cannot be told."""
        if session.identity is not None:
            return True
        secured, hosts = session.secured, self._hosts
        if (
            secured is not None
            and secured.verified
            and secured.subject is not None
            and secured.subject in self._subjects
        ):
            return True
        if hosts is None:
            return False
        names = clientNames(session)
        return hosts.verdict(session.peer, names, session.peerNameKnown) is True

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        if self._signers is not None:
            client.transform(partial(self._choose, self._signers))

    def _choose(
        self, signers: ISigners, session: IClientSession, envelope: Envelope
    ) -> Transform | None:
        if not self._everything and not envelope.stamp(SIGNABLE):
            return None
        if session.target.dialect is Dialect.LMTP:
            # It does not leave.
            return None
        return partial(self._sign, signers, session.now)

    def _sign(
        self,
        signers: ISigners,
        now: Callable[[], float],
        envelope: Envelope,
        body: IBody,
    ) -> Transformation:
        chosen: list[Signer] = []

        def choose(fields: Sequence[Field]) -> Sequence[BodyHash]:
            chosen.extend(signers.forHeader(fields))
            return [each.terms.wanted for each in chosen]

        lines = not envelope.stamp(BINARY)
        try:
            seen = yield from survey(body, choose, lines)
        except Malformed as error:
            return body if self._sendsUnsigned else _unsignable(str(error))
        if seen is None:
            return body
        at = signedAt(envelope, now())
        fields = [each.sign(seen.fields, seen.hashes, at) for each in chosen]
        return PrefixedBody(b"".join(fields), body)

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(SIGNABLE)
        queue.report(_wish, sends=False)


def signedAt(envelope: Envelope, now: float) -> int:
    """
    The time that a message is signed with: when it arrived, or a number of whole days
    later, so that two attempts that are not far apart say the same.

    @param now: in seconds since 1970, as what is returned.
    """
    arrived = int(envelope.arrived)
    return arrived + max(int(now) - arrived, 0) // _SPAN_SECONDS * _SPAN_SECONDS


def _unsignable(why: str) -> Refusal:
    text = b"Message cannot be signed: " + why.encode("ascii")
    return Refusal(reply(554, "5.6.0", text), Scope.MESSAGE)


def _wish(envelope: Envelope, recipient: Recipient, news: News) -> ReportWish | None:
    return _REPORTS


def _stamp(report: Envelope) -> None:
    report.stamps[SIGNABLE] = True


#: Whatever a report is about, it is ours.
_REPORTS = ReportWish(stampers=(_stamp,))


__all__ = ["DKIM", "IDKIM", "SIGNABLE", "Hosts", "ISigners", "signedAt"]
