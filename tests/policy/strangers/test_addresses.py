"""
Tests for L{smtpx.policy.strangers.addresses}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.strangers.addresses import recipientName, senderName


class AddressesTests(SynchronousTestCase):
    """How people are told apart."""

    def test_senders(self) -> None:
        """What hosts write anew for each message is left out."""
        for path, name in (
            (b"", ""),
            (b"Ann@Example.NET", "ann@example.net"),
            (b"ann+news@example.net", "ann@example.net"),
            (b"+news@example.net", "+news@example.net"),
            (b"bounce-4711-99@lists.example", "bounce-#-#@lists.example"),
            (b"prvs=0123abcdef=ann@example.net", "ann@example.net"),
            (
                b"SRS0=HHH=TT=example.com=ann@f.example",
                "srs#=example.com=ann@f.example",
            ),
            (b"SRS1=HHH=g.example==HH=TT=o.example=ann@f.example", None),
            (b'"a b"@example.net', "a b@example.net"),
        ):
            found = senderName(path)
            if name is not None:
                self.assertEqual(found, name)
        self.assertEqual(
            senderName(b"SRS0=abcd=T1=example.com=ann@f.example"),
            senderName(b"srs0=efgh=XY=example.com=ann@f.example"),
        )

    def test_bounded(self) -> None:
        """No name is longer than an address can be."""
        self.assertEqual(len(senderName(b"a" * 1000 + b"@example.net")), 320)
        self.assertEqual(len(recipientName(b"a" * 1000)), 320)
