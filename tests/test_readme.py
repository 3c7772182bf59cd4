"""
What the README promises.
"""

from __future__ import annotations

import builtins
import importlib
import re
import socket
from pathlib import Path
from typing import Any

import twisted.internet
from twisted.internet import task
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.net import mailer
from tests.net.network import Got, watched
from tests.net.worlds import mx, world

README = (Path(smtpx.__file__).parents[1] / "README.rst").read_text("utf-8")


def programs() -> list[str]:
    """The programs in it, in order."""
    blocks = re.findall(r"(?s)\.\. code-block:: python\n\n(.*?)\n\n[^ ]", README)
    return [re.sub(r"(?m)^   ", "", block) for block in blocks]


class ReadmeTests(SynchronousTestCase):
    """Its commands are there for C{.ci/run}, its program works."""

    def test_theCommandsAreThere(self) -> None:
        """One command starts the server, one runs the tests."""
        for end in ("twistd -n smtpx", "trial -j4 tests"):
            found = re.findall(rf"(?m)^    python3 -m venv .*{end}$", README)
            self.assertEqual(len(found), 1, end)

    def test_theServerHasFiveLines(self) -> None:
        """It takes a message and prints it."""
        program = programs()[0]
        self.assertEqual(program.count("\n") + 1, 5)
        importlib.import_module("twisted.internet.reactor")
        reactor = MemoryReactorClock()
        self.patch(twisted.internet, "reactor", reactor)
        printed: list[object] = []
        self.patch(builtins, "print", printed.append)
        exec(compile(program, "README.rst", "exec"), {})
        self.assertTrue(reactor.hasRun)
        port, factory = reactor.tcpServers[0][:2]
        self.assertEqual(port, 2525)
        transport = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 4567))
        protocol = factory.buildProtocol(transport.getPeer())
        assert protocol is not None
        protocol.makeConnection(transport)
        for line in (
            b"EHLO client.example",
            b"MAIL FROM:<me@localhost>",
            b"RCPT TO:<you@localhost>",
            b"DATA",
            b"Subject: hello\r\n\r\nIt works.\r\n.",
        ):
            protocol.dataReceived(line + b"\r\n")
        self.assertIn(b"\r\n354 ", transport.value())
        self.assertEqual(printed, [b"Subject: hello\r\n\r\nIt works.\r\n"])
        protocol.dataReceived(b"QUIT\r\n")
        self.assertIn(b"\r\n221 ", transport.value())

    def test_theMessageHasThreeLines(self) -> None:
        """It goes to the hosts of the recipient's domain."""
        program = programs()[1]
        self.assertEqual(program.count("\n") + 1, 3)
        there = world()
        server = there.host("192.0.2.1")
        there.domains.known = {b"example.net": mx("192.0.2.1")}
        self.patch(mailer, "systemRouter", lambda reactor: there.domains)
        self.patch(socket, "gethostname", lambda: "client.example")
        done: list[Got] = []

        def react(main: Any, arguments: list[Any]) -> None:
            done.append(watched(main(there.network, *arguments)))
            there.network.run()

        self.patch(task, "react", react)
        exec(compile(program, "README.rst", "exec"), {})
        self.assertEqual(done[0].value.accepted, ("you@example.net",))
        self.assertEqual(
            server.messages[0].body, b"Subject: hello\r\n\r\nIt works.\r\n"
        )
