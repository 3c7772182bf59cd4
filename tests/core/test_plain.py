"""
Tests for L{smtpx.core.plain}.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Stamp
from smtpx.core.interfaces import IServerBuilder
from smtpx.core.profile import ServerProfile

from .made import MadeServer

STAMP = Stamp[bool]("x-plain", None, bool)


def silent(*rest: Any) -> Any:
    """A hook that says nothing."""
    return None


class PlainTests(SynchronousTestCase):
    """
    Which commands are the core's alone.
    """

    def test_wrappedTwice(self) -> None:
        """One wrapper around another that always has something to do is enough."""

        def inner(server: IServerBuilder) -> None:
            server.wrap(b"RCPT", silent)

        def outer(server: IServerBuilder) -> None:
            server.wrap(b"RCPT", silent, of=(STAMP,))
            server.wrap(b"DATA", silent, of=(STAMP,))

        both = [MadeServer(inner, "inner"), MadeServer(outer, "outer")]
        found = ServerProfile().load(both).plain
        self.assertEqual((found.mail, found.rcpt, found.data), (True, False, True))
        self.assertEqual(found.of, frozenset({STAMP}))
