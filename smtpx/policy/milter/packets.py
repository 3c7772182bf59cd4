"""
The packets of the milter protocol: how long what follows is, in four octets, then one
octet that says what it is, then what it has to say.

Nobody has written an RFC for it.  What is here is what C{libmilter} of Sendmail 8.14
and later does (C{mfdef.h}), protocol version 6, as most milters speak it; the words are
put into types by L{smtpx.policy.milter.commands}, what the server says, and
L{smtpx.policy.milter.answers}, what a milter does.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...core.errors import Malformed

#: How many octets say how long a packet is.
_LENGTH_OCTETS = 4

#: The most octets of a packet of a milter.  Nothing that is said takes more than the
#: largest size that can be agreed on, 1 MiB.
PACKET_OCTETS = 1 << 20

#: The most octets of a packet that every milter takes, without its command.
USUAL_OCTETS = 65_535


def packet(code: bytes, said: bytes = b"") -> bytes:
    """
    A packet as it goes over the wire.

    @param code: what it is, one octet.
    """
    return b"%b%b%b" % ((len(said) + 1).to_bytes(_LENGTH_OCTETS), code, said)


class Packets:
    """
    Octets of a milter to packets, however they come.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def midway(self) -> bool:
        """Has a packet begun that is not yet whole?"""
        return bool(self._held)

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """
        Take octets; all that is given has to be asked for.

        @return: the packets that are whole now: their code, and what they say.
        @raise Malformed: one is empty, or too long.
        """
        held = self._held
        held += data
        start = 0
        try:
            while len(held) - start >= _LENGTH_OCTETS:
                begin = start + _LENGTH_OCTETS
                octets = int.from_bytes(held[start:begin])
                if not 0 < octets <= PACKET_OCTETS:
                    raise Malformed(f"a packet of {octets} octets")
                end = begin + octets
                if len(held) < end:
                    break
                start = end
                yield bytes(held[begin : begin + 1]), bytes(held[begin + 1 : end])
        finally:
            del held[:start]


def strings(said: bytes) -> list[bytes]:
    """
    Read strings that end with NUL each.

    @raise Malformed: the last does not.
    """
    if not said:
        return []
    if not said.endswith(b"\0"):
        raise Malformed("a string without its end")
    return said[:-1].split(b"\0")


__all__ = ["PACKET_OCTETS", "USUAL_OCTETS", "Packets", "packet", "strings"]
