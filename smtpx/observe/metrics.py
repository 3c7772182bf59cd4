"""
The metrics that a server has, declared: the catalogue for Prometheus.

Names, units and types follow Prometheus's own rules
(U{https://prometheus.io/docs/practices/naming/}): base units, the unit in the name,
C{_total} behind what only grows.  L{smtpx.observe.counters} counts events,
L{smtpx.observe.gauges} tells how things are when it is asked.

The values of labels are bounded, and none is chosen by a peer.  What has too many
is counted under L{smtpx.observe.series.OTHER}.

Names, labels and their meanings are stable: dashboards read them.  The manual's
page on the metrics is checked against this module.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen


class Kind(Enum):
    """What a metric is to Prometheus; the values are its own words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Merge(Enum):
    """
    What several workers tell of a gauge, as one number for the whole server.

    Counters and histograms are always added up.
    """

    SUM = "sum"
    LEAST = "least"
    GREATEST = "greatest"


@frozen
class Metric:
    """
    One metric.

    @ivar name: as Prometheus is told it.
    @ivar help: what it tells; one sentence, without a full stop.
    @ivar labels: what each of its labels means, by name.
    @ivar buckets: of a histogram, the upper bounds.
    @ivar merge: what becomes of what several workers tell.
    @ivar lasts: does it go on being so when the worker that told it is gone, as
        messages stay in its spool?
    """

    kind: Kind
    name: str
    help: str
    labels: dict[str, str] = field(factory=dict)
    buckets: tuple[float, ...] = ()
    merge: Merge = Merge.SUM
    lasts: bool = False


def _counter(name: str, help: str, **labels: str) -> Metric:
    return Metric(Kind.COUNTER, name, help, labels)


def _gauge(
    name: str,
    help: str,
    merge: Merge = Merge.SUM,
    lasts: bool = False,
    **labels: str,
) -> Metric:
    return Metric(Kind.GAUGE, name, help, labels, (), merge, lasts)


def _histogram(name: str, help: str, buckets: tuple[float, ...]) -> Metric:
    return Metric(Kind.HISTOGRAM, name, help, buckets=buckets)


_PORT = "our port, or the one that a PROXY header names"

# --- what has happened -------------------------------------------------------------

CONNECTIONS = _counter(
    "smtpx_connections_total", "Connections that were let in", port=_PORT
)
CONNECTIONS_REFUSED = _counter(
    "smtpx_connections_refused_total",
    "Connections that were refused because there are too many",
    bound="too many of what: ``all``, of one ``address`` or of one ``network``",
)
SESSION_SECONDS = _histogram(
    "smtpx_session_duration_seconds",
    "How long sessions lasted",
    (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800),
)
SESSIONS_ENDED = _counter(
    "smtpx_sessions_ended_total",
    "Sessions that have ended",
    ending="how, as in the event ``session.closed``; ``handshake``: there was no"
    " agreement on TLS",
)
SESSIONS_EARLY = _counter(
    "smtpx_sessions_early_total",
    "Sessions in which the client talked before the greeting",
    offered="had it been offered PIPECONNECT before: ``yes`` or ``no``",
)
PROXIES_REFUSED = _counter(
    "smtpx_proxy_connections_refused_total",
    "Connections that were ended because of their PROXY header, or for want of it",
)
HANDSHAKES = _counter(
    "smtpx_tls_handshakes_total",
    "TLS handshakes that were completed",
    version="of TLS, as OpenSSL spells it",
    resumed="was it a TLS session from before: ``yes`` or ``no``",
)
LOGINS = _counter(
    "smtpx_logins_total",
    "Logins that were tried",
    mechanism="the SASL mechanism, as registered",
    outcome="``good`` or ``bad``",
)
COMMANDS_REFUSED = _counter(
    "smtpx_commands_refused_total",
    "Commands, and messages, that were refused",
    verb="the first word of the command, or ``other``; ``-``: no command was the cause",
    code="the reply code",
    status="the enhanced status code; ``-``: the reply had none",
)
MESSAGES = _counter(
    "smtpx_messages_accepted_total",
    "Messages that were accepted",
    protocol="as in the Received field (RFC 3848), in lower case",
)
MILTERS = _counter(
    "smtpx_milter_deeds_total",
    "What milters did, besides letting mail go on",
    milter="what it is called in the configuration",
    stage="what it was told last, such as ``rcpt`` or ``end of message``",
    what="``refused``, ``discarded``, ``changed``, or ``away``",
)
AUTHENTICATIONS = _counter(
    "smtpx_authentication_results_total",
    "What was found out of messages that came in whole",
    method="``spf``, ``spf-guess``, ``dkim`` (once for each signature), ``arc`` or"
    " ``dmarc``",
    result="what it came to; of ``dmarc``, the words of ``dmarc_status``",
)
OPINIONS = _counter(
    "smtpx_checker_opinions_total",
    "Messages of which a checker was asked",
    checker="what it is called in the configuration",
    result="``known``, ``malware`` or ``spam`` where it has found that, ``too_large``,"
    " ``away``, ``slow`` or ``broken``",
)
OPINION_SECONDS = _histogram(
    "smtpx_checker_seconds",
    "How long checkers took, from the end of a message on",
    (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
)
RULINGS = _counter(
    "smtpx_rule_decisions_total",
    "Times that the rules of a stage were asked, by what they came to",
    stage="when: ``connect``, ``helo``, ``auth``, ``mail``, ``rcpt``, ``data`` or"
    " ``message``",
    rule="which rule decided, by its name or where it stands; ``-``: none",
    decision="``accepted``, ``rejected``, ``deferred``, ``discarded``, ``held``,"
    " ``quarantined``; ``none``: no rule decided; ``unsure``: what a rule asks could"
    " not be told",
)
GREYLIST = _counter(
    "smtpx_greylist_answers_total",
    "Times that a rule asked the greylist of a client",
    answer="``waits``: it has to come again; ``passed``: it came again; ``known``: it"
    " need not wait; ``away``: the greylist cannot be used",
)
DNS_LISTS = _counter(
    "smtpx_dns_list_answers_total",
    "Times that a DNS list was asked, where the session did not know the answer",
    list="the domain of the list",
    answer="``listed``, ``unlisted``; ``failed``: it could not be asked, or would not"
    " tell",
)
CAME_AGAIN = _counter(
    "smtpx_messages_again_total",
    "Messages that were there before, by their names (CHECKPOINT)",
    what="``repeated``: answered as the first time; ``resumed``: gone on with",
)
RECIPIENTS = _counter(
    "smtpx_recipients_accepted_total", "Recipients of messages that were accepted"
)
MESSAGE_BYTES = _histogram(
    "smtpx_message_size_bytes",
    "The size of messages that were accepted",
    tuple(float(1 << power) for power in (10, 12, 14, 16, 18, 20, 22, 24, 26)),
)
COMMIT_SECONDS = _histogram(
    "smtpx_commit_duration_seconds",
    "From the last octet of a message to the knowledge that it is on the disk",
    (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
DELIVERIES = _counter(
    "smtpx_deliveries_total",
    "Deliveries, one for each recipient, that were tried",
    transport="what takes it there",
    outcome="``delivered``, ``deferred`` or ``failed``",
)
DELIVERY_PROBLEMS = _counter(
    "smtpx_delivery_problems_total",
    "Deliveries, one for each recipient, that did not work, by what went wrong",
    outcome="``deferred`` or ``failed``",
    cause="as in the event ``message.deferred``",
)
DELIVERY_SECONDS = _histogram(
    "smtpx_delivery_duration_seconds",
    "How long it took to give a message to another host, from the beginning of the"
    " attempt to the final reply",
    (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300),
)
TRANSACTIONS = _counter(
    "smtpx_delivery_transactions_total",
    "Transactions by which messages were given to other hosts",
    connection="``new``, or ``reused``: it had been used for another message",
    version="of TLS, as OpenSSL spells it; ``-``: in the clear",
    resumed="was it a TLS session from before: ``yes`` or ``no``",
)
REPORTS = _counter(
    "smtpx_delivery_reports_total", "Delivery reports that were put into the spool"
)
DNS_QUESTIONS = _counter(
    "smtpx_dns_questions_total",
    "Questions for the DNS",
    kind="of record, such as ``MX``",
    outcome="``kept``: the answer was known already; ``answered``; ``nothing``: there"
    " is no such thing; or ``failed``",
)
DNS_SECONDS = _histogram(
    "smtpx_dns_duration_seconds",
    "How long it took to answer questions for the DNS whose answer was not known",
    (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
COMPLETED_SECONDS = _histogram(
    "smtpx_message_queue_duration_seconds",
    "From the acceptance of a message to the end of its last recipient",
    (0.01, 0.05, 0.25, 1, 5, 30, 120, 600, 3600, 21600, 86400, 432000),
)
MESSAGES_HELD = _counter(
    "smtpx_messages_held_total",
    "Messages that were put on hold",
    reason="``wished``, by the configuration or an operator, or ``stuck``: somebody"
    " has to act",
)
ALERTS = _counter(
    "smtpx_alerts_total",
    "Accounts that did too much, each time that the operator was told",
)
TROUBLES = _counter(
    "smtpx_errors_total",
    "Exceptions in our own program, or in somebody's extension or policy",
    owner="the extension, room or transport that it came out of",
)
REACTOR_SECONDS = _histogram(
    "smtpx_reactor_delay_seconds",
    "How much later than it was due a call of the reactor came, once a second",
    (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)

# --- how it is now -----------------------------------------------------------------

BUILD = _gauge(
    "smtpx_build_info",
    "Always 1; the labels tell which program this is",
    Merge.GREATEST,
    version="of smtpx",
    twisted="the version of Twisted",
    openssl="the version of OpenSSL",
)
READY = _gauge("smtpx_ready", "Are messages taken: 1; or not: 0", Merge.GREATEST)
SESSIONS = _gauge("smtpx_sessions", "Sessions that there are now", port=_PORT)
SPOOL_MESSAGES = _gauge("smtpx_spool_messages", "Messages in the spool", lasts=True)
SPOOL_HELD = _gauge(
    "smtpx_spool_held_messages", "Messages in the spool, on hold", lasts=True
)
SPOOL_PARKED = _gauge(
    "smtpx_spool_parked_messages",
    "Messages in the spool that wait for a busy destination, and are not on hold",
    lasts=True,
)
SPOOL_BYTES = _gauge(
    "smtpx_spool_size_bytes", "Octets of messages in the spool", lasts=True
)
SPOOL_FREE = _gauge(
    "smtpx_spool_free_bytes", "Room on the disk of the spool", Merge.LEAST
)
SPOOL_LOW = _gauge(
    "smtpx_spool_low_water_bytes",
    "With less room than that no message is taken",
    Merge.GREATEST,
)
SPOOL_OLDEST = _gauge(
    "smtpx_spool_oldest_message_timestamp_seconds",
    "When the oldest message in the spool came, since the epoch; absent: it is empty",
    Merge.LEAST,
    lasts=True,
)
DESTINATIONS = _gauge(
    "smtpx_destinations", "Destinations that messages are under way to"
)
ATTEMPTS = _gauge("smtpx_delivery_attempts", "Attempts to deliver that there are now")
ATTEMPTS_WAITING = _gauge(
    "smtpx_delivery_attempts_waiting",
    "Attempts that wait, in memory, until it is their destination's turn",
)
CLIENT_CONNECTIONS = _gauge(
    "smtpx_client_connections",
    "Connections to other hosts that there are now, idle or not",
)
KNOWLEDGE_NAMES = _gauge(
    "smtpx_peer_knowledge_names",
    "Names of peers by which something is known",
    Merge.GREATEST,
)
KNOWLEDGE_BYTES = _gauge(
    "smtpx_peer_knowledge_size_bytes",
    "How long all that is known of peers is",
    Merge.GREATEST,
)
CERTIFICATE_EXPIRY = _gauge(
    "smtpx_certificate_expiry_timestamp_seconds",
    "When a certificate ends, since the epoch",
    Merge.LEAST,
    certificate="its first host name",
)
STAPLE_EXPIRY = _gauge(
    "smtpx_ocsp_staple_expiry_timestamp_seconds",
    "When what is stapled to a certificate (OCSP) ends, since the epoch",
    Merge.LEAST,
    certificate="the first host name of the certificate",
)

# --- of several workers, and only there --------------------------------------------

_WORKER = "its number, from 1 on"

WORKERS = _gauge("smtpx_workers", "Workers that there are to be")
WORKERS_ANSWERED = _gauge(
    "smtpx_workers_answered",
    "Workers that told in time what stands here, with the one that was asked",
)
WORKER_READY = _gauge(
    "smtpx_worker_ready",
    "Does a worker take messages: 1; or not, or has it not answered: 0",
    worker=_WORKER,
)
WORKER_STARTS = _counter(
    "smtpx_worker_starts_total",
    "Starts of a worker, the first included",
    worker=_WORKER,
)

#: Those that only a server of several workers has.
OF_WORKERS = (WORKERS, WORKERS_ANSWERED, WORKER_READY, WORKER_STARTS)

#: All of them.
CATALOGUE = (
    CONNECTIONS,
    CONNECTIONS_REFUSED,
    SESSION_SECONDS,
    SESSIONS_ENDED,
    SESSIONS_EARLY,
    PROXIES_REFUSED,
    HANDSHAKES,
    LOGINS,
    COMMANDS_REFUSED,
    MESSAGES,
    MILTERS,
    AUTHENTICATIONS,
    OPINIONS,
    OPINION_SECONDS,
    RULINGS,
    GREYLIST,
    DNS_LISTS,
    CAME_AGAIN,
    RECIPIENTS,
    MESSAGE_BYTES,
    COMMIT_SECONDS,
    DELIVERIES,
    DELIVERY_PROBLEMS,
    DELIVERY_SECONDS,
    TRANSACTIONS,
    REPORTS,
    DNS_QUESTIONS,
    DNS_SECONDS,
    COMPLETED_SECONDS,
    MESSAGES_HELD,
    TROUBLES,
    ALERTS,
    REACTOR_SECONDS,
    BUILD,
    READY,
    SESSIONS,
    SPOOL_MESSAGES,
    SPOOL_HELD,
    SPOOL_PARKED,
    SPOOL_BYTES,
    SPOOL_FREE,
    SPOOL_LOW,
    SPOOL_OLDEST,
    DESTINATIONS,
    ATTEMPTS,
    ATTEMPTS_WAITING,
    CLIENT_CONNECTIONS,
    KNOWLEDGE_NAMES,
    KNOWLEDGE_BYTES,
    CERTIFICATE_EXPIRY,
    STAPLE_EXPIRY,
    *OF_WORKERS,
)
