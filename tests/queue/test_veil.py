"""Tests for L{smtpx.queue.veil}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.queueprofile import ORIGIN
from smtpx.queue.veil import Look, Veil


def behind(path: bytes, given: bytes) -> Recipient:
    """Somebody whom an alias leads to."""
    found = Recipient(path)
    found.stamps[ORIGIN] = given
    return found


class VeilTests(SynchronousTestCase):
    """What a sender does not read."""

    BOSS = behind(b"the.boss+x@home.example", b"sales@example.org")
    AIDE = behind(b"o'brien@home.example", b"sales@example.org")
    JOE = Recipient(b"joe@example.net")

    def look(self, recipient: Recipient) -> Look:
        """What is shown of replies about a recipient."""
        return Veil.over(Envelope(b"", 0.0, [self.BOSS, self.AIDE, self.JOE])).of(
            recipient
        )

    def test_own(self) -> None:
        """The address, in whatever letters; and the local part, as Dovecot says it."""
        for said, shown in (
            (b"<The.Boss+x@home.example> unknown", b"<sales@example.org> unknown"),
            (b"550 <the.boss+x> No: the.boss+X.", b"550 <sales> No: sales."),
            (b"550 the.bosses+x are here", b"550 the.bosses+x are here"),
        ):
            self.assertEqual(self.look(self.BOSS).at(said), shown)

    def test_others(self) -> None:
        """A reply to a message may be about anybody that an alias leads to."""
        said = b"not for the.boss+x@home.example, 'O'Brien@home.example'."
        shown = b"not for sales@example.org, 'sales@example.org'."
        for recipient in (self.BOSS, self.AIDE, self.JOE):
            self.assertEqual(self.look(recipient).at(said), shown)

    def test_whoIsKnown(self) -> None:
        """Whom the client has named is shown, also where an alias leads there."""
        again = behind(b"joe@example.net", b"sales@example.org")
        look = Veil.over(Envelope(b"", 0.0, [self.JOE, again])).of(again)
        said = b"550 <joe@example.net>: joe is away"
        self.assertEqual(look.at(said), said)

    def test_quoted(self) -> None:
        """A local part in quotes, and one that could be any word."""
        odd = behind(b'"the boss"@home.example', b"sales@example.org")
        short = behind(b"a@home.example", b"sales@example.org")
        veil = Veil.over(Envelope(b"", 0.0, [odd, short]))
        self.assertEqual(
            veil.of(odd).at(b'550 <"The boss"@home.example> the boss?'),
            b"550 <sales@example.org> sales?",
        )
        self.assertEqual(
            veil.of(short).at(b"a@home.example has a problem"),
            b"sales@example.org has a problem",
        )

    @settings(max_examples=100)
    @given(st.binary(max_size=40), st.binary(max_size=40))
    def test_whatever(self, before: bytes, behind: bytes) -> None:
        """Nothing that stands around an address keeps it from being hidden."""
        said = before + b"<the.boss+x@home.example>" + behind
        self.assertNotIn(b"the.boss+x@home", self.look(self.BOSS).at(said).lower())
