"""
Tests for L{smtpx.extensions.deliverby}.
"""

from __future__ import annotations

from functools import partial

from hypothesis import given, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Malformed
from smtpx.core.hooks import (
    Action,
    Dialect,
    News,
    ReportWish,
    Schedule,
    Scope,
    Target,
)
from smtpx.core.hostlist import HostList
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.deliverby import (
    CAPABILITY,
    DEADLINE,
    GRAMMAR,
    By,
    Deadline,
    DeliverBy,
    DeliverBySettings,
    Mode,
)
from smtpx.extensions.dsn import DSN, NOTIFY, TELL_DELAY
from smtpx.testing.client import ScriptedPeer, client
from smtpx.testing.pair import Pair, pair
from smtpx.testing.server import Said, talk

EVERYBODY = DeliverBySettings(hosts=HostList.parse(["*"]))
MOST = 999_999_999

_BYS = st.builds(By, st.integers(-MOST, MOST), st.just(Mode.NOTIFY), st.booleans())
_BYS |= st.builds(By, st.integers(1, MOST), st.just(Mode.RETURN), st.booleans())


def envelopeBy(deadline: Deadline | None, sender: bytes = b"a@c.example") -> Envelope:
    """An envelope of a message that is to be delivered by then."""
    envelope = Envelope(sender, 0.0, [Recipient(b"b@d.example")])
    if deadline is not None:
        envelope.stamps[DEADLINE] = deadline
    return envelope


def _given(given: Schedule, envelope: Envelope, schedule: Schedule) -> Schedule:
    return given


class GrammarTests(SynchronousTestCase):
    """C{by-value} and C{deliverby-param} (RFC 2852 sections 2 and 4)."""

    @given(_BYS)
    def test_isItsOwnInverse(self, by: By) -> None:
        """What is written is read as it was."""
        self.assertEqual(GRAMMAR.parse(GRAMMAR.render(by)), by)

    @given(st.floats(-1e12, 1e12), st.sampled_from(Mode), st.booleans())
    def test_spool(self, at: float, mode: Mode, trace: bool) -> None:
        """So it is in the spool."""
        deadline = Deadline(at, mode, trace)
        assert DEADLINE.dump is not None
        self.assertEqual(DEADLINE.load(DEADLINE.dump(deadline)), deadline)

    def test_spoiled(self) -> None:
        """What the spool cannot have written is none."""
        for text in "", "x R", "1.0", "1.0 X":
            self.assertRaises(ValueError, DEADLINE.load, text)

    def test_examples(self) -> None:
        """Those of section 6, and what else is the same."""
        for raw, by in (
            (b"120;R", By(120, Mode.RETURN)),
            (b"98;r", By(98, Mode.RETURN)),
            (b"+98;RT", By(98, Mode.RETURN, True)),
            (b"-31;nt", By(-31, Mode.NOTIFY, True)),
            (b"000000000;N", By(0, Mode.NOTIFY)),
        ):
            self.assertEqual(GRAMMAR.parse(raw), by)

    def test_malformed(self) -> None:
        """Nothing else is one."""
        for raw in (
            None,
            b"",
            b"120",
            b"120;",
            b"120;X",
            b"120;TR",
            b"120;RN",
            b"120;R ",
            b"--1;N",
            b"1234567890;N",
            b";R",
            b"0;R",
            b"-0;R",
            b"-120;R",
            b"1.5;R",
            "\u0661;R".encode(),
        ):
            self.assertRaises(Malformed, GRAMMAR.parse, raw)

    def test_least(self) -> None:
        """The least time is read behind the keyword, and what may follow is not."""
        grammar = CAPABILITY.grammar
        for raw, least in (
            (None, 0),
            (b"", 0),
            (b"240", 240),
            (b"240,x=1,y", 240),
            (b",x", 0),
        ):
            self.assertEqual(grammar.parse(raw), least)
        for least in 0, 1, MOST:
            self.assertEqual(grammar.parse(grammar.render(least)), least)
        for raw in b"1234567890", b"x", b"1,", b"1, x", b"-1":
            self.assertRaises(Malformed, grammar.parse, raw)


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def said(self, octets: bytes, settings: DeliverBySettings = EVERYBODY) -> Said:
        """What a server says to such a MAIL."""
        mail = b"EHLO c.example\r\nMAIL FROM:<a@c.example> " + octets + b"\r\n"
        return talk([DeliverBy(settings)], mail)

    def test_offered(self) -> None:
        """To those who are named, with the least time."""
        self.assertIn(b"250 DELIVERBY", self.said(b"").replies)
        some = DeliverBySettings(HostList.parse(["*"]), 240)
        self.assertIn(b"250 DELIVERBY 240", self.said(b"", some).replies)
        for settings in (
            DeliverBySettings(),
            DeliverBySettings(HostList.parse(["198.51.100.1"])),
        ):
            said = self.said(b"BY=1;R", settings)
            self.assertNotIn(b"DELIVERBY", said.octets)
            self.assertEqual(said.codes[-1], 555)

    def test_noted(self) -> None:
        """The time itself is noted, whatever the clock does from then on."""
        for octets, deadline in (
            (b"BY=120;R", Deadline(1120.0, Mode.RETURN)),
            (b"BY=-120;NT", Deadline(880.0, Mode.NOTIFY, True)),
        ):
            envelope = self.said(octets).connection.envelope
            assert envelope is not None
            self.assertEqual(envelope.stamp(DEADLINE), deadline)

    def test_tooLittleTime(self) -> None:
        """It is refused, if it is to be returned when it is over (section 3)."""
        some = DeliverBySettings(HostList.parse(["*"]), 240)
        for octets, code in (b"239;R", 555), (b"240;R", 250), (b"1;N", 250):
            self.assertEqual(self.said(b"BY=" + octets, some).codes[-1], code)

    def test_log(self) -> None:
        """The time is in the log."""
        connection = self.said(b"BY=120;R").connection
        logged = (("deliver_by", "1970-01-01T00:18:40Z"),)
        self.assertEqual(connection.logFields(), logged)
        self.assertEqual(self.said(b"").connection.logFields(), ())
        connection.reset()
        self.assertEqual(connection.logFields(), ())

    def test_settings(self) -> None:
        """They have bounds; other ones make another extension."""
        for least in -1, MOST + 1:
            self.assertRaises(ValueError, DeliverBySettings, minBySeconds=least)
        self.assertIs(DeliverBy().configured(EVERYBODY).options, EVERYBODY)


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def delivered(self, deadline: Deadline | None, *servers: DeliverBy) -> Pair:
        """What becomes of a message; the time is 1000."""
        joined = pair(servers, [DeliverBy()]).open()
        joined.deliver(envelopeBy(deadline), b"x\r\n")
        return joined

    def test_passedOn(self) -> None:
        """What is left in whole seconds, never more (section 4.1.4)."""
        for at, mode, value in (
            (1098.0, Mode.RETURN, b"98;R"),
            (1098.9, Mode.RETURN, b"98;R"),
            (1000.0, Mode.NOTIFY, b"0;N"),
            (968.5, Mode.NOTIFY, b"-32;N"),
            (5e9, Mode.NOTIFY, b"999999999;N"),
            (-5e9, Mode.NOTIFY, b"-999999999;N"),
        ):
            joined = self.delivered(Deadline(at, mode), DeliverBy(EVERYBODY))
            self.assertIn(b"MAIL FROM:<a@c.example> BY=" + value, joined.said)
            self.assertEqual(joined.codes, [250])

    def test_others(self) -> None:
        """Of a message that says nothing, nothing is said."""
        joined = self.delivered(None, DeliverBy(EVERYBODY))
        self.assertIn(b"MAIL FROM:<a@c.example>\r\n", joined.said)
        joined = self.delivered(None)
        self.assertEqual(joined.codes, [250])

    def test_whereItMustNotGo(self) -> None:
        """In mode R it is not offered to a host that does not do it."""
        slow = DeliverBy(DeliverBySettings(HostList.parse(["*"]), 99))
        for at, servers, octets in (
            (1098.0, (), b"554 5.3.3 Host does not promise delivery in time\r\n"),
            (1098.0, (slow,), b"554 5.4.7 Host wants more time than is left\r\n"),
            (
                1000.5,
                (DeliverBy(EVERYBODY),),
                b"554 5.4.7 The time for the delivery of this message is over\r\n",
            ),
        ):
            joined = self.delivered(Deadline(at, Mode.RETURN), *servers)
            self.assertNotIn(b"MAIL", joined.said)
            [(_, got)] = joined.settled[-1].outcomes
            self.assertEqual(got.octets, octets)

    def test_finalDelivery(self) -> None:
        """
        Who speaks LMTP delivers it, and need not know of times, unless there is none
        left; nor is it asked to tell of delays.
        """
        target = Target(b"mx.example.org", b"192.0.2.25", dialect=Dialect.LMTP)
        for deadline, refused in (
            (Deadline(1098.0, Mode.RETURN), False),
            (Deadline(1000.5, Mode.RETURN), True),
            (Deadline(900.0, Mode.NOTIFY), False),
        ):
            connection = client([DSN(), DeliverBy()], target=target)
            [admit] = connection.profile.admitters
            message = envelopeBy(deadline)
            self.assertIs(admit(connection, message) is not None, refused)
            for each in message.recipients:
                self.assertFalse(each.stamp(TELL_DELAY))

    def test_aGuessIsNotEnough(self) -> None:
        """
        That a host did not offer it once says nothing of today: the same host is to
        be asked again without a guess.
        """
        peer = ScriptedPeer(client([DeliverBy()]))
        peer.open()
        # What a forecast that was not confirmed yet looks like to a hook.
        peer.connection.guessed = True
        [admit] = peer.connection.profile.admitters
        refusal = admit(peer.connection, envelopeBy(Deadline(1098.0, Mode.RETURN)))
        assert refusal is not None
        self.assertIs(refusal.scope, Scope.SESSION)
        self.assertFalse(refusal.reply.permanent)

    def test_delaysAreToldFromBehind(self) -> None:
        """
        A host without it is asked to tell of delays (section 4.1.4.2), for this
        message and not for the next.
        """
        joined = pair([DSN()], [DSN(), DeliverBy()]).open()
        for deadline, value in (
            (Deadline(1098.0, Mode.NOTIFY), b" NOTIFY=FAILURE,DELAY\r\n"),
            (None, b"\r\n"),
        ):
            before = len(joined.said)
            joined.deliver(envelopeBy(deadline), b"x\r\n")
            self.assertIn(b"RCPT TO:<b@d.example>" + value, joined.said[before:])
        for notify, value in (
            (b"SUCCESS", b" NOTIFY=SUCCESS,DELAY\r\n"),
            (b"NEVER", b" NOTIFY=NEVER\r\n"),
            (b"delay", b" NOTIFY=delay\r\n"),
        ):
            envelope = envelopeBy(Deadline(1098.0, Mode.NOTIFY))
            envelope.recipients[0].stamps[NOTIFY] = notify
            joined.deliver(envelope, b"x\r\n")
            self.assertIn(b"RCPT TO:<b@d.example>" + value, joined.said)
        known = pair([DSN(), DeliverBy(EVERYBODY)], [DSN(), DeliverBy()]).open()
        known.deliver(envelopeBy(Deadline(1098.0, Mode.NOTIFY)), b"x\r\n")
        self.assertNotIn(b"NOTIFY", known.said)


class QueueTests(SynchronousTestCase):
    """The queue's side."""

    def setUp(self) -> None:
        """A queue that knows of it."""
        self.profile = QueueProfile().load([DSN(), DeliverBy()])

    def test_schedule(self) -> None:
        """In one mode it is given up, in the other its sender is told."""
        for deadline, schedule in (
            (None, Schedule()),
            (Deadline(5.0, Mode.RETURN), Schedule(deadline=5.0)),
            (Deadline(5.0, Mode.NOTIFY), Schedule(noticeAt=5.0)),
        ):
            found = self.profile.scheduleFor(envelopeBy(deadline))
            self.assertEqual(found, schedule)

    def test_earlierOnes(self) -> None:
        """Where another extension has an earlier time, that counts."""
        for mode, name in (Mode.RETURN, "deadline"), (Mode.NOTIFY, "noticeAt"):
            for other, at in (3.0, 3.0), (7.0, 5.0):
                profile = QueueProfile()
                given = Schedule(deadline=other, noticeAt=other)
                profile.schedulers = (partial(_given, given),)
                profile.load([DeliverBy()])
                found = profile.scheduleFor(envelopeBy(Deadline(5.0, mode)))
                self.assertEqual(getattr(found, name), at)

    def test_spool(self) -> None:
        """The note is kept, and without this extension the message waits."""
        self.assertIs(self.profile.stamps["deliverby"], DEADLINE)
        self.assertTrue(DEADLINE.critical)

    def test_reports(self) -> None:
        """They have the time (section 5), once for the message."""
        envelope = envelopeBy(Deadline(7.0, Mode.RETURN))
        field = ("Deliver-By-Date", "Thu, 01 Jan 1970 00:00:07 +0000")
        self.assertEqual(self.profile.fieldsFor(envelope, None), (field,))
        [recipient] = envelope.recipients
        self.assertEqual(self.profile.fieldsFor(envelope, recipient), ())
        self.assertEqual(self.profile.fieldsFor(envelopeBy(None), None), ())

    def test_relayedReports(self) -> None:
        """
        The sender is told of whom a host has that does not know of the time, and of
        all that are traced, unless he wants to hear nothing (section 4.1.4).
        """
        knows = frozenset({b"DELIVERBY"})
        for deadline, offers, notify, send in (
            (Deadline(5.0, Mode.NOTIFY), frozenset(), None, True),
            (Deadline(5.0, Mode.NOTIFY), frozenset(), b"FAILURE", True),
            (Deadline(5.0, Mode.NOTIFY), frozenset(), b"NEVER", False),
            (Deadline(5.0, Mode.NOTIFY), knows, None, None),
            (Deadline(5.0, Mode.NOTIFY, True), knows, None, True),
            (Deadline(5.0, Mode.RETURN, True), knows, b"DELAY", True),
            (Deadline(5.0, Mode.RETURN), knows, None, None),
            (None, frozenset(), None, None),
        ):
            envelope = envelopeBy(deadline)
            [recipient] = envelope.recipients
            if notify is not None:
                recipient.stamps[NOTIFY] = notify
            news = News(Action.RELAYED, offers)
            wish = self.profile.wishFor(envelope, recipient, news)
            self.assertIs(wish.send, send)

    def test_otherReports(self) -> None:
        """Of them it has no opinion."""
        envelope = envelopeBy(Deadline(5.0, Mode.RETURN, True))
        for action in Action.FAILED, Action.DELAYED, Action.DELIVERED:
            wish = self.profile.wishFor(envelope, envelope.recipients[0], News(action))
            self.assertEqual(wish, ReportWish())
