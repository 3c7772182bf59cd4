"""
Tests for L{smtpx.service.verdictcheck}: what is wrong with DCC and with a scanner.
"""

from __future__ import annotations

import socket

from ..shortpaths import shortFolder
from .test_routes import RouteTestCase

ASKS = "[[policy.message]]\ndcc = false\naction = 'defer'\n"
RUNS = "[[policy.rcpt]]\ncontrol = ['bmi_run']\n"
SCANNER = "[bmi]\npython = 'tests.policy.bmi.scanners:FieldScanner'\n"


class DCCTests(RouteTestCase):
    """The table C{[dcc]}."""

    def test_bad(self) -> None:
        """What is wrong is told with its line."""
        for option, said in (
            ("dccifd_address = 'dccifd'", "expected a path such as"),
            ("dccifd_address = 'localhost 0'", "expected a path such as"),
            ("dccifd_address = 'local host 25'", "expected a path such as"),
            ("dccifd_options = 'headers'", "expected words of header,"),
            (
                "dccifd_options = 'log'\ndcc_direct_add_header = true",
                'dcc_direct_add_header wants "header"',
            ),
            (
                "dccifd_address = '/x'\nopinion_seconds = '4 min'",
                "this is no less",
            ),
        ):
            text = f"[dcc]\n{option}\n[limits]\nanswer_seconds = '2 min'\n"
            found = self.faults(text)
            self.assertEqual(len(found), 1, found)
            self.assertIn(said, found[0])
            self.assertRegex(found[0], r"^:[23]: dcc\.")

    def test_good(self) -> None:
        """A path, or a host and a port, of either kind."""
        for address in ("/var/dcc/dccifd", "127.0.0.1 10025", "::1 10025", "dcc 1"):
            self.assertEqual(self.faults(f"[dcc]\ndccifd_address = '{address}'\n"), [])

    def test_cautions(self) -> None:
        """It is not there, or nobody asks it."""
        path = shortFolder(self) / "dccifd"
        text = f"[dcc]\ndccifd_address = '{path}'\n"
        (told,) = [each for each in self.cautions(text) if "dcc." in each]
        self.assertIn("no rule asks what DCC says", told)
        (told,) = [each for each in self.cautions(text + ASKS) if "dcc." in each]
        self.assertIn("dccifd cannot be reached: No such file", told)
        with socket.socket(socket.AF_UNIX) as there:
            there.bind(str(path))
            there.listen()
            silent = [each for each in self.cautions(text + ASKS) if "dcc." in each]
        self.assertEqual(silent, [])
        text = f"[dcc]\ndccifd_address = '127.0.0.1 1'\n{ASKS}"
        (told,) = [each for each in self.cautions(text) if "dcc." in each]
        self.assertIn("refused", told)

    def test_missing(self) -> None:
        """A rule that wants it is told that it is not there."""
        (fault,) = self.faults(ASKS)
        self.assertIn("DCC is not asked: dcc.dccifd_address is not given", fault)


class BMITests(RouteTestCase):
    """The table C{[bmi]}."""

    def test_bad(self) -> None:
        """What is no scanner is told, and what its Python says."""
        for name, said in (
            ("smtpx.core.reply:OK", "it has no method begin"),
            ("smtpx.core.reply:nothing", "ImportError: "),
            ("no.such:thing", "ModuleNotFoundError: "),
        ):
            (fault,) = self.faults(f"[bmi]\npython = '{name}'\n{RUNS}")
            self.assertIn(said, fault)
        text = f"{SCANNER}opinion_seconds = 200\n[limits]\nanswer_seconds = 100\n"
        (fault,) = self.faults(text + RUNS)
        self.assertIn("this is no less", fault)

    def test_good(self) -> None:
        """A scanner that somebody wants is nothing to speak of."""
        self.assertEqual(self.faults(SCANNER + RUNS), [])
        silent = [each for each in self.cautions(SCANNER + RUNS) if "bmi" in each]
        self.assertEqual(silent, [])

    def test_cautions(self) -> None:
        """Nobody wants it, or a route wants one that is not there."""
        (told,) = [each for each in self.cautions(SCANNER) if "bmi" in each]
        self.assertIn("no rule has the control bmi_run", told)
        route = "[[route]]\nmatch = ['*']\nbmi_dont_deliver = true\n"
        (told,) = [each for each in self.cautions(route) if "verdict" in each]
        self.assertIn("there is no scanner", told)
