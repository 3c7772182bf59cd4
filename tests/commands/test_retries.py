"""
Tests for L{smtpx.commands.retries}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.commands.terminals import Ran, Terminal

CONFIGURATION = """
[queue]
queue_lifetime = "3 d"
[[retry]]
match = ["b.example"]
errors = ["greylisted"]
pauses = ["90 s until 5 min", "1 h * 1.5 until 5 h"]
"""


class RetriesTests(SynchronousTestCase):
    """C{smtpx address retries}."""

    def setUp(self) -> None:
        """A configuration with a rule."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.file = folder / "smtpx.toml"
        self.file.write_text(CONFIGURATION)

    def run_(self, *words: str) -> Ran:
        """Ask."""
        return Terminal().run("address", "retries", *words)

    def test_aRule(self) -> None:
        """The rule, each time, and the end."""
        ran = self.run_("-c", str(self.file), "--error", "greylisted", "<a@b.example>")
        self.assertEqual((ran.status, ran.err), (0, ""))
        self.assertEqual(
            ran.out.splitlines(),
            [
                "a@b.example, it wants us to come again (greylisting):",
                "  90 s until 5 min, 1 h * 1.5 until 5 h",
                "    at once",
                "    after 1 min 30 s",
                "    after 3 min",
                "    after 4 min 30 s",
                "    after 6 min",
                "    after 1 h 6 min",
                "    after 2 h 36 min",
                "    after 4 h 51 min",
                "    after 5 h",
                "  given up after 5 h",
            ],
        )

    def test_withoutRules(self) -> None:
        """As usual; what comes often is not all printed."""
        ran = self.run_("a@b.example", "c@d.example")
        lines = ran.out.splitlines()
        self.assertEqual(ran.status, 0)
        self.assertEqual(lines[1], "  15 min until 2 h, 1 h * 1.5 until 16 h, 6 h")
        self.assertEqual(lines[22], "    ... and 12 times more")
        self.assertEqual(lines[23], "  given up after 5 d")
        self.assertTrue(lines[24].startswith("c@d.example, "))

    def test_lifetime(self) -> None:
        """The end is that of the configuration."""
        ran = self.run_("-c", str(self.file), "a@b.example")
        self.assertEqual(ran.out.splitlines()[-1], "  given up after 3 d")

    def test_wrong(self) -> None:
        """No address, no error, no configuration: each is said in one line."""
        for words, status, error in (
            ((), 2, "which address?"),
            (("ann",), 1, '"ann": '),
            (
                ("-e", "greylist", "a@b.example"),
                1,
                'there is no error "greylist"; did you mean "greylisted"?',
            ),
            (("-e", "x", "a@b.example"), 1, 'there is no error "x": connect, lost,'),
            (("-c", "nowhere.toml", "a@b.example"), 1, "nowhere.toml"),
        ):
            ran = self.run_(*words)
            self.assertEqual(ran.status, status, words)
            self.assertIn(error, ran.err)
            self.assertEqual(ran.err.count("\n"), 1)
