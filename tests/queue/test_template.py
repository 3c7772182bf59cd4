"""Tests for L{smtpx.queue.template}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.queue.template import Blank, parseTemplate

KNOWN = ("local", "domain")


class TemplateTests(SynchronousTestCase):
    """Text with blanks."""

    def test_textAndBlanks(self) -> None:
        """They alternate as they stand."""
        self.assertEqual(
            parseTemplate("/m/{domain}/{local}x", KNOWN),
            ("/m/", Blank("domain"), "/", Blank("local"), "x"),
        )
        self.assertEqual(parseTemplate("{local}", KNOWN), (Blank("local"),))
        self.assertEqual(parseTemplate("", KNOWN), ())

    def test_bracesAreWrittenTwice(self) -> None:
        """A brace that is none of a blank."""
        self.assertEqual("".join(map(str, parseTemplate("a{{b}}", KNOWN))), "a{b}")

    def test_wrong(self) -> None:
        """What nobody knows is told with what there is."""
        for template, text in [
            ("{user}", '"{user}": "{user}" is none of {local}, {domain}'),
            ("{local!r}", '"{local!r}": "{local}" is none of {local}, {domain}'),
            ("{local:9}", '"{local:9}": "{local}" is none of {local}, {domain}'),
            ("{}", '"{}": "{}" is none of {local}, {domain}'),
            ("{local", "\"{local\": expected '}' before end of string"),
            ("local}", "\"local}\": Single '}' encountered in format string"),
        ]:
            error = self.assertRaises(UsageError, parseTemplate, template, KNOWN)
            self.assertEqual(str(error), text)
