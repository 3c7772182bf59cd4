"""
A manual page, in the language that C{man} reads (man(7)).

Text may have C{``words``} that are typed as they stand, as in the rest of the manual;
everything else is plain, whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TYPED = re.compile(r"``(.+?)``")

#: What man(7) would change into something else.
_SPECIAL = str.maketrans(
    {
        "\\": "\\e",
        "-": "\\-",
        "'": "\\(aq",
        "`": "\\(ga",
        "^": "\\(ha",
        "~": "\\(ti",
        '"': "\\(dq",
    }
)


def escaped(text: str) -> str:
    """
    Text on one line, as it stands.
    """
    found = " ".join(text.split()).translate(_SPECIAL)
    return f"\\&{found}" if found.startswith((".", "\\(aq")) else found


def marked(text: str) -> str:
    """Text on one line, with what is typed in bold."""
    parts = _TYPED.split(" ".join(text.split()))
    out = [
        f"\\fB{escaped(part)}\\fR" if index % 2 else _between(part)
        for index, part in enumerate(parts)
    ]
    found = "".join(out)
    return f"\\&{found}" if found.startswith(".") else found


def _between(part: str) -> str:
    # The blanks at its ends belong to the line.
    return part.translate(_SPECIAL)


class Page:
    """
    A page that is being written.

    @ivar name: its name.
    @ivar section: its section of the manual.
    """

    def __init__(self, name: str, section: int, summary: str) -> None:
        """
        @param summary: what it is about, in a few words.
        """
        self.name = name
        self.section = section
        self._lines = [
            '.\\" Made by "python -m smtpx.commands.manpages"; change the source.',
            f'.TH "{escaped(name.upper())}" "{section}" "" "smtpx" "Manual of smtpx"',
            ".nh",
            ".ad l",
        ]
        self.head("NAME")
        self._lines.append(f"{escaped(name)} \\- {escaped(summary)}")

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.{self.section}"

    def head(self, title: str) -> None:
        """A heading."""
        self._lines.append(f".SH {escaped(title)}")

    def subhead(self, title: str) -> None:
        """A heading within a part."""
        self._lines.append(f".SS {escaped(title)}")

    def paragraph(self, text: str) -> None:
        """Some text."""
        if self._lines[-1][:3] not in (".SH", ".SS"):
            self._lines.append(".PP")
        self._lines += _sentences(text)

    def synopsis(self, command: str, rest: str) -> None:
        """
        How a command is written.

        @param rest: what stands behind its name.
        """
        if not self._lines[-1].startswith(".SH"):
            self._lines.append(".br")
        self._lines.append(f"\\fB{escaped(command)}\\fR {escaped(rest)}".rstrip())

    def item(self, term: str, *texts: str, typed: bool = True) -> None:
        """
        An item of a list.

        @param typed: is the term typed as it stands?
        """
        shown = f"\\fB{escaped(term)}\\fR" if typed else marked(term)
        self._lines += [".TP", shown]
        self._lines += [line for text in texts for line in _sentences(text)]

    def also(self, others: Iterable[str]) -> None:
        """
        What to read besides.

        @param others: names with their sections: C{smtpx(1)}.
        """
        self.head("SEE ALSO")
        shown = []
        for each in others:
            name, _, section = each.partition("(")
            shown.append(f"\\fB{escaped(name)}\\fR({section}")
        self._lines.append(",\n".join(shown))

    def text(self) -> str:
        """All of it."""
        return "\n".join(self._lines) + "\n"


_SENTENCE = re.compile(r"(?<=[.:?])\s+(?=[A-Z`])")


def _sentences(text: str) -> list[str]:
    """A sentence a line, as the manual's sources have it."""
    found = " ".join(text.split())
    return [marked(each) for each in _SENTENCE.split(found) if each]


__all__ = ["Page", "escaped", "marked"]
