"""
Submission (RFC 6409): a server for people's mail programs, not for other servers.

L{Submission} is what makes the difference, as parts for a server factory::

    mail = Submission(ours=lambda path: domainOf(path) == b"example.org")
    factory = SMTPServerFactory(
        reactor,
        SubmissionReceiver(take, whole=mail.wholeDomain),
        extensions=mail.extensions([*others, Auth(users=users)]),
        policy=mail.policy(),
        bounds=mail.bounds(),
        answers=users.answers,
        tls=certificates,
    )

 - Nobody sends without a login (section 4.3), by whatever means there are.
 - The sender belongs to the login (section 6.1); see L{Senders}.  The null sender is
   everybody's, for mail programs send notifications by it (section 3.2).
 - Domains are whole (section 4.2), in the envelope and in the header.
 - They may be sent later (RFC 4865), where the extension's settings say so; what takes
   them has to be a spool then, which holds them.
 - Messages get the C{Date} and C{Message-ID} that they lack
   (L{smtpx.net.submission}); C{Sender} (section 8.1) is left to the mail program, for
   it would tell the world the login.
 - Nobody talks before the greeting, and no TLS session is resumed: that saves those a
   round trip who send all day, and lets whoever watches recognise those who travel.
 - Answers come within two minutes (section 5.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..core.address import Mailbox, domainOf, localPartOf, parseMailbox, withoutTag
from ..core.addresstable import AddressTable
from ..core.bounds import Bounds
from ..core.envelope import Envelope, Recipient
from ..core.errors import Malformed, UsageError
from ..core.hostlist import HostList
from ..core.interfaces import (
    IExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.reply import Reply, reply
from ..extensions.auth import Auth
from ..extensions.checkpoint import Checkpoint
from ..extensions.futurerelease import FutureRelease
from ..extensions.pipeconnect import PipeConnect
from ..net.answers import judgeOf
from ..net.interfaces import IPolicy
from ..sasl import prepare

#: RFC 6409 section 4.3.
LOGIN_FIRST = reply(530, "5.7.0", b"Authentication required")
#: Section 6.1.
NOT_YOURS = reply(550, "5.7.1", b"This sender address is not yours")
#: Section 4.2.
BAD_SENDER = reply(554, "5.1.8", b"The sender's domain is not whole")
BAD_RECIPIENT = reply(554, "5.1.2", b"The recipient's domain is not whole")

#: Section 5.3: fewer than two minutes.
ANSWER_SECONDS = 100.0

#: Of how many logins it is remembered what is theirs.
_LOGINS_MOST = 1024

Answer = Reply | None | Deferred[Reply | None]


def nowhere(path: bytes) -> bool:
    """Where nothing is ours."""
    return False


class Senders:
    """
    Which addresses are whose.

    A login that is an address is the user's own; another one is the local part of the
    user's address at each domain of ours where users are the same people.  With each
    address goes the same with a tag (RFC 5233), unless that is an address of its own.
    More are listed, by patterns of
    L{smtpx.core.addresstable}; C{*} is for whoever may send as anybody.
    """

    def __init__(
        self,
        more: Mapping[str, Sequence[str]] | None = None,
        ours: Callable[[bytes], bool] = nowhere,
        separators: bytes = b"",
        listed: Callable[[bytes], bool] = nowhere,
    ) -> None:
        """
        @param more: patterns by login.
        @param ours: is an address at a domain of ours whose people are the users?
        @param separators: what separates tags, as in
            L{smtpx.core.address.withoutTag}.
        @param listed: is this very address somebody's, tag and all?  Then it is not
            that of whoever has it without the tag.
        @raise UsageError: a login or a pattern is none, and the message has it.
        @raise Conflict: two patterns of a login mean the same.
        """
        self._ours = ours
        self._separators = separators
        self._listed = listed
        self._more: dict[bytes, AddressTable[bool]] = {}
        for login, patterns in (more or {}).items():
            key = _preparedLogin(login)
            if key in self._more:
                raise UsageError(f'"{login}" stands there twice')
            self._more[key] = AddressTable((pattern, True) for pattern in patterns)
        self._own = lru_cache(_LOGINS_MOST)(_ownAddress)

    def permits(self, login: bytes, sender: bytes) -> bool:
        """
        May a user send as C{sender}?

        @param login: the user's name, prepared.
        @param sender: a mailbox.
        """
        if self._isOf(login, sender):
            return True
        local = localPartOf(sender)
        user = withoutTag(local, self._separators)
        if user == local or self._listed(sender):
            return False
        return self._isOf(login, Mailbox(user, domainOf(sender)).render())

    def _isOf(self, login: bytes, sender: bytes) -> bool:
        # Of an address as it is: with a tag or without.
        own = self._own(login)
        if own is not None:
            if own.find(sender):
                return True
        elif localPartOf(sender).lower() == login.lower() and self._ours(sender):
            return True
        more = self._more.get(login)
        return more is not None and bool(more.find(sender))


def _ownAddress(login: bytes) -> AddressTable[bool] | None:
    """The address that a login is; L{None}: it is none."""
    try:
        parseMailbox(login, utf8=True)
    except Malformed:
        return None
    return AddressTable([(login.decode("utf-8"), True)])


def _preparedLogin(login: str) -> bytes:
    """
    A login as AUTH has it.

    @raise UsageError: nobody can have it.
    """
    try:
        prepared = prepare(login.encode("utf-8"))
    except Malformed as error:
        raise UsageError(f'"{login}" is no login: {error}') from None
    if not prepared:
        raise UsageError(f'"{login}" is no login')
    return prepared


@implementer(IServerExtension)
class _Discretion:
    """
    The last word of all extensions of such a server.
    """

    name = "SUBMISSION"
    requires = ("AUTH",)
    settings = None

    def configured(self, settings: Any) -> _Discretion:
        """It has no options."""
        return self

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.condition("submission", lambda session: True)


@frozen
class Submission:
    """
    What makes a server one for submission.

    @ivar ours: is an address at a domain of ours?  Such a domain is whole, even if it
        is one label.
    @ivar senders: which addresses are whose; L{None}: everybody may send as anybody.
    @ivar earlyTalk: may those talk before the greeting whom PIPECONNECT's host list
        has?
    """

    ours: Callable[[bytes], bool] = nowhere
    senders: Senders | None = field()
    earlyTalk: bool = False

    @senders.default
    def _whoseTheirLoginsAre(self) -> Senders:
        return Senders(ours=self.ours)

    def extensions(self, extensions: Iterable[IExtension]) -> list[IExtension]:
        """
        The same extensions, set so that nobody does anything before a login.

        @raise UsageError: without AUTH nobody could ever log in.
        """
        made: list[IExtension] = []
        for each in extensions:
            if isinstance(each, Auth):
                each = each.configured(evolve(each.options, demanded=True))
            elif isinstance(each, PipeConnect) and not self.earlyTalk:
                nobody = evolve(
                    each.options, pipeliningConnectAdvertiseHosts=HostList()
                )
                each = each.configured(nobody)
            elif isinstance(each, FutureRelease | Checkpoint):
                each = each.forSubmission()
            made.append(each)
        if all(each.name != Auth.name for each in made):
            raise UsageError("for submission there has to be AUTH")
        return [*made, _Discretion()]

    def policy(self, policy: IPolicy | None = None) -> IPolicy:
        """
        A policy for those who submit.

        @param policy: asked where this has no objection; L{None}: it is all there is.
        """
        return SubmissionPolicy(self, policy)

    def bounds(self, bounds: Bounds | None = None) -> Bounds:
        """The same bounds, for clients that are less patient than servers."""
        given = bounds or Bounds()
        seconds = min(given.answerSeconds, ANSWER_SECONDS)
        return evolve(given, answerSeconds=seconds)

    def whole(self, path: bytes) -> bool:
        """Is the domain of an address the whole of it?"""
        domain = domainOf(path)
        return b"." in domain or domain[:1] == b"[" or self.ours(path)

    def wholeDomain(self, domain: bytes) -> bool:
        """Is a domain whole?"""
        if b"." in domain or domain[:1] == b"[":
            return True
        try:
            return self.ours(parseMailbox(b"x@" + domain, utf8=True).render())
        except Malformed:
            return False


@implementer(IPolicy)
class SubmissionPolicy:
    """Who may submit what, before another policy is asked."""

    def __init__(self, submission: Submission, policy: IPolicy | None) -> None:
        """
        @param policy: asked where this has no objection; L{None}: nobody is.
        """
        self._submission = submission
        self._policy = policy
        # What there is to say once a message is there, the other says.
        self.mayDeliver = None if policy is None else judgeOf(policy)

    def mayConnect(self, session: IServerSession) -> Answer:
        """Whoever may connect may log in."""
        return None if self._policy is None else self._policy.mayConnect(session)

    def maySend(self, session: IServerSession, envelope: Envelope) -> Answer:
        """Only who has logged in, and only as one's own."""
        login, sender = session.identity, envelope.sender
        if login is None:
            return LOGIN_FIRST
        # RFC 6409 section 3.2: the null sender is no cause for a refusal.
        if sender:
            senders = self._submission.senders
            if not self._submission.whole(sender):
                return BAD_SENDER
            if senders is not None and not senders.permits(login, sender):
                return NOT_YOURS
        if self._policy is None:
            return None
        return self._policy.maySend(session, envelope)

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Answer:
        """Only at a whole domain; C{<postmaster>} needs none."""
        path = recipient.path
        if b"@" in path and not self._submission.whole(path):
            return BAD_RECIPIENT
        if self._policy is None:
            return None
        return self._policy.mayReceive(session, envelope, recipient)


__all__ = [
    "BAD_RECIPIENT",
    "BAD_SENDER",
    "LOGIN_FIRST",
    "NOT_YOURS",
    "Senders",
    "Submission",
    "SubmissionPolicy",
]
