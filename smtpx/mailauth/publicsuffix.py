"""
The public suffix list: below which domains anybody can register one.

RFC 7489 section 3.2 finds the organizational domain with it; RFC 9989 no longer does.
The form of the file is that of U{publicsuffix.org<https://publicsuffix.org/list/>}: a
rule a line, up to the first white space; C{*} for any label; C{!} before an exception;
C{//} before a comment; U-labels in UTF-8.  Where no rule fits, the last label is a
suffix.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..core.domain import checkDomain
from ..core.errors import Malformed
from .idn import asciiDomain

#: The largest file that is read, in octets, how many rules it may have, and at least
#: has to have for one that is meant for use.
FILE_OCTETS = 8 * 2**20
RULES_MOST = 100_000
RULES_LEAST = 1000


class PublicSuffixes:
    """
    A list that was read.

    @ivar rules: how many it has.
    """

    def __init__(self, rules: Iterable[bytes]) -> None:
        """
        @param rules: in A-labels, in lower case, with C{*.} or C{!} before them.
        """
        self._exceptions: set[bytes] = set()
        self._wild: set[bytes] = set()
        self._plain: set[bytes] = set()
        for rule in rules:
            if rule.startswith(b"!"):
                self._exceptions.add(rule[1:])
            elif rule.startswith(b"*."):
                self._wild.add(rule[2:])
            else:
                self._plain.add(rule)
        self.rules = len(self._exceptions) + len(self._wild) + len(self._plain)

    @classmethod
    def parse(cls, text: bytes) -> PublicSuffixes:
        """
        Read a file.

        @raise Malformed: it is not of that form; the message names the line.
        """
        if len(text) > FILE_OCTETS:
            raise Malformed(f"the list is longer than {FILE_OCTETS} octets")
        rules: set[bytes] = set()
        for number, line in enumerate(text.removeprefix(b"\xef\xbb\xbf").split(b"\n")):
            words = line.split(None, 1)
            if not words or words[0].startswith(b"//"):
                continue
            try:
                rules.add(_rule(words[0]))
            except Malformed as error:
                raise Malformed(f"line {number + 1}: {error}") from None
            if len(rules) > RULES_MOST:
                raise Malformed(f"the list has more than {RULES_MOST} rules")
        return cls(rules)

    def suffix(self, domain: bytes) -> bytes:
        """
        The public suffix that a domain is below of, or is.

        @param domain: in A-labels, in lower case.
        """
        labels = domain.split(b".")
        for at in range(len(labels)):
            name = b".".join(labels[at:])
            above = b".".join(labels[at + 1 :])
            if name in self._exceptions:
                return above
            if name in self._plain or above in self._wild:
                return name
        return labels[-1]

    def organization(self, domain: bytes) -> bytes:
        """
        The organizational domain: the suffix with one label more.  That of a suffix is
        the suffix (RFC 7489 section 3.2).

        @param domain: in A-labels, in lower case.
        """
        labels = domain.split(b".")
        count = self.suffix(domain).count(b".") + 2
        return b".".join(labels[-count:])


def _rule(word: bytes) -> bytes:
    """
    One rule, in A-labels.

    @raise Malformed: it is none.
    """
    mark = b""
    for each in (b"!", b"*."):
        if word.startswith(each):
            mark, word = each, word[len(each) :]
            break
    domain = asciiDomain(word.removeprefix(b"."))
    checkDomain(domain)
    if domain.startswith(b"["):
        raise Malformed("bad domain")
    return mark + domain


__all__ = ["FILE_OCTETS", "RULES_LEAST", "RULES_MOST", "PublicSuffixes"]
