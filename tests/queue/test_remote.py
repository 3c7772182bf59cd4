"""Tests for L{smtpx.queue.remote}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.remote import HOST_CHARACTERS, Remote, remoteOf
from smtpx.spool.via import Via


class RemoteTests(SynchronousTestCase):
    """What is told of a host."""

    def test_all(self) -> None:
        """Its name and address, and what it said of itself."""
        via = Via(
            b"mx.example.org",
            b"192.0.2.1",
            587,
            greeting=b"220 mx.example.org ESMTP",
            hello=b"250-mx.example.org Hello",
        )
        remote = remoteOf(via)
        assert remote is not None
        self.assertEqual(remote.words, "mx.example.org [192.0.2.1]")
        self.assertEqual(remote.socket, "[192.0.2.1]:587")
        self.assertEqual(remote.greeting, "220 mx.example.org ESMTP")
        self.assertEqual(remote.hello, "250-mx.example.org Hello")

    def test_some(self) -> None:
        """What is not known is left out."""
        for via, words, socket in (
            (Via(b"mx.example.org", b""), "mx.example.org", ""),
            (Via(b"[192.0.2.1]", b"192.0.2.1"), "[192.0.2.1]", "[192.0.2.1]"),
            (Via(b"mx", b"2001:db8::1"), "mx [2001:db8::1]", "[2001:db8::1]"),
        ):
            remote = remoteOf(via)
            assert remote is not None
            self.assertEqual((remote.words, remote.socket), (words, socket))

    def test_noHostOfTheInternet(self) -> None:
        """What is no host, such as a socket in a folder, is nobody's business."""
        self.assertIsNone(remoteOf(None))
        self.assertIsNone(remoteOf(Via(b"/run/dovecot/lmtp", b"/run/dovecot/lmtp")))
        self.assertIsNone(remoteOf(Via(b"", b"")))

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=2000), st.binary(max_size=2000))
    def test_harmless(self, name: bytes, said: bytes) -> None:
        """Whatever a host says is short, and ends no line."""
        remote = remoteOf(Via(name, b"192.0.2.1", greeting=said, hello=said * 3))
        assert remote is not None
        for words in (remote.name, remote.greeting, remote.hello):
            self.assertLessEqual(len(words), HOST_CHARACTERS)
            self.assertTrue(words.isprintable(), words)

    def test_empty(self) -> None:
        """Nothing is known of one but that it was talked to."""
        self.assertEqual(Remote("", "").socket, "")
