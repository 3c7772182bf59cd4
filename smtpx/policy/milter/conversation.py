"""
The conversation with a milter, without I/O: commands to octets, and octets to what the
milter says.

One command is in work at a time, as the protocol has it; those that a milter does not
answer are none to wait for, and go side by side.  A L{Conversation} is of one
connection, over which several sessions of clients can go (L{Conversation.reusable}).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ...core.errors import Malformed, UsageError
from ..edits import Change, Insert
from .answers import Answer, NewBody, Progress, Verdict, Wish, answer, wish
from .commands import END_OF_MESSAGE, MACROS, NEXT, Command
from .negotiation import ACTIONS, NEGOTIATE, STEPS, Action, Agreed, Step, offer
from .packets import Packets, packet
from .stages import MacroStage

#: Gives the value of a macro; L{None}: there is none now.
Values = Callable[[bytes], "bytes | None"]

#: What a milter says.
Said = Agreed | Answer | Progress | Wish

#: The most that a milter may want changed in one message, and the octets of that, but
#: for a new body.
WISHES_MOST = 1000
WISHES_OCTETS = 1 << 18


def nothing(name: bytes) -> None:
    """For who has no macros."""


class Conversation:
    """
    What is said over one connection to a milter.

    @ivar agreed: what was agreed on; L{None}: that is still to come.
    @ivar awaiting: the command that is to be answered; L{None}: none is.
    """

    __slots__ = (
        "_listed",
        "_negotiating",
        "_packets",
        "_wishOctets",
        "_wishes",
        "agreed",
        "awaiting",
        "reusable",
    )

    def __init__(self, listed: Mapping[MacroStage, Sequence[bytes]]) -> None:
        """
        @param listed: the macros that are told at each stage, for milters that have no
            list of their own.
        """
        self._listed = listed
        self._packets = Packets()
        self._negotiating = False
        self._wishes = self._wishOctets = 0
        self.agreed: Agreed | None = None
        self.awaiting: Command | None = None
        #: Would a milter understand now that another client follows?  What is made with
        #: Sendmail's library does so where the last it said was to go on behind the
        #: end of a message, and otherwise hears nothing any more.
        self.reusable = False

    def open(self, actions: Action = ACTIONS, steps: Step = STEPS) -> bytes:
        """Begin; the answer is an L{Agreed}."""
        self._negotiating = True
        return offer(actions, steps)

    # --- to the milter --------------------------------------------------------------

    def wants(self, command: Command) -> bool:
        """Is the milter to be told?"""
        return not self._steps & command.unwanted

    def answers(self, command: Command) -> bool:
        """Does the milter answer to this?"""
        return command.answered and not self._steps & command.silent

    def say(self, command: Command, values: Values = nothing) -> bytes:
        """
        Say something to the milter.

        @param values: of macros.
        @return: octets to be written; none, where the milter does not want to be told.
        @raise UsageError: a command is in work, or nothing was agreed on yet.
        """
        if self.awaiting is not None and command.answered:
            raise UsageError(f"{self.awaiting.name} was not answered yet")
        if not self.wants(command):
            return b""
        if self.answers(command):
            self.awaiting = command
            self._wishes = self._wishOctets = 0
        if command is not NEXT:
            self.reusable = False
        return self._macros(command, values) + packet(command.code, command.said)

    def _macros(self, command: Command, values: Values) -> bytes:
        stage = command.stage
        if stage is None:
            return b""
        names = self._agreed.macros.get(stage)
        if names is None:
            names = tuple(self._listed.get(stage, ()))
        said: list[bytes] = []
        room = self._agreed.octetsMax - 1
        for name in names:
            value = values(name)
            if value is None:
                continue
            # A NUL would be the end of it.
            pair = b"%b\0%b\0" % (name, value.replace(b"\0", b""))
            room -= len(pair)
            if room < 0:
                break
            said.append(pair)
        return packet(MACROS, command.code + b"".join(said)) if said else b""

    # --- from the milter ------------------------------------------------------------

    def feed(self, data: bytes) -> Iterator[Said]:
        """
        Take octets; all that is given has to be asked for.

        @raise Malformed: the milter does not speak the protocol.
        """
        for code, said in self._packets.feed(data):
            yield self._read(code, said)

    def _read(self, code: bytes, said: bytes) -> Said:
        if self._negotiating:
            if code != NEGOTIATE:
                raise Malformed("nothing was agreed on")
            self._negotiating = False
            self.agreed = Agreed.parse(said)
            return self.agreed
        command = self.awaiting
        if command is None:
            raise Malformed(f"{code!r} answers nothing that was said")
        if command is END_OF_MESSAGE:
            steps, actions = self._steps, self._agreed.actions
            wished = wish(code, said, actions, Step.BLANK in steps)
            if wished is not None:
                self._count(wished)
                return wished
        found = answer(code, said)
        if isinstance(found, Answer):
            self._checked(command, found)
            self.awaiting = None
            self.reusable = (
                command is END_OF_MESSAGE and found.verdict is Verdict.CONTINUE
            )
        return found

    def _checked(self, command: Command, found: Answer) -> None:
        """
        @raise Malformed: that is no answer to this command.
        """
        if found.verdict is Verdict.SKIP and (
            command.name != "body" or Step.SKIP not in self._steps
        ):
            raise Malformed(f"nothing to be skipped behind {command.name}")
        if found.verdict is Verdict.DISCARD and command.name in ("connect", "helo"):
            raise Malformed(f"no message to be discarded at {command.name}")

    def _count(self, wished: Wish) -> None:
        """
        @raise Malformed: these are too many.
        """
        if isinstance(wished, NewBody):
            # Whoever writes it down has a bound for it.
            return
        self._wishes += 1
        if isinstance(wished, Change | Insert):
            self._wishOctets += len(wished.name) + len(wished.value)
        if self._wishes > WISHES_MOST or self._wishOctets > WISHES_OCTETS:
            raise Malformed("more changes than one message can have")

    # --- what was agreed on ---------------------------------------------------------

    @property
    def _agreed(self) -> Agreed:
        if self.agreed is None:
            raise UsageError("nothing was agreed on yet")
        return self.agreed

    @property
    def _steps(self) -> Step:
        return self._agreed.steps


__all__ = ["WISHES_MOST", "WISHES_OCTETS", "Conversation", "Said", "Values", "nothing"]
