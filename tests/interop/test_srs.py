"""
Senders of forwarded mail (SRS): postsrsd makes the same addresses, Exim's are known,
and a report finds its way back through three servers that run.

To switch it on, a server that forwards has the table C{FORWARDER} below: C{srs.domain},
one of its own domains, C{srs.secrets_file}, a file that is its owner's alone, and a
route for all the world.
"""

from __future__ import annotations

import shutil
import smtplib
import socket
import tempfile
import time
from functools import partial
from pathlib import Path

from smtpx.core.address import domainOf, localPartOf
from smtpx.mailauth.srs import SRS, Style

from .cases import InteropTestCase, findPeer
from .exim import findExim
from .ours import OurProgram
from .running import Delivered, RunningProgram, freePort, waitFor

SECRETS = "a secret of ours\nthe one before\n"

FORWARDER = """
name = "mx.example.org"
state = "state"

[[listener]]
port = {port}
address = "127.0.0.1"

[local]
domains = ["example.org"]
unknown = "refuse"

[aliases.entries]
"bob@example.org" = ["bob@next.example"]

[[route]]
match = ["example.org", "mx.example.org"]

[[route]]
match = ["next.example"]
transport = "smtp"
hosts = ["[127.0.0.1]:{next}"]

[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[127.0.0.1]:{origin}"]

[srs]
domain = "example.org"
secrets_file = "{secrets}"
"""

#: Takes mail for a domain, which the next host does not want then.
NEXT = """
name = "mx.next.example"
state = "state"

[[listener]]
port = {port}
address = "127.0.0.1"

[relay]
domains = ["next.example"]

[[route]]
match = ["mx.next.example", "localhost"]

[[route]]
match = ["next.example"]
transport = "smtp"
hosts = ["[127.0.0.1]:{origin}"]

[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[127.0.0.1]:{forwarder}"]
"""

ORIGIN = """
name = "mx.origin.example"
state = "state"

[[listener]]
port = {port}
address = "127.0.0.1"

[local]
domains = ["origin.example"]
"""


class Postsrsd(RunningProgram):
    """
    postsrsd 1, with the two maps that Postfix asks.

    @ivar domain: what it rewrites senders to.
    """

    def __init__(self, folder: Path, domain: str, secrets: str) -> None:
        """
        @raise SkipTest: there is none.
        """
        program = findPeer("postsrsd", "postsrsd")
        folder.mkdir(parents=True)
        file = folder / "secrets"
        file.write_text(secrets)
        file.chmod(0o600)
        self.domain = domain
        self._forward, self._reverse = freePort(), freePort()
        words = [program, "-l127.0.0.1", f"-d{domain}", f"-s{file}"]
        words += [f"-f{self._forward}", f"-r{self._reverse}"]
        super().__init__(folder, words)
        for port in (self._forward, self._reverse):
            waitFor(partial(_listens, port), f"postsrsd at {port}")

    def rewritten(self, sender: bytes) -> bytes:
        """What a sender becomes."""
        return self._asked(self._forward, sender)

    def reversed(self, address: bytes) -> bytes:
        """Whom an address leads back to."""
        return self._asked(self._reverse, address)

    def _asked(self, port: int, key: bytes) -> bytes:
        """Ask a map (Postfix's tcp_table(5))."""
        with socket.create_connection(("127.0.0.1", port), 10) as wire:
            wire.sendall(b"get " + key + b"\n")
            said = wire.makefile("rb").readline()
        assert said.startswith(b"200 "), said
        return said[4:].strip()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class PostsrsdTests(InteropTestCase):
    """Letter for letter."""

    def begin(self, domain: str = "example.org", secrets: str = SECRETS) -> Postsrsd:
        """A postsrsd."""
        folder = Path(self.mktemp()).absolute()
        made = Postsrsd(folder, domain, secrets)
        self.running(made)
        return made

    def test_theSameAddresses(self) -> None:
        """
        With the same secrets both make the same of a sender, and each finds him in
        what the other made; also with the secret before, and where relays wrote all
        in capitals.
        """
        theirs = self.begin()
        lines = [line.encode() for line in SECRETS.splitlines()]
        ours, before = SRS(tuple(lines)), SRS((lines[1],))
        for number in range(100):
            sender = b"Ann.%d+x=y@Example%d.com" % (number, number)
            made = theirs.rewritten(sender)
            self.assertEqual(ours.rewritten(sender, b"example.org", time.time()), made)
            self.assertEqual(ours.reversed(made, time.time()), sender)
            self.assertEqual(theirs.reversed(made), sender)
            self.assertEqual(ours.reversed(made.upper(), time.time()), sender.upper())
            old = before.rewritten(sender, b"example.org", time.time())
            self.assertEqual(theirs.reversed(old), sender)
            self.assertEqual(ours.reversed(old, time.time()), sender)

    def test_chains(self) -> None:
        """
        What one forwarded, the other forwards, and a third: each step leads back to the
        first forwarder at once, and from him to the sender.
        """
        theirs = self.begin("second.example", "another secret\n")
        ours, third = SRS((b"ours",)), SRS((b"third",))
        now, sender = time.time(), b"ann@origin.example"
        one = ours.rewritten(sender, b"example.org", now)
        two = theirs.rewritten(one)
        three = third.rewritten(two, b"third.example", now)
        self.assertTrue(two.startswith(b"SRS1="), two)
        self.assertEqual(theirs.reversed(two), one)
        self.assertEqual(third.reversed(three, now), one)
        self.assertEqual(ours.reversed(one, now), sender)
        # And the other way about.
        one = theirs.rewritten(sender)
        two = ours.rewritten(one, b"example.org", now)
        self.assertEqual(ours.reversed(two, now), one)
        self.assertEqual(theirs.reversed(one), sender)
        # A chain of theirs is the same letter for letter.
        first = third.rewritten(sender, b"third.example", now)
        same = SRS((b"another secret",))
        made = same.rewritten(first, b"second.example", now)
        self.assertEqual(theirs.rewritten(first), made)


class EximTests(InteropTestCase):
    """Addresses of Exim's C{srs_encode}."""

    def test_whatEximMade(self) -> None:
        """
        What Exim made is good where the operator says so, and nothing else of it is.
        """
        exim = findExim()
        folder = Path(tempfile.mkdtemp(prefix="smtpx-exim-"))
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        file = folder / "exim.conf"
        file.write_text(f"spool_directory = {folder}\nlog_file_path = {folder}/%slog\n")
        file.chmod(0o644)
        srs = SRS((b"new", b"tops3cret"), Style(exim=True))
        for sender in (b"Ann.x@Bank.example", b"bob=y@b.example"):
            text = f"${{srs_encode{{tops3cret}}{{{sender.decode()}}}{{example.org}}}}"
            said = self.run_([exim, "-C", str(file), "-be", text]).split()[-1].encode()
            self.assertEqual(domainOf(said), b"example.org", said)
            found = srs.reversed(said, time.time())
            self.assertEqual(found.lower(), sender.lower())
            other = SRS((b"new",), Style(exim=True))
            self.assertRaises(ValueError, other.reversed, said, time.time())
            self.assertRaises(ValueError, SRS((b"tops3cret",)).reversed, said, 0.0)
            self.assertIn(b"SRS0=", localPartOf(said))


class ReturnTests(InteropTestCase):
    """There and back, through three servers."""

    def begin(self, text: str, **places: object) -> Path:
        """Start a server, and give its folder."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.running(OurProgram(folder, text.format(**places)))
        return folder

    def test_aReportFindsTheSender(self) -> None:
        """
        A message goes to an alias, and from there to another host with a sender of
        ours.  That host cannot deliver it, and its report goes to that sender: it
        arrives at who wrote the message.
        """
        forwarder, following, origin = freePort(), freePort(), freePort()
        secrets = Path(self.mktemp()).absolute()
        secrets.write_text(SECRETS)
        secrets.chmod(0o600)
        home = self.begin(ORIGIN, port=origin)
        away = self.begin(NEXT, port=following, origin=origin, forwarder=forwarder)
        middle = self.begin(
            FORWARDER, port=forwarder, next=following, origin=origin, secrets=secrets
        )
        sender, message = "ann@origin.example", b"Subject: x\r\n\r\nhello\r\n"
        with smtplib.SMTP("127.0.0.1", forwarder, timeout=30) as client:
            client.sendmail(sender, ["bob@example.org"], message)
        inbox = home / "state" / "Maildir" / "new"
        waitFor(lambda: inbox.is_dir() and any(inbox.iterdir()), "a report")
        [path] = inbox.iterdir()
        report = Delivered.read(path)
        self.assertEqual((report.sender, report.recipient), (b"", sender.encode()))
        self.assertIn(b"bob@next.example", report.octets)
        made = r"SRS0=[^= ]{4}=[A-Z2-7]{2}=origin\.example=ann@example\.org"
        file = away / "state" / "main.log"
        waitFor(lambda: "Completed" in file.read_text(), "the next host to tell")
        self.assertRegex(file.read_text(), f" <= {made} H=")
        main = middle / "state" / "main.log"
        waitFor(lambda: main.read_text().count("Completed") == 2, "two messages")
        log = main.read_text()
        self.assertRegex(
            log,
            rf"=> bob@next\.example <bob@example\.org> SRS=<{made}> R=next\.example"
            " T=smtp ",
        )
        self.assertRegex(log, rf"=> ann@origin\.example <{made}> R=\* T=smtp")
