"""Tests for L{smtpx.queue.wording}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.wording import (
    BadTemplate,
    Template,
    filled,
    parseNews,
    parsePhrases,
    parseReport,
    substituted,
)

GOOD = """\
# A comment.
# Another.
Subject: Zu sp\xe4t: $subject

Noch nicht da:

$recipients
%% several

Noch nicht da sind:
${recipients}
"""


class ParseTests(SynchronousTestCase):
    """What a template looks like."""

    def refused(self, text: str | bytes, line: int, why: str) -> None:
        """It has this error, there."""
        octets = text.encode() if isinstance(text, str) else text
        error = self.assertRaises(BadTemplate, parseNews, octets)
        self.assertEqual((error.line, str(error)), (line, why))

    def test_good(self) -> None:
        """Subject, and text for one and for several; comments are none of it."""
        made = parseNews(GOOD.encode())
        wanted = Template(
            "Zu sp\xe4t: $subject",
            "Noch nicht da:\n\n$recipients",
            "Noch nicht da sind:\n${recipients}",
        )
        self.assertEqual(made, wanted)
        # As an editor of another system would save it.
        other = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
        self.assertEqual(parseNews(other), wanted)

    def test_oneTextForAll(self) -> None:
        """Without the second text the first is for several as well."""
        made = parseNews(b"Subject: x\n\n$recipients\n")
        self.assertEqual(made.one, made.several)

    def test_report(self) -> None:
        """The template of a whole report has other placeholders."""
        made = parseReport(b"Subject: x\n\n$news\n$attached\n")
        self.assertEqual(made.one, "$news\n$attached")
        error = self.assertRaises(
            BadTemplate, parseReport, b"Subject: x\n\n$news\n%% several\n$news\n"
        )
        self.assertEqual(error.line, 4)

    def test_errors(self) -> None:
        """Each names its line."""
        known = "$id, $postmaster, $received, $recipients, $server, $subject"
        good = "Subject: x\n\n$recipients\n"
        for text, line, why in (
            ("", 1, 'expected "Subject:" and a subject'),
            ("# only\n", 2, 'expected "Subject:" and a subject'),
            ("Subject:\n\n", 1, 'expected "Subject:" and a subject'),
            ("Hello\n", 1, 'expected "Subject:" and a subject'),
            ("Subject: x\nHello\n", 2, "expected an empty line behind the subject"),
            ("Subject: x\n\nHello\n", 4, 'expected a line "$recipients"'),
            ("Subject: " + "x" * 201 + "\n", 1, "a subject has 200 characters"),
            (good + "$nmae\n", 4, f'no placeholder "$nmae" here; there is {known}'),
            (good + "${nmae}\n", 4, f'no placeholder "$nmae" here; there is {known}'),
            (good + "5 $\n", 4, 'a "$" before no name; "$$" is a dollar sign'),
            (good + "x $recipients\n", 4, '"$recipients" stands on a line of its own'),
            (good + "%% many\n", 4, '"%% many" has no meaning here'),
            (good + "%% several\n", 5, 'expected a line "$recipients"'),
            (good + "x" * 401 + "\n", 4, "longer than 400 characters"),
            (good + "a\x1b[31m\n", 4, "a character that cannot be in a text"),
            (good + "\u202ex\n", 4, "a character that cannot be in a text"),
            (good.encode() + b"\xff\n", 4, "no UTF-8"),
            ("x" * 8193, 1, "longer than 8192 octets"),
        ):
            self.refused(text, line, why)
        error = self.assertRaises(BadTemplate, parseNews, b"Subject: $recipients\n\n")
        self.assertEqual(error.line, 1)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=300), st.integers(0, len(GOOD.encode())))
    def test_anything(self, noise: bytes, at: int) -> None:
        """Whatever a file has in it is a template, or has an error somewhere."""
        whole = GOOD.encode()
        for octets in (noise, whole[:at], whole[:at] + noise + whole[at:]):
            for parse in (parseNews, parseReport, parsePhrases):
                try:
                    parse(octets)
                except BadTemplate as error:
                    self.assertLessEqual(error.line, octets.count(b"\n") + 1)

    def test_phrases(self) -> None:
        """A name, a colon, a phrase."""
        found = parsePhrases(b"# x\n\nuntil: bis $until\n days :$count Tage: ja\n")
        self.assertEqual(found, {"until": "bis $until", "days": "$count Tage: ja"})
        for text, line in (
            ("until bis", 1),
            ("until:", 1),
            ("\nwhen: x", 2),
            ("until: x\nuntil: y", 2),
            ("until: $host", 1),
            ("moments: $count", 1),
        ):
            error = self.assertRaises(BadTemplate, parsePhrases, text.encode())
            self.assertEqual(error.line, line)


class FillTests(SynchronousTestCase):
    """What becomes of a template."""

    def test_lines(self) -> None:
        """
        Paragraphs are filled anew and indented lines stay; a line that would say
        nothing is left out.
        """
        text = (
            "This is\n$server, 100 $$.\n\n\n$recipients\n"
            "    Subject: $subject\n\tId:   $id\nEnd of $server"
        )
        values = {"server": "mx", "recipients": "<a>\n    no\n", "id": "1"}
        self.assertEqual(
            filled(text, values),
            "This is mx, 100 $.\n\n<a>\n    no\n\tId: 1\nEnd of mx\n",
        )

    def test_noBlock(self) -> None:
        """Nor is an empty block there, or empty lines for it."""
        self.assertEqual(filled("\n\na\n\n$news\n\nb\n\n", {"news": ""}), "a\n\nb\n")

    def test_longParagraph(self) -> None:
        """No line is longer than people read."""
        lines = filled("word " * 60, {}).splitlines()
        self.assertLessEqual(max(map(len, lines)), 72)
        self.assertEqual(" ".join(lines), ("word " * 60).strip())

    def test_valuesAreNoTemplates(self) -> None:
        """What was filled in is not looked at again."""
        self.assertEqual(substituted("x $subject", {"subject": "$id"}), "x $id")

    def test_emptyValues(self) -> None:
        """What is not there leaves no gap."""
        self.assertEqual(substituted("server $host said$why.", {}), "server said.")
