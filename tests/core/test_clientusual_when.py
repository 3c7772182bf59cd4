"""
Tests for L{smtpx.core.clientusual}: when a message goes the usual way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import ClientDialogue, Step, sync
from smtpx.core.envelope import Stamp
from smtpx.core.grammar import FLAG
from smtpx.core.hooks import (
    Capability,
    Dialect,
    Parameter,
    Phase,
    Refusal,
    Scope,
    Target,
    Where,
)
from smtpx.core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
)
from smtpx.core.occasion import when
from smtpx.core.reply import reply
from smtpx.testing.client import ScriptedPeer, client

from .made import MadeClient, broken
from .peers import GO, MAIL, OK, RCPT, TAKEN, envelope, grouping, opened, three

_NOTE = Stamp[bool]("note", None, bool)
_WORD = Capability(b"WORD", FLAG)


def _made(register: Callable[[IClientBuilder], object]) -> IClientExtension:
    return MadeClient(register, "MADE")


def _transforming(choose: Any, client: IClientBuilder) -> None:
    client.transform(choose)


class WhenTests(SynchronousTestCase):
    """When a message goes the usual way: nobody is asked then whom it does not need."""

    def setUp(self) -> None:
        """Nobody was asked yet."""
        self.asked: list[str] = []

    def noting(self, what: str, answer: object = None) -> Any:
        """A hook that notes that it was asked."""

        def ask(*arguments: object) -> object:
            self.asked.append(what)
            return answer

        return ask

    def sent(
        self,
        register: Callable[[IClientBuilder], object],
        code: int = 250,
        mail: bytes = MAIL,
        extension: IClientExtension | None = None,
    ) -> ScriptedPeer:
        """Send two messages, to a peer that takes them."""
        made = _made(register)
        peer = opened(extension or grouping(), made, keywords=(b"WORD",))
        for _ in range(2):
            said = peer.deliver(envelope(), b"x\r\n")
            if said:
                self.assertEqual(said, mail + RCPT + b"DATA\r\n")
                peer.say(OK + OK + GO)
                peer.say(TAKEN)
            self.assertEqual(peer.codes, [code])
        return peer

    def test_whatLastsIsAskedOnce(self) -> None:
        """What a hook says of the peer until it answers EHLO again is kept."""
        self.sent(lambda c: c.batch(when(self.noting("batch"), lasting=True)))
        self.assertEqual(self.asked, ["batch"])

    def test_whatDoesNotLastIsAskedEachTime(self) -> None:
        """Anything else may have changed since the last message."""
        self.sent(lambda c: c.batch(self.noting("batch")))
        self.assertEqual(self.asked, ["batch"] * 2)

    def test_whatLastsIsAskedAnewOfWhoeverHadTooMany(self) -> None:
        """How many a peer takes at a time turns out later."""
        batch = when(self.noting("batch"), lasting=True)
        peer = opened(grouping(), _made(lambda c: c.batch(batch)))
        peer.deliver(three(), b"x\r\n")
        peer.say(OK * 2 + b"452 4.5.3 Too many\r\n" * 2 + GO)
        peer.say(TAKEN)
        said = peer.deliver(three(), b"x\r\n")
        self.assertEqual(said.count(b"RCPT"), 1)

    def test_whoeverAdmitsIsAsked(self) -> None:
        """Each message, and once, unless it is for foreign addresses only."""

        def register(client: IClientBuilder) -> None:
            client.admit(self.noting("admit"))
            client.admit(when(self.noting("foreign"), foreign=True))

        self.sent(register)
        self.assertEqual(self.asked, ["admit"] * 2)

    def test_whoeverAdmitsMayRefuse(self) -> None:
        """Then the message goes the long way, to its refusal."""
        refusal = Refusal(reply(550, "5.7.1", b"No"), Scope.MESSAGE)
        self.sent(lambda c: c.admit(self.noting("admit", refusal)), 550)

    def test_whoeverAdmitsMayFail(self) -> None:
        """That is told, once a message."""
        peer = self.sent(lambda c: c.admit(broken), 451)
        self.assertEqual(len(peer.troubles), 2)

    def test_whatLastsMayFail(self) -> None:
        """Likewise."""
        peer = self.sent(lambda c: c.batch(when(broken, lasting=True)), 451)
        self.assertEqual(len(peer.troubles), 2)

    def parameter(self, where: Where, foreign: tuple[Stamp[Any], ...] | None) -> Any:
        """What registers a parameter that is always written, or never."""
        send = self.noting("send", True)
        word = Parameter[bool](b"ODD", where, FLAG, broken, send, foreign=foreign)

        def register(client: IClientBuilder) -> None:
            client.capability(_WORD)
            client.parameter(word, under=_WORD)

        return register

    def test_parameters(self) -> None:
        """Those of MAIL are written, but for those of foreign addresses."""
        self.sent(
            self.parameter(Where.MAIL, None),
            mail=b"MAIL FROM:<a@client.example> ODD\r\n",
        )
        self.assertEqual(self.asked, ["send"] * 2)
        self.sent(self.parameter(Where.MAIL, (_NOTE,)))
        self.sent(self.parameter(Where.RCPT, ()))
        self.assertEqual(self.asked, ["send"] * 2)

    def test_parametersOfThoseLoggedIn(self) -> None:
        """They are asked for where the peer knows who we are, and only there."""
        send = self.noting("send", True)
        word = Parameter[bool](b"ODD", Where.MAIL, FLAG, broken, send, loggedIn=True)

        def logIn(session: IClientSession) -> ClientDialogue:
            session.authenticated = True
            yield from sync()
            return Step.DONE

        def register(client: IClientBuilder) -> None:
            client.capability(_WORD)
            client.parameter(word, under=_WORD)

        def registerBoth(client: IClientBuilder) -> None:
            register(client)
            client.step(Phase.AUTHENTICATE, logIn)

        self.sent(register)
        self.assertEqual(self.asked, [])
        self.sent(registerBoth, mail=b"MAIL FROM:<a@client.example> ODD\r\n")
        self.assertEqual(self.asked, ["send"] * 2)

    def test_parametersOfStamps(self) -> None:
        """They are asked where the envelope has one, which stays a usual message."""
        send, batch = self.noting("send", True), self.noting("batch")
        word = Parameter[bool](b"ODD", Where.MAIL, FLAG, broken, send, of=(_NOTE,))

        def register(client: IClientBuilder) -> None:
            client.capability(_WORD)
            client.parameter(word, under=_WORD)
            client.batch(when(batch, lasting=True))

        peer = opened(grouping(), _made(register), keywords=(b"WORD",))
        for noted in False, True, True:
            message = envelope()
            if noted:
                message.stamps[_NOTE] = True
            said = peer.deliver(message, b"x\r\n")
            self.assertIs(b"ODD" in said, noted)
            peer.say(OK + OK + GO)
            peer.say(TAKEN)
        self.assertEqual(self.asked, ["batch", "send", "send"])

    def test_whatIsRecorded(self) -> None:
        """What lasts is asked once a session, when all steps are done."""
        last = when(self.noting("last", (("A", 1),)), lasting=True)
        peer = self.sent(lambda c: c.record(last))
        for _ in range(3):
            self.assertEqual(peer.connection.logFields(), (("A", 1),))
        self.assertEqual(self.asked, ["last"])

    def test_whatIsRecordedMayFail(self) -> None:
        """Then it is asked again, and told of each time."""
        peer = self.sent(lambda c: c.record(when(broken, lasting=True)))
        for _ in range(3):
            self.assertEqual(peer.connection.logFields(), ())
        peer.lost()
        self.assertEqual(len(peer.troubles), 3)

    def test_parametersOfRecipients(self) -> None:
        """Where one is always asked for, messages go the long way."""
        peer = opened(grouping(), _made(self.parameter(Where.RCPT, None)))
        peer.deliver(envelope(), b"x\r\n")
        self.assertEqual(self.asked, [])
        peer = opened(
            grouping(),
            _made(self.parameter(Where.RCPT, None)),
            keywords=(b"WORD",),
        )
        self.assertIn(b"> ODD\r\n", peer.deliver(envelope(), b"x\r\n"))

    def test_changes(self) -> None:
        """Whoever may change a body is asked, unless he says that it is plain."""
        self.sent(lambda c: c.transform(self.noting("any")))
        self.assertEqual(self.asked, ["any"] * 2)
        self.asked.clear()
        for plain in True, False:
            glance = self.noting(f"plain {plain}", plain)
            choose = when(self.noting("choose"), plain=glance)
            self.sent(partial(_transforming, choose))
        said = ["plain True"] * 2 + ["plain False", "choose"] * 2
        self.assertEqual(self.asked, said)

    def test_carriers(self) -> None:
        """They are asked each time; where there is none, the body goes by DATA."""
        self.sent(lambda c: c.carrier(self.noting("carrier")))
        self.assertEqual(self.asked, ["carrier"] * 2)

    def test_stampsThatSomebodyKnows(self) -> None:
        """A message with one goes the long way."""
        admit = when(self.noting("admit"), of=(_NOTE,))
        peer = opened(grouping(), _made(lambda c: c.admit(admit)))
        noted = envelope(b"b@mx.example", b"c@mx.example")
        noted.stamps[_NOTE] = True
        for message in envelope(b"b@mx.example", b"c@mx.example"), noted:
            peer.deliver(message, b"x\r\n")
            peer.say(OK * 3 + GO)
            peer.say(TAKEN)
        message = envelope()
        message.recipients[0].stamps[_NOTE] = True
        peer.deliver(message, b"x\r\n")
        self.assertEqual(self.asked, ["admit"] * 2)

    def test_troubleMeanwhile(self) -> None:
        """What is to be told while a message is under way is told with its end."""
        peer = opened(grouping(), _made(lambda c: c.record(broken)))
        peer.deliver(envelope(), b"x\r\n")
        peer.connection.logFields()
        self.assertEqual(peer.say(OK + OK + GO), b"x\r\n.\r\n")
        peer.say(TAKEN)
        self.assertEqual(len(peer.troubles), 1)
        peer.connection.logFields()
        peer.deliver(envelope(), b"x\r\n")
        self.assertEqual(len(peer.troubles), 2)

    def test_notInLMTP(self) -> None:
        """There each recipient is answered for."""
        batch = when(self.noting("batch"), lasting=True)
        target = Target(b"mx.example.org", b"192.0.2.25", dialect=Dialect.LMTP)
        made = [grouping(), _made(lambda c: c.batch(batch))]
        peer = ScriptedPeer(client(made, target=target))
        peer.open()
        for _ in range(2):
            peer.deliver(envelope(), b"x\r\n")
            peer.say(OK + OK + GO)
            peer.say(TAKEN)
        self.assertEqual(self.asked, ["batch"] * 2)
