"""
aiosmtpd's own tests of handlers, with our controller in the place of theirs.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from twisted.trial.unittest import SkipTest

from .cases import InteropTestCase

_PROGRAM = """\
import sys
import aiosmtpd.controller
from smtpx.compat import aiosmtpd as ours

class Controller(ours.Controller):
    pass

aiosmtpd.controller.Controller = Controller
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


class SuiteTests(InteropTestCase):
    """What aiosmtpd expects of a controller and its handlers."""

    def test_handlers(self) -> None:
        """
        All their tests pass, but those of what they call deprecated: hooks in
        subclasses of C{SMTP}, which we have not, and warnings.
        """
        found = find_spec("aiosmtpd")
        for name in ("aiosmtpd", "pytest", "pytest_mock"):
            if find_spec(name) is None:
                raise SkipTest(f"peer missing: aiosmtpd ({name})")
        assert found is not None and found.origin is not None
        tests = Path(found.origin).parent / "tests" / "test_handlers.py"
        if not tests.exists():
            raise SkipTest("peer missing: aiosmtpd (its tests)")
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        program = folder / "run.py"
        program.write_text(_PROGRAM)
        said = self.run_(
            [
                sys.executable,
                str(program),
                "-q",
                "-p",
                "no:cacheprovider",
                "-W",
                "default",
                "-k",
                "not TestDeprecation",
                str(tests),
            ],
            environment={"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.assertRegex(said, r"\b4\d passed")
        self.assertNotIn("failed", said)
