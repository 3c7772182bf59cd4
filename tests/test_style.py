"""
The parts of the style that a machine can see.

C{ruff} and C{mypy} see most; here is what they do not: how long things are, what
they are called, that each file can be understood on another machine, and that
what is imported is also required.
"""

from __future__ import annotations

import ast
import configparser
import importlib
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx

ROOT = Path(smtpx.__file__).parent.parent

#: The most lines of a file and of a function, unless its docstring has
#: L{EXCUSE}, followed by the reason.
FILE_LINES = 500
FUNCTION_LINES = 60
EXCUSE = "is long"

#: Words that say nothing in a class's name.
EMPTY_WORDS = re.compile(
    r"(Manager|Handler|Engine|Processor|Helper|Util|Base|Data)s?(?=[A-Z]|$)"
)

#: Places that exist on one machine only.
MACHINE_PATHS = re.compile(r"/(?:work|opt(?!/brightmail/)|root|tmp)/[\w.]|/tmp\b")

#: Something to do later, without the number of an issue.
LOOSE_ENDS = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b(?!.*#[0-9])")

#: A group that is repeated possessively.  Python before 3.11.5 (Debian 12 has
#: 3.11.2) matches what it should not: (?:ab)*+ goes on after half a match.
POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{[0-9,]+\})\+")

#: What a module is called in an import, and the package that brings it, where
#: the two differ.
PACKAGES = {
    "attr": "attrs",
    "dns": "dnspython",
    "OpenSSL": "pyopenssl",
    "zope": "zope.interface",
}

Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def pythonFiles(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Each Python file under C{folders}, and its tree."""
    for folder in folders:
        yield from _pythonFiles(folder)


@lru_cache
def _pythonFiles(folder: str) -> tuple[tuple[Path, ast.Module], ...]:
    return tuple(
        (path, ast.parse(path.read_bytes(), str(path)))
        for path in sorted((ROOT / folder).rglob("*.py"))
    )


def where(path: Path, node: ast.AST | None = None) -> str:
    """A place, as an editor takes it."""
    line = "" if node is None else f":{getattr(node, 'lineno', 1)}"
    return f"{path.relative_to(ROOT)}{line}"


def bodyLines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines a function has without its docstring."""
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def public(tree: ast.AST) -> Iterator[Documented]:
    """Classes and functions that others may use, methods among them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            if not node.name.startswith("_"):
                yield node
                yield from public(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            overload = any(
                isinstance(each, ast.Name) and each.id == "overload"
                for each in node.decorator_list
            )
            if not node.name.startswith("_") and not overload:
                yield node
        elif isinstance(node, ast.If | ast.Try):
            yield from public(node)


class StyleTests(SynchronousTestCase):
    """How the source looks."""

    def test_filesAreShort(self) -> None:
        """A file over 500 lines says in its docstring why it is long."""
        wrong = []
        for path, tree in pythonFiles("smtpx", "tests", "twisted"):
            lines = path.read_bytes().count(b"\n")
            if lines > FILE_LINES and EXCUSE not in (ast.get_docstring(tree) or ""):
                wrong.append(f"{where(path)}: {lines} lines")
        self.assertEqual(wrong, [])

    def test_functionsAreShort(self) -> None:
        """A function over 60 lines says in its docstring why it is long."""
        wrong = []
        for path, tree in pythonFiles("smtpx", "tests", "twisted"):
            for node in ast.walk(tree):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                lines = bodyLines(node)
                excused = EXCUSE in (ast.get_docstring(node) or "")
                if lines > FUNCTION_LINES and not excused:
                    wrong.append(f"{where(path, node)}: {node.name}, {lines} lines")
        self.assertEqual(wrong, [])

    def test_everythingPublicIsDocumented(self) -> None:
        """Modules, classes, functions, methods and tests have a docstring."""
        wrong = []
        for path, tree in pythonFiles("smtpx", "tests", "twisted"):
            if path.name == "__init__.py" and not tree.body:
                continue
            if ast.get_docstring(tree) is None and path.name != "__init__.py":
                wrong.append(where(path))
            wrong += [
                f"{where(path, node)}: {node.name}"
                for node in public(tree)
                if ast.get_docstring(node) is None
            ]
        self.assertEqual(wrong, [])

    def test_classesHaveTellingNames(self) -> None:
        """No Manager, Handler, Engine or the like."""
        wrong = [
            f"{where(path, node)}: {node.name}"
            for path, tree in pythonFiles("smtpx")
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and EMPTY_WORDS.search(node.name)
        ]
        self.assertEqual(wrong, [])

    def test_noExceptionIsSwallowed(self) -> None:
        """C{except Exception: pass} and a bare C{except} are nowhere."""
        wrong = []
        for path, tree in pythonFiles("smtpx", "tests", "twisted"):
            for node in ast.walk(tree):
                if not isinstance(node, ast.ExceptHandler):
                    continue
                broad = isinstance(node.type, ast.Name) and node.type.id in (
                    "Exception",
                    "BaseException",
                )
                silent = all(isinstance(each, ast.Pass) for each in node.body)
                if node.type is None or (broad and silent):
                    wrong.append(where(path, node))
        self.assertEqual(wrong, [])

    def test_noGroupIsPossessive(self) -> None:
        """
        No regular expression repeats a group possessively, for that is broken in
        the Python of Debian 12; C{(?>(?:...)*)} says the same, and works.
        """
        wrong = []
        for path, tree in pythonFiles("smtpx"):
            for node in ast.walk(tree):
                if not isinstance(node, ast.Constant):
                    continue
                value = node.value
                if isinstance(value, bytes):
                    value = value.decode("latin-1")
                if isinstance(value, str) and POSSESSIVE_GROUP.search(value):
                    wrong.append(where(path, node))
        self.assertEqual(wrong, [])

    def test_noMachinesAndNoLooseEnds(self) -> None:
        """
        No file speaks of a place on somebody's machine, and what is left to do
        has the number of an issue.
        """
        wrong = []
        for path in textFiles():
            if path == Path(__file__).resolve():
                continue
            for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
                if MACHINE_PATHS.search(line) or LOOSE_ENDS.search(line):
                    wrong.append(f"{where(path)}:{number}: {line.strip()}")
        self.assertEqual(wrong, [])


def textFiles() -> Iterator[Path]:
    """The project's own files that people read."""
    for folder in ("smtpx", "tests", "doc", "twisted", ".ci"):
        for path in sorted((ROOT / folder).rglob("*")):
            built = {"_build", "__pycache__"} & set(path.parts)
            if path.is_file() and not built and path.suffix in TEXT:
                yield path
    for path in sorted(ROOT.iterdir()):
        if path.name in TOP:
            yield path


TEXT = {"", ".py", ".rst", ".toml", ".dlg", ".cfg"}
TOP = {"README.rst", "setup.cfg", "tox.ini", "pyproject.toml", "MANIFEST.in"}


class ProjectTests(SynchronousTestCase):
    """The project as it is installed."""

    def test_exportsExist(self) -> None:
        """Each name that a package says it has can be imported."""
        wrong = []
        for path in sorted((ROOT / "smtpx").rglob("__init__.py")):
            package = ".".join(path.parent.relative_to(ROOT).parts)
            module = importlib.import_module(package)
            for name in getattr(module, "__all__", ()):
                if not hasattr(module, name):
                    wrong.append(f"{package}.{name}")
        self.assertEqual(wrong, [])

    def test_theTopExportsWhatItImports(self) -> None:
        """C{smtpx} names everything that it re-exports, and nothing else."""
        tree = ast.parse((ROOT / "smtpx" / "__init__.py").read_bytes())
        imported = [
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module != "__future__"
            for alias in node.names
        ]
        self.assertEqual(set(getattr(smtpx, "__all__", ())), set(imported))

    def test_whatIsImportedIsRequired(self) -> None:
        """Each package that the house imports is one that pip brings along."""
        config = configparser.ConfigParser()
        config.read(ROOT / "setup.cfg", "utf-8")
        lists = [config["options"]["install_requires"]]
        lists += [
            config["options.extras_require"][extra]
            for extra in config["options.extras_require"]
            if extra not in ("test", "dev")
        ]
        required = {
            re.split(r"[\[<>=~! ]", line, maxsplit=1)[0].lower().replace("_", "-")
            for some in lists
            for line in some.split("\n")
            if line and not line.startswith("#")
        }
        wrong = []
        for path, tree in pythonFiles("smtpx", "twisted"):
            for node in ast.walk(tree):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module or ""]
                for name in names:
                    top = name.split(".")[0]
                    if top in sys.stdlib_module_names or top == "smtpx":
                        continue
                    package = PACKAGES.get(top, top).lower().replace("_", "-")
                    if package not in required:
                        wrong.append(f"{where(path, node)}: {name}")
        self.assertEqual(wrong, [])

    def test_onlyTheTypedMarkerIsShippedBeside(self) -> None:
        """Type checkers of users see our types: the marker is there."""
        self.assertEqual((ROOT / "smtpx" / "py.typed").read_bytes().strip(), b"")
