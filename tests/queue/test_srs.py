"""
Tests for L{smtpx.queue.srs}, and for what L{smtpx.queue.smtp} makes of it.
"""

from __future__ import annotations

from smtpx.core.queueprofile import ORIGIN
from smtpx.mailauth.srs import SRS, dayStamp
from smtpx.observe.event import Event
from smtpx.observe.forwarding import SENDER_KEPT
from smtpx.queue.srs import Forwarding, Scope
from smtpx.spool.format import SpooledMessage

from .doubles import messageFor
from .remotes import SMTPTransportCase

DAY = 86400
OURS = b"forward.example"
ARRIVED = 20_000.0 * DAY


class ForwardingTests(SMTPTransportCase):
    """Who goes out as whom."""

    def setUp(self) -> None:
        """The secret of the test."""
        super().setUp()
        self.srs = SRS((b"secret",))
        self.now = ARRIVED + 60
        self.told: list[tuple[Event, dict[str, object]]] = []
        self.forwarding = Forwarding(
            lambda: self.srs,
            OURS,
            lambda sender: sender.endswith(b"@ours.example"),
            lambda path: path.endswith(b"@inside.example"),
            lambda: self.now,
            lambda event, fields: self.told.append((event, fields)),
        )
        self.transport = self.made(senders=self.forwarding.senders(Scope.FORWARDED))

    def message(
        self, *recipients: bytes, sender: bytes = b"sender@example.net"
    ) -> SpooledMessage:
        """A message; to whom there is a C{*} before, an alias led."""
        message = messageFor(
            *(each.removeprefix(b"*") for each in recipients),
            sender=sender,
            arrived=ARRIVED,
        )
        for name, each in zip(recipients, message.envelope.recipients, strict=True):
            if name.startswith(b"*"):
                each.stamps[ORIGIN] = b"alias@ours.example"
        return message

    def senders(self, message: SpooledMessage) -> list[tuple[bytes, list[bytes]]]:
        """What hosts are told: the sender, and the recipients."""
        del self.pool.tried[:], self.pool.senders[:]
        self.deliver(message)
        recipients = [some for _, some in self.pool.tried]
        return list(zip(self.pool.senders, recipients, strict=True))

    def rewritten(self, sender: bytes, moment: float = ARRIVED) -> bytes:
        """What the sender becomes."""
        return self.srs.rewritten(sender, OURS, moment)

    def test_eachRecipientByHimself(self) -> None:
        """
        Whom an alias led to gets it from our address, the others as it came, in a
        transaction of their own though the host is the same.
        """
        message = self.message(b"a@example.org", b"*b@example.org", b"*c@example.net")
        mine = self.rewritten(b"sender@example.net")
        self.assertEqual(
            self.senders(message),
            [
                (b"sender@example.net", [b"a@example.org"]),
                (mine, [b"b@example.org", b"c@example.net"]),
            ],
        )
        # The spool has what it had: reports go to the sender.
        self.assertEqual(message.envelope.sender, b"sender@example.net")

    def test_outcomesTellIt(self) -> None:
        """
        Logs hear of it.
        """
        message = self.message(b"a@example.org", b"*b@example.org")
        told = {each.index: each.sender for each in self.deliver(message)}
        mine = self.rewritten(b"sender@example.net")
        self.assertEqual(told, {0: None, 1: mine})

    def test_whoIsNotRewritten(self) -> None:
        """
        The null sender, senders of ours, and whoever's mail goes to ourselves or where
        we relay.
        """
        for sender, recipient in (
            (b"", b"*b@example.org"),
            (b"ann@ours.example", b"*b@example.org"),
            (b"sender@example.net", b"*b@inside.example"),
        ):
            self.domains[b"inside.example"] = self.domains[b"example.org"]
            found = self.senders(self.message(recipient, sender=sender))
            self.assertEqual(found, [(sender, [recipient[1:]])])

    def test_routesThatAskForAll(self) -> None:
        """
        A route may have everything rewritten, but for what has no sender or one of
        ours; another, nothing.
        """
        self.transport = self.made(senders=self.forwarding.senders(Scope.ALL))
        mine = self.rewritten(b"sender@example.net")
        found = self.senders(self.message(b"a@example.org", b"*b@example.org"))
        self.assertEqual(found, [(mine, [b"a@example.org", b"b@example.org"])])
        for sender in (b"", b"ann@ours.example"):
            found = self.senders(self.message(b"a@example.org", sender=sender))
            self.assertEqual(found, [(sender, [b"a@example.org"])])
        self.assertIsNone(self.forwarding.senders(Scope.NONE))

    def test_theDayOfArrival(self) -> None:
        """
        A message that is tried again has the same sender; one that waited for long, or
        that arrived in the future, one of today.
        """
        message = self.message(b"*b@example.org")
        for days, stamp in ((0, 0), (5, 0), (10, 0), (11, 11), (30, 30), (-1, -1)):
            self.now = ARRIVED + days * DAY
            [(sender, _)] = self.senders(message)
            wanted = dayStamp(ARRIVED + stamp * DAY)
            self.assertEqual(sender.split(b"=")[2], wanted, days)

    def test_thereIsNoRoom(self) -> None:
        """
        A sender of whom no address can be made stays, and the operator is told.
        """
        long = b"b" * 60 + b"@example.net"
        message = self.message(b"*b@example.org", sender=long)
        self.assertEqual(self.senders(message), [(long, [b"b@example.org"])])
        fields = {
            "message": message.id,
            "sender": long,
            "recipient": b"b@example.org",
            "why": "local part longer than 64 octets",
        }
        self.assertEqual(self.told, [(SENDER_KEPT, fields)])

    def test_madeOnceForAll(self) -> None:
        """
        However many an alias leads to, the address is made once, and what is wrong is
        told once; another secret makes another one.
        """
        many = [b"*%d@example.org" % number for number in range(3)]
        found = self.forwarding.senders(Scope.FORWARDED)
        assert found is not None
        message = self.message(*many)
        senders = [found(message, index) for index in range(3)]
        assert senders[0] is not None
        self.assertTrue(all(each is senders[0] for each in senders))
        self.srs = SRS((b"other",))
        self.assertNotEqual(found(message, 0), senders[0])
        long = self.message(*many, sender=b"b" * 60 + b"@example.net")
        self.assertEqual([found(long, index) for index in range(3)], [None] * 3)
        self.assertEqual(len(self.told), 1)

    def test_chainsOfForwarders(self) -> None:
        """
        What was rewritten by another is rewritten again, once more and never longer.
        """
        before = b"SRS0=abcd=AB=x.org=bob@other.org"
        [(sender, _)] = self.senders(self.message(b"*b@example.org", sender=before))
        self.assertRegex(sender, rb"\ASRS1=....=other.org==abcd=AB=x.org=bob@")
        own = self.rewritten(b"ann@example.net")
        found = self.forwarding.senders(Scope.ALL)
        assert found is not None
        self.assertEqual(found(self.message(b"a@b", sender=own), 0), own)
