"""
Tests for L{smtpx.tls.txtfields}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.tls.txtfields import isPlain, txtFields


class FieldsTests(SynchronousTestCase):
    """What stands behind the version of a record."""

    def test_inOrder(self) -> None:
        """Each name with its value, also one that stands there twice."""
        found = txtFields(b"; a=1;b=2 ;\ta=3;")
        self.assertEqual(found, [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")])
        self.assertEqual(txtFields(b";"), [])

    def test_malformed(self) -> None:
        """All are looked at before the first is given."""
        for rest in (
            b";a",
            b";=1",
            b";-a=1",
            b";a=",
            b";a=1;;b=2",
            b";a=1 2",
            b";a==1",
        ):
            self.assertRaises(Malformed, txtFields, rest)

    def test_ownGrammar(self) -> None:
        """A value may have a grammar of its own."""
        self.assertRaises(Malformed, txtFields, b";a=1 2;b=3")
        fits = lambda name, value: name == b"a" or isPlain(name, value)  # noqa: E731
        self.assertEqual(txtFields(b";a=1 2;b=3", fits), [(b"a", b"1 2"), (b"b", b"3")])
        self.assertRaises(Malformed, txtFields, b";a=1 2;b=3 4", fits)
