"""
What a program is told of a message that it has sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import define, field, frozen

from ..core.envelope import Recipient
from ..core.errors import SMTPXError
from ..core.reply import Reply, reply
from ..dns.mailhosts import Unroutable
from ..spool.via import Cause, Via
from .addressing import Addressed
from .sending import Sent, Unreached

#: The most recipients whose reasons stand in the message of an exception.
_TOLD = 3


@frozen
class Receipt:
    """
    What became of a message.

    @ivar outcomes: one reply a recipient, in the order they were given, by their
        address as it was given.  A 2yz: the host has it, and is responsible for it; a
        4yz: it may take it later; a 5yz: it will not.
    @ivar hosts: the hosts that were talked to, or tried.
    @ivar unsure: those whose host may have the message although it did not say so,
        for the connection was lost too early: who sends it again may send it twice
        (RFC 1047).
    """

    outcomes: tuple[tuple[str, Reply], ...]
    hosts: tuple[Via, ...] = ()
    unsure: tuple[str, ...] = ()

    @property
    def accepted(self) -> tuple[str, ...]:
        """The recipients who have it."""
        return tuple(name for name, said in self.outcomes if not said.refuses)

    @property
    def refused(self) -> Mapping[str, Reply]:
        """The recipients who do not have it, with the reason."""
        return {name: said for name, said in self.outcomes if said.refuses}


class NotSent(SMTPXError):
    """
    Nobody has the message.  Where no session with a host came about, the cause
    (C{__cause__}) is L{smtpx.net.sending.Unreached} or
    L{smtpx.dns.mailhosts.Unroutable}.

    @ivar receipt: why, for each recipient.
    """

    def __init__(self, receipt: Receipt) -> None:
        told = [f"{name}: {said.onOneLine}" for name, said in receipt.outcomes[:_TOLD]]
        more = len(receipt.outcomes) - len(told)
        if more:
            told.append(f"and {more} more")
        SMTPXError.__init__(self, "; ".join(told))
        self.receipt = receipt

    @property
    def permanent(self) -> bool:
        """Is there no use in trying it again?"""
        return all(said.permanent for _, said in self.receipt.outcomes)


@define(eq=False)
class Findings:
    """What is known of a message, while it is on its way."""

    _outcomes: dict[int, Reply] = field(factory=dict)
    _hosts: list[Via] = field(factory=list)
    _unsure: set[int] = field(factory=set)
    _error: SMTPXError | None = None

    def unroutable(self, recipients: Iterable[Recipient], error: Unroutable) -> None:
        """There is no way to these."""
        self._error = self._error or error
        self._outcomes |= {id(each): error.reply for each in recipients}

    def unreached(self, recipients: Iterable[Recipient], error: Unreached) -> None:
        """A host of these could not be talked to; what another has said stands."""
        self._error = self._error or error
        self._hosts.append(error.via)
        said = error.reply
        if said is None:
            text = error.text.encode("utf-8", "replace")
            said = reply(451, "4.4.1", error.via.host + b": " + text)
        for each in recipients:
            self._outcomes.setdefault(id(each), said)

    def sent(self, sent: Sent) -> None:
        """A host has said what it has to say."""
        self._hosts.append(sent.via)
        for (each, got), cause in zip(sent.outcomes, sent.causes, strict=True):
            self._outcomes[id(each)] = got
            if sent.unsure and got.refuses and cause is Cause.LOST:
                self._unsure.add(id(each))

    def receipt(self, message: Addressed) -> Receipt:
        """
        All is known.

        @raise NotSent: nobody has it.
        """
        pairs = list(zip(message.envelope.recipients, message.names, strict=True))
        receipt = Receipt(
            tuple((name, self._outcomes[id(each)]) for each, name in pairs),
            tuple(self._hosts),
            tuple(name for each, name in pairs if id(each) in self._unsure),
        )
        if not receipt.accepted:
            raise NotSent(receipt) from self._error
        return receipt


__all__ = ["Findings", "NotSent", "Receipt"]
