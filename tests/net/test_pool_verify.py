"""Tests for C{verify} of L{smtpx.net.pool}: asking, and sending nothing."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool.via import Cause
from smtpx.testing import Fault

from .clients import HOST, WAY, codes, rig
from .network import watched


class VerifyTests(SynchronousTestCase):
    """What a host says of a recipient."""

    def test_verify(self) -> None:
        """
        A host is only asked whether it takes mail for somebody, over the connection
        of a message, which others use again.
        """
        unknown = Fault(b"RCPT", nth=2, reply=b"550 5.1.1 Unknown\r\n")
        rigged = rig(unknown)
        found = []
        for path in (b"b@mx.example", b"c@mx.example"):
            got = watched(rigged.pool.verify(HOST, WAY, path))
            rigged.network.run()
            found.append((*codes(got), *got.value.causes))
        causes = Cause.RECIPIENT, Cause.RECIPIENT
        self.assertEqual(found, list(zip((250, 550), causes, strict=True)))
        self.assertEqual(codes(rigged.send()), [250])
        self.assertEqual(len(rigged.server.sessions), 1)
        asked = [each for each in rigged.commands if each[:4] in (b"MAIL", b"RSET")]
        self.assertEqual(asked[0][:11], b"MAIL FROM:<")
        self.assertEqual(asked[1], b"RSET")
