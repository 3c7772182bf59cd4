"""
Tests for L{smtpx.commands.spool}.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import queuereach, spool
from smtpx.service.control import NoServer
from smtpx.service.control.exchange import Refused
from smtpx.service.control.wire import Kind
from smtpx.spool.eximspool import EximRecipient, Setting
from smtpx.spool.recovery import SpoolInUse
from smtpx.testing.spool import MemorySpool
from tests.service.made import site
from tests.service.test_watchedfolder import ID, MESSAGE, lay

from .terminals import Ran, Terminal

OTHER = "2" + ID[1:]


class Server:
    """
    What answers at a control socket.

    @cvar parts: what it answers.
    @cvar error: why it refuses; L{None}: it does not.
    @cvar asked: what it was asked.
    @cvar hello: what it says of itself.
    """

    hello = {"smtpx": "0.1"}

    parts: tuple[dict[str, object], ...] = ()
    error: Exception | None = None
    asked: tuple[str, Mapping[str, object]] | None = None

    def __init__(self, path: Path) -> None:
        """Connect."""

    def ask(
        self,
        wanted: str,
        fields: Mapping[str, object],
        part: Callable[[Mapping[str, object]], None],
        progress: Callable[[Mapping[str, object]], None],
    ) -> None:
        """See L{smtpx.service.control.client.ControlClient}."""
        Server.asked = wanted, fields
        for each in self.parts:
            part(each)
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Hang up."""


def nobody(path: Path) -> object:
    """No server runs."""
    raise NoServer(f"{path}: No such file or directory")


class ImportTests(SynchronousTestCase):
    """C{smtpx spool import}."""

    def setUp(self) -> None:
        """A folder of Exim's, and a configuration; no server runs."""
        self.site = site(self.mktemp())
        self.folder = self.site.folder / "exim"
        self.folder.mkdir()
        self.config = self.site.folder / "smtpx.toml"
        self.config.write_text("state = 'state'\n[dns]\nhosts_file = 'none'\n")
        self.patch(spool, "theMachine", lambda: self.site.machine)
        self.patch(queuereach, "ControlClient", nobody)
        (self.site.folder / "state" / "spool").mkdir(parents=True)
        kept = MemorySpool(self.site.reactor.seconds)
        self.spool = kept
        self.site.machine = evolve(
            self.site.machine, spool=lambda *arguments, **more: kept
        )

    def run_(self, *words: str, folder: Path | None = None) -> Ran:
        """Run it."""
        path = str(folder or self.folder)
        options = ["--config", str(self.config), *words]
        return Terminal().run("spool", "import", *options, path)

    def there(self) -> int:
        """How many files are in the folder."""
        return len(os.listdir(self.folder))

    def test_taken(self) -> None:
        """A message is in the spool; the files stay, and it is taken once."""
        lay(self.folder)
        ran = self.run_()
        [id] = self.spool.kept
        self.assertEqual(
            ran.out, f"{ID} -> {id}: from <ann@c.example> to 1 recipient\n1 taken\n"
        )
        self.assertEqual((ran.status, ran.err), (0, ""))
        again = self.run_()
        self.assertEqual(
            again.out, f"{ID}: taken before, as {id}\n0 taken, 1 taken before\n"
        )
        self.assertEqual((len(self.spool.kept), self.there()), (1, 2))
        log = (self.site.folder / "state/main.log").read_text()
        self.assertEqual(log.count(f" {id} <= ann@c.example "), 1)

    def test_removed(self) -> None:
        """The files are removed where that is wished, of Exim's whole spool too."""
        inner = self.folder / "input"
        inner.mkdir()
        lay(inner)
        self.assertEqual(self.run_("--remove").status, 0)
        self.assertEqual((len(self.spool.kept), os.listdir(inner)), (1, []))

    def test_bad(self) -> None:
        """What is of no use is named and stays, the others go on."""
        lay(self.folder)
        lay(self.folder, evolve(MESSAGE, id=OTHER))
        path = self.folder / f"{ID}-H"
        path.write_bytes(path.read_bytes()[:40])
        ran = self.run_("--remove")
        self.assertEqual(ran.status, 1)
        self.assertIn(f"smtpx: {path}: line 3: it ends before the sender", ran.err)
        self.assertIn("smtpx: 1 could not be taken\n", ran.err)
        self.assertIn("1 taken, 1 left where they are\n", ran.out)
        self.assertEqual((len(self.spool.kept), self.there()), (1, 2))

    def test_frozenAndDone(self) -> None:
        """What is frozen is on hold, and what everybody has is not taken."""
        lay(self.folder, evolve(MESSAGE, settings=(Setting(b"frozen", b"1"),)))
        done = frozenset([b"bob@localhost"])
        lay(self.folder, evolve(MESSAGE, id=OTHER, done=done))
        ran = self.run_()
        self.assertIn(", on hold: frozen in Exim's queue\n", ran.out)
        self.assertIn(f"{OTHER}: everybody has it\n", ran.out)
        self.assertIn("1 taken, 1 delivered to everybody\n", ran.out)

    def test_json(self) -> None:
        """For programs there is an object for each, a line each."""
        lay(self.folder)
        ran = self.run_("--json")
        [id] = self.spool.kept
        self.assertEqual(
            json.loads(ran.out),
            {
                "source": str(self.folder / ID),
                "status": "taken",
                "messages": [
                    {"message": id, "sender": "ann@c.example", "recipients": 1}
                ],
            },
        )

    def test_dryRun(self) -> None:
        """It can be looked at before; nothing is made or changed."""
        recipients = (EximRecipient(b"a@b.example"), EximRecipient(b"c@b.example"))
        lay(self.folder, evolve(MESSAGE, recipients=recipients))
        frozen = (Setting(b"frozen", b"1"),)
        lay(self.folder, evolve(MESSAGE, id=OTHER, settings=frozen))
        ran = self.run_("--dry-run")
        self.assertEqual(
            ran.out,
            f"{ID}: from <ann@c.example> to 2 recipients\n"
            f"{OTHER}: from <ann@c.example> to 1 recipient,"
            " on hold: frozen in Exim's queue\n2 to be taken\n",
        )
        self.assertEqual(os.listdir(self.site.folder / "state"), ["spool"])
        (self.folder / f"{ID}-D").write_bytes(f"{ID}-D\n".encode())
        (self.folder / f"{OTHER}-D").unlink()
        ran = self.run_("--dry-run")
        self.assertEqual(ran.status, 1)
        self.assertIn("0 lines, and Exim counted 1", ran.err)
        self.assertIn(f"{OTHER}-D is not there", ran.err)

    def test_terminal(self) -> None:
        """Nothing in an address works on a terminal."""
        lay(self.folder, evolve(MESSAGE, sender=b'"\x1b[2J"@c.example'))
        ran = self.run_("--dry-run")
        self.assertNotIn("\x1b", ran.out + ran.err)

    def test_progress(self) -> None:
        """Of long work it is told how far it is."""
        self.patch(spool, "_PROGRESS", 2)
        for number in range(5):
            lay(self.folder, evolve(MESSAGE, id=f"{number}" + ID[1:]))
        ran = self.run_("--dry-run")
        self.assertEqual(ran.err, "smtpx: 2 looked at\nsmtpx: 4 looked at\n")

    def test_byTheServer(self) -> None:
        """Where a server runs, it does it."""
        self.patch(queuereach, "ControlClient", Server)
        message = {"message": "1w", "sender": "a@b", "recipients": 3}
        part: dict[str, object] = {
            "source": "/q/x",
            "status": "taken",
            "messages": [message],
            "why": "Permission denied",
        }
        busy: dict[str, object] = {
            "source": "/q/y",
            "status": "busy",
            "why": "y: at it",
        }
        self.patch(Server, "parts", (part, {**busy, "messages": []}))
        ran = self.run_("--remove")
        fields = {"folder": str(self.folder), "remove": True}
        self.assertEqual(Server.asked, ("spool.import", fields))
        self.assertIn("x -> 1w: from <a@b> to 3 recipients\n", ran.out)
        self.assertIn("/q/x: taken, but not removed: Permission denied\n", ran.err)
        self.assertIn("smtpx: y: at it\n", ran.err)
        self.assertEqual(ran.status, 0)
        self.patch(Server, "error", Refused(Kind.UNKNOWN, "there is no such request"))
        ran = self.run_()
        self.assertEqual(ran.status, 1)
        self.assertIn("the server is smtpx 0.1, which cannot do that", ran.err)

    def test_spoolInUse(self) -> None:
        """A server that cannot be asked keeps the spool, and that is said plainly."""

        def used(*arguments: object, **more: object) -> Deferred[None]:
            return fail(SpoolInUse("state/spool/1/lock: in use by process 4711"))

        self.patch(self.spool, "open", used)
        lay(self.folder)
        ran = self.run_()
        self.assertEqual(ran.status, 1)
        self.assertIn("in use by process 4711: a server that runs has no con", ran.err)
        self.assertEqual(self.there(), 2)

    def test_aliases(self) -> None:
        """Aliases hold where no server runs, too."""
        text = self.config.read_text() + "[aliases.entries]\nbob = ['eve', 'zoe']\n"
        self.config.write_text(text)
        lay(self.folder)
        self.assertEqual(self.run_().status, 0)
        [kept] = self.spool.kept.values()
        paths = [each.path for each in kept.envelope.recipients]
        self.assertEqual(paths, [b"eve@localhost", b"zoe@localhost"])

    def test_noFolder(self) -> None:
        """A folder that is not there is named."""
        missing = self.site.folder / "none"
        for words in ((), ("--dry-run",)):
            ran = self.run_(*words, folder=missing)
            self.assertEqual(ran.status, 1)
            self.assertIn(f"{missing}: No such file or directory", ran.err)

    def test_commandLine(self) -> None:
        """What makes no sense is said."""
        for words in (("spool",), ("spool", "import"), ("spool", "import", "a", "b")):
            self.assertEqual(Terminal().run(*words).status, 2)
        self.config.write_text("x = 1\n")
        self.assertEqual(self.run_().status, 1)
