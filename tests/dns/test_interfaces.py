"""Tests for L{smtpx.dns.interfaces}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.dns.interfaces import MX, SRV, Answer, NoSuchDomain, spelledName


class AnswerTests(SynchronousTestCase):
    """What the DNS said, as values."""

    def test_recordsOfAKind(self) -> None:
        """Whoever knows the kind gets records with their types."""
        mx = MX(10, b"mx.example.org")
        self.assertEqual(Answer((mx,)).of(MX), (mx,))
        self.assertEqual(Answer((mx,)).of(SRV), ())
        self.assertEqual(Answer((b"192.0.2.1",)).of(bytes), (b"192.0.2.1",))

    def test_whenItExpiresMakesNoDifference(self) -> None:
        """Two answers with the same records are equal."""
        self.assertEqual(Answer((), expires=1.0), Answer((), expires=2.0))


class NameTests(SynchronousTestCase):
    """Names in messages for the operator."""

    def test_harmless(self) -> None:
        """Whatever the name, there is nothing in the text that a terminal obeys."""
        self.assertEqual(spelledName(b"example.org"), "example.org")
        self.assertEqual(spelledName(b"a\nb\x1b\xff"), r"a\nb\x1b\\xff")
        self.assertEqual(
            str(NoSuchDomain(b"nowhere.test")), "nowhere.test does not exist"
        )
