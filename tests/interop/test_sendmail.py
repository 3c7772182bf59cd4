"""
Programs that submit mail by C{sendmail}, with a server that runs or does not.
"""

from __future__ import annotations

import os
import shutil
import smtplib
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest

from ..shortpaths import shortFolder
from .cases import CLIENT_SECONDS, InteropTestCase, findPeer
from .running import ROOT, RunningProgram, RunningServer, freePort, waitFor

TEXT = "Hello.\n.\n..dots\n\u00fcber\n"

#: Whoever looks this seldom has to hear of new mail by other ways.
SENDMAIL = '[sendmail]\nfolder = "dropped"\nlook_seconds = "10 min"\n'

_PROGRAM = f"""\
#!{sys.executable}
import os, sys
os.environ["SMTPX_CONFIG"] = os.path.dirname(__file__) + "/smtpx.toml"
sys.path.insert(0, {str(ROOT)!r})
from smtpx.commands.sendmail import main
sys.exit(main())
"""


class SendmailCase(InteropTestCase):
    """
    A test with a C{sendmail} of its own.

    @ivar program: where it is.
    """

    def begin(self, more: str = "") -> RunningServer:
        """Start a server."""
        server = self.serve(SENDMAIL + more)
        self.program = self.link(server)
        return server

    def link(self, server: RunningServer) -> str:
        """Have a command for it, as an operator would link it."""
        program = server.folder / "sendmail"
        program.write_text(_PROGRAM)
        program.chmod(0o755)
        return str(program)


class ProgramTests(SendmailCase):
    """What programs do."""

    def sent(self, server: RunningServer) -> bytes:
        """The one message that is delivered, in the blink of an eye."""
        [message] = server.delivered(1)
        self.assertIn(b" with local\r\n", message.received)
        return message.octets

    def test_python(self) -> None:
        """As its manual has it."""
        server = self.begin()
        self.run_([self.program, "-t", "-oi"], f"To: bob\n\n{TEXT}".encode())
        self.assertTrue(self.sent(server).endswith(TEXT.replace("\n", "\r\n").encode()))

    def test_snail(self) -> None:
        """The C{mail} command."""
        program = findPeer("s-nail", "s-nail")
        server = self.begin()
        words = ["-:/", "-S", f"mta={self.program}", "-S", "v15-compat"]
        words += ["-r", "ann@a.example", "-s", "hello"]
        self.run_([program, *words, "bob@localhost"], b"Hello.\n.\n..dots\n")
        message = self.sent(server)
        self.assertIn(b"\r\nSubject: hello\r\n", message)
        self.assertIn(b"\r\n.\r\n..dots\r\n", message)

    def test_php(self) -> None:
        """A web application."""
        program = findPeer("php", "php")
        server = self.begin()
        header = '"From: a@b.example\\r\\nBcc: joe@localhost"'
        text = '"Hello.\\n.\\n..dots"'
        code = f'exit(mail("bob@localhost", "hello", {text}, {header}) ? 0 : 1);'
        path = f"sendmail_path={self.program} -t -i"
        self.run_([program, "-n", "-d", path, "-r", code])
        messages = server.delivered(2)
        self.assertEqual(
            [each.recipient for each in messages], [b"bob@localhost", b"joe@localhost"]
        )
        for each in messages:
            self.assertNotIn(b"Bcc", each.octets)
            self.assertTrue(each.octets.endswith(b"\r\n\r\nHello.\r\n.\r\n..dots\r\n"))

    def test_smtpOverPipes(self) -> None:
        """C{-bs}, spoken by another client."""
        server = self.begin()
        with subprocess.Popen(
            [self.program, "-bs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            client = _PipedSMTP(process)
            text = "Subject: x\r\n\r\n.x\r\n"
            client.sendmail("ann@a.example", ["bob@localhost"], text)
            client.quit()
            self.assertEqual(process.wait(CLIENT_SECONDS), 0)
        self.assertTrue(self.sent(server).endswith(b"Subject: x\r\n\r\n.x\r\n"))

    def test_aLongMessage(self) -> None:
        """It goes through in pieces, on both sides."""
        server = self.begin()
        text = b"Subject: x\n\n" + b"0123456789abcde\n" * 1_000_000
        self.run_([self.program, "bob"], text)
        self.assertTrue(self.sent(server).endswith(text.replace(b"\n", b"\r\n")))

    def test_anotherUser(self) -> None:
        """Nobody needs rights, and nobody sees the others' mail."""
        if os.getuid() != 0:
            raise SkipTest("only root can be somebody else")
        # That of the tests is closed to others.
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o711)
        server = RunningServer(folder / "server", SENDMAIL)
        self.running(server)
        self.program = self.link(server)
        subprocess.run(
            [self.program, "-f", "boss@a.example", "bob"],
            input=b"Subject: x\n\nhello\n",
            user="nobody",
            check=True,
            timeout=CLIENT_SECONDS,
        )
        self.sent(server)
        new = server.folder / "dropped/new"
        listed = subprocess.run(
            ["ls", str(new)], user="nobody", capture_output=True, check=False
        )
        self.assertNotEqual(listed.returncode, 0)
        [line] = server.accepted()
        self.assertIn(" <= boss@a.example U=nobody P=local ", line)

    def test_theQueue(self) -> None:
        """C{mailq} lists what waits, and C{-q} has it tried again."""
        port = freePort()
        route = f'match = ["*"]\ntransport = "smtp"\nhosts = ["[127.0.0.1]:{port}"]\n'
        control = f'[control]\nsocket = "{shortFolder(self) / "control"}"\n'
        server = self.begin(f"[[route]]\n{route}{control}")
        self.run_([self.program, "-f", "ann@a.example", "bob@b.example"], b"x: y\n\n")
        log = server.folder / "state/main.log"
        waitFor(lambda: " == bob@b.example" in log.read_text(), "an attempt")
        listed = self.run_([self.program, "-bp"])
        self.assertIn("<ann@a.example>", listed)
        self.assertIn("bob@b.example", listed)
        self.assertIn("1 message", self.run_([self.program, "-qRb.example"]))
        waitFor(lambda: log.read_text().count(" == ") > 1, "another attempt")
        self.assertIn(
            "is not of the form", self.run_([self.program, "-qInone"], status=69)
        )


class _PipedSMTP(smtplib.SMTP):
    """A client of the standard library, over a process's pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        super().__init__(local_hostname="localhost")
        self.sock = self  # type: ignore[assignment]  # what it takes of one
        self.file = process.stdout
        self.getreply()

    def sendall(self, octets: bytes) -> None:
        """What it takes of a socket."""
        assert self._process.stdin is not None
        self._process.stdin.write(octets)
        self._process.stdin.flush()


class DownTests(SendmailCase):
    """The server is not there."""

    def test_takenAtTheNextStart(self) -> None:
        """What was submitted meanwhile is delivered, once."""
        server = self.begin()
        server.stop()
        for number in range(3):
            self.run_([self.program, "bob"], b"Subject: %d\n\nhello\n" % number)
        self.assertEqual(len(os.listdir(server.folder / "dropped/new")), 3)
        self.restart(server.folder)
        new = server.folder / "state/Maildir/new"
        waitFor(lambda: new.is_dir() and len(os.listdir(new)) == 3, "the mail")
        waitFor(lambda: not os.listdir(server.folder / "dropped/taking"), "the end")
        self.assertEqual(os.listdir(server.folder / "dropped/new"), [])
        self.assertEqual(len(os.listdir(new)), 3)

    def restart(self, folder: Path) -> None:
        """Start a server where one has been."""
        twistd = Path(sys.executable).with_name("twistd")
        words = ["-n", "--pidfile=", "smtpx", "--config", "smtpx.toml"]
        self.running(RunningProgram(folder, [str(twistd), *words]))
