"""
Tests for L{smtpx.service.toml}.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.problems import ConfigurationError, KeyPath
from smtpx.service.toml import lineIndex, parseDocument, readDocument

HERE = Path("/etc/smtpx")

EVERYTHING = '''\
# a comment with [brackets] and "quotes"
name = "mx.example"  # behind a value
"quoted \\u0041" = 1
'literal' = 2
dotted . deep.key = 3

[[listener]]
port = 25
[[listener]]
port = 465
  [listener.extra]
  note = 1

[tls]
certificates = [
  { certificate = "a", key = "]}" },  # not the end
  { certificate = 'b', key = [
    "c"] },
]
long = """
[not.a.table]
key = "not a key" \\"""
"""
other = \'\'\'
# not a comment\'\'\'
after = 1979-05-27 07:32:00

[a]
[a.b.c]
x = [[1, 2], [
  3]]
[[a.list.inner]]
[[a.list.inner]]
y = true
'''

LINES: dict[KeyPath, int] = {
    ("name",): 2,
    ("quoted A",): 3,
    ("literal",): 4,
    ("dotted",): 5,
    ("dotted", "deep"): 5,
    ("dotted", "deep", "key"): 5,
    ("listener",): 7,
    ("listener", 0): 7,
    ("listener", 0, "port"): 8,
    ("listener", 1): 9,
    ("listener", 1, "port"): 10,
    ("listener", 1, "extra"): 11,
    ("listener", 1, "extra", "note"): 12,
    ("tls",): 14,
    ("tls", "certificates"): 15,
    ("tls", "certificates", 0): 16,
    ("tls", "certificates", 0, "certificate"): 16,
    ("tls", "certificates", 0, "key"): 16,
    ("tls", "certificates", 1): 17,
    ("tls", "certificates", 1, "certificate"): 17,
    ("tls", "certificates", 1, "key"): 17,
    ("tls", "certificates", 1, "key", 0): 18,
    ("tls", "long"): 20,
    ("tls", "other"): 24,
    ("tls", "after"): 26,
    ("a",): 28,
    ("a", "b"): 29,
    ("a", "b", "c"): 29,
    ("a", "b", "c", "x"): 30,
    ("a", "b", "c", "x", 0): 30,
    ("a", "b", "c", "x", 0, 0): 30,
    ("a", "b", "c", "x", 0, 1): 30,
    ("a", "b", "c", "x", 1): 30,
    ("a", "b", "c", "x", 1, 0): 31,
    ("a", "list"): 32,
    ("a", "list", "inner"): 32,
    ("a", "list", "inner", 0): 32,
    ("a", "list", "inner", 1): 33,
    ("a", "list", "inner", 1, "y"): 34,
}


def leaves(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """All values of a parsed document that hold no others, with their paths."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


class Writer:
    """
    Spells a tree as TOML, over many lines, with a number of its own as each
    leaf, and notes the line of each number.
    """

    def __init__(self) -> None:
        self.text = ""
        self.numbers: dict[int, int] = {}

    def leaf(self) -> None:
        """The next number."""
        number = len(self.numbers)
        self.numbers[number] = self.text.count("\n") + 1
        self.text += str(number)

    def inline(self, shape: object) -> None:
        """A value behind a key."""
        if isinstance(shape, dict):
            self.text += "{ "
            for index, (key, inner) in enumerate(shape.items()):
                self.text += ", " if index else ""
                self.text += f"{json.dumps(key)} = "
                self.inline(inner)
            self.text += " }"
        elif isinstance(shape, list):
            self.text += "[ # ]\n"
            for inner in shape:
                self.inline(inner)
                self.text += " ,\n"
            self.text += "]"
        else:
            self.leaf()

    def table(self, shape: dict[str, object], names: tuple[str, ...]) -> None:
        """A table with a header of its own, and those within it."""
        if names:
            self.text += f"[{'.'.join(map(json.dumps, names))}]\n\n"
        tables = {key: v for key, v in shape.items() if isinstance(v, dict)}
        for key, inner in shape.items():
            if key not in tables:
                self.text += f"{json.dumps(key)} = "
                self.inline(inner)
                self.text += "\n"
        for key, inner in tables.items():
            self.table(inner, (*names, key))


SHAPES = st.recursive(
    st.just(0),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(list("abc#= ]")), inner, max_size=3)
    ),
    max_leaves=12,
)


class LineIndexTests(SynchronousTestCase):
    """Where in a text each key is."""

    def test_everythingHasItsLine(self) -> None:
        """Each way that TOML has to name a value is found on its line."""
        self.assertEqual(lineIndex(EVERYTHING), LINES)

    def test_nothingThatTomllibReadsIsMissing(self) -> None:
        """The index knows each value that the document has."""
        for path, _ in leaves(tomllib.loads(EVERYTHING)):
            self.assertIn(path, LINES)

    @given(st.dictionaries(st.sampled_from(["a", "b", "c d", '"']), SHAPES))
    @settings(max_examples=100, deadline=None)
    def test_anyTree(self, shape: dict[str, object]) -> None:
        """However tables and lists are nested, each value is on its line."""
        writer = Writer()
        writer.table(shape, ())
        index = lineIndex(writer.text)
        for path, number in leaves(tomllib.loads(writer.text)):
            assert isinstance(number, int)
            self.assertEqual(index[path], writer.numbers[number])

    def test_noLineEndAtTheEnd(self) -> None:
        """The last line need not end."""
        self.assertEqual(lineIndex("a = 1 # x"), {("a",): 1})

    def test_stringsOfAllKinds(self) -> None:
        """Quotes and escapes within strings end nothing early."""
        text = (
            'a = "\\"" # "\n'
            "b = '\\'\n"
            'c = """"x"""""\n'
            "d = ''''x'''''\n"
            'e = ["""\n""", "#]"]\n'
            "f = 0"
        )
        self.assertEqual(tomllib.loads(text)["f"], 0)
        found = lineIndex(text)
        self.assertEqual(
            [found[(key,)] for key in "abcdef"],
            [1, 2, 3, 4, 5, 7],
        )
        self.assertEqual(found[("e", 1)], 6)


class DocumentTests(SynchronousTestCase):
    """Documents and what is wrong with them."""

    def test_valuesAndLines(self) -> None:
        """A document has its values, its lines and its folder."""
        document = parseDocument("a = 1\r\n\r\nb = 2\r\n", "x.toml", HERE)
        self.assertEqual(document.values, {"a": 1, "b": 2})
        self.assertEqual(document.line(("b",)), 3)
        self.assertEqual(document.folder, HERE)

    def test_lineOfWhatIsNotThere(self) -> None:
        """What is missing is looked for in the table where it should be."""
        document = parseDocument("\n[a]\nb = 1", "x.toml", HERE)
        self.assertEqual(document.line(("a", "c", 0)), 2)
        self.assertIsNone(document.line(("z",)))

    def test_syntaxErrorHasLineAndColumn(self) -> None:
        """A file that is not TOML is reported where it goes wrong."""
        error = self.assertRaises(
            ConfigurationError, parseDocument, "a = 1\nb = = 2", "x.toml", HERE
        )
        self.assertEqual(str(error), "x.toml:2:5: not TOML: Invalid value")

    def test_whatStandsTwice(self) -> None:
        """A table or an option that stands there twice is told in plain words."""
        for text, why in (
            ("[a]\n[b]\n[a]\n", "3:3: not TOML: the table [a] stands"),
            ("[a.b]\n[a.b]\n", "2:5: not TOML: the table [a.b] stands"),
            ("a = 1\na = 2\n", "2:6: not TOML: this option stands"),
        ):
            error = self.assertRaises(
                ConfigurationError, parseDocument, text, "x.toml", HERE
            )
            self.assertEqual(str(error), f"x.toml:{why} here for the second time")

    def test_syntaxErrorAtTheEnd(self) -> None:
        """A file that stops too early is reported at its end."""
        error = self.assertRaises(
            ConfigurationError, parseDocument, "a = 1\nb = [1,", "x.toml", HERE
        )
        self.assertEqual(error.problems[0].line, 2)
        self.assertEqual(error.problems[0].column, 8)

    def test_everyCutIsReadOrRefused(self) -> None:
        """A file cut anywhere is a document or has a problem, nothing else."""
        read = 0
        for end in range(len(EVERYTHING)):
            try:
                parseDocument(EVERYTHING[:end], "x.toml", HERE)
                read += 1
            except ConfigurationError as error:
                self.assertEqual(len(error.problems), 1)
        self.assertGreater(read, 20)

    def test_fileOnDisk(self) -> None:
        """A file is read with its folder, and named as the operator did."""
        folder = Path(self.mktemp())
        folder.mkdir()
        file = folder / "smtpx.toml"
        file.write_text("name = 'x'")
        document = readDocument(file)
        self.assertEqual(document.name, str(file))
        self.assertEqual(document.folder, folder.resolve())
        self.assertEqual(document.values, {"name": "x"})

    def test_noSuchFile(self) -> None:
        """A file that is not there is said so in one line."""
        name = self.mktemp()
        error = self.assertRaises(ConfigurationError, readDocument, Path(name))
        self.assertEqual(
            str(error), f"{name}: cannot be read: No such file or directory"
        )

    def test_notUTF8(self) -> None:
        """Octets that are not UTF-8 are reported where they stand."""
        file = Path(self.mktemp())
        file.write_bytes(b"a = 1\nb = '\xff'\n")
        error = self.assertRaises(ConfigurationError, readDocument, file)
        self.assertEqual(str(error), f"{file}:2:6: not UTF-8 here")
