"""
What C{dccifd(8)} answers::

    answer    = overall LF *letter LF [ field ] [ LF ]
    overall   = "A" / "R" / "S" / "G" / "T"
    letter    = "A" / "R" / "G"
    field     = an RFC 5322 header field, X-DCC-brand-Metrics; lines end with LF or CRLF

and hangs up, which ends the answer: nothing else does.  C{A}: the message is fine,
C{S}: for some recipients, C{R}: it is bulk mail that nobody asked for, C{G}: it is
embargoed (greylisted), C{T}: the daemon could not find out.  The letters of the second
line are the recipients', in the order in which they were told.

The overall letter is not the sum of the others.  A daemon of our days never says C{S};
where some recipients take bulk mail and others do not, it says C{A}, or C{R}, with the
letters in the second line.
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import frozen

from ...core.errors import Malformed

#: The most octets of an answer.  There may be as many letters as recipients of an
#: envelope, and a header field.
ANSWER_OCTETS = 1 << 17

#: The most octets of the field, unfolded.
FIELD_OCTETS = 1 << 13

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_FIELD = re.compile(rb"(X-DCC[!-9;-~]*):[ \t]*([\t -~]*)\Z", re.IGNORECASE)


class DCCResult(Enum):
    """
    What the daemon says of a message, or of a recipient.

    @ivar word: for people.
    """

    __hash__ = object.__hash__

    ACCEPT = "A"
    REJECT = "R"
    SOME = "S"
    GREY = "G"
    TEMPORARY = "T"

    @property
    def word(self) -> str:
        """What it is, for people."""
        return _WORDS[self]


_WORDS = {
    DCCResult.ACCEPT: "accepted",
    DCCResult.REJECT: "rejected",
    DCCResult.SOME: "accepted for some",
    DCCResult.GREY: "greylisted",
    DCCResult.TEMPORARY: "temporary failure",
}

_OVERALL = {each.value.encode("ascii"): each for each in DCCResult}
_EACH = {
    each.value.encode("ascii"): each
    for each in (DCCResult.ACCEPT, DCCResult.REJECT, DCCResult.GREY)
}


@frozen
class DCCAnswer:
    """
    What the daemon has answered.

    @ivar overall: of the message.
    @ivar each: of the recipients, in the order in which they were told; empty where
        the daemon could not find out.
    @ivar field: the header field, on one line and without its end; empty: there is
        none.
    """

    overall: DCCResult
    each: tuple[DCCResult, ...]
    field: str = ""


def parseAnswer(answer: bytes, count: int) -> DCCAnswer:
    """
    Read an answer, all of which is there.

    @param count: how many recipients the daemon was told.
    @raise Malformed: it is none.
    """
    if len(answer) > ANSWER_OCTETS:
        raise Malformed("the answer is too long")
    first, ended, rest = answer.partition(b"\n")
    overall = _OVERALL.get(first.removesuffix(b"\r"))
    if overall is None or not ended:
        raise Malformed(f"the answer begins with {first[:20]!r}")
    if overall is DCCResult.TEMPORARY:
        # Of recipients it knows nothing, whatever it says.
        return DCCAnswer(overall, ())
    letters, ended, rest = rest.partition(b"\n")
    letters = letters.removesuffix(b"\r")
    if not ended or len(letters) != count:
        raise Malformed(f"{len(letters)} letters for {count} recipients")
    each = [_EACH.get(letters[at : at + 1]) for at in range(count)]
    found = tuple(one for one in each if one is not None)
    if len(found) != count:
        raise Malformed("a letter for a recipient that there is not")
    return DCCAnswer(overall, found, _field(rest))


def _field(text: bytes) -> str:
    """
    Read the header field.

    @raise Malformed: it is none, or was cut short.
    """
    if not text.strip(b"\r\n"):
        return ""
    if not text.endswith(b"\n"):
        raise Malformed("the header field was cut short")
    line = _FOLD.sub(b"", text.strip(b"\r\n"))
    found = _FIELD.match(line)
    if found is None or len(line) > FIELD_OCTETS:
        raise Malformed(f"no X-DCC field: {line[:40]!r}")
    value = b" ".join(found[2].split())
    return (found[1] + b": " + value).decode("ascii")


__all__ = ["ANSWER_OCTETS", "FIELD_OCTETS", "DCCAnswer", "DCCResult", "parseAnswer"]
