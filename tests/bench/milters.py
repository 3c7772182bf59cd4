"""
What a milter costs: the time that OpenDKIM adds to a message, with a server of ours and
with Postfix, which ask the same one.

Run it as C{python -m tests.bench.milters}.  Messages of about a kilobyte go over one
connection, one after the other; what is printed are medians, in milliseconds.
"""

from __future__ import annotations

import smtplib
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.interop.milterpeers import OpenDKIM
from tests.interop.postfixserver import DOMAIN, PostfixServer
from tests.interop.running import RunningServer
from tests.mailauth.dkimmail import ZONE

#: How many messages one measurement is of, and how many measurements there are.
MESSAGES, ROUNDS = 200, 3

_SENDER = "joe@football.example.com"

_MESSAGE = (
    b"From: Joe <joe@football.example.com>\r\nTo: Ann <ann@box.example>\r\n"
    b"Subject: Hello\r\nDate: Mon, 23 Nov 2026 00:00:00 +0000\r\n"
    b"Message-ID: <1@football.example.com>\r\n\r\n" + b"A line of text.\r\n" * 50
)

_OURS = f"""
[authentication]
checks = []
[local]
domains = ["{DOMAIN}"]
unknown = "accept"
"""

_MILTER = """
[[milter]]
name = "opendkim"
address = "{address}"
"""


def measured(port: int) -> float:
    """The median of what a message takes, in milliseconds."""
    took: list[float] = []
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        for _ in range(MESSAGES):
            began = time.perf_counter()
            client.sendmail(_SENDER, [f"ann@{DOMAIN}"], _MESSAGE)
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def ours(stack: ExitStack, configuration: str) -> int:
    """The port of a server of ours."""
    server = RunningServer(Path(tempfile.mkdtemp()) / "smtpx", _OURS + configuration)
    stack.callback(server.kill)
    return server.port


def postfix(stack: ExitStack, milter: str) -> int:
    """The port of a Postfix."""
    server = PostfixServer({"smtpd_milters": milter})
    stack.callback(server.close)
    return server.port


def main() -> None:
    """Measure, and print what came of it."""
    with ExitStack() as stack:
        for where, port in (("UNIX socket", None), ("TCP", 28891)):
            milter = OpenDKIM("s", ZONE, port)
            stack.callback(milter.remove)
            stack.callback(milter.kill)
            milter.folder.chmod(0o755)
            if port is None:
                Path(milter.address).chmod(0o777)
            theirs = f"unix:{milter.address}"
            if port is not None:
                theirs = f"inet:127.0.0.1:{port}"
            servers: dict[str, Callable[[str], int]] = {
                "smtpx": lambda address: ours(
                    stack, _MILTER.format(address=address) if address else ""
                ),
                "postfix": lambda address, theirs=theirs: postfix(  # type: ignore[misc]  # a default
                    stack, theirs if address else ""
                ),
            }
            for name, make in servers.items():
                without, with_ = make(""), make(milter.address)
                pairs = [(measured(without), measured(with_)) for _ in range(ROUNDS)]
                least = [min(each) for each in zip(*pairs, strict=True)]
                print(
                    f"{where}, {name}: {least[0]:.2f} ms without, {least[1]:.2f} ms"
                    f" with OpenDKIM: {least[1] - least[0]:.2f} ms more"
                )


if __name__ == "__main__":
    main()
