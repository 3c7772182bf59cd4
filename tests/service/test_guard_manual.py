"""
The page C{doc/howto/guard-against-spam.rst}: its configuration is right, and decides
what the page says, in its order.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from smtpx.commands.main import MainOptions
from smtpx.commands.policy import told
from smtpx.service.checkercheck import checkCheckers
from smtpx.service.config import readConfiguration
from smtpx.service.rulecheck import checkRules
from smtpx.service.wiring.ruletest import tryRules

from .made import FOUND, HouseTestCase
from .test_manual import blocks

PAGE = "howto/guard-against-spam.rst"

ZONE = """
2.0.0.127.zen.spamhaus.org A 127.0.0.2
2.0.0.127.zen.spamhaus.org TXT "a test point"
"""


class GuardManualTests(HouseTestCase):
    """What somebody does who follows the page."""

    def last(self, words: list[str], text: str) -> str:
        """What C{smtpx policy test} says last, with this configuration."""
        self.site.resolver.add(ZONE)
        path = Path("smtpx.toml")
        path.write_text(f"state = '{self.site.folder}'\n{text}")
        configuration = readConfiguration(path, FOUND)
        wrong = [*checkCheckers(configuration), *checkRules(configuration, FOUND)]
        self.assertEqual([], [str(each) for each in wrong])
        options: Any = MainOptions()  # type: ignore[no-untyped-call]  # Twisted's
        options.parseOptions(words)
        trial = options.subOptions.subOptions._trial()
        work = tryRules(self.site.machine, configuration, FOUND, trial)
        return list(told(self.successResultOf(Deferred.fromCoroutine(work))))[-1]

    def test_commands(self) -> None:
        """Each of the four is refused by the rule that the page says."""
        Path("any.eml").write_text("From: <ann@example.net>\n\nhello\n")
        whole, _ = blocks(PAGE, "toml")
        commands = "".join(blocks(PAGE, "console")).replace("\\\n", " ").splitlines()
        asked = [shlex.split(each)[2:] for each in commands if "policy test" in each]
        self.assertEqual(
            [self.last(words, whole).strip() for words in asked],
            [
                "defer, by the rule not known yet",
                "reject, by the rule listed",
                "reject, by the rule virus",
                "reject, by the rule forged",
            ],
        )

    def test_loopback(self) -> None:
        """A client on this machine is put off only where everybody is looked at."""
        whole, looking = blocks(PAGE, "toml")
        words = "policy test --ip 127.0.0.1 --sender a@b.example -r b@example.org"
        self.assertNotIn("defer", self.last(words.split(), whole))
        table = looking.partition("hosts")[0]
        self.assertIn(table, whole)
        said = self.last(words.split(), whole.replace(table, looking))
        self.assertEqual(said.strip(), "defer, by the rule not known yet")
