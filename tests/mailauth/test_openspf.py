"""
The test suites of the openspf project (release 2014.04 for RFC 7208, and the one for
RFC 4408), all of their cases.

They lie in C{openspf} as they came, with their licences.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.spf import check
from smtpx.mailauth.spfquery import Outcome, queryOf

from .spfzone import Zone, run

SUITES = Path(__file__).parent / "openspf"


@frozen
class Case:
    """
    A case of a suite.

    @ivar name: the suite's for it.
    @ivar expected: the results that it takes.
    @ivar explanation: that it expects; C{DEFAULT}: none by the domain; L{None}: it
        does not care.
    """

    name: str
    host: str
    sender: str
    helo: str
    expected: tuple[str, ...]
    explanation: str | None
    zone: Zone


def zoneOf(data: dict[str, list[Any]]) -> Zone:
    """The DNS that a scenario describes."""
    zone = Zone()
    for name, entries in data.items():
        kinds = {next(iter(each)) for each in entries if isinstance(each, dict)}
        zone.records.setdefault(name.lower().encode("ascii"), {})
        for entry in entries:
            if entry == "TIMEOUT":
                zone.failing.add(name.lower().encode("ascii"))
                continue
            ((kind, value),) = entry.items()
            if value == "NONE":
                continue
            # Records of type SPF, which RFC 7208 section 3.1 abolished, stand for TXT
            # where there is none.
            if kind == "SPF" and "TXT" not in kinds:
                kind = "TXT"
            zone.add(name, kind, rdataOf(value))
    return zone


def rdataOf(value: Any) -> bytes:
    """A record as a check sees it."""
    if isinstance(value, list):
        # An exchange behind its preference, or the strings of a TXT record.
        parts = [each for each in value if not isinstance(each, int)]
        return b"".join(map(rdataOf, parts))
    assert isinstance(value, str), value
    return value.encode("latin-1")


@lru_cache
def casesOf(suite: str) -> tuple[Case, ...]:
    """The cases of a suite."""
    return tuple(_read((SUITES / suite).read_text("utf-8")))


def _read(text: str) -> Iterator[Case]:
    for scenario in yaml.safe_load_all(text):
        for name, test in scenario["tests"].items():
            expected = test["result"]
            yield Case(
                name,
                test["host"],
                test["mailfrom"],
                test["helo"],
                tuple(expected) if isinstance(expected, list) else (expected,),
                test.get("explanation"),
                zoneOf(scenario["zonedata"]),
            )


def outcomeOf(case: Case) -> Outcome:
    """What we find out."""
    query = queryOf(
        case.host.encode("ascii"),
        case.sender.encode("ascii"),
        case.helo.encode("ascii"),
    )
    return run(check(query), case.zone)


class SuiteTests(SynchronousTestCase):
    """
    The suites.
    """

    def examine(self, suite: str, number: int) -> None:
        """
        Run a suite, and report all cases that go wrong at once.

        @param number: how many cases it has.
        """
        cases = casesOf(suite)
        self.assertEqual(number, len(cases))
        wrong: list[tuple[object, ...]] = []
        for case in cases:
            found = outcomeOf(case)
            if found.result.value not in case.expected:
                wrong.append((case.name, case.expected, found.result, found.problem))
            elif case.explanation == "DEFAULT":
                if found.explanation:
                    wrong.append((case.name, "", found.explanation, ""))
            elif case.explanation not in (None, found.explanation):
                wrong.append((case.name, case.explanation, found.explanation, ""))
        self.assertEqual([], wrong)

    def test_rfc7208(self) -> None:
        """
        The suite for RFC 7208 passes whole, explanations included.
        """
        self.examine("rfc7208-tests.yml", 203)

    def test_rfc4408(self) -> None:
        """
        So does the suite for RFC 4408, which RFC 7208 replaced.
        """
        self.examine("rfc4408-tests.yml", 191)
