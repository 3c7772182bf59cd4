"""
Conditions with texts in them that have variables (L{IWorded}): their texts are read
with those of their rule, and what those need is found out before they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import frozen
from twisted.internet.defer import Deferred

from .faults import Place
from .interfaces import ICondition, IWorded, Means, Test
from .subject import Need, Subject
from .texts import Text

#: Reads a text, and notes what is wrong with it at a place of the rule.
Read = Callable[[str, Place], Text]


@frozen
class ReadyCondition:
    """
    A condition whose texts were read.

    @ivar condition: it.
    @ivar needs: what has to be found out for its texts.
    """

    condition: ICondition
    needs: tuple[Need, ...] = ()

    @classmethod
    def of(cls, condition: ICondition, read: Read) -> ReadyCondition:
        """Read the texts of a condition, if it has any."""
        if not IWorded.providedBy(condition):
            return cls(condition)
        texts = [
            read(source, (condition.name, *place))
            for place, source in condition.sources
        ]
        needs = {need for text in texts for need in text.needs}
        # In one order, whatever the run.
        ordered = tuple(each for each in Need if each in needs)
        return cls(condition.worded(texts), ordered)

    def test(self, means: Means, guesses: bool) -> Test:
        """
        What asks it.

        @param guesses: is what its texts tell of SPF the best guess?
        """
        test = self.condition.test(means)
        if not self.needs:
            return test
        return _informed(test, needed(self.needs, guesses), guesses)


def needed(needs: Iterable[Need], guesses: bool) -> tuple[Need, ...]:
    """
    What has to be found out for texts.

    @param guesses: is what they tell of SPF the best guess?
    """
    wanted = (Need.GUESS if guesses and need is Need.SPF else need for need in needs)
    return tuple(dict.fromkeys(wanted))


def _informed(test: Test, needs: Sequence[Need], guesses: bool) -> Test:
    """A test that wants something to be known."""

    def ask(subject: Subject) -> bool | None | Deferred[bool | None]:
        subject.guesses = guesses
        finding = [subject.find(each) for each in needs]
        waiting = [each for each in finding if each is not None]
        if not waiting:
            return test(subject)
        return Deferred.fromCoroutine(_afterwards(waiting, test, subject))

    return ask


async def _afterwards(
    waiting: Iterable[Deferred[None]], test: Test, subject: Subject
) -> bool | None:
    for each in waiting:
        await each
    said = test(subject)
    return await said if isinstance(said, Deferred) else said


__all__ = ["Read", "ReadyCondition", "needed"]
