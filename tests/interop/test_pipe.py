"""
Mail into commands: real processes of a server that runs, which do what commands do,
and worse; and procmail.

Where the tests are root's, the commands are somebody else's.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import smtplib
import sys
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.service.test_manual import blocks

from .cases import InteropTestCase, findPeer
from .running import NAME, Delivered, RunningProgram, RunningServer, waitFor

#: A user that every Debian has, and who owns next to nothing.
USER = "nobody"

FROM = "sender@client.example"

#: Long enough that no pipe holds it.
LONG = b"Subject: long\r\n\r\n" + b"".join(b"line %07d\r\n" % n for n in range(100_000))

ODD = b"Subject: odd\r\n\r\n.\r\n..\r\nFrom here\r\n\r\nt\xe4b\tspaces  \r\n\r\n\r\n"

#: Each is run by the tag of its address; C{$OUT} is where it may write.
COMMANDS = {
    "take": 'cat > "$OUT/$MESSAGE_ID.$1"',
    "show": 'cat > "$OUT/message"; env > "$OUT/environment"; printf "%s\\0" "$@"'
    ' > "$OUT/arguments"; { pwd; umask; id -u; id -G; ls -l /proc/self/fd;'
    ' ps -o pid=,pgid=,sid= $$; } > "$OUT/state"',
    "nouser": 'cat > /dev/null; echo "No ann here"; exit 67',
    "busy": "echo 'database is away'; exit 75",
    "full": "echo '4.2.2 Mailbox full'; exit 1",
    "spam": "echo '5.7.1 We want no spam'; exit 75",
    "bug": "exit 3",
    "unread": "exit 0",
    "deaf": "exec 0<&-; sleep 0.3; exit 0",
    "dies": "head -c 10 > /dev/null; kill -SEGV $$",
    "hangs": "trap '' TERM; sleep 71 & (setsid -w sleep 0.1; exec sleep 72) & sleep 73",
    "floods": "yes",
    "verbose": "yes | head -c 100000; exit 0",
    "leaves": "sleep 74 & cat > /dev/null; exit 0",
}

SCRIPT = """#!/bin/sh
OUT={out}
case "$EXTENSION" in
{cases}
*) exit 64;;
esac
"""


class PipeTestCase(InteropTestCase):
    """A server with a command."""

    def setUp(self) -> None:
        """A folder that others can see and write to."""
        super().setUp()
        # Not in the folder of the tests, which others need not be able to see.
        self.folder = Path(tempfile.mkdtemp(prefix="smtpx-pipe-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.out = self.folder / "out"
        self.out.mkdir()
        self.out.chmod(0o777)
        self.account = f'user = "{USER}"\n' if os.geteuid() == 0 else ""

    def script(self, text: str, name: str = "command") -> Path:
        """Write a program."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def route(self, *words: object, more: str = "") -> str:
        """The configuration of a route into a command."""
        command = ", ".join(f"'{each}'" for each in words)
        return (
            "[[route]]\nmatch = ['pipe.example']\ntransport = 'pipe'\n"
            f"command = [{command}]\n{self.account}{more}"
            "[[route]]\nmatch = ['localhost', 'client.example', 'mx.example.org']\n"
            "[local]\n"
            "domains = ['localhost', 'client.example', 'pipe.example']\n"
        )

    def commands(self, more: str = "", *words: str) -> RunningServer:
        """A server that runs C{COMMANDS}, by the tag of the recipient."""
        cases = "\n".join(f"{name}) {text};;" for name, text in COMMANDS.items())
        path = self.script(SCRIPT.format(out=self.out, cases=cases))
        return self.serve(self.route(path, *words, more=more))

    def send(self, server: RunningServer, message: bytes, *recipients: str) -> None:
        """Send a message."""
        with smtplib.SMTP("127.0.0.1", server.port, "client.example", 30) as client:
            self.assertEqual(client.sendmail(FROM, recipients, message), {})

    def sendTo(self, server: RunningServer, *tags: str, body: bytes = ODD) -> None:
        """Send a message to commands."""
        self.send(server, body, *(f"ann+{tag}@pipe.example" for tag in tags))

    def report(self, server: RunningServer) -> bytes:
        """The report that the sender gets."""
        new = server.folder / "state" / "Maildir" / "new"
        waitFor(lambda: new.is_dir() and any(new.iterdir()), "a report")
        [file] = new.iterdir()
        return file.read_bytes()

    def lines(self, server: RunningServer, tag: str, seconds: float = 60.0) -> str:
        """Wait for what the main log has of a command: the arrow, and the rest."""
        line = re.compile(rf" (=>|==|\*\*) ann\+{tag}[ @].*?R=pipe.example T=pipe(.*)")

        def found() -> list[re.Match[str]]:
            return [m for each in server.mainLog() if (m := line.search(each))]

        waitFor(lambda: bool(found()), f"a line of {tag}", seconds)
        [match] = found()
        return match[1] + re.sub(r" DT=\S+", "", match[2])

    def sleepers(self, seconds: int) -> list[str]:
        """Processes that sleep so long."""
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    words = (process / "cmdline").read_bytes()
                    stat = (process / "stat").read_text()
                except OSError:
                    continue
                # Where nobody asks how they ended, they stay as zombies.
                if words == b"sleep\0%d\0" % seconds and ") Z " not in stat:
                    found.append(process.name)
        return found


class OutcomeTests(PipeTestCase):
    """What comes of commands, whatever they do."""

    def test_octetForOctet(self) -> None:
        """Long and odd messages are what the command reads, below the fields."""
        server = self.commands("line_ends = 'crlf'\n", "{user}")
        for body in (ODD, LONG):
            self.sendTo(server, "take", body=body)
            waitFor(lambda: len(self.completed(server)) == 1, "delivery")
            [file] = self.out.iterdir()
            found = Delivered.read(file)
            self.assertEqual(found.octets, body)
            self.assertEqual(found.sender, FROM.encode())
            self.assertEqual(found.recipient, b"ann+take@pipe.example")
            file.unlink()

    def completed(self, server: RunningServer) -> list[Path]:
        """Files that are whole: their delivery is in the log."""
        done = [each.split()[2] for each in server.mainLog() if "Completed" in each]
        return [path for path in self.out.iterdir() if path.name.split(".")[0] in done]

    def test_whatItGets(self) -> None:
        """Arguments as they are, a clean environment, no rights, no descriptors."""
        server = self.commands(
            "environment = ['BOX=in/{user}']\n", "{local}", "a  b;$(x)", "{sender}"
        )
        self.sendTo(server, "show")
        self.assertEqual(self.lines(server, "show"), "=>")
        arguments = (self.out / "arguments").read_bytes().split(b"\0")[:-1]
        self.assertEqual(arguments, [b"ann+show", b"a  b;$(x)", FROM.encode()])
        text = (self.out / "environment").read_text()
        found = dict(line.split("=", 1) for line in text.splitlines())
        # What the shell adds of its own.
        for name in ("PWD", "OLDPWD", "_", "SHLVL"):
            found.pop(name, None)
        id = found.pop("MESSAGE_ID")
        self.assertIn(f" {id} =>", "\n".join(server.mainLog()))
        home, user = found.pop("HOME"), found.pop("USER")
        self.assertEqual(found.pop("LOGNAME"), user)
        self.assertTrue(home.startswith("/"))
        if self.account:
            self.assertEqual(user, USER)
        for name in ("TZ", "LANG"):
            self.assertEqual(found.pop(name, None), os.environ.get(name))
        self.assertEqual(
            found,
            {
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "SHELL": "/bin/sh",
                "SENDER": FROM,
                "RECIPIENT": "ann+show@pipe.example",
                "ORIGINAL_RECIPIENT": "ann+show@pipe.example",
                "LOCAL_PART": "ann+show",
                "EXTENSION": "show",
                "DOMAIN": "pipe.example",
                "BOX": "in/ann",
            },
        )
        folder, umask, uid, groups, *rest = (
            (self.out / "state").read_text().splitlines()
        )
        self.assertEqual((folder, umask), ("/", "0077"))
        if self.account:
            self.assertNotEqual(uid, "0")
            self.assertNotIn("0", groups.split())
        numbers = [each.split()[-3] for each in rest if "->" in each]
        # The last is that of the folder which ls looks at.
        self.assertEqual(numbers, ["0", "1", "2", "3"])
        [pid, group, session] = rest[-1].split()
        self.assertEqual((group, session), (pid, pid))

    def test_statuses(self) -> None:
        """What a command says is what becomes of the message."""
        server = self.commands("return_output = true\n")
        ended = ": the command ended with status"
        expected = {
            "nouser": f"**{ended} 67 (user unknown): No ann here",
            "busy": f"== defer (0){ended} 75 (temporary failure): database is away",
            "full": f"== defer (-44){ended} 1: 4.2.2 Mailbox full",
            "spam": f"**{ended} 75 (temporary failure): 5.7.1 We want no spam",
            "bug": f"**{ended} 3",
            "unread": "=>",
            "deaf": "=>",
            "dies": "== defer (0): the command died by SIGSEGV",
            "verbose": "=>",
        }
        self.sendTo(server, *expected, body=LONG)
        found = {tag: self.lines(server, tag) for tag in expected}
        self.assertEqual(found, expected)
        report = self.report(server)
        self.assertIn(b"No ann here", report)
        self.assertIn(b"Status: 5.1.1", report)
        self.assertIn(b"We want no spam", report)
        self.assertIn(b"Status: 5.7.1", report)
        self.assertNotIn(b"database is away", report)

    def test_reportSaysNothingOfOurs(self) -> None:
        """A sender does not read what was printed, unless that is wished."""
        server = self.commands()
        self.sendTo(server, "nouser")
        report = self.report(server)
        self.assertIn(b"user unknown", report)
        self.assertIn(b"Status: 5.1.1", report)
        for secret in (b"No ann here", str(self.folder).encode(), b"status 67"):
            self.assertNotIn(secret, report)

    def test_successIsReported(self) -> None:
        """Who wants to know hears that it was delivered, or only sent on."""
        for more, action in (
            ("", b"delivered"),
            ("final_delivery = false\n", b"relayed"),
        ):
            server = self.commands(more)
            with smtplib.SMTP("127.0.0.1", server.port, "client.example", 30) as client:
                to = "ann+unread@pipe.example"
                client.sendmail(FROM, [to], ODD, (), ["NOTIFY=SUCCESS"])
            self.assertIn(b"\r\nAction: %b\r\n" % action, self.report(server))

    def test_hangsAndFloods(self) -> None:
        """They are ended, with all that they have started, and keep nobody waiting."""
        more = "time_limit_seconds = 5\noutput_octets = '1 MiB'\n"
        server = self.commands(more)
        began = time.monotonic()
        for tag in ("hangs", "floods", "unread"):
            self.sendTo(server, tag, body=LONG)
        self.assertEqual(self.lines(server, "unread"), "=>")
        # Left alone they would take more than 70 seconds.
        self.assertLess(time.monotonic() - began, 60)
        [flood] = [self.lines(server, "floods")]
        self.assertIn("the command printed more than 1048576 octets: y", flood)
        hang = self.lines(server, "hangs")
        self.assertEqual(hang, "== defer (0): the command took longer than 5 seconds")
        self.assertEqual([self.sleepers(each) for each in (71, 72, 73)], [[], [], []])

    def test_crashFails(self) -> None:
        """Where that is wished, the sender is told."""
        server = self.commands("on_crash = 'fail'\ntime_limit_seconds = 50\n")
        self.sendTo(server, "dies", body=LONG)
        self.assertEqual(self.lines(server, "dies"), "**: the command died by SIGSEGV")
        report = self.report(server)
        self.assertNotIn(b"SIGSEGV", report)

    def test_leavesSomethingRunning(self) -> None:
        """That is not waited for, and not ended."""
        server = self.commands()
        began = time.monotonic()
        self.sendTo(server, "leaves")
        self.assertEqual(self.lines(server, "leaves"), "=>")
        self.assertLess(time.monotonic() - began, 60)
        left = self.sleepers(74)
        self.assertEqual(len(left), 1)
        os.kill(int(left[0]), signal.SIGKILL)

    def test_cannotBeStarted(self) -> None:
        """An operator is told, and the message waits."""
        server = self.commands()
        (self.folder / "command").unlink()
        self.sendTo(server, "take")
        line = self.lines(server, "take")
        self.assertIn("== defer (0): FileNotFoundError: ", line)
        self.assertIn("an exception came out of pipe", server.said())

    def test_severalRecipients(self) -> None:
        """One run for some, and another for the rest."""
        log = self.out / "log"
        path = self.script(f'#!/bin/sh\ncat > /dev/null; echo "$@" >> {log}\n')
        server = self.serve(
            self.route(path, "--", "{recipients}", more="batch_max = 2\n")
        )
        to = [f"{name}@pipe.example" for name in ("ann", "bob", "cas")]
        self.send(server, ODD, *to)
        waitFor(lambda: "Completed" in "\n".join(server.mainLog()), "delivery")
        self.assertEqual(
            sorted(log.read_text().splitlines()),
            ["-- ann@pipe.example bob@pipe.example", "-- cas@pipe.example"],
        )

    def test_option(self) -> None:
        """No stranger gives a command options."""
        path = self.script(f'#!/bin/sh\ncat > /dev/null; touch "{self.out}/$1"\n')
        server = self.serve(self.route(path, "{local}"))
        self.send(server, ODD, "-rf@pipe.example")
        waitFor(lambda: " ** -rf" in "\n".join(server.mainLog()), "a failure")
        self.assertIn("could be taken for an option", "\n".join(server.mainLog()))
        self.assertEqual(list(self.out.iterdir()), [])


class EndTests(PipeTestCase):
    """A server that ends while a command runs."""

    def begun(self) -> tuple[RunningServer, Path]:
        """A server whose command sleeps the first time, and takes it the second."""
        seen = self.out / "seen"
        path = self.script(
            '#!/bin/sh\necho "run $AGAIN" >> ' + f"{seen}\n"
            '[ -n "$AGAIN" ] || sleep 75\n' + f"cat > {self.out}/message\n"
        )
        retries = "[[retry]]\npauses = ['1 s']\n"
        server = self.serve(retries + self.route(path))
        self.send(server, ODD, "ann@pipe.example")
        waitFor(seen.exists, "the command")
        waitFor(lambda: bool(self.sleepers(75)), "its sleep")
        return server, seen

    def again(self, server: RunningServer) -> RunningProgram:
        """The same server once more."""
        twistd = Path(sys.executable).with_name("twistd")
        words = [str(twistd), "-n", "--pidfile=", "smtpx", "--config", "smtpx.toml"]
        program = RunningProgram(server.folder, words)
        self.running(program)
        return program

    def test_stopped(self) -> None:
        """The command is ended, and is run again with the message."""
        server, seen = self.begun()
        server.stop()
        self.assertEqual(self.sleepers(75), [])
        self.assertFalse((self.out / "message").exists())
        self.again(server)
        self.deliveredAgain(server, seen)

    def test_killed(self) -> None:
        """After a crash it is told that it may have had the message."""
        server, seen = self.begun()
        server.kill()
        for left in self.sleepers(75):
            os.kill(int(left), signal.SIGKILL)
        self.again(server)
        self.deliveredAgain(server, seen)

    def deliveredAgain(self, server: RunningServer, seen: Path) -> None:
        """It was told, and has the message."""
        waitFor(lambda: "Completed" in "\n".join(server.mainLog()), "delivery")
        self.assertEqual(seen.read_text(), "run \nrun 1\n")
        whole = (self.out / "message").read_bytes()
        self.assertTrue(whole.endswith(ODD.replace(b"\r\n", b"\n")))


class TicketTests(PipeTestCase):
    """The script of the manual."""

    def test_files(self) -> None:
        """A ticket for a person, and a report refused."""
        [text] = blocks("howto/pipe.rst", "python")
        server = self.serve(
            self.route(self.script(text, "ticket"), self.out, "{sender}")
        )
        self.send(server, ODD, "help@pipe.example")
        waitFor(lambda: "Completed" in "\n".join(server.mainLog()), "delivery")
        [file] = self.out.iterdir()
        self.assertTrue(file.read_bytes().endswith(ODD.replace(b"\r\n", b"\n")))
        with smtplib.SMTP("127.0.0.1", server.port, "client.example", 30) as client:
            client.sendmail("", ["help@pipe.example"], ODD)
        waitFor(lambda: " ** help" in "\n".join(server.mainLog()), "a refusal")
        self.assertIn("5.7.1 Tickets are for people", "\n".join(server.mainLog()))
        self.assertEqual(len(list(self.out.iterdir())), 1)


class ProcmailTests(PipeTestCase):
    """Procmail, by the recipe of the manual."""

    def arrived(self, new: Path) -> list[Path]:
        """Wait for what comes into a Maildir."""
        waitFor(lambda: new.is_dir() and any(new.iterdir()), str(new))
        return list(new.iterdir())

    def test_delivers(self) -> None:
        """It sorts by the tag, and has the message as it was sent."""
        program = findPeer("procmail", "procmail")
        [text] = blocks("howto/pipe.rst", "text")
        recipes = self.folder / "procmailrc"
        recipes.write_text(text.replace("/var/mail", str(self.out)))
        recipes.chmod(0o644)
        home = self.out / "ann"
        home.mkdir()
        home.chmod(0o777)
        server = self.serve(self.route(program, "-t", "-m", recipes, "{user}", "{tag}"))
        self.send(server, ODD, "ann+lists@pipe.example", "ann+other@pipe.example")
        for box in ("lists", "inbox"):
            [file] = self.arrived(home / box / "new")
            whole = file.read_bytes()
            self.assertTrue(whole.startswith(b"Return-Path: <sender@client.example>\n"))
            self.assertTrue(whole.endswith(ODD.replace(b"\r\n", b"\n")))


class DovecotTests(PipeTestCase):
    """Dovecot's local delivery agent."""

    #: Where systems have it; it is on nobody's path.
    PROGRAM = Path("/usr/lib/dovecot/dovecot-lda")

    def setUp(self) -> None:
        """A Dovecot without a daemon."""
        super().setUp()
        if not self.PROGRAM.exists():
            raise SkipTest("peer missing: dovecot (dovecot-lda)")
        self.settings = self.folder / "dovecot.conf"

    def serveWith(self, mail: Path) -> RunningServer:
        """A server that hands mail to it."""
        self.settings.write_text(
            f"log_path = {self.out}/log\nmail_location = maildir:{mail}\n"
            f"base_dir = {self.out}/run\npostmaster_address = postmaster@{NAME}\n"
            "lda_mailbox_autocreate = yes\nssl = no\n"
        )
        self.settings.chmod(0o644)
        more = f"environment = ['HOME={self.out}']\n"
        words = ("-c", self.settings, "-e", "-f", "{sender}", "-a", "{address}")
        return self.serve(self.route(self.PROGRAM, *words, "-m", "{tag}", more=more))

    def test_delivers(self) -> None:
        """It files by the tag, and has the message as it was sent."""
        server = self.serveWith(self.out / "mail")
        new = self.out / "mail" / ".lists" / "new"
        for body in (ODD, LONG):
            self.sendTo(server, "lists", body=body)
            waitFor(lambda: new.is_dir() and any(new.iterdir()), "delivery")
            [file] = new.iterdir()
            whole = file.read_bytes()
            self.assertTrue(whole.startswith(b"Return-Path: <sender@client.example>\n"))
            self.assertTrue(whole.endswith(body.replace(b"\r\n", b"\n")))
            file.unlink()

    def test_trouble(self) -> None:
        """What it cannot file now waits, by its exit status."""
        (self.out / "file").write_text("")
        server = self.serveWith(self.out / "file" / "mail")
        self.sendTo(server, "lists")
        line = self.lines(server, "lists")
        ended = "== defer (0): the command ended with status 75 (temporary failure)"
        self.assertEqual(line[: len(ended)], ended)
