"""
The words of Dovecot's authentication protocol, version 1, as a client needs them.

Lines, with tabs between their words; the server says C{VERSION}, C{MECH} for each
mechanism, and more, up to C{DONE}, and then answers requests by their number::

    AUTH  1  PLAIN  service=smtp  nologin  rip=192.0.2.7  secured  resp=AGpvZQB4
    OK    1  user=joe
    FAIL  1  user=joe  code=temp_fail
    CONT  1  <base64>

Whatever is not in this grammar is L{Malformed}: who speaks otherwise is not
Dovecot, and is not believed.
"""

from __future__ import annotations

import re
from base64 import b64encode
from ipaddress import ip_address

from attrs import frozen

from ..core.errors import Malformed
from ..sasl import CheckPassword

#: The most octets of a line of the server, and the most lines before C{DONE}.
LINE_OCTETS = 8192
GREETING_LINES = 200

#: The largest number of a request, and so the most requests of a connection.
REQUESTS_MAX = 0xFFFF_FFFF

_VERSION = b"1"
_PLAIN = b"PLAIN"

# What follows C{\001}; any other octet stands for itself.
_ESCAPED = {b"0": b"\0", b"1": b"\x01", b"t": b"\t", b"r": b"\r", b"n": b"\n"}

# Of a failure, by Dovecot 2.2 as a word of its own, since 2.3 as "code=".
_TEMPORARY = frozenset((b"temp", b"temp_fail"))
_REASONS = {
    b"authz": "may not act as that user",
    b"authz_fail": "may not act as that user",
    b"user_disabled": "the user is disabled",
    b"pass_expired": "the password has expired",
}


@frozen
class Accepted:
    """
    The password is the user's.

    @ivar number: of the request.
    @ivar user: the user's name, as Dovecot knows it.
    @ivar nologin: may the user not log in all the same?
    """

    number: int
    user: bytes
    nologin: bool = False


@frozen
class Refused:
    """
    It is not.

    @ivar number: of the request.
    @ivar temporary: can Dovecot not tell now?
    @ivar why: more than "a wrong name or password", for the log; L{None}: that.
    """

    number: int
    temporary: bool = False
    why: str | None = None


@frozen
class Continued:
    """
    There is more to say, which in PLAIN there is not.

    @ivar number: of the request.
    """

    number: int


Answer = Accepted | Refused | Continued


class Greeting:
    """
    What the server says first, line by line.

    @ivar complete: has it said C{DONE}?
    """

    def __init__(self) -> None:
        self.complete = False
        self._versionSeen = False
        self._plainSeen = False
        self._lines = 0

    def feed(self, line: bytes) -> bool:
        """
        Read one line.  Words that are not known are passed over; later versions
        may have more.

        @return: was it the last one?
        @raise Malformed: the server is of no use.
        """
        self._lines += 1
        if self._lines > GREETING_LINES:
            raise Malformed("the greeting has no end")
        command, *words = line.split(b"\t")
        if not self._versionSeen and command != b"VERSION":
            raise Malformed("not Dovecot's authentication protocol")
        if command == b"VERSION":
            if self._versionSeen or words[:1] != [_VERSION]:
                raise Malformed("another version of the protocol")
            self._versionSeen = True
        elif command == b"MECH":
            self._plainSeen |= words[:1] == [_PLAIN]
        elif command == b"DONE":
            if not self._plainSeen:
                raise Malformed("PLAIN is not among its mechanisms")
            self.complete = True
        return self.complete


def renderHello(processId: int) -> bytes:
    """
    What a client says first.

    @param processId: which Dovecot takes for the client's name.
    """
    return b"VERSION\t%b\t1\nCPID\t%d\n" % (_VERSION, processId)


def renderRequest(number: int, question: CheckPassword) -> bytes:
    """
    A request for a password, by PLAIN (RFC 4616).  Ends that have no address, or
    one that a proxy does not know, are left out: Dovecot ends the connection over
    what is none.
    """
    channel = question.channel
    words = [b"AUTH", b"%d" % number, _PLAIN, b"service=smtp", b"nologin"]
    if _isAddress(channel.local):
        words.append(b"lip=" + channel.local)
    if _isAddress(channel.peer):
        words.append(b"rip=" + channel.peer)
    if channel.secured:
        words.append(b"secured")
    message = b"\0%b\0%b" % (question.user, question.password)
    # It has to be the last.
    words.append(b"resp=" + b64encode(message))
    return b"\t".join(words) + b"\n"


def renderCancel(number: int) -> bytes:
    """Nobody wants to know the answer to this request any more."""
    return b"CANCEL\t%d\n" % number


def parseAnswer(line: bytes) -> Answer:
    """
    Read an answer.

    @param line: without its end.
    @raise Malformed: it is none.
    """
    command, *words = line.split(b"\t")
    if command not in (b"OK", b"FAIL", b"CONT"):
        raise Malformed("not an answer")
    number = _numberOf(words)
    if command == b"CONT":
        return Continued(number)
    fields = _fieldsOf(words[1:])
    if command == b"OK":
        user = fields.get(b"user")
        if not user:
            raise Malformed("a login of nobody")
        return Accepted(number, user, b"nologin" in fields)
    said = {*fields, fields.get(b"code", b"")}
    reasons = [_REASONS[word] for word in sorted(said) if word in _REASONS]
    return Refused(number, bool(said & _TEMPORARY), next(iter(reasons), None))


def _isAddress(octets: bytes) -> bool:
    try:
        ip_address(octets.decode("ascii"))
    except ValueError:
        return False
    return True


def _numberOf(words: list[bytes]) -> int:
    digits = words[0] if words else b""
    if not digits.isdigit() or len(digits) > 10:
        raise Malformed("an answer without a number")
    return int(digits)


def _fieldsOf(words: list[bytes]) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for word in words:
        name, _, value = word.partition(b"=")
        if name == b"user" and name in fields:
            # One of the two would be believed.
            raise Malformed("two users")
        fields[name] = _unescaped(value)
    return fields


def _unescaped(value: bytes) -> bytes:
    return re.sub(
        rb"\x01(.)", lambda found: _ESCAPED.get(found[1], found[1]), value, flags=re.S
    )
