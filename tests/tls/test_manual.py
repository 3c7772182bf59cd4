"""
Tests for the manual's page on TLS.
"""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.tls.contexts import ServerTLS

PAGE = Path(smtpx.__file__).parent.parent / "doc" / "reference" / "tls.rst"


class ManualTests(SynchronousTestCase):
    """What C{doc/reference/tls.rst} says."""

    def test_exampleRuns(self) -> None:
        """
        The page's program makes a certificate, and TLS is ready.
        """
        found = re.search(
            r"code-block:: python\n\n((?: {3}.*\n|\n)+)", PAGE.read_text("utf-8")
        )
        assert found is not None
        folder = Path(self.mktemp())
        folder.mkdir()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)
        names: dict[str, object] = {}
        exec(compile(textwrap.dedent(found[1]), str(PAGE), "exec"), names)
        tls = names["tls"]
        assert isinstance(tls, ServerTLS)
        self.assertTrue(tls.ready)
        self.assertTrue(Path("tls/ca.pem").exists())
