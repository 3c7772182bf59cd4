"""
Tests for L{smtpx.tls.sessionfacts}, and of the bindings that write sessions down.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from hypothesis import given, settings, strategies as st
from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSOptions
from smtpx.tls import openssl
from smtpx.tls.contexts import ServerTLS
from smtpx.tls.sessionfacts import SESSION_OCTETS_MOST, sessionFacts

from .joined import NOW, accepting, bare, issue, shake, store, tell


def session(case: SynchronousTestCase, version: int, reading: bool = True) -> bytes:
    """
    A session of a handshake in memory.

    @param reading: is something read before it is taken?
    """
    clock = Clock()
    clock.advance(NOW.timestamp())
    tls = ServerTLS((store(Path(case.mktemp()), *issue("a.example")),), clock=clock)
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(version)
    client, server = bare(context), accepting(tls, TLSOptions(tickets=True))
    shake(server, client)
    if reading:
        tell(server, client, b"x")
    octets = openssl.dumpSession(client)
    assert octets is not None
    return octets


class FactsTests(SynchronousTestCase):
    """What stands in a session."""

    def test_ticket(self) -> None:
        """The ticket, and how long the server takes it."""
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            facts = sessionFacts(session(self, version))
            self.assertGreater(len(facts.ticket), 100)
            self.assertEqual(facts.lifetimeSeconds, 7200)
            self.assertNotIn(repr(facts.ticket), repr(facts))

    def test_beforeTheTicket(self) -> None:
        """Under TLS 1.3 there is none before something was read."""
        facts = sessionFacts(session(self, SSL.TLS1_3_VERSION, reading=False))
        self.assertEqual(facts.ticket, b"")

    def test_cutAnywhere(self) -> None:
        """A session that is cut off is none."""
        octets = session(self, SSL.TLS1_3_VERSION)
        for end in range(len(octets)):
            self.assertRaises(ValueError, sessionFacts, octets[:end])

    def test_otherForms(self) -> None:
        """What is not OpenSSL's form of a session, as far as we know it."""
        for octets in (
            b"",
            b"\x04\x00",
            b"\x30\x00",
            b"\x30\x80\x00\x00",
            b"\x30\x83\x00\x00\x00",
            b"\x30\x03\x02\x01\x01",
            b"\x30\x0d\x02\x01\x02\x02\x00\x04\x00\x04\x00\x04\x00\x30\x00",
            b"\x30\x0f\x02\x01\x01\x02\x00\x04\x00\x04\x00\x04\x00\xa9\x02\x04\x00",
            b"\x30\x0d\x02\x01\x01\x02\x00\x04\x00\x04\x00\x04\x00\xaa\x00",
            bytes(SESSION_OCTETS_MOST + 1),
        ):
            self.assertRaises(ValueError, sessionFacts, octets)

    def test_leastForm(self) -> None:
        """A session without a ticket and without times."""
        facts = sessionFacts(b"\x30\x0b\x02\x01\x01\x02\x00\x04\x00\x04\x00\x04\x00")
        self.assertEqual((facts.ticket, facts.lifetimeSeconds), (b"", 0))

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=300))
    def test_anythingAtAll(self, octets: bytes) -> None:
        """Whatever it is, it is read or refused."""
        for each in (octets, b"\x30" + bytes([min(len(octets), 127)]) + octets):
            try:
                sessionFacts(each)
            except ValueError:
                pass


class BindingTests(SynchronousTestCase):
    """Writing sessions down, and offering them."""

    def connection(self) -> SSL.Connection:
        """A client that has not begun."""
        return bare(SSL.Context(SSL.TLS_CLIENT_METHOD))

    def test_noSessionYet(self) -> None:
        """Before the handshake there is nothing to write down."""
        self.assertIsNone(openssl.dumpSession(self.connection()))

    def test_damagedSession(self) -> None:
        """
        What OpenSSL cannot read is not offered, and leaves no error that would be
        taken for one of the next handshake's.
        """
        octets = session(self, SSL.TLS1_3_VERSION)
        self.assertTrue(openssl.offerSession(self.connection(), octets))
        for damaged in (b"", b"\x30", octets[:-1], b"\x00" + octets):
            self.assertFalse(openssl.offerSession(self.connection(), damaged))
        # Else this would fail with it.
        SSL.Context(SSL.TLS_CLIENT_METHOD).set_cipher_list(b"ALL")
        client = self.connection()
        self.assertRaises(SSL.WantReadError, client.do_handshake)

    def test_withoutBindings(self) -> None:
        """Where OpenSSL's functions are missing, sessions are not kept."""
        octets = session(self, SSL.TLS1_3_VERSION)
        for name in ("_writeSession", "_readSession", "_setSession", "_sessionReused"):
            with self.subTest(name):
                was = getattr(openssl, name)
                self.patch(openssl, name, None)
                self.assertFalse(openssl.keepsSessions())
                nothing = cast(SSL.Connection, object())
                self.assertIsNone(openssl.dumpSession(nothing))
                self.assertFalse(openssl.offerSession(nothing, octets))
                setattr(openssl, name, was)
        self.assertTrue(openssl.keepsSessions())
