"""
Texts of which it is known that they go by DATA as they are.

Before a body goes, all of it is looked through for line ends that are none, and for
lines with a dot in front (L{smtpx.core.transparency}).  When it came, that was done as
well.  So a body in which there was nothing to be changed says so by its type: who does
not ask for that sees octets as any others, and what is cut from it, put together with
it or read from the disk is plain again, and says nothing.
"""

from __future__ import annotations

from .body import bare

#: From so many octets on it is worth it: what says so is a copy.
WORTH_OCTETS = 2048


class Verbatim(bytes):
    """
    Lines, each with its CRLF, and no CR or LF besides (RFC 5321 section 2.3.8); no line
    begins with a dot.  Whoever makes one has looked.
    """

    __slots__ = ()

    def under(self, head: bytes) -> bytes:
        """
        All of it, with C{head} before it.

        @return: a L{Verbatim}, if C{head} could be one.
        """
        whole = head + self
        if (
            not head.endswith(b"\r\n")
            or head.startswith(b".")
            or b"\r\n." in head
            or bare(head)
        ):
            return whole
        return Verbatim(whole)


__all__ = ["WORTH_OCTETS", "Verbatim"]
