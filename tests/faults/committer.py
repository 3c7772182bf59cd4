"""
A program that commits messages as fast as it can, until it is killed.

It prints one line, in one write, for each message that was acknowledged, after
its commit fired, and for each that it is about to settle, before::

    250 ID DIGEST
    gone ID

Each message says in its header which it is and what its body's digest is, so
that one which was not acknowledged can be looked at as well.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import time
from collections.abc import Sequence
from typing import cast

from twisted.internet import reactor
from twisted.internet.interfaces import IReactorCore
from twisted.python.failure import Failure

from smtpx.core.envelope import Envelope, Recipient
from smtpx.spool import store
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.incoming import Incoming
from smtpx.spool.interfaces import ISpoolReactor, SpoolBroken
from smtpx.spool.sqlite import SQLiteSpool


class Committer:
    """
    All that the program does.

    @ivar left: how many messages are still to be begun.
    """

    def __init__(self, spool: SQLiteSpool, options: argparse.Namespace) -> None:
        self._spool = spool
        self._options = options
        self._random = random.Random(options.seed)
        self._number = 0
        self._underway = 0
        self.left: int = options.messages

    def start(self, _: object) -> None:
        """The spool is open: begin."""
        if self._options.deliver:
            self._spool.watch(self.deliver)
            self.deliver()
        for _ in range(self._options.sessions):
            self.commit()

    def commit(self) -> None:
        """Commit one message; the next when it is acknowledged."""
        if not self.left:
            if not self._underway:
                self.stop()
            return
        self.left -= 1
        self._number += 1
        self._underway += 1
        incoming = self._spool.begin()
        digest = self.fill(incoming)
        number = f"{self._options.seed}-{self._number}"
        prefix = (
            f"Received: by server.example id {incoming.id}\r\n"
            f"X-Number: {number}\r\nX-Digest: {digest}\r\n"
        ).encode("ascii")
        envelope = Envelope(
            b"a@client.example",
            time.time(),
            [Recipient(b"b@server.example"), Recipient(b"c@server.example")],
            incoming.octets,
        )

        def told(_: None) -> None:
            self._underway -= 1
            self.say(f"250 {incoming.id} {digest}")
            self.commit()

        incoming.commit(envelope, prefix, False).addCallback(told)

    def fill(self, incoming: Incoming) -> str:
        """Write a body of some size in pieces of some size; its digest."""
        most = self._random.choices([4 << 10, 64 << 10, 300 << 10], [7, 2, 1])[0]
        body = self._random.randbytes(self._random.randrange(most))
        step = self._random.choice([1 << 10, 64 << 10, 256 << 10])
        for start in range(0, len(body), step):
            incoming.write(body[start : start + step])
        return hashlib.sha256(body).hexdigest()

    def deliver(self) -> None:
        """Settle some of the messages that are ready."""

        def lease(messages: Sequence[SpooledMessage]) -> None:
            for message in messages:
                self.settle(message)

        ready = self._spool.ready(time.time(), 5)
        ready.addCallbacks(lease, self.closing)

    def settle(self, message: SpooledMessage) -> None:
        """Deliver it, to all or to one; or keep it leased."""
        chance = self._random.random()
        first, second = Outcome(0, Fate.DELIVERED), Outcome(1, Fate.DELIVERED)
        if chance < 0.3:
            self.say(f"gone {message.id}")
            settled = self._spool.settle(message, [first, second], None)
            settled.addErrback(self.closing)
        elif chance < 0.5:
            settled = self._spool.settle(message, [first], time.time() + 0.02)
            settled.addErrback(self.closing)

    def closing(self, failure: Failure) -> None:
        """The spool is closing, and says so."""
        failure.trap(SpoolBroken)

    def say(self, line: str) -> None:
        """Print a line in one write, so that it is there whole or not at all."""
        os.write(1, line.encode("ascii") + b"\n")

    def stop(self) -> None:
        """Close and end."""
        closed = self._spool.close()
        closed.addCallback(lambda _: cast(IReactorCore, reactor).stop())


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--messages", type=int, default=-1)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--deliver", action="store_true")
    parser.add_argument("--durability", default=store.DURABILITY)
    options = parser.parse_args()
    # A short log is started over often, so that checkpoints are under fire too.
    store.LOG_OCTETS = 1 << 20
    store.DURABILITY = options.durability
    spool = SQLiteSpool(
        cast(ISpoolReactor, reactor),
        options.folder,
        queueProfileStamps={},
        lowWaterOctets=0,
    )
    committer = Committer(spool, options)
    spool.open().addCallback(committer.start)
    cast(IReactorCore, reactor).run()


if __name__ == "__main__":
    main()
