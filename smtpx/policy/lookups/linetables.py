"""
What the keys of a file with lines (L{smtpx.policy.lookups.linefile}) stand for, in four
ways that Exim has names for.  In each the first entry of the file that matches is the
one, and case does not matter.

  - C{lsearch}: a key stands for itself (L{literal});
  - C{wildlsearch} and C{nwildlsearch}: one that begins with C{*} for all that end like
    it, one with C{^} is a regular expression (L{wild});
  - C{iplsearch}: a key is an address or a network (L{networks}).

Each is read into memory once, and answers without looking at all of its entries; only
regular expressions are tried one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network

from attrs import frozen

from ..watchedfile import PROBLEMS_MAX, Faults
from .linefile import Entry, TooLong, parse, unescaped

#: Gives the value of a key; L{None}: there is none.
Find = Callable[[bytes], bytes | None]

#: The most entries of a file; for more there are databases.
ENTRIES_MOST = 1_000_000
#: The most regular expressions of a file.
EXPRESSIONS_MOST = 1000

#: C{(?-i)}: case matters after all.
_CASEFUL = b"(?-i)"
#: What is taken as it is, an escape, or what begins a variable.
_EXPANSION = re.compile(
    rb"\\N(.*?)(?:\\N|\Z)|(\\(?:[0-7]{1,3}|x[0-9A-Fa-f]{0,2}|.))|\$", re.DOTALL
)
_PLAIN_NETWORK = re.compile(rb"[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?")


@frozen
class Lines:
    """
    What was read from a file.

    @ivar find: finds values in it.
    @ivar count: how many entries it has.
    """

    find: Find
    count: int


class BadLines(Exception):
    """
    A file that is of no use.

    @ivar problems: what is wrong, with the lines.
    """

    def __init__(self, problems: Faults) -> None:
        Exception.__init__(self, problems)
        self.problems = problems


def _entries(octets: bytes) -> list[Entry]:
    """
    @raise BadLines: there are too many, or one is too long.
    """
    entries: list[Entry] = []
    problems: Faults = []
    for each in parse(octets):
        if isinstance(each, TooLong):
            problems.append((each.line, each.text))
        else:
            entries.append(each)
        if len(entries) > ENTRIES_MOST:
            text = f"there are more than {ENTRIES_MOST} entries; a database has room"
            problems.append((each.line, text))
        if len(problems) >= PROBLEMS_MAX or len(entries) > ENTRIES_MOST:
            break
    if problems:
        raise BadLines(problems)
    return entries


def literal(octets: bytes) -> Lines:
    """
    A file whose keys stand for themselves.

    @raise BadLines: with what is wrong.
    """
    found: dict[bytes, bytes] = {}
    for each in _entries(octets):
        found.setdefault(each.key.lower(), each.value)
    return Lines(lambda key: found.get(key.lower()), len(found))


# --- patterns -------------------------------------------------------------------------


@frozen
class _Wild:
    """
    Patterns, each with its place in the file.

    @ivar exact: what stands for itself.
    @ivar ends: what others end like.
    @ivar lengths: how long those ends are, each once.
    @ivar expressions: regular expressions.
    """

    exact: Mapping[bytes, tuple[int, bytes]]
    ends: Mapping[bytes, tuple[int, bytes]]
    lengths: tuple[int, ...]
    expressions: tuple[tuple[int, re.Pattern[bytes], bytes], ...]

    def find(self, key: bytes) -> bytes | None:
        """The value of the first that matches."""
        lowered = key.lower()
        best = self.exact.get(lowered)
        for length in self.lengths:
            if length > len(lowered):
                break
            found = self.ends.get(lowered[len(lowered) - length :])
            if found is not None and (best is None or found < best):
                best = found
        for place, expression, value in self.expressions:
            if best is not None and place > best[0]:
                break
            if expression.search(key):
                return value
        return None if best is None else best[1]


def wild(octets: bytes, expanded: bool = False) -> Lines:
    """
    A file whose keys may be patterns.

    @param expanded: C{wildlsearch}: each key is the text of an expansion, in which
        C{\\N} begins and ends what is not expanded.  There are no variables here, so
        that one with C{$} is of no use.
    @raise BadLines: with what is wrong.
    """
    exact: dict[bytes, tuple[int, bytes]] = {}
    ends: dict[bytes, tuple[int, bytes]] = {}
    expressions: list[tuple[int, re.Pattern[bytes], bytes]] = []
    problems: Faults = []
    entries = _entries(octets)
    for place, each in enumerate(entries):
        try:
            key = _expanded(each.key) if expanded else each.key
            if key.startswith(b"^"):
                expressions.append((place, _expression(key), each.value))
            elif key.startswith(b"*"):
                ends.setdefault(key[1:].lower(), (place, each.value))
            else:
                exact.setdefault(key.lower(), (place, each.value))
        except ValueError as error:
            problems.append((each.line, str(error)))
        if len(expressions) > EXPRESSIONS_MOST:
            text = f"there are more than {EXPRESSIONS_MOST} regular expressions"
            problems.append((each.line, text))
            break
    if problems:
        raise BadLines(problems)
    lengths = tuple(sorted({len(each) for each in ends}))
    table = _Wild(exact, ends, lengths, tuple(expressions))
    return Lines(table.find, len(entries))


def _expanded(key: bytes) -> bytes:
    """
    The text that an expansion without variables comes to.

    @raise ValueError: it wants a variable.
    """

    def one(found: re.Match[bytes]) -> bytes:
        kept, escape = found.groups()
        if escape is not None:
            return unescaped(escape)
        if kept is None:
            raise ValueError(
                'there are no variables in keys; "$" is for what stands between "\\N"'
                ' and "\\N", or else nwildlsearch'
            )
        return bytes(kept)

    return _EXPANSION.sub(one, key)


def _expression(key: bytes) -> re.Pattern[bytes]:
    """
    @raise ValueError: it is none.
    """
    flags = re.IGNORECASE
    if key[1:].startswith(_CASEFUL):
        key, flags = b"^" + key[1 + len(_CASEFUL) :], re.NOFLAG
    try:
        return re.compile(key, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"it is no regular expression: {error}") from error


# --- networks -------------------------------------------------------------------------


@frozen
class _Networks:
    """
    Networks, each with its place in the file.

    @ivar star: the value of C{*}, which is no network; L{None}: there is none.
    @ivar found: values by networks, these by version and length of the prefix.
    """

    star: bytes | None
    found: Mapping[int, Mapping[int, Mapping[int, tuple[int, bytes]]]]

    def find(self, key: bytes) -> bytes | None:
        """The value of the first that an address is in."""
        if key == b"*":
            return self.star
        try:
            address = ip_address(key.decode("ascii"))
        except ValueError:
            return None
        number, bits = int(address), address.max_prefixlen
        best: tuple[int, bytes] | None = None
        for length, networks in self.found[address.version].items():
            found = networks.get(number >> (bits - length))
            if found is not None and (best is None or found < best):
                best = found
        return None if best is None else best[1]


def networks(octets: bytes) -> Lines:
    """
    A file whose keys are addresses and networks, and C{*}, which is only found by
    itself (by a default).

    @raise BadLines: with what is wrong.
    """
    found: dict[int, dict[int, dict[int, tuple[int, bytes]]]] = {4: {}, 6: {}}
    star: bytes | None = None
    problems: Faults = []
    entries = _entries(octets)
    for place, each in enumerate(entries):
        if each.key == b"*":
            star = each.value if star is None else star
            continue
        try:
            if _PLAIN_NETWORK.fullmatch(each.key) is None:
                raise ValueError(each.key)
            network = ip_network(each.key.decode("ascii"), strict=False)
        except ValueError:
            shown = each.key.decode("utf-8", "backslashreplace")
            text = f'"{shown}" is no address and no network (IPv6 wants quotes)'
            problems.append((each.line, text))
            continue
        number = int(network.network_address) >> (
            network.max_prefixlen - network.prefixlen
        )
        same = found[network.version].setdefault(network.prefixlen, {})
        same.setdefault(number, (place, each.value))
    if problems:
        raise BadLines(problems)
    return Lines(_Networks(star, found).find, len(entries))


__all__ = ["BadLines", "Find", "Lines", "literal", "networks", "wild"]
