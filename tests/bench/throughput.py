"""
How fast, beside others: C{python -m tests.bench.throughput}.

Servers run side by side, and each setting is measured on each of them in turn,
round after round, so that what else the machine does hits all alike.  A claim is a
ratio within one run, ours to the best of the named peers, and never a figure by
itself.  Nothing here fails: it reports.

C{smtpload.c} is the client; it is compiled first, into the folder of the run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import define, field, frozen

from .interpreter import interpreter
from .peers import SMTPX, Mode, Running, startAll

_HERE = Path(__file__).parent
_PORT = 29200

#: Not a server: see C{floor.py}.
FLOOR = "floor"

PROGRAMS = ("twisted.mail", "smtp-server")
SERVERS = ("exim", "postfix", "smtp-server")


@frozen
class Setting:
    """
    One row of the table.

    @ivar label: what is sent how.
    @ivar options: of the load generator.
    @ivar durable: does 250 mean "on the disk"?
    @ivar against: the best of these counts.
    @ivar goal: how many times as fast as that we want to be.
    @ivar others: the options for the peers, where they can't do ours; L{None}:
        the same.
    @ivar floor: is there a figure of Twisted itself to compare with?
    """

    label: str
    options: str
    durable: bool
    against: tuple[str, ...]
    goal: float
    others: str | None = None
    floor: bool = False

    @property
    def servers(self) -> tuple[str, ...]:
        """Who is measured."""
        extra = (FLOOR,) if self.floor else ()
        return (SMTPX.name, *self.against, *extra)


SETTINGS = (
    Setting(
        "sink 1K lock-step, 10", "-s 10 -l 1000 -r 0", False, PROGRAMS, 2, floor=True
    ),
    Setting(
        "sink 1K pipelined, 10", "-s 10 -l 1000 -r 0 -M pipe", False, PROGRAMS, 1.8
    ),
    Setting(
        "sink 1K across messages, 10",
        "-s 10 -l 1000 -r 0 -M fpipe",
        False,
        PROGRAMS,
        3.5,
        "-s 10 -l 1000 -r 0 -M pipe",
    ),
    Setting(
        "sink 1K BDAT across messages, 10",
        "-s 10 -l 1000 -r 0 -M fbdat",
        False,
        PROGRAMS,
        3.5,
        "-s 10 -l 1000 -r 0 -M pipe",
    ),
    Setting("durable 1K lock-step, 10", "-s 10 -l 1000 -r 0", True, SERVERS, 6),
    Setting("durable 1K lock-step, 100", "-s 100 -l 1000 -r 0", True, SERVERS, 10),
    Setting(
        "durable 1K, connection a message, 10",
        "-s 10 -l 1000 -r 1 -Q",
        True,
        SERVERS,
        3,
    ),
    Setting("durable 10K, 10", "-s 10 -l 10000 -r 0", True, SERVERS, 3),
    Setting(
        "durable 1M BDAT (peers: DATA), 10",
        "-s 10 -l 1000000 -r 0 -M bdat",
        True,
        ("smtp-server",),
        2,
        "-s 10 -l 1000000 -r 0",
    ),
    Setting("durable 1M DATA, 10", "-s 10 -l 1000000 -r 0", True, ("smtp-server",), 1),
)


@define
class Figures:
    """
    What one server did under one setting, a value a round.

    @ivar rates: messages a second.
    @ivar costs: microseconds of the server's CPU a message.
    @ivar failures: messages that failed, in all rounds.
    """

    rates: list[float] = field(factory=list)
    costs: list[float] = field(factory=list)
    failures: int = 0

    @property
    def rate(self) -> float:
        """The median rate."""
        return statistics.median(self.rates) if self.rates else 0.0

    @property
    def cost(self) -> float:
        """The median cost."""
        return statistics.median(self.costs) if self.costs else 0.0


def compileLoad(folder: Path) -> Path:
    """
    Compile the load generator.

    @return: the program.
    @raise SystemExit: there is no C compiler, or no OpenSSL headers.
    """
    program = folder / "smtpload"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("smtpload.c wants a C compiler (Debian: gcc libssl-dev)")
    source = str(_HERE / "smtpload.c")
    command = [compiler, "-O2", "-w", "-o", str(program), source, "-lssl", "-lcrypto"]
    if subprocess.run(command).returncode:
        raise SystemExit("smtpload.c could not be compiled (Debian: libssl-dev)")
    return program


def load(program: Path, port: int, options: str, seconds: float) -> dict[str, float]:
    """Send messages for some seconds; gives the generator's figures by name."""
    command = [str(program), "-m", "100000000", "-t", str(seconds), *options.split()]
    done = subprocess.run(
        [*command, "127.0.0.1", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    words = [word.partition("=") for word in done.stdout.split() if "=" in word]
    return {name: float(value) for name, _, value in words}


def measure(
    program: Path, server: Running, setting: Setting, seconds: float, into: Figures
) -> None:
    """One round of one setting on one server."""
    options = setting.options
    if server.name != SMTPX.name and setting.others is not None:
        options = setting.others
    before = server.cpuSeconds()
    found = load(program, server.port, options, seconds)
    count = found.get("msgs", 0.0)
    into.rates.append(found.get("msg_s", 0.0))
    into.failures += int(found.get("fails", 0))
    if count:
        into.costs.append((server.cpuSeconds() - before) / count * 1e6)


def idleSlope(program: Path, server: Running, count: int) -> float:
    """
    What an idle connection costs in clear, after EHLO.

    @return: kilobytes of resident memory a connection, from one tenth of
        C{count} to C{count}.
    """
    seen = []
    for number in (count // 10, count):
        options = [str(program), "-s", str(number), "-I", "6", "-t", "60"]
        holding = subprocess.Popen(
            [*options, "127.0.0.1", str(server.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(4)
        seen.append(server.residentKilobytes())
        holding.wait(90)
        time.sleep(1)
    return (seen[1] - seen[0]) / (count - count // 10)


def report(
    settings: Iterable[Setting], table: dict[tuple[str, str], Figures]
) -> list[str]:
    """The table, a line a setting."""
    lines = []
    for setting in settings:
        ours = table[(setting.label, SMTPX.name)]
        peers = {
            name: table[(setting.label, name)]
            for name in setting.servers[1:]
            if (setting.label, name) in table
        }
        shown = ", ".join(
            f"{name} {figures.rate:.0f}/s ({figures.cost:.0f} us)"
            + (f" {figures.failures} failed" if figures.failures else "")
            for name, figures in (("smtpx", ours), *peers.items())
        )
        rates = [peers[name].rate for name in setting.against if name in peers]
        best = max(rates, default=0.0)
        ratio = f"{ours.rate / best:.2f}" if best else "no peer"
        verdict = (
            "" if not best else "ok" if ours.rate >= setting.goal * best else "short"
        )
        lines.append(
            f"{setting.label:40} {ratio:>8} of {setting.goal:<4} {verdict:6} {shown}"
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.throughput")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="of each setting on each server"
    )
    parser.add_argument(
        "--only", default="", help="only settings whose label has this in it"
    )
    parser.add_argument(
        "--idle", type=int, default=1000, help="idle connections; 0: not measured"
    )
    parser.add_argument("--folder", help="where servers keep their files")
    chosen = parser.parse_args(arguments)
    settings = [each for each in SETTINGS if chosen.only in each.label]
    print(interpreter())
    os.umask(0o022)
    table: dict[tuple[str, str], Figures] = {}
    slopes = []
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        folder.chmod(0o755)
        program = compileLoad(folder)
        for durable in (False, True):
            wanted = [each for each in settings if each.durable is durable]
            if not wanted:
                continue
            names = dict.fromkeys(n for each in wanted for n in each.against)
            extra = () if durable else (FLOOR,)
            servers, missing = startAll(
                [SMTPX.name, *names, *extra],
                folder,
                _PORT + 10 * durable,
                Mode.DURABLE if durable else Mode.SINK,
            )
            print("running", [each.name for each in servers], "missing", missing)
            try:
                for server in servers:
                    load(program, server.port, "-s 2 -l 1000 -r 20", 0.5)
                for number in range(chosen.rounds):
                    print(f"round {number + 1} of {chosen.rounds}", flush=True)
                    for setting in wanted:
                        for server in servers:
                            if server.name in setting.servers:
                                key = (setting.label, server.name)
                                into = table.setdefault(key, Figures())
                                measure(program, server, setting, chosen.seconds, into)
                if chosen.idle and not durable:
                    slopes = [
                        f"{each.name} {idleSlope(program, each, chosen.idle):.1f} kB"
                        for each in servers
                    ]
            finally:
                for server in servers:
                    server.stop()
    print("\n".join(report(settings, table)))
    if slopes:
        print("an idle connection:", ", ".join(slopes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
