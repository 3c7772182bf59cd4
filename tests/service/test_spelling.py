"""
Tests for L{smtpx.service.spelling}.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.config import Configuration, readConfiguration
from smtpx.service.extensions import findExtensions
from smtpx.service.spelling import shown, template

FOUND = findExtensions()

FILE = """\
name = "mx.example.org"

[[listener]]
port = 25

[[listener]]
port = 465
tls = "implicit"

[tls]
certificates = [{ certificate = "cert.pem", key = "key.pem" }]

[limits]
message_octets = "10 MiB"
connections_max = 20

[relay]
hosts = ["127.0.0.1", "!*"]

[log]
json = "-"

[extensions]
disable = ["BINARYMIME"]

[extensions.AUTH]
mechanisms = ["PLAIN"]
"""


def plain(configuration: Configuration) -> Configuration:
    """A configuration without settings that are the default."""
    chosen = configuration.extensions
    settings = {
        name: each for name, each in chosen.settings.items() if each != type(each)()
    }
    return evolve(configuration, extensions=evolve(chosen, settings=settings))


def again(lines: list[str]) -> Configuration:
    """Read what was written."""
    return plain(readConfiguration(tomllib.loads("\n".join(lines)), FOUND))


class ShownTests(SynchronousTestCase):
    """What a server would run by."""

    def setUp(self) -> None:
        """A file."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.path = folder / "smtpx.toml"
        self.path.write_text(FILE)
        self.configuration = readConfiguration(self.path, FOUND)

    def test_readBack(self) -> None:
        """It is a configuration, and the same."""
        for changedOnly in (False, True):
            lines = list(shown(self.configuration, FOUND, changedOnly))
            self.assertEqual(
                evolve(again(lines), state=self.configuration.state),
                plain(self.configuration),
            )

    def test_whereFrom(self) -> None:
        """Each value says where it is from."""
        lines = [" ".join(each.split()) for each in shown(self.configuration, FOUND)]
        for line in (
            'name = "mx.example.org" # line 1',
            "port = 25 # line 4",
            "port = 465 # line 7",
            'message_octets = "10 MiB" # line 14',
            "recipients_max = 1000 # default",
            "#endpoint = # not given",
            'disable = ["BINARYMIME"] # line 24',
            'mechanisms = ["PLAIN"] # line 27',
        ):
            self.assertIn(line, lines)

    def test_nothingTwice(self) -> None:
        """Each table stands there once, and each listener."""
        headers = [each for each in shown(self.configuration, FOUND) if each[:1] == "["]
        self.assertEqual(headers.count("[[listener]]"), 2)
        single = [each for each in headers if not each.startswith("[[")]
        self.assertEqual(len(single), len(set(single)))

    def test_changedOnly(self) -> None:
        """What the file says nothing of can be left out."""
        lines = [
            each.partition("  #")[0].rstrip()
            for each in shown(self.configuration, FOUND, True)
        ]
        self.assertEqual(
            [each for each in lines if each and "certificates" not in each],
            [line for line in FILE.split("\n") if line and "certificates" not in line],
        )

    def test_fromAProgram(self) -> None:
        """Without a file there are no lines."""
        made = readConfiguration({"relay": {"authenticated": False}}, FOUND)
        lines = [" ".join(each.split()) for each in shown(made, FOUND, True)]
        self.assertEqual(lines, ["", "[relay]", "authenticated = false # given"])

    def test_nothingGiven(self) -> None:
        """The empty configuration has nothing that was given."""
        self.assertEqual(list(shown(readConfiguration(None, FOUND), FOUND, True)), [])


class TemplateTests(SynchronousTestCase):
    """A file to begin with."""

    def test_isTheEmptyConfiguration(self) -> None:
        """As it is, it changes nothing."""
        self.assertEqual(again(list(template(FOUND))), readConfiguration(None, FOUND))

    def test_defaultsAreTheDefaults(self) -> None:
        """Without the # in front of them, the defaults change nothing either."""
        lines = [
            # A listener, route or rule that is there has to be whole.
            re.sub(r"^#(\w+ = .)", r"\1", line)
            for line in template(FOUND)
        ]
        text = "\n".join(lines)
        for header in (
            "listener",
            "route",
            "retry",
            "import",
            "lookup",
            "checker",
            "milter",
        ):
            text = re.sub(
                rf"(?s)#\[\[{header}\]\].*?(?=\n\n\n)",
                "",
                text,
            )
        self.assertEqual(again([text]), readConfiguration(None, FOUND))

    def test_everythingIsExplained(self) -> None:
        """Above each option there is more than what it takes."""
        lines = list(template(FOUND))
        for number, line in enumerate(lines):
            if re.match(r"#\w+ =", line):
                block: list[str] = []
                while lines[number - 1 - len(block)].startswith("# "):
                    block.append(lines[number - 1 - len(block)])
                told = [each for each in block if not each.startswith("# Takes ")]
                self.assertTrue(told, line)

    def test_fitsATerminal(self) -> None:
        """No line of help is too long."""
        long = [
            line for line in template(FOUND) if line.startswith("# ") and len(line) > 80
        ]
        self.assertEqual(long, [])
