"""
Tests for L{smtpx.observe.parcels}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from attrs import field, frozen
from hypothesis import given, settings, strategies as some
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.observe.parcels import pack, unpack
from smtpx.observe.trace import SessionTrace
from smtpx.observe.watch import Status

from .traces import TRACE
from .web.houses import Server


class Colour(Enum):
    """One of two."""

    RED = "red"
    BLUE = "blue"


@frozen
class Inner:
    """
    What is in it.

    @ivar said: by a peer.
    """

    said: bytes
    colour: Colour = Colour.RED


@frozen
class Other:
    """Something else that can be in it."""

    number: int


@frozen
class Outer:
    """
    What everything is in.

    @ivar parts: of either kind.
    """

    name: str
    seconds: float
    good: bool
    at: datetime | None
    file: Path
    pair: tuple[str, int]
    parts: tuple[Inner | Other, ...]
    rows: Mapping[str, Inner]
    _own: int = field(default=3)


_INNERS = some.builds(Inner, some.binary(max_size=9), some.sampled_from(Colour))

_OUTERS = some.builds(
    Outer,
    some.text(max_size=9),
    some.floats(allow_nan=False),
    some.booleans(),
    some.none()
    | some.integers(0, 1 << 32).map(lambda n: datetime.fromtimestamp(n, UTC)),
    some.sampled_from([Path("a/b"), Path("/x")]),
    some.tuples(some.text(max_size=3), some.integers()),
    some.lists(_INNERS | some.builds(Other, some.integers()), max_size=3).map(tuple),
    some.dictionaries(some.text(max_size=3), _INNERS, max_size=3),
    some.integers(),
)


def carried(value: object) -> object:
    """What arrives of it, over the wire."""
    return json.loads(json.dumps(pack(value)))


class ParcelTests(SynchronousTestCase):
    """Values that go from one process to another."""

    @settings(max_examples=100, deadline=None)
    @given(_OUTERS)
    def test_unpackedAsItWas(self, value: Outer) -> None:
        """What was packed is unpacked as it was."""
        self.assertEqual(unpack(Outer, carried(value)), value)

    def test_status(self) -> None:
        """The status of a server with everything in it goes over whole."""
        server = Server()
        protocol = server.visit(b"192.0.2.1", b"\xff\x00client")
        server.secure(protocol, True)
        server.accept(protocol)
        server.refuse(b"192.0.2.9", b"RCPT", 550, "5.1.1")
        server.defer(b"x@y.example", "no route", b"mx.example")
        status = server.watch.look()
        self.assertEqual(unpack(Status, carried(status)), status)

    def test_trace(self) -> None:
        """So does a trace, with steps of all kinds."""
        self.assertEqual(unpack(SessionTrace, carried(TRACE)), TRACE)

    def test_strangersAreNoticed(self) -> None:
        """Nothing is made of what is not as it should be."""
        good: Any = carried(
            Outer("x", 1.0, True, None, Path("a"), ("b", 1), (Other(1),), {})
        )
        self.assertEqual(unpack(Outer, good).name, "x")
        for place in range(len(good)):
            bad: Any
            for bad in (["Strange", 1], {"x": 3}, "\u20ac", None, 1e400, [], 7):
                if bad == good[place] or (place, bad) in _FINE:
                    continue
                with self.subTest(place=place, bad=bad):
                    packed = [*good[:place], bad, *good[place + 1 :]]
                    self.assertRaises(Malformed, unpack, Outer, packed)
        for bad in (good[:-1], [*good, 1], [], None, ["Inner", *good[1:]]):
            self.assertRaises(Malformed, unpack, Outer, bad)
        for bad in (["Inner", "\u20ac", "red"], ["Inner", "x", "green"]):
            self.assertRaises(Malformed, unpack, Inner, bad)

    def test_whatCannotBePacked(self) -> None:
        """What nobody has thought of is a fault of ours, and not of a peer's."""
        self.assertRaises(TypeError, pack, object())
        self.assertRaises(TypeError, unpack, object, 1)


#: Values that are good in the place where they are put.
_FINE: list[tuple[int, object]] = [
    (1, "\u20ac"),
    (2, 1e400),
    (2, 7),
    (4, 7),
    (5, "\u20ac"),
    (6, ["Strange", 1]),
    (7, []),
    (9, 7),
]
