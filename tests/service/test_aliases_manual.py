"""
The pages on aliases and virtual domains can be taken at their word.
"""

from __future__ import annotations

import os
import textwrap
import tomllib
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import smtpx
from smtpx.policy.aliasentry import BadAliases
from smtpx.policy.aliases import Aliases
from smtpx.policy.aliastable import Expansion
from smtpx.service.config import readConfiguration
from smtpx.service.problems import ConfigurationError
from smtpx.service.wiring.destinations import Destinations
from tests.commands.terminals import Terminal

from .made import FOUND, site

DOC = Path(smtpx.__file__).parents[1] / "doc" / "howto"


def blocks(page: str, start: str) -> list[str]:
    """
    The examples of a page that begin so.

    @raise SkipTest: the manual is not installed.
    """
    path = DOC / page
    if not path.exists():
        raise SkipTest(f"there is no {path}")
    found = []
    for part in path.read_text("utf-8").split(start)[1:]:
        lines = []
        for line in part.splitlines():
            if line.strip() and not line.startswith("   "):
                break
            lines.append(line)
        found.append(textwrap.dedent("\n".join(lines)).strip("\n") + "\n")
    return found


class AliasesPageTests(SynchronousTestCase):
    """The page on aliases."""

    def setUp(self) -> None:
        """Its first configuration, with its file."""
        self.site = site(self.mktemp())
        [self.text, _] = blocks("aliases.rst", ".. code-block:: text\n")
        self.toml = blocks("aliases.rst", ".. code-block:: toml\n")
        self.file = self.site.folder / "smtpx.toml"
        self.aliases = self.site.folder / "aliases"
        self.file.write_text('name = "mx.example.org"\n' + self.toml[0])
        self.aliases.write_text(self.text)
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.site.folder)

    def test_itsCommand(self) -> None:
        """The command prints what the page says."""
        [session] = blocks("aliases.rst", "as the server would::\n")
        command, _, printed = session.partition("\n")
        ran = Terminal().run(*command.split()[2:])
        self.assertEqual(ran.status, 0)
        self.assertEqual(ran.out.replace(f"{self.site.folder}/", ""), printed)

    def test_everyConfiguration(self) -> None:
        """Each of the others can be added to the first."""
        for more in self.toml[1:]:
            values: dict[str, Any] = tomllib.loads(self.file.read_text())
            for name, table in tomllib.loads(more).items():
                values[name] = values[name] | table
            values["aliases"]["files"] = [self.aliases]
            values["aliases"].get("entries", {}).pop("sales", None)
            Destinations(self.site.machine, readConfiguration(values, FOUND))

    def test_itsErrors(self) -> None:
        """Errors look as they are printed there."""
        [errors] = blocks("aliases.rst", "the line and the alias::\n")
        self.aliases.write_text(
            "#\npostmaster: ann\nroot: postmastr\n\n\n\n\n\na: b\nb: a\n\n"
            "list: |/usr/bin/list\n"
        )
        configuration = readConfiguration(self.file, FOUND)
        error = self.assertRaises(
            BadAliases, Destinations, self.site.machine, configuration
        )
        self.assertEqual(str(error).replace(f"{self.site.folder}/", ""), errors[:-1])

    def test_itsProgram(self) -> None:
        """A program can ask the same."""
        self.aliases.write_text("sales: ann, bob\n")
        [program] = blocks("aliases.rst", ".. code-block:: python\n")
        found: dict[str, Any] = {}
        exec(program, found)
        self.assertIsInstance(found["aliases"], Aliases)
        self.assertEqual(
            found["found"], Expansion((b"ann@example.org", b"bob@example.org"))
        )


class VirtualDomainsPageTests(SynchronousTestCase):
    """The page on virtual domains."""

    def test_itsExamples(self) -> None:
        """Its configurations are good, and its aliases lead where it says."""
        made = site(self.mktemp())
        text = blocks("virtual-domains.rst", ".. code-block:: text\n")
        [shared, virtual] = blocks("virtual-domains.rst", ".. code-block:: toml\n")
        readConfiguration(tomllib.loads(shared), FOUND)
        file = made.folder / "aliases"
        file.write_text("".join(text))
        values = tomllib.loads(virtual) | {"name": "mx.example.org"}
        values["aliases"] = {"files": [file]}
        destinations = Destinations(made.machine, readConfiguration(values, FOUND))
        for path, ends in (
            (b"info@shop.example", b"carol@shop.example"),
            (b"frank@club.example", b"frank@club.example"),
            (b"anybody@club.example", b"treasurer@club.example"),
            (b"abuse@club.example", b"ann@example.org"),
            (b"shop-info@example.org", b"carol@shop.example"),
            (b"carol@shop.test", b"carol@shop.test"),
            (b"billing@shop.test", b"carol@shop.example ann@example.org"),
            (b"dan@shop.test", b"dan@shop.test"),
        ):
            verdict = destinations.find(path)
            self.assertIsNone(verdict.reply, path)
            found = b" ".join(each.path for each in verdict.destinations)
            self.assertEqual(found, ends)
        self.assertIsNotNone(destinations.find(b"eve@shop.example").reply)
        self.assertIsNotNone(destinations.find(b"eve@shop.test").reply)

    def test_aDomainThatIsNotOurs(self) -> None:
        """It is an error, with what was probably meant."""
        values = {
            "local": {"virtual": [{"domains": ["shop.example"]}]},
            "aliases": {"entries": {"info@shpo.example": ["postmaster"]}},
        }
        made = site(self.mktemp())
        error = self.assertRaises(
            BadAliases, Destinations, made.machine, readConfiguration(values, FOUND)
        )
        self.assertIn('did you mean "shop.example"?', str(error))
        self.assertRaises(ConfigurationError, readConfiguration, {"alias": {}}, FOUND)
