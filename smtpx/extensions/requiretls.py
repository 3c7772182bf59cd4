"""
REQUIRETLS (RFC 8689): this message goes under verified TLS or not at all.

Everything about it is here: the EHLO keyword, the MAIL parameter, the
TLS-Required header field, what a route has to be, when a next host will do, and
what a bounce may carry.

To advertise the keyword is a promise that whatever sends the message on keeps
it (RFC 8689 section 1).  So the server side is silent unless whoever joined the
house says that the promise is kept, by C{honoured}: because relaying keeps it,
or because all mail ends here.  TLS-Required is looked at in any case, and so are the
operator's own rules, for both bind nobody but us: a message that is to go under
verified TLS and cannot comes back.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve, field, frozen
from zope.interface import implementer

from ..core.address import domainOf
from ..core.envelope import Bearer, Envelope, Recipient, Stamp, dumpFlag, loadFlag
from ..core.errors import UsageError
from ..core.grammar import FLAG, KEYWORD
from ..core.hooks import (
    Capability,
    LookupLevel,
    News,
    Parameter,
    Refusal,
    ReportWish,
    RoutePolicy,
    Scope,
    Stage,
    TLSLevel,
    Where,
)
from ..core.hostlist import HostList, clientNames
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IQueueBuilder,
    IQueueExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.occasion import when
from ..core.reply import UNKNOWN_PARAMETER, Reply, reply

CAPABILITY = Capability[bool](b"REQUIRETLS", KEYWORD)

#: This message needs REQUIRETLS handling (section 4.1).
REQUIRED = Stamp[bool]("requiretls", dumpFlag, loadFlag, critical=True)
#: The sender would rather have it delivered than secure (section 4.2.2).
OPTIONAL = Stamp[bool]("tls-optional", dumpFlag, loadFlag)
#: This is a report of ours on such a message, and has no more of it than its header
#: (section 5).
REDACTED = Stamp[bool]("requiretls-redacted", dumpFlag, loadFlag)
#: There was a TLS-Required field already.
_SEEN = Stamp[bool]("tls-required-seen", None, bool)

_UNSUPPORTED = reply(550, "5.7.30", b"REQUIRETLS support required")
_UNVERIFIED = reply(550, "5.7.10", b"REQUIRETLS wants a verified TLS session")
_GUESSED = reply(450, "4.7.10", b"REQUIRETLS needs the host's own word")
_NEEDS_TLS = reply(530, "5.7.10", b"REQUIRETLS needs TLS")


def _require(bearer: Bearer) -> None:
    bearer.stamps[REQUIRED] = True


def _redact(bearer: Bearer) -> None:
    bearer.stamps[REDACTED] = True


def _required(envelope: Envelope | None) -> bool:
    return envelope is not None and envelope.stamp(REQUIRED) is True


def _verified(session: IClientSession) -> bool:
    return session.secured is not None and session.secured.verified


def _send(session: IClientSession, bearer: Bearer) -> bool | None:
    # Only in a session that meets the requirements, and on the host's own word
    # (section 2).
    if not bearer.stamp(REQUIRED) or not _verified(session):
        return None
    if bearer.stamp(REDACTED) and session.policy.lookup is LookupLevel.PLAIN:
        return None
    return None if session.guessed else True


def _checkAddresses(instance: object, attribute: Any, value: tuple[str, ...]) -> None:
    for each in value:
        if not _isAddress(each):
            raise ValueError(
                f"{each!r} is neither an address (ann@example.org), nor a domain"
                " (example.org), nor all below one (*.example.org)"
            )


def _isAddress(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    if at and not local or any(each.isspace() for each in text):
        return False
    domain = domain if at else domain.removeprefix("*.")
    return bool(domain) and not domain.startswith(".") and "*" not in domain


@frozen
class RequireTLSSettings:
    """What an operator may set of REQUIRETLS."""

    tlsAdvertiseRequireTLS: HostList = field(
        default=HostList.parse(["*"]),
        metadata={
            "option": "tls_advertise_requiretls",
            "help": "The clients that are offered it, once they are under TLS.",
        },
    )
    requireHosts: HostList = field(
        factory=HostList,
        metadata={
            "option": "require_hosts",
            "help": "Clients whose mail goes under verified TLS or not at all, as if"
            " they had asked for it.",
        },
    )
    requireAddresses: tuple[str, ...] = field(
        default=(),
        validator=_checkAddresses,
        metadata={
            "option": "require_addresses",
            "help": "Mail from these, and mail for these, goes under verified TLS or"
            " not at all, as if its sender had asked for it: addresses, domains, and"
            " ``*.example.org`` for all that is below one.",
        },
    )


@frozen
class _Addresses:
    """
    Addresses that the operator named.

    @ivar whole: addresses, in lower case.
    @ivar domains: domains, in lower case.
    @ivar below: what is below these, each with a dot in front.
    """

    whole: frozenset[bytes]
    domains: frozenset[bytes]
    below: tuple[bytes, ...]

    @classmethod
    def of(cls, texts: tuple[str, ...]) -> _Addresses:
        """
        Read them.

        @param texts: as C{require_addresses} has them.
        """
        named = [text.lower().encode("utf-8") for text in texts]
        return cls(
            frozenset(each for each in named if b"@" in each),
            frozenset(each for each in named if b"@" not in each),
            tuple(each[1:] for each in named if each.startswith(b"*.")),
        )

    def has(self, path: bytes) -> bool:
        """Is this mailbox one of them?  The null path is not."""
        if path.lower() in self.whole:
            return True
        domain = domainOf(path)
        return domain in self.domains or domain.endswith(self.below)


class IRequireTLS(IServerExtension, IClientExtension, IQueueExtension):
    """REQUIRETLS (RFC 8689)."""


@implementer(IRequireTLS)
class RequireTLS:
    """
    The REQUIRETLS extension.

    @ivar options: the settings.
    @ivar honoured: is the promise kept by all that sends mail on from here?
    """

    name = "REQUIRETLS"
    requires: tuple[str, ...] = ()
    settings = RequireTLSSettings

    def __init__(
        self,
        settings: RequireTLSSettings = RequireTLSSettings(),
        *,
        honoured: bool = False,
    ) -> None:
        self.options = settings
        self.honoured = honoured
        self._parameter = Parameter[bool](
            b"REQUIRETLS", Where.MAIL, FLAG, self._receive, _send, of=(REQUIRED,)
        )
        self._addresses = _Addresses.of(settings.requireAddresses)

    def configured(self, settings: RequireTLSSettings) -> RequireTLS:
        """See L{smtpx.core.interfaces.IExtension}."""
        return RequireTLS(settings, honoured=self.honoured)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        if self.honoured:
            server.capability(CAPABILITY, self._advertise)
            server.parameter(self._parameter)
        if self.options.requireHosts.items or self.options.requireAddresses:
            server.review(Stage.RCPT, self._reviewed)
        server.header(b"TLS-Required", self._tlsRequired)
        server.control("requiretls", self._control)
        server.condition("requiretls", lambda session: _required(session.envelope))
        server.variable("requiretls", lambda session: _required(session.envelope))

    def _advertise(self, session: IServerSession) -> bool | None:
        if session.secured is not None and self._welcome(session):
            return True
        return None

    def _welcome(self, session: IServerSession) -> bool:
        hosts = self.options.tlsAdvertiseRequireTLS
        return hosts.matches(session.peer, clientNames(session))

    def _receive(
        self, session: IServerSession, bearer: Bearer, flag: bool
    ) -> Reply | None:
        if session.secured is None:
            return _NEEDS_TLS
        if not self._welcome(session):
            return UNKNOWN_PARAMETER
        _require(bearer)
        session.obliged = True
        return None

    def _reviewed(self, session: IServerSession, recipient: Recipient | None) -> None:
        """
        Oblige what the operator wants obliged (section 4.3 leaves that to policy).

        A bounce is not: nobody would hear of it where it cannot be sent so.
        """
        envelope = session.envelope
        assert envelope is not None and recipient is not None
        if not envelope.sender or _required(envelope):
            return
        has = self._addresses.has
        if (
            has(envelope.sender)
            or has(recipient.path)
            or self.options.requireHosts.matches(session.peer, clientNames(session))
        ):
            self._control(session)

    def _tlsRequired(self, session: IServerSession, value: bytes) -> None:
        # Section 3: this value only, at most once.  Section 4.1: the parameter
        # wins.
        envelope = session.envelope
        assert envelope is not None
        stamps = envelope.stamps
        if _SEEN in stamps:
            if OPTIONAL in stamps:
                del stamps[OPTIONAL]
            return
        stamps[_SEEN] = True
        if value.strip().lower() == b"no" and not stamps.get(REQUIRED):
            stamps[OPTIONAL] = True

    def _control(self, session: IServerSession) -> None:
        """
        Oblige a transaction of which the client has not said so, as Exim's
        C{control = requiretls} does.

        @raise UsageError: there is no transaction.
        """
        envelope = session.envelope
        if envelope is None:
            raise UsageError("requiretls is for a transaction, and there is none")
        _require(envelope)
        session.obliged = True

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(self._parameter, under=CAPABILITY)
        client.admit(when(self._admit, of=(REQUIRED,)))

    def _admit(self, session: IClientSession, envelope: Envelope) -> Refusal | None:
        # A UNIX socket is where the promise ends, as a mailbox is.
        if not _required(envelope) or session.target.local:
            return None
        # A report of ours goes without it where the route does not want it any more.
        if not _verified(session) and not envelope.stamp(REDACTED):
            return Refusal(_UNVERIFIED, Scope.HOST)
        if session.guessed:
            return Refusal(_GUESSED, Scope.SESSION)
        # A bounce is protected as its message was, but is not thrown away for want of
        # the keyword (section 5).
        if envelope.sender and not session.offered(CAPABILITY):
            return Refusal(_UNSUPPORTED, Scope.HOST)
        return None

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(REQUIRED)
        queue.stamp(OPTIONAL)
        queue.stamp(REDACTED)
        queue.constrain(self._constrain, of=(REQUIRED, OPTIONAL))
        queue.report(self._report, of=(REQUIRED, OPTIONAL))

    def _constrain(self, envelope: Envelope, policy: RoutePolicy) -> RoutePolicy:
        if _required(envelope):
            return evolve(
                policy,
                tls=TLSLevel.VERIFIED,
                lookup=max(policy.lookup, LookupLevel.MTASTS),
                # Section 5: what is redacted need not be protected, and a report is
                # not to be lost for want of that.
                waived=envelope.stamp(REDACTED) is True,
            )
        if envelope.stamp(OPTIONAL):
            return evolve(policy, lenient=True)
        return policy

    def _report(
        self, envelope: Envelope, recipient: Recipient, news: News
    ) -> ReportWish | None:
        if _required(envelope):
            # Section 5: RET=FULL is disregarded.
            return ReportWish(full=False, stampers=(_require, _redact))
        if envelope.stamp(OPTIONAL):
            return ReportWish(stampers=(_makeOptional,))
        return None


def _makeOptional(bearer: Bearer) -> None:
    bearer.stamps[OPTIONAL] = True
