"""
The table C{[log]}: where is told what happens.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from attrs import field, frozen
from zope.interface import implementer

from ...observe.selectors import NOT_HERE, Selector, parseSelectors
from ..kinds import IKind, IReading, Output, StandardOutput, Unwanted, Wrong
from ..nested import ListOf
from ..problems import KeyPath, closest


class LogLevel(Enum):
    """How bad an event is."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    CRITICAL = "critical"


@implementer(IKind)
@frozen
class SelectorItem:
    """One item of a choice of log selectors."""

    words: str = "a log selector"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, str):
            raise Unwanted(self, value)
        try:
            parseSelectors([value])
        except ValueError as error:
            name = value.lstrip("+-")
            if name in NOT_HERE:
                raise Wrong(str(error)) from None
            meant = closest(name, [each.value for each in Selector])
            raise Unwanted(self, value, meant) from None
        return value

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return f'"{value}"'


@frozen
class Log:
    """Where is told what happens."""

    main: Path | StandardOutput | None = field(
        default=None,
        metadata={
            "kind": Output(),
            "help": "A file for the main log, in the format of Exim's; ``-`` is"
            " standard output.  If not given: ``main.log`` in the state folder.",
        },
    )
    json: Path | StandardOutput | None = field(
        default=None,
        metadata={
            "kind": Output(),
            "help": "A file for all events, one JSON object a line; ``-`` is standard"
            " output.  If not given: nowhere.",
        },
    )
    level: LogLevel = field(
        default=LogLevel.WARN,
        metadata={
            "help": "How bad an event has to be to stand in the log of ``twistd`` as"
            " well."
        },
    )
    selectors: tuple[str, ...] = field(
        default=(),
        metadata={
            "kind": ListOf(SelectorItem()),
            "help": "What the main log shows, by Exim's names: ``+name`` adds to what"
            " it shows anyway, ``-name`` takes away, ``all`` is everything.",
        },
    )
