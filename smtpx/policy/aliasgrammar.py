r"""
One entry of an aliases file, read from its text: the long way, for whatever form
it has, with an error for whatever is wrong.

The grammar is in L{smtpx.policy.aliasfile}.
"""

from __future__ import annotations

import re

from ..core.address import Mailbox, parseMailbox
from ..core.errors import Malformed
from ..core.reply import Reply
from .aliasentry import (
    AliasProblem,
    Entry,
    Left,
    Place,
    Refusal,
    Special,
    Target,
    closest,
    leftOf,
    shown,
)

#: The most octets of a C{:fail:}'s text: with code and status it is one line of
#: a reply (RFC 5321 section 4.5.3.1.5).
TEXT_OCTETS = 450

#: The most C{*} on the left, as there are digits for them.
STARS_MAX = 9

_QUOTED = rb'"(?>(?:[^"\\\n]|\\[^\n])*)"'
_DOMAIN = rb"@(?:\[[^\]\n]*\]|[^\s:,\"]*)"
_filling = re.compile(rb"(?>(?:\s+|(?<![^\s,:])#[^\n]*)*)").match
_left = re.compile(rb"(%b|[^\s:\"@,]*)(%b)?" % (_QUOTED, _DOMAIN)).match
_target = re.compile(rb"(\\?)(%b|[^\s\"@,]*)(%b)?" % (_QUOTED, _DOMAIN)).match
_toComma = re.compile(rb"[^,\n]*").match
_colon = re.compile(rb"[ \t]*:").match
_variable = re.compile(rb"\$([0-9])")
_special = re.compile(rb":([A-Za-z]*):").match
_coded = re.compile(
    rb"([45])([0-9]{2})(?: +([45])\.([0-9]{1,3})\.([0-9]{1,3}))?(?: +|\Z)"
).match
_unprintable = re.compile(rb"[^ -~]").search


class _Wrong(ValueError):
    """
    A part of an entry is not in the grammar.

    @ivar at: the offset where.
    @ivar meant: what was probably meant.
    """

    def __init__(self, why: str, at: int, meant: str | None = None) -> None:
        ValueError.__init__(self, why)
        self.at = at
        self.meant = meant


class EntryReader:
    """
    Reads one entry of any form.
    """

    def __init__(self, text: bytes, place: Place, problems: list[AliasProblem]) -> None:
        """
        @param problems: what is wrong is added to them.
        """
        self._text = text.replace(b"\r\n", b"\n").removesuffix(b"\r")
        self._place = place
        self._problems = problems
        self._alias = ""
        self._left: Left | None = None
        self._at = 0

    def entry(self) -> Entry | None:
        """
        The entry.

        @return: L{None}: something is wrong with it.
        """
        before = len(self._problems)
        special: Special | None = None
        targets: list[Target] = []
        try:
            left = self._left = self._readLeft()
            self._fill()
            if _special(self._text, self._at) is not None:
                special = self._readSpecial()
            else:
                targets = self._targets(left)
        except _Wrong as wrong:
            self._note(wrong)
        if len(self._problems) > before:
            return None
        return Entry(left, tuple(targets), self._place, special)

    def _note(self, wrong: _Wrong) -> None:
        file, line = self._place
        if line is not None:
            line += self._text.count(b"\n", 0, wrong.at)
        self._problems.append(
            AliasProblem(
                Place(file, line), self._alias, str(wrong), wrong.meant, self._left
            )
        )

    def _fill(self) -> None:
        """Go on behind white space and comments."""
        found = _filling(self._text, self._at)
        assert found is not None, "it matches nothing, too"
        self._at = found.end()

    # --- the left side ----------------------------------------------------------

    def _readLeft(self) -> Left:
        """
        @raise _Wrong: it is none.
        """
        found = _left(self._text)
        assert found is not None, "it matches nothing, too"
        raw = found[0]
        colon = _colon(self._text, found.end())
        if not raw and colon is not None:
            raise _Wrong("there is no name before the colon", 0)
        self._alias = shown(raw)
        if colon is None:
            first = self._text.split(None, 1)[0]
            known = self._text.startswith(b'"') and not found.end()
            if known:
                raise _Wrong("these double quotes do not end", 0)
            raise _Wrong(f'"{shown(first)}" wants a colon behind it', 0)
        self._at = colon.end()
        local, domain = found[1], found[2]
        pattern = local[:1] != b'"' and b"*" in raw
        if pattern and raw.count(b"*") > STARS_MAX:
            raise _Wrong(f"there are more than {STARS_MAX} *", 0)
        if not local:
            if pattern:
                raise _Wrong("a * wants a name before the @", 0, f"*{shown(raw)}")
            return leftOf(None, _readDomain(domain[1:], 0), False)
        mailbox = _read(local, (domain or b"@x").replace(b"*", b"x"), 0)
        if pattern and domain is not None and not domain.isascii():
            raise _Wrong("a domain in a pattern is written in ASCII (xn--...)", 0)
        return leftOf(mailbox.local, None if domain is None else domain[1:], pattern)

    # --- the right side ------------------------------------------------------------

    def _readSpecial(self) -> Special:
        """
        @raise _Wrong: there is no such word, or not with that text.
        """
        start = self._at
        found = _special(self._text, start)
        assert found is not None, "the caller has seen it"
        refusal = _refusal(found[0], start)
        self._at = found.end()
        if refusal is Refusal.BLACKHOLE:
            self._fill()
            if self._at < len(self._text):
                raise _Wrong(":blackhole: stands alone", self._at)
            return Special(refusal)
        text = b" ".join(self._text[self._at :].split())
        return Special(refusal, _reply(refusal, text, start))

    def _targets(self, left: Left) -> list[Target]:
        """
        The targets; what is wrong with one does not hide what is with the next.
        """
        targets: list[Target] = []
        start = self._at
        while self._at < len(self._text):
            try:
                targets.append(self._target(left))
                self._fill()
                if self._text[self._at : self._at + 1] not in (b"", b","):
                    raise _Wrong(f'"{targets[-1]}" wants a comma behind it', self._at)
            except _Wrong as wrong:
                self._note(wrong)
                self._toComma()
            self._at += 1
            self._fill()
        if start >= len(self._text):
            raise _Wrong(
                "it leads nowhere; :fail: refuses its mail, :blackhole: throws it away",
                start,
            )
        return targets

    def _toComma(self) -> None:
        at = self._text.find(b",", self._at)
        self._at = len(self._text) if at < 0 else at

    def _target(self, left: Left) -> Target:
        """
        @raise _Wrong: it is none.
        """
        at = self._at
        found = _target(self._text, at)
        assert found is not None, "it matches nothing, too"
        stop, local, domain = found.groups()
        quoted = local[:1] == b'"'
        bare = local[1:-1] if quoted else local
        if not quoted or domain is None:
            self._refuseOthers(bare, at)
        if not local and domain is None:
            following = self._text[at : at + 1]
            if following == b'"':
                raise _Wrong("these double quotes do not end", at)
            raise _Wrong("there is nothing between the commas", at)
        self._at = found.end()
        captures = not quoted and self._captures(found[0], left, at)
        tried, host = local, domain or b"@x"
        if captures:
            tried, host = (_variable.sub(b"x", part) for part in (tried, host))
        if not local:
            _readDomain(host[1:], at)
            return Target(None, domain[1:], bool(stop), captures)
        if captures:
            _read(tried, host, at)
            name = local
        else:
            name = _read(local, host, at).local
        return Target(name, domain[1:] if domain else None, bool(stop), captures)

    def _refuseOthers(self, word: bytes, at: int) -> None:
        """
        @raise _Wrong: it is something else than an address.
        """
        found = _toComma(self._text, at)
        rest = shown(found[0].strip()) if found else ""
        if word[:1] == b"|":
            raise _Wrong(f"an alias cannot run a program ({rest})", at)
        if word[:1] == b"/":
            why = f"an alias cannot write to a file ({rest}); a route to a Maildir can"
            raise _Wrong(why, at)
        special = _special(word)
        if special is not None:
            refusal = _refusal(special[0], at)
            raise _Wrong(f"{refusal.value} stands alone", at)
        if self._text[at : at + 1] == b"<":
            meant = rest.removeprefix("<").removesuffix(">")
            raise _Wrong("an address is written without < and >", at, meant)

    def _captures(self, text: bytes, left: Left, at: int) -> bool:
        """
        Has a target C{$1} and so on in it?

        @raise _Wrong: it stands for nothing.
        """
        used = [int(each) for each in _variable.findall(text)]
        if used and not left.pattern:
            raise _Wrong(
                f'"${used[0]}" wants a "*" on the left;'
                " in double quotes it stands for itself",
                at,
            )
        stars = left.render().count(b"*")
        for number in used:
            if not 1 <= number <= stars:
                raise _Wrong(
                    f'"${number}" stands for nothing: on the left are ${1} to ${stars}'
                    if stars > 1
                    else f'"${number}" stands for nothing: on the left is only $1',
                    at,
                )
        return bool(used)


def _read(local: bytes, domain: bytes, at: int) -> Mailbox:
    """
    Read an address.

    @param domain: with its C{@}.
    @raise _Wrong: it is none.
    """
    try:
        return parseMailbox(local + domain, utf8=True)
    except Malformed as error:
        address = local if domain == b"@x" else local + domain
        raise _Wrong(f'"{shown(address)}": {error}', at) from None


def _readDomain(domain: bytes, at: int) -> bytes:
    """
    @raise _Wrong: it is none.
    """
    _read(b"x", b"@" + domain, at)
    return domain


def _refusal(word: bytes, at: int) -> Refusal:
    """
    @raise _Wrong: there is no such word, or not here.
    """
    text = shown(word).lower()
    if text == ":include:":
        raise _Wrong(
            "an alias cannot include a file; name it in the configuration"
            ' (aliases, "files")',
            at,
        )
    try:
        return Refusal(text)
    except ValueError:
        known = [each.value for each in Refusal]
        meant = closest(text, known)
        why = f"there is no {text}, only " + ", ".join(known)
        raise _Wrong(why, at, meant) from None


_USUAL = {
    Refusal.FAIL: (550, (5, 2, 1), b"This address takes no mail"),
    Refusal.DEFER: (450, (4, 2, 1), b"This address takes no mail now"),
}


def _reply(refusal: Refusal, text: bytes, at: int) -> Reply:
    """
    What a client is told.  RFC 3463 section 3.3, X.2.1, is a mailbox that exists
    but takes nothing.

    @raise _Wrong: that is not to be said so.
    """
    code, status, usual = _USUAL[refusal]
    found = _coded(text)
    if found is not None:
        given = code = int(found[1] + found[2])
        if found[3] is not None:
            status = int(found[3]), int(found[4]), int(found[5])
        if given // 100 != _USUAL[refusal][0] // 100 or status[0] != given // 100:
            said = shown(found[0].strip())
            raise _Wrong(f"{refusal.value} is not answered with {said}", at)
        text = text[found.end() :]
    if _unprintable(text) is not None:
        raise _Wrong("the text has characters that are not printable ASCII", at)
    if len(text) > TEXT_OCTETS:
        raise _Wrong(f"the text is longer than {TEXT_OCTETS} octets", at)
    return Reply(code, status, (text or usual,))


__all__ = ["STARS_MAX", "TEXT_OCTETS", "EntryReader"]
