"""Tests for L{smtpx.policy.redirect}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.queueprofile import DISCARDED, EXPANDED, ORIGIN, QueueProfile
from smtpx.core.reply import Reply, reply
from smtpx.extensions.dsn import DSN, NOTIFY, ORCPT
from smtpx.policy.aliases import Aliases, AliasSources
from smtpx.policy.aliasfile import parseAliases
from smtpx.policy.aliastable import MISCONFIGURED, UNKNOWN, AliasBounds
from smtpx.policy.local import LocalPolicy
from smtpx.policy.redirect import TOO_MANY, Redirection

from .aliasesmade import OURS, REACH, goesFrom
from .doubles import sessionFrom

TEXT = r"""
sales: ann, bob, x@else.example
info: ann
root: postmaster
null: :blackhole:
gone: :fail: 551 5.1.6 Gone
x-*: $1@nowhere.example
ann@shop.example: \ann@shop.example, bob@example.org
*@any.example: :fail:
postmaster@store.example: x@else.example
*@store.example: :blackhole:
"""


class RedirectionTests(SynchronousTestCase):
    """From RCPT to the spool."""

    def setUp(self) -> None:
        """A policy with aliases, and an empty envelope."""
        self.make()

    def make(self, most: int = 10_000) -> None:
        """At most so many recipients a message."""
        entries, _ = parseAliases(TEXT.encode(), "f")
        bounds = AliasBounds(recipientsMax=most)
        aliases = Aliases(AliasSources((), tuple(entries)), REACH, bounds)
        profile = QueueProfile().load([DSN()])
        self.redirection = Redirection(aliases, profile)
        self.policy = LocalPolicy(OURS, goesFrom, redirection=self.redirection)
        self.envelope = Envelope(b"a@b.example", 1.0, octets=7)

    def rcpt(self, path: bytes, **stamps: bytes) -> Reply | None:
        """A client gives a recipient."""
        recipient = Recipient(path)
        for name, value in stamps.items():
            recipient.stamps[{"notify": NOTIFY, "orcpt": ORCPT}[name]] = value
        answer = self.policy.mayReceive(sessionFrom(), self.envelope, recipient)
        assert answer is None or isinstance(answer, Reply)
        if answer is None:
            self.envelope.recipients.append(recipient)
        return answer

    def spooled(self) -> list[tuple[bytes, bytes | None]]:
        """Who is to get the message, and what the client gave in each place."""
        envelope = self.redirection.redirected(self.envelope)
        thrown = [each.path for each in envelope.recipients if each.stamp(DISCARDED)]
        self.assertEqual(thrown, [])
        return [(each.path, each.stamp(ORIGIN)) for each in envelope.recipients]

    def test_withoutAliases(self) -> None:
        """An envelope without aliases is what goes into the spool."""
        self.assertIsNone(self.rcpt(b"ann@example.org"))
        self.assertEqual(self.rcpt(b"eve@example.org"), UNKNOWN)
        self.assertIs(self.redirection.redirected(self.envelope), self.envelope)

    def test_several(self) -> None:
        """Each whom an alias leads to is in its place, once."""
        for path in (b"sales@example.org", b"info+x@example.org"):
            self.assertIsNone(self.rcpt(path))
        self.assertEqual(
            self.spooled(),
            [
                (b"ann@example.org", b"sales@example.org"),
                (b"bob@example.org", b"sales@example.org"),
                (b"x@else.example", b"sales@example.org"),
            ],
        )
        made = self.redirection.redirected(self.envelope)
        self.assertEqual(
            (made.sender, made.arrived, made.octets), (b"a@b.example", 1.0, 7)
        )
        self.assertIs(made.stamps, self.envelope.stamps)
        self.assertEqual(
            [each.path for each in self.envelope.recipients],
            [b"sales@example.org", b"info+x@example.org"],
        )

    def test_givenByTheClientAsWell(self) -> None:
        """Who was given as such gets it so, wherever the alias stands."""
        self.rcpt(b"info@example.org")
        self.rcpt(b"Ann@example.org", notify=b"NEVER")
        self.assertEqual(self.spooled(), [(b"Ann@example.org", None)])

    def test_itself(self) -> None:
        """A mailbox with an alias for a copy is itself still."""
        self.rcpt(b"ann@shop.example")
        self.assertEqual(
            self.spooled(),
            [(b"ann@shop.example", None), (b"bob@example.org", b"ann@shop.example")],
        )

    def test_notifications(self) -> None:
        """DSN's parameters go with it (RFC 3461 section 5.2.7)."""
        self.rcpt(b"info@example.org", notify=b"SUCCESS", orcpt=b"rfc822;i@x.example")
        self.rcpt(b"sales@example.org", notify=b"SUCCESS,DELAY")
        made = self.redirection.redirected(self.envelope)
        self.assertEqual(
            [(r.path, r.stamp(NOTIFY), r.stamp(ORCPT)) for r in made.recipients],
            [
                (b"ann@example.org", b"SUCCESS", b"rfc822;i@x.example"),
                (b"sales@example.org", b"SUCCESS,DELAY", None),
                (b"bob@example.org", b"DELAY", b"rfc822;sales@example.org"),
                (b"x@else.example", b"DELAY", b"rfc822;sales@example.org"),
            ],
        )

    def test_notificationsOfTwo(self) -> None:
        """What two get is told of as what several get (section 5.2.7.3)."""
        self.rcpt(b"ann@shop.example", notify=b"SUCCESS,DELAY")
        made = self.redirection.redirected(self.envelope)
        self.assertEqual(
            [(r.path, r.stamp(NOTIFY), r.stamp(EXPANDED)) for r in made.recipients],
            [
                (b"ann@shop.example", b"SUCCESS,DELAY", True),
                (b"ann@shop.example", b"DELAY", None),
                (b"bob@example.org", b"DELAY", None),
            ],
        )

    def test_expandedUnasked(self) -> None:
        """
        An alias is kept only to be told of: where the sender asked for SUCCESS, and
        is somebody.
        """
        for sender, notify, kept in (
            (b"s@x.example", b"SUCCESS", True),
            (b"s@x.example", b"FAILURE", False),
            (b"s@x.example", None, False),
            (b"", b"SUCCESS", False),
        ):
            self.setUp()
            self.envelope.sender = sender
            self.rcpt(b"sales@example.org", **({"notify": notify} if notify else {}))
            made = self.redirection.redirected(self.envelope)
            found = [each.path for each in made.recipients if each.stamp(EXPANDED)]
            self.assertEqual(found, [b"sales@example.org"] if kept else [])

    def test_thrownAway(self) -> None:
        """Mail for nobody is in the spool, to be told of and thrown away."""
        self.rcpt(b"null@example.org")
        made = self.redirection.redirected(self.envelope)
        self.assertEqual(
            [(each.path, each.stamp(DISCARDED)) for each in made.recipients],
            [(b"null@example.org", True)],
        )

    def test_refused(self) -> None:
        """An alias may refuse, and may be broken."""
        answer = self.rcpt(b"gone@example.org")
        assert answer is not None
        self.assertEqual(answer.octets, b"551 5.1.6 Gone\r\n")
        self.assertEqual(self.rcpt(b"x-y@example.org"), MISCONFIGURED)
        self.assertEqual(self.envelope.recipients, [])

    def test_postmaster(self) -> None:
        """Whatever aliases say, there is a postmaster (RFC 5321 section 4.5.1)."""
        for path in (b"postmaster@any.example", b"Postmaster+x@any.example"):
            self.assertIsNone(self.rcpt(path))
        refused = self.rcpt(b"other@any.example")
        assert refused is not None
        self.assertEqual(refused.code, 550)
        self.assertIsNone(self.rcpt(b"postmaster@store.example"))
        self.assertEqual(
            self.spooled(),
            [
                (b"postmaster@any.example", None),
                (b"Postmaster+x@any.example", None),
                (b"x@else.example", b"postmaster@store.example"),
            ],
        )

    def test_tooMany(self) -> None:
        """Aliases lead to so many in all; the rest is for another message."""
        self.make(4)
        self.assertIsNone(self.rcpt(b"sales@example.org"))
        self.assertIsNone(self.rcpt(b"info@example.org"))
        self.assertEqual(self.rcpt(b"root@example.org"), TOO_MANY)
        self.assertEqual(
            TOO_MANY,
            reply(452, "4.5.3", b"Too many recipients; send to the rest later"),
        )
        self.assertIsNone(self.rcpt(b"bob@example.org"))
        self.envelope = Envelope(b"", 0.0)
        self.assertIsNone(self.rcpt(b"root@example.org"))

    def test_elsewhere(self) -> None:
        """Mail for elsewhere has no aliases."""
        answer = self.rcpt(b"sales@example.net")
        assert answer is not None
        self.assertEqual(answer.code, 550)
