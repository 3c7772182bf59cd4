"""
A memory for named transactions, in which a test says what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field
from zope.interface import implementer

from smtpx.core.interfaces import IExtension, IServerSession
from smtpx.core.reply import Reply
from smtpx.extensions.checkpoint import Checkpoint
from smtpx.extensions.checkpointserver import (
    Committed,
    CutShort,
    ITransactionMemory,
    Known,
    Recall,
    Transaction,
)
from smtpx.testing.server import Said, talk


@implementer(ITransactionMemory)
@define(eq=False)
class Memory:
    """
    A memory.

    @ivar room: is there room for more?
    @ivar known: what is known of whatever begins.
    @ivar asked: what began.
    @ivar forgotten: what was to be forgotten.
    @ivar refusals: what was refused for good, and with what.
    """

    room: bool = True
    known: Known | Committed | CutShort = Known.NEW
    asked: list[Transaction] = field(factory=list)
    forgotten: list[Transaction] = field(factory=list)
    refusals: list[tuple[Transaction, tuple[Reply, ...]]] = field(factory=list)

    def admits(self, session: IServerSession) -> bool:
        """See L{ITransactionMemory}."""
        return self.room

    def forget(self, transaction: Transaction) -> None:
        """See L{ITransactionMemory}."""
        self.forgotten.append(transaction)

    def refused(self, transaction: Transaction, finals: Sequence[Reply]) -> None:
        """See L{ITransactionMemory}."""
        self.refusals.append((transaction, tuple(finals)))

    def recall(self, question: Recall) -> Known | Committed | CutShort:
        """What is known."""
        self.asked.append(question.transaction)
        return self.known


def named(
    memory: Memory,
    octets: bytes,
    *more: IExtension,
    answers: Mapping[Any, Callable[[Any], object]] | None = None,
    **options: Any,
) -> Said:
    """
    Play a client that names its transactions.

    @param more: extensions besides.
    @param answers: to other questions.
    """
    extensions = [*more, Checkpoint(memory=memory)]
    known: dict[type, Callable[[Any], object]] = {Recall: memory.recall}
    known.update(answers or {})
    return talk(extensions, octets, answers=known, **options)
