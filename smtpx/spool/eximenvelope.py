"""
Envelopes of ours as Exim has them (L{smtpx.spool.eximspool}), and Exim's as ours.

=================================  ====================================================
Ours                               Exim's
=================================  ====================================================
sender, recipients, arrival        likewise; the fraction of the second is a note
NOTIFY, ORCPT                      behind each recipient
RET, ENVID, SMTPUTF8               C{-dsn_ret}, C{-dsn_envid}, C{-smtputf8}
AUTH                               C{-auth_sender}
the client, from our Received      C{-helo_name}, C{-host_address}, C{-host_name},
                                   C{-received_protocol}
8BITMIME                           nothing: it looks at the body itself
on hold                            C{-frozen}
=================================  ====================================================

A note that nobody may pass over, such as that of REQUIRETLS, has no words in Exim's
format: L{unsaid} names it, and whoever sent the message is told rather than that it
is lost.  What else Exim noted, of spam or in variables of its access lists, is of no
use here and not taken over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from ..core.address import parsePath
from ..core.envelope import CRITICAL, Bearer, Envelope, Recipient, Stamp
from ..core.errors import Malformed
from ..core.trace import origin
from ..extensions.auth import SUBMITTER
from ..extensions.dsn import ENVID, NOTIFY, ORCPT, PARAMETERS as DSN_PARAMETERS, RET
from ..extensions.eightbitmimeconversion import EIGHTBIT
from ..extensions.smtputf8 import UTF8
from .eximspool import (
    DELETED,
    BadSpoolFile,
    EximMessage,
    EximRecipient,
    Setting,
)
from .format import SpooledMessage

#: The words of NOTIFY (RFC 3461 section 4.1), and Exim's bits for them.
_NOTIFY = {b"NEVER": 0x02, b"SUCCESS": 0x04, b"FAILURE": 0x08, b"DELAY": 0x10}

#: The words of RET (RFC 3461 section 4.3), and Exim's numbers for them.
_RETS = {b"FULL": 1, b"HDRS": 2}

_GRAMMARS = {each.keyword: each.grammar for each in DSN_PARAMETERS}


@frozen
class Owner:
    """
    Who wrote a file of ours, as Exim wants to know it.

    @ivar login: the name of the account.
    """

    login: bytes
    uid: int
    gid: int


@frozen
class Letter:
    """
    A message of ours that one of Exim's becomes.

    @ivar envelope: to whom it goes, with the notes that are known without its body.
    @ivar header: its header, with CRLFs.
    @ivar hold: why it is to be on hold; empty: it is not.
    """

    envelope: Envelope
    header: bytes
    hold: str = ""


# --- ours as Exim has them ---------------------------------------------------------


def unsaid(message: SpooledMessage, indices: Sequence[int]) -> tuple[str, ...]:
    """
    Notes that have to be heeded and cannot be said in Exim's format.

    @param indices: of the recipients it goes to.
    @return: the names that the spool has for them; empty: all can be said.
    """
    envelope = message.envelope
    names: list[str] = []
    bearers: list[Bearer] = [envelope]
    bearers += [envelope.recipients[index] for index in indices]
    for bearer in bearers:
        names += [n for n in bearer.dumpedStamps() if n.startswith(CRITICAL)]
    said = CRITICAL + UTF8.name
    return tuple(name for name in dict.fromkeys(names) if name != said)


def exported(
    message: SpooledMessage,
    indices: Sequence[int],
    owner: Owner,
    measures: Iterable[Setting] = (),
) -> EximMessage:
    """
    A message as Exim has it, without its header.

    @param indices: the recipients it is for.
    @param measures: what is known of its body.
    """
    envelope = message.envelope
    settings = [
        Setting(b"received_time_usec", b".%06d" % (message.arrived % 1 * 1_000_000)),
        *_client(message),
        *measures,
        *_notes(envelope),
    ]
    return EximMessage(
        id=message.id,
        login=owner.login,
        uid=owner.uid,
        gid=owner.gid,
        sender=envelope.sender,
        received=int(message.arrived),
        settings=tuple(settings),
        recipients=tuple([_exported(envelope.recipients[each]) for each in indices]),
    )


def _client(message: SpooledMessage) -> Iterator[Setting]:
    """Who the message came from."""
    found = origin(message.prefix)
    if found is None:
        yield Setting(b"received_protocol", b"local")
        return
    yield Setting(b"helo_name", found.helo, tainted=True)
    if found.address is not None:
        # The port is not known any more, and 0 says so.
        yield Setting(b"host_address", b"[%b]:0" % found.address, tainted=True)
        if found.name is not None:
            yield Setting(b"host_name", found.name, tainted=True)
    yield Setting(b"received_protocol", found.protocol)


def _notes(envelope: Envelope) -> Iterator[Setting]:
    """What extensions noted."""
    submitter = envelope.stamp(SUBMITTER)
    if submitter:
        yield Setting(b"auth_sender", submitter, tainted=True)
    yield Setting(b"deliver_firsttime")
    addresses = envelope.sender, *(each.path for each in envelope.recipients)
    if envelope.stamp(UTF8) or not all(each.isascii() for each in addresses):
        yield Setting(b"smtputf8")
    envid = envelope.stamp(ENVID)
    if envid is not None:
        yield Setting(b"dsn_envid", envid)
    ret = envelope.stamp(RET)
    if ret is not None:
        yield Setting(b"dsn_ret", b"%d" % _RETS[ret.upper()])


def _exported(recipient: Recipient) -> EximRecipient:
    notify = recipient.stamp(NOTIFY)
    flags = 0
    if notify is not None:
        for word in notify.upper().split(b","):
            flags |= _NOTIFY[word]
    return EximRecipient(recipient.path, recipient.stamp(ORCPT) or b"", flags)


# --- Exim's as ours ----------------------------------------------------------------


def imported(found: EximMessage, journal: frozenset[bytes]) -> tuple[Letter, ...]:
    """
    Messages of ours for one of Exim's: one, or more where recipients have senders of
    their own, or none where everybody has it.

    @param journal: addresses that have it and are not yet noted in C{found}.
    @raise BadSpoolFile: an address is none.
    """
    done = found.done | journal
    senders: dict[bytes, list[Recipient]] = {}
    for each in found.recipients:
        if each.path in done or _folded(each.path) in done:
            continue
        senders.setdefault(each.errorsTo or found.sender, []).append(_imported(each))
    header = b"".join(
        each.text.replace(b"\n", b"\r\n")
        for each in found.fields
        if each.kind != DELETED
    )
    hold = _hold(found)
    letters = []
    for sender, recipients in senders.items():
        envelope = Envelope(_mailbox(sender), _arrived(found), recipients)
        _stamp(envelope, found)
        letters.append(Letter(envelope, header, hold))
    return tuple(letters)


def declareEight(envelope: Envelope) -> None:
    """Note that a message has octets above 127; Exim does not say so."""
    envelope.stamps[EIGHTBIT] = True


def _folded(path: bytes) -> bytes:
    """An address as Exim notes it where there is no other: its domain in small."""
    local, at, domain = path.rpartition(b"@")
    return local + at + domain.lower()


def _mailbox(path: bytes) -> bytes:
    """
    See that an address is one; the null sender is.

    @raise BadSpoolFile: it is none.
    """
    try:
        if path:
            parsePath(b"<%b>" % path, utf8=True)
    except Malformed as error:
        # It may have anything in it, and what is said goes to terminals.
        raise BadSpoolFile(f"the address {path[:200]!r}: {error}") from error
    return path


def _imported(found: EximRecipient) -> Recipient:
    recipient = Recipient(_mailbox(found.path))
    words = [word for word, bit in _NOTIFY.items() if found.flags & bit]
    if words:
        _note(recipient, NOTIFY, b"NOTIFY", b",".join(words))
    if found.orcpt:
        _note(recipient, ORCPT, b"ORCPT", found.orcpt)
    return recipient


def _stamp(envelope: Envelope, found: EximMessage) -> None:
    """Put on it what Exim noted."""
    if found.has(b"smtputf8"):
        envelope.stamps[UTF8] = True
    envid = found.value(b"dsn_envid")
    if envid:
        _note(envelope, ENVID, b"ENVID", envid)
    rets = {b"%d" % number: word for word, number in _RETS.items()}
    ret = rets.get(found.value(b"dsn_ret") or b"")
    if ret is not None:
        envelope.stamps[RET] = ret
    submitter = found.value(b"auth_sender")
    if submitter:
        envelope.stamps[SUBMITTER] = submitter


def _note(bearer: Bearer, stamp: Stamp[bytes], keyword: bytes, value: bytes) -> None:
    """
    Note a parameter of DSN, unless it is one that Exim has let pass and we would not:
    a client that broke the grammar is told nothing it could recognise.
    """
    try:
        bearer.stamps[stamp] = _GRAMMARS[keyword].parse(value)
    except Malformed:
        return


def _arrived(found: EximMessage) -> float:
    """When Exim got it, in seconds since the epoch."""
    fraction = (found.value(b"received_time_usec") or b"").removeprefix(b".")
    if fraction.isdigit() and len(fraction) <= 6:
        return found.received + int(fraction) / 1_000_000
    return float(found.received)


def _hold(found: EximMessage) -> str:
    if found.has(b"frozen"):
        return "frozen in Exim's queue"
    # A test of Exim's: nothing was to be delivered.
    return "queued by Exim with -N" if found.has(b"N") else ""


__all__ = ["Letter", "Owner", "declareEight", "exported", "imported", "unsaid"]
