"""
A folder of traces.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from attrs import evolve
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.ladder import ladder
from smtpx.observe.trace import SessionTrace
from smtpx.observe.tracefolder import TraceFolder

from .stories import NOW, Heard
from .traces import TRACE

STEM = "20261122T031948Z-d82b59dd-1"


def later(seconds: int) -> SessionTrace:
    """A session that began so much later."""
    return evolve(TRACE, began=NOW + seconds, session=f"d82b59dd-{seconds:x}")


class TraceFolderTests(SynchronousTestCase):
    """Where an operator finds them."""

    def setUp(self) -> None:
        """A place that is not there yet."""
        self.path = Path(self.mktemp()) / "trace"

    def test_severalWorkers(self) -> None:
        """Where several processes save, the folder has as many for all of them."""
        folders = [TraceFolder(self.path, 40) for _ in range(3)]
        for number in range(200):
            folders[number % 3].save(later(number))
        left = {name.partition(".")[0] for name in self.names()}
        self.assertTrue(40 <= len(left) <= 46, len(left))

    def names(self) -> list[str]:
        """What is in the folder."""
        return sorted(os.listdir(self.path))

    def test_twoFilesASession(self) -> None:
        """One to read, one for programs; not for everybody."""
        TraceFolder(self.path, 10).save(TRACE)
        self.assertEqual(self.names(), [f"{STEM}.json", f"{STEM}.txt"])
        self.assertEqual((self.path / f"{STEM}.txt").read_text("ascii"), ladder(TRACE))
        read = json.loads((self.path / f"{STEM}.json").read_text("ascii"))
        self.assertEqual(read, json.loads(json.dumps(TRACE.asJSON())))
        for each in (self.path, self.path / f"{STEM}.txt"):
            self.assertEqual(stat.S_IMODE(each.stat().st_mode) & 0o007, 0)

    def test_untilThereIsNone(self) -> None:
        """A server without traces leaves no folder."""
        TraceFolder(self.path, 10)
        self.assertFalse(self.path.exists())

    def test_theOldestGo(self) -> None:
        """Those of a server before included; what is somebody else's stays."""
        TraceFolder(self.path, 10).save(TRACE)
        (self.path / "notes.txt").write_text("mine")
        folder = TraceFolder(self.path, 2)
        for seconds in (2, 3):
            folder.save(later(seconds))
        self.assertEqual(
            self.names(),
            [
                "20261122T031950Z-d82b59dd-2.json",
                "20261122T031950Z-d82b59dd-2.txt",
                "20261122T031951Z-d82b59dd-3.json",
                "20261122T031951Z-d82b59dd-3.txt",
                "notes.txt",
            ],
        )

    def test_ofAllProcesses(self) -> None:
        """Where several processes keep traces, all of these together are so many."""
        folders = [TraceFolder(self.path, 3) for _ in range(2)]
        for seconds in range(6):
            folders[seconds % 2].save(later(seconds))
        self.assertEqual(len(self.names()), 2 * 3)
        self.assertIn("20261122T031953Z-d82b59dd-5.txt", self.names())

    def test_whatSomebodyRemovedIsNoTrouble(self) -> None:
        """An operator may tidy up."""
        folder = TraceFolder(self.path, 1)
        folder.save(TRACE)
        (self.path / f"{STEM}.txt").unlink()
        folder.save(later(5))
        self.assertEqual(len(self.names()), 2)

    def test_aBadFolderIsToldOfOnce(self) -> None:
        """Traces are lost, and the server goes on; later it may be better."""
        heard = Heard()
        globalLogPublisher.addObserver(heard)
        self.addCleanup(globalLogPublisher.removeObserver, heard)
        told = heard.events
        self.path.parent.mkdir()
        self.path.write_text("in the way")
        folder = TraceFolder(self.path, 10)
        folder.save(TRACE)
        folder.save(TRACE)
        self.assertEqual(len(told), 1)
        self.assertEqual(told[0]["path"], str(self.path))
        self.path.unlink()
        folder.save(TRACE)
        self.assertEqual(len(self.names()), 2)
        self.assertEqual(len(told), 1)
