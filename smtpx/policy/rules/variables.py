"""
The variables that texts of rules can have, under the names that Exim gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import frozen

from ...core.address import domainOf, localPartOf
from ...core.trace import protocol
from ..dnslists.score import SCORE, Score
from .findings import DNS_SCORE
from .stages import RuleStage
from .subject import Need, Subject

#: Under what names conditions tell what they have found.
GREYLIST_SECONDS = "greylist_seconds"
GREYLIST_DELAYED = "greylist_delayed"
RATE, RATE_LIMIT = "sender_rate", "sender_rate_limit"
RATE_PERIOD = "sender_rate_period"

_CONNECT = RuleStage.CONNECT.onwards
_HELO = RuleStage.HELO.onwards
_MAIL = RuleStage.MAIL.onwards
_RCPT = frozenset({RuleStage.RCPT})
_MESSAGE = frozenset({RuleStage.MESSAGE})


@frozen
class Variable:
    """
    One variable.

    @ivar name: without its C{$}.
    @ivar stages: when it is known.
    @ivar help: what it is.
    @ivar read: gives it; text, octets, a number, or yes and no.  L{None}: there is
        none, and it is empty.
    @ivar need: what has to be found out before; L{None}: nothing.
    @ivar method: what has to be looked at for it
        (L{smtpx.policy.rules.findings.METHODS}); empty: nothing.
    """

    name: str
    stages: frozenset[RuleStage]
    help: str
    read: Callable[[Subject], object]
    need: Need | None = None
    method: str = ""


def _recipient(subject: Subject) -> bytes:
    assert subject.recipient is not None, "the stage is rcpt"
    return subject.recipient.path


_OURS = (
    Variable(
        "primary_hostname",
        _CONNECT,
        "What the server calls itself.",
        lambda subject: subject.session.name,
    ),
    Variable(
        "sender_host_address",
        _CONNECT,
        "The client's address.",
        lambda subject: subject.session.peer,
    ),
    Variable(
        "sender_host_name",
        _CONNECT,
        "The client's name, if it was looked up and leads back to its address.",
        lambda subject: subject.session.peerName,
    ),
    Variable(
        "helo_name",
        _HELO,
        "What the client calls itself.",
        lambda subject: subject.helo,
    ),
    Variable(
        "sender_helo_name",
        _HELO,
        "The same: Exim's name of it.",
        lambda subject: subject.helo,
    ),
    Variable(
        "received_protocol",
        _MAIL,
        "As in the ``Received`` field: ``esmtps``.",
        lambda subject: protocol(subject.session),
    ),
    Variable(
        "sender_address",
        _MAIL,
        "The sender of the envelope; empty: the null sender.",
        lambda subject: subject.envelope.sender,
    ),
    Variable(
        "sender_address_local_part",
        _MAIL,
        "What stands before its ``@``.",
        lambda subject: localPartOf(subject.envelope.sender),
    ),
    Variable(
        "sender_address_domain",
        _MAIL,
        "The domain of the sender.",
        lambda subject: domainOf(subject.envelope.sender),
    ),
    Variable("recipient", _RCPT, "The recipient.", _recipient),
    Variable(
        "local_part",
        _RCPT,
        "What stands before the ``@`` of the recipient.",
        lambda subject: localPartOf(_recipient(subject)),
    ),
    Variable(
        "domain",
        _RCPT,
        "The recipient's domain.",
        lambda subject: domainOf(_recipient(subject)),
    ),
    Variable(
        "recipients_count",
        RuleStage.DATA.onwards,
        "How many recipients there are.",
        lambda subject: len(subject.envelope.recipients),
    ),
    Variable(
        "message_size",
        _MESSAGE,
        "The size of the message, in octets.",
        lambda subject: subject.envelope.octets,
    ),
    Variable(
        "lookup_value",
        _CONNECT,
        "What the look-up that was asked last has found; empty: nothing.",
        lambda subject: subject.told.get("lookup_value"),
    ),
    Variable(
        "value",
        _CONNECT,
        "The same: Exim's name of it.",
        lambda subject: subject.told.get("lookup_value"),
    ),
)


def _score(subject: Subject) -> Score | None:
    return subject.session.stamps.get(SCORE)


_LISTS = (
    Variable(
        "dns_score",
        _CONNECT,
        "What the weighted DNS lists came to, when a rule with ``dns_score_over`` was"
        " asked last in this session.",
        lambda subject: (found := _score(subject)) and found.number,
        method=DNS_SCORE,
    ),
    Variable(
        "dns_score_lists",
        _CONNECT,
        "Those that had the client, with their weights.",
        lambda subject: (found := _score(subject)) and found.names,
        method=DNS_SCORE,
    ),
)


def _ofSPF(name: str, help: str, read: Callable[[Subject], object]) -> Variable:
    return Variable(name, _MAIL, help, read, Need.SPF, "spf")


_SPF = (
    _ofSPF(
        "spf_result",
        "What SPF has come to: one of the words that the condition ``spf`` takes.",
        lambda subject: subject.spf.result,
    ),
    _ofSPF(
        "spf_result_guessed",
        "Was it the best guess for a domain without a record?",
        lambda subject: subject.spf.guessed,
    ),
    _ofSPF(
        "spf_header_comment",
        "Why, for people who read the header.",
        lambda subject: subject.spf.comment,
    ),
    _ofSPF(
        "spf_received",
        "The whole field ``Received-SPF``, or ``X-SPF-Guess`` if it was guessed.",
        lambda subject: subject.spf.received,
    ),
    _ofSPF(
        "spf_smtp_comment",
        "What a client that is refused can be told.",
        lambda subject: subject.spf.smtpComment,
    ),
    _ofSPF(
        "spf_used_domain",
        "Whose record was asked for.",
        lambda subject: subject.spf.domain,
    ),
)


def _ofMessage(name: str, help: str, read: Callable[[Subject], object]) -> Variable:
    method = name.partition("_")[0]
    return Variable(name, _MESSAGE, help, read, Need.MESSAGE, method)


_AUTHENTICATION = (
    _ofMessage(
        "dkim_domains",
        "The domains whose signatures are good, with spaces between them.",
        lambda subject: " ".join(subject.message.dkimDomains or ()),
    ),
    _ofMessage(
        "arc_state",
        "The state of the chain of ARC.",
        lambda subject: subject.message.arcState,
    ),
    _ofMessage(
        "arc_state_reason",
        "Why it is not ``pass``.",
        lambda subject: subject.message.arcReason,
    ),
    _ofMessage(
        "arc_domains",
        "The domains of the chain, the oldest first, with colons between them.",
        lambda subject: ":".join(subject.message.arcDomains),
    ),
    _ofMessage(
        "arc_oldest_pass",
        "The number of the set since which the message was not changed; 0: since the"
        " first, or the chain does not pass.",
        lambda subject: subject.message.arcOldestPass,
    ),
    _ofMessage(
        "arc_oldest_pass_results",
        "The value of the ``ARC-Authentication-Results`` of that set.",
        lambda subject: subject.message.arcOldestResults,
    ),
    _ofMessage(
        "dmarc_status",
        "What DMARC has come to: one of the words that the condition takes.",
        lambda subject: subject.message.dmarcStatus,
    ),
    _ofMessage(
        "dmarc_status_text",
        "The same in a few words.",
        lambda subject: subject.message.dmarcText,
    ),
    _ofMessage(
        "dmarc_used_domain",
        "The domain whose record it was.",
        lambda subject: subject.message.dmarcDomain,
    ),
    _ofMessage(
        "dmarc_domain_policy",
        "What that domain wishes: ``none``, ``quarantine`` or ``reject``.",
        lambda subject: subject.message.dmarcPolicy,
    ),
    _ofMessage(
        "dmarc_alignment_spf",
        "Does the domain that SPF passed go with that of ``From``?",
        lambda subject: subject.message.alignedSPF,
    ),
    _ofMessage(
        "dmarc_alignment_dkim",
        "Does a domain that signed go with it?",
        lambda subject: subject.message.alignedDKIM,
    ),
)


def _opined(name: str, method: str, help: str) -> Variable:
    """What a checker finds out."""
    return Variable(
        name,
        _MESSAGE,
        help,
        lambda subject: subject.finding(name),
        Need.OPINIONS,
        method,
    )


_OPINIONS = (
    _opined("malware_name", "malware", "What a virus scanner has found, if anything."),
    _opined(
        "spam_score",
        "spam",
        "The score that a spam filter gives, in points: of the first of the"
        " configuration that has one, as all of these.",
    ),
    _opined("spam_score_int", "spam", "Ten times that, as a whole number."),
    _opined(
        "spam_bar",
        "spam",
        "A ``+`` for each point, or a ``-`` for each below zero, 50 at most; ``/`` for"
        " none.",
    ),
    _opined(
        "spam_threshold",
        "spam",
        "The score from which on the spam filter calls it spam.",
    ),
    _opined("spam_report", "spam", "What the spam filter tells of it."),
    _opined(
        "spam_action",
        "spam",
        "What the spam filter would do: of rspamd its own words, such as ``add"
        " header``, otherwise ``reject`` for spam and ``no action`` for the rest.",
    ),
    _opined(
        "dcc_result",
        "dcc",
        "What DCC says of the message: ``A`` (accept), ``S`` (for some recipients),"
        " ``R`` (reject), ``G`` (greylisted).",
    ),
    _opined(
        "dcc_header",
        "dcc",
        "The whole field ``X-DCC-...`` that it gives, if ``dccifd_options`` has"
        " ``header``.",
    ),
    _opined(
        "dcc_recipients",
        "dcc",
        "What it says of the recipients, a letter each, in their order.",
    ),
    _opined(
        "rspamd_symbols",
        "rspamd",
        "The symbols that rspamd has found, with spaces between them.",
    ),
    _opined(
        "rspamd_messages",
        "rspamd",
        "What rspamd would have the client be told.",
    ),
    _opined(
        "rspamd_subject",
        "rspamd",
        "The subject that rspamd would give it, if it wants that.",
    ),
)


def toldBy(name: str, stages: frozenset[RuleStage], help: str) -> Variable:
    """A variable that a condition fills in (L{Subject.told}); empty where none did."""
    return Variable(name, stages, help, lambda subject: subject.told.get(name))


_TOLD = (
    toldBy(
        "dnslist_domain",
        _CONNECT,
        "The DNS list for which the condition ``dnslists`` of this stage was true.",
    ),
    toldBy(
        "dnslist_matched",
        _CONNECT,
        "What was looked up in it: an address or a domain.",
    ),
    toldBy(
        "dnslist_value",
        _CONNECT,
        "What it answered; several with commas between them.",
    ),
    toldBy(
        "dnslist_text",
        _CONNECT,
        "What it says for people, such as where the client can have itself removed.",
    ),
)

_STRANGERS = (
    toldBy(
        GREYLIST_SECONDS,
        RuleStage.RCPT.onwards,
        "How long the client has to wait yet, in seconds, as the condition"
        " ``greylist`` has found; empty: it has not.",
    ),
    toldBy(
        GREYLIST_DELAYED,
        RuleStage.RCPT.onwards,
        "How long it has waited, in seconds, where it may send now because it has come"
        " again.",
    ),
    toldBy(
        RATE,
        _CONNECT,
        "How much there was in the period, as the condition ``rate`` that was asked"
        " last at this stage has found.",
    ),
    toldBy(RATE_LIMIT, _CONNECT, "From how much on it is too much."),
    toldBy(RATE_PERIOD, _CONNECT, "How long the period is, such as ``1h30m``."),
)

#: All that rules have by themselves, in the order of the manual.
VARIABLES: Mapping[str, Variable] = {
    each.name: each
    for each in (
        *_OURS,
        *_TOLD,
        *_LISTS,
        *_STRANGERS,
        *_SPF,
        *_AUTHENTICATION,
        *_OPINIONS,
    )
}


def ofExtensions(names: Iterable[str]) -> Mapping[str, Variable]:
    """
    Variables that extensions bring.

    @param names: what extensions call them.
    """

    def made(name: str) -> Variable:
        def read(subject: Subject) -> object:
            return subject.session.variable(name)

        return Variable(name, _HELO, "It is an extension's.", read)

    return {name: made(name) for name in names}


__all__ = ["VARIABLES", "Variable", "ofExtensions", "toldBy"]
