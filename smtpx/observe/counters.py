"""
Events, counted: an observer that keeps a Prometheus registry.

In a program of one's own::

    registry = CollectorRegistry()
    publisher = Publisher([Counters(registry)])
    factory = SMTPServerFactory(reactor, receiver, journal=Journal(publisher))

What makes no event is counted where it happens: L{CountedAdmission} counts the
connections that are refused, L{TimedReceiver} how long it takes until a message is
on the disk.  Where nobody wants metrics, none of this is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from time import perf_counter
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProducer
from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.interfaces import IServerSession
from ..core.reply import Reply
from ..net.factory import IAdmission
from ..net.interfaces import IArrival, IReceiver, Taken
from ..spool.format import Outcome, SpooledMessage
from . import events, metrics
from .alerting import ALERTED
from .brief import Brief, IBriefed
from .event import Event
from .milters import MILTER_AWAY, MILTER_DID
from .naming import REPEATED, RESUMED
from .opinions import NO_OPINION, OPINION, verdictOf
from .policycounters import PolicyCounters
from .publisher import IListening, Listener
from .sendingcounters import SendingCounters
from .series import OTHER, Observed, Series, counter, histogram, series

T = TypeVar("T")

#: The commands that every server has (RFC 5321 section 4.1.1).
COMMANDS = frozenset(
    b"EHLO HELO LHLO MAIL RCPT DATA RSET NOOP QUIT VRFY EXPN HELP".split()
)

#: No command was the cause; there is no enhanced status code.
_NONE = "-"

#: Why a message is on hold.
_WISHED, _STUCK = "wished", "stuck"


#: Fields of events, and the methods whose results they are.
_METHODS = (
    ("spf", "spf"),
    ("spfGuess", "spf-guess"),
    ("arc", "arc"),
    ("dmarc", "dmarc"),
)


@implementer(ILogObserver, IListening, IBriefed)
class Counters:
    """
    Counts events.

    @ivar connections: that were let in, by port.
    @ivar ended: sessions, by how.
    @ivar early: those that began before the greeting, by whether that was offered.
    @ivar handshakes: of TLS, by version and whether it was resumed.
    @ivar logins: by mechanism and outcome.
    @ivar refused: commands, by verb, reply code and enhanced status.
    @ivar messages: that were accepted, by protocol.
    @ivar authentications: what was found out of messages, by method and result.
    @ivar opinions: of checkers, by whose and what.
    @ivar again: messages that were there before, by what became of them.
    @ivar deliveries: by transport and outcome.
    @ivar sending: what leaves for other hosts, and what goes wrong with that.
    @ivar policy: what rules come to, and what they ask.
    @ivar refusals: connections that were refused, by L{CountedAdmission}.
    @ivar commits: how long commits took, by L{TimedReceiver}.
    @ivar delays: how late the reactor is.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._verbs = {verb: verb.decode("ascii") for verb in COMMANDS}
        self._verbs[b""] = _NONE
        self.refusals = series(metrics.CONNECTIONS_REFUSED, registry)
        self.commits = histogram(metrics.COMMIT_SECONDS, registry)
        self.delays = histogram(metrics.REACTOR_SECONDS, registry)
        self.connections = series(metrics.CONNECTIONS, registry)
        self._sessionSeconds = histogram(metrics.SESSION_SECONDS, registry).observe
        self.ended = series(metrics.SESSIONS_ENDED, registry)
        self.early = series(metrics.SESSIONS_EARLY, registry)
        self._proxies = counter(metrics.PROXIES_REFUSED, registry).inc
        self.handshakes = series(metrics.HANDSHAKES, registry)
        self.logins = series(metrics.LOGINS, registry)
        self.refused = series(metrics.COMMANDS_REFUSED, registry)
        self.messages = series(metrics.MESSAGES, registry)
        self.authentications = series(metrics.AUTHENTICATIONS, registry)
        self.opinions = series(metrics.OPINIONS, registry)
        self._opinionSeconds = histogram(metrics.OPINION_SECONDS, registry).observe
        self.policy = PolicyCounters(registry)
        self._milters = series(metrics.MILTERS, registry)
        self.again = series(metrics.CAME_AGAIN, registry)
        self._recipients = counter(metrics.RECIPIENTS, registry)
        self._octets = histogram(metrics.MESSAGE_BYTES, registry).observe
        self.deliveries = series(metrics.DELIVERIES, registry)
        self.sending = SendingCounters(registry)
        self._queueSeconds = histogram(metrics.COMPLETED_SECONDS, registry).observe
        self._held = series(metrics.MESSAGES_HELD, registry)
        for reason in (_WISHED, _STUCK):
            self._held.begin(reason)
        self._troubles = series(metrics.TROUBLES, registry)
        self._alerts = counter(metrics.ALERTS, registry).inc
        self._on: dict[str, Callable[[LogEvent], None]] = {
            events.CONNECTED.name: self._onConnected,
            events.CLOSED.name: self._onClosed,
            events.PROXY_REFUSED.name: lambda event: self._proxies(),
            events.SECURED.name: self._onSecured,
            events.AUTHENTICATED.name: self._onAuthenticated,
            events.LOGIN_FAILED.name: self._onLoginFailed,
            events.REFUSED.name: self._onRefused,
            events.ACCEPTED.name: self._onAccepted,
            OPINION.name: self._onOpinion,
            NO_OPINION.name: self._onOpinion,
            REPEATED.name: lambda event: self.again.count("repeated"),
            RESUMED.name: lambda event: self.again.count("resumed"),
            events.DELIVERED.name: self._delivery("delivered", self.sending.delivered),
            events.DEFERRED.name: self._problem("deferred"),
            events.FAILED.name: self._problem("failed"),
            events.REPORTED.name: self.sending.reported,
            events.HELD.name: lambda event: self._held.count(_WISHED),
            events.STUCK.name: lambda event: self._held.count(_STUCK),
            events.COMPLETED.name: self._onCompleted,
            MILTER_DID.name: self._onMilter,
            MILTER_AWAY.name: self._onMilter,
            events.SESSION_TROUBLE.name: self._onTrouble,
            events.DELIVERY_TROUBLE.name: self._onTrouble,
            ALERTED.name: lambda event: self._alerts(),
        }

    def know(self, verbs: Iterable[bytes]) -> None:
        """
        Count refusals of these commands by name.  All others count as
        L{OTHER}: their names are a client's invention.

        @param verbs: those of the server's profile, C{profile.table}.
        """
        self._verbs |= {verb: verb.decode("ascii", "replace") for verb in verbs}

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        count = self._on.get(event.get("event", ""))
        if count is not None:
            count(event)

    def listener(self, event: Event) -> Listener | None:
        """See L{IListening}."""
        return self._on.get(event.name)

    # --- in short -----------------------------------------------------------------

    def brief(self, event: Event, fields: dict[str, object]) -> Brief | None:
        """See L{IBriefed}."""
        if event is events.ACCEPTED:
            return self._acceptedBrief(fields)
        if event is events.DELIVERED:
            return self._deliveredBrief(fields)
        queued = self._queueSeconds

        def completed(now: float, message: SpooledMessage) -> None:
            # As it is in the event.
            queued(max(0.0, round((now - message.arrived) * 1e6) / 1e6))

        return completed

    def _acceptedBrief(self, fields: dict[str, object]) -> Brief:
        counts, protocol = self.messages.values, str(fields["protocol"])
        key = self.messages.begin(protocol)
        recipients, octets = self._recipients, self._octets

        def accepted(
            now: float, id: str, envelope: Envelope, messageID: bytes | None
        ) -> None:
            counts[key] += 1
            recipients.value += len(envelope.recipients)
            octets(envelope.octets)

        return accepted

    def _deliveredBrief(self, fields: dict[str, object]) -> Brief:
        counts = self.deliveries.values
        key = self.deliveries.begin(str(fields["transport"]), "delivered")
        sent = self.sending.brief(fields)

        def delivered(
            now: float,
            message: SpooledMessage,
            path: bytes,
            outcome: Outcome,
            took: float,
        ) -> None:
            counts[key] += 1
            if sent is not None:
                sent(took)

        return delivered

    # --- each event -----------------------------------------------------------------

    def _onOpinion(self, event: LogEvent) -> None:
        self.opinions.count(event["checker"], verdictOf(event))
        self._opinionSeconds(max(0.0, event["seconds"]))

    def _onConnected(self, event: LogEvent) -> None:
        self.connections.count(str(event["localPort"]))

    def _onClosed(self, event: LogEvent) -> None:
        self.ended.count(event["ending"])
        if "early" in event:
            self.early.count("yes" if event["early"] == "offered" else "no")
        self._sessionSeconds(max(0.0, event["seconds"]))

    def _onSecured(self, event: LogEvent) -> None:
        self.handshakes.count(event["version"], "yes" if event["resumed"] else "no")

    def _onAuthenticated(self, event: LogEvent) -> None:
        self.logins.count(event["mechanism"], "good")

    def _onLoginFailed(self, event: LogEvent) -> None:
        self.logins.count(event["mechanism"], "bad")

    def _onRefused(self, event: LogEvent) -> None:
        word = event["command"].partition(b" ")[0].upper()
        verb = self._verbs.get(word, OTHER)
        self.refused.count(verb, str(event["code"]), event.get("status", _NONE))
        if "octets" in event:
            self._onChecked(event)

    def _onMilter(self, event: LogEvent) -> None:
        what = event.get("what", "away")
        self._milters.count(event["milter"], event["stage"], what)

    def _onAccepted(self, event: LogEvent) -> None:
        self.messages.count(event["protocol"])
        self._recipients.inc(len(event["recipients"]))
        self._octets(event["octets"])
        self._onChecked(event)

    def _onChecked(self, event: LogEvent) -> None:
        for field, method in _METHODS:
            if field in event:
                self.authentications.count(method, event[field])
        for one in event.get("dkim", ()):
            self.authentications.count("dkim", one["result"])

    def _delivery(
        self, outcome: str, more: Callable[[LogEvent], None]
    ) -> Callable[[LogEvent], None]:
        def count(event: LogEvent) -> None:
            self.deliveries.count(event["transport"], outcome)
            more(event)

        return count

    def _problem(self, outcome: str) -> Callable[[LogEvent], None]:
        return self._delivery(outcome, self.sending.problem(outcome))

    def _onCompleted(self, event: LogEvent) -> None:
        self._queueSeconds(max(0.0, event["seconds"]))

    def _onTrouble(self, event: LogEvent) -> None:
        self._troubles.count(event["owner"])


@implementer(IAdmission)
class CountedAdmission:
    """Counts the connections that another admission refuses."""

    def __init__(
        self, admission: IAdmission, refusals: Series, bounds: Mapping[Reply, str]
    ) -> None:
        """
        @param bounds: what each of its refusals is called, as the label.
        """
        self._admission = admission
        self._refusals = refusals
        self._bounds = bounds
        for bound in bounds.values():
            refusals.begin(bound)

    def enter(self, address: bytes) -> Reply | None:
        """See L{IAdmission}."""
        refusal = self._admission.enter(address)
        if refusal is not None:
            self._refusals.count(self._bounds.get(refusal, OTHER))
        return refusal

    def leave(self, address: bytes) -> None:
        """See L{IAdmission}."""
        self._admission.leave(address)


@implementer(IReceiver)
class TimedReceiver:
    """Measures how long another receiver needs for the last step of a message."""

    def __init__(
        self,
        receiver: IReceiver,
        seconds: Observed,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """
        @param clock: seconds since any time.
        """
        self._begin = receiver.begin
        self._observe = seconds.observe
        self._clock = clock

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        arrival = self._begin(session, envelope)
        if isinstance(arrival, Reply):
            return arrival
        return _TimedArrival(arrival, self._observe, self._clock)


@implementer(IArrival)
class _TimedArrival:
    """An arrival whose end is measured; everything else is its own."""

    __slots__ = ("_clock", "_finish", "_observe", "_own", "abort", "write")

    def __init__(
        self,
        arrival: IArrival,
        observe: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._own = arrival
        self.write = arrival.write
        self.abort = arrival.abort
        self._observe = observe
        self._clock = clock

    @property
    def id(self) -> str:
        """In the spool; empty: it has none."""
        return getattr(self._own, "id", "")

    @property
    def reread(self) -> Callable[[], Iterator[bytes]] | None:
        """Gives what there is of it; L{None}: nobody keeps it."""
        return getattr(self._own, "reread", None)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See L{IArrival}."""
        self._own.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """See L{IArrival}."""
        self._own.unregisterProducer()

    def finish(self, session: IServerSession, envelope: Envelope) -> Taken:
        """See L{IArrival}."""
        began = self._clock()
        answer: Any = self._own.finish(session, envelope)
        if isinstance(answer, Deferred):
            answer.addBoth(self._done, began)
        else:
            self._done(answer, began)
        found: Taken = answer
        return found

    def _done(self, answer: T, began: float) -> T:
        # What was refused took its time as well, and was not committed.
        if isinstance(answer, Reply) and answer.code < 400:
            self._observe(self._clock() - began)
        return answer
