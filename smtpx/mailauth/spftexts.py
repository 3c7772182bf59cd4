"""
What is written about the outcome of an SPF check: comments, the header field
C{Received-SPF} (RFC 7208 section 9.1), replies.

Parts of it come from strangers: sender, name in HELO, terms, problems, explanation.
What is returned here is bounded and has no control characters, and is safe for a
header field or a reply.

Of a best guess nothing says SPF but the name of its field, C{X-SPF-Guess}: it is our
own opinion, and no domain published it.
"""

from __future__ import annotations

import re

from ..core.errors import Malformed
from . import spfmacros
from .spfmacros import EXPLAINING, Text
from .spfquery import LIMITS, Outcome, macroValue
from .spfrecord import SPFResult

#: What a client is told that a domain does not explain anything to.
TEMPLATE = "%{c} is not allowed to send mail for %{d}"

#: What it is told where we only guess.
_GUESS_TEMPLATE = "%{c} does not look like a host that sends mail for %{d}"

#: The most characters of a value in a field, of a comment, and of a line that can be
#: folded (RFC 5322 section 2.1.1).
_VALUE_MOST = 320
_COMMENT_MOST = 800
_LINE_MOST = 78

_COMMENTS = {
    SPFResult.PASS: "{who} designates {client} as permitted sender",
    SPFResult.FAIL: "{who} does not designate {client} as permitted sender",
    SPFResult.SOFTFAIL: (
        "transitioning {who} does not designate {client} as permitted sender"
    ),
    SPFResult.NEUTRAL: "{client} is neither permitted nor denied by {who}",
    SPFResult.NONE: "{who} does not provide an SPF record",
    SPFResult.TEMPERROR: "temporary error in processing {who}: {problem}",
    SPFResult.PERMERROR: "permanent error in processing {who}: {problem}",
}

_dotAtom = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z"
).match


def headerComment(outcome: Outcome, utf8: bool = False) -> str:
    """
    The outcome in a sentence, for people (C{spf_header_comment}).

    @param utf8: may there be characters beyond ASCII?
    """
    query = outcome.query
    who = f"domain of {query.sender}" if query.mailFrom else f"host {query.helo}"
    if outcome.guessed:
        who = f"best guess record for {who}"
    template = _COMMENTS[outcome.result]
    if outcome.guessed and outcome.result is SPFResult.NONE:
        template = "nothing to go by for {who}"
    text = template.format(who=who, client=query.client, problem=outcome.problem)
    return _harmless(f"{query.receiver}: {text}", utf8, _COMMENT_MOST)


def received(outcome: Outcome, utf8: bool = False) -> bytes:
    """
    The header field that tells of a check (C{spf_received}): C{Received-SPF}, or
    C{X-SPF-Guess}, folded, without the end of its last line.

    @param utf8: may there be characters beyond ASCII (RFC 6532)?
    """
    query = outcome.query
    name = "X-SPF-Guess" if outcome.guessed else "Received-SPF"
    comment = re.sub(r"([()\\])", r"\\\1", headerComment(outcome, utf8))
    words = f"{name}: {outcome.result.value} ({comment})".split()
    pairs = [
        ("identity", "mailfrom" if query.mailFrom else "helo"),
        ("client-ip", str(query.client)),
        ("envelope-from", query.sender if query.mailFrom else ""),
        ("helo", query.helo),
        ("receiver", query.receiver),
        ("mechanism", "" if outcome.problem else outcome.mechanism),
        ("problem", outcome.problem),
    ]
    words += [f"{key}={_value(value, utf8)};" for key, value in pairs if value]
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= _LINE_MOST:
            lines[-1] += " " + word
        else:
            lines.append(" " + word)
    return "\r\n".join(lines).rstrip(";").encode("utf-8")


def smtpComment(outcome: Outcome, template: Text | None = None) -> str:
    """
    What to tell a client that is refused (C{spf_smtp_comment}): what the sender's
    domain explains, marked as its own words (RFC 7208 section 6.2), or a text of ours.

    @param template: ours, which L{parseTemplate} compiled; L{None}: L{TEMPLATE}.
        Where we only guess it is not used.
    @return: one line of printable ASCII; empty: neither C{fail} nor C{softfail}.
    """
    if outcome.result not in (SPFResult.FAIL, SPFResult.SOFTFAIL):
        return ""
    query = outcome.query
    if outcome.explanation:
        text = f"{query.domain} explains: {outcome.explanation}"
        return _harmless(text, most=LIMITS.explanation)
    if outcome.guessed:
        template = _guess
    text = (template or _default).expand(
        lambda letter: macroValue(query, letter, query.domain), LIMITS.explanation
    )
    return _harmless(text, most=LIMITS.explanation)


def parseTemplate(text: str) -> Text:
    """
    Compile a text for L{smtpComment} (C{spf_smtp_comment_template}), which may have
    the macros that explanations may have (RFC 7208 section 7.2).

    @raise Malformed: it has others, or is not in printable ASCII.
    """
    if not (text.isascii() and text.isprintable()):
        raise Malformed("only printable ASCII may stand here")
    return spfmacros.parse(text, EXPLAINING, spaces=True)


_default = parseTemplate(TEMPLATE)
_guess = parseTemplate(_GUESS_TEMPLATE)


def _value(text: str, utf8: bool) -> str:
    """A value of a pair: a dot-atom, or a quoted string."""
    text = _harmless(text, utf8)
    if _dotAtom(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _harmless(text: str, utf8: bool = False, most: int = _VALUE_MOST) -> str:
    """Text without what must not be in a line, and not too much of it."""
    if len(text) > most:
        text = text[: most - 3] + "..."
    return "".join(
        each if each.isprintable() and (utf8 or each.isascii()) else "?"
        for each in text
    )


__all__ = [
    "TEMPLATE",
    "headerComment",
    "parseTemplate",
    "received",
    "smtpComment",
]
