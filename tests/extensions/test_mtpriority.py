"""
Tests for L{smtpx.extensions.mtpriority}.
"""

from __future__ import annotations

from hypothesis import given, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Malformed
from smtpx.core.hooks import Action, News, Schedule
from smtpx.core.hostlist import HostList
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.mtpriority import (
    CAPABILITY,
    GRAMMAR,
    PRIORITY,
    MTPriority,
    MTPrioritySettings,
)
from smtpx.testing.client import ScriptedPeer, client
from smtpx.testing.pair import pair
from smtpx.testing.server import Said, talk

HELLO = b"EHLO c.example\r\n"
SOMEBODY = MTPrioritySettings(users=("ann",))
EVERYBODY = MTPrioritySettings(hosts=HostList.parse(["*"]))


class GrammarTests(SynchronousTestCase):
    """C{priority-value} (RFC 6710 section 7)."""

    @given(st.integers(-9, 9))
    def test_isItsOwnInverse(self, priority: int) -> None:
        """On the wire and in the spool."""
        self.assertEqual(GRAMMAR.parse(GRAMMAR.render(priority)), priority)
        assert PRIORITY.dump is not None
        self.assertEqual(PRIORITY.load(PRIORITY.dump(priority)), priority)

    def test_malformed(self) -> None:
        """Nothing else is a priority, here or there."""
        for raw in (
            b"",
            b"10",
            b"-10",
            b"+1",
            b"-0",
            b"00",
            b"01",
            b" 1",
            b"1\n",
            b"x",
        ):
            self.assertRaises(Malformed, GRAMMAR.parse, raw)
            self.assertRaises(ValueError, PRIORITY.load, raw.decode("ascii"))
        self.assertRaises(Malformed, GRAMMAR.parse, None)
        self.assertRaises(ValueError, PRIORITY.load, "\u0661")


class PolicyTests(SynchronousTestCase):
    """C{mt-priority-ehlo} (section 7)."""

    @given(st.from_regex(r"[A-Za-z0-9._-]{0,20}", fullmatch=True))
    def test_isItsOwnInverse(self, name: str) -> None:
        """A name, or none."""
        grammar, octets = CAPABILITY.grammar, name.encode("ascii")
        self.assertEqual(grammar.parse(grammar.render(octets)), octets)

    def test_others(self) -> None:
        """What is no name does not keep the keyword from counting."""
        for raw in b"a b", b"x" * 21, b"", b"\xff":
            self.assertEqual(CAPABILITY.grammar.parse(raw), b"")


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def said(
        self, octets: bytes, settings: MTPrioritySettings, user: bytes | None = None
    ) -> Said:
        """What a server says to such a MAIL."""
        said = talk([MTPriority(settings)], HELLO)
        said.connection.identity = user
        said.feed(b"MAIL FROM:<a@c.example> " + octets + b"\r\n")
        return said

    def priority(self, said: Said) -> int | None:
        """The priority of the message."""
        envelope = said.connection.envelope
        assert envelope is not None
        return envelope.stamp(PRIORITY)

    def test_offered(self) -> None:
        """Where somebody is named, and only there."""
        for settings in SOMEBODY, EVERYBODY:
            self.assertEqual(
                talk([MTPriority(settings)], HELLO).last, b"250 MT-PRIORITY"
            )
        self.assertNotIn(b"250 MT-PRIORITY", talk([MTPriority()], HELLO).replies)
        said = self.said(b"MT-PRIORITY=1", MTPrioritySettings())
        self.assertEqual(said.codes[-1], 555)

    def test_hosts(self) -> None:
        """What a client says that is on the list is so."""
        for value in -9, 0, 9:
            said = self.said(b"MT-PRIORITY=%d" % value, EVERYBODY)
            self.assertEqual(said.last[:9], b"250 2.0.0")
            self.assertEqual(self.priority(said), value)

    def test_users(self) -> None:
        """So is what a user says that is named, or any."""
        all = MTPrioritySettings(users=("*",))
        for settings, user, lowered in (
            (SOMEBODY, b"ann", False),
            (SOMEBODY, b"bob", True),
            (SOMEBODY, None, True),
            (all, b"bob", False),
            (all, None, True),
        ):
            said = self.said(b"MT-PRIORITY=3", settings, user)
            self.assertEqual(self.priority(said), 0 if lowered else 3)
            self.assertIs(
                said.last == b"250 2.3.6 0 is the priority of this message", lowered
            )

    def test_anybodyMayWait(self) -> None:
        """That a message is not urgent is believed of all (section 4.1)."""
        for value in -9, 0:
            said = self.said(b"MT-PRIORITY=%d" % value, SOMEBODY)
            self.assertEqual(said.last[:9], b"250 2.0.0")
            self.assertEqual(self.priority(said), value)

    def test_nothingIsSaid(self) -> None:
        """Then nothing is noted."""
        said = self.said(b"", EVERYBODY)
        self.assertIsNone(self.priority(said))
        self.assertEqual(said.connection.clauses(), ())
        self.assertEqual(said.connection.logFields(), ())
        self.assertEqual(
            talk([MTPriority(EVERYBODY)], HELLO).connection.logFields(), ()
        )

    def test_malformed(self) -> None:
        """It is refused (section 4.1 item 1), and so are two."""
        for octets in b"MT-PRIORITY", b"MT-PRIORITY=10", b"MT-PRIORITY=1 MT-PRIORITY=1":
            self.assertEqual(self.said(octets, EVERYBODY).codes[-1], 501)

    def test_traceAndLog(self) -> None:
        """The Received field has a clause, the log a field (section 4.1)."""
        for octets, value in (b"MT-PRIORITY=5", 5), (b"MT-PRIORITY=0", 0):
            connection = self.said(octets, EVERYBODY).connection
            self.assertEqual(connection.clauses(), (("PRIORITY", str(value)),))
            self.assertEqual(connection.logFields(), (("priority", value),))

    def test_policy(self) -> None:
        """The policy may have a name, which clients are told (section 3 item 3)."""
        named = MTPrioritySettings(users=("ann",), policy="MIXER")
        said = talk([MTPriority(named)], HELLO)
        self.assertEqual(said.last, b"250 MT-PRIORITY MIXER")
        for name in "a b", "x" * 21, "m\u00fcller":
            self.assertRaises(ValueError, MTPrioritySettings, policy=name)

    def test_tooLow(self) -> None:
        """
        What is not urgent enough is put off (section 4.1), whether it says so or
        not, and also where its priority was lowered.
        """
        some = MTPrioritySettings(users=("ann",), lowest=2)
        for octets, user, answer in (
            (b"MT-PRIORITY=2", b"ann", b"250 2.0.0"),
            (b"MT-PRIORITY=1", b"ann", b"450 4.7.15"),
            (b"MT-PRIORITY=2", None, b"450 4.7.15"),
            (b"MT-PRIORITY=-1", None, b"450 4.7.15"),
            (b"", b"ann", b"450 4.7.15"),
        ):
            said = self.said(octets, some, user)
            self.assertTrue(said.last.startswith(answer), (octets, said.last))

    def test_tooBig(self) -> None:
        """What is urgent may be shorter than what is not (section 5)."""
        some = MTPrioritySettings(hosts=HostList.parse(["*"]), urgentOctets=10)
        for octets, body, answer in (
            (b"MT-PRIORITY=1", b"12345678\r\n", b"250"),
            (b"MT-PRIORITY=1", b"123456789\r\n", b"552 5.7.16"),
            (b"MT-PRIORITY=0", b"123456789\r\n", b"250"),
            (b"", b"123456789\r\n", b"250"),
        ):
            said = self.said(octets, some)
            said.feed(b"RCPT TO:<b@d.example>\r\n")
            said.feed(b"DATA\r\n")
            said.feed(body + b".\r\n")
            self.assertTrue(said.last.startswith(answer), (octets, said.last))

    def test_settings(self) -> None:
        """Names are names; other settings make another extension."""
        for lowest in -10, 10:
            self.assertRaises(ValueError, MTPrioritySettings, lowest=lowest)
        self.assertRaises(Malformed, MTPrioritySettings, users=("\u0000",))
        self.assertIs(MTPriority().configured(SOMEBODY).options, SOMEBODY)


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def envelope(self, priority: int | None) -> Envelope:
        """An envelope of a message with this priority."""
        envelope = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")])
        if priority is not None:
            envelope.stamps[PRIORITY] = priority
        return envelope

    def test_nextHostIsTold(self) -> None:
        """Always, if it wants to know (section 4.2)."""
        for priority, value in (7, 7), (-2, -2), (0, 0), (None, 0):
            joined = pair([MTPriority(EVERYBODY)], [MTPriority()]).open()
            joined.deliver(self.envelope(priority), b"x\r\n")
            self.assertIn(
                b"MAIL FROM:<a@c.example> MT-PRIORITY=%d\r\n" % value, joined.said
            )
            self.assertEqual(joined.taken[0].stamp(PRIORITY), value)

    def test_policyOfTheNextHost(self) -> None:
        """Whatever it is called, it does not matter."""
        peer = ScriptedPeer(client([MTPriority()]))
        peer.open(b"MT-PRIORITY STANAG4406")
        self.assertIn(b"MT-PRIORITY=4", peer.deliver(self.envelope(4)))

    def test_hostWithoutTheKeyword(self) -> None:
        """It gets the message without (section 4.3)."""
        joined = pair([], [MTPriority()]).open()
        joined.deliver(self.envelope(7), b"x\r\n")
        self.assertIn(b"MAIL FROM:<a@c.example>\r\n", joined.said)
        self.assertEqual(joined.codes, [250])


class QueueTests(SynchronousTestCase):
    """The queue's side."""

    def setUp(self) -> None:
        """A queue that knows priorities."""
        self.profile = QueueProfile().load([MTPriority()])

    def envelope(self, priority: int | None) -> Envelope:
        """An envelope with this priority."""
        envelope = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")])
        if priority is not None:
            envelope.stamps[PRIORITY] = priority
        return envelope

    def test_schedule(self) -> None:
        """What is more urgent goes first; what says nothing is left alone."""
        for priority, value in (9, 9), (-9, -9), (0, 0), (None, 0):
            schedule = self.profile.scheduleFor(self.envelope(priority))
            self.assertEqual(schedule, Schedule(priority=value))

    def test_spool(self) -> None:
        """The note is kept, and without this extension it holds nothing up."""
        self.assertIs(self.profile.stamps["mt-priority"], PRIORITY)
        self.assertFalse(PRIORITY.critical)

    def test_reports(self) -> None:
        """They are as urgent as the message (section 4.6)."""
        recipient = Recipient(b"b@d.example")
        for priority in 4, None:
            report = Envelope(b"", 0.0)
            wish = self.profile.wishFor(
                self.envelope(priority), recipient, News(Action.FAILED)
            )
            for stamper in wish.stampers:
                stamper(report)
            self.assertEqual(report.stamp(PRIORITY), priority)
