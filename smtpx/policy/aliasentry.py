"""
Aliases as values: whose mail goes to whom instead.

An L{Entry} is one line of an aliases file (L{smtpx.policy.aliasfile}) or of the
configuration: on the left whose mail it is about (L{Left}), on the right either
L{Target}s or a L{Special}.  What is wrong with one is an L{AliasProblem} that says
where it stands.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from attrs import field, frozen

from ..core.address import Mailbox
from ..core.addresstable import domainKey
from ..core.domain import lowerDomain
from ..core.errors import SMTPXError
from ..core.reply import Reply

#: Of how many words it is seen whether one of them was meant.
_MEANT_MOST = 5000

_capture = re.compile(rb"\$([1-9])")
_piece = re.compile(rb"\$[1-9]")


class Place(NamedTuple):
    """
    Where an entry stands.

    @ivar file: as the operator named it.
    @ivar line: from 1; L{None}: nowhere that has lines.
    """

    file: str
    line: int | None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class Left(NamedTuple):
    """
    Whose mail an entry is about.

    @ivar local: the local part in lower case, unquoted; C{None}: everybody's who
        has no narrower entry (a catch-all).
    @ivar domain: in the form of L{domainKey}; C{None}: each of the server's own.
    @ivar pattern: do C{*} in both stand for anything?
    """

    local: bytes | None
    domain: bytes | None
    pattern: bool = False

    def __str__(self) -> str:
        return shown(self.render())

    def render(self) -> bytes:
        """As it stands in a file."""
        domain = b"" if self.domain is None else b"@" + self.domain
        if self.local is None:
            return domain
        if self.pattern:
            return self.local + domain
        return _spell(self.local) + domain


@frozen
class AliasProblem:
    """
    Something that is wrong with an alias.

    @ivar place: where.
    @ivar alias: its left side; empty: it cannot be told whose.
    @ivar why: what is wrong.
    @ivar meant: what was probably meant; L{None}: no idea.
    @ivar left: the left side, read; L{None}: that was not possible, or did not
        matter.
    """

    place: Place
    alias: str
    why: str
    meant: str | None = None
    left: Left | None = field(default=None, eq=False, repr=False)

    @property
    def text(self) -> str:
        """What is wrong, without the place and what was meant."""
        return f"{self.alias}: {self.why}" if self.alias else self.why

    def __str__(self) -> str:
        hint = "" if self.meant is None else f'; did you mean "{self.meant}"?'
        return f"{self.place}: {self.text}{hint}"


class BadAliases(SMTPXError, ValueError):
    """
    Aliases that cannot be used.

    @ivar problems: all that is wrong with them, in the order of the files.
    """

    def __init__(self, problems: Iterable[AliasProblem]) -> None:
        self.problems = tuple(problems)
        SMTPXError.__init__(self, "\n".join(map(str, self.problems)))


def closest(word: str, known: Iterable[str]) -> str | None:
    """
    The known word that was most likely meant.

    @return: L{None}: none of them is near, or there are too many to look.
    """
    words = list(known)
    if len(words) > _MEANT_MOST:
        # Near words begin alike, mostly.
        words = [each for each in words if each[:2] == word[:2]][:_MEANT_MOST]
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.75)
    return found[0] if found else None


def shown(octets: bytes) -> str:
    """Octets of an address as text for the operator."""
    return octets.decode("utf-8", "backslashreplace")


class Target(NamedTuple):
    """
    Whom mail goes to instead.

    @ivar local: the local part, unquoted; C{None}: that of the address which the
        mail is for.
    @ivar domain: as written; C{None}: that of the address which the mail is for.
    @ivar stops: is no other entry to be looked up for it?
    @ivar captures: do C{$1} to C{$9} stand for what C{*} stood for?
    """

    local: bytes | None
    domain: bytes | None
    stops: bool = False
    captures: bool = False

    @property
    def roams(self) -> bool:
        """Does it depend on the address which domain it is at?"""
        domain = self.domain or b""
        return self.captures and _capture.search(domain) is not None

    def mayBe(self, domain: bytes) -> bool:
        """
        May it be at a domain, for some address?

        @param domain: in the form of L{domainKey}; with C{*.} in front, at one below
            it; C{*}: at any.
        """
        pieces = _piece.split(lowerDomain(self.domain or b""))
        if domain[:1] == b"*":
            suffix, last = domain[1:], pieces[-1]
            return suffix.endswith(last) or last.endswith(suffix)
        return re.fullmatch(b".*".join(map(re.escape, pieces)), domain) is not None

    def __str__(self) -> str:
        return shown(self.render())

    def render(self) -> bytes:
        """As it stands in a file."""
        local = self.local
        domain = b"" if self.domain is None else b"@" + self.domain
        if local is None:
            spelled = b""
        else:
            spelled = local if self.captures else _spell(local)
        return (b"\\" if self.stops else b"") + spelled + domain

    def resolve(self, local: bytes, domain: bytes, captured: Sequence[bytes]) -> bytes:
        """
        The address.

        @param local: the local part of the address which the mail is for.
        @param domain: its domain.
        @param captured: what each C{*} stood for.
        @return: a mailbox, as an envelope has it.
        @raise Malformed: what was captured makes no address of it.
        """
        if self.local is not None:
            local = self.local
        if self.domain is not None:
            domain = self.domain
        if self.captures:
            local, domain = (
                _capture.sub(lambda found: captured[int(found[1]) - 1], part)
                for part in (local, domain)
            )
        elif local.isalnum() and local.isascii():
            # Nothing to quote, and it was checked when it was read.
            return local + b"@" + domain
        return Mailbox(local, domain).render()


class Refusal(Enum):
    """What becomes of mail that is not delivered; the values are Exim's words."""

    FAIL = ":fail:"
    DEFER = ":defer:"
    BLACKHOLE = ":blackhole:"


class Special(NamedTuple):
    """
    Mail goes to nobody.

    @ivar refusal: what becomes of it.
    @ivar reply: what the client is told; C{None}: that it was taken.
    """

    refusal: Refusal
    reply: Reply | None = None

    def __str__(self) -> str:
        return shown(self.render())

    def render(self) -> bytes:
        """As it stands in a file."""
        word = self.refusal.value.encode("ascii")
        if self.reply is None:
            return word
        return b"%b %b" % (word, self.reply.octets.rstrip(b"\r\n"))


class Entry(NamedTuple):
    """
    One alias.

    @ivar left: whose mail.
    @ivar targets: whom it goes to; none, where there is a C{special}.
    @ivar place: where it stands.
    @ivar special: what becomes of it otherwise.
    """

    left: Left
    targets: tuple[Target, ...]
    place: Place
    special: Special | None = None

    def __str__(self) -> str:
        return f"{self.left}: {self.right}"

    @property
    def right(self) -> str:
        """What stands on the right."""
        if self.special is not None:
            return str(self.special)
        return ", ".join(map(str, self.targets))

    def problem(self, why: str, meant: str | None = None) -> AliasProblem:
        """Something that is wrong with it."""
        return AliasProblem(self.place, str(self.left), why, meant)


_plainWord = re.compile(
    rb"[A-Za-z0-9!%&'+=?^_`{}~\x80-\xff-]+(?:\.[A-Za-z0-9!%&'+=?^_`{}~\x80-\xff-]+)*\Z"
).match
_toQuote = re.compile(rb'(["\\])')


def _spell(local: bytes) -> bytes:
    """
    A local part as it stands in a file: in quotes where it could be read as
    something else.
    """
    if _plainWord(local) is not None:
        return local
    return b'"' + _toQuote.sub(rb"\\\1", local) + b'"'


def leftOf(local: bytes | None, domain: bytes | None, pattern: bool) -> Left:
    """
    Make a left side of what was read.

    @param domain: in the case it came in; C{None}: none.
    """
    return Left(
        None if local is None else local.lower(),
        None if domain is None else domainKey(lowerDomain(domain)),
        pattern,
    )


__all__ = [
    "AliasProblem",
    "BadAliases",
    "Entry",
    "Left",
    "Place",
    "Refusal",
    "Special",
    "Target",
    "closest",
    "leftOf",
    "shown",
]
