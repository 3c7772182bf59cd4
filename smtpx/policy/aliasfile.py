r"""
The aliases file: text, in the form that C{/etc/aliases} has had for forty years,
with whole addresses, domains and patterns on the left besides::

    # who reads what
    postmaster: ann
    sales:      ann, bob@example.net,
                "Carol C."@example.org
    ann:        \ann, ann@elsewhere.example
    info@shop.example:      carol@shop.example
    sales-*@example.org:    sales+$1@example.org
    @old.example:           @new.example
    @example.org:           ann
    gone:       :fail: 551 5.1.6 Gone to example.net
    nobody:     :blackhole:

A line that begins with white space goes on with the one before.  C{#} where a
word could begin starts a comment.  The whole grammar, after that::

    entry   = left ":" ( target *( "," target ) [ "," ] / special )
    left    = local [ "@" domain ] / "@" domain
    target  = [ "\" ] local [ "@" domain ] / "@" domain
    local   = words of RFC 5321's atoms with dots between, or in double quotes
    special = ":fail:" [ text ] / ":defer:" [ text ] / ":blackhole:"
    text    = [ code [ status ] ] what the client is told

An unquoted C{*} on the left stands for anything but C{@}, and C{$1} to C{$9} on
the right for what the first to the ninth stood for.  C{|program}, C{/file} and
C{:include:} are refused, in quotes as well: files and programs are for routes.

Everything that is wrong in a file is told at once, with the line.  The file is
UTF-8 (RFC 6531 section 3.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import cast

from attrs import field, frozen

from ..core.address import LOCAL_PART_OCTETS
from ..core.domain import LABEL, checkDomain
from ..core.errors import Malformed
from .aliasentry import AliasProblem, Entry, Left, Place, Target
from .aliasgrammar import EntryReader

_ATOMS = rb"[A-Za-z0-9_=&'^`{}~?%!+-]+(?:\.[A-Za-z0-9_=&'^`{}~?%!+-]+)*"
_HOST = rb"(?>%b(?:\.%b)*)" % (LABEL, LABEL)
_ITEM = rb"(?>%b)(?:@%b)?" % (_ATOMS, _HOST)
# Nearly all lines are so.  The rest takes the long way, and both read the same.
_ordinary = re.compile(
    rb"(?>(%b))(?:@(%b))?[ \t]*:[ \t]*" % (_ATOMS, _HOST)
    + rb"(?>(%b(?:[ \t]*,[ \t]*%b)*))[ \t\r]*\Z" % (_ITEM, _ITEM)
).match


def parseAliases(octets: bytes, file: str) -> tuple[list[Entry], list[AliasProblem]]:
    """
    Read an aliases file.

    @param file: its name, for problems.
    @return: the entries, and everything that is wrong; entries with faults are
        not among the former.
    """
    entries: list[Entry] = []
    problems: list[AliasProblem] = []
    octets = octets.removeprefix(b"\xef\xbb\xbf")
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        return [], [AliasProblem(Place(file, line), "", "not UTF-8 here")]
    met = _Met()
    for number, text in _logicalLines(octets):
        place = Place(file, number)
        entry = _readOrdinary(text, place, met)
        if entry is None:
            entry = EntryReader(text, place, problems).entry()
        if entry is not None:
            entries.append(entry)
    return entries, problems


def parseEntry(
    left: str, right: Iterable[str], place: Place
) -> tuple[Entry | None, list[AliasProblem]]:
    """
    Read one alias that stands elsewhere than in a file.

    @param right: its targets, or one special.
    @param place: where, for problems.
    @return: the entry, and everything that is wrong; L{None}: too much is.
    """
    text = f"{left}: {', '.join(right)}"
    problems: list[AliasProblem] = []
    if "\n" in text or "\r" in text:
        problems.append(AliasProblem(place, left, "an alias is one line"))
        return None, problems
    entry = EntryReader(text.encode("utf-8"), place, problems).entry()
    return entry, problems


def renderAliases(entries: Iterable[Entry]) -> bytes:
    """Entries as they stand in a file; L{parseAliases} is the inverse."""
    return b"".join(
        b"%b: %b\n" % (entry.left.render(), _renderRight(entry)) for entry in entries
    )


def _renderRight(entry: Entry) -> bytes:
    if entry.special is not None:
        return entry.special.render()
    return b", ".join(target.render() for target in entry.targets)


def _logicalLines(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """
    Lines with those that go on with them.

    @return: the number of the first, from 1, and all of them with LFs between.
    """
    number, lines = 0, list[bytes]()
    for at, line in enumerate(octets.split(b"\n"), 1):
        first = line[:1]
        if line.strip()[:1] in (b"", b"#"):
            # Neither ends an entry: postalias(1) and sendmail go on behind it.
            continue
        if first in (b" ", b"\t"):
            if lines:
                # Keep count of the lines between.
                missed = at - number - sum(each.count(b"\n") + 1 for each in lines)
                lines.append(b"\n" * missed + line)
                continue
        elif lines:
            yield number, b"\n".join(lines)
        number, lines = at, [line.lstrip()]
    if lines:
        yield number, b"\n".join(lines)


@frozen
class _Met:
    """
    What stood in the lines before: most stands there many times.

    @ivar domains: domains that were found good.
    @ivar targets: what words on the right mean.
    """

    domains: dict[bytes, bytes] = field(factory=dict)
    targets: dict[bytes, Target] = field(factory=dict)

    def target(self, word: bytes) -> Target | None:
        """
        What a word on the right means that is of the usual form.

        @return: L{None}: something is wrong with it.
        """
        found = self.targets.get(word)
        if found is not None:
            return found
        name, _, domain = word.partition(b"@")
        if len(name) > LOCAL_PART_OCTETS or (domain and not self.isGood(domain)):
            return None
        found = Target(name, self.domains[domain] if domain else None)
        self.targets[word] = found
        return found

    def isGood(self, domain: bytes) -> bool:
        """Is it a domain?"""
        if domain not in self.domains:
            try:
                checkDomain(domain)
            except Malformed:
                return False
            self.domains[domain] = domain
        return True


def _readOrdinary(text: bytes, place: Place, met: _Met) -> Entry | None:
    """
    Read an entry of the usual form.

    @return: L{None}: it is not of that form, or something is wrong.
    """
    found = _ordinary(text)
    if found is None:
        return None
    local, domain, right = found.groups()
    targets = [met.target(word.strip(b" \t")) for word in right.split(b",")]
    if len(local) > LOCAL_PART_OCTETS or None in targets:
        return None
    if domain is not None:
        domain = domain.lower()
        if not met.isGood(domain):
            return None
        domain = met.domains[domain]
    whole = cast("list[Target]", targets)
    return Entry(Left(local.lower(), domain), tuple(whole), place)


__all__ = ["parseAliases", "parseEntry", "renderAliases"]
