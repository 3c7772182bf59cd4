"""
A mail host of the tests' own, in a thread, that offers REQUIRETLS or does not, and
writes down every line that it hears and whether that came under TLS.  It is scripted:
few servers of other makers have the keyword, and none of them may be made to misbehave.
"""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

from attrs import define, field


@define
class Arrived:
    """
    A message.

    @ivar mail: the MAIL command.
    @ivar recipients: the RCPT commands.
    @ivar text: header and body, dots as they came.
    @ivar secured: did it come under TLS?
    """

    mail: str
    secured: bool
    recipients: list[str] = field(factory=list)
    text: str = ""


@define(eq=False)
class ObligingHost:
    """
    A mail host.

    @ivar address: where it is, on the loopback.
    @ivar port: there.
    @ivar chain: its certificate.
    @ivar key: the private key.
    @ivar keyword: does it offer REQUIRETLS, under TLS?
    @ivar tls: does it offer STARTTLS?
    @ivar early: does it offer PIPECONNECT?
    @ivar refusals: what it says to the next MAIL commands, one after the other.
    @ivar lines: all commands, each with whether it came under TLS.
    @ivar messages: all messages that it took.
    """

    address: str
    port: int
    chain: Path
    key: Path
    keyword: bool = True
    tls: bool = True
    early: bool = False
    refusals: list[str] = field(factory=list)
    lines: list[tuple[bool, str]] = field(factory=list)
    messages: list[Arrived] = field(factory=list)
    _socket: socket.socket = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin to listen."""
        self._socket = socket.create_server((self.address, self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            client.settimeout(30)
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client:
            try:
                _Session(self, client).run()
            except OSError:
                # The client is gone, or did not like the certificate.
                return


class _Session:
    """
    One connection.
    """

    def __init__(self, host: ObligingHost, client: socket.socket) -> None:
        self._host = host
        self._client = client
        self._secured = False
        self._message = Arrived("", False)

    def run(self) -> None:
        """Talk until the client has gone."""
        self._say("220 mx.example ESMTP")
        while True:
            line = self._line()
            if line is None:
                return
            self._host.lines.append((self._secured, line))
            verb = line[:4].upper()
            if verb == "QUIT":
                return self._say("221 2.0.0 Bye")
            if verb == "STAR":
                self._upgrade()
            else:
                self._say(self._answer(verb, line))

    def _upgrade(self) -> None:
        self._say("220 2.0.0 Go on")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._host.chain, self._host.key)
        self._client = context.wrap_socket(self._client, server_side=True)
        self._secured = True

    def _answer(self, verb: str, line: str) -> str:
        if verb == "EHLO":
            return self._hello()
        if verb == "MAIL":
            if self._host.refusals:
                return self._host.refusals.pop(0)
            self._message = Arrived(line, self._secured)
        elif verb == "RCPT":
            self._message.recipients.append(line)
        elif verb == "DATA":
            self._say("354 Go on")
            while (text := self._line()) not in (None, "."):
                self._message.text += f"{text}\n"
            self._host.messages.append(self._message)
        return "250 2.0.0 Fine"

    def _hello(self) -> str:
        words = ["mx.example", "8BITMIME"]
        if self._host.early:
            words += ["PIPELINING", "PIPECONNECT"]
        if self._host.tls and not self._secured:
            words.append("STARTTLS")
        if self._host.keyword and self._secured:
            words.append("REQUIRETLS")
        lines = [f"250-{word}" for word in words[:-1]]
        return "\r\n".join([*lines, f"250 {words[-1]}"])

    def _say(self, text: str) -> None:
        self._client.sendall(text.encode("ascii") + b"\r\n")

    def _line(self) -> str | None:
        """A line; L{None}: the client has gone."""
        line = b""
        while not line.endswith(b"\r\n"):
            # One by one, so that nothing of a handshake is read with it.
            octet = self._client.recv(1)
            if not octet:
                return None
            line += octet
        return line[:-2].decode("utf-8", "replace")


__all__ = ["Arrived", "ObligingHost"]
