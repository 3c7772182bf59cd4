"""
Tests for L{smtpx.net.delivery}: how often one envelope is tried, and what of it that
nobody foresaw.  The rest is in L{tests.net.test_pool}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Refusal, Scope
from smtpx.core.reply import reply
from smtpx.net.client import ClientProtocol
from smtpx.testing.scripted import KEYWORDS
from tests.core.made import MadeClient

from .clients import codes, envelopeFor, rig


class DeliveryTests(SynchronousTestCase):
    """
    One envelope on its way to a host.
    """

    def test_limitOfDomains(self) -> None:
        """As many sessions as there are domains, if the host wants that."""
        rigged = rig(keywords=(*KEYWORDS, b"LIMITS RCPTDOMAINMAX=1"))
        got = rigged.send(envelopeFor(*[b"x@%d.example" % n for n in range(6)]))
        self.assertEqual(codes(got), [250] * 6)
        self.assertEqual(len(rigged.server.sessions), 6)

    def test_noSessionIsRight(self) -> None:
        """An extension that wants another session gets only so many."""
        refusal = Refusal(reply(451, "4.3.0", b"Another one"), Scope.SESSION)
        picky = MadeClient(lambda builder: builder.admit(lambda s, e: refusal))
        rigged = rig(extensions=[picky])
        got = rigged.send()
        self.assertEqual(codes(got), [451])
        self.assertIs(got.value.scope, Scope.HOST)
        self.assertEqual(len(rigged.server.sessions), 4)

    def test_sameHost(self) -> None:
        """
        Of one message after the other over a connection the very same is told of the
        host, but for the first one.
        """
        rigged = rig()
        vias = [rigged.send().value.via for _ in range(3)]
        self.assertEqual([via.again for via in vias], [False, True, True])
        self.assertIs(vias[2], vias[1])
        self.assertEqual(evolve(vias[1], again=False), vias[0])

    def test_whatIsBroken(self) -> None:
        """A mistake of ours fails the message, and leaves no connection."""

        def broken(self: object, *what: object) -> None:
            raise ZeroDivisionError

        rigged = rig()
        self.patch(ClientProtocol, "begin", broken)
        got = rigged.send()
        self.assertIsInstance(got.error, ZeroDivisionError)
        rigged.network.run(1)
        self.assertEqual(rigged.pool.open, 0)
