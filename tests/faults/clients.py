"""
SMTP clients of the plainest kind, on blocking sockets, and a load of them.

A message knows what it is: its C{Subject} has a number, and C{X-Digest} the
digest of number and body.  So of one that is found somewhere it can be said
whether it is whole, and whether it was acknowledged.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import random
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from attrs import evolve, field, frozen

#: What a client waits at most, in seconds.
PATIENCE_SECONDS = 120.0

SMALL, LARGE = 1_000, 200_000

#: The chunks of a message by BDAT, in octets.
_CHUNK_OCTETS = 70_000

_FIELDS = re.compile(
    rb"(?:.*\r\n)?Subject: (?P<number>\S+)\r\nX-Digest: (?P<digest>\S+)\r\n\r\n",
    re.DOTALL,
)
_ACCEPTED = re.compile(rb"250 2\.0\.0 OK id=(\S+)\r\n")


class Refused(Exception):
    """The server said something else than it should have; the text is it."""


@lru_cache
def _text(octets: int) -> bytes:
    """Lines of about so many octets in all; no line begins with a dot."""
    noise = random.Random(octets).randbytes(octets * 3 // 4)
    return base64.encodebytes(noise).replace(b"\n", b"\r\n")


@frozen
class Message:
    """
    A message to be sent.

    @ivar number: which; no other has it.
    @ivar octets: header and body.
    @ivar recipients: mailboxes.
    @ivar named: has its transaction a name (RFC 1845)?
    """

    number: str
    octets: bytes = field(repr=False)
    recipients: tuple[bytes, ...] = (b"ann@example.org",)
    named: bool = False

    @classmethod
    def make(cls, number: str, octets: int, *recipients: bytes) -> Message:
        """A message of about so many octets, to C{ann} unless somebody is named."""
        text = _text(octets)
        digest = hashlib.sha256(number.encode("ascii") + text).hexdigest()
        head = f"Subject: {number}\r\nX-Digest: {digest}\r\n\r\n".encode("ascii")
        return cls(number, head + text, recipients or (b"ann@example.org",))


def numberOf(octets: bytes) -> str:
    """
    The number of a message that was found somewhere, with whatever was put above
    it.

    @raise ValueError: it is not one of ours, or not whole.
    """
    found = _FIELDS.match(octets)
    if found is None:
        raise ValueError(f"begins with {octets[:300]!r}")
    digest = hashlib.sha256(found["number"] + octets[found.end() :]).hexdigest()
    if digest.encode("ascii") != found["digest"]:
        raise ValueError(f"{found['number']!r} is not whole")
    return found["number"].decode("ascii")


class Client:
    """
    One connection.

    What a way of sending gives are the ids of messages, each as soon as the
    server has acknowledged it.
    """

    def __init__(self, port: int) -> None:
        """
        Connect and say EHLO.

        @raise OSError: there is no server, or it went away.
        @raise Refused: it does not want us.
        """
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb")
        try:
            self.expect(b"220")
            self.tell(b"EHLO client.example\r\n", b"250")
        except BaseException:
            self.close()
            raise

    def again(self, message: Message) -> tuple[bool, str]:
        """
        Send a message with a name, perhaps not for the first time.

        @return: was it known, and the message's id.
        """
        mail, *to = _envelope(message)
        self.tell(mail)
        known = self.read().startswith(b"355")
        flight = [*to, *_chunks(message)]
        self.tell(b"".join(flight), *[b"250"] * (len(flight) - 1))
        return known, self.accepted()

    def close(self) -> None:
        """Close the connection, without a word."""
        self._lines.close()
        self._socket.close()

    def tell(self, octets: bytes, *codes: bytes) -> None:
        """Send something, and read replies, which are to have these codes."""
        self._socket.sendall(octets)
        for code in codes:
            self.expect(code)

    def expect(self, code: bytes) -> bytes:
        """
        Read a reply.

        @return: its last line.
        @raise Refused: it has another code.
        @raise ConnectionError: it did not come.
        """
        line = self.read()
        if not line.startswith(code):
            raise Refused(line.decode("ascii", "replace"))
        return line

    def read(self) -> bytes:
        """
        Read a reply, whatever it is.

        @return: its last line.
        @raise ConnectionError: it did not come.
        """
        while True:
            line = self._lines.readline()
            if not line.endswith(b"\n"):
                raise ConnectionResetError("no reply, or half of one")
            if line[3:4] != b"-":
                return line

    def accepted(self) -> str:
        """
        Read the reply to a message.

        @return: the message's id.
        """
        line = self.expect(b"250")
        found = _ACCEPTED.fullmatch(line)
        assert found is not None, line
        return found[1].decode("ascii")

    # --- ways to send ---------------------------------------------------------

    def data(self, *messages: Message) -> Iterator[str]:
        """By DATA, each command when the one before was answered."""
        for message in messages:
            for command in _envelope(message):
                self.tell(command, b"250")
            self.tell(b"DATA\r\n", b"354")
            self.tell(message.octets + b".\r\n")
            yield self.accepted()

    def dataPipelined(self, *messages: Message) -> Iterator[str]:
        """By DATA, as pipelined as can be (RFC 2920), also across messages."""
        behind = b""
        accepted = 0
        for message in messages:
            commands = [*_envelope(message), b"DATA\r\n"]
            self.tell(behind + b"".join(commands))
            if behind:
                yield self.accepted()
                accepted += 1
            self.tell(b"", *[b"250"] * (len(commands) - 1), b"354")
            behind = message.octets + b".\r\n"
        self.tell(behind)
        yield self.accepted()

    def chunks(self, *messages: Message) -> Iterator[str]:
        """By BDAT, each chunk when the one before was answered."""
        for message in messages:
            for command in _envelope(message):
                self.tell(command, b"250")
            *first, last = _chunks(message)
            for chunk in first:
                self.tell(chunk, b"250")
            self.tell(last)
            yield self.accepted()

    def chunksPipelined(self, *messages: Message) -> Iterator[str]:
        """By BDAT, everything in one flight."""
        flights = [[*_envelope(message), *_chunks(message)] for message in messages]
        self.tell(b"".join(b"".join(flight) for flight in flights))
        for flight in flights:
            self.tell(b"", *[b"250"] * (len(flight) - 1))
            yield self.accepted()


#: All ways to send.
WAYS: Sequence[Callable[..., Iterator[str]]] = (
    Client.data,
    Client.dataPipelined,
    Client.chunks,
    Client.chunksPipelined,
)


def _envelope(message: Message) -> list[bytes]:
    to = [b"RCPT TO:<%b>\r\n" % each for each in message.recipients]
    name = b" TRANSID=<%b@client.example>" % message.number.encode("ascii")
    mail = b"MAIL FROM:<sender@client.example>%b\r\n"
    return [mail % (name if message.named else b""), *to]


def _chunks(message: Message) -> list[bytes]:
    octets = message.octets
    cut = [
        octets[start : start + _CHUNK_OCTETS]
        for start in range(0, len(octets), _CHUNK_OCTETS)
    ]
    heads = [b"BDAT %d\r\n" % len(piece) for piece in cut]
    heads[-1] = heads[-1].replace(b"\r\n", b" LAST\r\n")
    return [head + piece for head, piece in zip(heads, cut, strict=True)]


#: To Ann, Bob, or both.
_RECIPIENTS: Sequence[tuple[bytes, ...]] = (
    (b"ann@example.org",),
    (b"bob@example.org",),
    (b"ann@example.org", b"bob@example.org"),
)


class Load:
    """
    Clients that send all they can until the server is gone, or for as long as it is
    wanted.

    @ivar acknowledged: the messages that were, by number.
    @ivar ids: the ids of those.
    @ivar unsure: the messages with a name of which nothing was heard, by number.
    @ivar begun: how many messages were sent, or nearly.
    @ivar troubles: what should not have happened.
    """

    def __init__(
        self,
        name: str,
        port: int,
        clients: int = 6,
        recipients: Sequence[tuple[bytes, ...]] = _RECIPIENTS,
        named: bool = False,
        lasting: bool = False,
    ) -> None:
        """
        Begin.

        @param name: of this load; numbers begin with it.
        @param recipients: a message is for some of these.
        @param named: does every other message have a name?
        @param lasting: is who is cut off, or told 421, to come again until L{finish}?
        """
        self._lasting, self._finished = threading.Event(), threading.Event()
        if lasting:
            self._lasting.set()
        self.acknowledged: dict[str, Message] = {}
        self.ids: dict[str, str] = {}
        self.unsure: dict[str, Message] = {}
        self._named = named
        self.begun = 0
        self.troubles: list[str] = []
        self._port = port
        self._recipients = recipients
        self._threads = [
            threading.Thread(target=self._client, args=(f"{name}-{each}",))
            for each in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Wait until all clients have noticed that the server is gone."""
        for thread in self._threads:
            thread.join()

    def finish(self) -> None:
        """Have the clients finish what they are at, and wait for that."""
        self._lasting.clear()
        self._finished.set()
        self.wait()

    def _client(self, name: str) -> None:
        chance = random.Random(name)
        numbers = (f"{name}-{count}" for count in itertools.count(1))
        try:
            while not self._finished.is_set():
                try:
                    self._session(numbers, chance)
                except (OSError, Refused) as error:
                    # This is what it was for.
                    if isinstance(error, Refused) and not str(error).startswith("421"):
                        raise
                    if not self._lasting.is_set():
                        return
        except Exception as error:
            self.troubles.append(f"{name}: {error!r}")

    def _session(self, numbers: Iterator[str], chance: random.Random) -> None:
        """One connection."""
        client = Client(self._port)
        try:
            for _ in range(chance.randrange(1, 20)):
                messages = []
                for _ in range(chance.choice([1, 1, 1, 4])):
                    number = next(numbers)
                    some = _some(number, chance, self._recipients)
                    odd = number[-1] in "13579"
                    messages.append(evolve(some, named=self._named and odd))
                self._send(client, chance.choice(WAYS), messages)
        finally:
            client.close()

    def _send(
        self, client: Client, way: Callable[..., Iterator[str]], messages: list[Message]
    ) -> None:
        """Send some, and note what is heard of them."""
        self.begun += len(messages)
        self.unsure.update((each.number, each) for each in messages if each.named)
        for message, id in zip(messages, way(client, *messages), strict=True):
            self.ids[message.number] = id
            self.acknowledged[message.number] = message
            self.unsure.pop(message.number, None)


def _some(
    number: str, chance: random.Random, recipients: Sequence[tuple[bytes, ...]]
) -> Message:
    """A message of some size, to some of those."""
    size = chance.choices([SMALL, 30_000, LARGE], [8, 1, 1])[0]
    return Message.make(number, size, *chance.choice(recipients))
