"""
Tests for L{smtpx.core.clienttransaction}: more recipients than the peer takes at a
time.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.core.hooks import BatchLimits, Refusal, Scope
from smtpx.core.interfaces import IClientBuilder
from smtpx.core.reply import Reply, reply
from smtpx.testing.client import ScriptedPeer

from .made import MadeClient
from .peers import (
    DONE,
    GO,
    LOST,
    OK,
    TAKEN,
    envelope,
    grouping,
    opened,
    outcomes,
    three,
)


def numbered(count: int) -> Envelope:
    """An envelope for so many."""
    return envelope(*(b"r%d@mx.example" % number for number in range(count)))


class RestTests(SynchronousTestCase):
    """More recipients than a peer takes at a time."""

    TOO_MANY = reply(452, "4.5.3", b"Peer takes no more recipients")

    def transact(self, peer: ScriptedPeer, *answers: bytes) -> None:
        """Answer MAIL and each RCPT, and take the message."""
        for answer in (OK, *answers, GO, TAKEN):
            peer.say(answer)

    def limited(self, **limits: int) -> ScriptedPeer:
        """A peer that has said how much it takes."""
        return opened(
            MadeClient(lambda client: client.batch(lambda s: BatchLimits(**limits)))
        )

    def rest(self, peer: ScriptedPeer) -> list[bytes]:
        """To whom the message may go in another transaction."""
        return [recipient.path for recipient in peer.settled[-1].rest]

    def test_limitOfThePeer(self) -> None:
        """
        No RCPT goes to those above it, and the message may follow to them at
        once, until nobody is left.
        """
        peer = self.limited(recipients=2)
        message = numbered(5)
        taken = 0
        rounds = 0
        while message.recipients:
            peer.deliver(message)
            self.transact(peer, *[OK] * min(2, len(message.recipients)))
            taken += outcomes(peer).count(DONE)
            message = message.addressedTo(list(peer.settled[-1].rest))
            rounds += 1
        self.assertEqual((taken, rounds), (5, 3))

    def test_limitOfThePeerIsTold(self) -> None:
        """Who does not go on has an outcome for everybody all the same."""
        peer = self.limited(recipients=1)
        peer.deliver(numbered(3))
        self.transact(peer, OK)
        self.assertEqual(outcomes(peer), [DONE, self.TOO_MANY, self.TOO_MANY])
        self.assertEqual(self.rest(peer), [b"r1@mx.example", b"r2@mx.example"])

    def test_refusedAsTooMany(self) -> None:
        """
        What a peer refuses as too many behind those that it accepted may follow
        at once (RFC 5321 section 4.5.3.1.10), also where an unknown one is
        between them, and where it says so for good.
        """
        peer = opened()
        peer.deliver(numbered(7))
        self.transact(
            peer,
            OK,
            b"450 4.2.1 Later\r\n",
            OK,
            b"452 Too many\r\n",
            b"550 5.1.1 Unknown\r\n",
            b"550 5.5.3 Too many\r\n",
            b"552 Too many\r\n",
        )
        tooMany = reply(452, "4.5.3", b"Too many")
        self.assertEqual(
            outcomes(peer),
            [
                DONE,
                reply(450, "4.2.1", b"Later"),
                DONE,
                reply(452, None, b"Too many"),
                reply(550, "5.1.1", b"Unknown"),
                tooMany,
                tooMany,
            ],
        )
        self.assertEqual(
            self.rest(peer), [b"r3@mx.example", b"r5@mx.example", b"r6@mx.example"]
        )

    def test_whatItTakesIsKept(self) -> None:
        """
        For the rest of the session no more are asked for than the peer has
        turned out to take, in whatever message.
        """
        peer = opened(grouping())
        peer.deliver(numbered(3))
        peer.say(OK + OK + OK + b"452 4.5.3 Too many\r\n" + GO)
        peer.say(TAKEN)
        self.assertEqual(peer.deliver(numbered(9)).count(b"RCPT"), 2)
        peer.say(OK + OK + OK + GO)
        peer.say(TAKEN)
        self.assertEqual(len(self.rest(peer)), 7)
        self.assertEqual(peer.deliver(numbered(9)).count(b"RCPT"), 2)

    def test_somebodyBehindThemIsAccepted(self) -> None:
        """Then it was not for their number: they wait."""
        peer = opened()
        peer.deliver(three())
        self.transact(peer, OK, b"452 4.5.3 Busy\r\n", OK)
        self.assertEqual(outcomes(peer)[1], reply(452, "4.5.3", b"Busy"))
        self.assertEqual(self.rest(peer), [])
        self.assertIs(peer.connection.fits, None)

    def test_nobodyBeforeThemIsAccepted(self) -> None:
        """Nor was it where the very first is refused so."""
        peer = opened()
        peer.deliver(envelope(b"b@mx.example", b"c@mx.example"))
        for answer in (OK, b"552 5.5.3 Too many\r\n", b"452 4.5.3 Too many\r\n"):
            peer.say(answer)
        self.assertEqual(
            outcomes(peer),
            [reply(552, "5.5.3", b"Too many"), reply(452, "4.5.3", b"Too many")],
        )
        self.assertEqual(self.rest(peer), [])

    def test_anotherMeaning(self) -> None:
        """A full mailbox or disk is not a matter of how many there are."""
        for status in (b"4.2.2", b"4.3.1", b"4.4.3"):
            peer = opened()
            peer.deliver(envelope(b"b@mx.example", b"c@mx.example"))
            self.transact(peer, OK, b"452 %b Full\r\n" % status)
            self.assertEqual(outcomes(peer)[1].code, 452)
            self.assertEqual(self.rest(peer), [])

    def test_messageIsRefused(self) -> None:
        """
        What is refused for good is still for the others to hear of; what is
        put off is put off for them, too.
        """
        for answer, others, count in (
            (b"554 5.7.1 Spam\r\n", self.TOO_MANY, 2),
            (
                b"451 4.7.1 Greylisted\r\n",
                reply(451, "4.7.1", b"Greylisted"),
                0,
            ),
        ):
            peer = self.limited(recipients=1)
            peer.deliver(three())
            for said in (OK, OK, GO, answer):
                peer.say(said)
            self.assertEqual(outcomes(peer)[1:], [others, others])
            self.assertEqual(len(self.rest(peer)), count)

    def test_allWhoWereAskedForAreRefused(self) -> None:
        """That says nothing of the others, who may have their turn."""
        peer = self.limited(recipients=1)
        peer.deliver(three())
        peer.say(OK)
        self.assertEqual(peer.say(b"550 5.1.1 Unknown\r\n"), b"RSET\r\n")
        self.assertEqual(outcomes(peer)[1:], [self.TOO_MANY] * 2)
        self.assertEqual(self.rest(peer), [b"c@mx.example", b"d@mx.example"])

    def test_mailIsRefused(self) -> None:
        """That is for everybody, who were too many included."""
        peer = self.limited(recipients=1)
        peer.deliver(three())
        peer.say(b"550 5.7.1 Not from you\r\n")
        self.assertEqual(outcomes(peer), [reply(550, "5.7.1", b"Not from you")] * 3)
        self.assertEqual(self.rest(peer), [])

    def test_connectionIsLost(self) -> None:
        """Then there is none over which it could go on."""
        peer = self.limited(recipients=1)
        peer.deliver(three())
        peer.say(OK)
        peer.say(OK)
        peer.lost()
        self.assertEqual(outcomes(peer), [LOST] * 3)
        self.assertEqual(self.rest(peer), [])

    def test_connectionIsLostUnderwayToThem(self) -> None:
        """Those whose RCPT has no answer yet are not taken for accepted."""
        peer = opened(grouping())
        peer.deliver(three())
        peer.say(OK + OK + b"452 4.5.3 Too many\r\n")
        peer.lost()
        self.assertEqual(outcomes(peer), [LOST, reply(452, "4.5.3", b"Too many"), LOST])
        self.assertEqual(self.rest(peer), [])

    def test_domainsOfTheSession(self) -> None:
        """
        Where all domains are too many for this session, the same host takes
        them in another one.  C{<postmaster>} is of no domain.
        """
        peer = self.limited(domains=1)
        peer.deliver(envelope(b"a@d.example", b"postmaster", b"b@e.example"))
        self.transact(peer, OK, OK)
        self.assertEqual(self.rest(peer), [b"b@e.example"])
        self.assertEqual(peer.deliver(envelope(b"b@e.example", b"c@f.example")), b"")
        self.assertEqual(
            outcomes(peer), [reply(452, "4.5.3", b"Peer takes no more domains")] * 2
        )
        self.assertEqual(self.rest(peer), [])
        self.assertIs(peer.settled[-1].scope, Scope.SESSION)
        peer.deliver(envelope(b"c@D.example", b"postmaster"))
        self.transact(peer, OK, OK)
        self.assertEqual(outcomes(peer), [DONE, DONE])

    def test_badAddressesAreNoRest(self) -> None:
        """What cannot be said to any peer is not tried again."""
        peer = self.limited(recipients=1)
        peer.deliver(envelope(b"a\r\nb@d.example", b"b@d.example", b"c@d.example"))
        self.transact(peer, OK)
        self.assertEqual(outcomes(peer)[0].code, 553)
        self.assertEqual(self.rest(peer), [b"c@d.example"])

    def test_spent(self) -> None:
        """It is known beforehand that a session takes no further message."""
        peer = self.limited(transactions=2)
        for spent in (False, True):
            peer.deliver(envelope())
            self.transact(peer, OK)
            self.assertIs(peer.connection.spent, spent)

    def test_keptApart(self) -> None:
        """
        Those whom an extension keeps apart are for another transaction; alone,
        or all of them, they are refused as it says.
        """
        no, other = reply(550, "5.7.1", b"Not so"), reply(550, "5.7.2", b"Nor so")

        def keep(
            letter: bytes, why: Reply
        ) -> Callable[[object, Envelope], Refusal | None]:
            def admit(session: object, message: Envelope) -> Refusal | None:
                held = [r for r in message.recipients if r.path.startswith(letter)]
                return Refusal(why, Scope.HOST, tuple(held)) if held else None

            return admit

        def register(builder: IClientBuilder) -> None:
            builder.admit(keep(b"n", no))
            builder.admit(keep(b"o", other))

        peer = opened(MadeClient(register))
        peer.deliver(envelope(b"n@d.example", b"b@d.example", b"o@d.example"))
        self.transact(peer, OK)
        self.assertEqual(outcomes(peer), [no, DONE, other])
        self.assertEqual(self.rest(peer), [b"n@d.example", b"o@d.example"])
        for paths, replies in (
            ([b"n@d.example", b"n2@d.example"], [no, no]),
            ([b"n@d.example", b"o@d.example"], [no, other]),
        ):
            self.assertEqual(peer.deliver(envelope(*paths)), b"")
            self.assertEqual(outcomes(peer), replies)
            self.assertEqual(self.rest(peer), [])
            self.assertIs(peer.settled[-1].scope, Scope.HOST)
