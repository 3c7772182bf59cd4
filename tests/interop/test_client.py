"""
The client against the servers of other makers, Exim, Postfix and aiosmtpd, and against
ours.

It is a program of its own (L{tests.interop.sending}) that is told what to send.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest

from ..tls.joined import AUTHORITY, issue, pem, store
from .cases import InteropTestCase
from .eximserver import EximServer
from .postfixserver import DOMAIN, PostfixServer
from .running import ROOT, RunningProgram, freePort, waitFor

PASSWORD = "pencil"

#: Messages that are easily changed on the way.
BODIES = {
    "a small": b"hi\n",
    "b dots": b".\n..\n.x\n" * 5,
    "c empty lines": b"\n\n\nx\n\n\n",
    "d eight bit": b"Gr\xc3\xbc\xc3\x9fe \xff\xfe\n",
    "e long lines": b"x" * 990 + b"\n" + b"y" * 998 + b"\n",
    "f large": b"".join(b"%06d %b\n" % (n, b"z" * 60) for n in range(40_000)),
    "g no end": b"the end",
}

AIOSMTPD = """\
import sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
import threading

class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("eve@"):
            return "550 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"
    async def handle_DATA(self, server, session, envelope):
        with open(sys.argv[2], "ab") as box:
            box.write(envelope.content.replace(b"\\r\\n", b"\\n"))
        return "250 OK"

def login(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"ann", sys.argv[3].encode())
    return AuthResult(success=good)

controller = Controller(Handler(), hostname="127.0.0.1", port=int(sys.argv[1]),
    authenticator=login, auth_require_tls=False, enable_SMTPUTF8=True)
controller.start()
print("Listening", flush=True)
threading.Event().wait()
"""


def message(subject: str, body: bytes) -> bytes:
    """A message, with LF line ends, and one at its end."""
    whole = b"Subject: %b\n\n%b" % (subject.encode("ascii"), body)
    return whole if whole.endswith(b"\n") else whole + b"\n"


class ClientTests(InteropTestCase):
    """What we send arrives as it was, however the host wants it."""

    def certificates(self) -> Path:
        """A folder with the certificate of C{localhost}, and who has signed it."""
        folder = Path(self.mktemp()).absolute()
        store(folder, *issue("localhost"))
        (folder / "ca.pem").write_bytes(pem(AUTHORITY.certificate))
        return folder

    def send(
        self, port: int, to: list[str], bodies: dict[str, bytes], **more: Any
    ) -> tuple[list[dict[str, Any]], list[bytes]]:
        """
        Send messages, one after the other.

        @param to: the recipients, where C{{}} is the number of the message.
        @return: what became of each, and what was written before TLS or without it.
        """
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        messages = []
        for number, (subject, body) in enumerate(bodies.items()):
            path = folder / f"{number}"
            whole = b"Subject: %b\n\n%b" % (subject.encode("ascii"), body)
            path.write_bytes(whole)
            messages.append(
                {
                    "path": str(path),
                    "sender": more.get("sender", "ann@client.example"),
                    "recipients": [each.format(number) for each in to],
                }
            )
        more.setdefault("host", "localhost")
        wish = {"port": port, "messages": messages, **more}
        said = self.run_(
            [sys.executable, "-W", "error", "-m", "tests.interop.sending"],
            json.dumps(wish).encode("ascii"),
            {"PYTHONPATH": str(ROOT)},
        )
        done = json.loads(said)
        return done["results"], [each.encode("latin-1") for each in done["writes"]]

    def accepted(self, results: list[dict[str, Any]]) -> None:
        """All were taken, over one connection."""
        for number, result in enumerate(results):
            self.assertEqual(result["codes"], [250], result["texts"])
            self.assertEqual(result["again"], number > 0)

    def same(self, found: list[bytes], expected: list[bytes]) -> None:
        """They are the same, whatever their order; large ones are not shown."""
        left = Counter(found)
        left.subtract(expected)
        odd = [
            (count, len(each), each[:40], each[-40:])
            for each, count in left.items()
            if count
        ]
        self.assertEqual(odd, [])

    def ways(self, folder: Path) -> dict[str, dict[str, Any]]:
        """Ways to talk to a host."""
        return {
            "all that it has": {},
            "no CHUNKING": {"ignored": ["CHUNKING"]},
            "no PIPELINING": {"ignored": ["PIPELINING", "CHUNKING"]},
            "verified": {"tls": "VERIFIED", "authority": str(folder / "ca.pem")},
        }

    # --- Exim -------------------------------------------------------------------

    def exim(self, folder: Path) -> EximServer:
        """An Exim."""
        server = EximServer(folder, "+smtp_protocol_error +tls_cipher", PASSWORD)
        self.addCleanup(server.close)
        return server

    def test_exim(self) -> None:
        """Messages come to Exim as they were, by DATA and by BDAT, under TLS or not."""
        folder = self.certificates()
        server = self.exim(folder)
        expected: list[bytes] = []
        for place, (name, way) in enumerate(self.ways(folder).items()):
            to = [f"bob{place}.{{}}@mx.example.org"]
            results, _ = self.send(server.port, to, BODIES, **way)
            self.accepted(results)
            self.assertIs(results[0]["verified"], name == "verified")
            expected += [message(*each) for each in BODIES.items()]
        server.awaitIdle(len(expected))
        found = [each.replace(b"\r\n", b"\n") for each in server.messages().values()]
        self.same(found, expected)
        self.assertNotIn("protocol", server.log())

    def test_eximOneFlight(self) -> None:
        """A small message to Exim is one write, and so is the next one."""
        server = self.exim(self.certificates())
        bodies = {"one": b"hi\n", "two": b"hi\n"}
        to = ["bob@mx.example.org", "eve@mx.example.org"]
        results, writes = self.send(server.port, to, bodies, ignored=["STARTTLS"])
        self.assertEqual([each["codes"] for each in results], [[250, 550]] * 2)
        flight = (
            b"MAIL FROM:<ann@client.example> SIZE=20\r\n"
            b"RCPT TO:<bob@mx.example.org>\r\nRCPT TO:<eve@mx.example.org>\r\n"
            b"BDAT 20 LAST\r\nSubject: %b\r\n\r\nhi\r\n"
        )
        self.assertEqual(
            writes,
            [
                b"EHLO client.example\r\n",
                *[flight % subject for subject in (b"one", b"two")],
                b"QUIT\r\n",
            ],
        )

    def test_eximLogin(self) -> None:
        """A login by PLAIN under TLS, and one with a wrong password."""
        folder = self.certificates()
        server = self.exim(folder)
        secured = {"tls": "VERIFIED", "authority": str(folder / "ca.pem")}
        for password, code in ((PASSWORD, 250), ("wrong", 535)):
            results, _ = self.send(
                server.port,
                ["bob@mx.example.org"],
                {"x": b"hi\n"},
                login=["ann", password],
                **secured,
            )
            self.assertEqual(results[0]["codes"], [code], results[0]["texts"])
        server.awaitIdle(1)
        self.assertIn(" A=plain:ann ", server.log())

    # --- Postfix ----------------------------------------------------------------

    def postfix(self, folder: Path) -> PostfixServer:
        """A Postfix."""
        server = PostfixServer(
            {
                "smtpd_tls_cert_file": str(folder / "certificate.pem"),
                "smtpd_tls_key_file": str(folder / "key.pem"),
                "smtpd_tls_security_level": "may",
                "mailbox_size_limit": "0",
            }
        )
        self.addCleanup(server.close)
        return server

    def test_postfix(self) -> None:
        """Messages come to Postfix as they were, by DATA and by BDAT."""
        folder = self.certificates()
        server = self.postfix(folder)
        expected: list[bytes] = []
        for place, (name, way) in enumerate(self.ways(folder).items()):
            to = [f"bob{place}.{{}}@{DOMAIN}"]
            results, _ = self.send(server.port, to, BODIES, **way)
            self.accepted(results)
            self.assertIs(results[0]["verified"], name == "verified")
            expected += [message(*each) for each in BODIES.items()]
        waitFor(lambda: len(server.messages()) == len(expected), "mail")
        found = [each.replace(b"\r\n", b"\n") for each in server.messages().values()]
        self.same(found, expected)

    def test_postfixRefuses(self) -> None:
        """Each recipient has its own outcome."""
        server = self.postfix(self.certificates())
        to = [f"bob@{DOMAIN}", f"eve@{DOMAIN}", "x@elsewhere.example"]
        results, _ = self.send(server.port, to, {"x": b"hi\n"}, ignored=["STARTTLS"])
        self.assertEqual(results[0]["codes"], [250, 550, 554], results[0]["texts"])

    def test_postfixUTF8(self) -> None:
        """An address beyond ASCII goes with SMTPUTF8 (RFC 6531)."""
        server = self.postfix(self.certificates())
        results, writes = self.send(
            server.port,
            [f"j\u00f6@{DOMAIN}"],
            {"x": b"hi\n"},
            sender="\u00e4nn@client.example",
            ignored=["STARTTLS"],
        )
        self.assertEqual(results[0]["codes"], [250], results[0]["texts"])
        self.assertIn(b" SMTPUTF8", b"".join(writes))
        waitFor(lambda: len(server.messages()) == 1, "mail")

    # --- aiosmtpd ----------------------------------------------------------------

    def test_aiosmtpd(self) -> None:
        """A server with neither PIPELINING nor CHUNKING, and a login there."""
        try:
            import aiosmtpd
        except ImportError:
            raise SkipTest("peer missing: aiosmtpd") from None
        self.assertTrue(aiosmtpd.__version__)
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "server.py").write_text(AIOSMTPD, "ascii")
        port, box = freePort(), folder / "box"
        words = [sys.executable, str(folder / "server.py"), str(port), str(box)]
        server = RunningProgram(folder, [*words, PASSWORD])
        self.addCleanup(server.kill)
        waitFor(lambda: "Listening" in server.said(), "aiosmtpd listens")
        to = ["bob@mx.example.org", "eve@mx.example.org"]
        bodies = {name: body for name, body in BODIES.items() if name != "e long lines"}
        results, _ = self.send(port, to, bodies)
        for result in results:
            self.assertEqual(result["codes"], [250, 550], result["texts"])
        written = box.read_bytes()
        for each in bodies.items():
            self.assertIn(message(*each), written)

    # --- ours --------------------------------------------------------------------

    def test_ours(self) -> None:
        """Our own server, by both kinds of TLS and in the clear."""
        server = self.serve()
        authority = str(server.authority)
        ways: list[dict[str, Any]] = [
            {"port": server.port, "ignored": ["STARTTLS"]},
            {"port": server.port, "tls": "VERIFIED", "authority": authority},
            {"port": server.tlsPort, "implicitTLS": True, "authority": authority},
        ]
        expected: list[bytes] = []
        for way in ways:
            results, _ = self.send(way.pop("port"), ["bob@localhost"], BODIES, **way)
            self.accepted(results)
            expected += [message(*each) for each in BODIES.items()]
        found = [
            each.octets.replace(b"\r\n", b"\n")
            for each in server.delivered(len(expected))
        ]
        self.same(found, expected)

    def test_oursLogin(self) -> None:
        """The strongest login that there is, SCRAM bound to the channel."""
        server = self.serve()
        server.addUser("joe@localhost", "correct horse")
        for password, code in (("correct horse", 250), ("wrong", 535)):
            results, writes = self.send(
                server.tlsPort,
                ["bob@localhost"],
                {"x": b"hi\n"},
                login=["joe@localhost", password],
                implicitTLS=True,
                authority=str(server.authority),
            )
            self.assertEqual(results[0]["codes"], [code], results[0]["texts"])
            self.assertIn(b"AUTH SCRAM-SHA-256-PLUS ", b"".join(writes))
