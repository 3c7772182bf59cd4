"""
Named transactions (RFC 1845) between two servers: what is cut off, or repeated, or
recorded and sent again, is taken once.
"""

from __future__ import annotations

import re
import shutil
import smtplib
import socket
import struct
import tempfile
import threading
from pathlib import Path

from twisted.trial.unittest import SkipTest

from .apart import FAR, NEAR, Apart, Packet
from .cases import InteropTestCase
from .cutting import Call, CuttingLine
from .ours import OurProgram
from .running import freePort, waitFor

_SENDER, _RECIPIENT = "ann@client.example", "bob@box.example"
#: How often a message is sent where one takes too long.
_TRIES = 8

_MESSAGE = "Subject: once\r\n\r\nText\r\n"

#: 5 MB, no two parts of which are the same.
_LARGE = "Subject: large\r\n\r\n" + "".join(
    f"{number:08} of a message that takes its time\r\n" for number in range(120_000)
)

_TAKES = """
name = "mx.example.org"
state = "state"
workers = {workers}

[[listener]]
address = "{address}"
port = {port}
tls = "none"

[local]
domains = ["box.example"]

[[route]]
match = ["*"]
transport = "{transport}"

[extensions.CHECKPOINT]
unproven_hosts = [{unproven}]
"""

_SENDS = """
name = "client.example"
state = "state"
workers = {workers}

[[listener]]
address = "127.0.0.1"
port = {own}
tls = "none"

[relay]
hosts = ["127.0.0.1"]

[sending]
idle_seconds = 0.1
{sending}

[[retry]]
pauses = ["1 s"]

[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[{address}]:{port}"]
tls = "unwanted"

[extensions.PIPECONNECT]
hosts_pipe_connect = ["*"]

[extensions.CHECKPOINT]
hosts_try_checkpoint = ["*"]
"""


def _send(port: int, message: str, *recipients: str) -> None:
    """Give a message to the one that sends."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.sendmail(_SENDER, [*recipients] or [_RECIPIENT], message)


def _arrivals(receiver: OurProgram) -> list[str]:
    """What it has taken, by its log."""
    return [line for line in receiver.log().splitlines() if " <= " in line]


def _deliveries(sender: OurProgram) -> list[str]:
    """What it has got rid of."""
    lines = sender.log().splitlines()
    return [line for line in lines if " => " in line or " -> " in line]


class CutTests(InteropTestCase):
    """
    A line that is cut.

    @cvar workers: how many both servers have.
    """

    workers = 1

    def setUp(self) -> None:
        """Two servers, and what is between them."""
        InteropTestCase.setUp(self)
        self.folder = Path(tempfile.mkdtemp(prefix="smtpx-cut-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.port = freePort()
        self.receiver = self.receive("far")
        self.line = CuttingLine(self.port)
        self.addCleanup(self.line.close)
        self.own = freePort()
        self.sender = self.sendOn("near")

    def receive(self, folder: str) -> OurProgram:
        """Start the one that takes."""
        text = _TAKES.format(
            workers=self.workers,
            address="127.0.0.1",
            port=self.port,
            transport="maildir",
            unproven="",
        )
        program = OurProgram(self.folder / folder, text)
        self.addCleanup(program.stop)
        return program

    def sendOn(self, folder: str) -> OurProgram:
        """Start the one that sends."""
        text = _SENDS.format(
            workers=self.workers,
            own=self.own,
            address="127.0.0.1",
            port=self.line.port,
            sending="",
        )
        program = OurProgram(self.folder / folder, text)
        self.addCleanup(program.stop)
        return program

    def maildir(self) -> list[bytes]:
        """What lies in the Maildir of the one that takes."""
        new = self.receiver.folder / "state" / "Maildir" / "new"
        return [path.read_bytes() for path in sorted(new.glob("*"))]

    def cutBehindMessage(self) -> None:
        """Have the line cut before the sender hears that the message was taken."""

        def cut(call: Call) -> bool:
            return call is self.line.calls[0] and b" id=" in call.answered

        self.line.cut = cut

    def assertOnce(self) -> None:
        """The message has come, once, and its sender knows."""
        waitFor(lambda: bool(_deliveries(self.sender)), "delivery")
        waitFor(lambda: len(self.maildir()) > 0, "a message in the Maildir")
        for each in (self.sender, self.receiver):
            # What is under way is finished then.
            each.stop()
        self.assertEqual(len(_arrivals(self.receiver)), 1)
        self.assertEqual(len(self.maildir()), 1)
        self.assertEqual(len(_deliveries(self.sender)), 1)

    def commands(self, call: Call, verb: bytes) -> list[bytes]:
        """The commands of a connection that begin so."""
        return re.findall(rb"^%b[^\r\n]*" % verb, bytes(call.said), re.MULTILINE)

    def test_answerIsLost(self) -> None:
        """
        The message was taken, and nobody heard of it: it is sent again, answered as it
        was, and there once.
        """
        self.cutBehindMessage()
        _send(self.own, _MESSAGE)
        self.assertOnce()
        first, *_, second = self.line.calls
        self.assertEqual(self.commands(first, b"MAIL"), self.commands(second, b"MAIL"))
        self.assertIn(b"\r\n355 ", second.answered)
        lost = re.findall(rb"250 [^\r\n]*id=[^\r\n]*", first.answered)
        self.assertEqual(re.findall(rb"250 [^\r\n]*id=[^\r\n]*", second.answered), lost)
        (line,) = _deliveries(self.sender)
        self.assertIn(" HAD=", line)

    def test_largeAnswerIsLost(self) -> None:
        """A large message does not go over the line a second time."""
        self.cutBehindMessage()
        _send(self.own, _LARGE)
        self.assertOnce()
        self.assertEqual(self.commands(self.line.calls[-1], b"BDAT"), [b"BDAT 0 LAST"])
        self.assertEqual(self.commands(self.line.calls[-1], b"RCPT"), [])

    def test_receiverIsKilled(self) -> None:
        """So it is where the receiver was killed before it could answer."""
        self.cutBehindMessage()
        _send(self.own, _MESSAGE)
        waitFor(lambda: len(_arrivals(self.receiver)) == 1, "arrival")
        self.receiver.kill()
        self.receiver = self.receive("far")
        self.assertOnce()

    def test_senderIsKilled(self) -> None:
        """
        So it is where the sender was killed, and has nothing but its queue: it asks,
        for it may have sent it.
        """
        held = threading.Event()

        def cut(call: Call) -> bool:
            if call is self.line.calls[0] and b" id=" in call.answered:
                held.wait(30)
                return True
            return False

        self.line.cut = cut
        self.addCleanup(held.set)
        _send(self.own, _LARGE)
        waitFor(lambda: len(_arrivals(self.receiver)) == 1, "arrival")
        self.sender.kill()
        held.set()
        self.sender = self.sendOn("near")
        self.assertOnce()
        self.assertEqual(self.commands(self.line.calls[-1], b"BDAT"), [b"BDAT 0 LAST"])

    def test_cutInTheMiddle(self) -> None:
        """A message that is cut short goes on where it was, and is whole."""
        most = len(_LARGE) // 2

        def cut(call: Call) -> bool:
            return call is self.line.calls[0] and len(call.said) > most

        self.line.cut = cut
        _send(self.own, _LARGE)
        self.assertOnce()
        # In between it may have been put off, while the receiver was still busy.
        second = self.line.calls[-1]
        self.assertEqual(self.commands(second, b"RCPT"), [])
        found = re.search(rb"\r\n355 ([0-9]+) ", second.answered)
        assert found is not None
        had = int(found[1])
        self.assertGreater(had, 1_000_000)
        self.assertLess(len(second.said), len(_LARGE) - had + 10_000)
        (message,) = self.maildir()
        self.assertTrue(message.endswith(_LARGE.encode("ascii")))

    def test_several(self) -> None:
        """With several recipients as well, once for each."""
        self.cutBehindMessage()
        _send(self.own, _LARGE, _RECIPIENT, "joe@box.example")
        waitFor(lambda: len(_deliveries(self.sender)) == 2, "deliveries")
        waitFor(lambda: len(self.maildir()) == 2, "messages")
        self.receiver.stop()
        self.assertEqual(len(_arrivals(self.receiver)), 1)
        self.assertEqual(self.commands(self.line.calls[-1], b"BDAT"), [b"BDAT 0 LAST"])


def _sum(octets: bytes) -> int:
    """The checksum of IP and TCP (RFC 1071)."""
    octets += b"\0" * (len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _copied(packet: Packet, port: int, payload: bytes) -> bytes:
    """A packet as it would come from another port, with something else in it."""
    octets = packet.octets
    start = (octets[0] & 15) * 4
    ends = start + (octets[start + 12] >> 4) * 4
    above = bytearray(octets[:start])
    segment = bytearray(octets[start:ends] + payload)
    struct.pack_into("!H", above, 2, start + len(segment))
    struct.pack_into("!H", above, 10, 0)
    struct.pack_into("!H", above, 10, _sum(bytes(above)))
    struct.pack_into("!H", segment, 0, port)
    struct.pack_into("!H", segment, 16, 0)
    pseudo = octets[12:20] + struct.pack("!BBH", 0, 6, len(segment))
    struct.pack_into("!H", segment, 16, _sum(pseudo + bytes(segment)))
    return bytes(above + segment)


class RecordedTests(InteropTestCase):
    """
    A message in a SYN, and whoever has seen it.

    @cvar workers: how many the one that takes has.
    """

    workers = 1

    def setUp(self) -> None:
        """Two servers, some way apart, that know each other."""
        InteropTestCase.setUp(self)
        try:
            self.apart = Apart(0.02)
        except OSError as error:
            raise SkipTest(f"no network namespaces here: {error}") from error
        self.addCleanup(self.apart.close)
        self.folder = Path(tempfile.mkdtemp(prefix="smtpx-syn-"))
        self.addCleanup(shutil.rmtree, self.folder)
        with self.apart.far():
            self.port = freePort(FAR)
            text = _TAKES.format(
                workers=self.workers,
                address=FAR,
                port=self.port,
                transport="hold",
                unproven=f'"{NEAR}"',
            )
            self.receiver = OurProgram(self.folder / "far", text)
        self.addCleanup(self.receiver.stop)
        with self.apart.near():
            self.own = freePort()
            both = 'hosts_try_fastopen = ["*"]\nhosts_whole_in_syn = ["*"]'
            text = _SENDS.format(
                workers=1, own=self.own, address=FAR, port=self.port, sending=both
            )
            self.sender = OurProgram(self.folder / "near", text)
        self.addCleanup(self.sender.stop)
        for _ in range(3):
            self.send()

    def send(self, message: str = _MESSAGE) -> list[Packet]:
        """Have a message sent; gives the packets of that."""
        seen, count = len(self.apart.packets), len(_deliveries(self.sender))
        with self.apart.near():
            _send(self.own, message)
        waitFor(lambda: len(_deliveries(self.sender)) > count, "delivery")
        self.sent = count + 1
        waitFor(lambda: any(each.ends for each in self.apart.call(seen)), "goodbye")
        return self.apart.call(seen)

    def arrived(self) -> int:
        """How many messages have arrived: all that were sent."""
        waitFor(lambda: len(_arrivals(self.receiver)) >= self.sent, "arrivals")
        return self.sent

    def assertArrived(self, count: int) -> None:
        """So many messages have arrived, and no more are about to."""
        self.receiver.stop()
        self.assertEqual(len(_arrivals(self.receiver)), count)

    def recorded(self) -> Packet:
        """The packet that has brought a message."""
        return self.send()[0]

    def flight(self, payload: bytes) -> bytes:
        """Say the same over a connection as any other, and hear the last answer."""
        with self.apart.near():
            made = socket.create_connection((FAR, self.port), 20)
        with made, made.makefile("rb") as file:
            made.sendall(payload + b"QUIT\r\n")
            lines = [line for line in file if line[3:4] == b" "]
        self.assertTrue(lines[-1].startswith(b"221 "))
        return lines[-2]

    def answer(self, packets: list[Packet]) -> bytes:
        """The last line that was answered to a message."""
        said = b"".join(each.payload for each in packets if not each.outgoing)
        return [line for line in said.splitlines(True) if b" id=" in line][-1]

    def test_oneRoundTrip(self) -> None:
        """The whole message is in the SYN, and its answer behind the SYN's."""
        packets = self.send()
        said = packets[0].payload
        self.assertTrue(packets[0].syn and said.endswith(_MESSAGE.encode()))
        self.assertTrue(said.startswith(b"EHLO client.example\r\nMAIL FROM:"))
        # Far less than the other half of a round trip that an answer would take; the
        # machine may have much else to do, so the quickest of several counts.
        quick = self.apart.delaySeconds * 1.5
        waits = [self.waited(packets)]
        while waits[-1] >= quick and len(waits) < _TRIES:
            waits.append(self.waited(self.send()))
        self.assertLess(min(waits), quick)
        self.assertIn(" TFO* ", _deliveries(self.sender)[-1])

    def waited(self, packets: list[Packet]) -> float:
        """How long the answer to a message took behind its way there, in seconds."""
        answered = next(each for each in packets if b" id=" in each.payload)
        return answered.seconds - packets[0].seconds - self.apart.delaySeconds

    def test_doesNotFit(self) -> None:
        """A message for which there is no room waits for the SYN's answer."""
        packets = self.send(_MESSAGE + "x" * 70 + "\r\n" + ("y" * 78 + "\r\n") * 20)
        self.assertNotIn(b"BDAT", packets[0].payload)
        self.assertIn(b"TRANSID", packets[0].payload)

    def test_again(self) -> None:
        """
        Whoever sends the packet again, from other ports, makes no second message; and
        who says the same over a connection is told what was said first.
        """
        packet = self.recorded()
        answer, count = self.answer(self.apart.packets), self.arrived()
        for port in (20001, 20002, 20003):
            copy = _copied(packet, port, packet.payload)
            seen = len(self.apart.packets)
            self.apart.inject(copy)
            self.awaitEnd(port, seen)
        self.assertEqual(self.flight(packet.payload), answer)
        self.assertArrived(count)

    def awaitEnd(self, port: int, seen: int) -> list[Packet]:
        """Wait until who has sent no such packet says so; gives what was told to it."""

        def told() -> list[Packet]:
            return [each for each in self.apart.packets[seen:] if each.near == port]

        waitFor(lambda: any(each.ends and each.outgoing for each in told()), "reset")
        return told()

    def test_atOnce(self) -> None:
        """The same message from several connections at once is one."""
        packet = self.recorded()
        payload = re.sub(rb"TRANSID=<.", b"TRANSID=<0", packet.payload)
        count = self.arrived()
        said: list[bytes] = []
        with self.apart.near():
            lines = [socket.create_connection((FAR, self.port), 20) for _ in range(4)]
        for each in lines:
            each.sendall(payload + b"QUIT\r\n")
        for each in lines:
            with each, each.makefile("rb") as file:
                said += [line for line in file if line[3:4] == b" "][-2:-1]
        taken = {line for line in said if line.startswith(b"250 ")}
        self.assertEqual(len(taken), 1, said)
        self.assertEqual({self.flight(payload)}, taken)
        self.assertArrived(count + 1)

    def test_withoutName(self) -> None:
        """
        A message without a name that comes with a SYN is not taken before the client
        has shown that it is there.
        """
        packet = self.recorded()
        count = self.arrived()
        payload = re.sub(rb" TRANSID=<[^>]*>", b"", packet.payload)
        for port in (20001, 20002):
            seen = len(self.apart.packets)
            self.apart.inject(_copied(packet, port, payload))
            told = self.awaitEnd(port, seen)
            self.assertTrue(any(each.syn and not each.outgoing for each in told))
        self.assertTrue(self.flight(payload).startswith(b"250 "))
        self.assertArrived(count + 1)


class CutForWorkersTests(CutTests):
    """The same between servers of several processes: any sends, and any takes."""

    workers = 2


class RecordedForWorkersTests(RecordedTests):
    """The same where it takes mail in several processes: any may get the copy."""

    workers = 3
