"""
Greylisting: real clients are put off, and get through by coming again.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from pathlib import Path

from .cases import InteropTestCase, findPeer
from .exim import EximClient
from .postfix import PostfixClient
from .running import RunningServer, waitFor

#: How long strangers wait here, in seconds: longer than two clients take, one after
#: the other, on a machine with other work.
DELAY_SECONDS = 8

RULES = f"""
[[policy.rcpt]]
recipients = ["known@localhost"]
action = "accept"

[[policy.rcpt]]
name = "greylisting"
senders = ["!<>"]
greylist = true
action = "defer"
message = "Please come again in $greylist_seconds seconds"

[[policy.data]]
senders = ["<>"]
greylist = true
action = "defer"

[greylist]
delay = {DELAY_SECONDS}
"""


def waitPast(known: float) -> None:
    """
    Wait until a stranger is let in.

    @param known: when the server knew of it, by C{time.monotonic}.
    """
    time.sleep(max(0.0, known + DELAY_SECONDS - time.monotonic()))


class GreylistTests(InteropTestCase):
    """Real clients that are new."""

    def test_exim(self) -> None:
        """
        Exim is put off for one recipient and not for the other; it comes again, early
        this time, as it may (PIPECONNECT), and is let in.
        """
        server = self.serve(RULES + '[log]\nselectors = ["+pipelining"]\n')
        client = EximClient(server.port, ["hosts_pipe_connect = *"])
        self.addCleanup(client.remove)
        client.send("known@localhost new@localhost", b"Subject: x\n\nx\n")
        known = time.monotonic()
        (message,) = server.delivered(1)
        self.assertEqual(message.recipient, b"known@localhost")
        told = f"451 4.7.1 Please come again in {DELAY_SECONDS} seconds"
        self.assertIn(told, client.log())
        client._call(["-qf"])
        self.assertIn("451 4.7.1 Please come again in ", client.log())
        self.assertNotEqual(client.queued(), "")
        waitPast(known)
        client._call(["-qf"])
        self.assertEqual(client.queued(), "", client.log())
        self.assertEqual(
            {each.recipient for each in server.delivered(2)},
            {b"known@localhost", b"new@localhost"},
        )
        # What is known does not wait.
        client.send("new@localhost", b"Subject: y\n\ny\n")
        server.delivered(3)
        self.assertIn(" L* ", "\n".join(server.accepted()))

    def test_postfix(self) -> None:
        """Postfix comes again by itself."""
        server = self.serve(RULES.replace(f"= {DELAY_SECONDS}\n", "= 2\n"))
        client = PostfixClient(
            server.port,
            {
                "queue_run_delay": "1s",
                "minimal_backoff_time": "1s",
                "maximal_backoff_time": "2s",
            },
        )
        self.addCleanup(client.remove)
        client.send("new@localhost", b"Subject: x\n\nx\n")
        server.delivered(1)
        waitFor(lambda: "status=sent (250 2.0.0 OK" in client.log(), "its own log")
        log = client.log()
        self.assertIn("451 4.7.1 Please come again in", log)

    def swaks(self, server: RunningServer, *options: str, status: int = 0) -> str:
        """Send a message; what was said."""
        words = [findPeer("swaks", "swaks"), "--helo", "client.example"]
        words += ["--to", "bob@localhost", "--server", f"127.0.0.1:{server.port}"]
        return self.run_([*words, *options], status=status)

    def test_twoServers(self) -> None:
        """Two servers with one file: it does not matter to which one comes again."""
        one = self.serve(RULES)
        shared = f"file = '{one.folder / 'state' / 'greylist.sqlite'}'\n"
        other = self.serve(RULES + shared)
        sender = ("--from", "ann@client.example")
        self.assertIn(" 451 4.7.1 ", self.swaks(one, *sender, status=24))
        known = time.monotonic()
        self.assertIn(" 451 4.7.1 ", self.swaks(other, *sender, status=24))
        waitPast(known)
        self.swaks(other, *sender)
        other.delivered(1)
        self.swaks(one, *sender)
        one.delivered(1)

    def test_nullSender(self) -> None:
        """Who asks with the null sender is told whether there is somebody."""
        server = self.serve(RULES)
        said = self.swaks(server, "--from", "<>", "--quit-after", "RCPT")
        self.assertNotIn(" 451 ", said)
        self.assertIn(" 451 4.7.1 ", self.swaks(server, "--from", "<>", status=25))

    def test_command(self) -> None:
        """An operator lets a client in while the server runs."""
        server = self.serve(RULES)
        sender = ("--from", "ann@client.example")
        self.swaks(server, *sender, status=24)
        path = server.folder / "state" / "greylist.sqlite"
        waitFor(path.exists, "the file of the greylist")
        with sqlite3.connect(path) as file:
            ((count,),) = file.execute("SELECT count(*) FROM triple").fetchall()
        self.assertEqual(count, 1)
        program = str(Path(sys.executable).with_name("smtpx"))
        options = ["--config", str(server.folder / "smtpx.toml")]
        self.run_([program, "greylist", "allow", *options, "127.0.0.1"])
        self.swaks(server, *sender)
        server.delivered(1)
