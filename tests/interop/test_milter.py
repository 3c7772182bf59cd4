"""
Milters of other makers, asked by a server of ours.
"""

from __future__ import annotations

import re
import smtplib
from pathlib import Path

import dkim

from tests.mailauth.dkimmail import BODY, HEADER, ZONE, signature

from .cases import InteropTestCase
from .huge import HUGE_LIMITS, sendHuge
from .milterpeers import OpenDKIM, RspamdProxy
from .running import RunningServer, freePort, waitFor

#: What every spam filter knows
#: (U{https://spamassassin.apache.org/gtube/}).
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

_SERVER = """
[authentication]
checks = []
[local]
domains = ["here.example"]
unknown = "accept"
"""

_ONE = """
[[milter]]
name = "{name}"
address = "{address}"
when_away = "{whenAway}"
connect_seconds = 20
command_seconds = {seconds}
"""

_SENDER, _RECIPIENT = "joe@football.example.com", "ann@here.example"


def known(name: bytes, timeout: int = 5) -> bytes | None:
    """dkimpy's DNS."""
    return ZONE.get(name.rstrip(b"."))


class MilterTestCase(InteropTestCase):
    """A server that asks milters."""

    def ask(
        self,
        *milters: OpenDKIM | RspamdProxy,
        whenAway: str = "defer",
        more: str = "",
        seconds: int = 50,
    ) -> RunningServer:
        """A server that asks these, and waits so long for each answer."""
        text = _SERVER + more
        for number, each in enumerate(milters):
            self.running(each)
            text += _ONE.format(
                name=f"m{number}",
                address=each.address,
                whenAway=whenAway,
                seconds=seconds,
            )
        return self.serve(text)

    def client(self, server: RunningServer) -> smtplib.SMTP:
        """A client that is connected."""
        client = smtplib.SMTP("127.0.0.1", server.port, timeout=60)
        self.closing(client.close)
        return client

    def send(self, server: RunningServer, *messages: bytes) -> None:
        """Send messages over one connection."""
        client = self.client(server)
        for each in messages:
            client.sendmail(_SENDER, [_RECIPIENT], each)
        client.quit()

    def arrived(self, server: RunningServer, count: int) -> list[bytes]:
        """What lies in the Maildir, without what final delivery has put above it."""
        new = server.folder / "state" / "Maildir" / "new"
        waitFor(
            lambda: new.is_dir() and len(list(new.iterdir())) == count,
            f"{count} messages",
        )
        found = [Path(each).read_bytes() for each in sorted(new.iterdir())]
        return [each.split(b"\r\n", 2)[2] for each in found]


class OpenDKIMTests(MilterTestCase):
    """Debian's C{opendkim}, which signs and verifies."""

    def test_signs(self) -> None:
        """dkimpy finds the signature of the message as delivered good."""
        server = self.ask(OpenDKIM("s", ZONE))
        message = HEADER + b"\r\n" + BODY
        self.send(server, message, message)
        for each in self.arrived(server, 2):
            self.assertTrue(each.startswith(b"DKIM-Signature: v=1;"), each)
            self.assertTrue(dkim.verify(each, dnsfunc=known), each)

    def test_signsOverTCP(self) -> None:
        """The same at a port."""
        server = self.ask(OpenDKIM("s", ZONE, freePort()))
        self.send(server, HEADER + b"\r\n" + BODY)
        [found] = self.arrived(server, 1)
        self.assertTrue(dkim.verify(found, dnsfunc=known), found)

    def test_signsWhatIsLong(self) -> None:
        """Body by piece, and with lines that begin with dots."""
        server = self.ask(OpenDKIM("s", ZONE))
        body = b"".join(b".%d of many lines\r\n" % n for n in range(50_000))
        self.send(server, HEADER + b"\r\n" + body)
        [found] = self.arrived(server, 1)
        self.assertTrue(found.endswith(body))
        self.assertTrue(dkim.verify(found, dnsfunc=known))

    def test_memory(self) -> None:
        """
        A message of 100 MiB goes to each milter as it comes, is signed, and costs no
        memory.
        """
        server = self.ask(OpenDKIM("v", ZONE), OpenDKIM("s", ZONE), more=HUGE_LIMITS)
        self.send(server, HEADER + b"\r\n" + BODY)
        sendHuge(self, server, _SENDER, _RECIPIENT)
        found = self.arrived(server, 2)
        self.assertEqual(
            [b"DKIM-Signature:" in each[:2000] for each in found], [True] * 2
        )

    def test_verifies(self) -> None:
        """It says what it thinks, below our C{Received} field."""
        server = self.ask(OpenDKIM("v", ZONE))
        signed = signature() + HEADER + b"\r\n" + BODY
        self.send(server, signed, signed + b"more\r\n")
        good, bad = self.arrived(server, 2)
        for found, result in ((good, b"pass"), (bad, b"fail")):
            said = re.search(
                rb"^Authentication-Results: opendkim\.example;\s+dkim=(\w+)",
                found,
                re.MULTILINE,
            )
            assert said is not None, found
            self.assertEqual(said[1], result)

    def test_verifiesAndSigns(self) -> None:
        """The second sees what the first has put in."""
        server = self.ask(OpenDKIM("v", ZONE), OpenDKIM("s", ZONE))
        self.send(server, signature() + HEADER + b"\r\n" + BODY)
        [found] = self.arrived(server, 1)
        self.assertEqual(found.count(b"DKIM-Signature:"), 2)
        self.assertIn(b"Authentication-Results: opendkim.example;", found)
        self.assertTrue(dkim.verify(found, dnsfunc=known), found)

    def test_killed(self) -> None:
        """In the middle of a message: the client is to come again, and then it may."""
        milter = OpenDKIM("s", ZONE)
        server = self.ask(milter)
        client = self.client(server)
        client.ehlo()
        client.mail(_SENDER)
        client.rcpt(_RECIPIENT)
        self.assertEqual(client.docmd("DATA")[0], 354)
        client.send(HEADER + b"\r\n")
        milter.kill()
        client.send(BODY + b".\r\n")
        self.assertEqual(client.getreply()[0], 451)
        self.assertEqual(client.mail(_SENDER)[0], 451)
        client.quit()
        again = OpenDKIM("s", ZONE, path=milter.folder / "s")
        self.running(again)

        def taken() -> bool:
            try:
                self.send(server, HEADER + b"\r\n" + BODY)
            except smtplib.SMTPSenderRefused:
                return False
            return True

        waitFor(taken, "the milter is back")
        self.assertEqual(len(self.arrived(server, 1)), 1)

    def test_halted(self) -> None:
        """It says nothing: its terms hold once its time is over."""
        milter = OpenDKIM("s", ZONE)
        server = self.ask(milter, whenAway="accept", seconds=5)
        with milter.halted():
            self.send(server, HEADER + b"\r\n" + BODY)
        [found] = self.arrived(server, 1)
        self.assertNotIn(b"DKIM-Signature:", found)
        waitFor(
            lambda: any("m0 away at" in each for each in server.mainLog()),
            "the log says why",
        )


class RspamdTests(MilterTestCase):
    """Debian's C{rspamd}, with its proxy as a milter."""

    def test_changes(self) -> None:
        """It was told who brings what, and adds, removes and changes fields."""
        server = self.ask(RspamdProxy())
        message = (
            b"Subject: Special offer\r\nX-Bad: x\r\nFrom: joe@x.example\r\n\r\nHi\r\n"
        )
        self.send(server, message, message)
        for found in self.arrived(server, 2):
            self.assertIn(b"\r\nSubject: *** SPAM *** Special offer\r\n", found)
            self.assertNotIn(b"X-Bad", found)
            seen = re.search(rb"^X-Seen-By: rspamd ([^\r]*)", found, re.MULTILINE)
            assert seen is not None, found
            address, _, queued, recipients = seen[1].split()
            self.assertEqual((address, queued, recipients), (b"127.0.0.1", b"id", b"1"))

    def test_rejects(self) -> None:
        """GTUBE, in its own words; another message is taken."""
        server = self.ask(RspamdProxy())
        with self.assertRaises(smtplib.SMTPDataError) as raised:
            self.send(server, b"Subject: x\r\n\r\n" + GTUBE + b"\r\n")
        self.assertEqual(raised.exception.smtp_code, 554)
        self.assertIn(b"Gtube pattern", raised.exception.smtp_error)
        self.send(server, b"Subject: x\r\n\r\nHello\r\n")
        self.assertEqual(len(self.arrived(server, 1)), 1)

    def test_signerBehindIt(self) -> None:
        """What it has changed is signed."""
        server = self.ask(RspamdProxy(), OpenDKIM("s", ZONE))
        self.send(server, HEADER + b"X-Bad: x\r\n\r\n" + BODY)
        [found] = self.arrived(server, 1)
        self.assertIn(b"X-Seen-By: rspamd", found)
        self.assertNotIn(b"X-Bad", found)
        self.assertTrue(dkim.verify(found, dnsfunc=known), found)
