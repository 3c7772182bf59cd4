"""
Tests for L{smtpx.core.client}: peers that are broken or mean harm, and addresses that
do.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.clienthello import KEYWORDS_MAX
from smtpx.core.clientsession import unsafePath
from smtpx.core.effects import Close, GaveUp
from smtpx.core.errors import Malformed
from smtpx.core.grammar import FLAG, Grammar
from smtpx.core.hooks import Capability
from smtpx.core.interfaces import IClientBuilder, IClientExtension
from smtpx.testing.client import ScriptedPeer, client

from .made import MadeClient
from .peers import BROKEN, OK, RCPT, envelope, opened, outcomes


class AddressTests(SynchronousTestCase):
    """Addresses that would be more than an address in their command."""

    BAD = (
        b"b@x> NOTIFY=NEVER",
        b"b@x>",
        b"<b@x",
        b"b c@x",
        b'"b@x',
        b'"b"c>"@x',
        b'"b\\">@x',
    )
    GOOD = (
        b"b@x",
        b'"a > b < c"@x',
        b'"a\\"> b"@x',
        b"b@[IPv6:::1]",
        "δ@ü.example".encode(),
        b"postmaster",
        b"",
    )

    def test_unsafe(self) -> None:
        """What ends the path stands between quotes, or nowhere."""
        for path in self.BAD:
            self.assertTrue(unsafePath(path), path)
        for path in self.GOOD:
            self.assertFalse(unsafePath(path), path)

    def test_parametersAreNotHidden(self) -> None:
        """Nobody says a parameter by an address, to a sender or recipient's cost."""
        for path in self.BAD:
            peer = opened()
            peer.deliver(envelope(path, b"b@mx.example"))
            self.assertEqual(peer.say(OK), RCPT)
            peer = opened()
            self.assertEqual(peer.deliver(envelope(sender=path)), b"")
            self.assertEqual([outcome.code for outcome in outcomes(peer)], [553])

    @given(st.text('ab"\\ <>@', max_size=12))
    @settings(max_examples=100)
    def test_pathEndsWhereItShould(self, text: str) -> None:
        """Who reads the command as RFC 5321 section 4.1.2 has it reads the path."""
        path = text.encode()
        if unsafePath(path):
            return
        quoted = False
        skip = False
        for octet in path.decode():
            if skip:
                skip = False
            elif quoted and octet == "\\":
                skip = True
            elif octet == '"':
                quoted = not quoted
            else:
                self.assertFalse(not quoted and octet in " <>", path)
        self.assertFalse(quoted, path)


class HelloTests(SynchronousTestCase):
    """What a peer says of itself."""

    def test_keywordsAreBounded(self) -> None:
        """They are kept, maybe on a disk; so there are not too many, or too long."""
        words = [b"X%d" % number for number in range(KEYWORDS_MAX + 10)]
        peer = ScriptedPeer(client())
        peer.open(b"LONG " + b"x" * 502, *words)
        assert peer.connection.peer is not None
        known = [word for word, _ in peer.connection.peer.keywords]
        self.assertEqual(known, words[:KEYWORDS_MAX])
        peer = ScriptedPeer(client())
        peer.open(b"LONG " + b"x" * 501)
        assert peer.connection.peer is not None
        self.assertEqual(peer.connection.peer.keywords, ((b"LONG", b"x" * 501),))

    def test_noReplyInTheMiddleOfOne(self) -> None:
        """A line that is none ends the session, also behind one that was to go on."""
        for line in b"what?", b"25", b"150 x", b"2500-x":
            peer = ScriptedPeer(client())
            peer.start()
            peer.say(b"220 mx\r\n250-mx\r\n" + line + b"\r\n")
            self.assertEqual(peer.events, [GaveUp(BROKEN), Close()])

    def test_grammarWithAMistake(self) -> None:
        """It is the extension's, and the keyword is as good as not offered."""

        def wrong(raw: bytes | None) -> bool:
            raise ZeroDivisionError

        def malformed(raw: bytes | None) -> bool:
            raise Malformed("no")

        good = Capability[bool](b"GOOD", FLAG)
        for parse, troubles in (wrong, ["odd"]), (malformed, []):
            bad = Capability[bool](b"BAD", Grammar(parse, lambda value: None))
            peer = opened(self.reading(good, bad), keywords=(b"BAD", b"GOOD"))
            self.assertTrue(peer.connection.ready)
            found: list[bool | None] = [
                peer.connection.offered(bad),
                peer.connection.offered(good),
            ]
            self.assertEqual(found, [None, True])
            peer = ScriptedPeer(client([self.reading(good, bad)]))
            peer.open(b"BAD")
            self.assertEqual([trouble.owner for trouble in peer.troubles], troubles)

    def reading(self, *capabilities: Capability[bool]) -> IClientExtension:
        """An extension that reads them."""

        def register(builder: IClientBuilder) -> None:
            for capability in capabilities:
                builder.capability(capability)

        return MadeClient(register, "odd")
