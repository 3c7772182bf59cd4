"""
The words of delivery reports in one language: templates that an operator can change
and translate.

A language has a file for the whole of a report, one for each kind of news, and one
for phrases (L{NAMES}).  A template looks like a message::

    # A comment.
    Subject: Mail is delayed

    Your message has not reached the address below yet.

    $recipients
    %% several
    Your message has not reached the addresses below yet.

    $recipients

What stands below C{%% several} is for more than one recipient.  C{$name} and
C{${name}} are placeholders, and C{$$} is a dollar sign.  The file of phrases has a
name, a colon and a phrase on each line.

 - Lines that begin with no space are paragraphs: they are filled anew.  Indented ones
   stay as they are.
 - A line of whose placeholders none has anything to say is left out.
 - C{$news} and C{$recipients} stand on lines of their own.

Nothing in a template can be executed, and what it says is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from string import Template as Blanks
from textwrap import wrap

from attrs import field, frozen

from ..core.errors import SMTPXError
from ..core.hooks import Action

#: The longest file, and the longest line and subject, in octets and characters.
FILE_OCTETS = 8 << 10
LINE_CHARACTERS = 400
SUBJECT_CHARACTERS = 200

#: Where paragraphs are filled to, in characters.
COLUMNS = 72

#: The file of what a report begins and ends with, and the file of phrases.
REPORT = "report.txt"
PHRASES = "words.txt"

#: The placeholders of every template.
_COMMON = frozenset({"server", "postmaster", "id", "subject", "received"})

#: What may stand in each template besides, and what has to.
_OF_REPORT = frozenset({"news", "attached"})
_OF_NEWS = frozenset({"recipients"})

#: Those that are whole lines.
_BLOCKS = frozenset({"news", "recipients"})

#: The phrases, and the placeholders of each.
PHRASE_NAMES: Mapping[str, frozenset[str]] = {
    "said": frozenset({"host"}),
    "said-here": frozenset(),
    **dict.fromkeys(
        ("connect", "lost", "tls", "login", "dns", "expired", "local", "operator"),
        frozenset({"host", "why"}),
    ),
    "waiting": frozenset(),
    "other": frozenset({"host", "why"}),
    "tried": frozenset({"age"}),
    "until": frozenset({"until"}),
    **dict.fromkeys(("days", "hours", "minutes"), frozenset({"count"})),
    "moments": frozenset(),
    "sent-on": frozenset({"address"}),
    "alias": frozenset({"address"}),
    "message": frozenset(),
    "header": frozenset(),
}

_SUBJECT = "subject:"
_SEVERAL = "%% several"
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
_SPACES = re.compile(r"[ \t]+")


class BadTemplate(SMTPXError):
    """
    A template has an error.

    @ivar line: where, from 1 on.
    """

    def __init__(self, line: int, text: str) -> None:
        SMTPXError.__init__(self, text)
        self.line = line


@frozen
class Template:
    """
    A template.

    @ivar subject: the subject of a report.
    @ivar one: the text, for one recipient.
    @ivar several: the text, for more.
    """

    subject: str
    one: str
    several: str


@frozen
class Wording:
    """
    The words of a language.

    @ivar language: its tag (RFC 5646).
    @ivar report: what a report begins and ends with.
    @ivar news: what is said of each kind of news.
    @ivar phrases: by name; see L{PHRASE_NAMES}.
    """

    language: str
    report: Template = field(repr=False)
    news: Mapping[Action, Template] = field(repr=False)
    phrases: Mapping[str, str] = field(repr=False)

    def phrase(self, name: str, **values: str) -> str:
        """
        A phrase, filled in.

        @param values: for its placeholders; those that are not given are empty.
        """
        return substituted(self.phrases[name], values)


# --- reading ----------------------------------------------------------------------


def parseReport(octets: bytes) -> Template:
    """
    Read the template of a whole report.

    @raise BadTemplate: it has an error.
    """
    return _parseTemplate(octets, _COMMON | _OF_REPORT, "news", False)


def parseNews(octets: bytes) -> Template:
    """
    Read the template of a kind of news.

    @raise BadTemplate: it has an error.
    """
    return _parseTemplate(octets, _COMMON | _OF_NEWS, "recipients", True)


def parsePhrases(octets: bytes) -> dict[str, str]:
    """
    Read a file of phrases, which need not have all of them.

    @raise BadTemplate: it has an error.
    """
    found: dict[str, str] = {}
    for number, line in _lines(octets):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, phrase = line.partition(":")
        name, phrase = name.strip(), phrase.strip()
        if not colon or not phrase:
            raise BadTemplate(number, "expected a name, a colon and a phrase")
        if name not in PHRASE_NAMES:
            raise BadTemplate(number, f'there is no phrase "{name}"')
        if name in found:
            raise BadTemplate(number, f'"{name}" is here twice')
        _check(number, phrase, PHRASE_NAMES[name])
        found[name] = phrase
    return found


def _lines(octets: bytes) -> Iterator[tuple[int, str]]:
    """
    The lines of a file, from 1 on, without what ends them.

    @raise BadTemplate: it is too long, or no text.
    """
    if len(octets) > FILE_OCTETS:
        raise BadTemplate(1, f"longer than {FILE_OCTETS} octets")
    for number, raw in enumerate(octets.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            line = raw.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError:
            raise BadTemplate(number, "no UTF-8") from None
        if _UNPRINTABLE.search(line):
            raise BadTemplate(number, "a character that cannot be in a text")
        if len(line) > LINE_CHARACTERS:
            raise BadTemplate(number, f"longer than {LINE_CHARACTERS} characters")
        yield number, line


def _parseTemplate(
    octets: bytes, known: frozenset[str], needed: str, several: bool
) -> Template:
    """
    @param needed: a placeholder without which a template says nothing.
    @param several: may it have a second text?
    """
    rest = iter(_lines(octets))
    subject = _readSubject(rest, known - _BLOCKS)
    texts: list[list[str]] = [[]]
    begun = last = 1
    for last, line in rest:
        if line.rstrip() == _SEVERAL and several and len(texts) == 1:
            _checkNeeded(begun, texts[0], needed)
            texts.append([])
            begun = last
            continue
        if line.startswith("%%"):
            raise BadTemplate(last, f'"{line}" has no meaning here')
        names = _check(last, line, known)
        if names & _BLOCKS and line.strip() not in (f"${needed}", f"${{{needed}}}"):
            raise BadTemplate(last, f'"${needed}" stands on a line of its own')
        texts[-1].append(line)
    _checkNeeded(last, texts[-1], needed)
    made = ["\n".join(text).strip("\n") for text in texts]
    return Template(subject, made[0], made[-1])


def _readSubject(lines: Iterator[tuple[int, str]], known: frozenset[str]) -> str:
    """The subject, and the empty line behind it."""
    number, line = next(lines, (1, ""))
    while line.startswith("#"):
        number, line = next(lines, (number, ""))
    subject = line[len(_SUBJECT) :].strip()
    if not line.lower().startswith(_SUBJECT) or not subject:
        raise BadTemplate(number, 'expected "Subject:" and a subject')
    if len(subject) > SUBJECT_CHARACTERS:
        raise BadTemplate(number, f"a subject has {SUBJECT_CHARACTERS} characters")
    _check(number, subject, known)
    number, line = next(lines, (number, ""))
    if line.strip():
        raise BadTemplate(number, "expected an empty line behind the subject")
    return subject


def _check(number: int, text: str, known: frozenset[str]) -> set[str]:
    """
    The placeholders of a line.

    @raise BadTemplate: there is one that nobody knows, or none where one begins.
    """
    names = set()
    for match in Blanks.pattern.finditer(text):
        if match["invalid"] is not None:
            raise BadTemplate(number, 'a "$" before no name; "$$" is a dollar sign')
        name = match["named"] or match["braced"]
        if name is None:
            continue
        if name not in known:
            there = ", ".join(f"${each}" for each in sorted(known)) or "none"
            raise BadTemplate(
                number, f'no placeholder "${name}" here; there is {there}'
            )
        names.add(name)
    return names


def _checkNeeded(number: int, lines: list[str], needed: str) -> None:
    if not any(line.strip() in (f"${needed}", f"${{{needed}}}") for line in lines):
        raise BadTemplate(number, f'expected a line "${needed}"')


# --- filling in --------------------------------------------------------------------


def substituted(line: str, values: Mapping[str, str]) -> str:
    """
    A line with its placeholders filled in, and no two spaces in a row.

    @param values: those that are not there are empty.
    """
    filled = Blanks(line).substitute(
        {name: values.get(name, "") for name in _names(line)}
    )
    return _SPACES.sub(" ", filled)


def filled(text: str, values: Mapping[str, str]) -> str:
    """
    A template's text, filled in.

    @param values: of all its placeholders; a block has its line ends.
    @return: lines that end in C{\\n}.
    """
    made: list[str] = []
    paragraph: list[str] = []

    def close() -> None:
        made.extend(wrapped(" ".join(paragraph)).splitlines())
        paragraph.clear()

    for line in text.split("\n"):
        names = _names(line)
        if names and not any(values.get(name) for name in names):
            continue
        if names & _BLOCKS:
            close()
            made += values[names.pop()].splitlines()
        elif line[:1].strip():
            paragraph.append(substituted(line, values))
        else:
            close()
            indent = line[: len(line) - len(line.lstrip())]
            made.append((indent + substituted(line.strip(), values)).rstrip())
    close()
    return "".join(f"{line}\n" for line in _squeezed(made))


def wrapped(words: str, indent: str = "") -> str:
    """A paragraph."""
    width = COLUMNS - len(indent)
    lines = wrap(words, width, break_long_words=False, break_on_hyphens=False)
    return "".join(f"{indent}{line}\n" for line in lines)


def _squeezed(lines: list[str]) -> Iterator[str]:
    """One empty line at a time, and none at the ends."""
    pending = False
    begun = False
    for line in lines:
        if not line:
            pending = begun
            continue
        if pending:
            yield ""
        pending, begun = False, True
        yield line


def _names(line: str) -> set[str]:
    found = Blanks.pattern.finditer(line)
    return {match["named"] or match["braced"] for match in found} - {None}


__all__ = [
    "PHRASES",
    "PHRASE_NAMES",
    "REPORT",
    "BadTemplate",
    "Template",
    "Wording",
    "filled",
    "parseNews",
    "parsePhrases",
    "parseReport",
    "substituted",
    "wrapped",
]
