"""
A client that says exactly what it is told to, octet for octet, on a real socket.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from attrs import frozen
from OpenSSL.SSL import (
    TLS_CLIENT_METHOD,
    Connection,
    Context,
    WantReadError,
    ZeroReturnError,
)

#: How long a reply may take to come.
SECONDS = 20.0


@frozen
class Said:
    """
    A reply of the server.

    @ivar code: its code.
    @ivar lines: its lines, without code and CRLF.
    """

    code: int
    lines: tuple[bytes, ...]


class Wire:
    """A connection to 127.0.0.1."""

    def __init__(
        self, port: int, window: int | None = None, seconds: float = SECONDS
    ) -> None:
        """
        @param window: how many octets the kernel is to keep for us in each
            direction; L{None}: as many as it likes.
        @param seconds: how long a reply may take to come.
        """
        self._socket = socket.socket()
        self._seconds = seconds
        self._socket.settimeout(seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if window is not None:
            for direction in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                self._socket.setsockopt(socket.SOL_SOCKET, direction, window)
        self._socket.connect(("127.0.0.1", port))
        self._heard = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *trouble: object) -> None:
        self.close()

    def close(self) -> None:
        """Close both directions."""
        self._socket.close()

    # --- out --------------------------------------------------------------------

    def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        self._socket.sendall(octets)

    def sendPieces(self, pieces: Iterable[bytes]) -> None:
        """Send octets, each piece in a segment of its own if the kernel likes."""
        for piece in pieces:
            self._socket.sendall(piece)

    def end(self) -> None:
        """Say that there will be no more from us (FIN), and go on listening."""
        self._socket.shutdown(socket.SHUT_WR)

    # --- in ---------------------------------------------------------------------

    def _more(self) -> bool:
        octets = self._socket.recv(65_536)
        self._heard += octets
        return bool(octets)

    def hear(self) -> Said:
        """
        Wait for a reply.

        @raise EOFError: the server has closed the connection instead.
        @raise TimeoutError: it says nothing.
        """
        lines = []
        while True:
            while b"\r\n" not in self._heard:
                if not self._more():
                    raise EOFError(f"the end, behind {self._heard!r}")
            line, self._heard = self._heard.split(b"\r\n", 1)
            lines.append(line[4:])
            if line[3:4] != b"-":
                return Said(int(line[:3]), tuple(lines))

    def codes(self, count: int) -> list[int]:
        """The codes of the next replies."""
        return [self.hear().code for _ in range(count)]

    def rest(self) -> list[int]:
        """The codes of all replies up to the end of the connection."""
        codes = []
        try:
            while True:
                codes.append(self.hear().code)
        except (EOFError, ConnectionResetError):
            return codes

    def silence(self, seconds: float) -> bool:
        """Does the server say nothing for a while, and not close either?"""
        if self._heard:
            return False
        self._socket.settimeout(seconds)
        try:
            self._more()
            return False
        except ConnectionResetError:
            return False
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(self._seconds)

    # --- a dialogue ---------------------------------------------------------------

    def say(self, line: bytes) -> Said:
        """Send a line, and wait for the reply."""
        self.send(line + b"\r\n")
        return self.hear()

    def hello(self) -> Said:
        """Hear the greeting, and say EHLO."""
        greeting = self.hear()
        assert greeting.code == 220, greeting
        return self.say(b"EHLO client.example")

    def mail(self, recipient: bytes, parameters: bytes = b"") -> None:
        """
        Begin a transaction.

        @param parameters: of MAIL, with a space in front.
        @raise AssertionError: it was refused.
        """
        for line in (
            b"MAIL FROM:<ann@example.com>" + parameters,
            b"RCPT TO:<%b>" % recipient,
        ):
            said = self.say(line)
            assert said.code == 250, said

    # --- TLS ----------------------------------------------------------------------

    def secure(self, authority: Path) -> None:
        """
        Make a TLS handshake, and check who the server is.

        @param authority: the certificate of the CA.
        """
        context = ssl.create_default_context(cafile=str(authority))
        self._socket = context.wrap_socket(self._socket, server_hostname="localhost")

    def startTLS(self, authority: Path) -> None:
        """STARTTLS, the handshake, and EHLO once more."""
        said = self.say(b"STARTTLS")
        assert said.code == 220, said
        self.secure(authority)
        said = self.say(b"EHLO client.example")
        assert said.code == 250, said


class TLSWire(Wire):
    """
    A connection under implicit TLS whose records are made and sent one by one.
    """

    def __init__(self, port: int, early: bytes = b"") -> None:
        """
        Connect, and make the handshake; the certificate is not looked at.

        @param early: what is said in one write with the end of the handshake.
        """
        super().__init__(port)
        self._tls = Connection(Context(TLS_CLIENT_METHOD), None)
        self._tls.set_connect_state()
        while True:
            try:
                self._tls.do_handshake()
                break
            except WantReadError:
                self.send(self.records())
                self._take()
        self.send(self.records(early))

    def records(self, octets: bytes = b"") -> bytes:
        """
        Records with C{octets} in them, and whatever else TLS has to say.

        @return: what is to be sent.
        """
        if octets:
            self._tls.send(octets)
        try:
            return self._tls.bio_read(1 << 20)
        except WantReadError:
            return b""

    def closeNotify(self) -> bytes:
        """
        The record that says that we send no more (RFC 8446 section 6.1).

        @return: what is to be sent.
        """
        self._tls.shutdown()
        return self.records()

    def _take(self) -> bool:
        octets = self._socket.recv(65_536)
        if octets:
            self._tls.bio_write(octets)
        return bool(octets)

    def _more(self) -> bool:
        while True:
            try:
                self._heard += self._tls.recv(65_536)
                return True
            except WantReadError:
                if not self._take():
                    return False
            except ZeroReturnError:
                return False


def stuffed(body: bytes) -> bytes:
    """
    A body as DATA carries it (RFC 5321 section 4.5.2), with its end.

    @param body: empty, or with CRLF at its end.
    """
    assert not body or body.endswith(b"\r\n"), body[-10:]
    return (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def pieces(octets: bytes, size: int) -> list[bytes]:
    """Cut octets into pieces of C{size}; the last may be shorter."""
    return [octets[at : at + size] for at in range(0, len(octets), size)]


def chunks(body: bytes, size: int) -> bytes:
    """
    A body in BDAT commands (RFC 3030 section 2), each with a chunk of C{size},
    the last with what is left.
    """
    cut = pieces(body, size) or [b""]
    words = [b"BDAT %d\r\n%b" % (len(each), each) for each in cut[:-1]]
    return b"".join([*words, b"BDAT %d LAST\r\n%b" % (len(cut[-1]), cut[-1])])
