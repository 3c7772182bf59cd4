"""
The pages on milters can be taken at their word.
"""

from __future__ import annotations

import textwrap
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.factory import SMTPServerFactory
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.service.tables import Role

from .made import FOUND, site
from .test_manual import DOC, blocks

PAGE = "howto/milters.rst"


class MilterPagesTests(SynchronousTestCase):
    """Their examples."""

    def test_configurations(self) -> None:
        """Nothing is wrong with them."""
        there = site(self.mktemp())
        page = (DOC / PAGE).read_text("utf-8")
        found = [textwrap.dedent(each) for each in blocks(PAGE, "toml")]
        self.assertEqual(len(found), page.count("code-block:: toml"))
        milters = []
        for text in found:
            file = there.folder / "smtpx.toml"
            file.write_text(text)
            configuration = readConfiguration(file, FOUND)
            self.assertEqual(check(there.machine, configuration, FOUND), [])
            milters.append([(e.name, e.roles) for e in configuration.milters])
        everybody = (Role.MX, Role.SUBMISSION)
        self.assertEqual(
            milters,
            [
                [("opendkim", (Role.SUBMISSION,))],
                [("rspamd", (Role.MX,))],
                [("opendkim", everybody), ("rspamd", everybody)],
            ],
        )

    def test_program(self) -> None:
        """The server of one's own is one, and tells milters who has gone."""
        [text] = blocks(PAGE, "python")
        names: dict[str, Any] = {}
        exec(textwrap.dedent(text), names)  # noqa: S102  # it is ours
        made = names["factory"](Clock(), "/run/x", lambda envelope, body: None)
        self.assertIsInstance(made, SMTPServerFactory)
        self.assertIsNotNone(made.leaving)
