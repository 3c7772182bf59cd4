"""
The languages of delivery reports: which there are, and which one a sender reads.

English comes with smtpx.  A folder of the operator's has a folder for each language,
named by its tag: C{de/failed.txt}, C{pt-BR/words.txt}.  What is not there, and what
has an error, is as it is in English, so that a report is written in any case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from attrs import field, frozen

from ..core.addresstable import AddressTable
from ..core.hooks import Action
from .wording import (
    FILE_OCTETS,
    PHRASE_NAMES,
    PHRASES,
    REPORT,
    BadTemplate,
    Wording,
    parseNews,
    parsePhrases,
    parseReport,
)

T = TypeVar("T")

#: The tag of the language that is always there.
ENGLISH_TAG = "en"

_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")

#: The files of a language.
FILES = (REPORT, PHRASES, *(f"{each.value}.txt" for each in Action))


@frozen
class Flaw:
    """
    What is wrong with a template.

    @ivar path: the file, or the folder.
    @ivar line: where, from 1 on; 0: that is not about a line.
    @ivar text: what is wrong.
    """

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        """File, line and what is wrong."""
        where = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{where}: {self.text}"


def _english() -> Wording:
    folder = files(__package__).joinpath("english")

    def octets(name: str) -> bytes:
        return folder.joinpath(name).read_bytes()

    return Wording(
        ENGLISH_TAG,
        parseReport(octets(REPORT)),
        {each: parseNews(octets(f"{each.value}.txt")) for each in Action},
        parsePhrases(octets(PHRASES)),
    )


#: The words that come with smtpx.
ENGLISH = _english()


@frozen
class Wordings:
    """
    Says in which language a sender reads reports.

    @ivar usual: where nothing else is said.
    @ivar senders: the others, by the sender's address.
    """

    usual: Wording = ENGLISH
    senders: AddressTable[Wording] = field(factory=lambda: AddressTable(()))

    def of(self, sender: bytes) -> Wording:
        """The words for a sender."""
        return self.senders.find(sender) or self.usual


def readFolder(folder: Path) -> tuple[dict[str, Wording], list[Flaw]]:
    """
    Read all languages of a folder.

    @return: those that there are, English among them, by their tags in lower case;
        and what is wrong with them.
    """
    found = {ENGLISH_TAG: ENGLISH}
    flaws: list[Flaw] = []
    try:
        names = sorted(each.name for each in folder.iterdir() if each.is_dir())
    except OSError as error:
        return found, [Flaw(folder, 0, error.strerror or str(error))]
    for name in names:
        if _TAG.match(name):
            found[name.lower()] = _readLanguage(folder / name, name, flaws)
        else:
            flaws.append(Flaw(folder / name, 0, f'"{name}" is no tag of a language'))
    return found, flaws


def _readLanguage(folder: Path, tag: str, flaws: list[Flaw]) -> Wording:
    """
    Read a language.

    @param flaws: gets what is wrong with it.
    """
    try:
        strange = sorted({each.name for each in folder.iterdir()}.difference(FILES))
    except OSError as error:
        flaws.append(Flaw(folder, 0, error.strerror or str(error)))
        return ENGLISH
    there = ", ".join(FILES)
    for name in strange:
        if name.endswith(".txt"):
            flaws.append(Flaw(folder / name, 0, f"no template; there is {there}"))

    def take(name: str, parse: Callable[[bytes], T], usual: T) -> T:
        path = folder / name
        try:
            with path.open("rb") as file:
                return parse(file.read(FILE_OCTETS + 1))
        except FileNotFoundError:
            return usual
        except OSError as error:
            flaws.append(Flaw(path, 0, error.strerror or str(error)))
        except BadTemplate as error:
            flaws.append(Flaw(path, error.line, str(error)))
        return usual

    phrases = take(PHRASES, parsePhrases, dict(ENGLISH.phrases))
    missing = sorted(PHRASE_NAMES.keys() - phrases.keys())
    if missing:
        text = f"no phrase for {', '.join(missing)}; they are in English"
        flaws.append(Flaw(folder / PHRASES, 0, text))
    return Wording(
        tag,
        take(REPORT, parseReport, ENGLISH.report),
        {
            each: take(f"{each.value}.txt", parseNews, ENGLISH.news[each])
            for each in Action
        },
        {**ENGLISH.phrases, **phrases},
    )


def wordings(
    folder: Path | None, usual: str, senders: Mapping[str, str]
) -> tuple[Wordings, list[Flaw]]:
    """
    The languages of a server.

    @param folder: the operator's; L{None}: there is none.
    @param usual: the tag of the language where nothing else is said.
    @param senders: tags, by patterns of senders (L{AddressTable}).
    @return: also what is wrong; a language that there is not is English.
    @raise smtpx.core.errors.UsageError: a pattern is none.
    """
    there: dict[str, Wording] = {ENGLISH_TAG: ENGLISH}
    flaws: list[Flaw] = []
    if folder is not None:
        there, flaws = readFolder(folder)

    def named(tag: str) -> Wording:
        found = there.get(tag.lower())
        if found is None:
            known = ", ".join(sorted(each.language for each in there.values()))
            text = f'no templates for the language "{tag}"; there is {known}'
            flaws.append(Flaw(folder or Path("templates"), 0, text))
        return found or ENGLISH

    table = [(pattern, named(tag)) for pattern, tag in senders.items()]
    return Wordings(named(usual), AddressTable(table)), flaws


__all__ = ["ENGLISH", "FILES", "Flaw", "Wordings", "readFolder", "wordings"]
