"""
How fast messages go through, beside others: C{python -m tests.bench.relay}.

In over SMTP, onto the disk, and out over SMTP to a sink that throws them away
(Postfix's C{smtp-sink}).  The time runs from the first connection until the sink has
the last message.  As in L{tests.bench.throughput}, servers run side by side and take
turns, round after round; a claim is a ratio within one run.  Nothing here fails: it
reports.

Behind the ratio of the rates stands that of the CPU a message.  Where others use the
machine as well, it is the one to look at: a server of many processes gets more of a
busy machine than one that is a single process.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from .interpreter import interpreter
from .peers import SMTPX, WORKERS, Missing, Mode, Running, findProgram, startAll
from .throughput import Figures, compileLoad

_PORT = 29300

#: Messages that do not come for so long are lost.
_LOST_SECONDS = 15.0

#: How often it is looked what the sink has.
_LOOK_SECONDS = 0.005

#: We want to be so many times as fast as the named peer.
_GOAL, _AGAINST = 3.0, "postfix"


@frozen
class Load:
    """
    One row of the table.

    @ivar label: what is sent how.
    @ivar options: of the load generator.
    """

    label: str
    options: str


LOADS = (
    Load("relay 1K lock-step, 10", "-s 10 -l 1000 -r 0"),
    Load("relay 1K pipelined, 50", "-s 50 -l 1000 -r 0 -M pipe"),
    Load("relay 10K lock-step, 10", "-s 10 -l 10000 -r 0"),
    Load("relay 1K, connection a message, 10", "-s 10 -l 1000 -r 1 -Q"),
    Load("relay 1K to 10 recipients, 10", "-s 10 -l 1000 -r 0 -M pipe -R 10"),
)


class Sink:
    """
    What takes all that is relayed by one server.

    @ivar port: where it listens.
    """

    def __init__(self, folder: Path, port: int) -> None:
        """
        Start it.

        @raise SystemExit: there is no C{smtp-sink}.
        """
        self.port = port
        self._said = folder / f"sink-{port}"
        try:
            program = findProgram("smtp-sink")
        except Missing:
            raise SystemExit("relay.py wants smtp-sink (Debian: postfix)") from None
        # It does not want to be root.
        user = ["-u", "postfix"] if os.getuid() == 0 else []
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [program, "-c", *user, f"127.0.0.1:{port}", "1000"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def taken(self) -> int:
        """How many messages it has taken."""
        with self._said.open("rb") as said:
            end = said.seek(0, os.SEEK_END)
            said.seek(max(0, end - 200))
            found = re.findall(rb"mesg=(\d+)\r", said.read())
        return int(found[-1]) if found else 0

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


def send(program: Path, port: int, options: str, count: int) -> None:
    """Have so many messages sent."""
    words = [str(program), "-m", str(count), "-t", "120", *options.split()]
    subprocess.run(
        [*words, "127.0.0.1", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=180,
        check=False,
    )


def measure(
    program: Path, server: Running, sink: Sink, load: Load, count: int, into: Figures
) -> None:
    """One round of one load on one server."""
    before, used = sink.taken(), server.cpuSeconds()
    began = time.monotonic()
    send(program, server.port, load.options, count)
    last, had = time.monotonic(), -1
    while time.monotonic() - last < _LOST_SECONDS:
        taken = sink.taken() - before
        if taken != had:
            last, had = time.monotonic(), taken
        if taken >= count:
            break
        time.sleep(_LOOK_SECONDS)
    into.rates.append(had / (last - began))
    into.failures += max(0, count - had)
    # What is left to do when the sink has all is part of the cost.
    time.sleep(0.5)
    if had:
        into.costs.append((server.cpuSeconds() - used) / had * 1e6)


def report(
    loads: Sequence[Load], names: Sequence[str], table: dict[tuple[str, str], Figures]
) -> list[str]:
    """The table, a line a load."""
    lines = []
    for load in loads:
        rows = {name: table[load.label, name] for name in names}
        shown = ", ".join(
            f"{name} {figures.rate:.0f}/s ({figures.cost:.0f} us)"
            + (f" {figures.failures} lost" if figures.failures else "")
            for name, figures in rows.items()
        )
        found = [
            f"{ours} {verdict(rows[ours], rows[_AGAINST])}"
            for ours in (SMTPX.name, WORKERS.name)
            if ours in rows and _AGAINST in rows and rows[_AGAINST].rate
        ]
        said = "; ".join(found) or "no peer"
        lines.append(f"{load.label:38} {said:26} {shown}")
    return lines


def verdict(ours: Figures, theirs: Figures) -> str:
    """How much faster we are, and how much less CPU a message takes."""
    ratio = ours.rate / theirs.rate
    good = "ok" if ratio >= _GOAL else "short"
    return f"{ratio:.2f} of {_GOAL:g} {good}, CPU {theirs.cost / (ours.cost or 1):.2f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.relay")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=1000, help="of each round")
    parser.add_argument(
        "--only", default="", help="only loads whose label has this in it"
    )
    parser.add_argument(
        "--servers", default=f"{SMTPX.name},{WORKERS.name},postfix,exim"
    )
    parser.add_argument("--folder", help="where servers keep their files")
    chosen = parser.parse_args(arguments)
    loads = [each for each in LOADS if chosen.only in each.label]
    print(interpreter())
    os.umask(0o022)
    table: dict[tuple[str, str], Figures] = {}
    pairs: list[tuple[Running, Sink]] = []
    sinks: list[Sink] = []
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        folder.chmod(0o755)
        program = compileLoad(folder)
        try:
            for index, server in enumerate(chosen.servers.split(",")):
                # Each has a sink of its own, so that nothing of another is counted.
                sink = Sink(folder, _PORT + 2 * index + 1)
                sinks.append(sink)
                port = _PORT + 2 * index
                found, missing = startAll([server], folder, port, Mode.RELAY, sink.port)
                pairs += [(each, sink) for each in found]
                print("running" if found else "missing", server, *missing)
            for server_, _ in pairs:
                send(program, server_.port, "-s 2 -l 1000 -r 20", 40)
            time.sleep(1)
            for number in range(chosen.rounds):
                print(f"round {number + 1} of {chosen.rounds}", flush=True)
                for load in loads:
                    for server_, sink in pairs:
                        into = table.setdefault((load.label, server_.name), Figures())
                        measure(program, server_, sink, load, chosen.messages, into)
        finally:
            for server_, _ in pairs:
                server_.stop()
            for sink in sinks:
                sink.stop()
    names = [each.name for each, _ in pairs]
    print("\n".join(report(loads, names, table)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
