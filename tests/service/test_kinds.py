"""
Tests for L{smtpx.service.kinds}: how values are spelled, and what L{walker
<tests.service.test_walker>} does not come to.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.hostlist import HostList
from smtpx.service.kinds import (
    STANDARD_OUTPUT,
    Choice,
    FilePath,
    Flag,
    IKind,
    Named,
    Number,
    Output,
    Text,
    durationInSeconds,
    sizeInOctets,
)
from smtpx.service.nested import ListOf, Optional, TableOf
from smtpx.service.objects import PythonObject
from smtpx.service.schema import Table, hosts
from smtpx.service.tables import ListenerTLS, SelectorItem, Subject
from smtpx.service.toml import Document
from smtpx.service.walker import Walker

from .test_walker import Inner

HERE = Path("/etc/smtpx")


class SpellingTests(SynchronousTestCase):
    """Values as TOML, and back."""

    def test_inverse(self) -> None:
        """What is spelled means the same when it is read."""
        for kind, value in (
            (Flag(), True),
            (Flag(), False),
            (Number(), 7),
            (Number(whole=False), 0.25),
            (sizeInOctets(), 52_428_800),
            (sizeInOctets(), 1001),
            (durationInSeconds(whole=False), 300.0),
            (durationInSeconds(whole=True), 90),
            (Text(), 'a "b" ö\\'),
            (Text(encoded=True), "ö".encode()),
            (Choice(ListenerTLS), ListenerTLS.IMPLICIT),
            (FilePath(), Path("/a/ö")),
            (Output(), STANDARD_OUTPUT),
            (Output(), Path("/a")),
            (hosts(), HostList.parse(["!192.0.2.1", "*.example"])),
            (ListOf(Number()), (1, 2)),
            (ListOf(Text(), list), []),
            (TableOf(Number()), {"a": 1, "b c": 2}),
            (TableOf(Number()), {}),
            (Optional(Number(), "unlimited"), None),
            (Optional(Number(), "unlimited"), 3),
            (Table.of(Inner), Inner(Path("/k"), 0.75)),
            (SelectorItem(), "+pipelining"),
            (Subject(), "CN=mail.example.org"),
            (Subject(), "CN=Ann\\, of ä"),
        ):
            verifyObject(IKind, kind)
            text = f"x = {kind.spell(value)}"
            walker = Walker(Document("x", HERE, {}))
            read = walker.take(kind, tomllib.loads(text)["x"], ())
            self.assertEqual(read, value, text)

    def test_named(self) -> None:
        """An object is spelled by its name."""
        self.assertEqual(Named().spell(PythonObject.of("a.b:c")), '"a.b:c"')

    def test_none(self) -> None:
        """What has no word for none is left out."""
        self.assertEqual(Optional(Text()).spell(None), "")
        self.assertEqual(Output().spell(None), "")

    def test_words(self) -> None:
        """The range of a number is told as far as there is one."""
        self.assertEqual(
            [
                Number(least=1, most=2).words,
                Number(least=None, most=2).words,
                Number(least=1).words,
                Number(least=None, whole=False).words,
            ],
            [
                "an integer from 1 to 2",
                "an integer of at most 2",
                "an integer of at least 1",
                "a number",
            ],
        )

    def test_output(self) -> None:
        """A place for lines is a path or standard output, or left out."""
        walker = Walker(Document("x", HERE, {}))
        self.assertEqual(walker.take(Output(), "log", ()), HERE / "log")
        self.assertIs(walker.take(Output(), "-", ()), STANDARD_OUTPUT)
        self.assertIs(walker.take(Output(), STANDARD_OUTPUT, ()), STANDARD_OUTPUT)
        self.assertIsNone(walker.take(Output(), None, ()))
        walker.take(Output(), 3, ("log",))
        self.assertEqual(
            str(walker.problems[0]),
            'x: log: expected a path, or "-" for standard output, got 3',
        )

    def test_home(self) -> None:
        """A tilde is the home of the user."""
        walker = Walker(Document("x", HERE, {}))
        self.assertEqual(walker.take(FilePath(), "~/x", ()), Path.home() / "x")

    def test_pathOfOctets(self) -> None:
        """A path of octets is none."""
        walker = Walker(Document("x", HERE, {}))
        walker.take(FilePath(), b"x", ())
        walker.take(FilePath(), "a\0b", ())
        self.assertEqual(len(walker.problems), 2)
