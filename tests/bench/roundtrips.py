"""
How many round trips a message takes, beside others:
C{python -m tests.bench.roundtrips}, as root.

Two servers stand in network namespaces that are a delay apart
(L{tests.interop.apart}).  The one sends a message of 1000 octets to the other, which
puts it onto the disk.  What is told is the time from the departure of the SYN to the
arrival of the final 250, in round trips, as the packets show it; the median of some.

A whole number and a few hundredths is what it takes; anything else is a wait for
something that is no answer (Nagle, a delayed ACK, a disk).  Nothing here fails: it
reports.
"""

from __future__ import annotations

import argparse
import re
import shutil
import smtplib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from enum import Enum
from pathlib import Path

from attrs import field, frozen
from twisted.trial.unittest import SkipTest

from ..interop.apart import FAR, Apart
from ..interop.exim import EximClient
from ..interop.eximserver import EximServer
from ..interop.postfix import PostfixClient
from ..interop.postfixserver import DOMAIN, PostfixServer
from ..interop.running import RunningProgram, freePort, waitFor
from ..tls.identities import ROOT, made
from ..tls.joined import pem, pemKey
from .flights import Exchange, exchanges

_SENDER, _RECIPIENT = "ann@client.example", f"bob@{DOMAIN}"

#: A message of 1000 octets, with LF line ends.
_MESSAGE = b"Subject: round trips\n\n" + b"x" * 69 + b"\n" + b"x" * 65 + b"\n"
_MESSAGE += (b"x" * 69 + b"\n") * 12

#: How long a sender may take, in seconds.
_PATIENCE_SECONDS = 20.0


class Security(Enum):
    """How a row is secured."""

    CLEAR = "clear"
    STARTTLS = "STARTTLS"
    IMPLICIT = "implicit TLS"


@frozen
class Row:
    """
    A row of the table.

    @ivar security: how it is secured.
    @ivar early: may the sender talk before the greeting (PIPECONNECT)?
    @ivar fast: are connections opened fast (RFC 7413)?
    @ivar warm: how many messages go before those that count.
    """

    security: Security
    early: bool = False
    warm: int = 0
    fast: bool = False

    @property
    def label(self) -> str:
        """What it is called."""
        if self.fast:
            return f"{self.security.value}, PIPECONNECT warm, TFO"
        if self.early:
            return f"{self.security.value}, PIPECONNECT warm"
        return f"{self.security.value}, no knowledge"


ROWS = (
    Row(Security.CLEAR),
    Row(Security.CLEAR, True, 2),
    Row(Security.CLEAR, True, 3, True),
    Row(Security.STARTTLS),
    Row(Security.STARTTLS, True, 2),
    Row(Security.STARTTLS, True, 3, True),
    Row(Security.IMPLICIT),
    Row(Security.IMPLICIT, True, 2),
    Row(Security.IMPLICIT, True, 3, True),
)


# --- who receives -----------------------------------------------------------------


@frozen
class Receiver:
    """
    A server at the far end.

    @ivar name: which.
    @ivar port: with STARTTLS.
    @ivar tlsPort: for implicit TLS; L{None}: it has none.
    @ivar close: ends it.
    """

    name: str
    port: int
    tlsPort: int | None
    close: Callable[[], None] = field(repr=False)


_TAKES = """
name = "mx.example.org"
state = "state"

[[listener]]
address = "{address}"
port = {port}

[[listener]]
address = "{address}"
port = {tlsPort}
tls = "implicit"

[[tls.certificates]]
certificate = "certificate.pem"
key = "key.pem"

[local]
domains = ["{domain}"]

[[route]]
match = ["*"]
transport = "hold"
"""

_STARTED = re.compile(r"State is in ")


def _program(folder: Path, configuration: str) -> RunningProgram:
    """Start one of ours."""
    (folder / "smtpx.toml").write_text(configuration, "utf-8")
    twistd = str(Path(sys.executable).with_name("twistd"))
    words = [twistd, "-n", "--pidfile=", "smtpx", "--config", "smtpx.toml"]
    program = RunningProgram(folder, words)
    program.await_(_STARTED)
    return program


def _ourReceiver(folder: Path) -> Receiver:
    port, tlsPort = freePort(FAR), freePort(FAR)
    text = _TAKES.format(address=FAR, port=port, tlsPort=tlsPort, domain=DOMAIN)
    return Receiver("smtpx", port, tlsPort, _program(folder, text).stop)


def _eximReceiver(folder: Path) -> Receiver:
    exim = EximServer(folder, "+all", "secret", FAR)
    return Receiver("Exim", exim.port, None, exim.close)


def _postfixReceiver(folder: Path) -> Receiver:
    readable = Path(tempfile.mkdtemp(prefix="smtpx-roundtrips-"))
    for name in ("certificate.pem", "key.pem"):
        shutil.copy(folder / name, readable)
    postfix = PostfixServer(
        {
            "inet_interfaces": FAR,
            "smtpd_tls_security_level": "may",
            # There is no anvil to count, and it would be waited for.
            "smtpd_client_connection_count_limit": "0",
            "smtpd_tls_cert_file": str(readable / "certificate.pem"),
            "smtpd_tls_key_file": str(readable / "key.pem"),
        },
        FAR,
    )

    def close() -> None:
        postfix.close()
        shutil.rmtree(readable)

    return Receiver("Postfix", postfix.port, None, close)


RECEIVERS = {
    "smtpx": _ourReceiver,
    "exim": _eximReceiver,
    "postfix": _postfixReceiver,
}


# --- who sends --------------------------------------------------------------------


@frozen
class Sender:
    """
    A client at the near end.

    @ivar send: has one message sent, and returns when it is.
    @ivar close: ends it.
    """

    send: Callable[[], None]
    close: Callable[[], None]


_SENDS = """
name = "client.example"
state = "state"

[[listener]]
address = "127.0.0.1"
port = {own}
tls = "none"

[relay]
hosts = ["127.0.0.1"]

[sending]
idle_seconds = 0.2
hosts_try_fastopen = [{fast}]

[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[{address}]:{port}"]
tls = "{level}"
implicit_tls = {implicit}

[extensions.PIPECONNECT]
hosts_pipe_connect = [{early}]
"""


def _ourSender(folder: Path, row: Row, port: int) -> Sender:
    own = freePort()
    clear = row.security is Security.CLEAR
    text = _SENDS.format(
        own=own,
        address=FAR,
        port=port,
        level="unwanted" if clear else "encrypted",
        implicit=str(row.security is Security.IMPLICIT).lower(),
        early='"*"' if row.early else "",
        fast='"*"' if row.fast else "",
    )
    program = _program(folder, text)
    log, count = folder / "state" / "main.log", 0
    message = _MESSAGE.replace(b"\n", b"\r\n")

    def send() -> None:
        nonlocal count
        count += 1
        with smtplib.SMTP("127.0.0.1", own, timeout=_PATIENCE_SECONDS) as client:
            client.sendmail(_SENDER, [_RECIPIENT], message)
        waitFor(lambda: log.read_text().count(" Completed") >= count, "delivery")

    return Sender(send, program.stop)


def _eximSender(folder: Path, row: Row, port: int) -> Sender:
    if row.security is Security.IMPLICIT:
        raise SkipTest("not measured")
    fast = "*" if row.fast else ""
    options = [
        f"hosts_try_fastopen = {fast}",
        "tls_verify_hosts =",
        "tls_try_verify_hosts =",
    ]
    if row.early:
        options.append("hosts_pipe_connect = *")
    if row.security is Security.STARTTLS:
        options += ["hosts_require_tls = *"]
    else:
        options.append("hosts_avoid_tls = *")
    exim = EximClient(port, options, host=FAR, bare=True)
    return Sender(lambda: exim.send(_RECIPIENT, _MESSAGE), exim.remove)


def _postfixSender(folder: Path, row: Row, port: int) -> Sender:
    if row.early or row.fast or row.security is Security.IMPLICIT:
        raise SkipTest("it has no such thing")
    level = "none" if row.security is Security.CLEAR else "encrypt"
    options = {"inet_interfaces": "127.0.0.1", "smtp_tls_security_level": level}
    postfix, count = PostfixClient(port, options, host=FAR), 0

    def send() -> None:
        nonlocal count
        count += 1
        postfix.send(_RECIPIENT, _MESSAGE)
        waitFor(lambda: len(postfix.deliveries()) >= count, "delivery")

    return Sender(send, postfix.remove)


SENDERS = {"smtpx": _ourSender, "exim": _eximSender, "postfix": _postfixSender}

#: Who sends to whom, by default; the last is what the others are beside.
_PAIRS = "smtpx-smtpx,exim-smtpx,smtpx-exim,smtpx-postfix,postfix-smtpx,exim-exim"


# --- measuring --------------------------------------------------------------------


@frozen
class Bench:
    """
    Where it is measured.

    @ivar apart: the two ends.
    @ivar folder: for everybody's files.
    @ivar count: how many messages count.
    @ivar verbose: print each flight.
    """

    apart: Apart
    folder: Path
    count: int
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
        if port is None:
            return None
        found: list[Exchange] = []
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        with self.apart.near(), ExitStack() as stack:
            try:
                client = SENDERS[sender](folder, row, port)
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


def _certify(folder: Path) -> None:
    """Put a certificate for the far end into a folder."""
    identity = made(ROOT, names=["mx.example.org"])
    (folder / "certificate.pem").write_bytes(pem(identity.certificate))
    (folder / "key.pem").write_bytes(pemKey(identity.key))
    (folder / "ca.pem").write_bytes(pem(ROOT.certificate))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.roundtrips")
    parser.add_argument("--count", type=int, default=3, help="messages of each row")
    parser.add_argument("--delay", type=float, default=0.05, help="one way, seconds")
    parser.add_argument("--pairs", default=_PAIRS, help="who sends to whom")
    parser.add_argument("--rows", default="", help="only rows with this in their name")
    parser.add_argument("--verbose", action="store_true", help="print each flight")
    return parser.parse_args()


def main() -> None:
    """Measure, and print the table."""
    chosen = _options()
    pairs = [tuple(each.split("-")) for each in chosen.pairs.split(",")]
    rows = [row for row in ROWS if chosen.rows in row.label]
    with ExitStack() as stack:
        try:
            apart = Apart(chosen.delay)
        except OSError as error:
            raise SystemExit(
                f"roundtrips.py wants root and a TUN device: {error}"
            ) from error
        stack.callback(apart.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench = Bench(apart, folder, chosen.count, chosen.verbose)
        receivers: dict[str, Receiver] = {}
        with apart.far():
            for name in dict.fromkeys(receiver for _, receiver in pairs):
                place = folder / f"far-{name}"
                place.mkdir()
                _certify(place)
                try:
                    receivers[name] = RECEIVERS[name](place)
                except SkipTest as missing:
                    print(missing)
                else:
                    stack.callback(bench.end, receivers[name])
        print(f"{'':34}" + "".join(f"{'->'.join(pair):>17}" for pair in pairs))
        for row in rows:
            cells = []
            for sender, name in pairs:
                receiver = receivers.get(name)
                trips = (
                    None if receiver is None else bench.measure(sender, receiver, row)
                )
                cells.append(f"{'-' if trips is None else f'{trips:.2f}':>17}")
            print(f"{row.label:34}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
