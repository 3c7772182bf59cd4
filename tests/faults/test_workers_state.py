"""
What a server keeps, made and used by several processes at the same moment.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.knowledge.file import KnowledgeFile
from smtpx.policy.strangers.greylistfile import GreylistFile, GreylistTerms
from smtpx.policy.strangers.ratesfile import RatesFile
from smtpx.queue.dailyfile import Job
from smtpx.queue.tlsreportfile import TLSReportFile

from .manyatonce import (
    BLOCK,
    FILES,
    GREYLIST,
    NOW,
    PEERS,
    RATES,
    REPORTS,
    TIMES,
)
from .processes import program, start

#: How many processes, and how often everything is made anew.
COUNT, ROUNDS = 6, 3


class ManyAtOnceTests(SynchronousTestCase):
    """Several workers that start at the same moment, with nothing there."""

    def together(self, folder: Path) -> list[dict[str, Any]]:
        """Let them work."""
        words = program("tests.faults.manyatonce", str(folder.absolute()), str(COUNT))
        process = start(words)
        self.addCleanup(process.stdout.close)  # type: ignore[union-attr]  # it is read
        output, _ = process.communicate(timeout=300)
        found = [json.loads(line) for line in output.splitlines()]
        self.assertEqual(len(found), COUNT)
        return found

    def test_made(self) -> None:
        """
        Nobody fails, nothing is made twice, and nothing that was counted is lost.
        """
        for turn in range(ROUNDS):
            folder = Path(self.mktemp())
            folder.mkdir()
            again = turn % 2
            found = self.together(folder)
            if again:
                # With everything there, as after a restart.
                found += self.together(folder)
            self.assertEqual([one["wrong"] for one in found if one["wrong"]], [])
            self.assertEqual(len({one["secret"] for one in found}), 1)
            self.assertEqual(len({one["certificate"] for one in found}), 1)
            sessions = {one["session"] for one in found}
            self.assertEqual(len(sessions), len(found))
            self.look(folder, (1 + again) * COUNT * TIMES, COUNT * TIMES)

    def look(self, folder: Path, counted: int, names: int) -> None:
        """
        Look into the files.

        @param counted: how often something was.
        @param names: how many different names it had.
        """
        with closing(KnowledgeFile(str(folder / PEERS))) as knowledge:
            self.assertEqual(len(knowledge.all()), names)
        path = str(folder / GREYLIST)
        with closing(GreylistFile(path, GreylistTerms())) as greylist:
            self.assertEqual(len(greylist.triples()), names)
        with closing(RatesFile(str(folder / RATES))) as rates:
            (row,) = rates.all(NOW)
            assert row.level is not None
            self.assertAlmostEqual(row.level.value, counted, 3)
        path = str(folder / REPORTS)
        with closing(TLSReportFile(path)) as reports:
            (count,) = reports.content(Job(10, "a.example", 0.0, 0, {}))
            self.assertEqual(count.sessions, counted)
        lines = (folder / "history").read_bytes().splitlines()
        self.assertEqual(len(lines), counted)
        for line in lines:
            self.assertEqual((len(set(line)), len(line)), (1, BLOCK - 1))

    def test_damaged(self) -> None:
        """
        Damaged files are put aside by one of them, the new ones are everybody's, and
        nothing is lost of what was counted since.
        """
        folder = Path(self.mktemp())
        folder.mkdir()
        KnowledgeFile(str(folder / PEERS)).close()
        GreylistFile(str(folder / GREYLIST), GreylistTerms()).close()
        RatesFile(str(folder / RATES)).close()
        TLSReportFile(str(folder / REPORTS)).close()
        for name in FILES:
            octets = (folder / name).read_bytes()
            (folder / name).write_bytes(octets[:100] + b"\xff" * (len(octets) - 100))
        found = self.together(folder)
        self.assertEqual([one["wrong"] for one in found if one["wrong"]], [])
        for name in ("knowledge", "greylist", "rates", "tlsReports"):
            self.assertEqual(len([one for one in found if one[name]]), 1, name)
        self.look(folder, COUNT * TIMES, COUNT * TIMES)
