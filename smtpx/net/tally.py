"""
What became of an envelope that may take more than one transaction.

Recipients that are too many for one transaction go in another, and so do those to
whom it is tried again; L{Tally} has the last word on each of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..core.effects import Settled
from ..core.envelope import Envelope, Recipient
from ..core.hooks import Scope, Stage
from ..core.reply import Reply, reply
from ..spool.via import Cause, Via
from .sending import Sent

_CAUSES = {
    Stage.MAIL: Cause.SENDER,
    Stage.RCPT: Cause.RECIPIENT,
    Stage.DATA: Cause.CONTENT,
    Stage.MESSAGE: Cause.CONTENT,
}

# Members of an enumeration take time to look up.
_TAKEN, _BY_MESSAGE, _CONTENT = Scope.MESSAGE, Stage.MESSAGE, (Cause.CONTENT,)

_INTERRUPTED = reply(451, "4.4.2", b"Another session did not come about")


class Tally:
    """
    The outcomes of one envelope.

    @ivar unsure: see L{Sent}.
    """

    __slots__ = ("_envelope", "_found", "_scope", "unsure")

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        #: By identity: an envelope may have the same path twice.
        self._found: dict[int, tuple[Reply, Cause]] = {}
        self._scope = Scope.MESSAGE
        self.unsure = False

    @property
    def begun(self) -> bool:
        """Is anything known?"""
        return bool(self._found)

    @property
    def served(self) -> bool:
        """Has somebody got it?"""
        return any(not said.refuses for said, _ in self._found.values())

    def note(self, settled: Settled, otherwise: Cause) -> None:
        """
        A transaction is settled.

        @param otherwise: the cause where no command was refused.
        """
        outcomes = zip(settled.outcomes, settled.stages, strict=True)
        for place, ((recipient, said), stage) in enumerate(outcomes):
            cause = otherwise if stage is None else _CAUSES[stage]
            if place in settled.ours:
                cause = Cause.UNFIT
            self._found[id(recipient)] = said, cause
        self.unsure = self.unsure or settled.unsure
        self._scope = settled.scope

    def void(self, settled: Settled) -> None:
        """
        Who was refused in a transaction was refused by our own mistake: nothing is
        known of them.
        """
        for recipient in refused(settled):
            self._found.pop(id(recipient), None)

    def noteAnswered(self, settled: Settled) -> None:
        """
        A transaction was broken off: note those whom the host had answered for by
        themselves, behind the message, and no others.
        """
        outcomes = zip(settled.outcomes, settled.stages, strict=True)
        for (recipient, said), stage in outcomes:
            if stage is Stage.MESSAGE:
                self._found[id(recipient)] = said, _CAUSES[stage]

    def interrupted(self, recipients: Iterable[Recipient], cause: Cause) -> None:
        """
        To these it was to go again, and that came to nothing.  Whatever they had
        before is not for good.

        @param cause: why.
        """
        for each in recipients:
            said = self._found.get(id(each))
            if said is None or said[0].permanent:
                self._found[id(each)] = _INTERRUPTED, cause

    def sent(self, via: Via) -> Sent:
        """What became of all of them."""
        recipients = self._envelope.recipients
        found = [self._found[id(recipient)] for recipient in recipients]
        last = self._scope is Scope.MESSAGE or self.unsure
        scope = Scope.MESSAGE if last else Scope.HOST
        return Sent(
            tuple(zip(recipients, [said for said, _ in found], strict=True)),
            tuple([cause for _, cause in found]),
            scope,
            via,
            self.unsure,
        )


def plainly(settled: Settled) -> tuple[Cause, ...] | None:
    """
    Does the outcome of one transaction, over a connection that still is of use, say
    all of the envelope?  It does where all was said to the message itself.

    @return: the causes of L{Sent}, whose outcomes are those of C{settled}, and whose
        scope is L{Scope.MESSAGE}; L{None}: it takes a L{Tally}.
    """
    stages = settled.stages
    many = len(stages)
    if (
        settled.scope is not _TAKEN
        or settled.rest
        or settled.unsure
        or settled.ours
        or stages.count(_BY_MESSAGE) != many
    ):
        return None
    return _CONTENT * many


def refused(settled: Settled) -> list[Recipient]:
    """Those of a transaction who did not get it."""
    return [each for each, said in settled.outcomes if said.refuses]


__all__ = ["Tally", "plainly", "refused"]
