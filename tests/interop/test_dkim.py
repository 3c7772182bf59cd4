"""
Mail that a server of ours has signed, as OpenDKIM and dkimpy see it; and what OpenDKIM
signs, as we see it.
"""

from __future__ import annotations

import smtplib
import subprocess
import sys
from pathlib import Path

import dkim
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from smtpx.mailauth.dkimsign import SignTerms
from tests.mailauth.dkimmail import (
    BODY,
    ED25519,
    ED25519_NAME,
    ED25519_PEM,
    HEADER,
    RSA_NAME,
    RSA_PEM,
    ZONE,
    results,
    signature,
)

from .cases import InteropTestCase, findPeer
from .running import ROOT, Delivered, RunningServer

_DOMAIN = RSA_NAME.domain.decode("ascii")

#: The second server, with what it lacks.
_TARGET = """
[local]
domains = ["target.example"]
unknown = "accept"
{more}
"""

_SENDER = """
[relay]
hosts = [{trusted}]
authenticated = true
[local]
domains = ["here.example"]
[aliases]
entries = {{ "away@here.example" = ["joe@target.example"] }}
[sending]
idle_seconds = 0
[[route]]
match = ["target.example"]
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]
[[route]]
match = ["here.example", "mx.example.org"]
{keys}
"""

_KEY = """
[[dkim.key]]
domain = "football.example.com"
selector = "{selector}"
file = "{file}"
"""


def signatures(message: bytes) -> int:
    """How many signatures a message has."""
    return message.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature:")


def theirs(case: SynchronousTestCase, message: bytes) -> None:
    """dkimpy finds each signature good."""

    def known(name: bytes, timeout: int = 5) -> bytes | None:
        return ZONE.get(name.rstrip(b"."))

    for index in range(signatures(message)):
        found = dkim.DKIM(message).verify(idx=index, dnsfunc=known)
        case.assertTrue(found, message)


class SendingTests(InteropTestCase):
    """A message from a server of ours to a second one."""

    def keys(self) -> str:
        """Both keys, in files."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        text = ""
        for name, pem in (RSA_NAME, RSA_PEM), (ED25519_NAME, ED25519_PEM):
            selector = name.selector.decode("ascii")
            file = folder / f"{selector}.pem"
            file.write_bytes(pem)
            file.chmod(0o600)
            text += _KEY.format(selector=selector, file=file)
        return text

    def servers(
        self, more: str = "", trusted: str = '"127.0.0.1"'
    ) -> tuple[RunningServer, RunningServer]:
        """
        Start two.

        @param more: of the second one's configuration.
        @param trusted: who may send by the first one, and has it signed.
        """
        target = self.serve(_TARGET.format(more=more))
        text = _SENDER.format(port=target.port, keys=self.keys(), trusted=trusted)
        return self.serve(text), target

    def sent(self, sender: RunningServer, message: bytes, *options: str) -> None:
        """Hand a message to the first one."""
        with smtplib.SMTP("127.0.0.1", sender.port) as client:
            client.sendmail(
                f"joe@{_DOMAIN}", ["ann@target.example"], message, list(options)
            )

    def arrived(self, target: RunningServer) -> bytes:
        """The message, as the second one has it."""
        (message,) = target.delivered(1)
        return self.octets(message)

    def octets(self, message: Delivered) -> bytes:
        """A message with the line ends that it had on its way."""
        return message.octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def good(self, message: bytes) -> None:
        """It has two signatures, and all find them good."""
        self.assertEqual(signatures(message), 2, message)
        theirs(self, message)
        header, _, body = message.partition(b"\r\n\r\n")
        now = 4_000_000_000
        self.assertEqual(
            results(header + b"\r\n", body, now=now), [("pass", "")] * 2, message
        )

    def test_chunks(self) -> None:
        """By BDAT in several chunks, under TLS."""
        more = "[extensions.CHUNKING]\nchunk_octets = 65536\n"
        sender, target = self.servers(more)
        self.sent(sender, HEADER + b"\r\n" + b"0123456789 \t abc\r\n" * 20_000)
        self.good(self.arrived(target))

    def test_data(self) -> None:
        """By DATA, with dots and empty lines."""
        sender, target = self.servers(
            '[extensions]\ndisable = ["CHUNKING","BINARYMIME"]'
        )
        self.sent(sender, HEADER + b"\r\n.\r\n..\r\n\r\nx\r\n\r\n\r\n")
        self.good(self.arrived(target))

    def test_sevenBits(self) -> None:
        """Converted for a host without 8BITMIME, and signed behind that."""
        sender, target = self.servers(
            '[extensions]\ndisable = ["8BITMIME","CHUNKING","BINARYMIME","SMTPUTF8"]'
        )
        text = HEADER + b"\r\n" + "Grüße\r\n".encode() * 5
        self.sent(sender, text, "BODY=8BITMIME")
        message = self.arrived(target)
        self.assertTrue(message.isascii())
        self.good(message)

    def test_strangersAreNotSigned(self) -> None:
        """With our domain in From, by an alias that leads to another host."""
        sender, target = self.servers(trusted="")
        with smtplib.SMTP("127.0.0.1", sender.port) as client:
            client.sendmail(
                "x@y.example", ["away@here.example"], HEADER + b"\r\n" + BODY
            )
        self.assertEqual(signatures(self.arrived(target)), 0)

    def test_whoHasLoggedInIsSigned(self) -> None:
        """Whatever the host."""
        sender, target = self.servers(trusted="")
        sender.addUser("joe", "pencil")
        with smtplib.SMTP("127.0.0.1", sender.port) as client:
            client.starttls()
            client.login("joe", "pencil")
            client.sendmail(
                f"joe@{_DOMAIN}", ["ann@target.example"], HEADER + b"\r\n" + BODY
            )
        self.good(self.arrived(target))


class OpenDKIMTests(InteropTestCase):
    """Debian's C{opendkim}, which looks at messages in files."""

    def setUp(self) -> None:
        """It reads the keys from a file, and not from the DNS."""
        super().setUp()
        self.program = findPeer("opendkim", "opendkim")
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        lines = [b"%b %b\n" % each for each in ZONE.items()]
        (self.folder / "dns").write_bytes(b"".join(lines))
        (self.folder / "key").write_bytes(RSA_PEM)
        (self.folder / "key").chmod(0o600)

    def looked(self, message: bytes, configuration: str, *words: str) -> str:
        """What it says of a message."""
        (self.folder / "conf").write_text(configuration)
        (self.folder / "mail").write_bytes(message)
        mail = str(self.folder / "mail")
        conf = str(self.folder / "conf")
        return self.run_([self.program, "-x", conf, "-t", mail, *words])

    def verdict(self, message: bytes) -> str:
        """What it makes of the signature of a message."""
        dns = self.folder / "dns"
        return self.looked(message, f"Mode v\nTestDNSData {dns}\n")

    def test_itVerifiesWhatWeSign(self) -> None:
        """With either key."""
        for made in signature(), signature(SignTerms(ED25519_NAME), ED25519):
            message = made + HEADER + b"\r\n"
            self.assertIn("succeeded", self.verdict(message + BODY))
            self.assertIn("failed", self.verdict(message + BODY + b"more\r\n"))

    def test_weVerifyWhatItSigns(self) -> None:
        """In each form."""
        for forms in "relaxed/relaxed", "simple/simple", "relaxed/simple":
            said = self.looked(
                HEADER + b"\r\n" + BODY,
                f"Mode s\nDomain {_DOMAIN}\nSelector test\n"
                f"KeyFile {self.folder / 'key'}\nRequireSafeKeys no\n"
                f"Canonicalization {forms}\nSignatureAlgorithm rsa-sha256\n"
                "OversignHeaders From,Subject\n",
                "-vvv",
            )
            value = said.partition("hname='DKIM-Signature' hvalue='")[2]
            text = value.partition("'")[0].replace("\n", "\r\n")
            field = f"DKIM-Signature: {text}\r\n".encode()
            now = 4_000_000_000
            self.assertEqual(results(field + HEADER, now=now), [("pass", "")], said)


class TestMsgTests(InteropTestCase):
    """Debian's C{opendkim-testmsg}, which asks the DNS."""

    def setUp(self) -> None:
        """It is there, and may have a network of its own."""
        super().setUp()
        findPeer("opendkim-testmsg", "opendkim")
        self.apart = [findPeer("unshare", "unshare"), "-Urmn"]
        if subprocess.run([*self.apart, "true"], capture_output=True).returncode:
            raise SkipTest("no namespaces of one's own here")
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def told(self, message: bytes) -> tuple[int, str]:
        """Its exit status, and what it says; nothing, where all is well."""
        module = [sys.executable, "-m", "tests.interop.testmsg", str(self.folder)]
        done = subprocess.run(
            [*self.apart, *module],
            input=message,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            cwd=ROOT,
        )
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def test_itAgrees(self) -> None:
        """With either key, and with changes."""
        for made in signature(), signature(SignTerms(ED25519_NAME), ED25519):
            message = made + HEADER + b"\r\n"
            self.assertEqual(self.told(message + BODY), (0, ""))
            status, said = self.told(message + BODY + b"more\r\n")
            self.assertIn("dkim_eom(): Bad signature", said)
            self.assertNotEqual(status, 0)
