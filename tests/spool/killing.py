"""
A process that is killed at a step of those that change the disk.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from unittest import mock

from smtpx.spool.bodies import Bodies
from smtpx.spool.store import Store

#: What changes the disk: whose it is, and its name.
Step = tuple[object, str]
STEPS: Sequence[Step] = (
    (os, "write"),
    (os, "fsync"),
    (Bodies, "create"),
    (Bodies, "reopen"),
    (Bodies, "shorten"),
    (Bodies, "sync"),
    (Bodies, "delete"),
    (Store, "commit"),
)


class Killed(BaseException):
    """The process ends here."""


class Death:
    """
    Ends the process at a step of those that change the disk.

    @ivar left: how many steps it may take before.
    """

    def __init__(self, left: int, steps: Sequence[Step]) -> None:
        self.left = left
        self._patches = [self._patched(where, name) for where, name in steps]

    def _patched(self, where: object, name: str) -> Any:
        real = getattr(where, name)

        def call(*rest: Any, **more: Any) -> Any:
            if not self.left:
                raise Killed
            self.left -= 1
            return real(*rest, **more)

        patched = mock.patch.object(where, name, call)
        patched.start()
        return patched

    def over(self) -> None:
        """From now on all goes as ever."""
        for each in self._patches:
            each.stop()
