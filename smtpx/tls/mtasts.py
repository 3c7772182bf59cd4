"""
What MTA-STS says, as values: the record in the DNS and the policy behind it (RFC 8461
sections 3.1 and 3.2), read from octets that anybody may have written.

A domain says that it has a policy, and which, by a TXT record C{_mta-sts}::

    sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim]
    sts-field       = sts-id / sts-extension
    sts-field-delim = *WSP ";" *WSP
    sts-version     = %s"v=STSv1"
    sts-id          = %s"id=" 1*32(ALPHA / DIGIT)
    sts-extension   = sts-ext-name "=" sts-ext-value

The policy is a text of lines, each with a key and a value::

    version: STSv1
    mode: enforce
    mx: mail.example.com
    mx: *.example.net
    max_age: 604800

What is not in the grammar is no record and no policy.  In three things this is more
liberal than the grammar, for a policy that is not read protects nobody: empty lines
are passed over, white space before a line end counts for nothing behind the last line
too, and a C{max_age} above what is allowed is taken for the most that is.  Of keys
that are repeated the first counts (section 3.2), and those that nobody knows are
ignored.  In one thing it is stricter: a policy has a bounded number of C{mx}.

How a policy is fetched and kept is in L{smtpx.net.stspolicies}.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from hashlib import sha256

from attrs import frozen

from ..core.domain import checkDomain
from ..core.errors import Malformed
from .txtfields import txtFields

#: The longest record that is read, in octets.
RECORD_OCTETS = 4096
#: The longest policy that is read, in octets (RFC 8461 section 3.3).
POLICY_OCTETS = 64 << 10
#: How many different patterns of hosts a policy may have: more than any domain has mail
#: hosts.  Each is kept, compared with each host, and stands in reports.
MX_MOST = 500
#: The longest time that a policy can be good for, in seconds (RFC 8461 section 3.2).
MAX_AGE_MOST = 31557600

#: Where a domain says that it has a policy, and who serves it.
RECORD_PREFIX = b"_mta-sts."
HOST_PREFIX = b"mta-sts."
#: Where the policy is on that host (RFC 8461 section 9.1).
WELL_KNOWN = b"/.well-known/mta-sts.txt"

_VERSION = b"STSv1"
_BEGINNING = b"v=" + _VERSION + b";"

_identity = re.compile(rb"[A-Za-z0-9]{1,32}\Z").match
_line = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*([^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*"
    r"[^\x00-\x20\x7f])?)\Z"
).match
_age = re.compile(r"[0-9]{1,10}\Z").match


class Mode(Enum):
    """
    What becomes of a message where a host does not keep to the policy (RFC 8461
    section 5).

    @cvar ENFORCE: that host does not get it.
    @cvar TESTING: it does, and the domain is told, if it wants to be.
    @cvar NONE: there is no policy any more.
    """

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@frozen
class STSRecord:
    """
    What stands in the DNS.

    @ivar identity: of the policy; a policy that changes gets another one.
    """

    identity: bytes

    @classmethod
    def parse(cls, text: bytes) -> STSRecord:
        """
        Read a record, its strings joined.

        @raise Malformed: it is none.
        """
        if not text.startswith(_BEGINNING):
            raise Malformed("the record does not begin with v=STSv1;")
        if len(text) > RECORD_OCTETS:
            raise Malformed(f"the record is longer than {RECORD_OCTETS} octets")
        for name, value in txtFields(text[len(_BEGINNING) - 1 :]):
            if name == b"id":
                if _identity(value) is None:
                    raise Malformed("id is not of 1 to 32 letters and digits")
                return cls(value)
        raise Malformed("the record has no id")

    @classmethod
    def among(cls, texts: Iterable[bytes]) -> STSRecord | None:
        """
        The record of a domain, of all that stand under its name.

        @return: L{None}: there is none.
        @raise Malformed: there is more than one, or it is not in the grammar.
        """
        found = [each for each in texts if each.startswith(_BEGINNING)]
        if not found:
            return None
        if len(found) > 1:
            raise Malformed(f"there are {len(found)} records")
        return cls.parse(found[0])

    def render(self) -> bytes:
        """As it stands in the DNS."""
        return b"v=%b; id=%b;" % (_VERSION, self.identity)


@frozen
class STSPolicy:
    """
    What a domain commits itself to.

    @ivar maxAge: how long it is good from when it was fetched, in seconds.
    @ivar mx: the patterns of its mail hosts, in lower case; in mode C{none} there may
        be no one.
    """

    mode: Mode
    maxAge: int
    mx: tuple[bytes, ...]

    @classmethod
    def parse(cls, octets: bytes) -> STSPolicy:
        """
        Read a policy.

        @raise Malformed: it is none; the message says what is wrong with it.
        """
        if len(octets) > POLICY_OCTETS:
            raise Malformed(f"the policy is longer than {POLICY_OCTETS} octets")
        first: dict[str, str] = {}
        patterns: dict[bytes, None] = {}
        for key, value in _pairs(octets):
            if key == "mx":
                patterns[_pattern(value)] = None
                if len(patterns) > MX_MOST:
                    raise Malformed(f"the policy has more than {MX_MOST} mx")
            else:
                first.setdefault(key, value)
        for key in ("version", "mode", "max_age"):
            if key not in first:
                raise Malformed(f"the policy has no {key}")
        if first["version"] != _VERSION.decode("ascii"):
            raise Malformed("its version is not STSv1")
        try:
            mode = Mode(first["mode"])
        except ValueError:
            raise Malformed("mode is not enforce, testing or none") from None
        if _age(first["max_age"]) is None:
            raise Malformed("max_age is no number of seconds")
        if not patterns and mode is not Mode.NONE:
            raise Malformed("the policy has no mx")
        return cls(mode, min(int(first["max_age"]), MAX_AGE_MOST), tuple(patterns))

    def matches(self, host: bytes) -> bool:
        """
        May mail for the domain go to this host (RFC 8461 section 4.1)?

        @param host: its name, in ASCII.
        """
        host = host.lower().removesuffix(b".")
        return host in self.mx or b"*." + host.partition(b".")[2] in self.mx

    @property
    def lines(self) -> tuple[str, ...]:
        """The policy, line by line, as reports show it (RFC 8460 section 4.5)."""
        return (
            "version: STSv1",
            f"mode: {self.mode.value}",
            *(f"mx: {each.decode('ascii')}" for each in self.mx),
            f"max_age: {self.maxAge}",
        )

    def render(self) -> bytes:
        """The policy, as it is served."""
        return "".join(f"{line}\r\n" for line in self.lines).encode("ascii")

    def record(self) -> STSRecord:
        """
        A record for who publishes this policy: its identity is made of the policy, so
        that it changes if and only if the policy does.
        """
        digest = sha256(self.render()).hexdigest()
        return STSRecord(digest[:20].encode("ascii"))


def _pairs(octets: bytes) -> Iterator[tuple[str, str]]:
    """
    The keys and values of a policy.

    @raise Malformed: a line has none.
    """
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the policy is not in UTF-8") from None
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r").rstrip(" \t")
        if not line:
            continue
        match = _line(line)
        if match is None:
            raise Malformed(
                f"line {number} of the policy is not of the form key: value"
            )
        yield match[1], match[2]


def _pattern(text: str) -> bytes:
    """
    A pattern of mail hosts: C{["*."] Domain}.

    @raise Malformed: it is none.
    """
    try:
        pattern = text.encode("ascii").lower()
        domain = pattern.removeprefix(b"*.")
        if domain.startswith(b"["):
            raise Malformed("an address")
        checkDomain(domain)
    except ValueError:
        # Of both kinds: Malformed is one.
        raise Malformed(f"mx {text!r} is no host name, nor one behind *.") from None
    return pattern


__all__ = [
    "HOST_PREFIX",
    "MAX_AGE_MOST",
    "MX_MOST",
    "POLICY_OCTETS",
    "RECORD_OCTETS",
    "RECORD_PREFIX",
    "WELL_KNOWN",
    "Mode",
    "STSPolicy",
    "STSRecord",
]
