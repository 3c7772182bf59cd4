"""
Addresses as programs have them, and the envelope that comes of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from email.message import Message
from email.utils import getaddresses

from attrs import evolve, frozen

from ..core.address import Mailbox, parseMailbox
from ..core.envelope import Envelope, Recipient
from ..core.errors import Malformed, UsageError
from ..core.interfaces import IBody
from ..dns.idn import asciiDomain
from ..extensions.eightbitmime import EIGHTBIT
from ..extensions.smtputf8 import UTF8
from .content import Source, contentOf

#: An address: C{me@example.org}, without a name and without brackets.
Address = str | bytes


@frozen
class Addressed:
    """
    A message that is ready to go.

    @ivar envelope: who sends it to whom, with what it takes of a host.
    @ivar names: the recipients as the program spells them, in the envelope's order.
    @ivar body: the message.
    """

    envelope: Envelope
    names: tuple[str, ...]
    body: IBody


def mailbox(address: Address) -> Mailbox:
    """
    Read an address.  A domain beyond ASCII gets its other form (RFC 5890), so that
    SMTPUTF8 is needed for local parts only.

    @raise Malformed: it is none; the message says whose and why.
    """
    octets = address if isinstance(address, bytes) else address.encode("utf-8")
    try:
        found = parseMailbox(octets, utf8=True)
        if not found.domain.isascii():
            found = evolve(found, domain=asciiDomain(found.domain))
    except Malformed as error:
        raise Malformed(f"{spelled(address)!r} is no address: {error}") from None
    return found


def spelled(address: Address) -> str:
    """An address as text."""
    if isinstance(address, str):
        return address
    return address.decode("utf-8", "backslashreplace")


def senderOf(message: Source) -> str:
    """
    The sender that a message names: Sender, or else the first of From.

    @raise UsageError: it names none.
    """
    found = _named(message, "Sender") or _named(message, "From")
    if not found:
        raise UsageError("no sender was given, and the message names none")
    return found[0]


def recipientsOf(message: Source) -> list[str]:
    """
    The recipients that a message names, in To, Cc and Bcc.

    @raise UsageError: it names none.
    """
    found = _named(message, "To", "Cc", "Bcc")
    if not found:
        raise UsageError("no recipients were given, and the message names none")
    return found


def _named(message: Source, *fields: str) -> list[str]:
    if not isinstance(message, Message):
        return []
    texts = [str(text) for field in fields for text in message.get_all(field, ())]
    found = [address for _, address in getaddresses(texts) if address]
    return list(dict.fromkeys(found))


def addressed(
    sender: Address, recipients: Address | Iterable[Address], now: float
) -> tuple[Envelope, tuple[str, ...]]:
    """
    Make an envelope.

    @param sender: empty: none, as reports have it.
    @param recipients: one, or several; each gets the message once.
    @param now: seconds since the epoch.
    @raise Malformed: an address is none.
    @return: and the recipients as the program spells them, in its order.
    @raise UsageError: there is nobody to send to.
    """
    if isinstance(recipients, str | bytes):
        recipients = [recipients]
    names = list(dict.fromkeys(spelled(each) for each in recipients))
    if not names:
        raise UsageError("there is nobody to send to")
    boxes = [mailbox(name) for name in names]
    reverse = mailbox(sender) if sender else None
    envelope = Envelope(
        reverse.render() if reverse else b"",
        now,
        [Recipient(box.render()) for box in boxes],
    )
    if any(box.utf8 for box in boxes) or (reverse is not None and reverse.utf8):
        envelope.stamps[UTF8] = True
    return envelope, tuple(names)


def prepared(
    sender: Address | None,
    recipients: Address | Iterable[Address] | None,
    message: Source,
    now: float,
) -> Addressed:
    """
    Make a message ready to go.

    @param sender: see L{addressed}; L{None}: whoever the message names.
    @param recipients: see L{addressed}; L{None}: whomever the message names.
    @param message: see L{contentOf}.
    @raise Malformed: an address is none.
    @raise UsageError: there is nobody to send to, or nobody who sends.
    @raise TypeError: there is no message.
    """
    reverse = senderOf(message) if sender is None else sender
    to = recipientsOf(message) if recipients is None else recipients
    envelope, names = addressed(reverse, to, now)
    content = contentOf(message, UTF8 in envelope.stamps)
    envelope.octets = content.body.octets
    if content.eightBit:
        envelope.stamps[EIGHTBIT] = True
    if content.utf8:
        envelope.stamps[UTF8] = True
    return Addressed(envelope, names, content.body)


__all__ = ["Address", "Addressed", "addressed", "mailbox", "prepared", "spelled"]
