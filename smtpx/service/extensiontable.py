"""
The table C{[extensions]} of the configuration: which extensions run, and how each
is set.  What can be in it depends on what is found in C{twisted/plugins}.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, field, frozen
from zope.interface import implementer

from ..core.interfaces import IExtension
from .extensions import BadChoice, chooseExtensions
from .kinds import FAULT, IKind, IReading, Unwanted
from .problems import KeyPath, closest
from .schema import Table


@frozen
class Extensions:
    """Which extensions run, and how."""

    enable: tuple[str, ...] | None = field(
        default=None,
        metadata={
            "help": "The names of the extensions that run.  If not given: all that"
            " smtpx brings and all that are found in ``twisted/plugins``."
        },
    )
    disable: tuple[str, ...] = field(
        default=(), metadata={"help": "The names of those that do not run."}
    )
    settings: Mapping[str, object] = field(factory=dict, metadata={"option": None})


_CHOICE = Table.of(Extensions)


@implementer(IKind)
@frozen
class ExtensionsKind:
    """
    The table C{[extensions]}: two options, and a table for each extension that has
    settings, which is checked against its class.

    @ivar found: what there is, by name.
    """

    found: Mapping[str, IExtension]
    words: str = "a table"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if isinstance(value, Extensions):
            return value
        if not isinstance(value, Mapping):
            raise Unwanted(self, value)
        plain: dict[str, object] = {}
        settings: dict[str, object] = {}
        for name, table in value.items():
            if name in ("enable", "disable"):
                plain[name] = table
                continue
            read = self._settings(name, table, (*path, name), reading)
            if read is not FAULT:
                settings[name] = read
        chosen = reading.take(_CHOICE, plain, path)
        if not isinstance(chosen, Extensions):
            return FAULT
        chosen = evolve(chosen, settings=settings)
        try:
            self.choose(chosen)
        except BadChoice as error:
            for fault in error.faults:
                reading.refuse((*path, *fault.path), fault.text, fault.meant)
        # Whoever reads the whole sees the faults.
        return chosen

    def _settings(
        self, name: str, table: object, path: KeyPath, reading: IReading
    ) -> object:
        extension = self.found.get(name)
        if extension is None:
            known = ("enable", "disable", *self.found)
            return reading.refuse(
                path, "there is no such option or extension", closest(name, known)
            )
        if extension.settings is None:
            return reading.refuse(path, f"{name} has no options")
        return reading.take(Table.of(extension.settings), table, path)

    def choose(self, extensions: Extensions) -> list[IExtension]:
        """
        Those that run, set as they are to be.

        @raise BadChoice: they cannot be had so.
        """
        return chooseExtensions(
            self.found,
            enable=extensions.enable,
            disable=extensions.disable,
            settings=extensions.settings,
        )

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return "{}"
