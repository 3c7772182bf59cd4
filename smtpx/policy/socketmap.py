"""
Recipients that a program knows, asked over a socket by the socketmap protocol.

That is the protocol of Sendmail and of Postfix (C{socketmap_table(5)}), so whatever
answers them answers us: an address in a netstring goes out, a word comes back::

    request  = netstring(name SP address)
    reply    = netstring(("OK" / "NOTFOUND" / "TEMP" / "TIMEOUT" / "PERM") SP text)
    netstring = 1*DIGIT ":" *OCTET ","

Of Postfix's other protocol, C{tcp_table(5)}, its own manual says that it is not to
be used where it matters, and it has no way to say who of several maps is meant.

A connection has one question on its way at a time; connections are kept, and so
many are made as there are questions at once.  One that was kept may be gone when it
is wanted: that question is asked again over a new one.
"""

from __future__ import annotations

import re
from typing import cast

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.errors import Malformed, SMTPXError
from .dovecot import Abortable
from .recipients import Finding, IRecipientCheck, Standing
from .turnstile import Turnstile

#: How long a reply may be, in octets; Postfix takes 100,000, but we want one word.
REPLY_OCTETS = 10_000

_length = re.compile(rb"(0|[1-9][0-9]{0,5}):").match
_partOfLength = re.compile(rb"(0|[1-9][0-9]{0,5})?\Z").match


class SocketGone(SMTPXError):
    """The connection has ended without a reply."""


def renderQuestion(name: bytes, path: bytes) -> bytes:
    """
    A question.

    @param name: of the map.
    """
    text = b"%b %b" % (name, path)
    return b"%d:%b," % (len(text), text)


def parseReply(received: bytes) -> bytes | None:
    """
    Read a reply.

    @param received: all that has come so far.
    @return: what is in the netstring; L{None}: it is not whole yet.
    @raise Malformed: it is no netstring, or too long.
    """
    found = _length(received)
    if found is None:
        if _partOfLength(received) is None:
            raise Malformed("not a netstring")
        return None
    size, start = int(found[1]), found.end()
    if size > REPLY_OCTETS:
        raise Malformed(f"a reply of {size} octets")
    if len(received) <= start + size:
        return None
    if received[start + size :] != b",":
        raise Malformed("not a netstring")
    return received[start : start + size]


def readFinding(text: bytes) -> Finding:
    """
    What a reply says.

    @param text: what is in the netstring.
    @raise Malformed: nobody knows what it says.
    """
    word, _, rest = text.partition(b" ")
    said = rest.decode("utf-8", "backslashreplace")
    if word == b"OK":
        return Finding(Standing.KNOWN)
    if word == b"NOTFOUND":
        return Finding(Standing.UNKNOWN, said)
    if word in (b"TEMP", b"TIMEOUT", b"PERM"):
        # PERM too: the map is at fault then, and not the address.
        return Finding(Standing.UNSURE, f"the socket says {word.decode()} {said}")
    raise Malformed("not a word of the protocol")


class MapConnection(Protocol):
    """
    One connection to the socket.

    @ivar gone: has it ended?
    """

    def __init__(self) -> None:
        self.gone = False
        self._received = b""
        self._asked: Deferred[Finding] | None = None

    def ask(self, question: bytes) -> Deferred[Finding]:
        """
        Ask; there is no other question on its way.

        @return: fails with L{SocketGone} where no reply came, or L{Malformed}.
            Cancelled, it ends the connection.
        """
        assert self._asked is None and self.transport is not None
        asked: Deferred[Finding] = Deferred(lambda _: self.end())
        self._asked = asked
        self.transport.write(question)
        return asked

    def dataReceived(self, octets: bytes) -> None:
        """The program says something."""
        if self.gone:
            return
        self._received += octets
        try:
            if self._asked is None:
                raise Malformed("a reply to nothing that was asked")
            text = parseReply(self._received)
            if text is None:
                return
            found = readFinding(text)
        except Malformed as error:
            self.end()
            self._answer(Failure(error))
        else:
            self._received = b""
            self._answer(found)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Whoever waits is told."""
        self.gone = True
        why = reason.getErrorMessage()
        self._answer(Failure(SocketGone(f"the connection has ended: {why}")))

    def end(self) -> None:
        """End it; who does not read would keep it open."""
        self.gone = True
        cast(Abortable, self.transport).abortConnection()

    def _answer(self, result: Finding | Failure) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and not asked.called:
            asked.callback(result)


@implementer(IRecipientCheck)
class SocketMap:
    """The recipients that a program knows."""

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        turnstile: Turnstile,
        name: bytes = b"recipients",
    ) -> None:
        """
        @param endpoint: leads to the socket.
        @param turnstile: bounds how many are asked for at once, and how long.
        @param name: of the map, as the program has it.
        """
        self._endpoint = endpoint
        self._turnstile = turnstile
        self._name = name
        self._idle: list[MapConnection] = []
        self._stopped = False

    def look(self, path: bytes, whose: bytes) -> Deferred[Finding]:
        """See L{IRecipientCheck}."""
        question = renderQuestion(self._name, path)
        return self._turnstile.admit(
            lambda: Deferred.fromCoroutine(self._ask(question)), whose=whose
        )

    def stop(self) -> None:
        """End all connections; questions fail from now on."""
        self._stopped = True
        while self._idle:
            self._idle.pop().end()

    async def _ask(self, question: bytes) -> Finding:
        """
        @raise SocketGone: it ended, and so did a new one.
        @raise Malformed: it does not know the protocol.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection.gone:
                continue
            try:
                return await self._over(connection, question)
            except SocketGone:
                # It was kept too long.
                break
        return await self._over(await self._connect(), question)

    async def _over(self, connection: MapConnection, question: bytes) -> Finding:
        found = await connection.ask(question)
        if self._stopped:
            connection.end()
        else:
            self._idle.append(connection)
        return found

    def _connect(self) -> Deferred[MapConnection]:
        if self._stopped:
            return fail(SocketGone("the server stops"))
        factory = Factory.forProtocol(MapConnection)
        # Twisted would say of each when it starts and stops.
        factory.noisy = False
        connected: Deferred[MapConnection] = self._endpoint.connect(factory)  # type: ignore[assignment]  # what the factory makes
        return connected


__all__ = [
    "MapConnection",
    "SocketGone",
    "SocketMap",
    "parseReply",
    "readFinding",
    "renderQuestion",
]
