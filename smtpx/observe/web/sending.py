"""
What leaves, on the status page.
"""

from __future__ import annotations

from ..harmless import visible
from ..watch import Count, Status
from .layout import amount, lasting, nothing, said, section, table
from .markup import Content, Markup, tag
from .plots import bar

#: What went wrong, in words.
_CAUSES = {
    "other": "something else",
    "local": "something of ours",
    "dns": "where it is to go cannot be found out",
    "connect": "no connection",
    "lost": "the connection was lost",
    "tls": "no TLS as it has to be",
    "login": "our login was refused",
    "session": "the host turned us away",
    "sender": "the sender was refused",
    "recipient": "the recipient was refused",
    "content": "the message was refused",
    "unfit": "the host would not do for the message",
    "early": "not tried: the host is in trouble",
    "expired": "it waited for too long",
    "operator": "an operator gave it up",
}


def sending(status: Status) -> Markup:
    """What is under way, where to, and what went wrong."""
    return section(
        "Sending",
        [
            _now(status),
            _destinations(status),
            _hosts(status),
            _problems(status),
            _last(status),
        ],
        wide=True,
    )


def _now(status: Status) -> Content:
    """What there is now, as a line."""
    words = []
    if status.spool is not None and status.spool.parked:
        words.append(f"{amount(status.spool.parked)} wait for a busy destination")
    if status.connections is not None:
        words.append(f"{amount(status.connections)} connections to other hosts")
    return tag("p", f"Now: {', '.join(words)}.", class_="none") if words else None


def _destinations(status: Status) -> Content:
    if not status.destinations:
        return nothing("Nothing is under way now.")
    rows = [
        (
            tag("span", visible(each.name), class_="mono"),
            amount(each.active),
            amount(each.waiting),
            "yes" if each.parked else "",
        )
        for each in status.destinations
    ]
    caption = f"{amount(status.destinationCount)} destinations now"
    if len(rows) < status.destinationCount:
        caption += f", of which the fullest {len(rows)}"
    heads = ("Destination", "#Attempts", "#Waiting", "More in the spool")
    return table(caption, heads, rows)


def _hosts(status: Status) -> Content:
    """Transactions with other hosts since the start."""
    if not status.transactions:
        return None
    most = max(each.count for each in status.transactions)
    rows = []
    for each in status.transactions:
        connection, version, resumed = each.labels
        how = "in the clear" if version == "-" else version
        rows.append(
            (
                connection,
                f"{how}, resumed" if resumed == "yes" else how,
                amount(each.count),
                bar(each.count, most, "two"),
            )
        )
    heads = ("Connection", "TLS", "#Count", "")
    return table("Given to other hosts, since the start", heads, rows)


def _problems(status: Status) -> Content:
    if not status.problems:
        return None
    most = max(each.count for each in status.problems)

    def row(each: Count) -> tuple[Content, ...]:
        outcome, cause = each.labels
        shown = bar(each.count, most, "bad" if outcome == "failed" else "one")
        return (outcome, _CAUSES.get(cause, cause), amount(each.count), shown)

    heads = ("Outcome", "Why", "#Count", "")
    return table("Deliveries that did not work", heads, map(row, status.problems))


def _last(status: Status) -> Content:
    if not status.lastProblems:
        return None
    rows = [
        (
            tag("span", each.message, class_="mono"),
            said(each.recipient),
            each.outcome,
            said(each.host),
            tag("bdi", visible(each.text, 300)),
            lasting(status.now - each.at),
        )
        for each in status.lastProblems
    ]
    heads = ("Message", "Recipient", "Outcome", "Host", "Why", "#Ago")
    return table("The last of them", heads, rows)


__all__ = ["sending"]
