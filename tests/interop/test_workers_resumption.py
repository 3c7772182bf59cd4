"""
TLS sessions that are resumed at whichever worker: C{openssl s_client}, Python and Exim
with a server of several processes.
"""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.tls.identities import OTHERS, ROOT, made
from tests.tls.joined import pem, pemKey

from ..shortpaths import shortFolder
from .cases import InteropTestCase, findPeer
from .exim import EximClient
from .running import RunningServer, freePort, unread, waitFor
from .test_resumption import EXIM_VERSIONS, MESSAGE, VERSIONS, stars

#: The shortest that there is: a key seals for thirty seconds.
LIFETIME = 60

_LISTENERS = """
[[listener]]
port = {port}
address = "127.0.0.1"
tls_resumption_hosts = ["127.0.0.1"]
[[listener]]
port = {tls}
address = "127.0.0.1"
tls = "implicit"
tls_resumption_hosts = ["127.0.0.1"]
"""
_TABLES = f"""
[tls]
tls_resumption_lifetime = "{LIFETIME}s"
{{}}
[log]
selectors = ["+tls_resumption", "+pid"]
"""


_VERSIONS = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class WorkersTestCase(InteropTestCase):
    """
    A test with several workers.

    @ivar port: with STARTTLS.
    @ivar tls: with implicit TLS.
    """

    def setUp(self) -> None:
        """Find ports."""
        super().setUp()
        self.port, self.tls = freePort(), freePort()
        self.folder = shortFolder(self)

    def serving(self, workers: int, table: str = "") -> RunningServer:
        """Start a server."""
        listeners = _LISTENERS.format(port=self.port, tls=self.tls)
        return self.serve(listeners + _TABLES.format(table), workers=workers)


class OpenSSLTests(WorkersTestCase):
    """C{openssl s_client}."""

    def setUp(self) -> None:
        """Find it."""
        self.openssl = findPeer("openssl", "openssl")
        super().setUp()

    def visit(self, way: str, *options: str) -> bool:
        """
        Come with the session of the visit before, if there is any.

        @param way: C{starttls} or C{implicit}.
        @return: was it resumed?
        """
        file, out = self.folder / "session.pem", self.folder / "new.pem"
        port = self.port if way == "starttls" else self.tls
        words = [self.openssl, "s_client", "-connect", f"127.0.0.1:{port}"]
        words += ["-starttls", "smtp"] if way == "starttls" else []
        words += ["-ign_eof", "-crlf", *options, "-sess_out", str(out)]
        if file.exists():
            words += ["-sess_in", str(file)]
        said = self.run_(words, b"EHLO c.example\nQUIT\n")
        if out.exists():
            out.replace(file)
        self.assertIn("221 ", said)
        self.assertTrue("\nReused, TLSv1" in said or "\nNew, TLSv1" in said, said)
        return "\nReused, TLSv1" in said

    def everywhere(self, workers: int) -> None:
        """Come to each worker with a ticket of each."""
        server = self.serving(workers)
        for way in ("starttls", "implicit"):
            for version in VERSIONS:
                (self.folder / "session.pem").unlink(missing_ok=True)
                resumed = []
                for number in (*range(1, workers + 1), *range(1, workers + 1)):
                    with server.onlyWorker(number):
                        resumed.append(self.visit(way, version))
                wanted = [False] + [True] * (2 * workers - 1)
                self.assertEqual(resumed, wanted, f"{way} {version}")

    def test_two(self) -> None:
        """A ticket of one worker is good with the other."""
        self.everywhere(2)

    def test_four(self) -> None:
        """With four of them as well, one after the other."""
        self.everywhere(4)

    def test_keysTurn(self) -> None:
        """
        The next key takes over at the same moment everywhere, and a ticket of the key
        before is good meanwhile; who comes often enough never sees a difference.
        """
        server = self.serving(2)
        begun, resumed = time.monotonic(), list[bool]()
        # Past one turn, wherever in a period that begins.
        while (now := time.monotonic()) - begun < LIFETIME / 2 + 3:
            with server.onlyWorker(1 + len(resumed) % 2):
                resumed.append(self.visit("starttls"))
            # A visit may take its time.
            time.sleep(max(0.0, now + 1 - time.monotonic()))
        # A session goes on under its first key, and ends with it.
        self.assertEqual(resumed[0], False)
        self.assertLessEqual(resumed[1:].count(False), 1, resumed)
        self.assertGreater(resumed.count(True), 10)

    def test_successor(self) -> None:
        """A worker that is killed has a successor that takes what it has sealed."""
        server = self.serving(2)
        with server.onlyWorker(1):
            self.visit("starttls")
        before = server.numbered()
        os.kill(before[1], signal.SIGKILL)
        waitFor(lambda: server.numbered()[1] != before[1], "a successor")
        with server.onlyWorker(1):
            self.assertTrue(self.visit("starttls"))
        with server.onlyWorker(2):
            self.assertTrue(self.visit("starttls"))

    def test_replaced(self) -> None:
        """
        When the keys that were made ahead are about to run out, the workers are
        replaced, one after another, nobody is turned away meanwhile but by one that is
        about to leave, and sessions from before are resumed with all that have come.
        """
        authorities = self.folder / "ca.pem"
        authorities.write_bytes(pem(ROOT.certificate))
        # Of such a lifetime fourteen keys are made.  Other authorities cost three, and
        # again three, where somebody has come to a worker that had not heard of them.
        week = f'client_authorities = "{authorities}"'
        text = _TABLES.format(week).replace(f'"{LIFETIME}s"', '"37000s"')
        listeners = _LISTENERS.format(port=self.port, tls=self.tls)
        server = self.serve(listeners + text, workers=2)
        before = server.numbered()
        for number in range(4):
            for each in (1, 2):
                with server.onlyWorker(each):
                    self.visit("starttls")
            pems = [pem(OTHERS.certificate)] * number + [pem(ROOT.certificate)]
            authorities.write_bytes(b"".join(pems))
            time.sleep(1.2)
        for each in (1, 2):
            with server.onlyWorker(each):
                self.visit("starttls")
        resumed, cut = [self.visit("starttls")], list[str]()

        def replaced() -> bool:
            try:
                resumed.append(self.visit("starttls"))
            except self.failureException as error:
                # At a worker that was just about to leave: 421, come again.
                cut.append(str(error))
            now = server.numbered()
            return all(now[number] != before[number] for number in before)

        waitFor(replaced, "other workers")
        for number in (1, 2):
            with server.onlyWorker(number):
                resumed.append(self.visit("starttls"))
        self.assertEqual(set(resumed), {True})
        self.assertLessEqual(len(cut), len(before), cut)
        self.assertIn("all workers are replaced, one after another", server.said())
        self.assertNotIn("No ticket keys are left", server.said())

    def test_newCertificate(self) -> None:
        """A certificate that is replaced costs no session, and all show it at once."""
        files = self.folder / "certificate.pem", self.folder / "key.pem"
        self.put(files, "old.example")
        certificates = (
            f'certificates = [{{ certificate = "{files[0]}", key = "{files[1]}" }}]'
        )
        server = self.serving(2, certificates)
        with server.onlyWorker(1):
            self.visit("starttls")
        self.put(files, "new.example")
        for number in (2, 1):
            with server.onlyWorker(number):
                waitFor(lambda: "new.example" in self.shown(), "the other")
                self.assertTrue(self.visit("starttls"))

    def put(self, files: tuple[Path, Path], name: str) -> None:
        """Have another certificate."""
        identity = made(ROOT, names=[name])
        for file, octets in zip(
            files, (pem(identity.certificate), pemKey(identity.key)), strict=True
        ):
            new = file.with_suffix(".new")
            new.write_bytes(octets)
            new.replace(file)

    def shown(self) -> str:
        """The certificate that who has no session is shown."""
        words = [self.openssl, "s_client", "-connect", f"127.0.0.1:{self.port}"]
        words += ["-starttls", "smtp", "-ign_eof", "-crlf"]
        said = self.run_(words, b"QUIT\n")
        start, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        text = said[said.index(start) : said.index(end) + len(end)]
        return ssl.PEM_cert_to_DER_cert(text).decode("latin-1")


class PythonTests(WorkersTestCase):
    """Python's own C{ssl}."""

    def context(self, version: ssl.TLSVersion) -> ssl.SSLContext:
        """A client that trusts everybody."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = version
        return context

    def visit(
        self, context: ssl.SSLContext, session: ssl.SSLSession | None
    ) -> tuple[ssl.SSLSession | None, bool | None]:
        """
        Send a message, with a session.

        @return: the one for the next time, and whether that was resumed.
        """
        with (
            socket.create_connection(("127.0.0.1", self.tls), 30) as bare,
            context.wrap_socket(bare, session=session) as secured,
        ):
            client = smtplib.SMTP(local_hostname="c.example")
            client.sock = secured
            self.assertEqual(client.getreply()[0], 220)
            client.sendmail("c@c.example", "ann@localhost", MESSAGE.decode())
            found = secured.session, secured.session_reused
            client.quit()
        return found

    def test_resumed(self) -> None:
        """One session after the other is resumed at whichever worker is free."""
        self.serving(4)
        for version in _VERSIONS:
            context = self.context(version)
            session: ssl.SSLSession | None = None
            resumed: list[bool | None] = []
            for _ in range(12):
                session, again = self.visit(context, session)
                resumed.append(again)
            self.assertEqual(resumed, [False] + [True] * 11)

    def test_trusted(self) -> None:
        """
        A client that shows a certificate, and that one worker has found good, is good
        with the other in a session that is resumed.
        """
        identity = made(ROOT, "client.example")
        for name, octets in (
            ("ca.pem", pem(ROOT.certificate)),
            ("client.pem", pem(identity.certificate) + pemKey(identity.key)),
        ):
            (self.folder / name).write_bytes(octets)
        server = self.serving(2, f'client_authorities = "{self.folder}/ca.pem"')
        for version in _VERSIONS:
            context = self.context(version)
            context.load_cert_chain(self.folder / "client.pem")
            session: ssl.SSLSession | None = None
            for number in (1, 2):
                with server.onlyWorker(number):
                    session, resumed = self.visit(context, session)
                self.assertEqual(resumed, number == 2)
        lines = server.accepted()
        self.assertEqual(sorted(stars(lines)), [False, False, True, True], lines)
        for line in lines:
            self.assertIn(" CV=yes", line)


class EximTests(WorkersTestCase):
    """Exim sends to us."""

    def test_exim(self) -> None:
        """
        Whichever worker takes it, all messages but the first come by a session from
        before, in either version; both workers have some.
        """
        for priority in EXIM_VERSIONS.values():
            server = self.serving(2)
            client = EximClient(
                self.port,
                [
                    "tls_resumption_hosts = *",
                    "hosts_require_tls = *",
                    f"tls_require_ciphers = {priority}",
                    "tls_verify_certificates =",
                ],
                selectors="+tls_resumption +tls_cipher",
                bare=True,
            )
            self.addCleanup(client.remove)
            for number in (1, 2, 2, 1):
                with server.onlyWorker(number):
                    client.send("ann@localhost", MESSAGE)
            wanted = [False, True, True, True]
            self.assertEqual(stars(client.deliveries()), wanted, client.log())
            # Each worker's lines come a moment later, and so not in this order.
            self.assertEqual(sorted(stars(server.accepted())), wanted)

    def test_pipeConnect(self) -> None:
        """
        Exim talks early to a worker that has never seen it, because another one has
        told it that it may: it is no stranger there, though nothing is in any file.
        """
        rule = (
            "[peers]\npersistent = false\n[[policy.mail]]\nearly_talk = true\n"
            'action = "defer"\ncode = "450 4.7.1"\nmessage = "Wait"\n'
        )
        log = '[log]\nselectors = ["+pipelining"]\n'
        server = self.serve(rule + log, workers=2)
        client = EximClient(server.port, ["hosts_pipe_connect = *"])
        self.addCleanup(client.remove)
        with server.onlyWorker(1):
            client.send("ann@localhost", MESSAGE)
        with server.onlyWorker(2):
            words = "ann@localhost", MESSAGE
            sending = threading.Thread(target=client.send, args=words)
            # So that it has talked before anybody looks.
            with self.held(server.numbered()[2]):
                sending.start()
                waitFor(lambda: unread(server.port) > 0, "what it says early")
            sending.join()
        server.delivered(2)
        first, second = server.accepted()
        self.assertIn(" L. ", first)
        self.assertIn(" L* ", second)
        self.assertNotIn("450 4.7.1", client.log())

    @contextmanager
    def held(self, pid: int) -> Iterator[None]:
        """Let a process do nothing meanwhile."""
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
