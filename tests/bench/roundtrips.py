"""
How many round trips a message takes, beside others:
C{python -m tests.bench.roundtrips}, as root.

Two servers stand in network namespaces that are a delay apart
(L{tests.interop.apart}).  The one sends a message to the other, which puts it onto the
disk.  What is told is the time from the departure of the SYN to the arrival of the
final 250, in round trips, as the packets show it; the median of some.

A whole number and a few hundredths is what it takes; anything else is a wait for
something that is no answer (Nagle, a delayed ACK, a disk).  Nothing here fails: it
reports.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SkipTest

from ..interop.apart import Apart
from ..tls.identities import ROOT, made
from ..tls.joined import pem, pemKey
from .flights import Exchange, exchanges
from .tripends import RECEIVERS, SENDERS, Receiver, messageOf
from .triprows import ROWS, Row, Security

#: Who sends to whom, by default; the last is what the others are beside.
_PAIRS = "smtpx-smtpx,exim-smtpx,smtpx-exim,smtpx-postfix,postfix-smtpx,exim-exim"

#: What they are called.
_NAMES = {"smtpx": "smtpx", "exim": "Exim", "postfix": "Postfix"}

Pair = tuple[str, str]


@frozen
class Bench:
    """
    Where it is measured.

    @ivar apart: the two ends.
    @ivar folder: for everybody's files.
    @ivar count: how many messages count.
    @ivar octets: how large they are.
    @ivar verbose: print each flight.
    """

    apart: Apart
    folder: Path
    count: int
    octets: int
    verbose: bool

    def end(self, receiver: Receiver) -> None:
        """End a receiver, where it stands."""
        with self.apart.far():
            receiver.close()

    def measure(self, sender: str, receiver: Receiver, row: Row) -> float | None:
        """
        @return: round trips; L{None}: these two cannot.
        """
        implicit = row.security is Security.IMPLICIT
        port = receiver.tlsPort if implicit else receiver.port
        port = receiver.earlyPort if row.banner else port
        if port is None:
            return None
        found: list[Exchange] = []
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        with self.apart.near(), ExitStack() as stack:
            try:
                client = SENDERS[sender](folder, row, port, messageOf(self.octets))
            except SkipTest:
                return None
            stack.callback(client.close)
            for index in range(row.warm + self.count):
                self.apart.packets.clear()
                client.send()
                # Until goodbye is said.
                time.sleep(0.4 + 4 * self.apart.delaySeconds)
                packets = list(self.apart.packets)
                if index >= row.warm:
                    found += exchanges(packets, port, 2 * self.apart.delaySeconds)
        if self.verbose:
            for each in found:
                said = " ".join(f"{at:.2f}:{octets}" for at, octets in each.flights)
                told = f"packets={each.packets} syn={each.inSYN} [{said}]"
                print(f"    {each.trips:.2f} {told}")
        return statistics.median(each.trips for each in found) if found else None

    def table(
        self,
        receivers: dict[str, Receiver],
        pairs: Sequence[Pair],
        rows: Sequence[Row],
    ) -> Iterator[tuple[Row, list[str]]]:
        """Measure row by row, and say what came of it."""
        for row in rows:
            cells = []
            for sender, name in pairs:
                receiver = receivers.get(name)
                trips = (
                    None if receiver is None else self.measure(sender, receiver, row)
                )
                cells.append("-" if trips is None else f"{trips:.2f}")
            yield row, cells


def _certify(folder: Path) -> None:
    """Put a certificate for the far end into a folder."""
    identity = made(ROOT, names=["mx.example.org"])
    (folder / "certificate.pem").write_bytes(pem(identity.certificate))
    (folder / "key.pem").write_bytes(pemKey(identity.key))
    (folder / "ca.pem").write_bytes(pem(ROOT.certificate))


def _receivers(
    bench: Bench, names: Sequence[str], stack: ExitStack
) -> dict[str, Receiver]:
    """Start them; those that are not on this machine are left out."""
    receivers: dict[str, Receiver] = {}
    with bench.apart.far():
        for name in names:
            place = bench.folder / f"far-{name}"
            place.mkdir()
            _certify(place)
            try:
                receivers[name] = RECEIVERS[name](place)
            except SkipTest as missing:
                print(missing)
            else:
                stack.callback(bench.end, receivers[name])
    return receivers


def _titles(pairs: Sequence[Pair]) -> list[str]:
    return [f"{_NAMES[sender]} to {_NAMES[receiver]}" for sender, receiver in pairs]


def _printed(
    pairs: Sequence[Pair], found: Iterator[tuple[Row, list[str]]]
) -> Iterator[str]:
    """The lines of a table for the eye."""
    yield f"{'':38}" + "".join(f"{title:>18}" for title in _titles(pairs))
    for row, cells in found:
        yield f"{row.label:38}" + "".join(f"{cell:>18}" for cell in cells)


def _documented(
    pairs: Sequence[Pair], found: Iterator[tuple[Row, list[str]]]
) -> Iterator[str]:
    """The lines of a table for the documentation."""
    yield ".. list-table::\n   :header-rows: 1\n"
    yield "   * -"
    yield from (f"     - {title}" for title in _titles(pairs))
    for row, cells in found:
        yield f"   * - {row.label}"
        yield from (f"     - {'–' if cell == '-' else cell}" for cell in cells)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.roundtrips")
    parser.add_argument("--count", type=int, default=3, help="messages of each row")
    parser.add_argument("--delay", type=float, default=0.05, help="one way, seconds")
    parser.add_argument("--octets", type=int, default=1000, help="size of a message")
    parser.add_argument("--pairs", default=_PAIRS, help="who sends to whom")
    parser.add_argument("--rows", default="", help="only rows with this in their name")
    parser.add_argument("--rst", action="store_true", help="print it as a list-table")
    parser.add_argument("--verbose", action="store_true", help="print each flight")
    return parser.parse_args()


def _pair(text: str) -> Pair:
    sender, _, receiver = text.partition("-")
    if sender not in SENDERS or receiver not in RECEIVERS:
        raise SystemExit(f"{text} is none of {', '.join(SENDERS)}, with - in between")
    return sender, receiver


def _stop(number: int, frame: object) -> None:
    # So that what was started is ended, and the namespaces are taken away.
    raise SystemExit(128 + number)


def main() -> None:
    """Measure, and print the table."""
    chosen = _options()
    signal.signal(signal.SIGTERM, _stop)
    pairs = [_pair(each) for each in chosen.pairs.split(",")]
    rows = [row for row in ROWS if chosen.rows in row.label]
    if not rows:
        raise SystemExit(f"no row has {chosen.rows!r} in its name")
    with ExitStack() as stack:
        try:
            apart = Apart(chosen.delay)
        except OSError as error:
            raise SystemExit(
                f"roundtrips.py wants root and a TUN device: {error}"
            ) from error
        stack.callback(apart.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench = Bench(apart, folder, chosen.count, chosen.octets, chosen.verbose)
        names = list(dict.fromkeys(receiver for _, receiver in pairs))
        found = bench.table(_receivers(bench, names, stack), pairs, rows)
        for line in (_documented if chosen.rst else _printed)(pairs, found):
            print(line, flush=True)


if __name__ == "__main__":
    main()
