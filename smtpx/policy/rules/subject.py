"""
What a rule is asked about.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

from ...core.envelope import Envelope, Recipient
from ...core.errors import UsageError
from ...core.interfaces import IServerSession
from .findings import MessageVerdict, Opinions, SPFVerdict, Verdicts
from .stages import RuleStage

T = TypeVar("T")


class Need(Enum):
    """What has to be found out before something can be told."""

    __hash__ = object.__hash__

    SPF = "spf"
    GUESS = "guess"
    MESSAGE = "message"
    OPINIONS = "opinions"


@define(eq=False)
class Subject:
    """
    One question to rules.

    @ivar helo: what the client calls itself; at C{helo} the session has not taken
        that over yet.  L{None}: it has not said so.
    @ivar recipient: at C{rcpt}: who is to be one.
    @ivar verdicts: who finds out what takes longer.
    @ivar guesses: is what is said of SPF what C{spf_guess} has found?
    @ivar told: what conditions have found that variables tell, by their names.
    @ivar lookedUp: what look-ups have found, by their names and keys: all rules of a
        stage see the same.
    """

    session: IServerSession
    stage: RuleStage
    verdicts: Verdicts
    helo: bytes | None = None
    recipient: Recipient | None = None
    guesses: bool = False
    told: dict[str, object] = field(factory=dict, init=False)
    lookedUp: dict[tuple[str, bytes], bytes | None] = field(factory=dict, init=False)
    _spf: SPFVerdict | None = field(default=None, init=False)
    _guess: SPFVerdict | None = field(default=None, init=False)
    _message: MessageVerdict | None = field(default=None, init=False)
    _opinions: Opinions | None = field(default=None, init=False)

    @property
    def envelope(self) -> Envelope:
        """
        The transaction.

        @raise UsageError: there is none.
        """
        found = self.session.envelope
        if found is None:
            raise UsageError(f"at {self.stage.value} there is no transaction")
        return found

    @property
    def ofSPF(self) -> SPFVerdict:
        """
        What SPF has come to.

        @raise UsageError: that was not found out.
        """
        if self._spf is None:
            raise UsageError("SPF was not asked for")
        return self._spf

    @property
    def guessed(self) -> SPFVerdict:
        """
        The same, with the best guess where there is no record.

        @raise UsageError: that was not found out.
        """
        if self._guess is None:
            raise UsageError("no guess was asked for")
        return self._guess

    @property
    def spf(self) -> SPFVerdict:
        """What the variables of a rule tell of SPF: the one or the other."""
        return self.guessed if self.guesses else self.ofSPF

    @property
    def message(self) -> MessageVerdict:
        """
        What was found out of the message.

        @raise UsageError: that was not found out.
        """
        if self._message is None:
            raise UsageError("nothing was found out of the message")
        return self._message

    @property
    def opinions(self) -> Opinions:
        """
        What checkers think of the message.

        @raise UsageError: none was asked.
        """
        if self._opinions is None:
            raise UsageError("no checker was asked")
        return self._opinions

    def finding(self, name: str) -> object:
        """What the first checker that has found it says; L{None}: none has."""
        found = (each.found.get(name) for each in self.opinions.values())
        return next((each for each in found if each is not None), None)

    def find(self, need: Need) -> None | Deferred[None]:
        """Have something found out, if it is not known yet."""
        if need is Need.MESSAGE:
            if self._message is not None:
                return None
            return self._keep(self.verdicts.message, self._keepMessage)
        if need is Need.OPINIONS:
            if self._opinions is not None:
                return None
            return self._keep(self.verdicts.opinions, self._keepOpinions)
        if need is Need.GUESS:
            if self._guess is not None:
                return None
            return self._keep(self.verdicts.guess, self._keepGuess)
        if self._spf is not None:
            return None
        return self._keep(self.verdicts.spf, self._keepSPF)

    def _keep(
        self, ask: Callable[..., T | Deferred[T]], keep: Callable[[T], None]
    ) -> None | Deferred[None]:
        found = ask(self.session, self.envelope)
        if isinstance(found, Deferred):
            return found.addCallback(keep)
        keep(found)
        return None

    def _keepSPF(self, found: SPFVerdict) -> None:
        self._spf = found

    def _keepGuess(self, found: SPFVerdict) -> None:
        self._guess = found

    def _keepOpinions(self, found: Opinions) -> None:
        self._opinions = found

    def _keepMessage(self, found: MessageVerdict) -> None:
        self._message = found


__all__ = ["Need", "Subject"]
