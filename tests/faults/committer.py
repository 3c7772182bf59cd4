"""
A program that commits messages as fast as it can, until it is killed.

It prints one line, in one write, for each message that was acknowledged, after
its commit fired, and for each that it is about to settle, before::

    250 ID DIGEST
    gone ID

For a message that failed and is replaced by a report of it, it prints C{fail ID}
before and the report's C{250} after; C{over ID} before the report on a message is
settled; C{park ID LANE} after a message was parked, C{touch ID} before anything
changes of one that was; C{unpark LANE} before a lane is emptied, and C{emptied
LANE} after.

Each message says in its header which it is and what its body's digest is, so
that one which was not acknowledged can be looked at as well.  Every other one comes
with a name, C{X-Name}, whose note is the message's id.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import time
from collections.abc import Sequence
from typing import cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.python.failure import Failure

from smtpx.core.envelope import Envelope, Recipient
from smtpx.spool import store
from smtpx.spool.bodies import INSIDE
from smtpx.spool.format import Fate, Outcome, Report, SpooledMessage
from smtpx.spool.incoming import Incoming
from smtpx.spool.interfaces import ISpoolReactor, SpoolBroken
from smtpx.spool.nametable import Name
from smtpx.spool.sqlite import SQLiteSpool

#: The lanes that messages are parked for.
LANES = (b"one", b"two", b"three")

#: What a report is about.
ABOUT = re.compile(rb"X-About: (\S+)\r\n")


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
        self._emptying = False
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
        name = None
        if self._number % 2:
            prefix += f"X-Name: {number}\r\n".encode("ascii")
            name = self.name(number, incoming, digest)
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

        incoming.commit(envelope, prefix, False, name).addCallback(told)

    def name(self, number: str, incoming: Incoming, digest: str) -> Name:
        """A name for a message; the digest of a long one is left to the spool."""
        key = hashlib.sha256(number.encode("ascii")).digest()
        known = None if incoming.octets > INSIDE else bytes.fromhex(digest)
        return Name(key, b"client", 9e9, incoming.octets, known, incoming.id)

    def fill(self, incoming: Incoming) -> str:
        """Write a body of some size in pieces of some size; its digest."""
        most = self._random.choices([4 << 10, 64 << 10, 300 << 10], [7, 2, 1])[0]
        body = self._random.randbytes(self._random.randrange(most))
        step = self._random.choice([1 << 10, 64 << 10, 256 << 10])
        for start in range(0, len(body), step):
            incoming.write(body[start : start + step])
        return hashlib.sha256(body).hexdigest()

    def deliver(self) -> None:
        """Settle some of the messages that are ready, and some of a lane."""

        def lease(messages: Sequence[SpooledMessage]) -> None:
            for message in messages:
                self.settle(message)

        ready = self._spool.ready(time.time(), 5)
        ready.addCallbacks(lease, self.closing)
        if self._random.random() < 0.2:
            parked = self._spool.parked(self._random.choice(LANES), 3)
            parked.addCallbacks(lease, self.closing)
        elif not self._emptying and self._random.random() < 0.05:
            lane = self._random.choice(LANES)
            name = lane.decode("ascii")
            self.say(f"unpark {name}")
            self._emptying = True
            unparked = self._spool.unpark(lane, time.time())
            unparked.addCallbacks(lambda _: self.emptied(name), self.closing)

    def emptied(self, name: str) -> None:
        """A lane is empty, but for what was parked meanwhile."""
        self._emptying = False
        self.say(f"emptied {name}")

    def settle(self, message: SpooledMessage) -> None:
        """Deliver it, to all or to one; report it, park it, or keep it leased."""
        chance = self._random.random()
        everybody = [Outcome(index, Fate.DELIVERED) for index in message.waiting]
        about = ABOUT.search(message.prefix)
        if message.lane is not None:
            self.say(f"touch {message.id}")
        if chance < 0.3:
            if about is not None:
                self.say(f"over {about[1].decode('ascii')}")
            self.say(f"gone {message.id}")
            self.end(self._spool.settle(message, everybody, None))
        elif chance < 0.45:
            due = time.time() + 0.02
            self.end(self._spool.settle(message, everybody[1:], due))
        elif chance < 0.6 and about is None:
            self.report(message)
        elif chance < 0.8:
            self.park(message, everybody[1:] if chance < 0.7 else [])

    def report(self, message: SpooledMessage) -> None:
        """Nobody can have it: put down a report, and say whether that was done."""
        self.say(f"fail {message.id}")
        body = self._random.randbytes(self._random.randrange(4 << 10))
        digest = hashlib.sha256(body).hexdigest()
        prefix = f"X-Number: {message.id}\r\nX-About: {message.id}\r\n"
        prefix += f"X-Digest: {digest}\r\n"
        to = Envelope(b"", time.time(), [Recipient(b"a@client.example")], len(body))
        report = Report(to, prefix.encode("ascii"), body)
        failed = [Outcome(index, Fate.FAILED, "no") for index in message.waiting]
        settled = self._spool.settle(message, failed, None, [report])
        settled.addCallbacks(
            lambda ids: self.say(f"250 {ids[0]} {digest}"), self.closing
        )

    def park(self, message: SpooledMessage, outcomes: Sequence[Outcome]) -> None:
        """Park it, and say so once it was done."""
        lane = self._random.choice(LANES)
        # From now on the lane is not what it was.
        self.say(f"touch {message.id}")
        parked = self._spool.park(message, lane, outcomes)
        name = lane.decode("ascii")
        parked.addCallbacks(
            lambda _: self.say(f"park {message.id} {name}"), self.closing
        )

    def end(self, settled: Deferred[Sequence[str]]) -> None:
        """Where it fails, the spool is closing."""
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
