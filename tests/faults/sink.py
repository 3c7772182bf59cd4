"""
A host that takes mail, for everybody but C{nobody}, and remembers exactly what it took,
and what it knows of how far the client got.

It is an SMTP server of the plainest kind on blocking sockets, a thread for each
connection.  It outlives the clients, which are killed.  What it tells of a message is
whether the client has read the reply to it: when a process dies, its system answers
with RST where something was not read, or comes too late, and with FIN where
everything was read.
"""

from __future__ import annotations

import random
import re
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator

from attrs import define, field

from .clients import numberOf

_PATH = re.compile(rb"(?:MAIL FROM|RCPT TO):<([^>]*)>", re.IGNORECASE)

#: The id of a report, and the number of the message whose header it has.
_MESSAGE_ID = re.compile(rb"^Message-ID: (\S+)", re.MULTILINE | re.IGNORECASE)
_ABOUT = re.compile(rb"^Subject: (\S+)\r\nX-Digest: ", re.MULTILINE)

#: For whom nothing is taken.
_NOBODY = b"nobody@"

_OFFERS = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n"


@define(eq=False)
class Take:
    """
    A message that was taken for somebody.

    @ivar number: of the message; see L{tests.faults.clients}.  Of a report it is that
        of the message which it is about.
    @ivar recipient: for whom.
    @ivar report: the C{Message-ID} of a report; L{None}: it is none.
    @ivar at: when its 250 was sent, by C{time.monotonic}.
    @ivar visit: over which connection.
    @ivar last: was it the last message of that connection?
    """

    number: str
    recipient: bytes
    at: float
    visit: Visit
    report: bytes | None = None
    last: bool = True


@define(eq=False)
class Visit:
    """
    A connection.

    @ivar quit: did the client say QUIT?
    @ivar ended: is it over?
    @ivar unread: has something that was said to the client not been read by it?
    """

    quit: bool = False
    ended: bool = False
    unread: bool = False
    takes: list[Take] = field(factory=list)


class Sink:
    """
    The host.

    @ivar port: where it is, at 127.0.0.1.
    @ivar takes: what it took, in order.
    @ivar visits: its connections.
    @ivar troubles: what no client of ours should have said.
    """

    def __init__(
        self, chunking: bool = True, slow: float = 0.0, part: float = 0.2
    ) -> None:
        """
        Listen.

        @param chunking: offer CHUNKING?
        @param slow: how long it takes to think about some messages, in seconds at
            most.
        @param part: about how large a part of them, from 0 to 1.
        """
        self._part = part
        self._slow = slow
        self._random = random.Random(20261122)
        self.takes: list[Take] = []
        self.visits: list[Visit] = []
        self.troubles: list[str] = []
        self._offers = _OFFERS + (b"250-CHUNKING\r\n" if chunking else b"")
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        # It wakes who waits in accept, as close does not.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def isQuiet(self) -> bool:
        """Are all connections over?"""
        with self._lock:
            return all(visit.ended for visit in self.visits)

    def _listen(self) -> None:
        while True:
            try:
                accepted, _ = self._listening.accept()
            except OSError:
                return
            visit = Visit()
            with self._lock:
                self.visits.append(visit)
            talk = _Talk(self, accepted, visit, self._offers)
            threading.Thread(target=talk.run, daemon=True).start()

    def take(self, visit: Visit, octets: bytes, recipients: list[bytes]) -> None:
        """A message is whole; its 250 comes next."""
        report = _reportIn(octets)
        number = numberOf(octets) if report is None else report[1]
        id = None if report is None else report[0]
        now = time.monotonic()
        with self._lock:
            for take in visit.takes:
                take.last = False
            for recipient in recipients:
                take = Take(number, recipient, now, visit, id)
                visit.takes.append(take)
                self.takes.append(take)

    def think(self) -> None:
        """Let a client wait, now and then."""
        if self._slow and self._random.random() < self._part:
            time.sleep(self._random.uniform(0, self._slow))

    def complain(self, text: str) -> None:
        """Something is not as it should be."""
        with self._lock:
            self.troubles.append(text)

    def copies(self) -> dict[tuple[str, bytes], list[Take]]:
        """All that was taken but reports, by message and recipient."""
        found: dict[tuple[str, bytes], list[Take]] = {}
        with self._lock:
            for take in self.takes:
                if take.report is None:
                    found.setdefault((take.number, take.recipient), []).append(take)
        return found

    def reports(self) -> dict[str, dict[bytes, list[Take]]]:
        """The reports that were taken, by the message that they are about, and id."""
        found: dict[str, dict[bytes, list[Take]]] = {}
        with self._lock:
            for take in self.takes:
                if take.report is not None:
                    about = found.setdefault(take.number, {})
                    about.setdefault(take.report, []).append(take)
        return found


def _reportIn(octets: bytes) -> tuple[bytes, str] | None:
    """The id of a report, and the message that it is about; L{None}: it is none."""
    if b"\r\nContent-Type: multipart/report" not in octets.partition(b"\r\n\r\n")[0]:
        return None
    id, about = _MESSAGE_ID.search(octets), _ABOUT.search(octets)
    if id is None or about is None:
        raise ValueError(f"a report of nothing: {octets[:3000]!r}")
    return id[1], about[1].decode("ascii")


class _Talk:
    """What is said over one connection."""

    def __init__(
        self, sink: Sink, connection: socket.socket, visit: Visit, offers: bytes
    ) -> None:
        self._sink = sink
        self._socket = connection
        self._visit = visit
        self._offers = offers
        self._recipients: list[bytes] = []
        self._chunks: list[bytes] = []
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._held = bytearray()
        #: What was said last, for complaints.
        self._said: deque[bytes] = deque(maxlen=8)

    def run(self) -> None:
        """Talk until the client is gone."""
        try:
            self._say(b"220 sink.example ESMTP\r\n")
            for line in self._lines():
                self._obey(line)
                if self._visit.quit:
                    break
        except OSError:
            self._visit.unread = True
        except Exception as error:
            self._sink.complain(repr(error))
        finally:
            self._end()

    def _end(self) -> None:
        """See how it ended."""
        # A client that was gone before it was told something: after a FIN, the RST
        # is nowhere else to be seen.
        if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._visit.unread = True
        self._socket.close()
        self._visit.ended = True

    def _lines(self) -> Iterator[bytes]:
        """Lines with their ends; half a line of a client that was killed is none."""
        while True:
            end = self._held.find(b"\n") + 1
            if end:
                yield self._octets(end)
            elif not self._more():
                return

    def _octets(self, count: int) -> bytes:
        found = bytes(self._held[:count])
        del self._held[:count]
        return found

    def _more(self) -> bool:
        """Receive something; is there more to come?"""
        received = self._socket.recv(1 << 16)
        self._held += received
        return bool(received)

    def _say(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def _obey(self, line: bytes) -> None:
        """Do what a command says."""
        self._said.append(line)
        verb, _, rest = line.rstrip(b"\r\n").partition(b" ")
        verb = verb.upper()
        if verb == b"EHLO":
            self._say(self._offers + b"250 SIZE\r\n")
        elif verb in (b"MAIL", b"RCPT"):
            self._envelope(verb, line)
        elif verb == b"DATA":
            if self._recipients:
                self._say(b"354 go on\r\n")
                self._data()
            else:
                self._say(b"554 5.5.1 for nobody\r\n")
        elif verb == b"BDAT":
            self._bdat(rest)
        elif verb == b"QUIT":
            self._visit.quit = True
            self._say(b"221 bye\r\n")
        elif verb in (b"RSET", b"NOOP"):
            self._recipients, self._chunks = [], []
            self._say(b"250 2.0.0 OK\r\n")
        else:
            before = b"".join(self._said)
            self._sink.complain(f"said {line!r} after {before!r}")
            self._say(b"500 5.5.2 what?\r\n")

    def _envelope(self, verb: bytes, line: bytes) -> None:
        found = _PATH.match(line)
        assert found is not None, line
        if verb == b"MAIL":
            self._recipients, self._chunks = [], []
        else:
            if found[1].startswith(_NOBODY):
                self._say(b"550 5.1.1 no such user\r\n")
                return
            self._recipients.append(found[1])
        self._say(b"250 2.1.0 OK\r\n")

    def _data(self) -> None:
        lines: list[bytes] = []
        for line in self._lines():
            if line == b".\r\n":
                self._whole(b"".join(lines))
                return
            lines.append(line[1:] if line.startswith(b".") else line)

    def _bdat(self, rest: bytes) -> None:
        length, _, last = rest.partition(b" ")
        while len(self._held) < int(length):
            if not self._more():
                # Half a chunk is no commands.
                self._held.clear()
                return
        self._chunks.append(self._octets(int(length)))
        if last.upper() == b"LAST":
            self._whole(b"".join(self._chunks))
        else:
            self._say(b"250 2.0.0 OK\r\n")

    def _whole(self, octets: bytes) -> None:
        """All of a message is there."""
        if not self._recipients:
            self._say(b"554 5.5.1 for nobody\r\n")
            return
        self._sink.think()
        self._sink.take(self._visit, octets, self._recipients)
        # Whoever is gone already will not read what comes.
        self._visit.unread = self._isGone()
        self._recipients, self._chunks = [], []
        self._say(b"250 2.0.0 OK id=sink\r\n")

    def _isGone(self) -> bool:
        ready, _, _ = select.select([self._socket], [], [], 0)
        return bool(ready) and not self._socket.recv(1, socket.MSG_PEEK)
