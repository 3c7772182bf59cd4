"""
DSN (RFC 3461): the sender says which delivery reports it wants.

Four parameters, and four notes that carry them through the queue: RET and ENVID
on MAIL, NOTIFY and ORCPT on RCPT.  What a relay passes on has to be what it got
(section 5.2.1), so the notes hold the values as they stood on the wire, and are
decoded only for a report.  A value that is not in the grammar is refused with
501, which is the only thing that the parameters may change about a reply
(section 5.1).

An ORCPT of type C{utf-8} (RFC 6533 section 3) may have UTF-8 in a transaction
with SMTPUTF8; for hosts and reports without it, it is spelled in ASCII.
"""

from __future__ import annotations

import re
from typing import Callable, Iterable

from attrs import evolve, field, frozen
from zope.interface import implementer

from ..core.envelope import (
    Bearer,
    Envelope,
    Recipient,
    Stamp,
    dumpOctets,
    loadOctets,
)
from ..core.grammar import KEYWORD, XTEXT, Grammar, Malformed
from ..core.hooks import Action, Capability, News, Parameter, ReportWish, Where
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
from ..core.reply import BAD_ARGUMENT, UNKNOWN_PARAMETER, Reply
from .smtputf8 import CAPABILITY as SMTPUTF8

CAPABILITY = Capability[bool](b"DSN", KEYWORD)

#: C{FULL} or C{HDRS}: what of the message a report of failure returns.
RET = Stamp[bytes]("dsn-ret", dumpOctets, loadOctets)
#: The sender's name for the transaction, as xtext.
ENVID = Stamp[bytes]("dsn-envid", dumpOctets, loadOctets)
#: C{NEVER}, or some of C{SUCCESS}, C{FAILURE}, C{DELAY} with commas between.
NOTIFY = Stamp[bytes]("dsn-notify", dumpOctets, loadOctets)
#: C{addr-type;xtext}: the recipient as the sender had it.
ORCPT = Stamp[bytes]("dsn-orcpt", dumpOctets, loadOctets)

#: Section 4.4 and section 4.2: the longest values, in characters.
ENVID_MAX = 100
ORCPT_MAX = 500

_EVENTS = frozenset({b"SUCCESS", b"FAILURE", b"DELAY"})
# RFC 822's atom, less "=", which no esmtp-value may have (RFC 5321 section 4.1.2).
_ADDRESS_TYPE = re.compile(rb"[A-Za-z0-9!#$%&'*+/?^_`{|}~-]+\Z")
_PRINTABLE = re.compile(rb"[\t -~]*\Z")
_UTF8_ADDRESS = re.compile(r"[!-<>-~\u00a0-\U0010ffff]+\Z")
_EMBEDDED = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
# What of a utf-8 address is not QCHAR, or is an EmbeddedUnicodeChar already.
_EMBED = re.compile(r"\\x\{[0-9A-F]{2,6}\}|[^!-*,-<>-\[\]-~]")


def _exactly(check: Callable[[bytes], object]) -> Grammar[bytes]:
    """
    The grammar of a value that is kept as it stood on the wire.

    @param check: raises L{Malformed} if it is not a good one.
    """

    def parse(value: bytes | None) -> bytes:
        if not value:
            raise Malformed("wants a value")
        check(value)
        return value

    return Grammar(parse, lambda value: value)


def _checkRet(value: bytes) -> None:
    if value.upper() not in (b"FULL", b"HDRS"):
        raise Malformed("wants FULL or HDRS")


def _readXtext(value: bytes) -> bytes:
    raw = XTEXT.parse(value)
    if _PRINTABLE.match(raw) is None:
        # It goes into a field of a report (section 4.2, section 4.4).
        raise Malformed("wants printable ASCII as xtext")
    return raw


def _checkEnvid(value: bytes) -> None:
    if len(value) > ENVID_MAX:
        raise Malformed("wants at most 100 characters")
    _readXtext(value)


def _checkNotify(value: bytes) -> None:
    words = value.upper().split(b",")
    if words == [b"NEVER"]:
        return
    if not _EVENTS.issuperset(words) or len(set(words)) < len(words):
        raise Malformed("wants NEVER or SUCCESS, FAILURE, DELAY")


def _readOrcpt(value: bytes) -> tuple[str, str]:
    """
    Take apart C{addr-type ";" xtext}.

    @return: the type, and the address in printable characters.
    @raise Malformed: not in the grammar, or too long.
    """
    kind, semicolon, address = value.partition(b";")
    if len(value) > ORCPT_MAX:
        raise Malformed("wants at most 500 characters")
    if not semicolon or not address or _ADDRESS_TYPE.match(kind) is None:
        raise Malformed("wants addr-type;xtext")
    if kind.lower() != b"utf-8":
        return kind.decode("ascii"), _readXtext(address).decode("ascii")
    try:
        text = address.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("wants an address in UTF-8") from None
    if _UTF8_ADDRESS.match(text) is None:
        raise Malformed("wants an address of RFC 6533")
    return "utf-8", text


def embedded(text: str) -> str:
    """
    A C{utf-8} address in ASCII: RFC 6533's utf-8-addr-xtext.
    """

    def embed(match: re.Match[str]) -> str:
        found = match[0]
        return found if len(found) > 1 else f"\\x{{{ord(found):02X}}}"

    return _EMBED.sub(embed, text)


def unembedded(text: str) -> str:
    """
    The inverse of L{embedded}, for reports that may have UTF-8 (RFC 6533 section
    4.1).  What stands for no character that can be in an address stays as it is.
    """

    def character(match: re.Match[str]) -> str:
        code = int(match[1], 16)
        good = code > 0x9F and not 0xD800 <= code < 0xE000 and code < 0x110000
        return chr(code) if good or 0x20 < code < 0x7F else match[0]

    return _EMBEDDED.sub(character, text)


def _receiver(
    stamp: Stamp[bytes],
) -> Callable[[IServerSession, Bearer, bytes], Reply | None]:
    def receive(session: IServerSession, bearer: Bearer, value: bytes) -> Reply | None:
        if not value.isascii() and not session.utf8Addresses:
            return BAD_ARGUMENT
        bearer.stamps[stamp] = value
        return None

    return receive


def _sender(
    stamp: Stamp[bytes],
) -> Callable[[IClientSession, Bearer], bytes | None]:
    def send(session: IClientSession, bearer: Bearer) -> bytes | None:
        value = bearer.stamp(stamp)
        if value is None or value.isascii() or session.offered(SMTPUTF8):
            return value
        kind, text = _readOrcpt(value)
        spelled = f"{kind};{embedded(text)}".encode("ascii")
        # What is too long would be refused, and the recipient with it.
        return spelled if len(spelled) <= ORCPT_MAX else None

    return send


#: On a recipient: does who sends the message wish to hear of delays from the next host
#: as well?  Set by an extension whose hook C{admit} sees the envelope.
TELL_DELAY = Stamp[bool]("dsn-tell-delay", None, bool)


def _sendNotify(session: IClientSession, bearer: Bearer) -> bytes | None:
    value = bearer.stamp(NOTIFY)
    if not bearer.stamp(TELL_DELAY):
        return value
    if value is None:
        return b"FAILURE,DELAY"
    words = value.upper().split(b",")
    return value if b"NEVER" in words or b"DELAY" in words else value + b",DELAY"


#: The four parameters; each value is what stands on the wire.
PARAMETERS = (
    Parameter[bytes](
        b"RET",
        Where.MAIL,
        _exactly(_checkRet),
        _receiver(RET),
        _sender(RET),
        of=(RET,),
    ),
    Parameter[bytes](
        b"ENVID",
        Where.MAIL,
        _exactly(_checkEnvid),
        _receiver(ENVID),
        _sender(ENVID),
        of=(ENVID,),
    ),
    Parameter[bytes](
        b"NOTIFY",
        Where.RCPT,
        _exactly(_checkNotify),
        _receiver(NOTIFY),
        _sendNotify,
        of=(NOTIFY, TELL_DELAY),
    ),
    Parameter[bytes](
        b"ORCPT",
        Where.RCPT,
        _exactly(_readOrcpt),
        _receiver(ORCPT),
        _sender(ORCPT),
        of=(ORCPT,),
    ),
)

_Receive = Callable[[IServerSession, Bearer, bytes], Reply | None]

_ASKS_FOR = {
    Action.FAILED: b"FAILURE",
    Action.DELAYED: b"DELAY",
}


def _redirect(recipient: Recipient, other: Recipient, several: bool) -> None:
    """
    Pass the notes on to one of those that an alias leads to.

    To a single one they are passed on as they are (section 5.2.7.2).  To several,
    as section 5.2.7.3 (c) has it: without C{SUCCESS}, of which the sender is told
    once, when the alias is expanded.  Without ORCPT, the one that a relay may add
    has the address that the client gave (section 5.2.1).
    """
    notify = recipient.stamp(NOTIFY)
    if several and notify is not None:
        events = [word for word in notify.split(b",") if word.upper() != b"SUCCESS"]
        other.stamps[NOTIFY] = b",".join(events) or b"NEVER"
    if ORCPT not in recipient.stamps:
        orcpt = _orcptOf(recipient.path)
        if len(orcpt) <= ORCPT_MAX:
            other.stamps[ORCPT] = orcpt


def _orcptOf(path: bytes) -> bytes:
    """A mailbox as the value of ORCPT; beyond ASCII as RFC 6533 section 3 has it."""
    if path.isascii():
        return b"rfc822;" + (XTEXT.render(path) or b"")
    return b"utf-8;" + embedded(path.decode("utf-8")).encode("ascii")


@frozen
class DSNSettings:
    """What an operator may set of DSN."""

    dsnAdvertiseHosts: HostList = field(
        default=HostList.parse(["*"]),
        metadata={
            "option": "dsn_advertise_hosts",
            "help": "The clients that are offered it.  Whoever is, can have reports of"
            " success sent to any address that he gives as the sender.",
        },
    )


class IDSN(IServerExtension, IClientExtension, IQueueExtension):
    """DSN (RFC 3461)."""


@implementer(IDSN)
class DSN:
    """
    The DSN extension.

    @ivar options: the settings.
    """

    name = "DSN"
    requires: tuple[str, ...] = ()
    settings = DSNSettings

    def __init__(self, settings: DSNSettings = DSNSettings()) -> None:
        self.options = settings

    def configured(self, settings: DSNSettings) -> DSN:
        """See L{smtpx.core.interfaces.IExtension}."""
        return DSN(settings)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, lambda session: self._welcome(session) or None)
        for parameter in PARAMETERS:
            server.parameter(evolve(parameter, receive=self._asked(parameter.receive)))

    def _welcome(self, session: IServerSession) -> bool:
        hosts = self.options.dsnAdvertiseHosts
        return hosts.matches(session.peer, clientNames(session))

    def _asked(self, receive: _Receive) -> _Receive:
        """
        @param receive: what is done where it was offered.
        """

        def received(
            session: IServerSession, bearer: Bearer, value: bytes
        ) -> Reply | None:
            if not self._welcome(session):
                return UNKNOWN_PARAMETER
            return receive(session, bearer, value)

        return received

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        for parameter in PARAMETERS:
            client.parameter(parameter, under=CAPABILITY)

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        for stamp in (RET, ENVID, NOTIFY, ORCPT):
            queue.stamp(stamp)
        queue.redirect(_redirect)
        queue.report(self._wish, of=(RET, NOTIFY))
        queue.fields(self._fields)

    def _wish(
        self, envelope: Envelope, recipient: Recipient, news: News
    ) -> ReportWish | None:
        if not envelope.sender:
            # Section 5.2: nobody to report to, whatever was asked for.
            return ReportWish(send=False)
        action = news.action
        ret = envelope.stamp(RET)
        full: bool | None = None
        if ret is not None and (ret.upper() != b"FULL" or action is Action.FAILED):
            # Section 4.3: FULL is about reports of failure only.
            full = ret.upper() == b"FULL"
        notify = recipient.stamp(NOTIFY)
        if notify is None:
            return None if full is None else ReportWish(full=full)
        words = notify.upper().split(b",")
        if action in (Action.FAILED, Action.DELAYED) or b"NEVER" in words:
            return ReportWish(_ASKS_FOR.get(action, b"SUCCESS") in words, full)
        # Section 5.2.1: a host that knows NOTIFY tells the rest.  Others may wish to
        # tell all the same (RFC 2852 section 4.1.4).
        told = b"SUCCESS" in words and CAPABILITY.keyword not in news.offers
        return ReportWish(True if told else None, full)

    def _fields(
        self, envelope: Envelope, recipient: Recipient | None
    ) -> Iterable[tuple[str, str]]:
        if recipient is None:
            envid = envelope.stamp(ENVID)
            if envid is not None:
                yield "Original-Envelope-Id", _readXtext(envid).decode("ascii")
            return
        orcpt = recipient.stamp(ORCPT)
        if orcpt is not None:
            kind, text = _readOrcpt(orcpt)
            if kind == "utf-8":
                text = embedded(text)
            yield "Original-Recipient", f"{kind};{text}"
