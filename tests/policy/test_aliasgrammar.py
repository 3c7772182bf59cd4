"""Tests for L{smtpx.policy.aliasgrammar}: what is wrong in an aliases file."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from .aliasesmade import misread

LONG = "x" * 65


class MistakeTests(SynchronousTestCase):
    """Each mistake has a message of its own, with file, line and alias."""

    def assertWrong(self, text: str, *problems: str) -> None:
        """C{text} has these mistakes."""
        self.assertEqual(misread(text), list(problems), text)

    def test_left(self) -> None:
        """What does not begin an entry."""
        for text, problem in (
            ("ann bob", 'f:1: ann: "ann" wants a colon behind it'),
            ("a@b.c d", 'f:1: a@b.c: "a@b.c" wants a colon behind it'),
            (": ann", "f:1: there is no name before the colon"),
            ('"ann: bob', "f:1: these double quotes do not end"),
            ("a..b: c", 'f:1: a..b: "a..b": bad local part in the address'),
            ("a@b_c: d", 'f:1: a@b_c: "a@b_c": bad domain'),
            ("a@: d", 'f:1: a@: "a@": address without a domain'),
            ("@: d", 'f:1: @: "x@": address without a domain'),
            ("@*.b.example: d", "f:1: @*.b.example: a * wants a name before the @;"
             ' did you mean "*@*.b.example"?'),
            ("a*@*é.example: b", "f:1: a*@*é.example: a domain in a pattern is written"
             " in ASCII (xn--...)"),
            ("**********: a", "f:1: **********: there are more than 9 *"),
            (f"{LONG}: a", f'f:1: {LONG}: "{LONG}": local part longer than 64 octets'),
            ("  # nothing\n  ann: bob\n", ""),
        ):  # fmt: skip
            self.assertWrong(text, *([problem] if problem else []))

    def test_programsAndFiles(self) -> None:
        """An alias runs nothing, writes nowhere and includes nothing."""
        for text, problem in (
            ("|/bin/x -a b", "an alias cannot run a program (|/bin/x -a b)"),
            ('"|/bin/x b"', 'an alias cannot run a program ("|/bin/x b")'),
            ("/var/mail/a", "an alias cannot write to a file (/var/mail/a);"
             " a route to a Maildir can"),
            ('"/var/mail/a b"', 'an alias cannot write to a file ("/var/mail/a b");'
             " a route to a Maildir can"),
            (":include:/etc/x", "an alias cannot include a file; name it in the"
             ' configuration (aliases, "files")'),
            ('":include:/etc/x"', "an alias cannot include a file; name it in the"
             ' configuration (aliases, "files")'),
            ("ann, :include:/etc/x", "an alias cannot include a file; name it in the"
             ' configuration (aliases, "files")'),
        ):  # fmt: skip
            self.assertWrong(f"a: {text}", f"f:1: a: {problem}")

    def test_targets(self) -> None:
        """What is no target, or not where it stands."""
        for text, problem in (
            ("", "it leads nowhere; :fail: refuses its mail, :blackhole: throws it"
             " away"),
            ("ann bob", '"ann" wants a comma behind it'),
            ("ann,,bob", "there is nothing between the commas"),
            (", bob", "there is nothing between the commas"),
            ('ann, "bob', "these double quotes do not end"),
            ("<ann@b.example>", "an address is written without < and >;"
             ' did you mean "ann@b.example"?'),
            ("ann@", '"ann@": address without a domain'),
            ("@b_c", '"x@b_c": bad domain'),
            (f"x@{LONG}.example",
             f'"x@{LONG}.example": label of a domain longer than 63 octets'),
            (f"{LONG}@b.example",
             f'"{LONG}@b.example": local part longer than 64 octets'),
            ("$1", '"$1" wants a "*" on the left; in double quotes it stands for'
             " itself"),
        ):  # fmt: skip
            self.assertWrong(f"a: {text}", f"f:1: a: {problem}")

    def test_captures(self) -> None:
        """There are as many as there are stars."""
        for left, right, problem in (
            ("a*", "b$2", '"$2" stands for nothing: on the left is only $1'),
            ("a*", "b$0", '"$0" stands for nothing: on the left is only $1'),
            ("a*b*", "$3", '"$3" stands for nothing: on the left are $1 to $2'),
            ("a*", "b..$1", '"b..x": bad local part in the address'),
            ("a*", "b@$1_", '"b@x_": bad domain'),
        ):
            self.assertWrong(f"{left}: {right}", f"f:1: {left}: {problem}")

    def test_specials(self) -> None:
        """They stand alone, and say what can be said."""
        for text, problem in (
            ("ann, :fail: no", ":fail: stands alone"),
            (":blackhole: it", ":blackhole: stands alone"),
            (":fial: x", "there is no :fial:, only :fail:, :defer:, :blackhole:;"
             ' did you mean ":fail:"?'),
            (":fail: 450 later", ":fail: is not answered with 450"),
            (":fail: 550 4.2.1 later", ":fail: is not answered with 550 4.2.1"),
            (":defer: 550 no", ":defer: is not answered with 550"),
            (":fail: é", "the text has characters that are not printable ASCII"),
            (":fail: " + "x" * 451, "the text is longer than 450 octets"),
        ):  # fmt: skip
            self.assertWrong(f"a: {text}", f"f:1: a: {problem}")

    def test_allAtOnce(self) -> None:
        """One mistake does not hide the next, and each has its own line."""
        self.assertWrong(
            "a: b c,\n  |x,\n  d\n\n# fine\ne f\ng: h\n",
            'f:1: a: "b" wants a comma behind it',
            "f:2: a: an alias cannot run a program (|x)",
            'f:6: e: "e" wants a colon behind it',
        )

    def test_lineBehindComments(self) -> None:
        """Comments between the lines of an entry are counted."""
        self.assertWrong(
            "a: b,\n# one\n\n  c,\n#\n  /d\n",
            "f:6: a: an alias cannot write to a file (/d); a route to a Maildir can",
        )
