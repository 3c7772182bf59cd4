"""
What a peer says of itself, in answer to EHLO.
"""

from __future__ import annotations

import re

from .hooks import Hello
from .reply import Reply

#: How much is taken in of what a peer says of itself: so many keywords, in lines of
#: 512 octets with code and CRLF (RFC 5321 section 4.5.3.1.5).
KEYWORDS_MAX = 100
_LINE_OCTETS = 512 - len(b"250 \r\n")

#: An ehlo-line (RFC 5321 section 4.1.1.1), more leniently: "_" has been in
#: keywords, and "=" has stood behind one instead of a space.
_EHLO_LINE = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_-]*)(?:([ =])(.*))?\Z", re.DOTALL)


def parseHello(what: Reply) -> Hello:
    """
    Take an EHLO response apart (RFC 5321 section 4.1.1.1).

    Lines that are not in the grammar, and what is beyond the bounds, are left out.
    A keyword with a C{=} behind it counts only where it does not stand there as it
    should, too.
    """
    words: list[tuple[bytes, bytes | None]] = []
    odd: list[tuple[bytes, bytes | None]] = []
    for line in what.lines[1:]:
        match = _EHLO_LINE.match(line.rstrip())
        if match is not None and len(line) <= _LINE_OCTETS:
            into = odd if match[2] == b"=" else words
            into.append((match[1].upper(), match[3]))
    known = {keyword for keyword, _ in words}
    words += [word for word in odd if word[0] not in known]
    name = what.lines[0].strip().partition(b" ")[0]
    return Hello(name[:_LINE_OCTETS], tuple(words[:KEYWORDS_MAX]))
