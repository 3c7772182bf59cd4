"""Tests for L{smtpx.queue.account}."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Action
from smtpx.core.interfaces import IQueueBuilder
from smtpx.core.queueprofile import ORIGIN, QueueProfile
from smtpx.core.reply import Reply, reply
from smtpx.queue.account import Account, accountOf, messageFields
from smtpx.queue.interfaces import CANCELLED, NOT_YET, TOO_LONG
from smtpx.queue.told import Told
from smtpx.queue.veil import Veil
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause, Via
from tests.core.made import MadeQueue

from .doubles import messageFor
from .reports import UNKNOWN, VIA, refused


def account(
    outcome: Outcome,
    action: Action = Action.FAILED,
    path: bytes = b"bob@example.net",
    origin: bytes | None = None,
    aliases: bool = False,
    late: bool = False,
) -> Account:
    """What a report says of a recipient."""
    message = messageFor(path)
    if origin is not None:
        message.envelope.recipients[0].stamps[ORIGIN] = origin
    told = Told(outcome, action, late=late)
    veil = None if aliases else Veil.over(message.envelope)
    return accountOf(message, told, QueueProfile(), veil)


def failed(cause: Cause, text: str = "", via: Via | None = None) -> Outcome:
    """A recipient for whom no host said anything."""
    return Outcome(0, Fate.FAILED, text, None, via, cause)


class StatusTests(SynchronousTestCase):
    """The status of RFC 3463."""

    def status(
        self, said: Reply | None, action: Action, cause: Cause = Cause.RECIPIENT
    ) -> tuple[int, int, int]:
        """The status of an outcome."""
        return account(refused(said=said, cause=cause), action).status

    def test_asTheHostSaid(self) -> None:
        """It is the one of the reply."""
        self.assertEqual(self.status(UNKNOWN, Action.FAILED), (5, 1, 1))
        full = reply(452, "4.2.2", b"Full")
        self.assertEqual(self.status(full, Action.DELAYED), (4, 2, 2))
        taken = reply(250, "2.6.0", b"OK")
        self.assertEqual(self.status(taken, Action.RELAYED), (2, 6, 0))

    def test_whatFailedForAReasonOfTheMoment(self) -> None:
        """Something may fail with a 4.x.x (RFC 3464 section 2.3.3)."""
        full = reply(452, "4.2.2", b"Full")
        self.assertEqual(self.status(full, Action.FAILED), (4, 2, 2))

    def test_nothingBetter(self) -> None:
        """The class alone, where the host did not say (RFC 3461 section 6.3)."""
        self.assertEqual(self.status(reply(550, None, b"No"), Action.FAILED), (5, 0, 0))
        self.assertEqual(
            self.status(reply(450, None, b"No"), Action.DELAYED), (4, 0, 0)
        )
        for action in (Action.DELIVERED, Action.RELAYED, Action.EXPANDED):
            self.assertEqual(self.status(reply(250, None, b"OK"), action), (2, 0, 0))
            self.assertEqual(self.status(None, action), (2, 0, 0))

    def test_classesThatDoNotGoTogether(self) -> None:
        """Nothing is delivered with a 5.x.x, nor does it fail with a 2.x.x."""
        self.assertEqual(self.status(UNKNOWN, Action.DELIVERED), (2, 0, 0))
        self.assertEqual(self.status(UNKNOWN, Action.DELAYED), (4, 0, 0))
        taken = reply(250, "2.6.0", b"OK")
        self.assertEqual(self.status(taken, Action.FAILED), (5, 0, 0))

    def test_whereNobodySaidAnything(self) -> None:
        """At what it failed says it."""
        for cause, failed, delayed in (
            (Cause.OTHER, (5, 0, 0), (4, 0, 0)),
            (Cause.LOCAL, (5, 3, 0), (4, 3, 0)),
            (Cause.DNS, (5, 4, 3), (4, 4, 3)),
            (Cause.CONNECT, (5, 4, 1), (4, 4, 1)),
            (Cause.EARLY, (5, 4, 1), (4, 4, 1)),
            (Cause.LOST, (5, 4, 2), (4, 4, 2)),
            (Cause.TLS, (5, 7, 5), (4, 7, 5)),
            (Cause.LOGIN, (5, 7, 8), (4, 7, 8)),
        ):
            self.assertEqual(self.status(None, Action.FAILED, cause), failed)
            self.assertEqual(self.status(None, Action.DELAYED, cause), delayed)

    def test_expired(self) -> None:
        """
        4.4.7 where we gave up, whatever was said last; 5.4.7 where the sender did.
        """
        outcome = refused(said=reply(450, "4.2.0", b"Later"), cause=Cause.EXPIRED)
        self.assertEqual(account(outcome).status, (4, 4, 7))
        self.assertEqual(account(outcome, late=True).status, (5, 4, 7))
        self.assertEqual(account(refused(), late=True).status, (5, 1, 1))

    def test_diagnostic(self) -> None:
        """
        What went wrong and where, in the words of Exim; nothing of what concerns
        nobody, nor of good news.
        """
        said = reply(550, "5.1.1", b"No", b"such user")
        began = "SMTP error from remote mail server"
        for cause, where in (
            (Cause.RECIPIENT, " after RCPT TO:<bob@example.net>"),
            (Cause.SENDER, " after MAIL FROM"),
            (Cause.CONTENT, " after the message"),
            (Cause.SESSION, " in the initial connection"),
            (Cause.OTHER, ""),
        ):
            found = account(refused(said=said, cause=cause)).diagnostic
            self.assertEqual(found, f"{began}{where}: 550-5.1.1 No 5.1.1 such user")
        refusal = failed(Cause.CONNECT, "Connection refused", VIA)
        self.assertEqual(account(refusal).diagnostic, "Connection refused")
        self.assertEqual(account(failed(Cause.LOCAL, "disk full", VIA)).diagnostic, "")
        good = account(refused(said=said), Action.RELAYED)
        self.assertEqual(good.diagnostic, "")

    def test_ourOwnWords(self) -> None:
        """A host that was not asked is not said to have refused anything."""
        said = reply(550, "5.7.30", b"REQUIRETLS support required")
        for cause in (Cause.UNFIT, Cause.LOCAL):
            found = account(refused(said=said, cause=cause))
            text = "not sent to the host: 550 5.7.30 REQUIRETLS support required"
            self.assertEqual(found.diagnostic, text)
        found = account(refused(said=said, cause=Cause.UNFIT))
        self.assertIsNone(found.remote)
        self.assertEqual(found.status, (5, 7, 30))

    def test_diagnosticOfAnAlias(self) -> None:
        """It says nothing of where an alias leads."""
        said = reply(550, "5.1.1", b"boss@home.example is gone")
        found = account(
            refused(said=said), path=b"boss@home.example", origin=b"a@b.example"
        )
        self.assertNotIn("boss", found.diagnostic)

    def test_late(self) -> None:
        """
        A delay is 4.4.7 where the sender wanted to hear of it by then (RFC 2852
        section 4.1.3), whatever was said last.
        """
        outcome = refused(said=reply(450, "4.2.0", b"Later"))
        later = Action.DELAYED
        self.assertEqual(account(outcome, later).status, (4, 2, 0))
        self.assertEqual(account(outcome, later, late=True).status, (4, 4, 7))


class SaidTests(SynchronousTestCase):
    """What is shown of what was said."""

    def test_asItWasSaid(self) -> None:
        """Each line with its codes."""
        said = reply(550, "5.1.1", b"No such user", b"here")
        self.assertEqual(
            account(refused(said=said)).said,
            ("550-5.1.1 No such user", "550 5.1.1 here"),
        )

    def test_bounded(self) -> None:
        """Not too many lines, and none too long."""
        said = reply(550, None, *[b"x" * 4000] * 50)
        lines = account(refused(said=said)).said
        self.assertEqual(len(lines), 10)
        self.assertEqual({len(line) for line in lines[:-1]}, {200})
        self.assertEqual(lines[-1], "550 ...")

    def test_harmless(self) -> None:
        """Controls, and what turns the direction of text, are escapes."""
        said = reply(550, None, "a\t\x9b b\u202e\u2028\r\n  \xfc".encode() + b"\xff")
        self.assertEqual(
            account(refused(said=said)).said,
            ("550 a\\x09\\x9b b\\u202e\\u2028?? \xfc\\xff",),
        )

    def test_whoSaidIt(self) -> None:
        """Name and address; one of them, where there is no other."""
        for host, expected in (
            (b"mx.example.net", "mx.example.net [192.0.2.1]"),
            (b"", "[192.0.2.1]"),
            (b"[192.0.2.1]", "[192.0.2.1]"),
            (b"evil\r\nX: y", "[192.0.2.1]"),
        ):
            outcome = evolve(refused(), via=evolve(VIA, host=host))
            self.assertEqual(account(outcome).host, expected)
        self.assertEqual(account(evolve(refused(), via=None)).host, "")
        here = Via(b"/run/lmtp", b"/run/lmtp", 0)
        told = account(evolve(refused(), via=here))
        self.assertEqual(told.host, "")
        self.assertTrue(told.diagnostic.startswith("LMTP error after RCPT TO:<"))

    def test_whyTheConnectionFailed(self) -> None:
        """What is about a connection is shown."""
        for cause in (
            Cause.CONNECT,
            Cause.LOST,
            Cause.TLS,
            Cause.EARLY,
            Cause.EXPIRED,
        ):
            self.assertEqual(account(failed(cause, "Broken", VIA)).why, "Broken")
        late = failed(Cause.EXPIRED, "Broken" + TOO_LONG, VIA)
        self.assertEqual(account(late).why, "Broken")

    def test_whyItWasNotTried(self) -> None:
        """
        Where it is not yet time for any host, it is shown what went wrong before.
        """
        for cause, behind in ((Cause.EARLY, ""), (Cause.EXPIRED, TOO_LONG)):
            outcome = failed(cause, f"{NOT_YET}: Connection refused{behind}")
            self.assertEqual(account(outcome).why, "Connection refused")
            self.assertEqual(account(failed(cause, NOT_YET + behind)).why, "")

    def test_nothingOfOurInside(self) -> None:
        """What is about us is not, nor where nobody knows what it is about."""
        for cause in {*Cause} - {Cause.OPERATOR}:
            self.assertEqual(account(failed(cause, "/var/spool: full")).why, "")
        for cause in (Cause.LOCAL, Cause.LOGIN, Cause.OTHER):
            self.assertEqual(account(failed(cause, "password", VIA)).why, "")
        self.assertEqual(account(refused()).why, "")

    def test_givenUp(self) -> None:
        """What an operator wrote for the sender is."""
        told = account(failed(Cause.OPERATOR, f"{CANCELLED}: no such place"))
        self.assertEqual((told.why, told.status), ("no such place", (5, 0, 0)))
        self.assertEqual(account(failed(Cause.OPERATOR, CANCELLED)).why, "")


class AliasTests(SynchronousTestCase):
    """Whom the sender reads of."""

    SAID = reply(550, None, b"<Boss@Home.example> is not boss@home.example")

    def alias(self, aliases: bool) -> Account:
        """The account of somebody behind an alias."""
        return account(
            refused(said=self.SAID),
            path=b"boss@home.example",
            origin=b"sales@example.org",
            aliases=aliases,
        )

    def test_hidden(self) -> None:
        """The address that he knows, wherever it leads."""
        made = self.alias(False)
        self.assertEqual(made.address, "sales@example.org")
        self.assertIsNone(made.target)
        self.assertEqual(
            made.said, ("550 <sales@example.org> is not sales@example.org",)
        )

    def test_shown(self) -> None:
        """Both, if that is wished."""
        made = self.alias(True)
        self.assertEqual(made.address, "sales@example.org")
        self.assertEqual(made.target, "boss@home.example")
        self.assertEqual(
            made.said, ("550 <Boss@Home.example> is not boss@home.example",)
        )

    def test_hiddenInErrorsOfConnections(self) -> None:
        """Also where nobody said anything."""
        made = account(
            failed(Cause.LOST, "after RCPT TO:<boss@home.example>", VIA),
            path=b"boss@home.example",
            origin=b"sales@example.org",
        )
        self.assertEqual(made.why, "after RCPT TO:<sales@example.org>")

    def test_noAlias(self) -> None:
        """Without an alias there is but one address."""
        made = account(refused(), aliases=True)
        self.assertEqual((made.address, made.target), ("bob@example.net", None))
        made = account(refused(), origin=b"bob@example.net", aliases=True)
        self.assertEqual((made.address, made.target), ("bob@example.net", None))


class FieldTests(SynchronousTestCase):
    """Fields of extensions."""

    def profile(self, *pairs: tuple[str, str]) -> QueueProfile:
        """A profile with these fields, of message and recipient alike."""

        def register(builder: IQueueBuilder) -> None:
            builder.fields(lambda envelope, recipient: pairs)

        return QueueProfile().load([MadeQueue(register, "E")])

    def test_harmless(self) -> None:
        """They end no line, and have names that fields can have."""
        profile = self.profile(
            ("X-Good", "a\r\nX-Evil: b"), ("X Bad", "c"), ("", "d"), ("X:", "e")
        )
        expected = (("X-Good", "a\\x0d\\x0aX-Evil: b"),)
        message = messageFor(b"bob@example.net")
        self.assertEqual(messageFields(message, profile), expected)
        made = accountOf(message, Told(refused()), profile, None)
        self.assertEqual(made.fields, expected)

    def test_bounded(self) -> None:
        """Neither too long nor too many."""
        profile = self.profile(*[(f"X-{number}", "x" * 2000) for number in range(99)])
        found = messageFields(messageFor(b"bob@example.net"), profile)
        self.assertEqual(len(found), 10)
        self.assertEqual({len(value) for _, value in found}, {600})
