"""
Tests for L{smtpx.service.schema}: from classes to options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.service.kinds import Choice, Number
from smtpx.service.nested import ListOf, Optional, TableOf
from smtpx.service.schema import optionName, optionsOf
from smtpx.service.tables import ListenerTLS
from smtpx.service.toml import Document
from smtpx.service.walker import readSettings


@frozen
class Described:
    """
    Settings that are described in their docstring.

    @ivar commandSeconds: how long; see L{otherName} and C{QUIT},
        on two lines.

    More about something else.

    @ivar otherName: the other.
    """

    commandSeconds: float
    otherName: int = field(default=3, metadata={"help": "Said here."})
    listed: Sequence[int] = field(factory=lambda: [1])
    seconds: int = field(
        default=attrs.Factory(lambda self: self.otherName, takes_self=True)
    )
    _private: int = 7
    hidden: int = field(default=1, metadata={"option": None})
    computed: int = field(default=1, init=False)
    renamed: dict[str, int] = field(factory=dict, metadata={"option": "else"})


class OptionTests(SynchronousTestCase):
    """The options of a class."""

    def test_names(self) -> None:
        """Names are the attributes' in snake_case, unless the class says else."""
        self.assertEqual(
            [option.name for option in optionsOf(Described)],
            [
                "command_seconds",
                "other_name",
                "listed",
                "seconds",
                "private",
                "else",
            ],
        )

    def test_humps(self) -> None:
        """Words are told apart by their capitals, acronyms as one word."""
        for name, option in (
            ("earlyOctets", "early_octets"),
            ("tls_advertise_requiretls", "tls_advertise_requiretls"),
            ("tlsOCSPFile", "tls_ocsp_file"),
            ("useTLS", "use_tls"),
        ):
            self.assertEqual(optionName(name), option)

    def test_help(self) -> None:
        """Help comes from the metadata, or from the docstring."""
        found = {option.name: option.help for option in optionsOf(Described)}
        self.assertEqual(
            found["command_seconds"],
            "how long; see ``other_name`` and ``QUIT``, on two lines.",
        )
        self.assertEqual(found["other_name"], "Said here.")
        self.assertEqual(found["else"], "")

    def test_defaults(self) -> None:
        """What has no default is required; a factory's is made."""
        found = {option.name: option for option in optionsOf(Described)}
        self.assertTrue(found["command_seconds"].required)
        self.assertEqual(found["listed"].default, [1])
        self.assertIsNone(found["seconds"].default)

    def test_kinds(self) -> None:
        """The kind follows from the annotation."""

        @frozen
        class Kinds:
            """One of each that holds others."""

            sequence: Sequence[ListenerTLS] = ()
            mapping: Mapping[str, bool] = field(factory=dict)
            none: int | None = field(default=None, metadata={"none": "never"})

        # Annotations of a local class are strings that nobody can resolve.
        Kinds.__annotations__.update(
            sequence=Sequence[ListenerTLS],
            mapping=Mapping[str, bool],
            none=int | None,
        )
        sequence, mapping, none = [option.kind for option in optionsOf(Kinds)]
        self.assertEqual(sequence, ListOf(Choice(ListenerTLS)))
        self.assertIsInstance(mapping, TableOf)
        self.assertEqual(none, Optional(Number(), "never"))

    def test_constructorsNames(self) -> None:
        """A private attribute is given by its public name."""
        read = readSettings(
            Document("x", Path("/"), {"command_seconds": 1}),
            Described,
        )
        self.assertEqual((read.commandSeconds, read._private), (1.0, 7))

    def test_impossible(self) -> None:
        """A type that no option can have is the programmer's mistake."""
        kinds: tuple[Any, ...] = (
            int | str,
            int | str | None,
            tuple[int, str],
            object,
            complex,
            Any,
        )
        for annotation in kinds:
            made = attrs.make_class("Made", {"odd": attrs.field(type=annotation)})
            error = self.assertRaises(UsageError, optionsOf, made)
            self.assertTrue(str(error).startswith("Made.odd cannot be an option"))

    def test_noSettings(self) -> None:
        """A class that is not of attrs is the programmer's mistake."""
        self.assertRaises(UsageError, optionsOf, int)
