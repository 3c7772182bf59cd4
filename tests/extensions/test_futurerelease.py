"""
Tests for L{smtpx.extensions.futurerelease}.
"""

from __future__ import annotations

from hypothesis import given, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Malformed
from smtpx.core.hooks import Schedule
from smtpx.core.hostlist import HostList
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.deliverby import DeliverBy, DeliverBySettings
from smtpx.extensions.futurerelease import (
    CAPABILITY,
    HOLD,
    HOLDER,
    INTERVAL,
    TIME,
    FutureRelease,
    FutureReleaseSettings,
    Hold,
    IHeldMail,
    Most,
)
from smtpx.testing.pair import Pair, pair
from smtpx.testing.server import Said, talk

MOST = 999_999_999
DAY = FutureReleaseSettings(holdMaxSeconds=86400)

_TIMES = st.integers(0, 253402300799)


def held(hold: Hold | None, sender: bytes = b"a@c.example") -> Envelope:
    """An envelope of a message that waits for this."""
    envelope = Envelope(sender, 0.0, [Recipient(b"b@d.example")])
    if hold is not None:
        envelope.stamps[HOLD] = hold
    return envelope


class GrammarTests(SynchronousTestCase):
    """C{hold-param} and what stands behind the keyword (RFC 4865 section 3)."""

    @given(st.integers(1, MOST), _TIMES)
    def test_areTheirOwnInverse(self, seconds: int, until: int) -> None:
        """What is written is read as it was."""
        self.assertEqual(INTERVAL.parse(INTERVAL.render(seconds)), seconds)
        self.assertEqual(TIME.parse(TIME.render(until)), until)
        most, grammar = Most(seconds, until), CAPABILITY.grammar
        self.assertEqual(grammar.parse(grammar.render(most)), most)

    @given(st.floats(-1e12, 1e12), st.none() | st.integers(1, MOST))
    def test_spool(self, release: float, seconds: int | None) -> None:
        """So it is in the spool."""
        hold = Hold(release, seconds)
        assert HOLD.dump is not None
        self.assertEqual(HOLD.load(HOLD.dump(hold)), hold)

    def test_spoiled(self) -> None:
        """What the spool cannot have written is none."""
        for text in "", "x ", "1.0 x":
            self.assertRaises(ValueError, HOLD.load, text)

    def test_intervals(self) -> None:
        """1 to 999999999, without zeros in front."""
        for raw in None, b"", b"0", b"01", b"+1", b"-1", b"1000000000", b"1.5", b"1 ":
            self.assertRaises(Malformed, INTERVAL.parse, raw)

    def test_times(self) -> None:
        """In UTC; a fraction of a second is not cut off."""
        self.assertEqual(TIME.parse(b"1970-01-01T00:00:10.1z"), 11)
        for raw in None, b"", b"60", b"1970-01-01T00:00:10+00:00", b"1970-02-30T00Z":
            self.assertRaises(Malformed, TIME.parse, raw)

    def test_keyword(self) -> None:
        """Both limits are there, or it is as good as not offered."""
        for raw in None, b"", b"60", b"60 60", b"1970-01-01T00:00:10Z 60":
            self.assertRaises(Malformed, CAPABILITY.grammar.parse, raw)


@implementer(IHeldMail)
class Held:
    """
    Counts.

    @ivar added: users and times.
    """

    def __init__(self, *users: bytes) -> None:
        self.added = [(user, 0.0) for user in users]

    def count(self, user: bytes) -> int:
        """All of them."""
        return sum(each == user for each, _ in self.added)

    def add(self, user: bytes, release: float) -> None:
        """One more."""
        self.added.append((user, release))


class ServerTests(SynchronousTestCase):
    """The server's side; the time is 1000."""

    def said(self, octets: bytes, extension: FutureRelease | None = None) -> Said:
        """What a server says to such a MAIL."""
        mail = b"EHLO c.example\r\nMAIL FROM:<a@c.example> " + octets + b"\r\n"
        return talk([extension or FutureRelease(DAY).forSubmission()], mail)

    def test_offered(self) -> None:
        """Only for submission, and only if somebody set for how long."""
        offer = b"250 FUTURERELEASE 86400 1970-01-02T00:16:40Z"
        self.assertIn(offer, self.said(b"").replies)
        for extension in FutureRelease(DAY), FutureRelease().forSubmission():
            said = self.said(b"HOLDFOR=1", extension)
            self.assertNotIn(b"FUTURERELEASE", said.octets)
            self.assertEqual(said.codes[-1], 555)

    def test_noted(self) -> None:
        """When it is to go, and how that was said."""
        for octets, hold in (
            (b"HOLDFOR=86400", Hold(87400.0, 86400)),
            (b"HOLDUNTIL=1970-01-01T01:00:00Z", Hold(3600.0)),
        ):
            envelope = self.said(octets).connection.envelope
            assert envelope is not None
            self.assertEqual(envelope.stamp(HOLD), hold)

    def test_refused(self) -> None:
        """All that is too long, in the past or said twice (section 4.2)."""
        until = b"HOLDUNTIL=1970-01-01T01:00:00Z"
        for octets in (
            b"HOLDFOR=86401",
            b"HOLDFOR=0",
            b"HOLDUNTIL=1970-01-02T00:16:41Z",
            b"HOLDUNTIL=1970-01-01T00:16:40Z",
            b"HOLDFOR=1 HOLDFOR=1",
            b"HOLDFOR=1 " + until,
            until + b" HOLDFOR=1",
            until + b" " + until,
        ):
            self.assertEqual(self.said(octets).codes[-1], 501, octets)
            self.assertEqual(self.said(octets).last[4:9], b"5.5.4", octets)

    def test_whatWasOfferedCounts(self) -> None:
        """
        The latest time is the one that the client was told, however long ago: it is
        to keep within that (section 4.1 item 4).
        """
        now = [1000.0]
        joined = pair(
            [FutureRelease(DAY).forSubmission()], [], clock=lambda: now[0]
        ).open()
        now[0] += 10.0
        server = joined.server
        for second, code in (b"41", b"501"), (b"40", b"250"):
            command = b"MAIL FROM:<> HOLDUNTIL=1970-01-02T00:16:" + second + b"Z\r\n"
            self.assertEqual(server.feed(command)[:3], code)

    def test_laterThanItsDeadline(self) -> None:
        """It cannot be late before it goes (section 5.2.2)."""
        everybody = DeliverBySettings(hosts=HostList.parse(["*"]))
        submitting = FutureRelease(DAY).forSubmission()
        for octets, code in (
            (b"HOLDFOR=60 BY=59;N", 501),
            (b"BY=59;R HOLDFOR=60", 501),
            (b"HOLDFOR=60 BY=60;R", 250),
            (b"BY=60;R", 250),
        ):
            mail = b"EHLO c.example\r\nMAIL FROM:<a@c.example> " + octets + b"\r\n"
            said = talk([DeliverBy(everybody), submitting], mail)
            self.assertEqual(said.codes[-1], code, octets)

    def test_tooMany(self) -> None:
        """So many of one user may wait (section 6); all else is taken."""
        settings = FutureReleaseSettings(holdMaxSeconds=60, holdMessages=2)
        for users, octets, answer in (
            ((b"ann", b"bob"), b"HOLDFOR=1", b"250"),
            ((b"ann", b"ann"), b"HOLDFOR=1", b"552 5.2.2"),
            ((b"ann", b"ann"), b"", b"250"),
        ):
            extension = FutureRelease(settings, held=Held(*users)).forSubmission()
            said = talk([extension], b"EHLO c.example\r\n")
            said.connection.identity = b"ann"
            said.feed(b"MAIL FROM:<a@c.example> " + octets + b"\r\n")
            self.assertTrue(said.last.startswith(answer), said.last)

    def test_counted(self) -> None:
        """A message counts from when it is taken, and has its user's name."""
        for user, octets, added in (
            (b"ann", b"HOLDFOR=60", [(b"ann", 1060.0)]),
            (None, b"HOLDFOR=60", [(b"", 1060.0)]),
            (b"ann", b"", []),
        ):
            held = Held()
            extension = FutureRelease(DAY, held=held).forSubmission()
            said = talk([extension], b"EHLO c.example\r\n")
            said.connection.identity = user
            said.feed(b"MAIL FROM:<a@c.example> " + octets + b"\r\n")
            said.feed(b"RCPT TO:<b@d.example>\r\n")
            said.feed(b"DATA\r\n")
            self.assertEqual(held.added, [])
            said.feed(b".\r\n")
            self.assertEqual(held.added, added)
            [envelope] = said.port.taken
            name = added[0][0] if added else None
            self.assertEqual(envelope.stamp(HOLDER), name)

    def test_log(self) -> None:
        """The time is in the log."""
        connection = self.said(b"HOLDFOR=60").connection
        logged = (("release", "1970-01-01T00:17:40Z"),)
        self.assertEqual(connection.logFields(), logged)
        self.assertEqual(self.said(b"").connection.logFields(), ())
        connection.reset()
        self.assertEqual(connection.logFields(), ())

    def test_settings(self) -> None:
        """They have bounds; other ones make another extension for the same place."""
        for most in -1, MOST + 1:
            self.assertRaises(ValueError, FutureReleaseSettings, holdMaxSeconds=most)
        self.assertRaises(ValueError, FutureReleaseSettings, holdMessages=0)
        held = Held()
        made = FutureRelease(held=held).forSubmission().configured(DAY)
        self.assertEqual((made.options, made.submission), (DAY, True))
        self.assertIs(made.held, held)


class ClientTests(SynchronousTestCase):
    """The client's side; the time is 1000."""

    def delivered(self, envelope: Envelope, *, offered: bool = True) -> Pair:
        """What becomes of a message at a host that holds them for a day."""
        servers = [FutureRelease(DAY).forSubmission()] if offered else []
        joined = pair(servers, [FutureRelease()]).open()
        joined.deliver(envelope, b"x\r\n")
        return joined

    def test_passedOn(self) -> None:
        """What is left, as it was said; never less than that."""
        for hold, parameter in (
            (Hold(1060.0, 600), b" HOLDFOR=60\r\n"),
            (Hold(1059.5, 600), b" HOLDFOR=60\r\n"),
            (Hold(1059.5), b" HOLDUNTIL=1970-01-01T00:17:40Z\r\n"),
            (Hold(87400.0), b" HOLDUNTIL=1970-01-02T00:16:40Z\r\n"),
        ):
            joined = self.delivered(held(hold))
            self.assertIn(b"MAIL FROM:<a@c.example>" + parameter, joined.said)
            self.assertEqual(joined.codes, [250])

    def test_released(self) -> None:
        """When the time has come there is nothing to say, to whomever."""
        for hold in None, Hold(1000.0), Hold(999.0, 60):
            for offered in True, False:
                joined = self.delivered(held(hold), offered=offered)
                self.assertIn(b"MAIL FROM:<a@c.example>\r\n", joined.said)

    def test_whereItCannotWait(self) -> None:
        """It is not sent, and nothing is lost."""
        for envelope, offered in (
            (held(Hold(1060.0)), False),
            (held(Hold(87400.5)), True),
            (held(Hold(87400.5, 90000)), True),
            # A report is not held elsewhere (section 5.1.1).
            (held(Hold(1060.0), sender=b""), True),
        ):
            joined = self.delivered(envelope, offered=offered)
            self.assertNotIn(b"MAIL", joined.said)
            self.assertEqual(joined.codes, [451])


class QueueTests(SynchronousTestCase):
    """The queue's side."""

    def setUp(self) -> None:
        """A queue that knows of it."""
        self.profile = QueueProfile().load([FutureRelease()])

    def test_schedule(self) -> None:
        """It does not go before."""
        for hold, before in (None, 0.0), (Hold(5.0), 5.0), (Hold(5.0, 1), 5.0):
            found = self.profile.scheduleFor(held(hold))
            self.assertEqual(found, Schedule(notBefore=before))

    def test_laterOnes(self) -> None:
        """Where another extension has a later time, that counts."""
        profile = QueueProfile()
        profile.schedule(lambda envelope, schedule: Schedule(notBefore=7.0))
        profile.load([FutureRelease()])
        self.assertEqual(profile.scheduleFor(held(Hold(5.0))).notBefore, 7.0)

    def test_spool(self) -> None:
        """The note is kept, and without this extension the message waits."""
        self.assertIs(self.profile.stamps["futurerelease"], HOLD)
        self.assertIs(self.profile.stamps["futurerelease-user"], HOLDER)
        self.assertTrue(HOLD.critical)

    def test_reports(self) -> None:
        """They have what was asked for (section 5.1.2), once for the message."""
        for hold, value in (
            (Hold(60.0, 50), "for;50"),
            (Hold(60.0), "until;1970-01-01T00:01:00Z"),
        ):
            envelope = held(hold)
            field = ("Future-Release-Request", value)
            self.assertEqual(self.profile.fieldsFor(envelope, None), (field,))
            [recipient] = envelope.recipients
            self.assertEqual(self.profile.fieldsFor(envelope, recipient), ())
        self.assertEqual(self.profile.fieldsFor(held(None), None), ())
