"""
Tests for L{smtpx.extensions.etrn}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import Sync
from smtpx.core.errors import Malformed, UsageError
from smtpx.core.hostlist import HostList
from smtpx.core.reply import Reply
from smtpx.extensions.etrn import ETRN, Begun, ETRNSettings, StartQueue, State
from smtpx.testing.client import ScriptedPeer, client
from smtpx.testing.pair import pair
from smtpx.testing.server import Answers, Said, talk

EVERYBODY = ETRNSettings(hosts=HostList.parse(["*"]))
KEPT = ("foo.com", "*.below.example")


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def said(
        self,
        octets: bytes,
        extension: ETRN | None = None,
        begun: Begun | None = None,
        user: bytes | None = None,
    ) -> Said:
        """What a server says to this."""
        answers: Answers = {
            StartQueue: lambda asked: begun or Begun(State.COUNTED, 2),
        }
        said = talk(
            [extension or ETRN(EVERYBODY, kept=KEPT)],
            b"EHLO c.example\r\n",
            answers=answers,
        )
        said.connection.identity = user
        said.feed(octets)
        return said

    def test_offered(self) -> None:
        """To those who are named, if there is somebody who does it."""
        some = ETRNSettings(hosts=HostList.parse(["198.51.100.1"]))
        for extension, offered, code in (
            (ETRN(EVERYBODY, kept=KEPT), True, 253),
            (ETRN(EVERYBODY), False, 500),
            (ETRN(kept=KEPT), False, 500),
            (ETRN(some, kept=KEPT), False, 459),
        ):
            said = self.said(b"ETRN foo.com\r\n", extension)
            self.assertIs(b"250 ETRN" in said.replies, offered)
            self.assertEqual(said.codes[-1], code)

    def test_users(self) -> None:
        """Who has logged in may, if the settings say so."""
        extension = ETRN(ETRNSettings(users=("ann",)), kept=KEPT)
        for user, code in (b"ann", 253), (b"bob", 459), (None, 459):
            said = self.said(b"ETRN foo.com\r\n", extension, user=user)
            self.assertEqual(said.codes[-1], code)

    def test_theQuestion(self) -> None:
        """It has the domain, and whether those below it are meant."""
        for octets, node, below in (
            (b"ETRN foo.com", "foo.com", False),
            (b"etrn  FOO.com ", "foo.com", False),
            (b"ETRN @x.below.example", "x.below.example", True),
        ):
            said = self.said(octets + b"\r\n")
            [asked] = [each for each in said.port.asked if isinstance(each, StartQueue)]
            self.assertEqual((asked.node, asked.below), (node, below))
            self.assertIs(asked.session, said.connection)

    def test_answers(self) -> None:
        """Each has its code (section 5.1)."""
        for state in State:
            said = self.said(b"ETRN foo.com\r\n", begun=Begun(state, 14))
            self.assertEqual(said.codes[-1], state.value)
            self.assertIn(b" foo.com", said.last)
        self.assertEqual(
            self.said(b"ETRN foo.com\r\n", begun=Begun(State.COUNTED, 14)).last,
            b"253 2.0.0 OK, 14 pending messages for node foo.com started",
        )

    def test_whatIsNotKept(self) -> None:
        """It is not looked for; nor is what is below a domain that is alone."""
        for node, code in (
            (b"foo.com", 253),
            (b"@foo.com", 459),
            (b"x.foo.com", 459),
            (b"a.below.example", 253),
            (b"@a.below.example", 253),
            (b"below.example", 459),
            (b"@below.example", 459),
            (b"com", 501),
            (b"@", 501),
            (b"#uucp", 458),
            (b"foo.com bar.com", 501),
            (b"[192.0.2.1]", 501),
            ("b\u00fccher.example".encode(), 501),
            (b"", 500),
        ):
            said = self.said(b"ETRN " + node + b"\r\n")
            self.assertEqual(said.codes[-1], code, node)

    def test_domainsOfTheSettings(self) -> None:
        """They stand in the place of those that are relayed."""
        settings = ETRNSettings(hosts=HostList.parse(["*"]), domains=("bar.com",))
        for node, code in (b"bar.com", 253), (b"foo.com", 459):
            extension = ETRN(settings, kept=KEPT)
            said = self.said(b"ETRN " + node + b"\r\n", extension)
            self.assertEqual(said.codes[-1], code)

    def test_when(self) -> None:
        """Once greeted, and not in a transaction (section 5)."""
        said = self.said(b"MAIL FROM:<>\r\n")
        said.feed(b"ETRN foo.com\r\n")
        self.assertEqual(said.codes[-1], 503)
        said = talk([ETRN(EVERYBODY, kept=KEPT)], b"ETRN foo.com\r\n")
        self.assertEqual(said.codes[-1], 503)

    def test_settings(self) -> None:
        """Names and domains are such; other settings make another extension."""
        self.assertRaises(Malformed, ETRNSettings, users=("\u0000",))
        self.assertRaises(UsageError, ETRN, ETRNSettings(domains=("a..b",)))
        made = ETRN(kept=KEPT, nodes=[b"x"], told=print).configured(EVERYBODY)
        self.assertEqual(
            (made.options, made.kept, made.nodes, made.told),
            (EVERYBODY, KEPT, (b"x",), print),
        )


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def setUp(self) -> None:
        """Nothing was told."""
        self.told: list[tuple[bytes, int | None]] = []

    def asking(self, *nodes: bytes) -> ETRN:
        """One that asks for these."""

        def told(node: bytes, got: Reply | None) -> None:
            self.told.append((node, None if got is None else got.code))

        return ETRN(nodes=nodes, told=told)

    def test_asks(self) -> None:
        """Before the first message, one after the other."""
        answers: Answers = {StartQueue: lambda asked: Begun(State.NOTHING)}
        joined = pair(
            [ETRN(EVERYBODY, kept=KEPT)],
            [self.asking(b"foo.com", b"@a.below.example", b"bar.com")],
            serverAnswers=answers,
        ).open()
        self.assertTrue(joined.client.ready)
        self.assertEqual(
            self.told,
            [(b"foo.com", 251), (b"@a.below.example", 251), (b"bar.com", 459)],
        )

    def test_notOffered(self) -> None:
        """A host without it is not asked."""
        joined = pair([], [self.asking(b"foo.com")]).open()
        self.assertTrue(joined.client.ready)
        self.assertNotIn(b"ETRN", joined.said)
        self.assertEqual(self.told, [(b"foo.com", None)])

    def test_stopsAtARefusal(self) -> None:
        """After a 5yz the others would not do any better (section 5.2)."""
        peer = ScriptedPeer(client([self.asking(b"foo", b"bar.com")]))
        self.assertEqual(peer.open(b"ETRN"), b"ETRN foo\r\n")
        self.assertEqual(peer.say(b"501 Syntax error\r\n"), b"")
        self.assertTrue(peer.connection.ready)
        self.assertEqual(self.told, [(b"foo", 501)])

    def test_nothingToAsk(self) -> None:
        """Most clients ask for nothing."""
        joined = pair([ETRN(EVERYBODY, kept=KEPT)], [ETRN()]).open()
        self.assertNotIn(b"ETRN", joined.said)

    def test_onItsWord(self) -> None:
        """What a host once offered is not enough: it is waited for."""
        peer = ScriptedPeer(client([self.asking(b"foo.com")]))
        # What a forecast that was not confirmed yet looks like to a hook.
        peer.connection.guessed = True
        [(_, step)] = peer.connection.profile.steps
        dialogue = step(peer.connection)
        assert dialogue is not None
        self.assertIsInstance(next(dialogue), Sync)
