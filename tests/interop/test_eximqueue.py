"""
Exim's queue, both ways: a real Exim lists, shows and delivers what the transport
C{queuefile} wrote, and we deliver what it queued.
"""

from __future__ import annotations

import os
import smtplib
from pathlib import Path

from .cases import InteropTestCase
from .eximqueue import EximQueue
from .running import waitFor

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
