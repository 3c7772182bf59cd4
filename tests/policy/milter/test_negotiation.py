"""
Tests for L{smtpx.policy.milter.negotiation}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.policy.milter.negotiation import (
    ACTIONS,
    STEPS,
    Action,
    Agreed,
    Step,
    canonical,
    offer,
)
from smtpx.policy.milter.stages import MacroStage

#: What OpenDKIM 2.11.0 answers, as seen.
OPENDKIM = bytes.fromhex("00000006 00000111 00100702")


def agreed(
    version: int = 6, actions: int = 0, steps: int = 0, rest: bytes = b""
) -> Agreed:
    """Read an agreement."""
    numbers = b"".join(each.to_bytes(4) for each in (version, actions, steps))
    return Agreed.parse(numbers + rest)


class OfferTests(SynchronousTestCase):
    """What is offered."""

    def test_everything(self) -> None:
        """Version 6, and all that there is."""
        self.assertEqual(
            offer(), bytes.fromhex("0000000d 4f 00000006 000001ff 301fffff")
        )


class AgreedTests(SynchronousTestCase):
    """What a milter takes of it."""

    def test_opendkims(self) -> None:
        """It adds and changes fields, and sees blanks."""
        found = Agreed.parse(OPENDKIM)
        self.assertEqual(
            found.actions,
            Action.ADD_HEADER | Action.CHANGE_HEADER | Action.ASK_MACROS,
        )
        self.assertEqual(
            found.steps,
            Step.NO_HELO | Step.NO_UNKNOWN | Step.NO_DATA | Step.SKIP | Step.BLANK,
        )
        self.assertTrue(found.rewrites)
        self.assertEqual((found.octetsMax, found.pieceOctets), (65_535, 65_535))

    def test_sizes(self) -> None:
        """A milter that takes more gets larger pieces, up to what is worth it."""
        large, huge = agreed(steps=Step.LARGE), agreed(steps=Step.HUGE)
        self.assertEqual((large.octetsMax, large.pieceOctets), (262_143, 262_143))
        self.assertEqual((huge.octetsMax, huge.pieceOctets), (1_048_575, 262_143))

    def test_whoOnlyLooks(self) -> None:
        """Recipients are not what others read."""
        self.assertFalse(agreed(actions=Action.ADD_RECIPIENT).rewrites)

    def test_macros(self) -> None:
        """It may list those that it wants, by stage; commas will do."""
        found = agreed(rest=b"\0\0\0\x02i {auth_type}\0\0\0\0\x05{i},mail_host\0")
        self.assertEqual(
            found.macros,
            {
                MacroStage.MAIL: (b"i", b"{auth_type}"),
                MacroStage.END_OF_MESSAGE: (b"i", b"{mail_host}"),
            },
        )

    def test_noneOfAStage(self) -> None:
        """An empty list is one."""
        found = agreed(rest=b"\0\0\0\x00\0")
        self.assertEqual(found.macros, {MacroStage.CONNECT: ()})

    def test_badMacros(self) -> None:
        """Of no stage, without an end, too many, too long."""
        for rest in (
            b"\0\0\0\x07i\0",
            b"\0\0\0\x01i",
            b"\0\0",
            b"\0\0\0\x01" + b"i " * 101 + b"\0",
            b"\0\0\0\x01" + b"i" * 101 + b"\0",
        ):
            with self.assertRaises(Malformed):
                agreed(rest=rest)

    def test_whatWasNotOffered(self) -> None:
        """Who wants that would be misunderstood."""
        for version, actions, steps in (
            (1, 0, 0),
            (7, 0, 0),
            (6, 0x200, 0),
            (6, 0, 0x20_0000),
        ):
            with self.assertRaises(Malformed):
                agreed(version, actions, steps)
        with self.assertRaises(Malformed):
            Agreed.parse(OPENDKIM[:-1])

    @settings(max_examples=50)
    @given(st.binary(max_size=40))
    def test_anything(self, said: bytes) -> None:
        """Either it is one, or it is refused."""
        try:
            found = Agreed.parse(said)
        except Malformed:
            return
        self.assertEqual(
            (found.actions & ~int(ACTIONS), found.steps & ~int(STEPS)), (0, 0)
        )

    def test_names(self) -> None:
        """Braces are for long names."""
        self.assertEqual(
            list(map(canonical, (b"{i}", b"i", b"_", b"mail_addr", b"{mail_addr}"))),
            [b"i", b"i", b"_", b"{mail_addr}", b"{mail_addr}"],
        )
