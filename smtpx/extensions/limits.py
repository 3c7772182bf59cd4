"""
LIMITS (RFC 9422): the server says how much it takes.

The server advertises the bounds that the core keeps anyway: recipients of a
transaction (RCPTMAX) and transactions of a session (MAILMAX).  One more is kept
here, where the operator wants it: how many different domains the recipients of
one session may have (RCPTDOMAINMAX).

The client hands what the peer said to the core, which then sends no more than
that at a time.  Of a peer that says nothing it is not known how many recipients it
takes; what is too many it refuses, and the rest follows in another transaction
(L{smtpx.core.effects.Settled}).  The limits are advice and not a promise: whoever
exceeds them is answered 4yz as before.
"""

from __future__ import annotations

import re

from attrs import evolve, field, frozen
from attrs.validators import and_, ge, le, optional
from zope.interface import implementer

from ..core.envelope import Recipient, Stamp
from ..core.grammar import Grammar
from ..core.hooks import BatchLimits, Capability, Stage
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.occasion import when
from ..core.reply import Reply, reply

TOO_MANY_DOMAINS = reply(452, "4.5.3", b"Too many recipient domains in one session")

#: Section 4: none of the limits can be above this, or below 1.
_MOST = 999_999
_VALUE = re.compile(rb"[1-9][0-9]{0,5}\Z")
# Section 3.1: limit-name-value, and one SP between two of them.
_WORD = rb"[A-Za-z0-9_-]+(?:=[!-:<-~]+)?"
_WORDS = re.compile(_WORD + rb"(?: " + _WORD + rb")*\Z")


def _parse(raw: bytes | None) -> BatchLimits:
    # Section 3.7: what is not in the grammar counts as not said, and so does a
    # limit that is not known or whose value is not a good one.
    if raw is None or _WORDS.match(raw) is None:
        return BatchLimits()
    found: dict[bytes, int] = {}
    for word in raw.split(b" "):
        name, _, value = word.partition(b"=")
        if _VALUE.match(value):
            found[name.upper()] = int(value)
    return BatchLimits(
        found.get(b"RCPTMAX"), found.get(b"MAILMAX"), found.get(b"RCPTDOMAINMAX")
    )


def _render(limits: BatchLimits) -> bytes | None:
    words = [
        b"%b=%d" % (name, value)
        for name, value in (
            (b"MAILMAX", limits.transactions),
            (b"RCPTMAX", limits.recipients),
            (b"RCPTDOMAINMAX", limits.domains),
        )
        if value is not None
    ]
    return b" ".join(words) or None


#: The limits of the peer; a limit that is not there is L{None}.
CAPABILITY = Capability[BatchLimits](b"LIMITS", Grammar(_parse, _render))

#: The recipients' domains that a session has named, in lower case.
_DOMAINS = Stamp[set[str]]("limits-domains", None, set)


def _expressible(limit: int | None) -> int | None:
    return limit if limit is not None and 1 <= limit <= _MOST else None


@frozen
class LimitsSettings:
    """What an operator may set of LIMITS."""

    recipientDomainsMax: int | None = field(
        default=None,
        validator=optional(and_(ge(1), le(_MOST))),
        metadata={
            "help": "How many different domains the recipients of one session may have."
        },
    )
    recipientsUnsaid: int = field(
        default=1000,
        # RFC 5321 section 4.5.3.1.8: everybody takes a hundred.
        validator=and_(ge(100), le(_MOST)),
        metadata={
            "help": "As a client, how many recipients a host is asked to take at a"
            " time that does not say how many it takes.",
            "least": 100,
        },
    )


class ILimits(IServerExtension, IClientExtension):
    """LIMITS (RFC 9422)."""


@implementer(ILimits)
class Limits:
    """
    The LIMITS extension.

    @ivar options: the settings.
    """

    name = "LIMITS"
    requires: tuple[str, ...] = ()
    settings = LimitsSettings

    def __init__(self, settings: LimitsSettings = LimitsSettings()) -> None:
        self.options = settings
        self._unsaid = BatchLimits(settings.recipientsUnsaid)

    def configured(self, settings: LimitsSettings) -> Limits:
        """See L{smtpx.core.interfaces.IExtension}."""
        return Limits(settings)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, self._advertise)
        if self.options.recipientDomainsMax is not None:
            server.review(Stage.RCPT, self._checkDomains)

    def _advertise(self, session: IServerSession) -> BatchLimits | None:
        found = BatchLimits(
            _expressible(session.recipientsMax),
            _expressible(session.transactionsMax),
            self.options.recipientDomainsMax,
        )
        return None if found == BatchLimits() else found

    def _checkDomains(
        self, session: IServerSession, recipient: Recipient | None
    ) -> Reply | None:
        assert recipient is not None
        _, at, domain = recipient.path.rpartition(b"@")
        if not at:
            # <postmaster> is of no domain (RFC 5321 section 4.5.1).
            return None
        domains = session.stamps.get(_DOMAINS)
        if domains is None:
            domains = session.stamps[_DOMAINS] = set()
        named = domain.decode("latin-1").lower()
        most = self.options.recipientDomainsMax
        assert most is not None
        if named not in domains:
            if len(domains) >= most:
                return TOO_MANY_DOMAINS
            domains.add(named)
        return None

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.batch(when(self._batch, lasting=True))

    def _batch(self, session: IClientSession) -> BatchLimits | None:
        said = session.offered(CAPABILITY)
        if said is None:
            # Mostly so.
            return self._unsaid
        if said.recipients is not None:
            return said
        return evolve(said, recipients=self.options.recipientsUnsaid)
