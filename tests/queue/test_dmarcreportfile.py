"""
What aggregate reports of DMARC are made of is kept.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import SMTPXError
from smtpx.queue import dmarcreportfile
from smtpx.queue.dmarccounts import Tallied, Tally
from smtpx.queue.dmarcreportfile import DMARCReportFile
from smtpx.queue.tlsreportfile import TLSReportFile

from .test_dmarccounts import DAY, tally


def other(number: int) -> Tally:
    """
    Mail from another client.
    """
    found = tally()
    assert found.row is not None
    return evolve(found, row=evolve(found.row, source=f"192.0.2.{number}", spf=None))


class DMARCReportFileTests(SynchronousTestCase):
    """
    The file.
    """

    def setUp(self) -> None:
        """
        A new one.
        """
        self.path = self.mktemp()
        self.file = self.opened()

    def opened(self) -> DMARCReportFile:
        """
        The file, as another process opens it.
        """
        file = DMARCReportFile(self.path)
        self.addCleanup(file.close)
        return file

    def content(self) -> list[Tallied]:
        """
        What is told of the day.
        """
        return self.opened().content(DAY, "example.com")

    def test_alikeIsAddedUp(self) -> None:
        """
        Over several processes, and restarts.
        """
        self.assertEqual(0, self.file.add([Tallied(tally(), 2), Tallied(other(9), 1)]))
        self.assertEqual(0, self.opened().add([Tallied(tally(), 3)]))
        self.assertEqual([Tallied(tally(), 5), Tallied(other(9), 1)], self.content())
        self.assertEqual([], self.file.content(DAY, "example.net"))

    def test_rowsAreBounded(self) -> None:
        """
        What is over is a number; of what is known more is counted all the same.
        """
        self.patch(dmarcreportfile, "ROWS_MOST", 3)
        some = [Tallied(other(number), 1) for number in range(7)]
        self.assertEqual(0, self.file.add(some))
        self.file.add(some)
        content = self.content()
        self.assertEqual(4, len(content))
        left = [each.messages for each in content if each.tally.row is None]
        self.assertEqual([8], left)
        self.assertEqual(14, sum(each.messages for each in content))

    def test_recordsAreBounded(self) -> None:
        """
        Whoever changes his record all the time has no report for each.
        """
        self.patch(dmarcreportfile, "POLICIES_MOST", 2)
        for percent in range(4):
            record = f"p=reject; sp=none; fo={'01ds'[percent]}; rua=mailto:a@b.example"
            self.file.add([Tallied(tally(record), 1)])
        self.assertEqual(
            ["", "0", "1"],
            [
                "" if each.tally.policy is None else each.tally.policy.options
                for each in self.content()
            ],
        )

    def test_domainsAreBounded(self) -> None:
        """
        Of more, nothing is told.
        """
        self.patch(dmarcreportfile, "DOMAINS_MOST", 2)
        some = [Tallied(evolve(tally(), domain=f"{each}.example"), 5) for each in "abc"]
        self.assertEqual(5, self.file.add(some))
        self.assertEqual(10, self.file.add([*some[1:], some[2]]))
        self.assertEqual({"a.example", "b.example"}, self.file.domains(DAY))

    def test_strangersRows(self) -> None:
        """
        What nobody can read is passed over; a file of others is refused.
        """
        self.file.count([("x", 1)], lambda key: (DAY, "example.com", "{", key), str)
        self.assertEqual([], self.content())
        path = self.mktemp()
        TLSReportFile(path).close()
        error = self.assertRaises(SMTPXError, DMARCReportFile, path)
        self.assertIn("no file of DMARC reports", str(error))
        self.assertTrue(Path(path).exists())
