"""
Tests for L{smtpx.policy.srs}, and for what L{smtpx.policy.local} makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.address import domainOf, localPartOf
from smtpx.core.envelope import Envelope
from smtpx.core.queueprofile import ORIGIN, QueueProfile
from smtpx.core.reply import Reply
from smtpx.mailauth.srs import SRS, Style, dayStamp
from smtpx.observe.event import Event
from smtpx.observe.forwarding import SECRETS_KEPT, SECRETS_READ
from smtpx.policy.aliases import Aliases, AliasSources
from smtpx.policy.aliastable import Reach
from smtpx.policy.local import NO_ROUTE, UNKNOWN, LocalAddresses, LocalPolicy
from smtpx.policy.redirect import Redirection
from smtpx.policy.srs import (
    NO_ADDRESS,
    NOT_OURS,
    ONE_ONLY,
    REPORTS_ONLY,
    TOO_OLD,
    Returns,
    SecretsFile,
    keysOf,
    readSecrets,
)
from smtpx.policy.watchedfile import BadList

from .doubles import recipientOf, sessionFrom

DAY = 86400
NOW = 20_000.0 * DAY
OURS = LocalAddresses(["example.org"], ["ann@example.org"], anybody=False)
srs = SRS((b"secret",))


def aliasesOf(local: LocalAddresses, folder: Path, text: str = "") -> Redirection:
    """What puts others in the place of recipients."""
    path = folder / "aliases"
    path.write_text(text)
    sources = AliasSources((path,), ())
    return Redirection(
        Aliases(sources, Reach(local, lambda path: True)), QueueProfile()
    )


class ReturnsTests(SynchronousTestCase):
    """What is taken at RCPT."""

    def setUp(self) -> None:
        """A policy of C{example.org}, where C{ann} is."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.redirection = aliasesOf(
            OURS, self.folder, "sales: x@one.test, y@two.test\n"
        )
        self.envelope = Envelope(b"", 0.0)

    def policy(self, anySender: bool = False, now: float = NOW) -> LocalPolicy:
        """A policy with a way to all but C{nowhere.test}."""
        domains = keysOf(["example.org", "Old.example"])
        return LocalPolicy(
            OURS,
            lambda path, sender: not path.endswith(b"nowhere.test"),
            redirection=self.redirection,
            returns=Returns(lambda: srs, domains, lambda: now, anySender),
        )

    def receives(self, path: bytes, policy: LocalPolicy | None = None) -> Reply | None:
        """What RCPT is answered; the recipient is among the envelope's after it."""
        recipient = recipientOf(path)
        asked = policy or self.policy()
        refusal = asked.mayReceive(sessionFrom(), self.envelope, recipient)
        if refusal is None:
            self.envelope.recipients.append(recipient)
        return refusal

    def spooled(self) -> list[bytes]:
        """Whom the message is for in the spool."""
        redirected = self.redirection.redirected(self.envelope)
        return [each.path for each in redirected.recipients]

    def made(
        self, sender: bytes, domain: bytes = b"example.org", ago: float = 0
    ) -> bytes:
        """An address of ours."""
        return srs.rewritten(sender, domain, NOW - ago * DAY)

    def test_aReportGoesToTheSender(self) -> None:
        """
        A stranger's report to such an address goes to the sender, wherever he is; the
        address stands with him, as that of an alias.
        """
        path = self.made(b"bob@far.test")
        self.assertIsNone(self.receives(path))
        self.assertEqual(self.spooled(), [b"bob@far.test"])
        redirected = self.redirection.redirected(self.envelope)
        self.assertEqual(redirected.recipients[0].stamp(ORIGIN), path)

    def test_inAnyCaseAndAtFormerDomains(self) -> None:
        """
        The case of the domain does not matter, and where addresses were made before
        they are good.
        """
        self.assertIsNone(self.receives(self.made(b"bob@far.test").upper()))
        self.envelope = Envelope(b"", 0.0)
        self.assertIsNone(self.receives(self.made(b"bob@far.test", b"old.example")))

    def test_noOpenRelay(self) -> None:
        """
        What we did not make, or long ago, or what leads nowhere, is refused, and so is
        such an address at any other domain.
        """
        good = self.made(b"bob@far.test")
        other = SRS((b"other",)).rewritten(b"bob@far.test", b"example.org", NOW)
        for path, refusal in (
            (good.replace(b"=bob", b"=eve"), NOT_OURS),
            (good.replace(b"=far", b"=near"), NOT_OURS),
            (other, NOT_OURS),
            (self.made(b"bob@far.test", ago=22), TOO_OLD),
            (b"SRS0=bob%far.test@example.org", NO_ADDRESS),
            (b"SRS1=a=b=c@example.org", NO_ADDRESS),
            (self.made(b"bob@nowhere.test"), NO_ROUTE),
        ):
            self.assertEqual(self.receives(path), refusal, path)
        self.assertEqual(NOT_OURS.octets[:9], b"550 5.7.1")
        away = self.receives(self.made(b"bob@far.test", b"elsewhere.test"))
        assert away is not None
        self.assertEqual(away.octets[:9], b"550 5.7.1")

    def test_onlyReports(self) -> None:
        """
        Mail with a sender is no report; where the operator wants it, it is taken.
        """
        self.envelope = Envelope(b"eve@evil.test", 0.0)
        path = self.made(b"bob@far.test")
        self.assertEqual(self.receives(path), REPORTS_ONLY)
        self.assertIsNone(self.receives(path, self.policy(anySender=True)))
        other = self.made(b"tim@far.test")
        self.assertIsNone(self.receives(other, self.policy(anySender=True)))
        self.assertEqual(self.spooled(), [b"bob@far.test", b"tim@far.test"])

    def test_oneAtATime(self) -> None:
        """
        A report is for one; who has more of them sends more messages.  A refusal
        counts for nothing.
        """
        self.assertEqual(self.receives(b"SRS0=x@example.org"), NO_ADDRESS)
        self.assertIsNone(self.receives(self.made(b"bob@far.test")))
        self.assertEqual(self.receives(self.made(b"tim@far.test")), ONE_ONLY)
        self.assertIsNone(self.receives(b"ann@example.org"))
        self.assertEqual(self.spooled(), [b"bob@far.test", b"ann@example.org"])

    def test_senderWhoIsOursByNow(self) -> None:
        """
        Where we have become the host of the sender, he is looked up as anybody of
        ours, aliases and all.
        """
        for sender, there in (
            (b"ann@example.org", [b"ann@example.org"]),
            (b"sales@example.org", [b"x@one.test", b"y@two.test"]),
        ):
            self.envelope = Envelope(b"", 0.0)
            self.assertIsNone(self.receives(self.made(sender, b"old.example")))
            self.assertEqual(self.spooled(), there)
        self.envelope = Envelope(b"", 0.0)
        gone = self.made(b"gone@example.org", b"old.example")
        self.assertEqual(self.receives(gone), UNKNOWN)
        # It was not taken, so another may be.
        self.assertIsNone(self.receives(self.made(b"bob@far.test")))

    def test_theFirstForwarder(self) -> None:
        """
        What we made as a second forwarder leads to the first one; where we were that
        one as well, to the sender at once.
        """
        self.assertIsNone(self.receives(self.made(b"SRS0=abcd=AB=x.org=bob@other.org")))
        self.assertEqual(self.spooled(), [b"SRS0=abcd=AB=x.org=bob@other.org"])
        self.envelope = Envelope(b"", 0.0)
        first = self.made(b"bob@far.test", b"old.example")
        self.assertIsNone(self.receives(self.made(first)))
        self.assertEqual(self.spooled(), [b"bob@far.test"])

    def test_roundAndRound(self) -> None:
        """
        An address that leads from one of ours to the next, and the next, is none.
        """
        path, stamp = b"bob@b", dayStamp(NOW)
        for wanted in (b"bob@b", b"bob@b", b"bob@b", NO_ADDRESS):
            host, local = domainOf(path), localPartOf(path)
            signed = srs._signed(stamp, host, local)
            path = b"SRS0=" + b"=".join((signed, stamp, host, local)) + b"@a"
            returns = Returns(lambda: srs, keysOf(["a"]), lambda: NOW)
            self.assertEqual(returns.sender(self.envelope, path), wanted)


class SecretsTests(SynchronousTestCase):
    """The file with the secrets."""

    def setUp(self) -> None:
        """A file that nobody but its owner may read."""
        self.path = Path(self.mktemp())
        self.write(b"new one\r\n\nold#one\n")

    def write(self, text: bytes, mode: int = 0o600) -> None:
        """Somebody changes the file."""
        self.path.write_bytes(text)
        self.path.chmod(mode)

    def test_aLineASecret(self) -> None:
        """
        Each line is one, as it stands there; empty ones are none.
        """
        self.assertEqual(readSecrets(self.path), (b"new one", b"old#one"))

    def test_ofNoUse(self) -> None:
        """
        A file that others may read, that is empty, too long or not there is of no use,
        and no secret stands in what is said of it.
        """
        for text, mode, why in (
            (b"secret\n", 0o640, "others may read it"),
            (b"\n\r\n", 0o600, "there is no secret in it"),
            (b"secret\n" * 10_000, 0o600, "longer than 65536 octets"),
            (b"a\n" + b"secret" * 200, 0o600, ":2: a secret longer than 1024"),
        ):
            self.write(text, mode)
            error = self.assertRaises(BadList, readSecrets, self.path)
            self.assertIn(why, str(error))
            self.assertNotIn("secretsecret", str(error))
        missing = Path(self.mktemp())
        error = self.assertRaises(BadList, readSecrets, missing)
        self.assertIn("cannot be read: No such file", str(error))

    def test_readAgain(self) -> None:
        """
        New secrets are taken as they come; where the file is of no use, the old ones
        stay, and that is told.
        """
        told: list[tuple[Event, dict[str, object]]] = []
        clock = Clock()
        file = SecretsFile(
            self.path, Style(), lambda event, fields: told.append((event, fields))
        )

        def work(job: Callable[[], bool]) -> Deferred[bool]:
            return maybeDeferred(job)

        file.start(clock, work)
        before = file.srs()
        self.write(b"newest\nnew one\n")
        clock.pump([1.0] * 3)
        self.assertEqual(file.srs().secrets, (b"newest", b"new one"))
        self.assertNotEqual(file.srs(), before)
        self.assertEqual(told, [(SECRETS_READ, {"file": str(self.path)})])
        self.write(b"open to all and none\n", 0o644)
        clock.pump([1.0] * 3)
        self.assertEqual(file.srs().secrets, (b"newest", b"new one"))
        event, fields = told[-1]
        self.assertIs(event, SECRETS_KEPT)
        self.assertIn("others may read it", str(fields["why"]))
        file.stop()
        self.write(b"later\n")
        clock.pump([1.0] * 3)
        self.assertEqual(file.srs().secrets, (b"newest", b"new one"))
