"""
Socket activation: the sockets are there before the server, and are handed to it.
"""

from __future__ import annotations

import re
import smtplib
import socket
import sys
from contextlib import chdir
from pathlib import Path

from tests.service.test_manual import blocks

from .cases import CLIENT_SECONDS, InteropTestCase, findPeer
from .running import NAME, RunningProgram, freePort, waitFor

STARTED = re.compile(r"State is in ")

TOP = f"""\
name = "{NAME}"
state = "state"
"""

MESSAGE = b"Subject: hello\r\n\r\nIt works.\r\n"

TWISTD = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile="]


class UNIXClient(smtplib.SMTP):
    """Python's client, over a UNIX socket."""

    def _get_socket(self, host: str, port: int, timeout: object) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(CLIENT_SECONDS)
        made.connect(host)
        return made


class ActivationTests(InteropTestCase):
    """C{endpoint = "systemd:..."}."""

    def folder(self, *endpoints: str) -> Path:
        """A folder with a configuration that has these listeners."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        tables = (f'[[listener]]\nendpoint = "{each}"\n' for each in endpoints)
        (folder / "smtpx.toml").write_text(TOP + "".join(tables))
        return folder

    def activated(
        self, folder: Path, *sockets: str, options: str = ""
    ) -> RunningProgram:
        """A server with sockets that are handed to it."""
        words = [sys.executable, "-m", "tests.interop.activated", *sockets, "--"]
        words += [*TWISTD, "smtpx", "--config", "smtpx.toml", *options.split()]
        program = RunningProgram(folder, words)
        self.running(program)
        return program

    def delivered(self, folder: Path, count: int) -> list[str]:
        """Wait until there are so many messages; gives their Received fields."""
        new = folder / "state" / "Maildir" / "new"
        waitFor(lambda: len(list(new.glob("*"))) >= count, "delivery")
        found = []
        for path in new.glob("*"):
            text = path.read_text()
            found.append(text[text.index("Received:") :].partition("\n\tid ")[0])
        return sorted(found)

    def test_sockets(self) -> None:
        """
        Sockets by number and by name, of IPv4, IPv6 and UNIX; the file of the last
        is left as it is.
        """
        folder = self.folder(
            "systemd:domain=INET:index=0",
            "systemd:domain=INET6:name=six",
            "systemd:domain=UNIX:name=unix",
        )
        four, six = freePort(), freePort("::1")
        server = self.activated(
            folder, f"four=127.0.0.1:{four}", f"six=::1:{six}", "unix=./smtp.sock"
        )
        server.await_(STARTED)
        said = server.said()
        self.assertIn(f"Listening on 127.0.0.1:{four} (STARTTLS)", said)
        self.assertIn(f"Listening on [::1]:{six} (STARTTLS)", said)
        self.assertIn("Listening on systemd:domain=UNIX:name=unix (STARTTLS)", said)
        for host, port in (("127.0.0.1", four), ("::1", six)):
            with smtplib.SMTP(host, port, "c.example", CLIENT_SECONDS) as client:
                client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
        with chdir(folder), UNIXClient("smtp.sock", 1, "c.example") as client:
            client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
        received = self.delivered(folder, 3)
        server.stop()
        origins = [line.partition("\n")[0].partition(" (")[2] for line in received]
        self.assertEqual(origins, ["[127.0.0.1])", "[IPv6:::1])", "unknown)"])
        self.assertEqual((folder / "smtp.sock").stat().st_mode & 0o777, 0o600)

    def test_both(self) -> None:
        """
        On a socket that takes both families, as systemd makes them, a client of
        IPv4 has its own address.
        """
        folder = self.folder("systemd:domain=INET6:index=0")
        port = freePort()
        server = self.activated(folder, f"both=:::{port}")
        server.await_(STARTED)
        with smtplib.SMTP("127.0.0.1", port, "c.example", CLIENT_SECONDS) as client:
            client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
        [received] = self.delivered(folder, 1)
        self.assertIn("([127.0.0.1])", received)

    def refused(self, folder: Path, *sockets: str) -> str:
        """The server does not start; gives what it says."""
        words = [sys.executable, "-m", "tests.interop.activated", *sockets, "--"]
        words += [*TWISTD, "smtpx", "--config", "smtpx.toml"]
        with chdir(folder):
            said = self.run_(
                words, environment={"PYTHONPATH": ":".join(sys.path)}, status=1
            )
        self.assertFalse((folder / "state").exists())
        return said

    def test_missing(self) -> None:
        """
        A socket that was not handed over is told with its listener, and nothing
        starts; a check does not ask for it, for it is not given it.
        """
        folder = self.folder(
            "systemd:domain=INET:index=1", "systemd:domain=INET:name=smtps"
        )
        said = self.refused(folder, f"smtp=127.0.0.1:{freePort()}")
        hint = "was handed over: is this started by systemd?"
        self.assertEqual(
            said,
            f"smtpx.toml:4: listener[0].endpoint: no socket with index 1 {hint}\n"
            f"smtpx.toml:6: listener[1].endpoint: no socket with name smtps {hint}\n",
        )
        with chdir(folder):
            words = [*TWISTD, "smtpx", "--config", "smtpx.toml", "--check"]
            said = self.run_(words, environment={"PYTHONPATH": ":".join(sys.path)})
        self.assertEqual(said, "smtpx.toml: nothing is wrong\n")

    def test_wrong(self) -> None:
        """So is one of another family, and one that two listeners want."""
        one = "systemd:domain=INET:index=0"
        folder = self.folder(one, one, "systemd:domain=INET9:index=0")
        self.assertEqual(
            self.refused(folder, f"x=::1:{freePort('::1')}").splitlines(),
            [
                "smtpx.toml:4: listener[0].endpoint: the socket that was handed over is"
                " one of INET6, not INET",
                "smtpx.toml:6: listener[1].endpoint: the socket that was handed over is"
                " one of INET6, not INET",
                "smtpx.toml:6: listener[1].endpoint: this is the socket of listener[0]"
                " already",
                'smtpx.toml:8: listener[2].endpoint: expected "systemd:domain=" and one'
                " of INET, INET6, UNIX",
            ],
        )

    def test_systemd(self) -> None:
        """systemd's own tool hands over a socket, at the first connection."""
        program = findPeer("systemd-socket-activate", "systemd")
        folder = self.folder("systemd:domain=INET:name=smtp")
        port = freePort()
        words = [program, f"--listen=127.0.0.1:{port}", "--fdname=smtp"]
        words += ["-E", "PYTHONPATH", "-E", "PATH"]
        server = RunningProgram(
            folder, [*words, *TWISTD, "smtpx", "--config", "smtpx.toml"]
        )
        self.running(server)
        server.await_(re.compile("Listening on"))
        with smtplib.SMTP("127.0.0.1", port, "c.example", CLIENT_SECONDS) as client:
            client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
        self.delivered(folder, 1)

    def test_manual(self) -> None:
        """systemd finds nothing wrong with the units of our guide."""
        program = findPeer("systemd-analyze", "systemd")
        service, unit, more = blocks("howto/run-as-a-service.rst", "ini")
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        service = re.sub(r"/\S+/twistd", TWISTD[0], service)
        files = [folder / "smtpx.service", folder / "smtpx.socket"]
        for file, text in zip(files, (service + more, unit), strict=True):
            file.write_text(text)
        said = self.run_([program, "verify", *map(str, files)])
        # Of the system's own units it may say more.
        self.assertNotIn("smtpx", said)
