"""
What routes have that depend on the verdict of a scanner (L{smtpx.extensions.bmi}).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from attrs import Attribute, evolve, field, frozen

from ...core.envelope import Recipient
from ...extensions.bmi import deliversAlternate, deliversDefault, deliversNot, fired
from .routeoptions import RouteOptions

R = TypeVar("R", bound="BMIRouteOptions")


def _one(
    entry: BMIRouteOptions, attribute: Attribute[Any], value: bool | tuple[int, ...]
) -> None:
    """They are read in their order, and the last one looks at the others."""
    if entry.bmiDeliverDefault + entry.bmiDeliverAlternate + entry.bmiDontDeliver > 1:
        raise ValueError("no verdict is two of default, alternate and not at all")


_BEFORE = (
    "  A route with a condition such as this one comes before those without, and they"
    " come in the order of the file."
)


@frozen
class BMIRouteOptions(RouteOptions):
    """What routes have that depend on a verdict."""

    bmiDeliverDefault: bool = field(
        default=False,
        metadata={
            "help": "Only for recipients whose verdict is to deliver the message as"
            " usual, or who have none (:doc:`/howto/bmi`)." + _BEFORE
        },
    )
    bmiDeliverAlternate: bool = field(
        default=False,
        metadata={
            "help": "Only for recipients whose verdict is to deliver the message to an"
            " alternate location; that is ``{bmi_alt_location}`` in ``path``."
        },
    )
    bmiDontDeliver: bool = field(
        default=False,
        validator=_one,
        metadata={
            "help": "Only for recipients whose verdict is not to deliver the message."
        },
    )
    bmiRule: tuple[int, ...] = field(
        default=(),
        metadata={
            "help": "Only for recipients for whom one of these rules of the scanner"
            " fired, by their numbers."
        },
    )

    @property
    def holds(self) -> Callable[[Recipient], bool] | None:
        """Is it for a recipient?  L{None}: whatever the verdict is."""
        asked: list[Callable[[Recipient], bool]] = []
        if self.bmiDeliverDefault:
            asked.append(deliversDefault)
        if self.bmiDeliverAlternate:
            asked.append(deliversAlternate)
        if self.bmiDontDeliver:
            asked.append(deliversNot)
        if self.bmiRule:
            asked.append(partial(fired, rules=self.bmiRule))
        if len(asked) < 2:
            return asked[0] if asked else None
        return lambda recipient: all(each(recipient) for each in asked)

    def withoutConditions(self: R) -> R:
        """The same, for everybody."""
        return evolve(
            self,
            bmiDeliverDefault=False,
            bmiDeliverAlternate=False,
            bmiDontDeliver=False,
            bmiRule=(),
        )


__all__ = ["BMIRouteOptions"]
