"""
Tests for L{smtpx.commands.roff}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.roff import Page, escaped, marked


class RoffTests(SynchronousTestCase):
    """What man(7) would change stays as it is."""

    def test_escaped(self) -> None:
        """Nothing is a request, and hyphens can be copied."""
        for text, shown in (
            ("--config", "\\-\\-config"),
            (".SH no\nheading", "\\&.SH no heading"),
            ("'quoted'", "\\&\\(aqquoted\\(aq"),
            ('a\\b "c" ^~`', "a\\eb \\(dqc\\(dq \\(ha\\(ti\\(ga"),
        ):
            self.assertEqual(escaped(text), shown)

    def test_marked(self) -> None:
        """What is typed is bold."""
        self.assertEqual(
            marked("See ``-f`` and ``-r``."), "See \\fB\\-f\\fR and \\fB\\-r\\fR."
        )
        self.assertEqual(marked(".so what"), "\\&.so what")
        self.assertEqual(marked("a `single` one"), "a \\(gasingle\\(ga one")

    def test_aPage(self) -> None:
        """All of it."""
        page = Page("smtpx-x", 1, "does x")
        page.head("SYNOPSIS")
        page.synopsis("smtpx x", "[options]")
        page.synopsis("smtpx y", "")
        page.head("DESCRIPTION")
        page.paragraph("It does x.  And y.")
        page.paragraph("No more.")
        page.subhead("Options")
        page.item("-x", "Do x.")
        page.item("``x`` or y", "Either.", typed=False)
        page.also(["smtpx(1)", "smtpx.toml(5)"])
        self.assertEqual(page.file, "smtpx-x.1")
        self.assertEqual(
            page.text().split("\n")[4:],
            [
                ".SH NAME",
                "smtpx\\-x \\- does x",
                ".SH SYNOPSIS",
                "\\fBsmtpx x\\fR [options]",
                ".br",
                "\\fBsmtpx y\\fR",
                ".SH DESCRIPTION",
                "It does x.",
                "And y.",
                ".PP",
                "No more.",
                ".SS Options",
                ".TP",
                "\\fB\\-x\\fR",
                "Do x.",
                ".TP",
                "\\fBx\\fR or y",
                "Either.",
                ".SH SEE ALSO",
                "\\fBsmtpx\\fR(1),",
                "\\fBsmtpx.toml\\fR(5)",
                "",
            ],
        )
