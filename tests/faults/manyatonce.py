"""
Processes that make, at the same moment, what a server keeps: the program that
L{tests.faults.test_workers_state} starts.

    python -m tests.faults.manyatonce FOLDER COUNT

It forks so many processes, which wait until all are there, and then make everything in
C{FOLDER}, which is empty or has what an earlier run has made.  Each prints a line of
JSON: what it has made, or found, and what went wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from smtpx.core.facts import freshID
from smtpx.knowledge.clerk import Clerk, Given
from smtpx.knowledge.file import Change
from smtpx.knowledge.interfaces import Record
from smtpx.knowledge.rooms import ROOM, Name
from smtpx.policy.historyfile import append
from smtpx.policy.strangers.greylistfile import GreylistFile, GreylistTerms
from smtpx.policy.strangers.interfaces import Triples
from smtpx.policy.strangers.pace import Level, Pace
from smtpx.policy.strangers.ratesfile import Counted, Place, RatesFile
from smtpx.policy.strangers.sharedfile import FileKeeper
from smtpx.queue.tlscounts import Applied, Count, Event
from smtpx.queue.tlsreportfile import TLSReportFile
from smtpx.spool.namesecret import nameSecret
from smtpx.tls.authority import ensureCertificate

#: The files.
PEERS, GREYLIST, RATES, REPORTS = FILES = (
    "peers.sqlite",
    "greylist.sqlite",
    "rates.sqlite",
    "tls-reports.sqlite",
)

#: Local parts that are told apart, for digits are not.
WORDS = [bytes((97 + each,)) * 3 for each in range(26)]

#: The time, in seconds since the epoch.
NOW = 1_800_000_000.0

#: How often each counts.
TIMES = 8

#: How long a block of the history file is, in octets.
BLOCK = 20_000


def _knowledge(folder: Path, number: int) -> object:
    clerk, aside = Clerk(str(folder / PEERS), ROOM), []
    for each in range(TIMES):
        place = Name("test", b"%d of %d" % (each, number))
        change = Change(records=(Record(1, b"x", NOW, NOW + 1000),))
        got = clerk.turn(Given(NOW, {place: change}, last=each == TIMES - 1))
        assert got.taken, got.trouble
        aside.append(got.aside)
    return [each for each in aside if each]


def _greylist(folder: Path, number: int) -> object:
    terms, aside = GreylistTerms(), []

    def opened(path: str, make: bool) -> GreylistFile:
        return GreylistFile(path, terms, make=make)

    keeper = FileKeeper(str(folder / GREYLIST), opened)
    for each in range(TIMES):
        sender = b"%s@%d.example" % (WORDS[each], number)
        asked = [Triples(b"192.0.2.1", sender, (b"a@b.example",))]
        turn = keeper.turn(partial(_ask, asked))
        assert not turn.trouble, turn.trouble
        aside.append(turn.aside)
    keeper.close()
    return [each for each in aside if each]


def _ask(asked: list[Triples], file: GreylistFile) -> object:
    return file.ask(asked, NOW)


def _rates(folder: Path, number: int) -> object:
    keeper = FileKeeper(str(folder / RATES), lambda path, make: RatesFile(path))
    place, aside = Place("all", "key"), []
    counted = Counted(place, Pace(1e9), Level(1.0, NOW), 1.0, NOW, 0)
    for _ in range(TIMES):
        turn = keeper.turn(lambda file: file.exchange([counted], NOW, 100))
        assert not turn.trouble, turn.trouble
        aside.append(turn.aside)
    keeper.close()
    return [each for each in aside if each]


def _tlsReports(folder: Path, number: int) -> object:
    file = TLSReportFile(str(folder / REPORTS))
    event = Event(10, "a.example", Applied("no-policy-found", "a.example"))
    for _ in range(TIMES):
        file.add([Count(event, 1)])
    aside = file.aside
    file.close()
    return [aside] if aside else []


def _history(folder: Path, number: int) -> object:
    for _ in range(TIMES):
        append(str(folder / "history"), b"%d" % number * (BLOCK - 1) + b"\n")
    return None


def _secret(folder: Path, number: int) -> object:
    return hashlib.sha256(nameSecret(str(folder / "spool"))).hexdigest()


def _certificate(folder: Path, number: int) -> object:
    files = ensureCertificate(folder / "tls", ["mx.example"], NOW)
    assert files.keyFile is not None
    both = files.chain.read_bytes() + files.keyFile.read_bytes()
    return hashlib.sha256(both).hexdigest()


def _session(folder: Path, number: int) -> object:
    return freshID()


JOBS: dict[str, Callable[[Path, int], object]] = {
    "secret": _secret,
    "knowledge": _knowledge,
    "greylist": _greylist,
    "rates": _rates,
    "tlsReports": _tlsReports,
    "history": _history,
    "certificate": _certificate,
    "session": _session,
}


def work(folder: Path, number: int) -> dict[str, object]:
    """
    Do everything.

    @return: what came of it, and what went wrong under C{wrong}.
    """
    found: dict[str, object] = {}
    wrong: list[str] = []
    for name, job in JOBS.items():
        try:
            found[name] = job(folder, number)
        except Exception:
            wrong.append(f"{name}: {traceback.format_exc()}")
    return {**found, "wrong": wrong}


def main() -> None:
    """Fork, and let all begin at once."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    ready, go = os.pipe()
    for number in range(count):
        if not os.fork():
            os.close(go)
            os.read(ready, 1)
            line = json.dumps(work(folder, number)) + "\n"
            os.write(1, line.encode())
            os._exit(0)
    os.close(go)
    for _ in range(count):
        os.wait()


if __name__ == "__main__":
    main()
