"""
Messages that are checked by ClamAV, SpamAssassin and rspamd.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from threading import Thread

from ..policy.test_documentation import examples
from ..shortpaths import shortFolder
from .checkers import GTUBE, MALWARE, RunningChecker, clamd, rspamd, spamd
from .huge import HUGE_LIMITS, sendHuge
from .running import RunningServer, waitFor
from .test_smtplib import FROM, TO, SMTPLibTestCase

HEADER = (
    b"From: ann@example.com\r\nTo: bob@localhost\r\nSubject: hello\r\n"
    b"Date: Mon, 23 Nov 2026 00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n"
)

SHORT = HEADER + b"\r\nIt works.\r\n"

#: Longer than what is kept in memory, and than what a socket takes at once.
LONG = HEADER + b"\r\n" + b"It is a long text.\r\n" * 100_000


def spammy(message: bytes) -> bytes:
    """The same as spam.  SpamAssassin looks at the beginning of long texts alone."""
    return message.replace(b"\r\n\r\n", b"\r\n\r\n" + GTUBE + b"\r\n", 1)


MALWARE_RULE = """
[[policy.message]]
malware = ["*"]
action = "reject"
message = "This message has $malware_name"
"""

SPAM_RULE = """
[[policy.message]]
spam_action = ["reject"]
action = "reject"
message = "This is spam: $spam_score points"

[[policy.message]]
spam = true
add_header = ["X-Spam: $spam_action", "X-Spam-Score: $spam_score $spam_bar"]

[[policy.message]]
add_header = ["X-Symbols: $rspamd_symbols"]
"""


class CheckersTestCase(SMTPLibTestCase):
    """A server, and checkers."""

    def checker(self, start: Callable[[], RunningChecker]) -> RunningChecker:
        """Start one; it ends with the test."""
        found = start()
        self.addCleanup(found.remove)
        self.addCleanup(found.kill)
        return found

    def send(self, server: RunningServer, message: bytes) -> tuple[int, bytes]:
        """Send a message; gives the final reply."""
        client = self.connect(server)
        client.ehlo()
        client.mail(FROM)
        client.rcpt(TO)
        said = client.data(message)
        client.quit()
        return said


class ClamdTests(CheckersTestCase):
    """A virus scanner."""

    def serving(self, checker: RunningChecker, more: str = "") -> RunningServer:
        """A server that asks it."""
        return self.serve(
            '[[checker]]\nname = "clamav"\nkind = "clamd"\n'
            f'address = "{checker.socket}"\n{more}{MALWARE_RULE}'
        )

    def test_malware(self) -> None:
        """It is found in short messages and in long ones, wherever it stands."""
        server = self.serving(self.checker(clamd))
        for message in (SHORT, LONG):
            self.assertEqual(250, self.send(server, message)[0])
            for infected in (message + MALWARE + b"\r\n", MALWARE + message):
                code, said = self.send(server, infected)
                text = b"5.7.1 This message has smtpx.Test.UNOFFICIAL"
                self.assertEqual((550, text), (code, said))
        self.assertEqual(2, len(server.delivered(2)))

        def told() -> bool:
            log = server.mainLog()
            return sum(" clamav: malware smtpx.Test" in line for line in log) == 4

        waitFor(told, "the main log tells of them")

    def test_tooLong(self) -> None:
        """What is longer than clamd wants is an outcome of its own."""
        server = self.serving(
            self.checker(lambda: clamd(1)),
            '[[policy.message]]\nchecker_state = {clamav = ["too_large"]}\n'
            'add_header = ["X-Checked: no, it is too large"]\n',
        )
        self.assertEqual(250, self.send(server, LONG)[0])
        self.assertEqual(250, self.send(server, SHORT)[0])
        long, short = server.delivered(2)
        self.assertIn(b"X-Checked: no, it is too large\r\n", long.octets)
        self.assertNotIn(b"X-Checked", short.octets)

    def test_away(self) -> None:
        """Where it is away, clients come again; when it is back, all is well."""
        checker = self.checker(clamd)
        server = self.serving(checker)
        checker.kill()
        for message in (SHORT, LONG):
            code, said = self.send(server, message)
            self.assertEqual((451, b"4.4.3"), (code, said[:5]))

        def told() -> bool:
            return any(" clamav: away: " in each for each in server.mainLog())

        waitFor(told, "the main log tells that it is away")

    def test_slow(self) -> None:
        """One that stalls is given up, and holds up nobody for long."""
        checker = self.checker(clamd)
        server = self.serving(checker, "opinion_seconds = 1\nwhen_away = 'accept'\n")
        with checker.halted():
            self.assertEqual(250, self.send(server, SHORT)[0])
            self.assertEqual(250, self.send(server, LONG)[0])

    def test_nonsense(self) -> None:
        """One that answers nonsense is broken, and the message is not harmed."""
        path = Path(self.checker(clamd).folder) / "other"
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        listening.bind(str(path))
        listening.listen(5)

        def answer() -> None:
            for _ in range(2):
                connection, _ = listening.accept()
                connection.sendall(b"220 mx.example ESMTP\0")
                connection.close()

        thread = Thread(target=answer, daemon=True)
        thread.start()
        server = self.serve(
            '[[checker]]\nname = "clamav"\nkind = "clamd"\n'
            f'address = "{path}"\n{MALWARE_RULE}'
        )
        self.assertEqual(451, self.send(server, SHORT)[0])

    def test_severalInASession(self) -> None:
        """One message after the other, one of them given up, and by BDAT."""
        server = self.serving(self.checker(clamd))
        client = self.connect(server)
        client.ehlo()
        for message, code in ((SHORT, 250), (SHORT + MALWARE, 550), (LONG, 250)):
            client.mail(FROM)
            client.rcpt(TO)
            half = len(message) // 2
            for piece, last in ((message[:half], b""), (message[half:], b" LAST")):
                client.send(b"BDAT %d%b\r\n" % (len(piece), last) + piece)
                said = client.getreply()
            self.assertEqual(code, said[0], said)
        client.mail(FROM)
        client.rcpt(TO)
        client.send(b"BDAT %d\r\n" % len(LONG) + LONG)
        self.assertEqual(250, client.getreply()[0])
        client.rset()
        client.quit()
        self.assertEqual(2, len(server.delivered(2)))

    def test_resumed(self) -> None:
        """
        Of a message that goes on where it was cut short (RFC 1845) clamd sees all: it
        finds what stands at the beginning, which came in another session.
        """
        server = self.serving(self.checker(clamd), "[extensions.CHECKPOINT]\n")
        message = HEADER + b"\r\n" + MALWARE + b"\r\n" + b"long\r\n" * 50_000
        mail = f"MAIL FROM:<{FROM}> TRANSID=<1@client.example>"
        client = self.connect(server)
        client.ehlo()
        self.assertEqual(250, client.docmd(mail)[0])
        client.rcpt(TO)
        client.docmd("DATA")
        client.send(message[:200_000])
        client.close()
        client = self.connect(server)

        def known() -> bool:
            client.ehlo()
            self.offset = client.docmd(mail)
            if self.offset[0] != 355:
                client.rset()
            return self.offset[0] == 355

        waitFor(known, "the server knows that it was cut short")
        offset = int(self.offset[1].split()[0])
        self.assertGreater(offset, 100_000)
        self.assertEqual(354, client.docmd("DATA")[0])
        client.send(message[offset:] + b".\r\n")
        code, said = client.getreply()
        self.assertEqual((550, b"5.7.1 This message has smtpx.Test"), (code, said[:33]))
        client.quit()

    def test_memory(self) -> None:
        """A message of 100 MiB goes to clamd as it comes, and costs no memory."""
        server = self.serving(self.checker(clamd), HUGE_LIMITS)
        self.assertEqual(250, self.send(server, LONG)[0])
        sendHuge(self, server, FROM, TO)


class ManualTests(CheckersTestCase):
    """The how-tos, as an operator follows them."""

    def test_both(self) -> None:
        """
        The first examples of both pages, in one configuration; it is checked, and tried
        by hand, before it is used.
        """
        places = {
            "/run/clamav/clamd.ctl": str(self.checker(clamd).socket),
            "127.0.0.1:11333": str(self.checker(rspamd).socket),
        }
        text = examples("virus-scanner.rst", "toml")[0]
        text += examples("spam-filter.rst", "toml")[0]
        for usual, here in places.items():
            text = text.replace(f'"{usual}"', f'"{here}"')
        server = self.serve(text)
        program = str(Path(sys.executable).with_name("twistd"))
        file = server.folder / "smtpx.toml"
        words = [program, "smtpx", "--config", str(file), "--check"]
        said = self.run_(words)
        self.assertIn("nothing is wrong", said)
        infected = server.folder / "infected.eml"
        infected.write_bytes(SHORT + MALWARE + b"\r\n")
        program = str(Path(sys.executable).with_name("smtpx"))
        words = [program, "policy", "test", "--config", str(file), "--ip", "192.0.2.7"]
        words += ["--recipient", TO, "--message", str(infected)]
        self.assertIn("550 5.7.1 This message has smtpx.Test", self.run_(words))
        self.assertEqual(250, self.send(server, SHORT)[0])
        self.assertEqual(550, self.send(server, infected.read_bytes())[0])
        code, told = self.send(server, spammy(SHORT))
        self.assertEqual((550, b"5.7.1 This looks like spam"), (code, told[:26]))
        offer = SHORT.replace(b"hello", b"special offer")
        self.assertEqual(250, self.send(server, offer)[0])
        fields = message_from_bytes(server.delivered(2)[1].octets)
        self.assertEqual("Yes", fields["X-Spam"])
        self.assertEqual("rspamd", fields["X-Seen-By"])

    def test_nobodyThere(self) -> None:
        """The check before a start tells which of them do not answer."""
        folder = shortFolder(self)
        file = folder / "smtpx.toml"
        text = examples("virus-scanner.rst", "toml")[0]
        file.write_text(text.replace("/run/clamav", str(folder)), "utf-8")
        program = str(Path(sys.executable).with_name("twistd"))
        said = self.run_([program, "smtpx", "--config", str(file), "--check"])
        place = str(folder / "clamd.ctl")
        told = f"clamav does not answer at {place}: No such file or directory"
        self.assertIn(told, said)


class SpamdTests(CheckersTestCase):
    """SpamAssassin."""

    def test_spam(self) -> None:
        """It knows spam, from short messages and from long ones."""
        checker = self.checker(spamd)
        server = self.serve(
            '[[checker]]\nname = "spamassassin"\nkind = "spamd"\n'
            f'address = "{checker.socket}"\nchecked_octets = "10 MiB"\n'
            '[[policy.message]]\nspam_score_over = 500\naction = "reject"\n'
            'message = "This is spam: $spam_score points"\n'
            '[[policy.message]]\nadd_header = ["X-Spam: $spam_score $spam_bar"]\n'
        )
        medium = LONG[:200_000]
        for message in (SHORT, medium):
            self.assertEqual(250, self.send(server, message)[0])
            code, said = self.send(server, spammy(message))
            self.assertEqual((550, b"5.7.1 This is spam: "), (code, said[:20]))
        for each in server.delivered(2):
            score = message_from_bytes(each.octets)["X-Spam"].split()[0]
            self.assertLess(float(score), 5.0)


class RspamdTests(CheckersTestCase):
    """Rspamd, by HTTP."""

    def serving(self, more: str = "") -> RunningServer:
        """A server that asks it."""
        checker = self.checker(rspamd)
        return self.serve(
            '[[checker]]\nname = "rspamd"\nkind = "rspamd"\n'
            f'address = "{checker.socket}"\n{more}{SPAM_RULE}'
        )

    def test_spam(self) -> None:
        """It knows spam, and tells the rest apart."""
        server = self.serving()
        code, said = self.send(server, spammy(SHORT))
        self.assertEqual((550, b"5.7.1 This is spam: "), (code, said[:20]))
        for message in (SHORT, LONG, LONG.replace(b"hello", b"special offer")):
            self.assertEqual(250, self.send(server, message)[0])
        found = [message_from_bytes(each.octets) for each in server.delivered(3)]
        for fields in found:
            self.assertIn("SMTPX_SEEN", fields["X-Symbols"])
            self.assertIsNone(fields["X-Seen-By"])
        verdicts = sorted(str(fields["X-Spam"]) for fields in found)
        self.assertEqual(["None", "None", "add header"], verdicts)

    def test_changes(self) -> None:
        """What it wants to be changed is, where the operator wants that."""
        server = self.serving("changes = true\n")
        message = b"X-Bad: yes\r\n" + SHORT.replace(b"hello", b"special offer")
        self.assertEqual(250, self.send(server, message)[0])
        (found,) = server.delivered(1)
        fields = message_from_bytes(found.octets)
        self.assertEqual("rspamd", fields["X-Seen-By"])
        self.assertIsNone(fields["X-Bad"])
        self.assertEqual("add header", fields["X-Spam"])
        self.assertEqual("7.6 +++++++", fields["X-Spam-Score"])
        self.assertEqual(str(len(message)), fields["X-Octets"])
        self.assertEqual(250, self.send(server, LONG)[0])
        fields = message_from_bytes(server.delivered(2)[1].octets)
        self.assertEqual(str(len(LONG)), fields["X-Octets"])

    def test_memory(self) -> None:
        """A message of 100 MiB goes to rspamd as it comes, and costs no memory."""
        server = self.serving(HUGE_LIMITS)
        self.assertEqual(250, self.send(server, LONG)[0])
        sendHuge(self, server, FROM, TO)
