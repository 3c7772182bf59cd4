"""
What operators are written of accounts that do too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.header import Header
from hashlib import sha256

from ..core.address import Mailbox
from ..policy.strangers.alerts import Alert
from ..queue.author import Author
from ..queue.deliverystatus import date
from ..queue.multipart import text

#: How many characters of an account, or a rate's name, are told.
_NAME_MOST = 200


def alertMail(
    alert: Alert, author: Author, to: Sequence[Mailbox], server: str
) -> bytes:
    """
    A message for the operator, with its header (RFC 3834 section 5: nobody is to answer
    it by itself).

    @param author: whom it is from, for people.
    @param server: what the server calls itself.
    """
    who = f"{_shown(alert.per)} {_shown(alert.account)}"
    identity = f"{alert.per} {alert.account} {alert.at}".encode()
    part = text(_words(alert, who, server), b"An alert")
    subject = f"Too much mail: {who}"
    if not who.isascii():
        # Words of 75 characters at most (RFC 2047 section 2).
        subject = Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n")
    lines = [
        b"From: " + author.field,
        b"To: " + b",\r\n\t".join(b"<%b>" % each.render() for each in to),
        f"Subject: {subject}".encode("ascii"),
        f"Date: {date(alert.at)}".encode("ascii"),
        f"Message-ID: <alert.{sha256(identity).hexdigest()[:32]}@{server}>".encode(),
        b"Auto-Submitted: auto-generated",
        b"MIME-Version: 1.0",
    ]
    return b"".join(line + b"\r\n" for line in lines) + part.octets


def _words(alert: Alert, who: str, server: str) -> str:
    """What it says."""
    lines = [
        f"On the mail server {server} somebody does too much:",
        "",
        f"  {who}",
        "",
        f"It has come to {alert.rate:.1f} {alert.what} in {alert.period}, and"
        f" {alert.limit:g} is too much",
        f"({_shown(alert.rule)}).",
        "",
    ]
    if alert.clients:
        lines.append("It came from:")
        lines.append("")
        lines += [
            f"  {_shown(address)}: {_times(times)}"
            for address, times in reversed(alert.clients)
        ]
        lines.append("")
    if alert.per == "user":
        lines.append("Somebody else may have the password.")
    lines += [
        "What becomes of such mail, the rules of the server decide.  You are not told",
        "of it again for a while, even if it goes on.",
    ]
    return "\n".join(lines) + "\n"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _shown(name: str) -> str:
    """A name that somebody else has chosen, on one line."""
    cut = name if len(name) <= _NAME_MOST else f"{name[:_NAME_MOST]}..."
    return "".join(each if each.isprintable() else "?" for each in cut)


__all__ = ["alertMail"]
