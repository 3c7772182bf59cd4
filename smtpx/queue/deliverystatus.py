"""
The part of a delivery report that programs read (RFC 3464 section 2, RFC 3461
section 6.3, RFC 6533 section 4.1): C{message/delivery-status}.

To somebody whose address is beyond ASCII it is C{message/global-delivery-status},
in UTF-8.  To everybody else it is ASCII: addresses beyond it are spelled as RFC 6533
section 3 has it, and other text with escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.utils import formatdate

from attrs import frozen

from ..core.hooks import Action
from ..extensions.dsn import embedded, unembedded
from ..spool.via import Cause
from .account import Account
from .multipart import Part, plain

#: Where lines are folded, in octets (RFC 5322 section 2.1.1).
_FOLD = 78
#: The most octets of a word, and of a whole value.
_WORD_MOST = 900
_VALUE_MOST = 1000

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")

#: The name of our field of what went wrong and where.
DIAGNOSTIC = "X-Smtpx-Diagnostic"

#: Fields that RFC 3464 section 2.2 and section 2.3 have before all others.
_FIRST = "original-"


@frozen
class Heading:
    """
    What is said of the message as a whole.

    @ivar name: who reports: our name.
    @ivar id: the message's.
    @ivar arrived: when it came, in seconds since the epoch.
    @ivar attempted: when it was tried.
    @ivar fields: of extensions, by name.
    @ivar diagnostic: the name of the field of what went wrong and where.
    """

    name: str
    id: str
    arrived: float
    attempted: float
    fields: tuple[tuple[str, str], ...] = ()
    diagnostic: str = DIAGNOSTIC


def date(seconds: float) -> str:
    """
    A date of RFC 5322 section 3.3, with a numeric zone.

    @param seconds: since the epoch.
    """
    return formatdate(seconds, localtime=True)


def deliveryStatus(heading: Heading, accounts: Iterable[Account], utf8: bool) -> Part:
    """
    The part.

    @param utf8: may it have UTF-8?
    """
    groups = [_message(heading)]
    groups += [_recipient(each, heading, utf8) for each in accounts]
    octets = b"\r\n".join(
        b"".join(_field(name, value, utf8) for name, value in group) for group in groups
    )
    kind = b"message/global-delivery-status" if utf8 else b"message/delivery-status"
    return plain(kind, octets, b"Delivery report", utf8)


def _message(heading: Heading) -> Iterator[tuple[str, str]]:
    """Fields of the message (RFC 3464 section 2.2)."""
    yield from _those(heading.fields, True)
    # RFC 3461 section 6.3 (b): "dns" is for whole names.
    kind = "dns" if "." in heading.name else "x-local-hostname"
    yield "Reporting-MTA", f"{kind}; {heading.name}"
    yield "Arrival-Date", date(heading.arrived)
    yield "X-Smtpx-Message-Id", heading.id
    yield from _those(heading.fields, False)


def _recipient(
    account: Account, heading: Heading, utf8: bool
) -> Iterator[tuple[str, str]]:
    """Fields of a recipient (RFC 3464 section 2.3)."""
    for name, value in _those(account.fields, True):
        yield name, unembedded(value) if utf8 else value
    yield "Final-Recipient", _address(account.address, utf8)
    yield "Action", account.action.value
    yield "Status", ".".join(map(str, account.status))
    remote = account.remote
    if remote is not None:
        yield "Remote-MTA", f"dns; {remote.name or remote.words}"
    if remote is not None and remote.socket:
        # As Exim has it: several addresses may have that name.
        yield "Remote-MTA", f"X-ip; {remote.socket}"
    if account.said:
        # RFC 3461 section 9.2; each line has its code, so that none is lost.
        yield "Diagnostic-Code", "smtp; " + " ".join(account.said)
    elif account.why:
        yield "Diagnostic-Code", f"x-smtpx; {account.why}"
    if account.tried and account.cause is not Cause.EARLY:
        yield "Last-Attempt-Date", date(heading.attempted)
    if account.action is Action.DELAYED and account.until is not None:
        yield "Will-Retry-Until", date(account.until)
    if remote is not None and remote.greeting:
        yield "X-Remote-MTA-smtp-greeting", f"X-str; {remote.greeting}"
    if remote is not None and remote.hello:
        yield "X-Remote-MTA-helo-response", f"X-str; {remote.hello}"
    if account.diagnostic:
        yield heading.diagnostic, f"X-str; {account.diagnostic}"
    yield from _those(account.fields, False)


def _those(fields: Iterable[tuple[str, str]], first: bool) -> Iterator[tuple[str, str]]:
    """Fields that stand before all others, or the rest."""
    for name, value in fields:
        if name.lower().startswith(_FIRST) is first:
            yield name, value


def _address(address: str, utf8: bool) -> str:
    if address.isascii():
        return f"rfc822;{address}"
    return f"utf-8;{address if utf8 else embedded(address)}"


def _field(name: str, value: str, utf8: bool) -> bytes:
    """
    A field, folded, with its CRLF.

    @param value: whatever it has in it, it ends no line.
    """
    octets = value.encode("utf-8" if utf8 else "ascii", "backslashreplace")
    octets = _CONTROL.sub(b"?", octets)
    lines = [b"%b:" % name.encode("ascii")]
    length = 0
    for word in octets.split():
        word = word if len(word) <= _WORD_MOST else word[:_WORD_MOST] + b"..."
        length += len(word) + 1
        if length > _VALUE_MOST:
            word = b"..."
        if len(lines[-1]) + len(word) >= _FOLD and not lines[-1].endswith(b":"):
            lines.append(b"")
        lines[-1] += b" " + word
        if length > _VALUE_MOST:
            break
    return b"\r\n".join(lines) + b"\r\n"


__all__ = ["DIAGNOSTIC", "Heading", "date", "deliveryStatus"]
