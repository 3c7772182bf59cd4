"""
What a server has once, however many workers it has: the leading one does it, and when
that one was started again, it goes on.
"""

from __future__ import annotations

from smtpx.queue.dailyreporting import Daily
from smtpx.spool.dropfolder import DropFolder

from .workers.houses import HousesTestCase


class OnceTests(HousesTestCase):
    """A server of three workers."""

    def test_dropFolder(self) -> None:
        """One of them takes what users of the machine submit."""
        self.start(3)
        self.assertEqual(self.watched, [(1, self.folder / "state/drop/new")])

    def test_dropFolderAgain(self) -> None:
        """What was dropped while it was away is taken when it is back."""
        self.start(2)
        self.leave(1)
        folder = DropFolder(self.folder / "state/drop")
        self.assertTrue(folder.path.exists())
        self.enter(1)
        self.assertEqual([number for number, _ in self.watched], [1, 1])

    def test_imports(self) -> None:
        """One of them takes what lies in the folders of others."""
        folder = self.folder / "exim"
        folder.mkdir()
        self.start(3, **{"import": [{"folder": str(folder)}]})
        watched = [each for each in self.watched if each[1] == folder]
        self.assertEqual(watched, [(1, folder)])

    def test_reports(self) -> None:
        """All count, and one sends the reports of a day."""
        begun: list[tuple[str, bool]] = []

        def start(self: Daily[object, object], reports: bool = True) -> None:  # type: ignore[type-var]  # whatever it counts
            begun.append((self._kind, reports))

        self.patch(Daily, "start", start)
        self.start(
            3,
            tls_reports={"contact": "postmaster@example.org"},
            authentication={"checks": ["spf", "dmarc"]},
            dmarc={"dmarc_aggregate_sender": "postmaster@example.org"},
            route=[{"match": ["*"], "transport": "smtp"}],
        )
        for kind in ("TLS", "DMARC"):
            found = [reports for each, reports in begun if each == kind]
            self.assertEqual(found, [True, False, False])
