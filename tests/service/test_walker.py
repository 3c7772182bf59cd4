"""
Tests for L{smtpx.service.walker}: how a document is checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import attrs
from attrs import field, frozen
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hostlist import HostList
from smtpx.service.objects import PythonObject
from smtpx.service.problems import ConfigurationError
from smtpx.service.toml import Document, parseDocument
from smtpx.service.walker import readSettings

HERE = Path("/etc/smtpx")


class Colour(Enum):
    """An enumeration of a schema."""

    RED = "red"
    GREEN = "green"


@frozen
class Inner:
    """
    A table within a table.

    @ivar keyFile: a file, that has to be named.
    """

    keyFile: Path
    ratio: float = 0.5


@frozen
class Shared:
    """What stands flat in another table."""

    lineOctets: int = 1000
    waitSeconds: float = 60.0
    mostOf: int | None = 3


@frozen
class Everything:
    """One option of each kind."""

    flag: bool = False
    count: int = field(default=1, metadata={"least": 1, "most": 9})
    ratio: float = 1.0
    text: str = ""
    octets: bytes = b""
    colour: Colour = Colour.RED
    file: Path | None = None
    names: tuple[str, ...] = ()
    asList: list[int] = field(factory=list)
    asSet: frozenset[str] = frozenset()
    inner: Inner | None = None
    several: tuple[Inner, ...] = ()
    free: Mapping[str, int] = field(factory=dict)
    hosts: HostList = field(factory=HostList)
    check: PythonObject | None = None
    limit: float | None = 5.0
    offset: int = field(default=0, metadata={"least": None})
    shared: Shared = field(
        factory=Shared, metadata={"flat": True, "least": {"line_octets": 512}}
    )
    odd: int = field(default=1, validator=attrs.validators.in_((1, 3, 5)))
    long: str = field(default="", validator=attrs.validators.max_len(3))

    def __attrs_post_init__(self) -> None:
        """Some pairs do not go together."""
        if self.text == "a" and self.flag:
            raise ValueError("text and flag do not go together")


def read(text: str) -> Everything:
    """What a text comes to."""
    return readSettings(parseDocument(text, "x.toml", HERE), Everything)


class WalkerTests(SynchronousTestCase):
    """Documents checked against a class."""

    def faults(self, text: str) -> list[str]:
        """What is wrong with a text."""
        error = self.assertRaises(ConfigurationError, read, text)
        return [str(problem) for problem in error.problems]

    def fault(self, text: str) -> str:
        """The one thing that is wrong with a text."""
        found = self.faults(text)
        self.assertEqual(len(found), 1, found)
        return found[0].removeprefix("x.toml:1: ")

    def test_emptyIsTheDefaults(self) -> None:
        """An empty document is an instance with all its defaults."""
        self.assertEqual(read(""), Everything())

    def test_everything(self) -> None:
        """Each kind of value arrives as what the program wants."""
        got = read(
            """
            limit = 1
            flag = true
            count = 2
            ratio = 2
            text = "t"
            octets = "ö"
            colour = "green"
            file = "sub/x"
            names = ["a", "b"]
            as_list = [1, 2]
            as_set = ["x"]
            hosts = ["!192.0.2.1", "192.0.2.0/24"]
            check = "json:loads"
            offset = -4
            line_octets = "2 KiB"
            wait_seconds = "5 min"
            most_of = "unlimited"
            odd = 3
            free = { a = 1, "b c" = 2 }
            inner = { key_file = "/abs" }
            [[several]]
            key_file = "one"
            [[several]]
            key_file = "two"
            ratio = 0.25
            """
        )
        self.assertEqual(got.check and got.check.load(), json.loads)
        self.assertTrue(got.hosts.matches(b"192.0.2.9"))
        self.assertFalse(got.hosts.matches(b"192.0.2.1"))
        self.assertEqual(
            got,
            Everything(
                flag=True,
                count=2,
                ratio=2.0,
                text="t",
                octets="ö".encode(),
                colour=Colour.GREEN,
                file=HERE / "sub/x",
                names=("a", "b"),
                asList=[1, 2],
                asSet=frozenset(["x"]),
                hosts=got.hosts,
                check=got.check,
                limit=1.0,
                offset=-4,
                shared=Shared(2048, 300.0, None),
                odd=3,
                free={"a": 1, "b c": 2},
                inner=Inner(Path("/abs")),
                several=(Inner(HERE / "one"), Inner(HERE / "two", 0.25)),
            ),
        )

    def test_unknownOption(self) -> None:
        """An option that is not there is a fault, with a guess at what was meant."""
        self.assertEqual(
            self.fault('colur = "red"'),
            'colur: there is no such option; did you mean "colour"?',
        )
        self.assertEqual(self.fault("zzz = 1"), "zzz: there is no such option")

    def test_flatOptionsAreKnown(self) -> None:
        """Options of a flat class are suggested like the others."""
        self.assertEqual(
            self.fault("line_octet = 1000"),
            'line_octet: there is no such option; did you mean "line_octets"?',
        )

    def test_nothingIsCoerced(self) -> None:
        """A value of another type is a fault, however near it is."""
        for text, words in [
            ("flag = 1", "true or false, got 1"),
            ('flag = "true"', 'true or false, got "true"'),
            ("count = true", "an integer from 1 to 9, got true"),
            ("count = 2.0", "an integer from 1 to 9, got 2.0"),
            ('count = "2"', 'an integer from 1 to 9, got "2"'),
            ("ratio = '1'", 'a number of at least 0, got "1"'),
            ("ratio = nan", "a number of at least 0, got nan"),
            ("ratio = inf", "a number of at least 0, got inf"),
            ("text = 1", "a string, got 1"),
            ("text = 1979-05-27", "a string, got 1979-05-27"),
            ("octets = 1", "a string, got 1"),
            ("file = 1", "a path, got 1"),
            ('file = ""', 'a path, got ""'),
            ("names = 'a'", 'a list, got "a"'),
            ("free = 1", "a table, got 1"),
            ("inner = []", "a table, got a list"),
            ("colour = {}", 'one of "red", "green", got a table'),
            ("check = 1", 'a name such as "package.module:name", got 1'),
            ("check = 'x'", 'a name such as "package.module:name", got "x"'),
        ]:
            key = text.partition(" ")[0]
            self.assertEqual(self.fault(text), f"{key}: expected {words}")

    def test_longValuesAreCutShort(self) -> None:
        """A fault repeats only so much of a value."""
        fault = self.fault(f'flag = "{"x" * 500}"')
        self.assertEqual(fault, f'flag: expected true or false, got "{"x" * 57}..."')

    def test_ranges(self) -> None:
        """Numbers out of their range are faults, and none is negative."""
        self.assertIn("an integer from 1 to 9, got 0", self.fault("count = 0"))
        self.assertIn("an integer from 1 to 9, got 10", self.fault("count = 10"))
        self.assertIn("at least 0, got -1", self.fault("ratio = -1"))
        self.assertIn("at least 512", self.fault("line_octets = 511"))

    def test_words(self) -> None:
        """Sizes and durations are numbers or words, and nothing else."""
        self.assertEqual(
            self.fault('line_octets = "2 kibi"'),
            'line_octets: expected a size such as "50 MiB" (units: octets, kB, MB,'
            ' GB, TB, KiB, MiB, GiB, TiB), got "2 kibi"',
        )
        self.assertIn(
            'an integer of at least 512, or a size such as "50 MiB", got 5.5',
            self.fault("line_octets = 5.5"),
        )
        self.assertIn(
            'expected a duration such as "5 min"',
            self.fault('wait_seconds = "soon"'),
        )

    def test_choice(self) -> None:
        """A word that is none of the choices lists them, and what was meant."""
        self.assertEqual(
            self.fault('colour = "Green"'),
            'colour: expected one of "red", "green", got "Green";'
            ' did you mean "green"?',
        )

    def test_none(self) -> None:
        """Where a number may be none there is a word for it."""
        self.assertIsNone(read('limit = "unlimited"').limit)
        self.assertEqual(
            self.fault('limit = "unlimitd"'),
            'limit: expected a number of at least 0, or "unlimited",'
            ' got "unlimitd"; did you mean "unlimited"?',
        )

    def test_required(self) -> None:
        """What has no default has to be there."""
        self.assertEqual(self.fault("inner = {}"), "inner: key_file is missing")

    def test_hostList(self) -> None:
        """A bad item of a host list is told with the list's own words."""
        self.assertEqual(
            self.fault('hosts = ["192.0.2.1/24"]'),
            "hosts: '192.0.2.1/24' has bits beyond its prefix: is 192.0.2.0/24 meant?",
        )
        self.assertEqual(
            self.fault("hosts = [1]"), "hosts[0]: expected a string, got 1"
        )

    def test_validators(self) -> None:
        """Validators of the class are heard, each by itself."""
        self.assertEqual(
            self.faults("odd = 2\nlong = 'long'"),
            [
                "x.toml:1: odd: must be in (1, 3, 5) (got 2)",
                "x.toml:2: long: Length of 'long' must be <= 3: 4",
            ],
        )

    def test_pairs(self) -> None:
        """What the class has against a combination is a fault of the table."""
        self.assertEqual(
            self.faults("text = 'a'\nflag = true"),
            ["x.toml: text and flag do not go together"],
        )

    def test_allAtOnce(self) -> None:
        """All faults are reported, each with its own line."""
        self.assertEqual(
            self.faults(
                "flag = 1\n"
                "colur = 1\n"
                "names = ['a',\n"
                " 2,\n"
                " 3]\n"
                "[free]\n"
                "a = 'x'\n"
                "[[several]]\n"
                "key_file = 'a'\n"
                "[[several]]\n"
                "ratio = 'b'\n"
            ),
            [
                "x.toml:1: flag: expected true or false, got 1",
                'x.toml:2: colur: there is no such option; did you mean "colour"?',
                "x.toml:4: names[1]: expected a string, got 2",
                "x.toml:5: names[2]: expected a string, got 3",
                'x.toml:7: free.a: expected an integer of at least 0, got "x"',
                "x.toml:10: several[1]: key_file is missing",
                'x.toml:11: several[1].ratio: expected a number of at least 0, got "b"',
            ],
        )

    def test_objectsOfPrograms(self) -> None:
        """A program may give values as it has them."""
        inner = Inner(Path("/k"))
        check = PythonObject.of(json.loads)
        got = readSettings(
            Document(
                "configuration",
                HERE,
                {
                    "colour": Colour.GREEN,
                    "file": Path("y"),
                    "names": ("a",),
                    "inner": inner,
                    "hosts": HostList.parse(["*"]),
                    "check": check,
                    "octets": b"x",
                    "limit": None,
                },
            ),
            Everything,
        )
        self.assertEqual(
            got,
            Everything(
                colour=Colour.GREEN,
                file=HERE / "y",
                names=("a",),
                inner=inner,
                hosts=HostList.parse(["*"]),
                check=check,
                octets=b"x",
                limit=None,
            ),
        )

    def test_programsGetThePathOnly(self) -> None:
        """Without a file there are no lines, but still the path."""
        error = self.assertRaises(
            ConfigurationError,
            readSettings,
            Document("configuration", HERE, {"inner": {"key_file": 3}}),
            Everything,
        )
        self.assertEqual(
            str(error), "configuration: inner.key_file: expected a path, got 3"
        )
