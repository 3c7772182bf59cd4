"""
The file of what aggregate reports of DMARC are made of, and of which of them were sent
(L{smtpx.queue.dailyfile}).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from attrs import asdict

from .dailyfile import DailyFile, Key
from .dmarccounts import (
    DOMAINS_MOST,
    POLICIES_MOST,
    ROWS_MOST,
    AuthResult,
    PolicyPublished,
    Row,
    Tallied,
    Tally,
)

#: What files of this kind are known by ("DmaR").
_APPLICATION = 0x446D6152


class _Room:
    """
    Knows how much room there is, without counting again for each message.
    """

    def __init__(self, file: DailyFile) -> None:
        self._file = file
        self._kinds: dict[tuple[int, str], tuple[int, int]] = {}

    def fitting(self, tally: Tally) -> Tally:
        """
        Something new; or one more that is left out, where there is much already.
        """
        about = tally.day, tally.domain
        rows, policies = self._kinds.get(about) or self._file.kinds(*about)
        isKnown = self._file.hasPolicy(_keyOf(tally))
        if rows >= ROWS_MOST or (policies >= POLICIES_MOST and not isKnown):
            self._kinds[about] = rows, policies
            return tally.bare
        self._kinds[about] = rows + 1, policies + (not isKnown)
        return tally


class DMARCReportFile(DailyFile):
    """
    The open file, as aggregate reports of DMARC use it.
    """

    def __init__(self, path: str) -> None:
        """
        Open it, or make it; see L{DailyFile} for what is raised.
        """
        super().__init__(path, _APPLICATION, "DMARC reports")

    def add(self, counts: Iterable[Tallied]) -> int:
        """
        Add up what was counted.

        @return: how much was not, because there is too much of it.
        """
        domains: dict[int, set[str]] = {}
        some, lost = [], 0
        for each in counts:
            day, domain = each.tally.day, each.tally.domain
            if day not in domains:
                domains[day] = self.domains(day)
            if domain not in domains[day]:
                if len(domains[day]) >= DOMAINS_MOST:
                    lost += each.messages
                    continue
                domains[day].add(domain)
            some.append((each.tally, each.messages))
        return lost + self.count(some, _keyOf, _Room(self).fitting)

    def content(self, day: int, domain: str) -> list[Tallied]:
        """
        What was counted for a domain in a day.

        @param day: in days since the epoch.
        """
        counts = []
        for policy, row, messages in self.counted(day, domain):
            try:
                tally = Tally(day, domain, _readPolicy(policy), _readRow(row))
            except (ValueError, LookupError, TypeError, AttributeError):
                # Somebody else has written that.
                continue
            counts.append(Tallied(tally, messages))
        return counts


def _keyOf(tally: Tally) -> Key:
    policy = row = ""
    if tally.policy is not None and tally.row is not None:
        policy, row = _dumped(asdict(tally.policy)), _dumped(asdict(tally.row))
    return tally.day, tally.domain, policy, row


def _dumped(values: object) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _readPolicy(text: str) -> PolicyPublished | None:
    return PolicyPublished(**json.loads(text)) if text else None


def _readRow(text: str) -> Row | None:
    if not text:
        return None
    values = json.loads(text)
    spf = values.pop("spf")
    return Row(
        reasons=tuple((str(word), str(why)) for word, why in values.pop("reasons")),
        dkim=tuple(AuthResult(**each) for each in values.pop("dkim")),
        spf=None if spf is None else AuthResult(**spf),
        **values,
    )


__all__ = ["DMARCReportFile"]
