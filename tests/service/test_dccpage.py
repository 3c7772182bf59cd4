"""
The page on DCC: its rules decide as Exim's do, and C{smtpx policy test} says why.
"""

from __future__ import annotations

import tomllib

from twisted.internet.defer import Deferred

from smtpx.policy.checkers import Opinion, State
from smtpx.policy.rules import Verdicts
from smtpx.service.wiring.ruletest import Trial, tryRules
from tests.policy.test_documentation import examples

from .made import FOUND, HouseTestCase

_DCC = frozenset({"dcc"})


class PageTests(HouseTestCase):
    """What the examples decide."""

    def tried(self, example: str, opinion: Opinion, helo: bytes) -> list[str]:
        """What each rule that holds says, with what it looked at."""
        configuration = self.site.read(tomllib.loads(example))
        trial = Trial(
            b"192.0.2.1",
            b"c.example",
            helo,
            None,
            False,
            b"a@b.example",
            [b"bob@example.org"],
            b"Subject: x\r\n\r\n",
            Verdicts(opinions=lambda session, envelope: {"dcc": opinion}),
        )
        work = tryRules(self.site.machine, configuration, FOUND, trial)
        tried = self.successResultOf(Deferred.fromCoroutine(work))
        return [
            rule.answer or rule.log or rule.action
            for each in tried
            for rule in each.told.rules
            if rule.held or rule.answer
        ]

    def test_letters(self) -> None:
        """R is refused, G is deferred, A and S go on; what is not known defers."""
        example = examples("dcc.rst", "toml")[0]
        for letter, said in (
            ("A", ""),
            ("S", ""),
            ("R", "550 5.7.1"),
            ("G", "451 4.7.1"),
        ):
            opinion = Opinion(found={"dcc_result": letter}, finds=_DCC)
            found = self.tried(example, opinion, b"c.example")
            self.assertEqual([each[:9] for each in found], [said] if said else [])
        away = Opinion(State.AWAY, finds=_DCC)
        (deferred,) = self.tried(example, away, b"c.example")
        self.assertTrue(deferred.startswith("451 4.4.3"), deferred)

    def test_override(self) -> None:
        """The client's address is looked up by what it calls itself, or stays."""
        found = examples("dcc.rst", "toml")
        daemon = found[0].partition("[[")[0]
        (override,) = [each for each in found if "[[lookup]]" in each]
        sites = self.site.folder / "sites"
        sites.write_text("mout.gmx.net  212.227.15.16\n")
        text = (daemon + override).replace("/etc/mail/multipleip_sites", str(sites))
        fine = Opinion(found={"dcc_result": "A"}, finds=_DCC)
        (said,) = self.tried(text, fine, b"mout.gmx.net")
        self.assertTrue(said.endswith("client_ip set to 212.227.15.16"), said)
        self.assertEqual(self.tried(text, fine, b"other.example"), [])
