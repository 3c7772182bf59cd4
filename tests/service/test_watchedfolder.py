"""
Tests for L{smtpx.service.watchedfolder}, and for a house that watches folders.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import cast

from attrs import evolve
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher

from smtpx.core.reply import Reply
from smtpx.policy.redirect import Redirection
from smtpx.service import watchedfolder
from smtpx.service.watchedfolder import (
    AGAIN_SECONDS,
    HARDLY_SECONDS,
    PATIENCE_SECONDS,
    untrusted,
)
from smtpx.spool.eximspool import EximMessage, EximRecipient, Setting
from smtpx.spool.eximwriter import renderHeaderFile

from .made import FOUND, HouseTestCase
from .test_routes import RouteTestCase

ID = "1tHsXz-000000003Bv-1aBc"
MESSAGE = EximMessage(
    ID,
    b"mail",
    8,
    8,
    b"ann@c.example",
    1_000,
    settings=(Setting(b"body_linecount", b"1"),),
    recipients=(EximRecipient(b"bob@localhost"),),
)


def lay(folder: Path, message: EximMessage = MESSAGE, body: bytes = b"x\n") -> None:
    """Put a message into a folder, long ago."""
    name = f"{message.id}-D"
    (folder / name).write_bytes(name.encode() + b"\n" + body)
    (folder / f"{message.id}-H").write_bytes(renderHeaderFile(message))
    for part in "DH":
        os.utime(folder / f"{message.id}-{part}", (1000, 1000))


class FolderTests(HouseTestCase):
    """A folder that is watched."""

    def setUp(self) -> None:
        """The folder is there."""
        super().setUp()
        self.folder = self.site.folder / "in"
        self.folder.mkdir(mode=0o755)
        self.told: list[str] = []
        hear = cast(ILogObserver, self.hear)
        globalLogPublisher.addObserver(hear)
        self.addCleanup(globalLogPublisher.removeObserver, hear)

    def hear(self, event: LogEvent) -> None:
        """Note what an operator is told of the folder."""
        text = formatEvent(event)
        if text.startswith("Not taken from ") and str(self.folder) in text:
            self.told.append(text)

    def watch(self, **more: object) -> None:
        """Start a server that watches it."""
        self.start(**{"import": [{"folder": str(self.folder)}], **more})

    def look(self, seconds: float = 10.0) -> None:
        """Have it look again."""
        self.site.reactor.advance(seconds)

    def there(self) -> list[str]:
        """What is in the folder."""
        return sorted(os.listdir(self.folder))

    def log(self) -> str:
        """The main log, from a server that has ended."""
        self.stop()
        return (self.site.folder / "state/main.log").read_text()

    def test_taken(self) -> None:
        """What is there at the start, and what comes later, is delivered."""
        lay(self.folder)
        self.watch()
        self.assertEqual(len(self.site.inboxes()), 1)
        self.assertEqual(self.there(), [])
        lay(self.folder, evolve(MESSAGE, id="2" + ID[1:]), b"y\n")
        self.look()
        first, second = sorted(self.site.inboxes(), key=lambda text: text[-3:])
        self.assertTrue(first.startswith(b"Return-Path: <ann@c.example>\r\n"), first)
        self.assertIn(b"\r\nReceived: by mx.example.org with local (from", first)
        self.assertTrue(first.endswith(b"\r\n\r\nx\r\n"))
        self.assertTrue(second.endswith(b"\r\n\r\ny\r\n"))
        log = self.log()
        self.assertEqual(log.count(" <= ann@c.example U="), 2)
        self.assertEqual(log.count(" => bob <bob@localhost> R=localhost"), 2)

    def test_heard(self) -> None:
        """Where the system tells of something new, it is looked at at once."""
        wakes: list[Callable[[], object]] = []

        def hearOf(
            reactor: object, folder: Path, wake: Callable[[], object]
        ) -> Callable[[], object]:
            wakes.append(wake)
            return wakes.clear

        self.site.machine = evolve(self.site.machine, hearOf=hearOf)
        self.watch()
        lay(self.folder)
        wakes[-1]()
        self.look(0.0)
        self.assertEqual(len(self.site.inboxes()), 1)
        self.stop()
        self.assertEqual(wakes, [])

    def test_frozen(self) -> None:
        """What Exim had frozen is on hold, and says so."""
        lay(self.folder, evolve(MESSAGE, settings=(Setting(b"frozen", b"1"),)))
        self.watch()
        [kept] = self.site.spools[0].kept.values()
        self.assertTrue(kept.held)
        self.assertEqual(kept.note, "frozen in Exim's queue")

    def test_holds(self) -> None:
        """What a route holds is on hold as any other mail is."""
        lay(self.folder)
        self.watch(route=[{"match": ["*"], "transport": "hold"}])
        [kept] = self.site.spools[0].kept.values()
        self.assertTrue(kept.held)

    def test_aliases(self) -> None:
        """Aliases hold for what comes by files, too."""
        lay(self.folder)
        self.watch(aliases={"entries": {"bob": ["eve", "zoe"]}})
        for name in (b"eve", b"zoe"):
            to = b"Delivered-To: %b@" % name
            self.assertEqual(sum(to in each for each in self.site.inboxes()), 1)

    def test_notNow(self) -> None:
        """What something of ours keeps from being taken stays, and is told once."""
        lay(self.folder)
        defer = Reply(451, (4, 3, 0), (b"not now",))
        self.patch(Redirection, "note", lambda *arguments: defer)
        self.watch(aliases={"entries": {"bob": ["eve"]}})
        for seconds in (10.0, AGAIN_SECONDS, AGAIN_SECONDS):
            self.look(seconds)
        self.assertEqual(len(self.there()), 2)
        [told] = self.told
        self.assertIn("<bob@localhost>: 451 not now; it is tried again", told)

    def test_refused(self) -> None:
        """What an alias refuses is put aside."""
        lay(self.folder)
        refusal = Reply(550, (5, 1, 1), (b"gone",))
        self.patch(Redirection, "note", lambda *arguments: refusal)
        self.watch(aliases={"entries": {"bob": ["eve"]}})
        self.assertEqual(self.there(), ["bad"])
        [told] = self.told
        self.assertIn("<bob@localhost>: 550 gone", told)

    def test_bad(self) -> None:
        """What is of no use is put aside, with one line in the log."""
        lay(self.folder)
        (self.folder / f"{ID}-H").write_bytes(b"something else\n")
        os.utime(self.folder / f"{ID}-H", (1000, 1000))
        self.watch()
        self.look()
        self.assertEqual(self.there(), ["bad"])
        self.assertEqual(
            sorted(os.listdir(self.folder / "bad")), [f"{ID}-D", f"{ID}-H"]
        )
        self.assertEqual(len(self.told), 1)

    def test_badTwice(self) -> None:
        """What was put aside under its name before is not overwritten."""
        bad = self.folder / "bad"
        bad.mkdir()
        (bad / f"{ID}-H").write_bytes(b"before")
        lay(self.folder)
        (self.folder / f"{ID}-H").write_bytes(b"something else\n")
        os.utime(self.folder / f"{ID}-H", (1000, 1000))
        self.watch()
        self.look()
        self.assertEqual((bad / f"{ID}-H").read_bytes(), b"before")
        self.assertIn(f"{ID}-H", self.there())
        self.look(HARDLY_SECONDS)
        self.assertEqual(len(self.told), 1)

    def test_beingWritten(self) -> None:
        """What ends too soon has a minute to become whole."""
        lay(self.folder)
        whole = (self.folder / f"{ID}-H").read_bytes()
        (self.folder / f"{ID}-H").write_bytes(whole[:30])
        now = self.site.reactor.seconds()
        os.utime(self.folder / f"{ID}-H", (now, now))
        self.watch()
        self.look(PATIENCE_SECONDS - 20)
        self.assertEqual(len(self.there()), 2)
        (self.folder / f"{ID}-H").write_bytes(whole)
        self.look()
        self.assertEqual((self.there(), len(self.site.inboxes())), ([], 1))

    def test_neverWritten(self) -> None:
        """And then it is put aside."""
        lay(self.folder)
        (self.folder / f"{ID}-D").unlink()
        now = self.site.reactor.seconds()
        os.utime(self.folder / f"{ID}-H", (now, now))
        self.watch()
        for _ in range(5):
            self.look()
        self.assertEqual(self.there(), [f"{ID}-H"])
        for _ in range(5):
            self.look()
        self.assertEqual(self.there(), ["bad"])

    def test_notRemovable(self) -> None:
        """What cannot be removed is taken once, and told once."""
        self.watch()
        lay(self.folder)

        def refusing(path: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        self.patch(os, "unlink", refusing)
        for seconds in (10.0, 10.0, HARDLY_SECONDS, 10.0):
            self.look(seconds)
        self.assertEqual(len(self.told), 1)
        self.assertEqual(len(self.site.inboxes()), 1)

    def test_noRoom(self) -> None:
        """While the spool is full, all of it waits where it is."""
        self.watch()
        self.site.spools[0].full = True
        lay(self.folder)
        self.look()
        self.assertEqual(len(self.there()), 2)
        self.site.spools[0].full = False
        self.look()
        self.assertEqual((self.there(), len(self.site.inboxes())), ([], 1))

    def test_many(self) -> None:
        """More than fit into one look are taken by the next one, at once."""
        self.patch(watchedfolder, "_MOST", 2)
        for number in range(5):
            lay(self.folder, evolve(MESSAGE, id=f"{number}" + ID[1:]))
        self.watch()
        self.look(0.0)
        self.look(0.0)
        self.assertEqual(len(self.site.inboxes()), 5)

    def test_untrusted(self) -> None:
        """From a folder that others may write to nothing is taken, and once told."""
        lay(self.folder)
        self.folder.chmod(0o777)
        self.watch()
        for _ in range(3):
            self.look()
        self.assertEqual(len(self.there()), 2)
        [told] = self.told
        self.assertIn("everybody may write there", told)
        self.folder.chmod(0o700)
        self.look()
        self.assertEqual(self.there(), [])

    def test_trust(self) -> None:
        """Whom a folder is trusted from."""
        self.assertIsNone(untrusted(self.folder, None))
        self.folder.chmod(0o770)
        group = self.folder.stat().st_gid
        self.assertIsNone(untrusted(self.folder, group))
        for other in (None, group + 1):
            self.assertIn("the group", untrusted(self.folder, other) or "")
        link = self.site.folder / "link"
        link.symlink_to(self.folder)
        self.assertIn("symbolic link", untrusted(link, group) or "")
        missing = self.site.folder / "none"
        self.assertEqual(untrusted(missing, None), "No such file or directory")
        self.folder.chmod(0o700)
        owner = self.folder.stat().st_uid
        self.patch(os, "geteuid", lambda: owner + 1)
        if owner:
            self.assertIn("belongs to the user", untrusted(self.folder, None) or "")
        else:
            self.assertIsNone(untrusted(self.folder, None))

    def test_goneFolder(self) -> None:
        """A folder that is not there is told of once, and taken from when it is."""
        self.folder.rmdir()
        self.watch()
        self.look()
        self.assertEqual(len(self.told), 1)
        self.folder.mkdir(mode=0o700)
        lay(self.folder)
        self.look()
        self.assertEqual(len(self.site.inboxes()), 1)


class TableTests(RouteTestCase):
    """The tables C{[[import]]}."""

    def test_good(self) -> None:
        """A folder, and a group that may write there."""
        folder = self.site.folder / "in"
        folder.mkdir(mode=0o755)
        group = "root" if os.getuid() == 0 else ""
        text = f"[[import]]\nfolder = '{folder}'\n"
        if group:
            text += f"group = '{group}'\n"
        self.assertEqual(self.faults(text), [])

    def test_bad(self) -> None:
        """The check tells of a folder that nothing would be taken from."""
        folder = self.site.folder / "in"
        folder.mkdir()
        folder.chmod(0o777)
        for more, said in (
            ("", f":2: import[0].folder: {folder}: everybody may write there"),
            ("group = 'no-such'\n", ':3: import[0].group: there is no group "no-such"'),
        ):
            self.assertEqual(
                self.faults(f"[[import]]\nfolder = '{folder}'\n{more}"), [said]
            )
        [fault] = self.faults("[[import]]\nfolder = '/x/../y'\n")
        self.assertIn('has ".." in it', fault)
        [fault] = self.faults(f"[[import]]\nfolder = '{folder}/none'\n")
        self.assertIn("No such file or directory", fault)
        self.assertTrue(FOUND)
