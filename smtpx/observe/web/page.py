"""
The status page: how the server is, for people.

It needs no script.  Who wants to see it live has the browser load it again every
few seconds, by a link on the page; otherwise it stays as it is while it is read.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...spool.stock import SpoolState
from ...tls.states import CertificateState, StapleState
from ..activity import ACCEPTED, DELIVERED, REFUSED, SESSIONS
from ..harmless import visible
from ..history import Stretch
from ..talkers import Talker
from ..watch import Count, Status
from .layout import (
    amount,
    document,
    lasting,
    moment,
    nothing,
    octets,
    said,
    section,
    table,
)
from .markup import Content, Markup, tag
from .plots import Line, bar, plot
from .sending import sending
from .workers import workers

#: With less than this, the end of a certificate is an alarm, in seconds.
_SOON_SECONDS = 14 * 86_400

#: Likewise of a staple, which lasts days only.
_STAPLE_SOON_SECONDS = 86_400

_REFRESHES = (0, 5, 15, 60)


def statusPage(status: Status, refresh: int = 0) -> Markup:
    """
    The page.

    @param refresh: load it again after so many seconds; 0: never.
    """
    body = [
        _header(status, refresh),
        tag(
            "main",
            _alarm(status),
            _tiles(status),
            tag(
                "div",
                _messages(status),
                workers(status),
                sending(status),
                _refusals(status),
                _sessions(status),
                _listeners(status),
                _spool(status),
                _talkers("Peers that send", status.senders, status.now),
                _talkers("Peers that are refused", status.refused, status.now),
                _security(status),
                _certificates(status),
                class_="grid",
            ),
        ),
        _footer(status),
    ]
    return document(f"{status.name} – smtpx", body, refresh)


def _header(status: Status, refresh: int) -> Markup:
    ready = not status.unready
    links: list[Content] = [tag("span", "Refresh:")]
    for seconds in _REFRESHES:
        name = f"{seconds} s" if seconds else "off"
        href = f"?refresh={seconds}" if seconds else "./"
        current = "true" if seconds == refresh else None
        links.append(tag("a", name, href=href, aria_current=current))
    return tag(
        "header",
        tag("h1", status.name),
        tag(
            "p",
            tag(
                "span",
                "takes mail" if ready else "takes no mail",
                class_="badge good" if ready else "badge bad",
            ),
        ),
        tag("p", moment(status.now), class_="faint"),
        tag("nav", links, aria_label="Refresh"),
    )


def _alarm(status: Status) -> Content:
    if not status.unready:
        return None
    reasons = [tag("li", reason) for reason in status.unready]
    return tag(
        "div",
        tag("strong", "No messages are taken now:"),
        tag("ul", reasons),
        class_="alarm",
        role="status",
    )


def _tile(name: str, value: str, small: str = "") -> Markup:
    return tag(
        "div",
        tag("dt", name),
        tag("dd", value, tag("small", f" {small}") if small else None),
    )


def _tiles(status: Status) -> Markup:
    def hour(row: str) -> str:
        return amount(sum(status.hour[row].values))

    tiles = [
        _tile("accepted, last hour", hour(ACCEPTED)),
        _tile("delivered, last hour", hour(DELIVERED)),
        _tile("refused, last hour", hour(REFUSED)),
        _tile("sessions now", amount(status.sessionCount)),
    ]
    spool = status.spool
    if spool is not None:
        held = f"{amount(spool.held)} on hold" if spool.held else ""
        tiles.append(_tile("in the spool", amount(spool.messages), held))
        if spool.freeOctets is not None:
            tiles.append(_tile("disk free", octets(spool.freeOctets)))
    return tag("dl", tiles, class_="tiles")


def _both(
    status: Status, rows: Sequence[tuple[str, str, str]], peaks: bool = False
) -> Markup:
    """
    The plots of the last hour and the last day, side by side.

    @param rows: name of the row, words for it, colour.
    """

    def lines(stretches: dict[str, Stretch]) -> list[Line]:
        return [Line(words, colour, stretches[row]) for row, words, colour in rows]

    hour, day = ("at once",) * 2 if peaks else ("a minute", "in 5 minutes")
    return tag(
        "div",
        plot("Last hour", hour, lines(dict(status.hour)), peaks),
        plot("Last day", day, lines(dict(status.day)), peaks),
        class_="pair",
    )


def _legend(*entries: tuple[str, str]) -> Markup:
    spans = [tag("span", words, class_=colour) for words, colour in entries]
    return tag("p", spans, class_="legend")


def _messages(status: Status) -> Markup:
    return section(
        "Messages",
        [
            _legend(("accepted", "one"), ("delivered, for each recipient", "two")),
            _both(
                status, [(ACCEPTED, "accepted", "one"), (DELIVERED, "delivered", "two")]
            ),
            _facts(status),
        ],
        wide=True,
    )


def _facts(status: Status) -> Content:
    """What became of messages since the start, as a line."""
    words = [
        f"{amount(each.count)} accepted by {each.labels[0]}"
        for each in status.protocols
    ]
    words += [
        f"{amount(each.count)} {each.labels[1]} by {each.labels[0]}"
        for each in status.deliveries
    ]
    if not words:
        return None
    return tag("p", f"Since the start: {', '.join(words)}.", class_="none")


def _refusals(status: Status) -> Markup:
    content: list[Content] = [_both(status, [(REFUSED, "refused", "bad")])]
    most = max((each.count for each in status.refusals), default=0)
    if status.refusals:
        rows = [
            (
                tag("span", each.labels[0].replace("-", "–"), class_="mono"),
                tag("span", f"{each.labels[1]} {each.labels[2]}", class_="mono"),
                amount(each.count),
                bar(each.count, most, "bad"),
            )
            for each in status.refusals
        ]
        heads = ("Command", "Reply", "#Count", "")
        content.append(table("By reason, since the start", heads, rows))
    if status.turnedAway:
        words = ", ".join(
            f"{amount(each.count)} (bound on {_BOUNDS.get(each.labels[0], 'others')})"
            for each in status.turnedAway
        )
        content.append(tag("p", "Connections turned away: ", words, class_="none"))
    return section("Refusals", content, wide=True)


_BOUNDS = {"all": "all", "address": "an address", "network": "a network"}


def _sessions(status: Status) -> Markup:
    content: list[Content] = [
        _both(status, [(SESSIONS, "sessions", "one")], peaks=True)
    ]
    if status.sessions:
        rows = []
        for row in status.sessions:
            state = row.state
            rows.append(
                (
                    [
                        tag("span", visible(state.peer or b"unknown"), class_="mono"),
                        " ",
                        said(state.name),
                    ],
                    said(state.helo),
                    lasting(status.now - state.began),
                    state.tls or "no TLS",
                    said(state.identity),
                    amount(row.messages),
                    state.does,
                    *([] if row.worker is None else [amount(row.worker)]),
                )
            )
        heads = ["Client", "Called itself", "#For", "TLS", "User", "#Messages", "Now"]
        if status.workers:
            heads.append("#Worker")
        caption = f"{amount(status.sessionCount)} now"
        if len(status.sessions) < status.sessionCount:
            caption += f", of which the newest {len(status.sessions)}"
        content.append(table(caption, heads, rows))
    else:
        content.append(nothing("Nobody is here now."))
    return section("Sessions", content, wide=True)


def _listeners(status: Status) -> Markup:
    if not status.listeners:
        return section("Listeners", nothing("Nothing is known of them."))
    rows = [
        (
            tag("span", each.where, class_="mono"),
            each.tls,
            each.role,
            "open" if each.open else "closed",
            amount(count),
        )
        for each, count in status.listeners
    ]
    heads = ("Address", "TLS", "For", "Door", "#Sessions")
    return section("Listeners", table("", heads, rows))


def _fact(name: str, value: Content) -> list[Markup]:
    return [tag("dt", name), tag("dd", value)]


def _spool(status: Status) -> Markup:
    spool: SpoolState | None = status.spool
    if spool is None:
        return section("Spool", nothing("Nothing is known of it."))
    facts = [
        *_fact("waiting", f"{amount(spool.messages - spool.held)} messages"),
        *_fact("on hold", f"{amount(spool.held)} messages"),
        *_fact("size", octets(spool.octets)),
    ]
    if status.oldest is None or not spool.messages:
        # It is looked for now and then, and may have gone since.
        facts += _fact("oldest", "–")
    else:
        facts += _fact(
            "oldest",
            [lasting(status.now - status.oldest), ", since ", moment(status.oldest)],
        )
    if spool.freeOctets is not None:
        low = octets(spool.lowWaterOctets)
        free = octets(spool.freeOctets)
        facts += _fact("disk free", f"{free}; none is taken below {low}")
    return section("Spool", tag("dl", facts, class_="facts"))


def _talkers(title: str, talkers: Sequence[Talker], now: float) -> Markup:
    if not talkers:
        return section(title, nothing("None yet."))
    rows = [
        (
            tag("span", visible(each.address) or "unknown", class_="mono"),
            amount(each.messages),
            amount(each.refusals),
            amount(each.sessions),
            lasting(now - each.seen),
        )
        for each in talkers
    ]
    heads = ("Address", "#Messages", "#Refusals", "#Sessions", "#Last seen, ago")
    caption = "Whoever did so most of late is first; counts are since it was first seen"
    return section(title, table(caption, heads, rows))


def _security(status: Status) -> Markup:
    content: list[Content] = []

    def rows(counts: Sequence[Count], words: dict[str, str]) -> list[list[Content]]:
        most = max(each.count for each in counts)
        return [
            [
                each.labels[0],
                words.get(each.labels[1], each.labels[1]),
                amount(each.count),
                bar(each.count, most, "bad" if each.labels[1] == "bad" else "one"),
            ]
            for each in counts
        ]

    if status.handshakes:
        words = {"yes": "resumed", "no": "in full"}
        heads = ("Version", "Handshake", "#Count", "")
        content.append(table("TLS", heads, rows(status.handshakes, words)))
    else:
        content.append(nothing("No TLS handshakes yet."))
    if status.logins:
        heads = ("Mechanism", "Outcome", "#Count", "")
        content.append(table("Logins", heads, rows(status.logins, {})))
    return section("TLS and logins", content)


def _certificates(status: Status) -> Markup:
    if not status.certificates:
        return section("Certificates", nothing("There are none."))
    rows = []
    for each in sorted(status.certificates, key=lambda each: each.ends):
        ends = _end(each.ends.timestamp(), status.now, _SOON_SECONDS)
        rows.append((_names(each), ends, _staple(each.staple, status.now)))
    heads = ("Names", "Ends", "Its staple")
    return section("Certificates", table("", heads, rows))


def _names(state: CertificateState) -> Content:
    """Whose a certificate is, and what is wrong with it."""
    names = ", ".join(state.names[:5]) + ("…" if len(state.names) > 5 else "")
    return [names or str(state.file), _problem(state.problem)]


def _problem(problem: str | None) -> Content:
    return None if problem is None else tag("div", problem, class_="problem")


def _staple(state: StapleState | None, now: float) -> Content:
    if state is None:
        return "–"
    end: Content = "none"
    if state.ends is not None:
        end = ["ends ", _end(state.ends.timestamp(), now, _STAPLE_SOON_SECONDS)]
    return [end, _problem(state.problem)]


def _end(seconds: float, now: float, soon: float) -> Content:
    """When something ends; with less than C{soon} left it is an alarm."""
    left = seconds - now
    if left <= 0:
        return tag("span", "has ended", class_="badge bad")
    words = f"in {lasting(left)}"
    if left < soon:
        return tag("span", words, class_="badge bad")
    return words


def _footer(status: Status) -> Markup:
    return tag(
        "footer",
        tag("span", f"smtpx {status.version}".strip()),
        tag("span", "watched for ", lasting(status.now - status.began)),
        tag("a", f"traces ({amount(status.traces)})", href="traces"),
        tag("a", "metrics", href="metrics"),
        tag("a", "status.json", href="status.json"),
        tag("a", "ready", href="ready"),
        tag("a", "health", href="health"),
    )
