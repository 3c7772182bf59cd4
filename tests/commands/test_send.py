"""
Tests for L{smtpx.commands.send}: a message that is sent by hand.
"""

from __future__ import annotations

import json
import os

from smtpx.commands import send
from smtpx.core.hooks import Dialect
from smtpx.testing import BODY, GREETING, answered, cut, delayed, silent
from smtpx.testing.scripted import KEYWORDS

from .sendcases import HERE, TO, SendTestCase
from .terminals import Ran, Terminal

PLAIN = (*KEYWORDS, b"AUTH " + b"PLAIN SCRAM-SHA-256")


class SendTests(SendTestCase):
    """Messages, and what is shown of them."""

    def test_sent(self) -> None:
        """The dialogue, the drawing, where the time went, and what became of it."""
        server = self.stage.host(delayed(b"MAIL", 2.0), delayed(GREETING, 0.1))
        ran = self.send(*HERE)
        self.assertEqual((ran.status, ran.err), (0, ""))
        [message] = server.messages
        self.assertEqual(message.sender, b"ann@client.example")
        self.assertIn(b"\r\nSubject: Test of smtpx send\r\n", message.body)
        for each in (
            "    0.000 s  ... name look-up of mx.example, 0.0 ms: mx.example:25",
            "    0.100 s  <-- 220 scripted.example ESMTP\n",
            "    0.100 s  --> MAIL FROM:<ann@client.example>\n",
            "    2.100 s  <-- 250 2.1.0 OK\n",
            f"--> ({len(message.body) + 3} octets of a message)\n",
            ":  waited 2.0 s for the replies to MAIL, RCPT, DATA ",
            "Where the time went, of 2.1 s:\n  MAIL, RCPT, DATA       2.0 s",
            "the server that took its time with MAIL, RCPT, DATA.\nIts answers came",
            "5 round trips, with the connection's, without the goodbye's; of those",
            "  1 by CHUNKING, which the server does not offer\n",
            "\nbob@x.example: accepted: 250 2.0.0 Taken\n",
        ):
            self.assertIn(each, ran.out)
        self.assertTrue(ran.out.isascii())

    def test_quiet(self) -> None:
        """Only what became of it."""
        self.stage.host()
        ran = self.send(*HERE, "-q")
        self.assertEqual(ran.out, "bob@x.example: accepted: 250 2.0.0 Taken\n")

    def test_refused(self) -> None:
        """Each recipient has its outcome; who is refused makes it a failure."""
        self.stage.host(
            answered(b"RCPT", b"550 5.1.1 No such \x1b[31muser"),
            answered(b"RCPT", b"451 4.2.0 Later", nth=2),
        )
        ran = self.send(*HERE, "--to", "c@x.example", "--to", "d@x.example", "-q")
        self.assertEqual(ran.status, 1)
        self.assertEqual(
            ran.out,
            "bob@x.example: refused: 550 5.1.1 No such ?[31muser\n"
            "c@x.example: not now: 451 4.2.0 Later\n"
            "d@x.example: accepted: 250 2.0.0 Taken\n",
        )
        self.assertEqual(ran.err, "smtpx: not taken for bob@x.example, c@x.example\n")

    def test_manyRefused(self) -> None:
        """A long list is cut."""
        self.stage.host(answered(b"MAIL", b"550 5.7.1 No"))
        more = [word for name in "cdef" for word in ("--to", f"{name}@x.example")]
        ran = self.send(*HERE, *more, "-q")
        self.assertIn("bob@x.example, c@x.example, d@x.example and 2 more", ran.err)

    def test_unsure(self) -> None:
        """A message that may have been taken is told of."""
        self.stage.host(cut(BODY))
        ran = self.send(*HERE, "-q")
        self.assertIn("who sends it again may send it twice", ran.out)
        self.assertEqual(ran.status, 1)

    def test_count(self) -> None:
        """Several messages go over one connection, each with its own Message-ID."""
        server = self.stage.host()
        ran = self.send(*HERE, "-q", "-n", "3")
        self.assertEqual((ran.status, len(server.sessions)), (0, 1))
        bodies = {message.body for message in server.messages}
        self.assertEqual(len(bodies), 3)
        self.assertIn("message 2, bob@x.example: accepted", ran.out)

    def test_json(self) -> None:
        """All of it, for programs, and nothing else."""
        self.stage.host(answered(b"RCPT", b"550 5.1.1 No"))
        ran = self.send(*HERE, "--json")
        read = json.loads(ran.out)
        self.assertEqual(ran.status, 1)
        self.assertEqual(
            read["outcomes"],
            [
                {
                    "message": 1,
                    "recipient": "bob@x.example",
                    "accepted": False,
                    "code": 550,
                    "status": "5.1.1",
                    "reply": "550 5.1.1 No",
                    "unsure": False,
                }
            ],
        )
        kinds = [part["kind"] for part in read["journey"]["parts"]]
        self.assertEqual(kinds, ["lookup", "connect", "session"])
        [session] = read["sessions"]
        self.assertEqual((session["roundTrips"], session["goodbyes"]), (6, 1))
        times = [each["what"] for each in read["times"]]
        self.assertEqual(times, ["name look-up", "connect"])

    def test_byDomain(self) -> None:
        """Without a server it goes to the hosts of the recipients' domains."""
        self.stage.zone = (
            "x.example MX 10 mx1.x.example\nx.example MX 20 mx2.x.example\n"
            "mx1.x.example A 192.0.2.1\nmx2.x.example A 192.0.2.2\n"
        )
        server = self.stage.host(address="192.0.2.2")
        ran = self.send(*TO)
        self.assertEqual((ran.status, len(server.messages)), (0, 1))
        self.assertIn("... [192.0.2.1]:25, 0.0 ms: Connection refused\n", ran.out)
        self.assertIn("mx1.x.example:25 [192.0.2.1]; mx2.x.example:25", ran.out)

    def test_dataFromAFile(self) -> None:
        """A message as it is, each time from its beginning."""
        server = self.stage.host()
        name = self.file("Subject: mine\n\nhi\n")
        ran = self.send(*HERE, "-q", "--data", name, "--count", "2")
        self.assertEqual(ran.status, 0)
        bodies = [message.body for message in server.messages]
        self.assertEqual(bodies, [b"Subject: mine\r\n\r\nhi\r\n"] * 2)

    def test_dataFromTheInput(self) -> None:
        """The same, from standard input."""
        server = self.stage.host()
        lines = [b"Subject: mine\n", b"\n", b"hi\n", b""]
        self.patch(Terminal, "line", property(lambda self: lines.pop(0)))
        terminal = Terminal.__new__(Terminal)
        terminal.typed, terminal.interactive, terminal.prompts = [], False, []
        self.send(*HERE, "-q", "-d", "-", terminal=terminal)
        self.assertEqual(server.messages[0].body, b"Subject: mine\r\n\r\nhi\r\n")

    def test_noSuchFile(self) -> None:
        """It is told which."""
        ran = self.send(*HERE, "--data", "gone")
        self.assertEqual(
            (ran.status, ran.err), (1, "smtpx: gone: No such file or directory\n")
        )

    def test_fields(self) -> None:
        """Fields of the test message, in the place of its own."""
        server = self.stage.host()
        more = (
            "--subject",
            "hello",
            "--header",
            "X-A: b",
            "--header",
            "from: Me <m@x>",
        )
        self.send(*HERE, "-q", *more)
        body = server.messages[0].body
        self.assertIn(b"\r\nSubject: hello\r\nMessage-ID: ", b"\r\n" + body)
        self.assertIn(b"X-A: b\r\n", body)
        self.assertEqual(body.lower().count(b"from: "), 1)

    def test_nobodysMessage(self) -> None:
        """The null sender."""
        server = self.stage.host()
        for nobody in ("", "<>"):
            self.send("-s", "mx.example", "-t", "bob@x.example", "-f", nobody, "-q")
        self.assertEqual([each.sender for each in server.messages], [b"", b""])

    def test_myself(self) -> None:
        """If not said otherwise, it is from whoever works here."""
        server = self.stage.host()
        self.send("-s", "mx.example", "-t", "bob@x.example", "-q")
        self.assertIn(b"@", server.messages[0].sender)

    def test_way(self) -> None:
        """What to say in EHLO, from where, by which kind of address."""
        server = self.stage.host()
        more = ("--helo", "me.example", "--source", "192.0.2.99", "--ignore", "size")
        self.send(*HERE, "-q", *more)
        self.assertEqual(server.sessions[0].commands[0], b"EHLO me.example")
        self.assertEqual(self.stage.town.dialled[0][2], ("192.0.2.99", 0))
        ran = self.send(*HERE, "-q", "-6")
        self.assertIn("no address of a kind that is tried", ran.err)

    def test_address(self) -> None:
        """A server may be an address, of which no name is looked up."""
        self.stage.host(port=2525)
        ran = self.send("-s", "192.0.2.25:2525", *TO)
        self.assertEqual(ran.status, 0)
        self.assertNotIn("look-up", ran.out)


class LMTPTests(SendTestCase):
    """LMTP, which has a reply for each recipient behind the message."""

    def test_socket(self) -> None:
        """At a UNIX socket."""
        server = self.stage.host(
            answered(BODY, b"452 4.2.2 Full", nth=2),
            address="/run/lmtp",
            port=0,
            dialect=Dialect.LMTP,
        )
        ran = self.send("--socket", "/run/lmtp", *TO, "--to", "c@x.example")
        self.assertEqual(server.sessions[0].commands[0][:5], b"LHLO ")
        self.assertNotIn("look-up", ran.out)
        self.assertIn("... /run/lmtp, 0.0 ms: connected\n", ran.out)
        self.assertIn("|--- connect to /run/lmtp ---", ran.out)
        self.assertIn("bob@x.example: accepted: 250", ran.out)
        self.assertIn("c@x.example: ", ran.out)
        self.stage.town.hosts.clear()
        ran = self.send("--socket", "/run/lmtp", *TO, "-q")
        self.assertIn("cannot connect to /run/lmtp: ", ran.err)

    def test_server(self) -> None:
        """At a server, whose port is not that of SMTP."""
        server = self.stage.host(port=24, dialect=Dialect.LMTP)
        ran = self.send(*HERE, "--lmtp", "-q")
        self.assertEqual((ran.status, len(server.messages)), (0, 1))


class LoginTests(SendTestCase):
    """Logging in."""

    def login(self, *arguments: str, terminal: Terminal | None = None) -> Ran:
        """Log in where others could read it."""
        self.server = self.stage.host(port=587, keywords=PLAIN)
        return self.send(
            *HERE,
            *("-q", "--user", "ann", "--tls", "unwanted", "--unsafe-login"),
            *("--mechanism", "plain"),
            *arguments,
            terminal=terminal,
        )

    def test_passwords(self) -> None:
        """From a file, from the environment, or from whoever is asked."""
        self.login("--password-file", self.file("tr0ub4dor\n"))
        first = self.server.sessions[0].commands[1]
        self.assertTrue(first.startswith(b"AUTH PLAIN "))
        os.environ[send.VARIABLE] = "tr0ub4dor"
        self.login()
        self.assertEqual(self.server.sessions[0].commands[1], first)
        del os.environ[send.VARIABLE]
        terminal = Terminal(["tr0ub4dor"])
        self.login(terminal=terminal)
        self.assertEqual(self.server.sessions[0].commands[1], first)
        self.assertEqual(terminal.prompts, ["Password for ann: "])

    def test_neverShown(self) -> None:
        """Neither in the dialogue nor for programs."""
        self.stage.host(answered(b"AUTH", b"235 2.7.0 OK"), port=587, keywords=PLAIN)
        name = self.file("tr0ub4dor")
        base = (*HERE, "--user", "ann", "--tls", "unwanted", "--unsafe-login")
        for more in ((), ("--json",)):
            ran = self.send(*base, "-m", "plain", "--password-file", name, *more)
            self.assertEqual(ran.status, 0, ran.err)
            self.assertIn("AUTH PLAIN *", ran.out)
            self.assertNotIn("AGFubgB0cjB1YjRkb3I", ran.out)

    def test_noPassword(self) -> None:
        """Where there is none, nobody is asked for long."""
        ran = self.login()
        self.assertIn("give it by --password-file or SMTPX_PASSWORD", ran.err)
        ran = self.login(terminal=Terminal())
        self.assertIn("no password was given", ran.err)
        ran = self.login("--password-file", self.file("x", 0o644))
        self.assertIn("others may read it", ran.err)

    def test_token(self) -> None:
        """A token is for TLS only, whatever is wished."""
        self.server = self.stage.host(port=587, keywords=PLAIN)
        name = self.file("abc.def")
        ran = self.send(*HERE, "-q", "--user", "ann", "--token-file", name)
        self.assertIn("no TLS with mx.example [192.0.2.25]:587", ran.err)

    def test_certificate(self) -> None:
        """EXTERNAL has no password; the name may be there."""
        for more in ((), ("--user", "ann")):
            self.stage.host(port=587)
            ran = self.send(*HERE, "-q", "-m", "external", *more)
            self.assertIn("it does not offer TLS", ran.err)

    def test_notOffered(self) -> None:
        """A server that has no way to log in."""
        self.stage.host(port=587)
        name = self.file("x")
        more = ("--tls", "unwanted", "--user", "a", "--password-file", name)
        ran = self.send(*HERE, "-q", *more)
        self.assertIn(
            "cannot log in at mx.example [192.0.2.25]:587: it offers no mechanism",
            ran.err,
        )


class TroubleTests(SendTestCase):
    """What does not come about, in plain words."""

    def test_told(self) -> None:
        """Why, and where."""
        here = "mx.example [192.0.2.25]:25"
        for fault, more, told in (
            (
                answered(GREETING, b"554 5.3.2 No"),
                (),
                f"{here} turns us away: 554 5.3.2 No",
            ),
            (silent(b"EHLO"), ("--timeout", "3"), f"{here} does not go on: Timed out"),
            (
                delayed(GREETING, 0),
                ("--tls", "verified"),
                f"no TLS with {here}: it does not offer TLS, or not as it has to be",
            ),
        ):
            self.stage.host(fault)
            ran = self.send(*HERE, "-q", *more)
            self.assertEqual(ran.status, 1)
            self.assertIn(told, ran.err)

    def test_nobodyThere(self) -> None:
        """A server that does not answer, and one that there is not."""
        ran = self.send(*HERE)
        self.assertIn(
            "cannot connect to mx.example [192.0.2.25]:25: Connection refused", ran.err
        )
        self.assertIn("Connection refused\n", ran.out)
        ran = self.send("-s", "gone.example", *TO, "-q")
        self.assertIn("gone.example has no address", ran.err)

    def test_others(self) -> None:
        """Where one message does not get through, others are not tried."""
        ran = self.send(*HERE, "-q", "-n", "5")
        self.assertEqual(ran.out.count("bob@x.example"), 1)

    def test_certificates(self) -> None:
        """Files that are of no use."""
        for option in ("--ca", "--cert"):
            ran = self.send(*HERE, option, "gone")
            self.assertEqual(ran.status, 1)
            self.assertIn("gone", ran.err)


class ProbeTests(SendTestCase):
    """Going only so far."""

    def test_stops(self) -> None:
        """Nothing is sent."""
        for stop in ("ehlo", "auth", "mail"):
            server = self.stage.host()
            ran = self.send(*HERE, "-q", "--quit-after", stop)
            self.assertEqual((ran.status, ran.out), (0, f"got as far as {stop}\n"))
            self.assertEqual(server.messages, [])

    def test_recipients(self) -> None:
        """Who would get it."""
        self.stage.host(answered(b"RCPT", b"550 5.1.1 No", nth=2))
        ran = self.send(*HERE, "-t", "c@x.example", "-q", "--quit-after", "rcpt")
        first, second = ran.out.splitlines()
        self.assertTrue(first.startswith("bob@x.example: would be accepted: 250"))
        self.assertEqual(second, "c@x.example: would be refused: 550 5.1.1 No")
        self.assertEqual(ran.status, 1)

    def test_notSoFar(self) -> None:
        """What stood in the way."""
        self.stage.host()
        ran = self.send(*HERE, "-q", "--quit-after", "tls")
        self.assertEqual((ran.status, ran.out), (1, ""))
        self.assertIn("mx.example [192.0.2.25]:25 turns us away", ran.err)
        ran = self.send("-s", "gone.example", *TO, "-q", "--quit-after", "tls")
        self.assertIn("gone.example has no address", ran.err)

    def test_theNextHost(self) -> None:
        """A host that cannot be connected to is not the last one."""
        self.stage.zone = (
            "x.example MX 10 mx1.x.example\nx.example MX 20 mx2.x.example\n"
            "mx1.x.example A 192.0.2.1\nmx2.x.example A 192.0.2.2\n"
        )
        self.stage.host(address="192.0.2.2")
        ran = self.send(*TO, "-q", "--quit-after", "ehlo")
        self.assertEqual(ran.status, 0)
        self.stage.host(answered(GREETING, b"554 No"), address="192.0.2.1")
        ran = self.send(*TO, "-q", "--quit-after", "ehlo")
        self.assertIn("mx1.x.example [192.0.2.1]:25 turns us away", ran.err)
