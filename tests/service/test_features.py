"""
Tests for L{smtpx.service.features}.
"""

from __future__ import annotations

import configparser
from importlib.metadata import version
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

import smtpx
from smtpx.core.interfaces import IServerBuilder, IServerExtension
from smtpx.service.extensions import findExtensions
from smtpx.service.features import PURPOSES, Feature, features, libraries, lines
from smtpx.tls.openssl import bindings

ROOT = Path(smtpx.__file__).parent.parent


@implementer(IServerExtension)
class Shout:
    """An extension of somebody else."""

    name = "XSHOUT"
    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: object) -> Shout:
        """It has no settings."""
        return self

    def extendServer(self, server: IServerBuilder) -> None:
        """It does nothing."""


class FeaturesTests(SynchronousTestCase):
    """What this installation can do."""

    def test_everyExtension(self) -> None:
        """Each is named with what it is for; and whose it is, if not ours."""
        found = findExtensions() | {"XSHOUT": Shout()}
        listed = [each for each in features(found) if each.group == "extension"]
        self.assertEqual([each.name for each in listed], list(found))
        self.assertEqual([each for each in listed if not each.what], [])
        others = {each.name: each.found for each in listed if each.found != "smtpx"}
        self.assertEqual(others["XSHOUT"], __name__)

    def test_everyBinding(self) -> None:
        """Each private function of OpenSSL is there with what it costs to lack it."""
        listed = [each for each in features({}) if each.group == "openssl"]
        self.assertEqual(
            [(each.name, each.what, each.found is not None) for each in listed],
            [(each.name, each.cost, each.found) for each in bindings()],
        )
        self.assertTrue(listed)

    def test_everyRequirement(self) -> None:
        """All that setup.cfg names has a purpose; nothing else is told of."""
        config = configparser.ConfigParser()
        config.read(ROOT / "setup.cfg", "utf-8")
        extras = config["options.extras_require"]
        wanted = config["options"]["install_requires"].split("\n")
        for extra in extras:
            if extra not in ("dev", "pytest", "test"):
                wanted += extras[extra].split("\n")
        needed = [each for each in wanted if each and not each.startswith("#")]
        listed = list(libraries(needed, lambda name: "1"))
        self.assertEqual(len(listed), len(needed))
        self.assertEqual({each.name for each in listed}, set(PURPOSES))

    def test_libraries(self) -> None:
        """What is missing is said, and of which extra it would be."""
        listed = libraries(
            [
                "Twisted[tls]>=26.4",
                "service_identity>=24.1",
                'idna>=3.4; python_version < "4"',
                "pyOpenSSL>=26; extra == 'other'",
                'hypothesis>=6; extra == "test"',
                "Twisted>=20; extra == 'other'",
            ],
            {"twisted": "26.10.0", "idna": "3.4"}.get,
        )
        self.assertEqual(
            list(listed),
            [
                Feature("library", "twisted", "26.10.0", "the network"),
                Feature(
                    "library", "service-identity", None, PURPOSES["service-identity"]
                ),
                Feature("library", "idna", "3.4", PURPOSES["idna"]),
                Feature("library", "pyopenssl", None, "TLS (extra: other)"),
            ],
        )

    def test_table(self) -> None:
        """For people, what is missing says so."""
        self.assertEqual(
            list(
                lines(
                    [
                        Feature("platform", "SQLite", "3.40", "the spool"),
                        Feature("library", "idna", None, "names"),
                    ]
                )
            ),
            [
                "Platform:",
                "  SQLite  3.40     the spool",
                "",
                "Libraries:",
                "  idna    missing  names",
            ],
        )

    def test_versions(self) -> None:
        """Versions are those that are installed."""
        found = {each.name: each.found for each in features({})}
        self.assertEqual(found["twisted"], version("twisted"))
        self.assertRegex(found["OpenSSL"] or "", r"^[0-9]+\.[0-9]")
