"""
Programs written for aiosmtpd, with C{smtplib} as their client.
"""

from __future__ import annotations

import asyncio
import doctest
import io
import os
import smtplib
import socket
import ssl
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from smtpx.compat.aiosmtpd import (
    AuthResult,
    Controller,
    UnixSocketController,
    UnixSocketUnthreadedController,
    UnthreadedController,
    aiosmtpdFactory,
)
from smtpx.core.errors import UsageError
from smtpx.tls.authority import ensureCertificate

from .cases import InteropTestCase

SECONDS = 20.0
FROM, TO = "ann@example.com", "bob@example.com"
TEXT = b"Subject: hello\r\n\r\nIt works.\r\n"


class Remembering:
    """A handler that remembers messages, and in which thread they came."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.threads: set[str] = set()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Remember it, after a moment."""
        await asyncio.sleep(0.001)
        self.threads.add(threading.current_thread().name)
        self.messages.append(envelope.content)
        return "250 remembered"


class DocumentedExampleTests(InteropTestCase):
    """The example of aiosmtpd's own documentation."""

    def example(self, page: str, begin: str, end: str) -> str:
        """The part of a page of its manual that the example is in."""
        found = find_spec("aiosmtpd")
        if found is None or found.origin is None:
            raise SkipTest("peer missing: aiosmtpd")
        manual = Path(found.origin).parent / "docs" / page
        text = manual.read_text("utf-8")
        return text[text.index(begin) : text.index(end)]

    def run_example(self, text: str, *changes: tuple[str, str]) -> None:
        """
        See that all that the manual shows comes out as it is printed there.

        @param changes: what is replaced, once each, and by what.
        """
        for old, new in changes:
            self.assertEqual(text.count(old), 1)
            text = text.replace(old, new)
        flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
        case = doctest.DocTestParser().get_doctest(text, {}, "manual", "manual", 0)
        self.assertGreater(len(case.examples), 8)
        report = io.StringIO()
        done = doctest.DocTestRunner(optionflags=flags).run(case, out=report.write)
        self.assertEqual(done.failed, 0, report.getvalue())

    def test_oneImportAndOneConstructor(self) -> None:
        """
        With one import and one constructor changed, all that the manual shows
        comes out as it is printed there.
        """
        self.run_example(
            self.example("controller.rst", "TCP-based Server", "Unix Socket-based"),
            ("aiosmtpd.controller import", "smtpx.compat.aiosmtpd import"),
            ("Controller(ExampleHandler())", "Controller(ExampleHandler(), port=0)"),
        )

    def test_mailbox(self) -> None:
        """The example with the C{Mailbox} handler works as well."""
        self.run_example(
            self.example("handlers.rst", "A convenient handler", ".. _`the PROXY"),
            ("aiosmtpd.controller import", "smtpx.compat.aiosmtpd import"),
            (
                "Controller(Mailbox(maildir_path))",
                "Controller(Mailbox(maildir_path), port=0)",
            ),
        )

    def test_withoutAReactor(self) -> None:
        """
        A program that has no reactor gets none installed, under TLS neither, and
        needs no aiosmtpd.
        """
        folder = Path(self.mktemp()).absolute()
        files = ensureCertificate(folder, ["localhost"], time.time())
        program = (
            "import smtplib, ssl, sys\n"
            "sys.modules['aiosmtpd'] = None\n"
            "from smtpx.compat.aiosmtpd import Controller\n"
            "class Handler:\n"
            "    async def handle_DATA(self, server, session, envelope):\n"
            "        return '250 ' + session.ssl['cipher'][1]\n"
            f"files = {str(files.chain)!r}, {str(files.keyFile)!r}\n"
            "controller = Controller(Handler(), '127.0.0.1', 0, tls_context=files)\n"
            "controller.start()\n"
            f"context = ssl.create_default_context(cafile={str(folder / 'ca.pem')!r})\n"
            "with smtplib.SMTP('localhost', controller.port, timeout=20) as client:\n"
            "    client.starttls(context=context)\n"
            "    client.ehlo()\n"
            "    client.mail('a@b.example'); client.rcpt('c@d.example')\n"
            "    print(client.data(b'x' * 200_000))\n"
            "controller.stop()\n"
            "print('twisted.internet.reactor' in sys.modules)\n"
        )
        said = self.run_(
            [sys.executable, "-W", "error", "-c", program],
            environment={"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.assertEqual(said, "(250, b'TLSv1.3')\nFalse\n")


class ControllerTestCase(InteropTestCase):
    """A test with controllers in threads, while another reactor is installed."""

    def started(self, handler: object, **more: Any) -> Controller:
        """A controller on a port of its own."""
        controller = Controller(handler, "127.0.0.1", 0, **more)
        controller.start()
        self.closing(lambda: controller.stop(no_assert=True))
        return controller

    def client(self, controller: Controller) -> smtplib.SMTP:
        """A client of it."""
        client = smtplib.SMTP("127.0.0.1", controller.port, "c.example", SECONDS)
        self.closing(client.close)
        return client


class ControllerTests(ControllerTestCase):
    """What controllers do."""

    def test_severalAtOnce(self) -> None:
        """Several run in one process, and one may be started again."""
        handlers = [Remembering() for _ in range(3)]
        controllers = [self.started(handler) for handler in handlers]
        for controller in controllers:
            self.client(controller).sendmail(FROM, TO, TEXT)
        self.assertEqual([each.messages for each in handlers], [[TEXT]] * 3)
        again, handler = controllers[0], handlers[0]
        descriptors = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            again.stop()
            self.assertRaises(OSError, self.client, again)
            again.start()
        self.client(again).sendmail(FROM, TO, TEXT)
        self.assertEqual(handler.messages, [TEXT] * 2)
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), descriptors + 2)
        self.assertEqual(handler.threads, {"smtpx server"})

    def test_portTaken(self) -> None:
        """A port that is taken is an error where the program starts it."""
        first = self.started(Remembering())
        second = Controller(Remembering(), "127.0.0.1", first.port)
        self.assertRaises(OSError, second.start)
        self.assertIsNone(second.server)
        first.stop()
        second.start()
        second.stop()

    def test_misuse(self) -> None:
        """What aiosmtpd's controllers assert, ours do as well; more is an error."""
        controller = self.started(Remembering())
        self.assertRaises(AssertionError, controller.start)
        controller.stop()
        self.assertRaises(AssertionError, controller.stop)
        self.assertRaises(
            UsageError,
            Controller,
            Remembering(),
            ssl_context="a.pem",
            tls_context="a.pem",
        )
        bad = Controller(Remembering(), "127.0.0.1", 0, tls_context=7)
        self.assertRaises(UsageError, bad.start)
        bad.stop(no_assert=True)

        class Making(Controller):
            def factory(self) -> None:
                """As aiosmtpd's subclasses do."""

        self.assertRaises(UsageError, Making, Remembering())

    def test_stopWhileAHookRuns(self) -> None:
        """A hook that does not come back holds nobody up for long."""

        class Stuck:
            async def handle_NOOP(self, *asked: Any) -> str:
                begun.set()
                await asyncio.sleep(1000)
                return "250 never"

        begun = threading.Event()
        controller = self.started(Stuck())
        client = self.client(controller)
        client.putcmd("noop")
        self.assertTrue(begun.wait(SECONDS))
        since = time.monotonic()
        controller.stop()
        self.assertLess(time.monotonic() - since, 30)

    def test_farewell(self) -> None:
        """Who is connected when a controller stops is told 421."""
        controller = self.started(Remembering())
        client = self.client(controller)
        controller.stop()
        self.assertEqual(client.getreply()[0], 421)

    def test_startTLSAndImplicitTLS(self) -> None:
        """
        Both kinds of TLS work from the names of files, logins under both, and large
        replies and messages get through.
        """
        folder = Path(self.mktemp()).absolute()
        files = ensureCertificate(folder, ["localhost"], time.time())
        given = (files.chain, files.keyFile)
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        handler = Remembering()

        def joe(*asked: Any) -> AuthResult:
            return AuthResult(success=asked[-1] == (b"joe", b"secret"), handled=False)

        clear = self.started(handler, tls_context=given, authenticator=joe)
        with smtplib.SMTP("localhost", clear.port, timeout=SECONDS) as client:
            client.starttls(context=context)
            client.login("joe", "secret")
            client.sendmail(FROM, TO, b"x" * 900 + b"\r\n" * 50_000)
        secured = self.started(handler, ssl_context=given, authenticator=joe)
        with smtplib.SMTP_SSL(
            "localhost", secured.port, timeout=SECONDS, context=context
        ) as client:
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                client.login("joe", "guess")
            client.login("joe", "secret")
            for _ in range(3):
                client.sendmail(FROM, TO, TEXT)
            # Everything at once, in many small writes under TLS.
            assert client.sock is not None
            client.sock.sendall(b"NOOP\r\n" * 40)
            for _ in range(40):
                self.assertEqual(client.getreply()[0], 250)
        self.assertEqual([len(each) for each in handler.messages[1:]], [len(TEXT)] * 3)
        self.assertEqual(len(handler.messages[0]), 900 + 100_000)

    def test_everyAddress(self) -> None:
        """An empty host name is every address, both kinds on one port."""
        controller = Controller(Remembering(), "", 0)
        controller.start()
        self.closing(lambda: controller.stop(no_assert=True))
        assert controller.server is not None
        self.assertTrue(controller.server.is_serving())
        ports = {each.getsockname()[1] for each in controller.server.sockets}
        self.assertEqual(ports, {controller.port})
        self.client(controller).noop()

    def test_unixSocket(self) -> None:
        """A Unix socket can be listened on, and one that was left is no hindrance."""
        path = "/".join([os.path.relpath(self.mktemp()), "s"])
        os.mkdir(os.path.dirname(path))
        controller = UnixSocketController(Remembering(), path)
        for _ in range(2):
            controller.start()
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(SECONDS)
                client.connect(path)
                self.assertTrue(client.recv(100).startswith(b"220 "))
            controller.stop()

    def test_unthreaded(self) -> None:
        """The loop may be the program's own, which goes on afterwards."""
        loop = asyncio.new_event_loop()
        self.closing(loop.close)
        handler = Remembering()
        path = os.path.relpath(self.mktemp())
        for controller in (
            UnthreadedController(handler, "127.0.0.1", 0, loop=loop),
            UnixSocketUnthreadedController(handler, path, loop=loop),
        ):
            controller.begin()
            if isinstance(controller, UnthreadedController):
                port = controller.port
                loop.run_until_complete(loop.run_in_executor(None, self.send, port))
            controller.end()
            self.assertTrue(controller.ended.is_set())
        self.assertEqual(handler.messages, [TEXT])
        again = UnthreadedController(handler, "127.0.0.1", 0, loop=loop)
        again.begin()

        async def ending() -> None:
            again.end()
            while not again.ended.is_set():
                await asyncio.sleep(0.01)

        loop.run_until_complete(ending())

    def send(self, port: int) -> None:
        """Send a message."""
        with smtplib.SMTP("127.0.0.1", port, "c.example", SECONDS) as client:
            client.sendmail(FROM, TO, TEXT)


class ProxyTests(ControllerTestCase):
    """aiosmtpd's own C{Proxy}, and an authenticator as its examples have one."""

    def test_proxy(self) -> None:
        """What the proxy takes it sends on, with whom it is from above it."""
        handlers = self.handlers()
        last = Remembering()
        behind = self.started(last)
        before = self.started(handlers.Proxy("127.0.0.1", behind.port))
        self.client(before).sendmail(FROM, TO, TEXT)
        [message] = last.messages
        self.assertIn(b"X-Peer: 127.0.0.1\r\n", message)
        self.assertTrue(message.endswith(b"\r\n\r\nIt works.\r\n"))

    def test_authenticator(self) -> None:
        """
        An authenticator that compares with aiosmtpd's classes, and gives back
        aiosmtpd's, lets the right one in.
        """
        self.handlers()
        from aiosmtpd import smtp

        def authenticator(
            server: Any, session: Any, envelope: Any, mechanism: str, data: Any
        ) -> Any:
            failed = smtp.AuthResult(success=False, handled=False)
            if mechanism not in ("LOGIN", "PLAIN"):
                return failed
            if not isinstance(data, smtp.LoginPassword):
                return failed
            good = (data.login.decode(), data.password) == ("joe", b"secret")
            return smtp.AuthResult(success=True) if good else failed

        controller = self.started(
            Remembering(),
            authenticator=authenticator,
            auth_require_tls=False,
            auth_required=True,
        )
        client = self.client(controller)
        self.assertRaises(smtplib.SMTPException, client.sendmail, FROM, TO, TEXT)
        self.assertRaises(smtplib.SMTPException, client.login, "joe", "guess")
        client.login("joe", "secret")
        client.sendmail(FROM, TO, TEXT)

    def handlers(self) -> Any:
        """aiosmtpd's handlers."""
        if find_spec("aiosmtpd") is None:
            raise SkipTest("peer missing: aiosmtpd")
        from aiosmtpd import handlers

        return handlers


class FactoryTests(TestCase):
    """A factory under the installed reactor: hooks have a thread of their own."""

    slow = True

    def test_hooksInAThread(self) -> Deferred[None]:
        """
        Hooks await what they like beside a reactor that knows nothing of asyncio;
        the reactor's thread runs none of them.
        """
        handler = Remembering()
        listening: Any = reactor
        factory = aiosmtpdFactory(listening, handler, hostname="mx.example.org")
        port = listening.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number = port.getHost().port

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", number, "c.example", SECONDS) as client:
                client.sendmail(FROM, TO, TEXT)

        def check(result: None) -> Deferred[None]:
            self.assertEqual(handler.messages, [TEXT])
            self.assertNotIn(threading.current_thread().name, handler.threads)
            return factory.shutDown()

        return deferToThread(send).addCallback(check)
