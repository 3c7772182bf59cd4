"""
Exim's queue, both ways: a real Exim lists, shows and delivers what the transport
C{queuefile} wrote, and we deliver what it queued.
"""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
from pathlib import Path

from smtpx.extensions.dsn import ENVID, NOTIFY, ORCPT, RET
from smtpx.spool.eximenvelope import imported
from smtpx.spool.eximreader import parseHeaderFile
from smtpx.spool.eximwriter import renderHeaderFile

from .cases import InteropTestCase
from .eximqueue import EximQueue
from .running import ROOT, RunningProgram, RunningServer, waitFor

_ROUTE = """\
[[route]]
match = ["*"]
transport = "queuefile"
directory = "{input}"

[relay]
hosts = ["127.0.0.1"]
"""

#: With octets above 127, dots, a long line, and a long folded header.
MESSAGE = (
    b"From: ann@client.example\r\n"
    b"To: bob@exim.example\r\n"
    b"Subject: caf\xc3\xa9\r\n"
    b"X-Long: " + b"\r\n\t".join([b"word" * 15] * 300) + b"\r\n"
    b"\r\n"
    b".\r\n..dots\r\n8 bit: \xe9\xff\r\n" + b"x" * 990 + b"\r\n"
)


class HandedOverTests(InteropTestCase):
    """Exim with what we wrote."""

    def handOver(self, *recipients: str, options: tuple[str, ...] = ()) -> EximQueue:
        """Have a message taken by our server, and put on Exim's queue."""
        exim = EximQueue()
        self.addCleanup(exim.remove)
        server = self.serve(_ROUTE.format(input=exim.input))
        with smtplib.SMTP("127.0.0.1", server.port, "client.example") as client:
            client.ehlo()
            client.sendmail(
                "ann@client.example",
                recipients,
                MESSAGE,
                mail_options=["BODY=8BITMIME", "RET=HDRS", "ENVID=QQ1"],
                rcpt_options=options,
            )
        waitFor(lambda: bool(exim.ids()), "a message on Exim's queue")
        server.stop()
        self.assertIn(" T=queuefile", "\n".join(server.mainLog()))
        self.assertEqual(len(list(Path(exim.input).iterdir())), 2)
        exim.own()
        return exim

    def test_listed(self) -> None:
        """It is on the queue, under the id that it had here, with all recipients."""
        exim = self.handOver("bob@exim.example", "eve@exim.example")
        [id] = exim.ids()
        listed = exim.listed()
        self.assertIn(f" {id} <ann@client.example>\n", listed)
        self.assertIn("          bob@exim.example\n", listed)
        self.assertIn("          eve@exim.example\n", listed)
        self.assertNotIn("format error", listed)
        self.assertEqual(exim.call(["-bpc"]).strip(), "1")

    def test_shown(self) -> None:
        """Exim reads what we know of the client, and what it wished of reports."""
        exim = self.handOver(
            "bob@exim.example", options=("NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;b+2Bx")
        )
        [id] = exim.ids()
        header = exim.header(id).partition("X-Long")[0]
        for line in (
            f"{id}-H",
            "<ann@client.example>",
            "--helo_name client.example",
            "--host_address [127.0.0.1]:0",
            "-received_protocol esmtp",
            "-dsn_envid QQ1",
            "-dsn_ret 2",
            "bob@exim.example rfc822;b+2Bx 12,20  0,-1#3",
        ):
            self.assertIn(line + "\n", header)
        body = exim.call(["-Mvb", id])
        self.assertTrue(body.startswith(f"{id}-D\n.\n..dots\n8 bit: "), body)

    def test_delivered(self) -> None:
        """Exim delivers it, octet for octet, and nothing stays behind."""
        exim = self.handOver("bob@exim.example", "eve@exim.example")
        exim.run()
        log = exim.log()
        self.assertEqual(exim.ids(), [], log)
        self.assertEqual(os.listdir(exim.input), [])
        bob, eve = exim.box()
        for text, name in ((bob, b"bob"), (eve, b"eve")):
            above = b"Return-path: <ann@client.example>\nEnvelope-to: %b@exim.example\n"
            self.assertTrue(text.startswith(above % name), text[:200])
            self.assertTrue(text.endswith(MESSAGE.replace(b"\r\n", b"\n")))
        self.assertEqual(log.count(" => "), 2, log)
        self.assertIn(" Completed", log)

    def test_waiting(self) -> None:
        """What Exim cannot deliver stays on its queue, in its own hand."""
        exim = self.handOver("bob@exim.example", "eve@slow.example")
        exim.run()
        listed = exim.listed()
        self.assertIn("        D bob@exim.example\n", listed)
        self.assertIn("          eve@slow.example\n", listed)
        self.assertEqual(len(exim.box()), 1)

    def test_frozen(self) -> None:
        """Exim can freeze it, thaw it, and remove it."""
        exim = self.handOver("bob@exim.example")
        [id] = exim.ids()
        exim.call(["-Mf", id])
        self.assertIn("*** frozen ***", exim.listed())
        exim.call(["-Mt", id])
        self.assertNotIn("*** frozen ***", exim.listed())
        exim.call(["-Mrm", id])
        self.assertEqual(exim.ids(), [])


#: Mail for whoever is at exim.example goes into our Maildir.
_OURS = """\
[local]
domains = ["exim.example", "slow.example"]

[[route]]
match = ["exim.example", "slow.example", "mx.example.org"]

[control]
socket = "{exim.folder}/control"
"""

_TEXT = MESSAGE.replace(b"\r\n", b"\n")


class TakenOverTests(InteropTestCase):
    """We with what Exim queued."""

    def exim(self, wire: bool = False, split: bool = False) -> EximQueue:
        """An Exim with an empty queue."""
        exim = EximQueue(wire, split)
        self.addCleanup(exim.remove)
        return exim

    def smtpx(self, server: RunningServer, *words: str, status: int = 0) -> str:
        """Run C{smtpx}, for the server's configuration."""
        program = str(Path(sys.executable).with_name("smtpx"))
        config = str(server.folder / "smtpx.toml")
        command = [program, *words[:2], "--config", config, *words[2:]]
        environment = {"PYTHONPATH": str(ROOT)}
        before = os.getcwd()
        os.chdir(server.folder)
        try:
            return self.run_(command, environment=environment, status=status)
        finally:
            os.chdir(before)

    def assertWhole(self, octets: bytes) -> None:
        """Header and body are those of the message; Exim has added fields."""
        header, _, body = MESSAGE.partition(b"\r\n\r\n")
        self.assertIn(header + b"\r\n", octets)
        self.assertTrue(octets.endswith(b"\r\n\r\n" + body), octets[-1200:])

    def take(self, exim: EximQueue, *words: str, status: int = 0) -> str:
        """Have a server that runs take it over; it stays C{self.server}."""
        self.server = self.serve(_OURS.format(exim=exim))
        folder = str(exim.folder / "spool")
        return self.smtpx(self.server, "spool", "import", *words, folder, status=status)

    def test_whole(self) -> None:
        """A message with all kinds of octets is delivered as it was."""
        exim = self.exim()
        id = exim.submit("ann@client.example", ["bob@exim.example"], _TEXT)
        said = self.take(exim, "--remove")
        self.assertIn(f"{id} -> ", said)
        self.assertIn(": from <ann@client.example> to 1 recipient\n1 taken\n", said)
        [found] = self.server.delivered(1)
        self.assertEqual(found.sender, b"ann@client.example")
        self.assertWhole(found.octets)
        self.assertIn(b"Received: from Debian-exim by", found.octets[:200])
        self.assertEqual(os.listdir(exim.input), [])
        self.assertEqual(exim.listed(), "")

    def test_wireFormat(self) -> None:
        """So is one that Exim keeps as it came by BDAT, in a queue that is split."""
        exim = self.exim(wire=True, split=True)
        dialogue = (
            b"MAIL FROM:<ann@client.example> SIZE=%d\r\nRCPT TO:<bob@exim.example>\r\n"
            b"BDAT %d LAST\r\n%b" % (len(MESSAGE), len(MESSAGE), MESSAGE)
        )
        id = exim.talk(dialogue)
        self.assertIn("-spool_file_wireformat\n", exim.header(id))
        self.assertNotEqual(os.listdir(exim.input), [f"{id}-H"])
        self.take(exim, "--remove")
        [found] = self.server.delivered(1)
        self.assertWhole(found.octets)

    def test_someHaveIt(self) -> None:
        """Who has it from Exim does not get it again."""
        exim = self.exim()
        to = ["bob@exim.example", "eve@slow.example", "zoe@slow.example"]
        exim.submit("ann@client.example", to, _TEXT)
        exim.run()
        self.assertIn("        D bob@exim.example\n", exim.listed())
        said = self.take(exim, "--remove")
        self.assertIn(" to 2 recipients\n", said)
        eve, zoe = self.server.delivered(2)
        self.assertEqual(
            [eve.recipient, zoe.recipient], [b"eve@slow.example", b"zoe@slow.example"]
        )

    def test_frozen(self) -> None:
        """What is frozen is on hold."""
        exim = self.exim()
        id = exim.submit("ann@client.example", ["bob@exim.example"], _TEXT)
        exim.call(["-Mf", id])
        said = self.take(exim, "--remove")
        self.assertIn(", on hold: frozen in Exim's queue\n", said)
        self.server.stop()
        self.assertEqual(self.server.messages(), [])

    def test_wishesOfTheSender(self) -> None:
        """What was wished of reports, and who the client was, is read."""
        exim = self.exim()
        dialogue = (
            b"MAIL FROM:<ann@client.example> RET=HDRS ENVID=QQ1\r\n"
            b"RCPT TO:<bob@exim.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bx\r\n"
            b"DATA\r\nSubject: x\r\n\r\ny\r\n.\r\n"
        )
        id = exim.talk(dialogue)
        text = (exim.input / f"{id}-H").read_bytes()
        found = parseHeaderFile(text)
        self.assertEqual(renderHeaderFile(found), text)
        self.assertEqual(found.value(b"helo_name"), b"client.example")
        [letter] = imported(found, frozenset())
        stamps = letter.envelope.stamps
        self.assertEqual((stamps[RET], stamps[ENVID]), (b"HDRS", b"QQ1"))
        [recipient] = letter.envelope.recipients
        self.assertEqual(recipient.stamp(NOTIFY), b"SUCCESS,DELAY")
        self.assertEqual(recipient.stamp(ORCPT), b"rfc822;b+2Bx")

    def test_noServer(self) -> None:
        """Where no server runs, it is done all the same, and goes out later."""
        exim = self.exim()
        for name in ("bob", "eve"):
            exim.submit("ann@client.example", [f"{name}@exim.example"], _TEXT)
        self.server = self.serve(_OURS.format(exim=exim))
        self.server.stop()
        folder = str(exim.input)
        for count in ("2 taken", "0 taken, 2 taken before"):
            said = self.smtpx(self.server, "spool", "import", folder)
            self.assertTrue(said.endswith(f"{count}\n"), said)
        self.assertEqual(len(exim.ids()), 2)
        program = str(Path(sys.executable).with_name("twistd"))
        words = ["-n", "--pidfile=", "smtpx", "--config", "smtpx.toml"]
        again = RunningProgram(self.server.folder, [program, *words])
        self.running(again)
        self.assertEqual(len(self.server.delivered(2)), 2)

    def test_locked(self) -> None:
        """What Exim is at is left to it."""
        exim = self.exim()
        id = exim.submit("ann@client.example", ["bob@exim.example"], _TEXT)
        holder = (
            "import fcntl, sys, time; f = open(sys.argv[1], 'r+b');"
            f" fcntl.lockf(f, fcntl.LOCK_EX, {len(id) + 3});"
            " print('locked', flush=True); time.sleep(60)"
        )
        words = [sys.executable, "-c", holder, str(exim.input / f"{id}-D")]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as locker:
            assert locker.stdout is not None
            locker.stdout.readline()
            try:
                said = self.take(exim, "--remove")
            finally:
                locker.kill()
        self.assertIn("Exim is at it\n", said)
        self.assertIn("0 taken, 1 left to Exim\n", said)
        self.assertEqual(exim.ids(), [id])

    def test_cut(self) -> None:
        """A header that is cut is named, and the others go on."""
        exim = self.exim()
        ids = [
            exim.submit("ann@client.example", [f"{name}@exim.example"], _TEXT)
            for name in ("bob", "eve")
        ]
        path = exim.input / f"{ids[0]}-H"
        path.write_bytes(path.read_bytes()[:-20])
        said = self.take(exim, "--remove", status=1)
        self.assertIn(f"{path}: line ", said)
        self.assertIn("1 taken, 1 left where they are\n", said)
        self.server.delivered(1)
        self.assertEqual(exim.ids(), ids[:1])

    def test_watched(self) -> None:
        """What Exim's files are moved into is taken at once."""
        exim = self.exim()
        id = exim.submit("ann@client.example", ["bob@exim.example"], _TEXT)
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(mode=0o755)
        text = f'[[import]]\nfolder = "{folder}"\nlook_seconds = 60\n'
        server = self.serve(_OURS.format(exim=exim) + text)
        for part in "DH":
            (exim.input / f"{id}-{part}").rename(folder / f"{id}-{part}")
        [found] = server.delivered(1)
        self.assertWhole(found.octets)
        waitFor(lambda: not list(folder.iterdir()), "an empty folder")

    def test_thereAndBack(self) -> None:
        """What we gave to Exim comes back as it was."""
        exim = self.exim()
        first = self.serve(_ROUTE.format(input=exim.input))
        with smtplib.SMTP("127.0.0.1", first.port, "client.example") as client:
            client.sendmail("ann@client.example", ["bob@exim.example"], MESSAGE)
        waitFor(lambda: bool(exim.ids()), "a message on Exim's queue")
        self.take(exim, "--remove")
        [found] = self.server.delivered(1)
        self.assertWhole(found.octets)
