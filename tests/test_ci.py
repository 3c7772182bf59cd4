"""
The counting of interop cases in C{.ci/interop.py}.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

_SCRIPT = Path(__file__).parents[1] / ".ci" / "interop.py"

#: What trial prints, in short.
LOG = """\
tests.core.test_reply
  ReplyTests
    test_one ...                                                           [OK]
    test_two ...                                                      [SKIPPED]
tests.interop.test_swaks
  SwaksTests
    test_clear ...                                                         [OK]
    test_implicit ...                                                    [FAIL]
    test_starttls ...                                                 [SKIPPED]

===============================================================================
[SKIPPED]
peer missing: swaks (with Net::SSLeay)

tests.interop.test_swaks.SwaksTests.test_starttls
-------------------------------------------------------------------------------
Ran 5 tests in 0.003s

FAILED (skips=2, failures=1, successes=2)
"""

#: The same where several processes run the tests side by side.
MIXED_LOG = """\
Running 4 tests.
tests.interop.test_swaks
  SwaksTests
    test_clear ...                                                         [OK]
tests.core.test_reply
  ReplyTests
    test_one ...                                                           [OK]
tests.interop.test_swaks
  SwaksTests
    test_implicit ...                                                      [OK]
tests.interop.test_curl
  CurlTests
    test_implicit ...                                                 [SKIPPED]

===============================================================================
[SKIPPED]
peer missing: curl

tests.interop.test_curl.CurlTests.test_implicit
-------------------------------------------------------------------------------
Ran 4 tests in 0.003s

PASSED (skips=1, successes=3)
"""


class InteropTests(SynchronousTestCase):
    """A required peer is never silently left out."""

    def setUp(self) -> None:
        """Load the script."""
        spec = importlib.util.spec_from_file_location("interop", _SCRIPT)
        assert spec is not None and spec.loader is not None
        self.script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.script)
        printed: list[tuple[object, ...]] = []
        self.script.__dict__["print"] = lambda *words: printed.append(words)
        self.printed = printed

    def main(self, log: str, required: str) -> int:
        """The exit status for what trial has printed."""
        path = Path(self.mktemp())
        path.write_text(log)
        status: int = self.script.main(str(path), required)
        return status

    def test_casesAreCounted(self) -> None:
        """Those of interop only; a failed one was run."""
        self.assertEqual(self.script.count(LOG.splitlines()), (2, 1, {"swaks"}))

    def test_casesOfTestsSideBySideAreCounted(self) -> None:
        """Whatever the order in which they end."""
        self.assertEqual(self.script.count(MIXED_LOG.splitlines()), (2, 1, {"curl"}))

    def test_aRequiredPeerMustBeThere(self) -> None:
        """A missing peer is an error if it is required, and only then."""
        self.assertEqual(self.main(LOG, "curl,swaks"), 1)
        self.assertIn(("required, yet missing:", "swaks"), self.printed)
        self.assertEqual(self.main(LOG, "curl"), 0)
        self.assertEqual(self.main(LOG, ""), 0)

    def test_aRunWithoutCasesIsNone(self) -> None:
        """Where peers are required, something has to have been run."""
        self.assertEqual(self.main("", "curl"), 1)
        self.assertEqual(self.main("", ""), 0)
