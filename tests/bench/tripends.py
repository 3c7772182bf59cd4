"""
Who sends and who receives in the bench of round trips.
"""

from __future__ import annotations

import re
import shutil
import smtplib
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import field, frozen
from twisted.trial.unittest import SkipTest

from ..interop.apart import FAR
from ..interop.exim import EximClient
from ..interop.eximserver import EximServer
from ..interop.postfix import PostfixClient
from ..interop.postfixserver import DOMAIN, PostfixServer
from ..interop.running import RunningProgram, freePort, waitFor
from .triprows import Row, Security

_SENDER, _RECIPIENT = "ann@client.example", f"bob@{DOMAIN}"

#: How long a sender may take, in seconds.
_PATIENCE_SECONDS = 20.0

#: Has a process that uses OpenSSL speak nothing newer than TLS 1.2.
_OLD_TLS = """\
openssl_conf = all

[all]
ssl_conf = tls

[tls]
system_default = old

[old]
MaxProtocol = TLSv1.2
"""


def messageOf(octets: int) -> bytes:
    """A message of so many octets on the wire (100 at least), with LF line ends."""
    text = b"Subject: round trips\n\n"
    # Each line end is two octets on the wire.
    lines, rest = divmod(octets - len(text) - 2, 72)
    return text + b"x" * (70 + rest) + b"\n" + (b"x" * 70 + b"\n") * (lines - 1)


# --- who receives -----------------------------------------------------------------


@frozen
class Receiver:
    """
    A server at the far end.

    @ivar name: which.
    @ivar port: with STARTTLS.
    @ivar tlsPort: for implicit TLS; L{None}: it has none.
    @ivar close: ends it.
    @ivar earlyPort: likewise, where it greets early; L{None}: it cannot.
    """

    name: str
    port: int
    tlsPort: int | None
    close: Callable[[], None] = field(repr=False)
    earlyPort: int | None = None


_TAKES = """
name = "mx.example.org"
state = "state"

[[listener]]
address = "{address}"
port = {port}
tls_resumption_hosts = ["*"]

[[listener]]
address = "{address}"
port = {tlsPort}
tls = "implicit"
tls_resumption_hosts = ["*"]

[[tls.certificates]]
certificate = "certificate.pem"
key = "key.pem"

[local]
domains = ["{domain}"]

[[route]]
match = ["*"]
transport = "hold"

[extensions.CHECKPOINT]
unproven_hosts = ["*"]
"""

_GREETS_EARLY = """
[extensions.EARLYBANNER]
tls_early_banner_hosts = ["*"]
"""

_STARTED = re.compile(r"State is in ")


def _program(
    folder: Path, configuration: str, environment: Mapping[str, str] | None = None
) -> RunningProgram:
    """Start one of ours."""
    (folder / "smtpx.toml").write_text(configuration, "utf-8")
    twistd = str(Path(sys.executable).with_name("twistd"))
    words = [twistd, "-n", "--pidfile=", "smtpx", "--config", "smtpx.toml"]
    program = RunningProgram(folder, words, environment or {})
    program.await_(_STARTED)
    return program


def _ourReceiver(folder: Path) -> Receiver:
    port, tlsPort = freePort(FAR), freePort(FAR)
    text = _TAKES.format(address=FAR, port=port, tlsPort=tlsPort, domain=DOMAIN)
    early = folder / "early"
    early.mkdir()
    for name in ("certificate.pem", "key.pem"):
        shutil.copy(folder / name, early)
    ports = freePort(FAR), freePort(FAR)
    other = _TAKES.format(address=FAR, port=ports[0], tlsPort=ports[1], domain=DOMAIN)
    programs = _program(folder, text), _program(early, other + _GREETS_EARLY)

    def close() -> None:
        for program in programs:
            program.stop()

    return Receiver("smtpx", port, tlsPort, close, ports[1])


def _eximReceiver(folder: Path) -> Receiver:
    tlsPort = freePort(FAR)
    resumes = ["tls_resumption_hosts = *"]
    exim = EximServer(folder, "+all", "secret", FAR, resumes, tlsPort)
    return Receiver("Exim", exim.port, tlsPort, exim.close)


def _postfixReceiver(folder: Path) -> Receiver:
    readable = Path(tempfile.mkdtemp(prefix="smtpx-roundtrips-"))
    for name in ("certificate.pem", "key.pem"):
        shutil.copy(folder / name, readable)
    tlsPort = freePort(FAR)
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
        f"{FAR}:{tlsPort} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n",
    )

    def close() -> None:
        postfix.close()
        shutil.rmtree(readable)

    return Receiver("Postfix", postfix.port, tlsPort, close)


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
hosts_whole_in_syn = [{named}]

[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[{address}]:{port}"]
tls = "{level}"
implicit_tls = {implicit}
tls_resumption_hosts = [{resumed}]

[extensions.PIPECONNECT]
hosts_pipe_connect = [{early}]
hosts_pipe_connect_presume = [{presumed}]

[extensions.CHECKPOINT]
hosts_try_checkpoint = [{named}]
"""


def _ourSender(folder: Path, row: Row, port: int, message: bytes) -> Sender:
    own = freePort()
    clear = row.security is Security.CLEAR
    text = _SENDS.format(
        own=own,
        address=FAR,
        port=port,
        level="unwanted" if clear else "encrypted",
        implicit=str(row.security is Security.IMPLICIT).lower(),
        early='"*"' if row.early else "",
        presumed='"*"' if row.presumed else "",
        fast='"*"' if row.fast else "",
        resumed='"*"' if row.resumed else "",
        named='"*"' if row.named else "",
    )
    environment = {}
    if row.version == "1.2":
        (folder / "openssl.cnf").write_text(_OLD_TLS, "ascii")
        environment["OPENSSL_CONF"] = str(folder / "openssl.cnf")
    program = _program(folder, text, environment)
    log, count = folder / "state" / "main.log", 0
    onWire = message.replace(b"\n", b"\r\n")

    def send() -> None:
        nonlocal count
        count += 1
        with smtplib.SMTP("127.0.0.1", own, timeout=_PATIENCE_SECONDS) as client:
            client.sendmail(_SENDER, [_RECIPIENT], onWire)
        waitFor(lambda: log.read_text().count(" Completed") >= count, "delivery")

    return Sender(send, program.stop)


def _eximSender(folder: Path, row: Row, port: int, message: bytes) -> Sender:
    if row.named or row.presumed:
        raise SkipTest("it has no such thing")
    options = [
        f"hosts_try_fastopen = {'*' if row.fast else ''}",
        "tls_verify_hosts =",
        "tls_try_verify_hosts =",
    ]
    if row.early:
        options.append("hosts_pipe_connect = *")
    if row.security is Security.CLEAR:
        options.append("hosts_avoid_tls = *")
    else:
        options.append("hosts_require_tls = *")
    if row.security is Security.IMPLICIT:
        options.append("protocol = smtps")
    if row.resumed:
        options.append("tls_resumption_hosts = *")
    if row.version == "1.2":
        options.append("tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.2")
    exim = EximClient(port, options, host=FAR, bare=True)
    return Sender(lambda: exim.send(_RECIPIENT, message), exim.remove)


def _postfixSender(folder: Path, row: Row, port: int, message: bytes) -> Sender:
    if row.early or row.fast or row.named or row.presumed:
        raise SkipTest("it has no such thing")
    level = "none" if row.security is Security.CLEAR else "encrypt"
    options = {"inet_interfaces": "127.0.0.1", "smtp_tls_security_level": level}
    if row.version == "1.2":
        options["smtp_tls_mandatory_protocols"] = ">=TLSv1.2, <=TLSv1.2"
    if row.security is Security.IMPLICIT:
        options["smtp_tls_wrappermode"] = "yes"
    postfix, count = PostfixClient(port, options, host=FAR), 0

    def send() -> None:
        nonlocal count
        count += 1
        postfix.send(_RECIPIENT, message)
        waitFor(lambda: len(postfix.deliveries()) >= count, "delivery")

    return Sender(send, postfix.remove)


SENDERS = {"smtpx": _ourSender, "exim": _eximSender, "postfix": _postfixSender}


__all__ = ["RECEIVERS", "Receiver", "SENDERS", "Sender", "messageOf"]
