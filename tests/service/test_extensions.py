"""
Tests for L{smtpx.service.extensions}.
"""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import cast

import attrs
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Conflict, Malformed
from smtpx.core.interfaces import IExtension
from smtpx.extensions.chunking import ChunkingSettings
from smtpx.extensions.limits import Limits, LimitsSettings
from smtpx.extensions.pipeconnect import PipeConnect
from smtpx.extensions.standard import standard
from smtpx.service.extensions import (
    BadChoice,
    Fault,
    chooseExtensions,
    findExtensions,
)
from smtpx.service.schema import optionsOf

#: A plugin module with one extension; what is left open is filled in.
_PLUGIN = '''
from zope.interface import implementer
from twisted.plugin import IPlugin
from smtpx.core.interfaces import IExtension, IServerExtension
from smtpx.extensions.size import ISize

@implementer(IPlugin, {interface})
class Example:
    """An example."""
    name = {name!r}
    requires = ()
    settings = None

    def configured(self, settings):
        return self

    {method}

example = Example()
'''
_SERVER = "def extendServer(self, server): pass"


def _plugin(
    name: object = "EXAMPLE",
    interface: str = "IServerExtension",
    method: str = _SERVER,
) -> str:
    return _PLUGIN.format(name=name, interface=interface, method=method)


class FindTests(SynchronousTestCase):
    """What extensions there are."""

    _count = 0

    def package(self, **modules: str) -> types.ModuleType:
        """
        A package of plugins.

        @param modules: the text of each module.
        """
        FindTests._count += 1
        name = f"smtpx_test_plugins_{FindTests._count}"
        base = Path(self.mktemp()).absolute()
        folder = base / name
        folder.mkdir(parents=True)
        for module, text in ({"__init__": ""} | modules).items():
            (folder / f"{module}.py").write_text(text)
        self.patch(sys, "path", [*sys.path, str(base)])
        importlib.invalidate_caches()
        self.addCleanup(self.forget, name)
        return importlib.import_module(name)

    def forget(self, name: str) -> None:
        """The package was never there."""
        for module in list(sys.modules):
            if module == name or module.startswith(f"{name}."):
                del sys.modules[module]

    def test_oursAreThere(self) -> None:
        """By name, in the order of the EHLO response."""
        found = findExtensions(self.package())
        self.assertEqual(list(found), [each.name for each in standard()])
        for name, extension in found.items():
            self.assertEqual(extension.name, name)

    def test_pluginsAreThere(self) -> None:
        """Behind ours; what is a plugin of something else is left alone."""
        other = "from twisted.plugin import IPlugin\n" + _plugin(interface="IPlugin")
        found = findExtensions(self.package(mine=_plugin(), other=other))
        self.assertEqual(list(found)[-1], "EXAMPLE")
        self.assertEqual(len(found), len(standard()) + 1)

    def test_usualPlaceIsSearched(self) -> None:
        """Without a package it is C{twisted.plugins}."""
        self.assertIn("SIZE", findExtensions())

    def logged(self, package: types.ModuleType) -> str:
        """
        What is logged about a package in which no extension is good.
        """
        found = findExtensions(package)
        self.assertEqual(list(found), [each.name for each in standard()])
        return " ".join(str(f.value) for f in self.flushLoggedErrors())

    def test_aModuleThatCannotBeImportedIsLeftOut(self) -> None:
        """With its traceback in the log; the others are there."""
        events: list[LogEvent] = []
        observe = cast(ILogObserver, events.append)
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        package = self.package(broken="raise ValueError('what a pity')")
        self.assertEqual(self.logged(package), "what a pity")
        named = [event.get("module") for event in events]
        self.assertIn(f"{package.__name__}.broken", named)

    def test_anExtensionThatLacksSomethingIsLeftOut(self) -> None:
        """What is missing is said, and of whom."""
        for text, why in (
            (_plugin(method=""), "extendServer"),
            (_plugin(interface="IExtension"), "no server, client or queue side"),
            (_plugin(name=None), "its name is None"),
        ):
            self.assertIn(why, self.logged(self.package(bad=text)))

    def test_anExtensionThatIsGoneIsLeftOut(self) -> None:
        """
        A module that was good when the cache was made, and is not now.
        """
        package = self.package(fickle=_plugin())
        self.assertIn("EXAMPLE", findExtensions(package))
        [folder] = package.__path__
        (Path(folder) / "fickle.py").write_text("raise ValueError('gone')")
        self.forget(f"{package.__name__}.fickle")
        for cached in Path(folder).glob("__pycache__/*"):
            cached.unlink()
        self.assertIn("gone", self.logged(package))

    def test_ourPlaceMayBeTaken(self) -> None:
        """By who says so: with our extension's own interface."""
        both = _SERVER + "\n    def extendClient(self, client): pass"
        text = _plugin("SIZE", "ISize", both)
        found = findExtensions(self.package(mine=text))
        self.assertEqual(list(found), [each.name for each in standard()])
        self.assertEqual(type(found["SIZE"]).__name__, "Example")

    def test_ourNameMayNotBeTaken(self) -> None:
        """By who does not say so; the message has both."""
        package = self.package(mine=_plugin("SIZE"))
        error = self.assertRaises(Conflict, findExtensions, package)
        self.assertEqual(
            str(error),
            f"{package.__name__}.mine.example and smtpx both bring SIZE; to take its"
            " place, provide smtpx.extensions.size.ISize",
        )

    def test_twoOfOneNameAreTooMany(self) -> None:
        """Nobody can tell which is meant."""
        package = self.package(one=_plugin(), two=_plugin())
        error = self.assertRaises(Conflict, findExtensions, package)
        self.assertIn("two.example", str(error))
        self.assertIn("one.example both bring EXAMPLE", str(error))


class ChooseTests(SynchronousTestCase):
    """Which of them run, and how."""

    def setUp(self) -> None:
        """What there is."""
        self.found: dict[str, IExtension] = {each.name: each for each in standard()}

    def names(self, chosen: list[IExtension]) -> list[str]:
        """The names of those that run."""
        return [each.name for each in chosen]

    def faults(self, **words: object) -> list[str]:
        """What is wrong with a choice, as the operator reads it."""
        error = self.assertRaises(BadChoice, chooseExtensions, self.found, **words)
        self.assertEqual(str(error), "\n".join(map(str, error.faults)))
        return [str(fault) for fault in error.faults]

    def test_allRunByDefault(self) -> None:
        """As they were found."""
        self.assertEqual(chooseExtensions(self.found), list(self.found.values()))

    def test_someAreDisabled(self) -> None:
        """The others keep their order."""
        chosen = chooseExtensions(self.found, disable=["DSN", "SIZE"])
        wanted = [name for name in self.found if name not in ("DSN", "SIZE")]
        self.assertEqual(self.names(chosen), wanted)

    def test_onlySomeAreEnabled(self) -> None:
        """In the order of what was found, not of the list."""
        chosen = chooseExtensions(self.found, enable=["STARTTLS", "SIZE"])
        self.assertEqual(self.names(chosen), ["SIZE", "STARTTLS"])

    def test_settingsAreApplied(self) -> None:
        """The extension that runs is the one that is set so."""
        options = LimitsSettings(recipientDomainsMax=5)
        chosen = chooseExtensions(
            self.found, enable=["LIMITS"], settings={"LIMITS": options}
        )
        [limits] = chosen
        assert isinstance(limits, Limits)
        self.assertIs(limits.options, options)

    def test_portsAreKept(self) -> None:
        """One that was put in the place of ours keeps what it was given."""
        mine = PipeConnect()
        self.found["PIPECONNECT"] = mine
        chosen = chooseExtensions(self.found, disable=["SIZE"])
        self.assertIn(mine, chosen)

    def test_unknownNamesAreFaults(self) -> None:
        """All of them, with what was probably meant."""
        self.assertEqual(
            self.faults(
                enable=["SIZE", "starttls"],
                disable=["CHUNKNIG", "NOTHING-LIKE-IT"],
                settings={"LIMIT": LimitsSettings()},
            ),
            [
                "extensions.disable[0]: there is no extension CHUNKNIG;"
                ' did you mean "CHUNKING"?',
                "extensions.disable[1]: there is no extension NOTHING-LIKE-IT",
                "extensions.enable[1]: there is no extension starttls;"
                ' did you mean "STARTTLS"?',
                'extensions.LIMIT: there is no extension LIMIT; did you mean "LIMITS"?',
            ],
        )

    def test_contradictionsAreFaults(self) -> None:
        """Nobody is enabled and disabled."""
        self.assertEqual(
            self.faults(enable=["SIZE", "DSN"], disable=["DSN"]),
            ["extensions.disable: DSN is enabled as well"],
        )

    def test_settingsHaveToFit(self) -> None:
        """Those of another, and those of one that has none."""
        self.assertEqual(
            self.faults(settings={"SIZE": 3, "LIMITS": ChunkingSettings()}),
            [
                "extensions.SIZE: SIZE has no options",
                "extensions.LIMITS: LIMITS is set by a LimitsSettings",
            ],
        )

    def test_settingsMayBeRefused(self) -> None:
        """What an extension cannot read is the operator's fault, not a crash."""

        class Choosy(Limits):
            """One that never likes its settings."""

            def configured(self, settings: LimitsSettings) -> Limits:
                """See L{IExtension}."""
                raise Malformed("wants something else")

        self.found["LIMITS"] = Choosy()
        self.assertEqual(
            self.faults(settings={"LIMITS": LimitsSettings()}),
            ["extensions.LIMITS: wants something else"],
        )

    def test_requirementsHaveToRun(self) -> None:
        """Who is disabled takes others along, but the operator says so."""
        self.assertEqual(
            self.faults(disable=["CHUNKING"]),
            [
                "extensions.disable: BINARYMIME requires CHUNKING, so disable both"
                " or neither"
            ],
        )
        del self.found["PIPELINING"]
        self.assertEqual(
            self.faults(),
            [
                "extensions.PIPECONNECT: PIPECONNECT requires PIPELINING, which is"
                " not there"
            ],
        )

    def test_aFaultHasAPlace(self) -> None:
        """So that a configuration can say in which line it is."""
        error = self.assertRaises(
            BadChoice, chooseExtensions, self.found, disable=["SIZE", "x"]
        )
        self.assertEqual(
            error.faults, (Fault(("disable", 1), "there is no extension x"),)
        )


class OptionTests(SynchronousTestCase):
    """What can be set of the standard extensions."""

    def test_settingsAreOptions(self) -> None:
        """
        Each setting has a default, a type that a configuration can have, and
        help; the extension can be made anew with them.
        """
        for extension in standard():
            if extension.settings is None:
                self.assertIs(extension.configured(None), extension)
                continue
            for option in optionsOf(extension.settings):
                self.assertNotEqual(option.default, attrs.NOTHING, option.name)
                self.assertNotEqual(option.help, "", option.name)
            made = extension.configured(extension.settings())
            self.assertIs(type(made), type(extension))

    def test_optionsKeepTheirNames(self) -> None:
        """Those that Exim has are called as Exim calls them."""
        named = {
            option.name
            for extension in standard()
            if extension.settings is not None
            for option in optionsOf(extension.settings)
        }
        self.assertLess(
            {
                "pipelining_connect_advertise_hosts",
                "hosts_pipe_connect",
                "tls_advertise_requiretls",
            },
            named,
        )
