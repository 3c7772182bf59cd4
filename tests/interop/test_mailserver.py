"""
Servers for tests of other programs (L{smtpx.testing.mailserver}), with the standard
library's client; and the fixtures, under pytest itself.
"""

from __future__ import annotations

import os
import smtplib
import sys
import threading
import time
from configparser import ConfigParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

import smtpx
from smtpx.core.errors import UsageError
from smtpx.testing import (
    BODY,
    FaultyServer,
    MailServer,
    answered,
    brokenTLS,
    collectMail,
    delayed,
    reset,
)

from .cases import InteropTestCase

SECONDS = 20.0
FROM, TO = "ann@example.com", "bob@example.com"
TEXT = b"Subject: hello\r\n\r\nIt works.\r\n"
ROOT = Path(smtpx.__file__).parents[1]


def connect(server: Any) -> smtplib.SMTP:
    """A client of a server."""
    return smtplib.SMTP(server.host, server.port, "c.example", SECONDS)


class MailServerTests(InteropTestCase):
    """A server that collects."""

    def test_collects(self) -> None:
        """What is sent is there; after the end it still is, and nobody listens."""
        with MailServer() as server:
            with connect(server) as client:
                client.sendmail(FROM, TO, TEXT)
                client.sendmail(FROM, [TO, FROM], TEXT)
        self.assertEqual(
            [message.recipients for message in server.messages], [(TO,), (TO, FROM)]
        )
        self.assertRaises(OSError, connect, server)
        server.clear()
        self.assertEqual(server.messages, [])

    def test_waits(self) -> None:
        """A test may wait for what another thread sends."""
        with MailServer() as server:

            def later() -> None:
                time.sleep(0.05)
                with connect(server) as client:
                    client.sendmail(FROM, TO, TEXT)

            thread = threading.Thread(target=later)
            thread.start()
            [message] = server.wait()
            thread.join()
        self.assertEqual(message.octets, TEXT)

    def test_severalAndAgain(self) -> None:
        """There may be several at once, and one may be started again."""
        with MailServer() as one, MailServer() as other:
            self.assertNotEqual(one.port, other.port)
            self.assertRaises(UsageError, one.start)
            self.assertIs(one.__enter__(), one)
        one.stop()
        with one.start():
            with connect(one) as client:
                client.sendmail(FROM, TO, TEXT)
        self.assertEqual(len(one.messages), 1)

    def test_tls(self) -> None:
        """Both kinds of TLS work with a certificate that the client can check."""
        for implicit in (False, True):
            with MailServer(tls=not implicit, implicitTLS=implicit) as server:
                context = server.clientContext()
                self.assertTrue(server.authority.exists())
                if not implicit:
                    client = connect(server)
                    client.starttls(context=context)
                else:
                    client = smtplib.SMTP_SSL(
                        server.host, server.port, timeout=SECONDS, context=context
                    )
                with client:
                    client.sendmail(FROM, TO, TEXT)
                [message] = server.messages
                self.assertTrue(message.secured)
        self.assertFalse(server._folder)
        with MailServer() as server:
            self.assertRaises(UsageError, server.clientContext)

    def test_users(self) -> None:
        """A client may have to log in."""
        with MailServer(users={"joe": "secret"}, demandsLogin=True) as server:
            server.refuse("eve@example.com", 553, "Not you")
            with connect(server) as client:
                with self.assertRaises(smtplib.SMTPSenderRefused):
                    client.sendmail(FROM, TO, TEXT)
                with self.assertRaises(smtplib.SMTPAuthenticationError):
                    client.login("joe", "guess")
                client.login("joe", "secret")
                with self.assertRaises(smtplib.SMTPSenderRefused) as caught:
                    client.sendmail("eve@example.com", TO, TEXT)
                self.assertEqual(caught.exception.smtp_code, 553)
                client.sendmail(FROM, TO, TEXT)
        self.assertEqual([message.user for message in server.messages], ["joe"])


class FaultyServerTests(InteropTestCase):
    """A server that does wrong."""

    def test_faults(self) -> None:
        """Faults come at their moment, by the real clock."""
        with FaultyServer(
            answered(b"RCPT", b"452 4.2.2 Full", nth=2), delayed(b"MAIL", seconds=0.2)
        ) as server:
            since = time.monotonic()
            with connect(server) as client:
                refused = client.sendmail(FROM, [TO, FROM], TEXT)
            self.assertGreaterEqual(time.monotonic() - since, 0.2)
            self.assertEqual(refused, {FROM: (452, b"4.2.2 Full")})
            self.assertEqual(server.messages[0].recipients, [TO.encode()])
            self.assertEqual(server.sessions[0].commands[0], b"ehlo c.example")

    def test_reset(self) -> None:
        """A connection that is reset is."""
        with FaultyServer(reset(BODY)) as server, connect(server) as client:
            with self.assertRaises(smtplib.SMTPServerDisconnected):
                client.sendmail(FROM, TO, TEXT)
            client.close()
            self.assertEqual(len(server.messages), 1)

    def test_tls(self) -> None:
        """TLS works, and breaks where it shall."""
        with FaultyServer(tls=True) as server:
            with connect(server) as client:
                client.starttls(context=server.clientContext())
                client.sendmail(FROM, TO, TEXT)
            self.assertTrue(server.messages[0].secured)
        with FaultyServer(brokenTLS(b"STARTTLS"), tls=True) as server:
            client = connect(server)
            self.closing(client.close)
            with self.assertRaises(OSError):
                client.starttls(context=server.clientContext())

    def test_unstarted(self) -> None:
        """Before it is started there is nothing to see."""
        server = FaultyServer()
        self.assertEqual((server.messages, server.sessions), ([], []))

    def test_clientsThatStay(self) -> None:
        """Who is still connected does not hold up the end."""
        server = FaultyServer().start()
        client = connect(server)
        self.closing(client.close)
        since = time.monotonic()
        server.stop()
        self.assertLess(time.monotonic() - since, 30)
        self.assertRaises(smtplib.SMTPServerDisconnected, client.getreply)


class TrialTests(TestCase):
    """The server for trial."""

    slow = True

    # begin trial
    def test_newsletter(self) -> Deferred[None]:
        """Under the installed reactor, a test waits by a Deferred."""
        server = collectMail(self, reactor)

        def send() -> None:
            with smtplib.SMTP(server.host, server.port) as client:
                client.sendmail(FROM, TO, TEXT)

        def check(result: object) -> None:
            self.assertEqual(server.messages[0].subject, "hello")

        sent = deferToThread(send)
        return server.when(1).addCallback(lambda _: sent).addCallback(check)

    # end trial


class FixtureTests(InteropTestCase):
    """The example of the manual, run by pytest, which finds the fixtures itself."""

    def test_example(self) -> None:
        """The plugin is found by its entry point, and the example's tests pass."""
        if find_spec("pytest") is None:
            raise SkipTest("peer missing: pytest")
        folder = Path(self.mktemp()).absolute()
        # As pip would install it, wherever this checkout is.
        metadata = folder / "smtpx_as_installed-0.dist-info"
        metadata.mkdir(parents=True)
        setup = ConfigParser()
        setup.read(ROOT / "setup.cfg")
        plugins = setup["options.entry_points"]["pytest11"]
        (metadata / "entry_points.txt").write_text(f"[pytest11]{plugins}\n")
        (metadata / "METADATA").write_text("Name: smtpx-as-installed\nVersion: 0\n")
        paths = [str(folder), str(ROOT), *sys.path]
        said = self.run_(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-W",
                "error",
                "-p",
                "no:cacheprovider",
                str(ROOT / "doc" / "examples" / "newsletter"),
            ],
            environment={
                "PYTHONPATH": os.pathsep.join(paths),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )
        self.assertIn("4 passed", said)
