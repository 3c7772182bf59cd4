"""
Traces of single sessions, for people: a list, and each as a ladder of flights.

The client is on the left and the server on the right, whichever of them we are; an
arrow is what one side sent before the other did.  What stands beside it was made
harmless, and what is secret is not in it (L{smtpx.observe.trace}).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..ladder import handshake
from ..trace import Direction, Flight, HandshakeStep, SessionTrace, Step, TraceLine
from .layout import amount, document, lasting, moment, nothing, section, table
from .markup import Content, Markup, tag

#: From how many seconds on a silence is to be seen, and how wide it is then.
_SILENCES = ((1.0, "long"), (0.1, "some"), (0.02, "short"))


def tracesPage(name: str, traces: Sequence[TraceLine], now: float) -> Markup:
    """
    All traces that there are.

    @param name: the server's.
    @param traces: the newest first.
    @param now: seconds since the epoch.
    """
    content: Content
    if traces:
        rows = [_line(each) for each in traces]
        heads = ["Began", "Peer", "Traced for", "End", "#Took", "#In", "#Out"]
        if traces[0].worker is not None:
            heads.append("#Worker")
        ago = lasting(now - traces[0].began)
        caption = f"The newest first, it began {ago} ago; in and out are octets"
        content = table(caption, heads, rows)
    else:
        content = nothing("No session was traced since the start.")
    body = [_header("Traces", "./", name), tag("main", section("Sessions", content))]
    return document(f"Traces – {name} – smtpx", body)


def _line(trace: TraceLine) -> list[Content]:
    row: list[Content] = [
        tag("a", moment(trace.began), href=f"trace/{trace.session}"),
        ["to " if trace.outgoing else "from ", _peer(trace)],
        trace.why,
        trace.end,
        f"{trace.seconds:.3f} s",
        amount(trace.octetsIn),
        amount(trace.octetsOut),
    ]
    return row if trace.worker is None else [*row, amount(trace.worker)]


def tracePage(name: str, trace: SessionTrace) -> Markup:
    """
    One trace.

    @param name: the server's.
    """
    peer = "server" if trace.outgoing else "client"
    ours: list[Content] = [_at(trace.local, trace.localPort)]
    if trace.outgoing:
        ours.append(" (this is us)")
    facts = [
        _fact("began", moment(trace.began)),
        _fact("client", ours if trace.outgoing else _peer(trace)),
        _fact("server", _peer(trace) if trace.outgoing else ours),
        _fact("traced for", trace.why),
        _fact("ended", f"{trace.end}, after {trace.seconds:.3f} s"),
        _fact(
            "octets",
            f"{amount(trace.octetsIn)} from the {peer},"
            f" {amount(trace.octetsOut)} from us",
        ),
    ]
    rungs = list(_rungs(trace))
    if trace.omitted:
        left = f"{amount(trace.omitted)} more lines are left out"
        rungs.append(tag("li", tag("p", left), class_="remark"))
    body = [
        _header(f"Session {trace.session}", "../traces", "Traces"),
        tag(
            "main",
            section("What it was", tag("dl", facts, class_="facts")),
            section(
                "What was said",
                [
                    tag(
                        "p",
                        tag("span", "client"),
                        tag("span", "server"),
                        class_="sides",
                        aria_hidden="true",
                    ),
                    tag("ol", rungs, class_="ladder"),
                ],
            ),
            class_="stack",
        ),
    ]
    return document(f"Session {trace.session} – {name} – smtpx", body)


def _header(title: str, back: str, where: str) -> Markup:
    way = tag("nav", tag("a", where, href=back), aria_label="Back")
    return tag("header", tag("h1", title), way)


def _fact(name: str, value: Content) -> list[Markup]:
    return [tag("dt", name), tag("dd", value)]


def _at(host: str, port: int) -> Markup:
    return tag("span", f"[{host}]:{port}", class_="mono")


def _peer(trace: SessionTrace | TraceLine) -> list[Content]:
    found: list[Content] = [_at(trace.address, trace.port)]
    if trace.name is not None:
        found.append(f" {trace.name}")
    return found


# --- the ladder -------------------------------------------------------------------


def _rungs(trace: SessionTrace) -> Iterator[Markup]:
    before = 0.0
    for step in trace.steps:
        silence = step.seconds - before
        gap = next((name for least, name in _SILENCES if silence >= least), "")
        yield _rung(step, silence, gap)
        before = (
            step.seconds if not hasattr(step, "untilSeconds") else step.untilSeconds
        )


def _rung(step: Step, silence: float, gap: str) -> Markup:
    """
    One step.

    @param silence: how long nothing happened before it, in seconds.
    @param gap: how wide that is drawn; empty: it is not.
    """
    if isinstance(step, Flight):
        kind, content = step.direction.value, _flight(step)
        if step.secured:
            kind += " secured"
    elif isinstance(step, HandshakeStep):
        kind = "handshake" if step.complete else "handshake bad"
        content = [tag("p", "TLS: ", handshake(step), _took(step))]
    else:
        kind, content = "remark", [tag("p", step.text)]
    at = tag(
        "span",
        f"{step.seconds:.3f} s",
        tag("small", f"+{silence:.3f}") if gap else None,
        class_="at",
    )
    words = f"{kind} {gap}" if gap else kind
    return tag("li", at, tag("div", content, class_="rung"), class_=words)


def _flight(step: Flight) -> list[Markup]:
    toServer = step.direction is Direction.CLIENT
    octets = "1 octet" if step.octets == 1 else f"{amount(step.octets)} octets"
    inside = " inside TLS" if step.secured else ""
    who = "client to server" if toServer else "server to client"
    return [
        tag("div", [tag("code", line) for line in step.lines], class_="lines"),
        _arrow(toServer, f"{who}, {octets}{inside}"),
        tag("p", f"{octets}{inside}", _took(step), class_="faint"),
    ]


def _took(step: Flight | HandshakeStep) -> str | None:
    took = step.untilSeconds - step.seconds
    return f", took {took:.3f} s" if took >= 0.0005 else None


def _arrow(right: bool, words: str) -> Markup:
    """An arrow as long as there is room; its head keeps its shape."""
    shaft = tag(
        "svg",
        tag("line", x1="0", y1="5", x2="100", y2="5", stroke_width="2"),
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        class_="shaft",
        aria_hidden="true",
    )
    head = tag(
        "svg",
        tag("path", d="M0 0L12 5L0 10z" if right else "M12 0L0 5L12 10z"),
        viewBox="0 0 12 10",
        class_="head",
        role="img",
        aria_label=words,
    )
    return tag("div", [shaft, head] if right else [head, shaft], class_="arrow")
