"""
The part of a delivery report that people read: what became of whose copy, what the
other host said, and whether anything more is done.

It is written for somebody who knows nothing of mail servers, and has what a
postmaster wants to know as well.  Recipients of whom there is the same to say share
a paragraph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from attrs import frozen

from ..core.hooks import Action
from ..spool.via import Cause
from .account import Account
from .deliverystatus import Heading, date
from .multipart import Part, text

_COLUMNS = 72

_NO_MORE = "It will not be tried again."

#: What is said of each kind of news: of one address, and of several.
_NEWS = {
    Action.FAILED: (
        f"Your message could not be delivered to the address below. {_NO_MORE}",
        f"Your message could not be delivered to the addresses below. {_NO_MORE}",
    ),
    Action.DELAYED: (
        "Your message has not reached the address below yet. This server goes on"
        " trying. You need not send it again.",
        "Your message has not reached the addresses below yet. This server goes on"
        " trying. You need not send it again.",
    ),
    Action.DELIVERED: (
        "Your message was delivered to the address below.",
        "Your message was delivered to the addresses below.",
    ),
    Action.RELAYED: (
        "Your message was handed to the mail server of the address below, which does"
        " not send confirmations. Nothing more may be heard of it.",
        "Your message was handed to the mail servers of the addresses below, which do"
        " not send confirmations. Nothing more may be heard of it.",
    ),
    Action.EXPANDED: (
        "Your message reached the address below, which stands for several others, and"
        " was sent on to them. Nothing more may be heard of it.",
        "Your message reached the addresses below, which stand for several others,"
        " and was sent on to them. Nothing more may be heard of it.",
    ),
}

#: What went wrong, where no host said anything.
_CAUSES = {
    Cause.CONNECT: "the mail server{} could not be reached",
    Cause.EARLY: "the mail server{} could not be reached",
    Cause.LOST: "the connection to the mail server{} was lost",
    Cause.TLS: (
        "the connection to the mail server{} could not be protected as it has to be"
    ),
    Cause.LOGIN: "the mail server{} did not let this server in",
    Cause.DNS: "where mail for it is to go could not be found out",
    Cause.EXPIRED: "the mail server{} did not take it",
    Cause.LOCAL: "this server was in trouble",
    Cause.OPERATOR: "the operator of this server gave it up",
}
_NO_IDEA = "this server cannot deliver it"


@frozen
class Original:
    """
    What people know a message by.

    @ivar subject: its subject; empty: it has none.
    @ivar attached: what of it is with the report: C{message}, or C{header}.
    """

    subject: str
    attached: str


def explanation(
    heading: Heading, accounts: Sequence[Account], original: Original
) -> Part:
    """The part."""
    blocks = [_wrapped(f"This is the mail server {heading.name}.")]
    for action in Action:
        ours = [each for each in accounts if each.action is action]
        if ours:
            blocks.append(_wrapped(_NEWS[action][len(ours) > 1]))
            blocks += _grouped(ours, heading)
    blocks.append(_footer(heading, original))
    # No line can be too long for a message: the parts are bounded.
    return text("\n".join(blocks), b"Explanation")


def _grouped(accounts: Iterable[Account], heading: Heading) -> Iterator[str]:
    """Paragraphs, one for all of whom there is the same to say."""
    groups: dict[str, list[Account]] = {}
    for each in accounts:
        groups.setdefault(_reason(each, heading), []).append(each)
    for reason, ours in groups.items():
        yield "".join(map(_addressed, ours)) + reason


def _addressed(account: Account) -> str:
    lines = f"<{account.address}>\n"
    for name, value in account.fields:
        # RFC 3464 section 2.3.1: what the sender wrote, if it was not that.
        _, semicolon, address = value.partition(";")
        if name.lower() == "original-recipient" and semicolon:
            address = address.strip()
            if address.lower() != account.address.lower():
                lines += f"    (to which your message to <{address}> was sent on)\n"
    if account.target is not None:
        lines += f"    (from where it was sent on to <{account.target}>)\n"
    return lines


def _reason(account: Account, heading: Heading) -> str:
    """Why, in indented lines; empty: there is nothing to say."""
    if account.action not in (Action.FAILED, Action.DELAYED):
        return ""
    began = ""
    if account.action is Action.DELAYED or account.cause is Cause.EXPIRED:
        tried = age(heading.attempted - heading.arrived)
        began = f"It has been tried for {tried} without success. The last time, "
    if account.said:
        who = f"the mail server {account.host}" if account.host else "this server"
        words = _indented(_sentence(f"{began}{who} said:"))
        words += "".join(f"        {line}\n" for line in account.said)
    else:
        host = f" {account.host}" if account.host else ""
        what = _CAUSES.get(account.cause, _NO_IDEA).format(host)
        why = f": {account.why}" if account.why else ""
        words = _indented(_sentence(f"{began}{what}{why}."))
    if account.action is Action.DELAYED and account.until is not None:
        words += _indented(f"It is tried until {date(account.until)}.")
    return words


def age(seconds: float) -> str:
    """A time as people say it."""
    for length, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{round(seconds / length)} {unit}"
    return "some moments"


def _footer(heading: Heading, original: Original) -> str:
    """What message it was, and who can help."""
    lines = "It was this message:\n"
    if original.subject:
        lines += f"    Subject: {original.subject}\n"
    lines += f"    Received here: {date(heading.arrived)}\n"
    lines += f"    Known here as: {heading.id}\n\n"
    return lines + _wrapped(
        f"The {original.attached} is attached. If you need help, send this report to"
        f" <postmaster@{heading.name}>, or to the person you wrote to by another way."
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _wrapped(words: str, indent: str = "") -> str:
    width = _COLUMNS - len(indent)
    lines = wrap(words, width, break_long_words=False, break_on_hyphens=False)
    return "".join(f"{indent}{line}\n" for line in lines)


def _indented(words: str) -> str:
    return _wrapped(words, "    ")


__all__ = ["Original", "age", "explanation"]
