"""
The main log, in Exim's format.
"""

from __future__ import annotations

import os

from smtpx.core.hooks import Ending, TLSInfo
from smtpx.core.reply import (
    OK,
    OUT_OF_SYNC,
    SHUTTING_DOWN,
    TIMED_OUT,
    Reply,
    reply,
)
from smtpx.extensions.auth import FAILURE, Failure
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.journal import (
    Journal,
)

from .mainlogs import AT, NO, MainLogTestCase, X
from .stories import MESSAGE, NOW, TLS, envelope, visit


class RefusalTests(MainLogTestCase):
    """What was refused."""

    def refusal(
        self,
        command: bytes,
        answer: Reply,
        *chosen: str,
        secured: TLSInfo | None = None,
        sender: bytes | None = None,
    ) -> list[str]:
        """The lines of one refusal, without their times."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit(secured=secured)
            if sender is not None:
                session.envelope = envelope(sender)
            journal.refused(session, command, answer)

        return [line.removeprefix(AT) for line in self.lines(tell, *chosen)]

    def test_aRecipient(self) -> None:
        """Host, handshake, sender, recipient, why."""
        self.assertEqual(
            self.refusal(
                b"RCPT TO:<x@example.com> NOTIFY=NEVER",
                NO,
                secured=TLS,
                sender=b"ann@example.org",
            ),
            [
                f"H=(mail.example.org) [192.0.2.7] {X} CV=no F=<ann@example.org> "
                "rejected RCPT <x@example.com> NOTIFY=NEVER: No such user"
            ],
        )

    def test_tooSoon(self) -> None:
        """Who did not wait is told of in Exim's words, as fail2ban knows them."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit()
            session.hasty = b'EHLO "x'
            journal.refused(session, b"", OUT_OF_SYNC)
            session.hasty = b"RCPT TO:<a@b.example>"
            journal.refused(session, b"MAIL FROM:<>", OUT_OF_SYNC)
            session.introduce(b"mail.example.org", extended=True)
            session._pipelined = True
            journal.refused(session, b"DATA", OUT_OF_SYNC)

        who = "H=(mail.example.org) [192.0.2.7]"
        error = AT + "SMTP protocol synchronization error "
        self.assertEqual(
            self.lines(tell, "-connection_reject"),
            [
                f"{error}(input sent without waiting for greeting): rejected connection"
                f' from {who} input="EHLO \\x22x"',
                f"{error}(next input sent too soon: pipelining was not advertised):"
                f' rejected "MAIL FROM:<>" {who} next input="RCPT TO:<a@b.example>"',
                f"{error}(next input sent too soon: pipelining was advertised):"
                f' rejected "DATA" {who} next input="RCPT TO:<a@b.example>"',
            ],
        )

    def test_ofAUserOfThisMachine(self) -> None:
        """There is no host."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit()
            session.identity, session.mechanism = b"ann", "local"
            journal.refused(session, b"RCPT TO:<x@example.com>", NO)
            journal.accepted(session, envelope(), MESSAGE, OK)

        refused, taken = self.lines(tell)
        said = "U=ann rejected RCPT <x@example.com>: No such user"
        self.assertEqual(refused, AT + said)
        self.assertIn(f"{MESSAGE} <= ann@example.org U=ann P=local S=", taken)

    def test_forNow(self) -> None:
        """A 4yz is temporary."""
        busy = reply(451, "4.3.0", b"Later")
        self.assertEqual(
            self.refusal(b"mail from:<a@b.example>", busy),
            [
                "H=(mail.example.org) [192.0.2.7] temporarily rejected "
                "MAIL <a@b.example>: Later"
            ],
        )

    def test_otherCommands(self) -> None:
        """Each is named as Exim names it."""
        for command, named in (
            (b"", "connection"),
            (b"EHLO a.example", "EHLO or HELO a.example"),
            (b"DATA", "DATA"),
            (b"BDAT 5 LAST", "BDAT 5 LAST"),
        ):
            (line,) = self.refusal(command, NO)
            self.assertTrue(line.endswith(f" rejected {named}: No such user"), line)

    def test_somebodyKnown(self) -> None:
        """Who logged in stands behind the sender, as in Exim."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit()
            session.envelope = envelope()
            session.identity, session.mechanism = b"ann", "plain"
            journal.authenticated(session, "PLAIN", True)
            journal.refused(session, b"RCPT TO:<x@example.com>", NO)

        self.assertEqual(
            self.line(tell),
            "H=(mail.example.org) [192.0.2.7] F=<ann@example.org> A=plain:ann rejected "
            "RCPT <x@example.com>: No such user",
        )

    def test_whatCanBeLeftOut(self) -> None:
        """Refused connections, and messages that are too big."""
        big = reply(552, "5.3.4", b"Too big")
        away = reply(554, "5.7.1", b"Go away")
        for command, answer, selector in (
            (b"MAIL FROM:<a@b.example> SIZE=9", big, "size_reject"),
            (b"", away, "connection_reject"),
        ):
            self.assertEqual(len(self.refusal(command, answer)), 1)
            self.assertEqual(self.refusal(command, answer, f"-{selector}"), [])

    def test_endsAreToldOfElsewhere(self) -> None:
        """A timeout and our own end are no refusals of anything."""
        for answer in (TIMED_OUT, SHUTTING_DOWN):
            self.assertEqual(self.refusal(b"", answer, "all"), [])
            self.assertEqual(self.refusal(b"DATA", answer, "all"), [])

    def test_badSyntaxIsShownIfWished(self) -> None:
        """Noise of bad clients is left out unless somebody asks for it."""
        syntax = reply(501, "5.5.4", b"Bad")
        sequence = reply(503, "5.5.1", b"Not now")
        self.assertEqual(self.refusal(b"MAIL x", syntax), [])
        self.assertEqual(self.refusal(b"DATA", sequence), [])
        self.assertEqual(
            self.refusal(b'MAIL "x', syntax, "+smtp_syntax_error"),
            ['SMTP syntax error in "MAIL \\x22x" H=(mail.example.org) [192.0.2.7] Bad'],
        )
        self.assertEqual(
            self.refusal(b"DATA", sequence, "+smtp_protocol_error"),
            ['SMTP protocol error in "DATA" H=(mail.example.org) [192.0.2.7] Not now'],
        )

    def test_aLogin(self) -> None:
        """In the words that fail2ban's filter for Exim looks for."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit()
            journal.authenticated(session, "PLAIN", False)
            journal.refused(session, b"AUTH", reply(535, "5.7.8", b"No"))
            session.stamps[FAILURE] = Failure("wrong password", b"ann b", 1)
            journal.authenticated(session, "PLAIN", False)

        line = (
            f"{AT}plain authenticator failed for (mail.example.org) [192.0.2.7]: "
            "535 Incorrect authentication data"
        )
        self.assertEqual(self.lines(tell), [line, line + " (set_id=ann\\x20b)"])


class SessionTests(MainLogTestCase):
    """Connections, from beginning to end."""

    def end(
        self, ending: Ending, *chosen: str, transactions: int = 0, why: str = "gone"
    ) -> list[str]:
        """The lines of a session that lasted 1.5 seconds."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit()
            session.began = NOW - 1.5
            session.transactions = transactions
            session.ending = None
            journal.connected(session)
            session.secured = TLS
            journal.secured(session)
            session.ending = ending
            journal.closed(session, why)

        return [line.removeprefix(AT) for line in self.lines(tell, *chosen)]

    def test_theBeginning(self) -> None:
        """It is shown if wished, with our address, too."""
        host = "(mail.example.org) [192.0.2.7]"
        self.assertEqual(
            self.end(Ending.QUIT, "+smtp_connection"),
            [
                f"SMTP connection from {host}",
                f"SMTP connection from {host} closed by QUIT",
            ],
        )
        first, _ = self.end(
            Ending.QUIT, "+smtp_connection", "+incoming_interface", "+incoming_port"
        )
        self.assertEqual(first, f"SMTP connection from {host}:4567 I=[192.0.2.25]:25")

    def test_byDefaultOnlyOddEndsAreShown(self) -> None:
        """As in Exim: who leaves politely, or is sent away, is no story."""
        host = "(mail.example.org) [192.0.2.7]"
        shown = {
            Ending.QUIT: [],
            Ending.LOST: [],
            Ending.LOST_IN_TRANSACTION: [
                f"unexpected disconnection while reading SMTP command from {host} D=1s"
            ],
            Ending.LOST_IN_BODY: [
                f"SMTP connection from {host} lost while reading message data D=1s"
            ],
            Ending.HANDSHAKE: [f"TLS error on connection from {host}: bad\\x0acipher"],
            Ending.TIMEOUT: [f"SMTP command timeout on connection from {host} D=1s"],
            Ending.TIMEOUT_IN_BODY: [
                f"SMTP data timeout (message abandoned) on connection from {host}"
            ],
            Ending.REFUSED: [],
            Ending.SHUTDOWN: [],
        }
        found = {each: self.end(each, why="bad\ncipher") for each in Ending}
        self.assertEqual(found, shown)

    def test_lostConnectionsCanBeLeftOut(self) -> None:
        """Whoever is scanned all day may not want to read of it."""
        for ending in (
            Ending.LOST_IN_TRANSACTION,
            Ending.LOST_IN_BODY,
            Ending.TIMEOUT,
        ):
            found = self.end(ending, "-lost_incoming_connection")
            self.assertEqual(found, [])

    def test_whoJustGoes(self) -> None:
        """Some mailers never say QUIT: that is told of with the connections."""
        _, last = self.end(Ending.LOST, "+smtp_connection")
        self.assertEqual(
            last, "SMTP connection from (mail.example.org) [192.0.2.7] lost D=1s"
        )

    def test_ourOwnEnds(self) -> None:
        """Who was sent away is told of with the connections."""
        for ending in (Ending.REFUSED, Ending.SHUTDOWN):
            _, last = self.end(ending, "+smtp_connection")
            self.assertTrue(last.endswith(" closed by us"), last)

    def test_whoIsNotLetIn(self) -> None:
        """In Exim's words; with how many more there were in a flood."""
        busy = reply(421, "4.7.0", b"Too many connections")

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            journal._omitted = 7
            journal.turnedAway(b"192.0.2.7", 4567, busy)
            journal.turnedAway(b"192.0.2.7", 4567, busy)

        refused = "refused: Too many connections"
        self.assertEqual(
            self.lines(tell, "+incoming_port"),
            [
                f"{AT}Connection from [192.0.2.7]:4567 {refused} (and 7 more before)",
                f"{AT}Connection from [192.0.2.7]:4567 {refused}",
            ],
        )
        self.assertIn("from [192.0.2.7] refused", self.lines(tell)[0])
        self.assertEqual(self.lines(tell, "-connection_reject"), [])

    def test_whoSendsNothing(self) -> None:
        """A session without a MAIL is told of if wished."""
        line = self.end(Ending.QUIT, "+smtp_no_mail", "+millisec", "+pid")[0]
        self.assertEqual(
            line,
            f"2026-11-22 03:19:48.123 [{os.getpid()}] no MAIL in SMTP connection from "
            "(mail.example.org) [192.0.2.7] D=1.500s",
        )
        self.assertEqual(self.end(Ending.QUIT, "+smtp_no_mail", transactions=1), [])
