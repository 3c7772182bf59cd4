"""
Messages that leave in chunks (BDAT): to Exim and Postfix, large ones too, and to hosts
that refuse, stall or have no BINARYMIME.
"""

from __future__ import annotations

import email
import re
import sys
from pathlib import Path

from smtpx.testing import End, Fault, FaultyServer

from .bodies import LINES
from .eximserver import EximServer
from .postfixserver import DOMAIN, PostfixServer
from .running import ROOT, RunningServer, unread, waitFor
from .test_exim_lines import PASSWORD
from .test_relay import ANN, RelayTestCase
from .wire import Wire

#: Some ten megabytes, of lines of all lengths.
LARGE = b"Subject: large\r\n\r\n" + b"".join(
    b"x" * (number % 120) + b"\r\n.\r\n" for number in range(160_000)
)

CHUNKING = (b"PIPELINING", b"CHUNKING")
BOX = b"box@" + DOMAIN.encode()

#: It does not even read the chunk.
_GONE = Fault(b"BDAT", None, reply=b"", end=End.RESET)

_AT_ONCE = "[sending]\nidle_seconds = 0\n"
_EARLY = """\
[log]
selectors = ["+pipelining"]
[extensions.PIPECONNECT]
hosts_pipe_connect = ["127.0.0.1"]
[sending]
idle_seconds = 0
"""

#: A binary message: a part that is no lines, and one that is.
_HEADER = (
    b"Subject: binary\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: application/octet-stream\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\n"
)
_OCTETS = b"\0\r\n.\r\n\n\r\rQUIT\r\n" + bytes(range(256)) * 40 + b"\n.\n"


class ChunksOutTests(RelayTestCase):
    """A server of ours relays."""

    def faulty(self, *faults: Fault, keywords: tuple[bytes, ...]) -> FaultyServer:
        """A host that does what it is told to."""
        server = FaultyServer(*faults, keywords=keywords)
        server.start()
        self.addCleanup(server.stop)
        return server

    def give(self, relay: RunningServer, octets: bytes, options: bytes = b"") -> None:
        """Hand over a message, by BDAT."""
        with Wire(relay.port) as wire:
            wire.hello()
            for line in (b"MAIL FROM:<%b>%b" % (ANN, options), b"RCPT TO:<%b>" % BOX):
                self.assertEqual(wire.say(line).code, 250)
            wire.send(b"BDAT %d LAST\r\n%b" % (len(octets), octets))
            self.assertEqual(wire.hear().code, 250)

    def peer(self, server: RunningServer, *words: str) -> str:
        """An operator runs C{smtpx peer}."""
        program = str(Path(sys.executable).with_name("smtpx"))
        config = ("--config", str(server.folder / "smtpx.toml"))
        words = (program, "peer", words[0], *config, *words[1:])
        return self.run_(words, environment={"PYTHONPATH": str(ROOT)})

    # --- real hosts -------------------------------------------------------------

    def test_largeToPostfix(self) -> None:
        """Many chunks, several in flight, octet for octet."""
        postfix = PostfixServer({"message_size_limit": "0"})
        self.addCleanup(postfix.close)
        relay = self.relay(postfix.port, _AT_ONCE)
        self.give(relay, LARGE)
        self.completed(relay, 1)
        waitFor(lambda: bool(postfix.messages()), "a delivery")
        self.same(postfix.messages(), {BOX: LARGE})
        [line] = self.lines(relay, "=>")
        self.assertIn(" K ", line)
        # A small chunk, and those of the usual size behind it.
        pattern = re.compile(r" mail=1 rcpt=1 bdat=41 quit=1 commands=45\n")
        waitFor(lambda: pattern.search(postfix.log()) is not None, "its QUIT")

    def test_refusedByPostfix(self) -> None:
        """
        What turns out to be too much in the middle of many chunks is not sent to its
        end, and reported in the host's words.
        """
        postfix = PostfixServer(
            {
                "message_size_limit": "500000",
                "smtpd_discard_ehlo_keywords": "size, silent-discard",
            }
        )
        self.addCleanup(postfix.close)
        relay = self.relay(postfix.port, _AT_ONCE)
        self.give(relay, LARGE)
        _, octets = self.report(relay)
        self.assertIn(b"Status: 5.3.4\r\n", octets)
        pattern = re.compile(r" bdat=\d+/(\d+) ")
        waitFor(lambda: pattern.search(postfix.log()) is not None, "the end")
        self.assertLess(int(pattern.findall(postfix.log())[0]), 25)

    def test_largeToExim(self) -> None:
        """The same to Exim, under TLS."""
        exim = EximServer(self.serve().folder / "state" / "tls", "+all", PASSWORD)
        self.addCleanup(exim.close)
        relay = self.relay(exim.port)
        with Wire(relay.port) as wire:
            wire.hello()
            wire.mail(b"box@box.example")
            wire.send(b"BDAT %d LAST\r\n%b" % (len(LARGE), LARGE))
            self.assertEqual(wire.hear().code, 250)
        self.completed(relay, 1)
        exim.awaitIdle(1)
        self.same(exim.messages(), {b"box@box.example": LARGE})
        self.assertRegex(exim.log(), r" <= .* P=esmtps L\S* X=.* K ")

    def test_earlyToExim(self) -> None:
        """
        The second message goes to Exim before its greeting, whole and in chunks; both
        logs have C{L*} and C{K}.
        """
        exim = EximServer(self.serve().folder / "state" / "tls", "+all", PASSWORD)
        self.addCleanup(exim.close)
        relay = self.relay(exim.port, 'tls = "unwanted"\n' + _EARLY)
        sender = self.sender(relay, b"box.example")
        sender.give(b"user0", LINES["plain"])
        self.completed(relay, 1)
        with exim.halted():
            sender.give(b"user1", LINES["plain"])
            # It is there before Exim looks.
            waitFor(lambda: unread(exim.port) > 0, "what is said early")
        self.completed(relay, 2)
        exim.awaitIdle(2)
        first, second = self.lines(relay, "=>")
        self.assertRegex(first, r" L K ")
        self.assertRegex(second, r" L\* K ")
        arrivals = [line for line in exim.log().splitlines() if " <= " in line]
        self.assertRegex(arrivals[0], r" P=esmtp L\. K ")
        self.assertRegex(arrivals[1], r" P=esmtp L\* K ")
        self.same(exim.messages(), sender.sent)

    # --- hosts that cannot ------------------------------------------------------

    def test_breaksOff(self) -> None:
        """
        A host that breaks off in BDAT twice gets the message by DATA, and is
        remembered.
        """
        host = self.faulty(_GONE, keywords=CHUNKING)
        relay = self.relay(host.port, '[[retry]]\npauses = ["1 s"]\n')
        self.give(relay, LINES["plain"])
        waitFor(lambda: bool(host.messages), "a message")
        verbs = [session.commands[3].split()[0] for session in host.sessions]
        self.assertEqual(verbs, [b"BDAT", b"BDAT", b"DATA"])
        self.same({BOX: host.messages[0].body}, {BOX: LINES["plain"]})
        self.completed(relay, 1)
        # What is known is written down within a second.
        known = re.compile(r": chunking\n(?s:.*)\n  failures: 2\n")
        waitFor(
            lambda: bool(known.search(self.peer(relay, "show", "127.0.0.1"))),
            "two failures",
        )
        self.give(relay, LINES["plain"])
        waitFor(lambda: len(host.messages) == 2, "another message")
        self.assertEqual(
            self.peer(relay, "forget", "--kind", "chunking", "127.0.0.1")[-9:],
            "1 record\n",
        )

    def test_notListed(self) -> None:
        """A route names the hosts that get chunks; this is none of them."""
        host = self.faulty(keywords=CHUNKING)
        relay = self.relay(host.port, 'hosts_try_chunking = ["!127.0.0.1"]\n')
        self.give(relay, LINES["plain"])
        waitFor(lambda: bool(host.messages), "a message")
        self.assertIn(b"DATA", host.sessions[0].commands)

    def test_binary(self) -> None:
        """A binary message stays as it is where it can, and is encoded elsewhere."""
        binary = (b"BINARYMIME", b"8BITMIME")
        for keywords in ((*CHUNKING, *binary), (*CHUNKING, b"8BITMIME"), binary):
            host = self.faulty(keywords=keywords)
            relay = self.relay(host.port)
            self.give(relay, _HEADER + _OCTETS, b" BODY=BINARYMIME")
            self.completed(relay, 1)
            [message] = host.messages
            whole = set(keywords) == {*CHUNKING, *binary}
            self.assertEqual(message.body.endswith(_HEADER + _OCTETS), whole)
            mail = [line for line in host.sessions[0].commands if line[:4] == b"MAIL"]
            self.assertEqual(b"BODY=BINARYMIME" in mail[0], whole)
            if not whole:
                read = email.message_from_bytes(message.body)
                self.assertEqual(read["Content-Transfer-Encoding"], "base64")
                self.assertEqual(read.get_payload(decode=True), _OCTETS)

    def test_binaryAndNoConversion(self) -> None:
        """Where nothing is to be converted it goes back, with 5.6.3."""
        host = self.faulty(keywords=CHUNKING)
        relay = self.relay(host.port, "[extensions.BINARYMIME]\nconversion = false\n")
        self.give(relay, _HEADER + _OCTETS, b" BODY=BINARYMIME")
        _, octets = self.report(relay)
        self.assertIn(b"\r\nStatus: 5.6.3\r\n", octets)
        self.assertEqual(host.messages, [])
