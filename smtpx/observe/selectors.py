"""
What the main log shows: selectors, under Exim's names.

A choice is a list of items, read from the first on: C{+name} (or C{name}) adds to
what is shown anyway, C{-name} takes away, C{all} is all there are.

Selectors of Exim's that have nothing to select here are known by name
(L{NOT_HERE}), so that an operator who comes from there is told why.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Selector(Enum):
    """What can be chosen."""

    ARC = "arc"
    CONNECTION_ID = "connection_id"
    CONNECTION_REJECT = "connection_reject"
    DELIVER_TIME = "deliver_time"
    DELIVERY_SIZE = "delivery_size"
    DKIM = "dkim"
    DKIM_VERBOSE = "dkim_verbose"
    DMARC = "dmarc"
    DMARC_VERBOSE = "dmarc_verbose"
    EIGHTBITMIME = "8bitmime"
    INCOMING_INTERFACE = "incoming_interface"
    INCOMING_PORT = "incoming_port"
    LOST_INCOMING_CONNECTION = "lost_incoming_connection"
    MILLISEC = "millisec"
    MSG_ID = "msg_id"
    MSG_ID_CREATED = "msg_id_created"
    OUTGOING_INTERFACE = "outgoing_interface"
    OUTGOING_PORT = "outgoing_port"
    PID = "pid"
    PIPELINING = "pipelining"
    PROXY = "proxy"
    QUEUE_TIME = "queue_time"
    QUEUE_TIME_OVERALL = "queue_time_overall"
    RECEIVE_TIME = "receive_time"
    RECEIVED_RECIPIENTS = "received_recipients"
    RECEIVED_SENDER = "received_sender"
    RETRY_DEFER = "retry_defer"
    RETURN_PATH_ON_DELIVERY = "return_path_on_delivery"
    SENDER_ON_DELIVERY = "sender_on_delivery"
    SIZE_REJECT = "size_reject"
    SMTP_CONFIRMATION = "smtp_confirmation"
    SMTP_CONNECTION = "smtp_connection"
    SMTP_MAILAUTH = "smtp_mailauth"
    SMTP_NO_MAIL = "smtp_no_mail"
    SMTP_PROTOCOL_ERROR = "smtp_protocol_error"
    SMTP_SYNTAX_ERROR = "smtp_syntax_error"
    SPF = "spf"
    SPF_VERBOSE = "spf_verbose"
    SUBJECT = "subject"
    TLS_CERTIFICATE_VERIFIED = "tls_certificate_verified"
    TLS_CIPHER = "tls_cipher"
    TLS_ON_CONNECT = "tls_on_connect"
    TLS_PEERDN = "tls_peerdn"
    TLS_RESUMPTION = "tls_resumption"
    TLS_SNI = "tls_sni"

    #: It is asked for each line whether some are chosen, and C{Enum} has a function in
    #: Python for it.
    __hash__ = object.__hash__


#: What is shown unless somebody chooses: as in Exim.
DEFAULT_SELECTORS = frozenset(
    {
        Selector.CONNECTION_REJECT,
        Selector.DKIM,
        Selector.LOST_INCOMING_CONNECTION,
        Selector.MSG_ID,
        Selector.OUTGOING_INTERFACE,
        Selector.RETRY_DEFER,
        Selector.SIZE_REJECT,
        Selector.SMTP_CONFIRMATION,
        Selector.TLS_CERTIFICATE_VERIFIED,
        Selector.TLS_CIPHER,
    }
)

_NO_SUCH_PART = "what it shows does not exist here"
_NOT_YET = "it is not shown yet"

#: Selectors of Exim's that we do not have, and why.
NOT_HERE = {
    "acl_warn_skipped": _NO_SUCH_PART,
    "address_rewrite": _NO_SUCH_PART,
    "all_parents": _NOT_YET,
    "arguments": _NO_SUCH_PART,
    "delay_delivery": _NO_SUCH_PART,
    "dnslist_defer": _NOT_YET,
    "dnssec": _NOT_YET,
    "etrn": _NO_SUCH_PART,
    "host_lookup_failed": _NOT_YET,
    "ident_timeout": _NO_SUCH_PART,
    "protocol_detail": _NOT_YET,
    "queue_run": _NO_SUCH_PART,
    "queue_time_exclusive": _NOT_YET,
    "rejected_header": "there is no log of refused messages' headers",
    "sender_verify_fail": _NOT_YET,
    "skip_delivery": _NO_SUCH_PART,
    "smtp_incomplete_transaction": _NOT_YET,
    "unknown_in_list": _NO_SUCH_PART,
}


def parseSelectors(items: Iterable[str]) -> frozenset[Selector]:
    """
    Read a choice.

    @raise ValueError: there is no such selector; the text names it, and says why
        not where Exim has it.
    """
    chosen = set(DEFAULT_SELECTORS)
    for item in items:
        name = item.lstrip("+-")
        if name in NOT_HERE:
            raise ValueError(f'Exim\'s selector "{name}": {NOT_HERE[name]}')
        found = set(Selector) if name == "all" else {Selector(name)}
        chosen = chosen - found if item.startswith("-") else chosen | found
    return frozenset(chosen)


__all__ = ["DEFAULT_SELECTORS", "NOT_HERE", "Selector", "parseSelectors"]
