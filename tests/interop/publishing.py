"""
What a domain publishes about TLS, by servers of other makers, in threads: names by
dnspython, and a web server out of the standard library.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from attrs import define, field
from dns.flags import AA, AD, RA
from dns.message import Message, from_wire, make_response
from dns.name import Name
from dns.rcode import NXDOMAIN, SERVFAIL
from dns.rdataclass import IN
from dns.rdatatype import RdataType, from_text as kindOf, to_text as spelledKind
from dns.rrset import from_text as recordsOf
from twisted.trial.unittest import SkipTest


@define(eq=False)
class RunningNames:
    """
    A name server on the loopback, over UDP.

    @ivar records: by name and kind, as in a zone file.
    @ivar broken: names that it fails to look up.
    @ivar authentic: names of which it says that they are proven by DNSSEC.
    @ivar wanted: at which port it is to answer; 0: any.
    @ivar port: where it answers, at 127.0.0.1.
    """

    records: dict[tuple[str, str], list[str]]
    broken: set[str] = field(factory=set)
    authentic: set[str] = field(factory=set)
    wanted: int = 0
    port: int = field(init=False)
    _socket: socket.socket = field(init=False)
    _thread: threading.Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin to answer."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", self.wanted))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        if not self._thread.is_alive():
            return
        # Whoever waits for a datagram does not hear that its socket is closed.
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _answer(self) -> None:
        while True:
            octets, asker = self._socket.recvfrom(4096)
            if not octets:
                return
            self._socket.sendto(self._said(from_wire(octets)).to_wire(), asker)

    def _said(self, asked: Message) -> Message:
        answer = make_response(asked)
        answer.flags |= AA | RA
        question = asked.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        if name in self.authentic:
            answer.flags |= AD
        if name in self.broken:
            answer.set_rcode(SERVFAIL)
            return answer
        found = self.records.get((name, spelledKind(question.rdtype)))
        if found is not None:
            answer.answer.append(_records(question.name, question.rdtype, found))
        elif not any(
            each == name or each.endswith(f".{name}") for each, _ in self.records
        ):
            answer.set_rcode(NXDOMAIN)
        return answer


def _records(name: Name, kind: RdataType, found: list[str]) -> Any:
    return recordsOf(name, 1, IN, kindOf(spelledKind(kind)), *found)


@define(eq=False)
class RunningWeb:
    """
    A web server behind TLS.

    @ivar address: where it is, on the loopback.
    @ivar status: what it answers.
    @ivar kind: the type of that.
    @ivar body: and what it is.
    @ivar more: further headers.
    @ivar seconds: how long it takes to answer.
    @ivar asked: for what paths it was asked.
    @ivar given: what was handed in: paths, types and bodies.
    """

    address: str
    chain: Path
    key: Path
    port: int = 443
    status: int = 200
    kind: str = "text/plain"
    body: bytes = b""
    more: dict[str, str] = field(factory=dict)
    seconds: float = 0.0
    asked: list[str] = field(factory=list)
    given: list[tuple[str, str, bytes]] = field(factory=list)
    _server: ThreadingHTTPServer = field(init=False)
    _thread: threading.Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        """
        Begin to answer.

        @raise SkipTest: the port is not for us.
        """
        web = self

        class Handler(BaseHTTPRequestHandler):
            """Answers as it was told."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """Somebody asks."""
                web.asked.append(self.path)
                self._say()

            def do_POST(self) -> None:
                """Somebody hands something in."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.given.append((self.path, self.headers["Content-Type"], body))
                self._say()

            def _say(self) -> None:
                time.sleep(web.seconds)
                self.send_response(web.status)
                self.send_header("Content-Type", web.kind)
                self.send_header("Content-Length", str(len(web.body)))
                for name, value in web.more.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(web.body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nobody wants to know."""

        class Server(ThreadingHTTPServer):
            """One whose clients may leave when they like."""

            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """They do."""

        try:
            self._server = Server((self.address, self.port), Handler)
        except PermissionError:
            raise SkipTest("ports below 1024 are not for this user") from None
        self.port = self._server.server_address[1]
        self.show(self.chain, self.key)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    def show(self, chain: Path, key: Path) -> None:
        """Show another certificate from now on; called before it serves, as well."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        server = self._server
        plain = getattr(server.socket, "plain", server.socket)
        server.socket = _Listening(plain, context)  # type: ignore[assignment]

    def close(self) -> None:
        """Answer no more."""
        if not self._thread.is_alive():
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Listening:
    """A socket whose connections begin with TLS, each in a thread of its own."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        self.plain = plain
        self._context = context

    def accept(self) -> tuple[socket.socket, Any]:
        """A connection, whose handshake comes with the first thing that is read."""
        connection, address = self.plain.accept()
        return (
            self._context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            ),
            address,
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


__all__ = ["RunningNames", "RunningWeb"]
