"""
The file of what reports of TLSRPT are made of, and of which of them were sent
(L{smtpx.queue.dailyfile}).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from attrs import asdict

from ..tls.tlsrpt import ResultType
from .dailyfile import DailyFile, Job, Key
from .tlscounts import FAILURES_MOST, POLICIES_MOST, Applied, Count, Event, Failed

#: What files of this kind are known by ("TlsR").
_APPLICATION = 0x546C7352


class TLSReportFile(DailyFile):
    """
    The open file, as reports of TLSRPT use it.
    """

    def __init__(self, path: str) -> None:
        """
        Open it, or make it; see L{DailyFile} for what is raised.
        """
        super().__init__(path, _APPLICATION, "TLS reports")

    def add(self, counts: Iterable[Count]) -> int:
        """
        Add up what was counted.

        @return: how much was not, because there is too much of it.
        """
        some = ((each.event, each.sessions) for each in counts)
        return self.count(some, _keyOf, self._fitting)

    def _fitting(self, event: Event) -> Event:
        """The same, in fewer words where there are many already."""
        rows, policies = self.kinds(event.day, event.domain)
        if rows >= FAILURES_MOST:
            event = event.roughly
        if policies >= POLICIES_MOST and not self.hasPolicy(_keyOf(event)):
            event = event.bare
        return event

    def content(self, job: Job) -> list[Count]:
        """What a report tells."""
        counts = []
        for policy, failed, sessions in self.counted(job.day, job.domain):
            try:
                read = _readPolicy(policy), _readFailed(failed)
            except (ValueError, LookupError, TypeError, AttributeError):
                # Somebody else has written that.
                continue
            counts.append(Count(Event(job.day, job.domain, *read), sessions))
        return counts


def _keyOf(event: Event) -> Key:
    failed = ""
    if event.failed is not None:
        values = asdict(event.failed)
        values["result"] = event.failed.result.value
        failed = _dumped(values)
    return event.day, event.domain, _dumped(asdict(event.policy)), failed


def _dumped(values: object) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _readPolicy(text: str) -> Applied:
    values = json.loads(text)
    return Applied(
        values["kind"],
        values["domain"],
        _texts(values["lines"]),
        _texts(values["hosts"]),
    )


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(str, values))


def _readFailed(text: str) -> Failed | None:
    if not text:
        return None
    values = json.loads(text)
    return Failed(
        ResultType(values["result"]),
        values["sender"],
        values["host"],
        values["address"],
        values["reason"],
    )


__all__ = ["TLSReportFile"]
