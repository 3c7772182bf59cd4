"""
ClamAV's clamd, as a virus scanner: the command C{INSTREAM} of its protocol::

    zINSTREAM NUL *( length piece ) %x00.00.00.00

C{length} is of 32 bits, the highest octet first.  clamd answers when it has all, or
as soon as it has more than it wants (C{StreamMaxLength})::

    stream: OK NUL
    stream: Eicar-Test-Signature FOUND NUL
    INSTREAM size limit exceeded. ERROR NUL

U{https://docs.clamav.net/manual/Usage/Scanning.html}, clamd(8).
"""

from __future__ import annotations

from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer

from ...core.envelope import Envelope
from ...core.errors import Malformed
from ...core.interfaces import IServerSession
from .interfaces import USUAL, ICheck, IChecker, Message, Opinion, State, Terms
from .link import Link
from .wires import IWire

#: The most octets of an answer.
ANSWER_OCTETS = 4096

_BEGIN = b"zINSTREAM\0"
_END = b"\0\0\0\0"
_TOO_LARGE = "size limit exceeded"


@implementer(IWire)
class ClamdWire:
    """
    One C{INSTREAM}.
    """

    __slots__ = ("_answer", "_ended")

    def __init__(self) -> None:
        self._answer = b""
        self._ended = False

    def begin(self) -> bytes:
        """See L{IWire}."""
        return _BEGIN

    def piece(self, data: bytes) -> tuple[bytes, ...]:
        """See L{IWire}."""
        return len(data).to_bytes(4, "big"), data

    def end(self) -> bytes:
        """See L{IWire}."""
        self._ended = True
        return _END

    def feed(self, octets: bytes) -> Opinion | None:
        """See L{IWire}."""
        self._answer += octets
        answer, end, _ = self._answer.partition(b"\0")
        if end:
            return self._read(answer)
        if len(answer) > ANSWER_OCTETS:
            raise Malformed("an answer that is too long")
        return None

    def closed(self) -> Opinion:
        """See L{IWire}."""
        # An old one may say no NUL.
        if self._answer.endswith(b"\n"):
            return self._read(self._answer)
        raise ConnectionError("clamd has closed the connection")

    def _read(self, answer: bytes) -> Opinion:
        found = opinionOf(answer)
        if found == Opinion() and not self._ended:
            # What stands behind that would get past it.
            raise Malformed("clamd found nothing before it had all of the message")
        return found


def opinionOf(answer: bytes) -> Opinion:
    """
    What an answer means.

    @raise Malformed: it is none, or tells of an error.
    """
    text = answer.decode("utf-8", "replace").strip()
    if text.endswith(" FOUND"):
        found = text.removesuffix(" FOUND").removeprefix("stream:").strip()
        return Opinion(found={"malware_name": found or "unknown"})
    if text == "stream: OK":
        return Opinion()
    if _TOO_LARGE in text:
        return Opinion(State.TOO_LARGE, why="it is longer than clamd's StreamMaxLength")
    raise Malformed(f"clamd says: {text[:200]}")


@implementer(IChecker)
class Clamd:
    """
    A virus scanner.
    """

    finds = frozenset({"malware"})

    def __init__(
        self, name: str, endpoint: IStreamClientEndpoint, terms: Terms = USUAL
    ) -> None:
        """
        @param name: what it is called.
        @param endpoint: where it listens.
        @param terms: how it is asked.
        """
        self.name = name
        self.terms = terms
        self._endpoint = endpoint

    def begin(
        self, session: IServerSession, envelope: Envelope, message: Message
    ) -> ICheck | None:
        """See L{IChecker}."""
        return Link(self._endpoint, ClamdWire())


__all__ = ["ANSWER_OCTETS", "Clamd", "ClamdWire", "opinionOf"]
