"""
Folders in which UNIX sockets have room: their paths have at most 107 octets, and
those that trial makes, in a checkout that lies deep, have more.
"""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase


def shortFolder(case: SynchronousTestCase) -> Path:
    """A folder with a short path, open to all who look, gone after the case."""
    folder = Path(mkdtemp(prefix="smtpx-"))
    case.addCleanup(rmtree, folder)
    folder.chmod(0o755)
    return folder
