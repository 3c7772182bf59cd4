"""
What server and milter agree on, before anything else is said.

The server offers what it can do (L{OFFER}); the milter takes of that what it wants, and
may list the macros that it wants at each stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag

from attrs import field, frozen

from ...core.errors import Malformed
from .packets import USUAL_OCTETS, packet
from .stages import MacroStage

#: The protocol that is spoken, and the oldest of a milter that is understood.
VERSION = 6
_OLDEST = 2

#: C{SMFIC_OPTNEG}, in both directions.
NEGOTIATE = b"O"

_NUMBER_OCTETS = 4

#: The most macros that a milter can ask for at one stage, and the longest name.
_MACROS_MOST = 100
_MACRO_OCTETS = 100


class Action(IntFlag):
    """
    What a milter may do to messages.

    @cvar ADD_HEADER: add fields.
    @cvar CHANGE_BODY: put another body in the place of the one that came.
    @cvar ADD_RECIPIENT: add recipients.
    @cvar REMOVE_RECIPIENT: take recipients off.
    @cvar CHANGE_HEADER: change fields, and take them out.
    @cvar QUARANTINE: put the message by.
    @cvar CHANGE_SENDER: change the sender.
    @cvar ADD_RECIPIENT_WITH: add recipients with parameters.
    @cvar ASK_MACROS: say which macros it wants.
    """

    ADD_HEADER = 0x001
    CHANGE_BODY = 0x002
    ADD_RECIPIENT = 0x004
    REMOVE_RECIPIENT = 0x008
    CHANGE_HEADER = 0x010
    QUARANTINE = 0x020
    CHANGE_SENDER = 0x040
    ADD_RECIPIENT_WITH = 0x080
    ASK_MACROS = 0x100


#: All of them.
ACTIONS = Action(0x1FF)

#: Those after which a message is not what it was, for whoever reads it next.
REWRITING = Action.ADD_HEADER | Action.CHANGE_HEADER | Action.CHANGE_BODY


class Step(IntFlag):
    """
    What is said to a milter, and what it answers.

    C{NO_} something: it is not told of that.  C{SILENT_} something: it does not answer
    to that, so that nobody waits for it.

    @cvar SKIP: it may say that it has seen enough of the body.
    @cvar REFUSED_TOO: it is told of recipients that were refused as well.
    @cvar BLANK: values of fields have the blank behind the colon.
    @cvar LARGE: packets have up to 256 KiB.
    @cvar HUGE: packets have up to 1 MiB.
    """

    NO_CONNECT = 0x00_0001
    NO_HELO = 0x00_0002
    NO_MAIL = 0x00_0004
    NO_RCPT = 0x00_0008
    NO_BODY = 0x00_0010
    NO_HEADER = 0x00_0020
    NO_END_OF_HEADER = 0x00_0040
    SILENT_HEADER = 0x00_0080
    NO_UNKNOWN = 0x00_0100
    NO_DATA = 0x00_0200
    SKIP = 0x00_0400
    REFUSED_TOO = 0x00_0800
    SILENT_CONNECT = 0x00_1000
    SILENT_HELO = 0x00_2000
    SILENT_MAIL = 0x00_4000
    SILENT_RCPT = 0x00_8000
    SILENT_DATA = 0x01_0000
    SILENT_UNKNOWN = 0x02_0000
    SILENT_END_OF_HEADER = 0x04_0000
    SILENT_BODY = 0x08_0000
    BLANK = 0x10_0000
    LARGE = 0x1000_0000
    HUGE = 0x2000_0000


#: All of them.
STEPS = Step(0x301F_FFFF)

#: The most octets of a body that go in one packet: the longest that are worth it.  Each
#: is held in memory while its answer is awaited.
_PIECE_OCTETS = USUAL_OCTETS
_LARGE_PIECE_OCTETS = (1 << 18) - 1

#: The most octets of any packet, by what was agreed on.
_LARGE_OCTETS = (1 << 18) - 1
_HUGE_OCTETS = (1 << 20) - 1


@frozen
class Agreed:
    """
    What a milter has agreed to.

    @ivar version: of the protocol.
    @ivar actions: what it may do to messages.
    @ivar steps: what it is told, and what it answers.
    @ivar macros: the names of those that it wants, by stage; of a stage that is not
        there it said nothing.
    """

    version: int = VERSION
    actions: Action = Action(0)
    steps: Step = Step(0)
    macros: Mapping[MacroStage, tuple[bytes, ...]] = field(factory=dict)

    @property
    def octetsMax(self) -> int:
        """The most octets of a packet, without its command."""
        if Step.HUGE in self.steps:
            return _HUGE_OCTETS
        return _LARGE_OCTETS if Step.LARGE in self.steps else USUAL_OCTETS

    @property
    def pieceOctets(self) -> int:
        """How many octets of a body go in one packet."""
        large = self.steps & (Step.LARGE | Step.HUGE)
        return _LARGE_PIECE_OCTETS if large else _PIECE_OCTETS

    @property
    def rewrites(self) -> bool:
        """May a message be another when it has left this milter?"""
        return bool(self.actions & REWRITING)

    @classmethod
    def parse(cls, said: bytes) -> Agreed:
        """
        Read a milter's answer to what was offered.

        @raise Malformed: it is none, or wants what was not offered.
        """
        if len(said) < 3 * _NUMBER_OCTETS:
            raise Malformed("an agreement that is too short")
        version, actions, steps = (_number(said, place) for place in range(3))
        if not _OLDEST <= version <= VERSION:
            raise Malformed(f"version {version} of the protocol")
        if actions & ~int(ACTIONS):
            raise Malformed(f"actions that were not offered: {actions:#x}")
        if steps & ~int(STEPS):
            raise Malformed(f"steps that were not offered: {steps:#x}")
        macros = _macros(said[3 * _NUMBER_OCTETS :])
        return cls(version, Action(actions), Step(steps), macros)


def offer(actions: Action = ACTIONS, steps: Step = STEPS) -> bytes:
    """What the server offers, as a packet."""
    return packet(
        NEGOTIATE,
        b"".join(each.to_bytes(_NUMBER_OCTETS) for each in (VERSION, actions, steps)),
    )


def _number(said: bytes, place: int) -> int:
    start = place * _NUMBER_OCTETS
    return int.from_bytes(said[start : start + _NUMBER_OCTETS])


def _macros(said: bytes) -> dict[MacroStage, tuple[bytes, ...]]:
    """
    @raise Malformed: it is no list of macros by stage.
    """
    found: dict[MacroStage, tuple[bytes, ...]] = {}
    while said:
        names, end, rest = said[_NUMBER_OCTETS:].partition(b"\0")
        number = _number(said, 0)
        if not end or number >= len(MacroStage):
            raise Malformed("macros of no stage")
        listed = tuple(names.replace(b",", b" ").split())
        longest = max(map(len, listed), default=0)
        if len(listed) > _MACROS_MOST or longest > _MACRO_OCTETS:
            raise Malformed("more macros than there can be")
        # Some ask for {i}, some for i: it is the same.
        found[MacroStage(number)] = tuple(map(canonical, listed))
        said = rest
    return found


def canonical(name: bytes) -> bytes:
    """The name of a macro as it goes over the wire: braces are for long ones."""
    bare = name.removeprefix(b"{").removesuffix(b"}")
    return bare if len(bare) == 1 else b"{%b}" % bare


__all__ = [
    "ACTIONS",
    "NEGOTIATE",
    "REWRITING",
    "STEPS",
    "VERSION",
    "Action",
    "Agreed",
    "Step",
    "canonical",
    "offer",
]
