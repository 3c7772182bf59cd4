"""
Processes that count together, for L{tests.faults.test_joint_kill}: each takes and gives
at random, and writes down when it did.

It is a program of its own, for a process with a reactor cannot fork.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter

from attrs import define

from smtpx.joint import Counts, JointCounts

KEYS = [b"192.0.2.1", b"192.0.2.2"]
MOST = 2
PROCESSES = 4
#: How often each takes or gives, in a life.
_STEPS = 2500
#: How many processes are killed.
_KILLS = 6


@define
class Diary:
    """What a process writes down, at once and whole: a line for each time."""

    number: int
    file: int

    def note(self, what: str, key: bytes, at: int) -> None:
        """
        @param what: C{+}: it had one more from then on; C{-}: it has one less.
        @param at: in nanoseconds of the clock of the machine.
        """
        line = f"{self.number} {os.getpid()} {what} {KEYS.index(key)} {at}\n"
        os.write(self.file, line.encode("ascii"))


def live(column: Counts, diary: Diary) -> None:
    """Take and give at random, and at last give back all."""
    chance = random.Random(os.getpid())
    had: Counter[bytes] = Counter()
    for _ in range(_STEPS):
        key = chance.choice(KEYS)
        if had[key] and chance.random() < 0.5:
            _give(column, diary, key)
            had[key] -= 1
        elif column.take(key, MOST):
            diary.note("+", key, time.monotonic_ns())
            had[key] += 1
    for key in had.elements():
        _give(column, diary, key)


def _give(column: Counts, diary: Diary, key: bytes) -> None:
    diary.note("-", key, time.monotonic_ns())
    column.give(key)


def born(joint: JointCounts, diary: Diary) -> int:
    """Fork a process; its number in the system."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            live(joint.column(diary.number), diary)
            status = 0
        finally:
            os._exit(status)
    return pid


def main(path: str) -> None:
    """
    Let them live, kill some, and write what is counted in the end.

    @param path: of the diary.
    """
    joint = JointCounts(PROCESSES, 8)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    diaries = [Diary(number, file) for number in range(1, PROCESSES + 1)]
    alive = {born(joint, each): each for each in diaries}
    for _ in range(_KILLS):
        time.sleep(0.02)
        victim = random.choice(list(alive))
        os.kill(victim, signal.SIGKILL)
        pid, _ = os.waitpid(victim, 0)
        died = time.monotonic_ns()
        os.write(file, f"0 {pid} x 0 {died}\n".encode("ascii"))
        diary = alive.pop(pid)
        alive[born(joint, diary)] = diary
    good = 0
    while alive:
        pid, status = os.wait()
        del alive[pid]
        good += not status
    left = joint.column(1)
    print(good, *(left.others(key) for key in KEYS))


if __name__ == "__main__":
    main(sys.argv[1])
