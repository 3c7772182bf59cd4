"""
The condition on who does too much in a time (L{smtpx.policy.strangers.rates}).

As with Exim's C{ratelimit}, something is counted once, however many rules ask how much
it is: a message once, a recipient once, a connection once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import cast

from attrs import evolve, field, frozen
from zope.interface import implementer

from ...core.address import domainOf
from ...core.envelope import Stamp
from ...core.errors import UsageError
from ...core.interfaces import IServerSession
from ..strangers.alerts import Alert, Alerts
from ..strangers.networks import Prefixes
from ..strangers.notes import note, noted
from ..strangers.pace import Mode, Pace, spelledPeriod
from ..strangers.rates import Meter, Rates
from ..strangers.refusals import Refusals
from .faults import Place, bad
from .interfaces import IWorded, Means, Test
from .stages import RuleStage
from .subject import Subject
from .texts import Text
from .variables import RATE, RATE_LIMIT, RATE_PERIOD

#: What a client's address and its network are, as C{[limits]} usually has it.
_ADDRESSES, _NETWORKS = Prefixes(32, 64), Prefixes(24, 48)

#: The rates of a session or a transaction by their names and keys, and whether they
#: are to be counted once the message was taken.
_Known = dict[tuple[str, str], tuple[float, bool]]
_KNOWN = Stamp[_Known]("policy.rates", None, lambda text: {})

#: How many of them are remembered: a client may stay, and be somebody else each time.
_KNOWN_MOST = 1000

_REFUSALS = "refusals"


class Count(Enum):
    """
    When something counts.

    @cvar ALWAYS: whenever a rule asks.
    @cvar ACCEPTED: once the message was taken.
    @cvar NEVER: it is only looked how much it is.
    """

    ALWAYS = "always"
    ACCEPTED = "accepted"
    NEVER = "never"


@frozen
class RateTerms:
    """
    How much is too much.

    @ivar per: Whose it is: C{client} (an IPv6 client is its /64), C{network} (/24 and
        /48), C{user}, C{sender}, C{sender_domain}, C{recipient}, C{domain} (the
        recipient's), or a text with variables.
    @ivar messages: From how many messages on it is too much; the sum is per period, as
        it is of those below, one of which is given.
    @ivar recipients: The same of recipients: one at C{rcpt}, behind it all there are.
    @ivar octets: The same of octets, once the message is there.
    @ivar connections: The same of connections.
    @ivar refusals: The same of senders and recipients that were refused for good.
    @ivar seconds: The period.
    @ivar mode: How what is too much counts: C{leaky} (not at all: who goes on may send
        as much as the limit permits), C{strict} (like everything else), or C{fixed}
        (likewise, and all begins anew with each period).
    @ivar count: When it counts: C{always}, once the message was C{accepted}, or
        C{never}: then it is only looked how much others have counted.
    @ivar alert: Is the operator to be told, once in a while for each account?
    @ivar name: What it is called; rates of one name, period and mode count together.
        If not given: what is counted, and whose it is.
    """

    per: str
    seconds: float
    messages: int | None = None
    recipients: int | None = None
    octets: int | None = None
    connections: int | None = None
    refusals: int | None = None
    mode: Mode = Mode.LEAKY
    count: Count = Count.ALWAYS
    alert: bool = False
    name: str = ""


#: When each can be told.
_WHAT = {
    "messages": RuleStage.MAIL.onwards,
    "recipients": RuleStage.RCPT.onwards,
    "octets": frozenset({RuleStage.MESSAGE}),
    "connections": RuleStage.CONNECT.onwards,
    _REFUSALS: RuleStage.CONNECT.onwards,
}


def _lower(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace").lower()


def _recipient(subject: Subject) -> bytes:
    assert subject.recipient is not None, "the stage is rcpt"
    return subject.recipient.path


def _user(session: IServerSession) -> str:
    identity = session.identity
    return "" if identity is None else identity.decode("utf-8", "backslashreplace")


#: Whose something can be that is of a session.
_OF_SESSION: dict[str, Callable[[IServerSession], str]] = {
    "client": lambda session: _ADDRESSES.network(session.peer),
    "network": lambda session: _NETWORKS.network(session.peer),
    "user": _user,
}

_RCPT = frozenset({RuleStage.RCPT})

#: Whose something can be, when that is known, and what tells it; empty: nobody's.
_PER: dict[str, tuple[frozenset[RuleStage], Callable[[Subject], str]]] = {
    "client": (
        RuleStage.CONNECT.onwards,
        lambda subject: _OF_SESSION["client"](subject.session),
    ),
    "network": (
        RuleStage.CONNECT.onwards,
        lambda subject: _OF_SESSION["network"](subject.session),
    ),
    "user": (RuleStage.MAIL.onwards, lambda subject: _user(subject.session)),
    "sender": (
        RuleStage.MAIL.onwards,
        lambda subject: _lower(subject.envelope.sender) or "<>",
    ),
    "sender_domain": (
        RuleStage.MAIL.onwards,
        lambda subject: _lower(domainOf(subject.envelope.sender)),
    ),
    "recipient": (_RCPT, lambda subject: _lower(_recipient(subject))),
    "domain": (_RCPT, lambda subject: _lower(domainOf(_recipient(subject)))),
}


@implementer(IWorded)
@frozen
class Rate:
    """
    Is it too much?

    @ivar terms: how much that is.
    @ivar what: what is counted.
    @ivar limit: from which on it is too much.
    @ivar meter: counts it.
    """

    terms: RateTerms
    what: str
    limit: int
    meter: Meter
    _text: Text | None = field(default=None, alias="text")

    name = "rate"

    @classmethod
    def make(cls, terms: RateTerms) -> Rate:
        """
        @raise BadRule: the terms make no sense.
        """
        given = [each for each in _WHAT if getattr(terms, each) is not None]
        if len(given) != 1:
            known = ", ".join(_WHAT)
            raise bad(f"expected one of {known}; got {', '.join(given) or 'none'}")
        (what,) = given
        if terms.per not in _PER and "$" not in terms.per:
            known = f"{', '.join(_PER)}, or a text with variables"
            raise bad(f"expected one of {known}", "per", word=terms.per, known=_PER)
        if what == _REFUSALS and terms.per not in _OF_SESSION:
            raise bad(f"of refusals it is one of {', '.join(_OF_SESSION)}", "per")
        if what in (_REFUSALS, "connections") and terms.count is Count.ACCEPTED:
            raise bad(f"{what} are of no message that could be accepted", "count")
        if terms.seconds < 1:
            raise bad("expected a second at least", "seconds")
        limit = cast(int, getattr(terms, what))
        pace = Pace(terms.seconds, terms.mode)
        named = terms.name or f"{what} per {terms.per}"
        meter = Meter(
            f"{named} in {spelledPeriod(terms.seconds)}, {terms.mode.value}", pace
        )
        return cls(terms, what, limit, meter)

    @property
    def stages(self) -> frozenset[RuleStage]:
        """When it can be told."""
        found = _PER.get(self.terms.per)
        return _WHAT[self.what] if found is None else _WHAT[self.what] & found[0]

    @property
    def sources(self) -> Sequence[tuple[Place, str]]:
        """See L{IWorded}."""
        return () if self.terms.per in _PER else [(("per",), self.terms.per)]

    def worded(self, texts: Sequence[Text]) -> Rate:
        """See L{IWorded}."""
        return evolve(self, text=texts[0]) if texts else self

    def keyOf(self, subject: Subject) -> str:
        """Whose it is; empty: nobody's."""
        if self._text is not None:
            return self._text.render(subject)
        return _PER[self.terms.per][1](subject)

    @property
    def refusals(self) -> Refusals | None:
        """The refusals that have to be counted for it; L{None}: it is not of such."""
        if self.what != _REFUSALS:
            return None
        return Refusals(self.meter, _OF_SESSION[self.terms.per], self.limit)

    def test(self, means: Means) -> Test:
        """See L{ICondition<smtpx.policy.rules.interfaces.ICondition>}."""
        rates, alerts = means.rates, None if means.isTrial else means.alerts
        limit, isTrial = self.limit, means.isTrial

        def ask(subject: Subject) -> bool:
            if rates is None:
                raise UsageError("nobody has lent rates")
            key = self.keyOf(subject)
            told = subject.told
            told[_TOLD] = key
            if not key:
                return False
            if alerts is not None and self.terms.alert:
                alerts.saw(self.terms.per, key, subject.session.peer)
            rate = self._rate(rates, subject, key, isTrial)
            told[RATE] = f"{rate:.1f}"
            told[RATE_LIMIT] = str(limit)
            told[RATE_PERIOD] = spelledPeriod(self.terms.seconds)
            if rate < limit:
                return False
            if alerts is not None and self.terms.alert:
                self._ring(alerts, key, rate, means.now())
            return True

        return ask

    def _rate(self, rates: Rates, subject: Subject, key: str, isTrial: bool) -> float:
        """How much it is, with what is asked about."""
        meter, count = self.meter, self.terms.count
        if self.what == _REFUSALS:
            return rates.look(meter, key, 0)
        known, place = self._known(subject), (meter.name, key)
        before = known.pop(place, None)
        if before is not None:
            # Behind all others.
            known[place] = before
            rate, later = before
            if later and self.what != "recipients":
                self._note(subject, key)
            return rate
        number = self._number(subject)
        if isTrial or count is Count.NEVER:
            return rates.look(meter, key, number)
        if count is Count.ACCEPTED:
            waiting = noted(subject.envelope, meter, key)
            rate = rates.look(meter, key, waiting + number)
            self._note(subject, key)
        else:
            rate = rates.count(meter, key, number, self.limit)
        if len(known) >= _KNOWN_MOST:
            del known[next(iter(known))]
        known[place] = rate, count is Count.ACCEPTED
        return rate

    def _note(self, subject: Subject, key: str) -> None:
        """
        Note that it counts once the message was taken.  Of a message each recipient
        has the note: those that are refused in the end take theirs with them.
        """
        bearer = subject.recipient or subject.envelope
        number, once = self._number(subject), self.what != "recipients"
        note(bearer, self.meter, key, number, self.limit, once)

    def _number(self, subject: Subject) -> int:
        """How much is asked about."""
        if self.what == "octets":
            return subject.envelope.octets
        if self.what == "recipients" and subject.recipient is None:
            return len(subject.envelope.recipients)
        return 1

    def _known(self, subject: Subject) -> _Known:
        """What has been counted of the same."""
        if self.what == "recipients" and subject.recipient is not None:
            stamps = subject.recipient.stamps
        elif self.what == "connections":
            stamps = subject.session.stamps
        else:
            stamps = subject.envelope.stamps
        found = stamps.get(_KNOWN)
        if found is None:
            found = stamps[_KNOWN] = {}
        return found

    def _ring(self, alerts: Alerts, key: str, rate: float, now: float) -> None:
        alerts.ring(
            Alert(
                self.terms.per,
                key,
                self.what,
                rate,
                self.limit,
                spelledPeriod(self.terms.seconds),
                self.meter.name,
                now,
            )
        )

    def shown(self, subject: Subject) -> str:
        """See L{ICondition<smtpx.policy.rules.interfaces.ICondition>}."""
        key = subject.told.get(_TOLD)
        if not key:
            return f"there is no {self.terms.per}"
        period = spelledPeriod(self.terms.seconds)
        rate = subject.told.get(RATE)
        return f"{key}: {rate} of {self.limit} {self.what} in {period}"


#: Under what name it is kept whose it was.
_TOLD = "rate_key"

__all__ = ["Count", "Rate", "RateTerms"]
