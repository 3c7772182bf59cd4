"""
Named transactions at several workers, whatever may happen to them: connections that
are cut, repeated and go on elsewhere, clients that come late, workers that are killed
at any step, a disk that fails.  In the end each message is there once, and all of its
clients were told the same.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from zope.interface import implementer

from smtpx.service.yielding import Held, IElsewhere
from smtpx.spool.store import Store

from ..spool.rig import Rig, SpoolTestCase
from .named import HEADER, RCPT, Server

#: How many schedules are tried.
_SCHEDULES = 50

_STEPS = 300


@define(eq=False)
class Named:
    """
    A transaction.

    @ivar body: its message.
    @ivar told: what was said at its end, each once.
    """

    name: bytes
    body: bytes
    told: set[str] = field(factory=set)

    @property
    def mail(self) -> bytes:
        """MAIL."""
        return b"MAIL FROM:<a@client.example> TRANSID=<%b@client.example>" % self.name


class Visit:
    """
    One connection for a transaction.

    @ivar over: is there nothing more to be done with it?
    """

    def __init__(self, house: House, number: int, named: Named, random: Random) -> None:
        self.house = house
        self.number = number
        self.named = named
        self.random = random
        self.over = False
        self.worker = house.workers[number]
        self.client = self.worker.server.arriving()
        self._asks = random.random() < 0.7
        self._left: list[bytes] = []
        self._heard: list[str] = []
        self._stage = 0
        house.visits.append(self)

    def step(self) -> None:
        """Say the next thing, if it is our turn."""
        if self.client.transport.disconnecting:
            self.over = True
        self._listen()
        if self.over:
            return
        if self._stage == 0:
            # Whoever does not ask says all at once.
            self._say(b"EHLO client.example\r\n" + self.named.mail + b"\r\n")
            self._stage = 1
            if not self._asks:
                self._whole()
        elif self._stage == 1 and len(self._heard) >= 3:
            self._answered(self._heard[2])
        elif self._stage == 2 and self._left:
            self._say(self._left.pop(0))

    def _answered(self, mail: str) -> None:
        """MAIL was answered."""
        known = re.match(r"355 (\d+) ", mail)
        if known is not None:
            self._rest(self.named.body[int(known[1]) :])
        elif mail.startswith("250"):
            self._whole()
        else:
            self.lose()

    def _whole(self) -> None:
        self._say(RCPT + b"\r\n")
        self._rest(self.named.body)

    def _rest(self, octets: bytes) -> None:
        """The message, in pieces."""
        whole = b"BDAT %d LAST\r\n%b" % (len(octets), octets)
        at = sorted(self.random.randrange(len(whole) + 1) for _ in range(3))
        self._left = [
            whole[start:end]
            for start, end in zip([0, *at], [*at, len(whole)], strict=True)
        ]
        self._stage = 2

    def _say(self, octets: bytes) -> None:
        self.client.raw(octets)

    def _listen(self) -> None:
        for line in self.client.said:
            if line[3:4] == "-":
                continue
            self._heard.append(line)
            if " OK id=" in line:
                self.named.told.add(line)
                self.over = True
            elif line.startswith("4") and self._stage == 2:
                self.over = True

    def lose(self) -> None:
        """The connection is gone."""
        self._listen()
        self.over = True
        if self in self.house.visits:
            self.house.visits.remove(self)
            self.client.protocol.connectionLost(Failure(ConnectionLost()))


@implementer(IElsewhere)
class Line:
    """
    How one worker asks the others: an answer may take its time, or never come.
    """

    def __init__(self, house: House, number: int) -> None:
        self.house = house
        self.number = number

    def _others(self) -> list[Worker]:
        house = self.house
        return [
            each
            for number, each in house.workers.items()
            if number != self.number and house.random.random() < house.reach
        ]

    def yields(self, key: bytes) -> Deferred[Held]:
        """See L{IElsewhere}."""
        held = [each.server.memory.yields(key) for each in self._others()]
        found = [each for each in held if each is not Held.FREE]
        answer = found[0] if found else Held.FREE
        own = self.house.workers[self.number]
        later: Deferred[Held] = Deferred()
        own.rig.reactor.callLater(
            self.house.random.choice((0, 0.01)), later.callback, answer
        )
        return later

    def forget(self, key: bytes, client: bytes) -> Deferred[None]:
        """See L{IElsewhere}."""
        for each in self._others():
            names = each.server.memory.names
            assert names is not None
            names.forget(key, client).addErrback(lambda _: None)
        return succeed(None)


class Worker:
    """One worker: its spool, and what is before it."""

    def __init__(self, house: House, number: int, seconds: float) -> None:
        self.rig = Rig(house.folder, number=number, workers=house.count)
        self.rig.reactor.rightNow = seconds
        self.rig.open()
        self.server = Server(self.rig, elsewhere=Line(house, number))

    def step(self, random: Random) -> None:
        """Do one of the things that wait to be done."""
        rig = self.rig
        todo: list[Callable[[], object]] = [self._advance]
        if rig.threads.submitted:
            todo.append(lambda: rig.threads.submitted.popleft()())
        if rig.spool._desk._queue.qsize():
            todo.append(lambda: rig.spool._desk._writer.turn())
        if rig.reactor.called:
            todo.append(lambda: rig.reactor.called.popleft()())
        random.choice(todo)()

    def _advance(self) -> None:
        self.rig.reactor.advance(0)

    def kill(self) -> None:
        """It is dead: the kernel lets go of its locks, and of its files."""
        spool = self.rig.spool
        spool.names.close()
        store = spool._desk._writer._store
        if store is not None:
            store.close()
        spool.ended()


class House:
    """
    A server of several workers.

    @ivar reach: how often one worker gets through to another, from 0 to 1.
    @ivar trouble: how often a commit fails, from 0 to 1.
    """

    def __init__(self, folder: str, count: int, random: Random) -> None:
        self.folder = folder
        self.count = count
        self.random = random
        self.reach = random.choice((0.0, 0.5, 1.0, 1.0))
        self.trouble = random.choice((0.0, 0.0, 0.3))
        self.visits: list[Visit] = []
        self.workers: dict[int, Worker] = {}
        for number in range(1, count + 1):
            self.workers[number] = Worker(self, number, 0.0)

    @property
    def seconds(self) -> float:
        """What time it is."""
        return max(each.rig.reactor.seconds() for each in self.workers.values())

    def advance(self, seconds: float) -> None:
        """Let time pass everywhere."""
        until = self.seconds + seconds
        for each in self.workers.values():
            each.rig.reactor.advance(until - each.rig.reactor.seconds())

    def kill(self, number: int) -> None:
        """A worker dies, and is started again."""
        now, dead = self.seconds, self.workers[number]
        for visit in list(self.visits):
            if visit.worker is dead:
                # What it had been told has come.
                visit._listen()
                visit.over = True
                self.visits.remove(visit)
        dead.kill()
        # It would be started again and again until it can be opened.
        trouble, self.trouble = self.trouble, 0.0
        self.workers[number] = Worker(self, number, now)
        self.trouble = trouble

    def settle(self) -> None:
        """Let all be done that needs no time to pass."""
        for _ in range(3):
            for each in self.workers.values():
                each.rig.run()
            self.advance(0.01)


class SimulationTests(SpoolTestCase):
    """Schedules that chance makes."""

    slow = True

    def test_anything(self) -> None:
        """Whatever happens, each message is there once and all are told the same."""
        for seed in range(_SCHEDULES):
            try:
                self.play(seed)
            except BaseException:
                print(f"schedule {seed}")
                raise

    def play(self, seed: int) -> None:
        """One schedule."""
        random = Random(seed)
        self.folder = self.mktemp()
        house = House(self.folder, random.choice((2, 2, 3)), random)
        texts = [random.choice((3, 4000, 9000)) for _ in range(random.choice((1, 2)))]
        names = [
            Named(b"%d.t" % index, HEADER + b"%d 0123456789abcdef\r\n" % index * lines)
            for index, lines in enumerate(texts)
        ]
        self.failing(house, random)
        for _ in range(_STEPS):
            self.turn(house, names, random)
        house.trouble, house.reach = 0.0, 1.0
        self.finish(house, names, random)
        self.assertOnce(house, names)
        for each in house.workers.values():
            each.kill()

    def failing(self, house: House, random: Random) -> None:
        """Have commits fail now and then, before they are made or behind it."""
        real = Store.commit

        def commit(store: Store, *rest: Any) -> list[int]:
            if random.random() >= house.trouble:
                return real(store, *rest)
            if random.random() < 0.5:
                real(store, *rest)
            raise sqlite3.OperationalError("as chance has it")

        patched = self.patch(Store, "commit", commit)
        self.addCleanup(patched.restore)

    def turn(self, house: House, names: Sequence[Named], random: Random) -> None:
        """Something happens."""
        chance = random.random()
        if chance < 0.03 and len(house.visits) < 5:
            Visit(house, random.randint(1, house.count), random.choice(names), random)
        elif chance < 0.30 and house.visits:
            random.choice(house.visits).step()
        elif chance < 0.32 and house.visits:
            random.choice(house.visits).lose()
        elif chance < 0.323:
            house.kill(random.randint(1, house.count))
        elif chance < 0.36:
            house.advance(random.choice((0.01, 0.03, 0.1, 0.5, 0.5, 11)))
        else:
            for _ in range(3):
                random.choice(list(house.workers.values())).step(random)

    def finish(self, house: House, names: Sequence[Named], random: Random) -> None:
        """Each client comes until it is told that its message was taken."""
        for named in names:
            for _ in range(80):
                visit = Visit(house, random.randint(1, house.count), named, random)
                most = random.choice((2, 5, 6, 30))
                for _ in range(most):
                    visit.step()
                    house.settle()
                    if visit.over:
                        break
                visit.lose()
                house.settle()
                if named.told and visit.over:
                    break
                house.advance(1)
            else:
                self.fail(f"{named.name!r} is never taken")

    def assertOnce(self, house: House, names: Sequence[Named]) -> None:
        """Each is there once, whole, and all were told so."""
        found: Counter[bytes] = Counter()
        for _ in range(3):
            # What has failed is opened again.
            house.settle()
            house.advance(61)
        house.settle()
        for each in house.workers.values():
            found.update([body for _, _, body in each.server.messages()])
        self.assertEqual(
            {body[:20]: count for body, count in found.items()},
            {named.body[:20]: 1 for named in names},
        )
        self.assertEqual(set(found), {named.body for named in names})
        for named in names:
            self.assertEqual(len(named.told), 1, named.told)
