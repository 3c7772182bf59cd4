"""
The examples of the page on DCC can be taken as they are.
"""

from __future__ import annotations

import tomllib

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.config import readConfiguration
from smtpx.service.extensions import findExtensions

from ..test_documentation import examples


class ManualTests(SynchronousTestCase):
    """The page on DCC."""

    def test_everyOneIsGood(self) -> None:
        """The server takes each of them; some want what the first has."""
        found = examples("dcc.rst", "toml")
        self.assertEqual(len(found), 5)
        daemon = found[0].partition("[[")[0]
        for example in found:
            text = example if "[dcc]" in example else daemon + example
            readConfiguration(tomllib.loads(text), findExtensions())
