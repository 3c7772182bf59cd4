"""
Tests for L{smtpx.tls.alerts}.
"""

from __future__ import annotations

from pathlib import Path

from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSOptions
from smtpx.core.tlsa import DANE, TLSA
from smtpx.tls.alerts import clearer
from smtpx.tls.client import ClientTLS
from smtpx.tls.contexts import ServerTLS

from .joined import Wrapped, accepting, issue, move, shake, store

HOST = b"mx.example.org"
RECORDS = DANE(HOST, (TLSA(3, 1, 1, b"x" * 32),))


class AlertTests(SynchronousTestCase):
    """What a receiving server says of clients that will not have its certificate."""

    def told(self, options: TLSOptions) -> str:
        """What it says of one that trusts nobody."""
        folder = Path(self.mktemp())
        server = ServerTLS((store(folder, *issue("mx.example.org")),), clock=Clock())
        made = ClientTLS(()).creator(options)
        client = made.clientConnectionForTLS(Wrapped().asProtocol())
        client.set_connect_state()
        ours = accepting(server)
        self.assertRaises(SSL.Error, shake, ours, client)
        move(client, ours)
        error = self.assertRaises(SSL.Error, ours.do_handshake)
        return server.failure(ours, error)

    def test_mismatchOfTLSARecords(self) -> None:
        """A certificate that does not match the records is said to be the reason."""
        text = self.told(TLSOptions(serverName=HOST, verified=True, dane=RECORDS))
        self.assertEqual(
            text,
            "the client ended it with the alert 'internal error': perhaps the"
            " certificate of this server does not match its TLSA records, or is not for"
            " the name that the client wants",
        )

    def test_unknownAuthority(self) -> None:
        """So is one that nobody whom the client trusts has signed."""
        text = self.told(TLSOptions(serverName=HOST, verified=True))
        self.assertEqual(
            text,
            "the client ended it with the alert 'unknown ca': it does not accept the"
            " certificate of this server",
        )

    def test_others(self) -> None:
        """What is about something else is said as it is, and what is no alert, too."""
        for reason, text in (
            (
                "ssl/tls alert handshake failure",
                "the client ended it with the alert 'handshake failure'",
            ),
            (
                "sslv3 alert bad certificate",
                "the client ended it with the alert 'bad certificate': it does not"
                " accept the certificate of this server",
            ),
            ("no shared cipher", "no shared cipher"),
            ("unexpected eof while reading", "unexpected eof while reading"),
        ):
            self.assertEqual(clearer(reason), text)
