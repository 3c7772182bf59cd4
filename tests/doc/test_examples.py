"""
The examples of the manual work as they are printed.
"""

from __future__ import annotations

import doctest
import importlib
import re
import shutil
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from unittest import TestResult

from twisted import plugins
from twisted.plugin import pluginPackagePaths
from twisted.trial.runner import TestLoader
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Action, News
from smtpx.core.interfaces import IClientExtension, IQueueExtension
from smtpx.core.queueprofile import QueueProfile
from smtpx.service.config import readConfiguration
from smtpx.service.extensions import chooseExtensions, findExtensions
from smtpx.testing.server import talk

_DOC = Path(__file__).parents[2] / "doc"
_PAGE = (_DOC / "tutorial" / "extension.rst").read_text()


class ExtensionTests(SynchronousTestCase):
    """The extension of somebody else, C{doc/examples}."""

    def setUp(self) -> None:
        """
        Install the example: its folder is on the path, and nothing else of it
        is known.
        """
        folder = Path(self.mktemp()).absolute()
        # A copy, for a cache is written beside plugins.
        shutil.copytree(_DOC / "examples", folder)
        self.patch(sys, "path", [*sys.path, str(folder)])
        self.patch(plugins, "__path__", pluginPackagePaths("twisted.plugins"))
        plugins.__path__ += [str(Path(plugins.__file__).parent)]
        importlib.invalidate_caches()
        self.addCleanup(self.forget)

    def forget(self) -> None:
        """Uninstall it."""
        for name in list(sys.modules):
            if "smtpx_example" in name:
                del sys.modules[name]

    def module(self, name: str) -> ModuleType:
        """A module of the example."""
        return importlib.import_module(f"smtpx_example.{name}")

    def test_firstVersionHasAKeyword(self) -> None:
        """The least that an extension can be is one."""
        said = talk([self.module("first").NoSoliciting()], b"EHLO c.example\r\n")
        self.assertEqual(said.last, b"250 NO-SOLICITING")

    def test_isFound(self) -> None:
        """Through C{twisted.plugin}, beside ours, and speaks its keyword."""
        found = findExtensions()
        self.assertEqual(list(found)[-1], "NO-SOLICITING")
        said = talk(found.values(), b"EHLO c.example\r\n")
        self.assertEqual(said.last, b"250 NO-SOLICITING")
        extension = found["NO-SOLICITING"]
        self.assertTrue(IClientExtension.providedBy(extension))
        self.assertTrue(IQueueExtension.providedBy(extension))

    def test_isConfigured(self) -> None:
        """By the table that the tutorial prints."""
        found = findExtensions()
        [table] = re.findall(r"(\[extensions.*?\])\n\s+(unwanted.*)\n", _PAGE)
        configuration = readConfiguration(tomllib.loads("\n".join(table)), found)
        said = talk(
            chooseExtensions(
                found,
                enable=["NO-SOLICITING"],
                settings=configuration.extensions.settings,
            ),
            b"EHLO c.example\r\n",
        )
        self.assertEqual(said.last, b"250 NO-SOLICITING net.example:ADV")

    def test_queueSide(self) -> None:
        """Advertisements go last, and their senders do not hear that they are late."""
        profile = QueueProfile().load(
            [self.module("nosoliciting").NoSoliciting(), self.module("lastly").Lastly()]
        )
        recipient = Recipient(b"joe@x.example")
        plain = Envelope(b"ann@x.example", 0.0, [recipient])
        stamp = self.module("nosoliciting").SOLICIT
        shop = Envelope(b"ann@x.example", 0.0, [recipient])
        shop.stamps[stamp] = (b"net.example:ADV",)
        told = [
            (
                profile.scheduleFor(each).priority,
                profile.wishFor(each, recipient, News(Action.DELAYED)).send,
                profile.wishFor(each, recipient, News(Action.FAILED)).send,
            )
            for each in (plain, shop)
        ]
        self.assertEqual(told, [(0, None, None), (-9, False, None)])

    def test_itsOwnTestsPass(self) -> None:
        """Those that it brings, which the tutorial shows."""
        suite = TestLoader().loadModule(self.module("test_nosoliciting"))
        result = TestResult()
        suite.run(result)
        self.assertEqual((result.errors, result.failures), ([], []))
        self.assertGreater(result.testsRun, 5)

    def test_sessionsAreAsPrinted(self) -> None:
        """What the tutorial types into Python gives what it prints."""
        test = doctest.DocTestParser().get_doctest(_PAGE, {}, "page", None, 0)
        self.assertGreater(len(test.examples), 2)
        out: list[str] = []
        doctest.DocTestRunner().run(test, out=out.append)
        self.assertEqual("".join(out), "")

    def test_pagesShowWhatIsTested(self) -> None:
        """Each file of the examples is shown, and nothing that is not there."""
        howto = (_DOC / "howto" / "test-your-program.rst").read_text()
        shown = re.findall(r"literalinclude:: \.\./examples/(\S+)", _PAGE + howto)
        there = {
            str(path.relative_to(_DOC / "examples"))
            for path in (_DOC / "examples").rglob("*.*")
            if path.suffix in (".py", ".toml") and path.name != "__init__.py"
        }
        self.assertEqual(set(shown), there)
