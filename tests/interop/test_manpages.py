"""
The manual pages, as those read them who show them.
"""

from __future__ import annotations

from pathlib import Path

import smtpx

from .cases import InteropTestCase, findPeer

PAGES = sorted((Path(smtpx.__file__).parent.parent / "doc/man").glob("*.[1-8]"))

#: A page has no date: it is made anew whenever an option is.
_NO_DATE = "missing date"


class ManPagesTests(InteropTestCase):
    """None of them has anything against a page."""

    def test_mandoc(self) -> None:
        """That of the BSDs."""
        program = findPeer("mandoc", "mandoc")
        for page in PAGES:
            said = self.run_([program, "-T", "lint", "-W", "error", str(page)])
            self.assertEqual(said, "")
            lines = self.run_(["sh", "-c", f"{program} -T lint -W warning {page} || :"])
            wrong = [line for line in lines.splitlines() if _NO_DATE not in line]
            self.assertEqual(wrong, [])

    def test_groff(self) -> None:
        """That of GNU."""
        program = findPeer("groff", "groff")
        for page in PAGES:
            said = self.run_(
                [program, "-man", "-ww", "-z", "-K", "utf8", "-T", "utf8", str(page)]
            )
            self.assertEqual(said, "")

    def test_shown(self) -> None:
        """What a reader sees."""
        program = findPeer("mandoc", "mandoc")
        (page,) = [each for each in PAGES if each.name == "smtpx-sendmail.1"]
        said = self.run_([program, "-T", "ascii", "-O", "width=78", str(page)])
        plain = " ".join(said.replace("_\b", "").split())
        self.assertIn("smtpx-sendmail - submits mail as sendmail does", plain)
