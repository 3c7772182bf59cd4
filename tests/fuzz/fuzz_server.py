"""
Any octets, cut anywhere, into a server with all extensions: what comes out are
replies, or the end.  Never an exception, never a body that is lost.

Run it for a while with::

    python -m tests.fuzz.fuzz_server --seconds 60

Where U{atheris<https://github.com/google/atheris>} is installed it chooses the
inputs, by what code they reach.  Otherwise they are made of the dialogues in
C{tests/dialogues/}, by chance, but the same for the same C{--seed}.

An input that fails is written to a file; C{--input FILE} tries it again.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .mutation import Mutator, corpus
from .world import OUT_OF_SYNC, Manner, World

#: In the first octet, beside what L{Manner.of} takes of it: does some come before
#: the greeting, and does the client wait behind each line?
_EARLY, _PATIENT = 64, 128

#: Where there are few cuts, more comes together.
_MOST_CUTS = 40


def once(data: bytes) -> None:
    """
    Try one input.  Its first three octets say how: how the server is set up,
    whether the client waits behind each line, where the input is cut, and how much
    of it comes before the greeting.

    @raise Exception: the server is wrong.
    """
    if len(data) < 3:
        return
    manner, cuts, early, octets = Manner.of(data[0]), data[1], data[2], data[3:]
    first = octets[:early] if data[0] & _EARLY else b""
    flights = [octets[len(first) :]]
    if data[0] & _PATIENT:
        flights = re.findall(rb"[^\n]*\n|[^\n]+", flights[0])
    whole = _talk(manner, first, flights)
    if not cuts or OUT_OF_SYNC in whole.said:
        # Where somebody was too early, it matters when what came.
        return
    cut = _talk(manner, first, [each for one in flights for each in _cut(one, cuts)])
    assert _plain(cut.said) == _plain(whole.said), (whole.said, cut.said)
    assert cut.taken == whole.taken, (whole.taken, cut.taken)


def _talk(manner: Manner, early: bytes, flights: list[bytes]) -> World:
    world = World(manner)
    if early:
        world.feed(early)
    world.start()
    for flight in flights:
        world.feed(flight)
    said, taken = world.said, list(world.taken)
    world.end()
    world.said, world.taken = said, taken
    return world


def _plain(said: bytes) -> bytes:
    """
    What was said, without what may differ: the challenges of SASL, which are never
    the same, and which of two things is wrong with a message that is refused for
    its body.
    """
    said = re.sub(rb"(?m)^334 .*", b"334", said)
    return re.sub(rb"(?m)^55[02] 5\.(?:3\.4|6\.0|6\.11) .*", b"55x", said)


def _cut(octets: bytes, seed: int) -> list[bytes]:
    """Cut octets: into single ones, or at some places."""
    if seed % 8 == 1 and len(octets) < 2000:
        return [octets[at : at + 1] for at in range(len(octets))]
    choose = random.Random(seed)
    count = min(choose.randint(1, _MOST_CUTS), len(octets))
    places = sorted(choose.sample(range(len(octets)), count))
    return [octets[a:b] for a, b in zip([0, *places], [*places, None], strict=True)]


def inputs(seed: int) -> Iterator[bytes]:
    """Inputs without end, the same for the same seed."""
    mutator = Mutator(seed, corpus())
    while True:
        yield mutator.make()


def run(seed: int, enough: Callable[[int], bool]) -> int:
    """
    Try inputs.

    @param enough: told how many were tried; is that enough?
    @return: how many were tried.
    @raise Exception: the server is wrong.
    """
    for number, data in enumerate(inputs(seed)):
        if enough(number):
            return number
        try:
            once(data)
        except BaseException:
            path = Path(f"fuzz-server-{seed}-{number}")
            path.write_bytes(data)
            print(f"input {number} of seed {seed}, now in {path}: {data!r}")
            raise
    raise AssertionError("there is no end of inputs")


def _runAtheris(seconds: float) -> None:
    """Let atheris choose, for a while; it ends the process."""
    atheris = importlib.import_module("atheris")
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}"], once)
    atheris.Fuzz()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--input", type=Path, default=None)
    options = parser.parse_args()
    if options.input is not None:
        once(options.input.read_bytes())
    elif options.seed is None and importlib.util.find_spec("atheris"):
        _runAtheris(options.seconds)
    else:
        until = time.monotonic() + options.seconds
        seed = options.seed or time.time_ns() % 1_000_000_000
        number = run(seed, lambda _: time.monotonic() > until)
        print(f"{number} inputs of seed {seed}")


if __name__ == "__main__":
    main()
