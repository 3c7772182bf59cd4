"""
Tests for L{smtpx.core.address} and L{smtpx.core.domain} under what a hostile peer
sends.
"""

from __future__ import annotations

import re
import sys
from types import FrameType
from typing import Any, Callable

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core import address, domain
from smtpx.core.address import (
    domainOf,
    forwardPath,
    heloName,
    localPartOf,
    parseMailbox,
    parsePath,
    reversePath,
)
from smtpx.core.errors import Malformed

#: What resembles the argument of MAIL, and mostly is not.
nearly = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"FROM:",
                b"TO:",
                b"<",
                b">",
                b"@",
                b'"',
                b"\\",
                b",",
                b":",
                b" ",
                b"\t",
                b"a",
                b"b.c",
                b"..",
                b"[",
                b"]",
                b"[192.0.2.1]",
                b"IPv6:",
                b"::",
                b"\r",
                b"\n",
                b"\0",
                b"\xc3\xa9",
                b"\xff",
                b"postmaster",
                b"SIZE=1",
                b"_",
                b"-",
            ]
        ),  # fmt: skip
        st.binary(max_size=3),
    ),
    max_size=12,
).map(b"".join)

READERS: tuple[Callable[[bytes], object], ...] = (
    reversePath,
    forwardPath,
    heloName,
    parseMailbox,
    parsePath,
    lambda octets: parseMailbox(octets, utf8=True),
    lambda octets: parsePath(octets, reverse=True, utf8=True),
    domainOf,
    localPartOf,
)


class HostileTests(SynchronousTestCase):
    """Whatever a peer sends: a value or L{Malformed}, and soon."""

    @given(nearly)
    @settings(max_examples=100, deadline=None)
    def test_shortWayTakesNothingThatTheGrammarRefuses(self, rest: bytes) -> None:
        """
        What the regular expressions take, the grammar takes as well.
        """
        for read, word, reverse in (
            (reversePath, b"FROM:", True),
            (forwardPath, b"TO:", False),
        ):
            for one in (rest, word + b"<" + rest + b">"):
                try:
                    found = read(one)
                except Malformed:
                    continue
                self.assertEqual(found, address._readArgument(one, word, reverse))

    @given(st.one_of(nearly, st.binary(max_size=80)))
    @settings(max_examples=100, deadline=None)
    def test_anyOctetsAreReadOrMalformed(self, octets: bytes) -> None:
        """
        No octets make a reader raise anything else.
        """
        for read in READERS:
            for one in (octets, b"FROM:<" + octets + b">", b"TO:" + octets):
                try:
                    read(one)
                except Malformed as error:
                    self.assertTrue(str(error).isascii())

    def test_everyRepetitionIsPossessive(self) -> None:
        """
        No regular expression of the module can go back over what it took, so
        none takes more than linear time.
        """
        patterns = {
            value.__self__.pattern
            for module in (address, domain)
            for value in vars(module).values()
            if isinstance(getattr(value, "__self__", None), re.Pattern)
        }
        self.assertTrue(len(patterns) > 10)
        for pattern in patterns:
            bare = re.sub(rb"\\.", b"", pattern)
            bare = re.sub(rb"\[[^\]]*\]", b"", bare)
            bare = re.sub(rb"\(\?(?:i?:|<?=)", b"(", bare)
            bare = re.sub(rb"(?:[*+?]|\{\d+,\d+\})\+", b"", bare)
            # A group cannot be repeated possessively on every Python; an atomic
            # group around the repetition is the same.
            while (less := _ATOMIC.sub(b"", bare)) != bare:
                bare = less
            self.assertNotRegex(bare, rb"[*+?{]")

    def test_longInputTakesFewSteps(self) -> None:
        """
        64 KiB made to confuse a parser take a bounded number of steps.
        """
        for piece in (
            b"a.", b"a-", b"-", b"a", b'"', b'\\"', b"\\", b"@", b"@a,", b"@a:",
            b"[", b"]", b":", b"::", b"1.", b"<", b">", b" ", b" a", b"_", b"\xc3\xa9",
        ):  # fmt: skip
            for prefix in (b"", b"FROM:", b"FROM:<", b'TO:<"', b"TO:<a@", b"[IPv6:"):
                hostile = prefix + piece * (65536 // len(piece))
                for read in READERS:
                    self.assertLess(steps(read, hostile), 3000)


#: An atomic group that holds nothing but a repeated group, itself without any
#: repetition.
_ATOMIC = re.compile(rb"\(\?>\((?:[^()*+?{]|\([^()*+?{]*\))*\)[*?]\)")


def steps(read: Callable[[bytes], object], octets: bytes) -> int:
    """
    Count the lines of Python that C{read} runs through.

    @return: how many, L{Malformed} or not.
    """
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read(octets)
    except Malformed:
        pass
    finally:
        sys.settrace(before)
    return count
