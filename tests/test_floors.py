"""
The house stands: imports go down, wire words stay home, wiring is in one place.

The rules are those of C{doc/explanation/design.rst}.  All of it is read from the
source, nothing is imported.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

import smtpx

HOUSE = Path(smtpx.__file__).parent

#: The floor of each room.  Rooms on one floor do not import each other.
FLOORS = {
    "core": 0,
    "sasl": 1,
    "mailauth": 1,
    "mime": 1,
    "extensions": 2,
    "dns": 3,
    "tls": 3,
    "spool": 3,
    "knowledge": 3,
    "joint": 3,
    "net": 4,
    "queue": 5,
    "policy": 5,
    "service": 6,
    "commands": 7,
}

#: Rooms beside the floors, and the floor from which they may be imported.  They
#: import what lies below the given floor themselves, and each other.
BESIDE = {"observe": 5, "testing": 5, "compat": 5}
BESIDE_FROM = 3

#: The first floor that may use Twisted.
TWISTED_FROM = 3

#: What floor 0 may import from outside the standard library, and floors 1 and 2
#: besides.
PLAIN = {"attr", "attrs", "zope", "smtpx"}
RICHER = PLAIN | {"cryptography", "idna"}

#: The rooms of core that no extension may see: what runs it, not what it says.
UNSEEN = {"smtpx.core.server", "smtpx.core.client", "smtpx.core.profile"}

#: Modules that a program starts with, where somebody has to choose the reactor.
FRONT_DOORS = (
    "smtpx.service.maker:",
    "smtpx.service.workers.forked:",
    "smtpx.commands.",
)

#: The modules that join the rooms.
WIRING = "smtpx.service.wiring"

#: What declares wire words; its first argument is one.
DECLARERS = {"Capability", "Verb", "Parameter"}

#: Words that are no one's: RFC 5321 section 4.1.1 makes them the core's own,
#: or they are ordinary text.
COMMON = {b"", b"LAST", b"FROM", b"TO"}


@frozen
class Import:
    """
    One import.

    @ivar importer: the dotted name of the module that has it.
    @ivar imported: the dotted name of what it imports.
    @ivar names: the names that it takes from there; empty: the module itself.
    @ivar line: where.
    """

    importer: str
    imported: str
    names: tuple[str, ...]
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def moduleName(path: Path) -> str:
    """The dotted name of the module in C{path}."""
    parts = list(path.relative_to(HOUSE.parent).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


@lru_cache
def sources() -> tuple[tuple[Path, ast.Module], ...]:
    """Each module of the house, and its tree; read once."""
    return tuple(
        (path, ast.parse(path.read_bytes(), str(path)))
        for path in sorted(HOUSE.rglob("*.py"))
    )


def imports(path: Path, tree: ast.AST, name: str | None = None) -> Iterator[Import]:
    """
    Each import of a module, wherever it stands, with relative names resolved.

    @param name: the module's dotted name; L{None}: made from C{path}.
    """
    importer = moduleName(path) if name is None else name
    package = importer.split(".")
    if path.name != "__init__.py":
        package.pop()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, alias.name, (), node.lineno)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            names = tuple(alias.name for alias in node.names)
            if node.module is None:
                # "from . import x": each name is a module.
                for each in names:
                    yield Import(importer, f"{base}.{each}", (), node.lineno)
            else:
                yield Import(importer, base, names, node.lineno)


def room(module: str) -> str | None:
    """The room a module is in; L{None}: in none, or not of the house."""
    parts = module.split(".")
    if parts[0] != "smtpx" or len(parts) < 2:
        return None
    return parts[1]


def allowed(importer: str, imported: str) -> bool:
    """May a module of room C{importer} import from room C{imported}?"""
    if importer == imported:
        return True
    if imported in BESIDE:
        return importer in BESIDE or FLOORS[importer] >= BESIDE_FROM
    if importer in BESIDE:
        return FLOORS[imported] < BESIDE[importer]
    return FLOORS[imported] < FLOORS[importer]


def wireWords(tree: ast.AST) -> Iterator[tuple[bytes, int]]:
    """The words that a module declares, and where."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            callee = node.func
            if isinstance(callee, ast.Subscript):
                callee = callee.value
            first = node.args[0]
            if (
                isinstance(callee, ast.Name)
                and callee.id in DECLARERS
                and isinstance(first, ast.Constant)
                and isinstance(first.value, bytes)
            ):
                yield first.value, node.lineno


def providers() -> set[tuple[str, str]]:
    """Classes of the floors above core that provide an interface."""
    found = set()
    for path, tree in sources():
        name = moduleName(path)
        if FLOORS.get(room(name) or "", 0) < FLOORS["extensions"]:
            continue
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and any(
                isinstance(each, ast.Call)
                and isinstance(each.func, ast.Name)
                and each.func.id == "implementer"
                for each in node.decorator_list
            ):
                found.add((name, node.name))
    return found


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The plain names that a module calls, and where."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node.lineno


class FloorTests(SynchronousTestCase):
    """Who may import whom."""

    def setUp(self) -> None:
        """Read the house once a test."""
        self.found = [each for path, tree in sources() for each in imports(path, tree)]

    def test_everyRoomHasAFloor(self) -> None:
        """A new folder in smtpx is given its place here before it is used."""
        rooms = {p.name for p in HOUSE.iterdir() if (p / "__init__.py").exists()}
        self.assertEqual(rooms - set(FLOORS) - set(BESIDE), set())

    def test_importsGoDown(self) -> None:
        """A room imports rooms below it, or itself; never a neighbour."""
        wrong = []
        for each in self.found:
            importer, imported = room(each.importer), room(each.imported)
            if importer is None or imported is None:
                continue
            if not allowed(importer, imported):
                wrong.append(str(each))
        self.assertEqual(wrong, [])

    def test_lowFloorsKnowNoTwisted(self) -> None:
        """Floors 0 to 2 import the standard library and very little else."""
        wrong = []
        for each in self.found:
            floor = FLOORS.get(room(each.importer) or "", TWISTED_FROM)
            top = each.imported.split(".")[0]
            if floor >= TWISTED_FROM or top in sys.stdlib_module_names:
                continue
            if top not in (PLAIN if floor == 0 else RICHER):
                wrong.append(str(each))
        self.assertEqual(wrong, [])

    def test_lowFloorsOpenNothing(self) -> None:
        """Floors 0 to 2 import nothing that reaches a socket, thread or process."""
        forbidden = {
            "asyncio",
            "multiprocessing",
            "select",
            "selectors",
            "socket",
            "socketserver",
            "ssl",
            "subprocess",
            "threading",
        }
        wrong = [
            str(each)
            for each in self.found
            if FLOORS.get(room(each.importer) or "", TWISTED_FROM) < TWISTED_FROM
            and each.imported.split(".")[0] in forbidden
        ]
        self.assertEqual(wrong, [])

    def test_extensionsSeeValuesOnly(self) -> None:
        """No extension imports what runs it: server, client, profile."""
        wrong = []
        for each in self.found:
            if room(each.importer) != "extensions":
                continue
            seen = {each.imported} | {f"{each.imported}.{n}" for n in each.names}
            if seen & UNSEEN:
                wrong.append(str(each))
        self.assertEqual(wrong, [])

    def test_nobodyImportsTheReactor(self) -> None:
        """The reactor is an argument, so that tests can give another."""
        wrong = [
            str(each)
            for each in self.found
            if each.imported == "twisted.internet.reactor"
            or (each.imported == "twisted.internet" and "reactor" in each.names)
        ]
        self.assertEqual([w for w in wrong if not w.startswith(FRONT_DOORS)], [])

    def test_wiringIsInOnePlace(self) -> None:
        """
        Only C{service/wiring} makes objects of other rooms, which is what
        makes it a plan of the house.  Values are made anywhere.
        """
        made = providers()
        wrong = []
        for path, tree in sources():
            name = moduleName(path)
            if name.startswith(f"{WIRING}.") or room(name) in (None, *BESIDE):
                continue
            foreign = {
                taken
                for each in imports(path, tree)
                if room(each.imported) != room(name)
                for taken in each.names
                if (each.imported, taken) in made
            }
            wrong += [f"{name}:{n} makes {c}" for c, n in calls(tree) if c in foreign]
        self.assertEqual(wrong, [])

    def test_theTopOnlyReExports(self) -> None:
        """C{smtpx/__init__.py} and those of the rooms have no code of their own."""
        wrong = []
        for path, tree in sources():
            if path.name != "__init__.py":
                continue
            for node in tree.body:
                plain = isinstance(node, ast.Import | ast.ImportFrom | ast.Assign)
                text = isinstance(node, ast.Expr) and isinstance(
                    node.value, ast.Constant
                )
                if not plain and not text:
                    wrong.append(f"{moduleName(path)}:{node.lineno}")
        self.assertEqual(wrong, [])


class WireWordTests(SynchronousTestCase):
    """Everything about a keyword is in one file."""

    def setUp(self) -> None:
        """Find out whose word each is."""
        self.homes: dict[bytes, set[Path]] = {}
        for path, tree in sources():
            for word, _ in wireWords(tree):
                self.homes.setdefault(word, set()).add(path)

    def test_wordsAreDeclaredOnce(self) -> None:
        """No two modules declare the same word."""
        # BODY= is shared by RFC 6152 and RFC 3030, which own a value of it each.
        shared = {
            word: sorted(p.name for p in paths)
            for word, paths in self.homes.items()
            if len(paths) > 1 and word != b"BODY"
        }
        self.assertEqual(shared, {})

    def test_wordsStayHome(self) -> None:
        """An extension's wire words stand as literals in its own file only."""
        wrong = []
        for path, tree in sources():
            if room(moduleName(path)) not in ("core", "extensions", "net", "queue"):
                continue
            for node in ast.walk(tree):
                if not isinstance(node, ast.Constant):
                    continue
                if not isinstance(node.value, bytes) or node.value in COMMON:
                    continue
                homes = self.homes.get(node.value, {path})
                extension = any(h.parent.name == "extensions" for h in homes)
                if extension and path not in homes:
                    wrong.append(f"{moduleName(path)}:{node.lineno} {node.value!r}")
        self.assertEqual(wrong, [])


class RuleTests(SynchronousTestCase):
    """The rules above can fail: each is shown something that breaks it."""

    def found(self, module: str, source: str) -> list[Import]:
        """The imports of C{source}, were it the module C{module}."""
        return list(imports(Path("x.py"), ast.parse(source), module))

    def test_relativeImportsAreResolved(self) -> None:
        """Dots count from the module's package."""
        found = self.found(
            "smtpx.net.server",
            "from ..core.reply import OK\nfrom . import x\nimport twisted.python",
        )
        self.assertEqual(
            [each.imported for each in found],
            ["smtpx.core.reply", "smtpx.net.x", "twisted.python"],
        )

    def test_upwardsAndSidewardsAreRefused(self) -> None:
        """Upwards and sidewards is wrong; down, beside and home is right."""
        for importer, imported in (
            ("core", "net"),
            ("dns", "tls"),
            ("queue", "policy"),
            ("extensions", "observe"),
            ("observe", "queue"),
        ):
            self.assertFalse(allowed(importer, imported), (importer, imported))
        for importer, imported in (
            ("core", "core"),
            ("net", "core"),
            ("spool", "observe"),
            ("observe", "net"),
            ("commands", "service"),
        ):
            self.assertTrue(allowed(importer, imported), (importer, imported))

    def test_wireWordsAreFound(self) -> None:
        """A declaration counts with and without its type in brackets."""
        tree = ast.parse("Capability[int](b'A', g)\nVerb(b'B', f)\nother(b'C')")
        self.assertEqual([word for word, _ in wireWords(tree)], [b"A", b"B"])
