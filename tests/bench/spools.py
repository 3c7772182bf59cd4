"""
C{python -m tests.bench.spools WHAT FOLDER}: what the spool costs by itself.

C{flow}
    commits messages of 1 KB, 64 at a time, and delivers them as they come; then the
    same without anybody who delivers.
C{lanes}
    parks 20,000 messages, draws them from their lane, puts them off, makes a lane
    due.
C{million}
    opens a spool with a million messages (C{--parked}: so many of them parked), and
    leases them: seconds, and the memory that it takes.

The folder is made, and must not be there.  The figures are of one process on one
machine; they are for comparing one version of the spool with another.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from twisted.internet import epollreactor

epollreactor.install()

from twisted.internet import reactor  # noqa: E402
from twisted.internet.defer import Deferred, gatherResults  # noqa: E402
from twisted.internet.interfaces import IReactorCore  # noqa: E402
from twisted.python.failure import Failure  # noqa: E402

from smtpx.core.envelope import Envelope, Recipient  # noqa: E402
from smtpx.spool.changes import parked  # noqa: E402
from smtpx.spool.format import Fate, Outcome, SpooledMessage, dump  # noqa: E402
from smtpx.spool.identity import PER_SECOND, Identities  # noqa: E402
from smtpx.spool.interfaces import ISpoolReactor  # noqa: E402
from smtpx.spool.recovery import prepare  # noqa: E402
from smtpx.spool.sqlite import SQLiteSpool  # noqa: E402
from smtpx.spool.store import Store  # noqa: E402

BODY = b"x" * 1000
PREFIX = (
    b"Received: from client.example (client.example [192.0.2.1])\r\n"
    b"\tby mx.example with esmtp (smtpx)\r\n\tid 000000-000000-00\r\n"
    b"\tfor b@server.example; Sun, 22 Nov 2026 10:00:00 +0000\r\n"
)
WAITS = [Outcome(0, Fate.WAITING, "the host is busy")]
DONE = [Outcome(0, Fate.DELIVERED)]

#: How many messages are committed at a time.
SESSIONS = 64


def envelope() -> Envelope:
    """Everybody's."""
    recipients = [Recipient(b"b@server.example")]
    return Envelope(b"a@client.example", 1763780000.25, recipients, len(BODY))


def memory() -> int:
    """The memory of this process, in megabytes."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


class Stopwatch:
    """Says how long something took, on the clock and of the processor."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.perf_counter()
        self._busy = time.process_time()

    def say(self, number: int) -> None:
        """So many messages went through."""
        rate = number / (time.perf_counter() - self._began)
        busy = (time.process_time() - self._busy) / number * 1e6
        print(f"{self._what:12} {rate:9.0f}/s {busy:7.1f} us of CPU each")


async def put(spool: SQLiteSpool, number: int) -> None:
    """Commit messages, so many at a time."""
    left = number

    async def session() -> None:
        nonlocal left
        while left:
            left -= 1
            incoming = spool.begin()
            incoming.write(BODY)
            await incoming.commit(envelope(), PREFIX, False)

    await gatherResults([Deferred.fromCoroutine(session()) for _ in range(SESSIONS)])


async def drain(
    get: Callable[[], Deferred[Sequence[SpooledMessage]]],
    give: Callable[[SpooledMessage], Awaitable[object]],
) -> int:
    """Lease all there is, and give each back; how many they were."""

    async def one(message: SpooledMessage) -> None:
        await give(message)

    done = 0
    given: list[Deferred[None]] = []
    while messages := await get():
        done += len(messages)
        given += [Deferred.fromCoroutine(one(message)) for message in messages]
    await gatherResults(given)
    return done


async def flow(spool: SQLiteSpool, options: argparse.Namespace) -> None:
    """Receiving, and receiving and delivering."""
    watch = Stopwatch("commit")
    await put(spool, options.messages)
    watch.say(options.messages)
    await drain(
        lambda: spool.ready(time.time(), SESSIONS),
        lambda message: spool.settle(message, DONE, None),
    )
    wanted = True
    asleep: Deferred[None] | None = None

    def wake() -> None:
        nonlocal wanted, asleep
        wanted = True
        if asleep is not None:
            sleeper, asleep = asleep, None
            sleeper.callback(None)

    async def deliver() -> None:
        nonlocal wanted, asleep
        left: int = options.messages
        while left:
            if not wanted:
                asleep = Deferred()
                await asleep
            wanted = False
            found = await spool.ready(time.time(), SESSIONS)
            for message in found:
                assert b"".join(spool.body(message).pieces()) == BODY
                settled.append(spool.settle(message, DONE, None))
            left -= len(found)
            wanted = wanted or bool(found)

    settled: list[Deferred[Sequence[str]]] = []
    spool.watch(wake)
    watch = Stopwatch("and deliver")
    delivering = Deferred.fromCoroutine(deliver())
    await put(spool, options.messages)
    await delivering
    await gatherResults(settled)
    watch.say(options.messages)


async def lanes(spool: SQLiteSpool, options: argparse.Namespace) -> None:
    """What it costs that a destination is busy."""
    await put(spool, options.messages)
    lane = b"mx.example"
    watch = Stopwatch("park")
    await drain(
        lambda: spool.ready(time.time(), SESSIONS),
        lambda message: spool.park(message, lane),
    )
    watch.say(spool.state().parked)
    later = time.time() + 600
    watch = Stopwatch("put off")
    number = await drain(
        lambda: spool.parked(lane, SESSIONS),
        lambda message: spool.settle(message, WAITS, later),
    )
    watch.say(number)
    await drain(
        lambda: spool.ready(later, SESSIONS), lambda message: spool.park(message, lane)
    )
    watch = Stopwatch("unpark")
    watch.say(await spool.unpark(lane, later, 60.0))


def fill(folder: str, number: int, waiting: int) -> None:
    """Make a spool with so many messages, so many of them parked."""
    prepare(folder, 1)
    store = Store(os.path.join(folder, "1", "spool.db"))
    identities = Identities(1, 1, lambda: 1763780000.0)
    text = dump(envelope(), PREFIX)
    for start in range(0, number, PER_SECOND):
        keys = [identities.make()[0] for _ in range(min(PER_SECOND, number - start))]
        changes = [
            parked(key, b"lane%d" % (place % 100), "[]")
            for place, key in enumerate(keys, start)
            if place < waiting
        ]
        store.commit([(key, len(BODY), text, BODY, None) for key in keys], (), changes)
    store.close()


async def million(spool: SQLiteSpool, options: argparse.Namespace) -> None:
    """It is open; how is it to look for what is to go?"""
    print(spool.state())
    slowest = 0.0
    number = 0
    watch = Stopwatch("lease")
    while number < 200_000:
        began = time.perf_counter()
        found = await spool.ready(time.time(), SESSIONS)
        slowest = max(slowest, time.perf_counter() - began)
        number += len(found)
        if not found:
            break
    watch.say(number)
    print(f"the slowest look took {slowest * 1000:.0f} ms; {memory()} MB")


async def run(options: argparse.Namespace) -> None:
    """Do what was asked for."""
    if options.what == "million":
        fill(options.folder, options.messages, options.parked)
    before = memory()
    spool = SQLiteSpool(
        cast(ISpoolReactor, reactor),
        options.folder,
        queueProfileStamps={},
        lowWaterOctets=0,
    )
    began = time.perf_counter()
    await spool.open()
    took = time.perf_counter() - began
    print(f"opened in {took:.2f} s; {before} MB before, {memory()} MB after")
    await {"flow": flow, "lanes": lanes, "million": million}[options.what](
        spool, options
    )
    await spool.close()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["flow", "lanes", "million"])
    parser.add_argument("folder")
    parser.add_argument("--messages", type=int)
    parser.add_argument("--parked", type=int, default=0)
    options = parser.parse_args()
    if options.messages is None:
        options.messages = 1_000_000 if options.what == "million" else 20_000
    core = cast(IReactorCore, reactor)

    def begin() -> None:
        done = Deferred.fromCoroutine(run(options))
        done.addErrback(Failure.printTraceback)
        done.addBoth(lambda _: core.stop())

    core.callWhenRunning(begin)
    core.run()


if __name__ == "__main__":
    main()
