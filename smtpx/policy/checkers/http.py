"""
As much of HTTP as it takes to give a message to a program and to hear what it thinks:
one request on a connection (RFC 9112), whose body goes out as it comes.

The length of a message is told where it is known; otherwise the body is chunked
(section 7.1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zope.interface import implementer

from ...core.errors import Malformed
from .interfaces import Opinion
from .wires import IWire

#: The most octets of the head of an answer, and of the whole of it.
HEAD_OCTETS = 1 << 16
ANSWER_OCTETS = 1 << 22

#: A header field: its name and its value.
Header = tuple[bytes, bytes]


@implementer(IWire)
class HTTPWire:
    """
    One C{POST}.
    """

    __slots__ = ("_answer", "_chunked", "_read", "_request")

    def __init__(
        self,
        target: bytes,
        fields: Sequence[Header],
        octets: int | None,
        read: Callable[[int, bytes], Opinion],
    ) -> None:
        """
        @param target: what is asked.
        @param fields: header fields; of those whose value cannot stand there, nothing
            is said.
        @param octets: how long the body is; L{None}: nobody knows.
        @param read: reads an answer, given its status and its body; see
            L{IWire.feed}.
        """
        self._chunked = octets is None
        length = (
            (b"Transfer-Encoding", b"chunked")
            if octets is None
            else (b"Content-Length", b"%d" % octets)
        )
        given = [*fields, (b"Connection", b"close"), length]
        lines = [b"%b: %b\r\n" % each for each in given if _fits(each[1])]
        self._request = b"POST %b HTTP/1.1\r\n%b\r\n" % (target, b"".join(lines))
        self._read = read
        self._answer = b""

    def begin(self) -> bytes:
        """See L{IWire}."""
        return self._request

    def piece(self, data: bytes) -> tuple[bytes, ...]:
        """See L{IWire}."""
        return (b"%x\r\n" % len(data), data, b"\r\n") if self._chunked else (data,)

    def end(self) -> bytes:
        """See L{IWire}."""
        return b"0\r\n\r\n" if self._chunked else b""

    def feed(self, octets: bytes) -> Opinion | None:
        """See L{IWire}."""
        self._answer += octets
        if len(self._answer) > ANSWER_OCTETS:
            raise Malformed("an answer that is too long")
        found = readAnswer(self._answer, False)
        return None if found is None else self._read(*found)

    def closed(self) -> Opinion:
        """See L{IWire}."""
        found = readAnswer(self._answer, True)
        if found is None:
            raise ConnectionError("the connection was closed without an answer")
        return self._read(*found)


def _fits(value: bytes) -> bool:
    """Can it be the value of a field?"""
    return not any(each < 32 or each == 127 for each in value)


def readAnswer(octets: bytes, ended: bool) -> tuple[int, bytes] | None:
    """
    Read an answer.

    @param octets: what there is of it.
    @param ended: will there be no more?
    @return: its status and body; L{None}: there is not enough of it.
    @raise Malformed: it is none.
    """
    head, end, body = octets.partition(b"\r\n\r\n")
    if not octets.startswith(b"HTTP/1."[: len(octets)]) or len(head) > HEAD_OCTETS:
        raise Malformed(f"no HTTP: {octets[:60]!r}")
    if not end:
        return None
    lines = head.split(b"\r\n")
    status = lines[0].split(b" ", 2)[1:2]
    if not status or len(status[0]) != 3 or not status[0].isdigit():
        raise Malformed(f"no status: {lines[0][:60]!r}")
    code = int(status[0])
    if code < 200:
        # RFC 9110 section 15.2: the real one stands behind it.
        return readAnswer(body, ended) if body else None
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in lines[1:])
    }
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        whole = _unchunked(body)
        return None if whole is None else (code, whole)
    length = fields.get(b"content-length")
    if length is None:
        return (code, body) if ended else None
    if not length.isdigit() or len(length) > 10:
        raise Malformed("no length")
    return (code, body[: int(length)]) if len(body) >= int(length) else None


def _unchunked(body: bytes) -> bytes | None:
    """
    What a chunked body is.

    @return: L{None}: it is not whole.
    @raise Malformed: it is none.
    """
    pieces: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\r\n", at)
        if end < 0:
            return None
        size = body[at:end].partition(b";")[0].strip()
        try:
            length = int(size, 16)
        except ValueError:
            raise Malformed("no chunk") from None
        if length < 0:
            raise Malformed("no chunk")
        if not length:
            return b"".join(pieces)
        at = end + 2 + length + 2
        if at > len(body):
            return None
        pieces.append(body[end + 2 : at - 2])


__all__ = ["ANSWER_OCTETS", "HEAD_OCTETS", "HTTPWire", "Header", "readAnswer"]
