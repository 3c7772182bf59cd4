"""
The main log, in Exim's format.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings, strategies
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSInfo
from smtpx.core.reply import OK, Reply, reply
from smtpx.extensions.auth import FAILURE, Failure
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.files import LineFile
from smtpx.observe.journal import Journal, noteMessageID
from smtpx.observe.mainlog import DEFAULT_SELECTORS, MainLog, Selector, parseSelectors

from .stories import MESSAGE, NOW, TLS, envelope, publishing, spooled, visit

AT = "2026-11-22 03:19:48 "
NO = reply(550, "5.1.1", b"No such user")
X = "X=TLS1.3:TLS_AES_256_GCM_SHA384:256"


class MainLogTestCase(SynchronousTestCase):
    """Lines of a log."""

    def lines(
        self, tell: Callable[[Journal, DeliveryJournal], None], *chosen: str
    ) -> list[str]:
        """
        The lines that come of what C{tell} tells the journals.

        @param chosen: selectors.
        """
        path = self.mktemp()
        file = LineFile(path, Clock())
        log = MainLog(file, parseSelectors(chosen), time.gmtime)
        publisher = publishing(log)
        tell(Journal(publisher), DeliveryJournal(publisher))
        file.close()
        return Path(path).read_text("ascii").splitlines()

    def line(
        self, tell: Callable[[Journal, DeliveryJournal], None], *chosen: str
    ) -> str:
        """The one line, without its time."""
        (found,) = self.lines(tell, *chosen)
        self.assertTrue(found.startswith(AT.strip()), found)
        return found.removeprefix(AT.strip()).removeprefix(".123").lstrip()


class ArrivalTests(MainLogTestCase):
    """C{<=}: a message was taken."""

    def arrival(
        self,
        *chosen: str,
        sender: bytes = b"ann@example.org",
        fields: tuple[tuple[str, object], ...] = (),
        secured: TLSInfo | None = None,
        login: tuple[bytes, str] | None = None,
        messageID: bytes | None = None,
        paths: tuple[bytes, ...] = (),
        helo: bytes | None = b"mail.example.org",
        name: bytes | None = None,
    ) -> str:
        """The line of one message."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit(*fields, secured=secured)
            session.helo, session.peerName = helo, name
            session.envelope = envelope(sender, *paths)
            if login is not None:
                session.identity = login[0]
                session.mechanism = login[1].lower()
                journal.authenticated(session, login[1], True)
            if messageID is not None:
                noteMessageID(session, messageID)
            journal.accepted(session, session.envelope, MESSAGE, OK)

        return self.line(tell, *chosen)

    def test_inTheClear(self) -> None:
        """The least there is to say."""
        self.assertEqual(
            self.arrival(),
            f"{MESSAGE} <= ann@example.org H=(mail.example.org) [192.0.2.7] "
            "P=esmtp S=1204",
        )

    def test_theNullSender(self) -> None:
        """A report comes from nobody."""
        self.assertIn(" <= <> H=", self.arrival(sender=b""))

    def test_everythingAtItsPlace(self) -> None:
        """All fields, in Exim's order."""
        self.assertEqual(
            self.arrival(
                "all",
                fields=(("ARC", True), ("K", True), ("L*", True), ("PRDR", True)),
                secured=TLS,
                login=(b"ann", "PLAIN"),
                messageID=b"<abc@example.org>",
                paths=(b"bob@example.com", b"eve@example.com"),
                name=b"client.example.net",
            ),
            f"{MESSAGE} <= ann@example.org "
            "H=client.example.net (mail.example.org) [192.0.2.7]:4567 "
            "I=[192.0.2.25]:25 P=esmtpsa L* "
            f'{X}* CV=no SNI=mx.example.org DN="CN=ann \\x22the\\x22 boss" '
            "A=plain:ann PRDR K S=1204 ARC id=abc@example.org "
            "from <ann@example.org> for bob@example.com eve@example.com",
        )

    def test_theDefaultsAreExims(self) -> None:
        """Cipher, verification and Message-ID are shown, ports are not."""
        self.assertEqual(
            self.arrival(
                fields=(("L", True),), secured=TLS, messageID=b"<abc@example.org>"
            ),
            f"{MESSAGE} <= ann@example.org H=(mail.example.org) [192.0.2.7] "
            f"P=esmtps {X} CV=no S=1204 id=abc@example.org",
        )

    def test_aVerifiedCertificate(self) -> None:
        """C{CV=yes}, and no star where nothing was resumed."""
        info = TLSInfo("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", 128, verified=True)
        self.assertIn(
            " X=TLS1.2:ECDHE-RSA-AES128-GCM-SHA256:128 CV=yes S=",
            self.arrival("+tls_resumption", "+tls_peerdn", "+tls_sni", secured=info),
        )

    def test_nothingOfTLSIfNotWished(self) -> None:
        """What is switched off is not there."""
        line = self.arrival("-all", secured=TLS, messageID=b"<abc@example.org>")
        self.assertTrue(line.endswith(" P=esmtps S=1204"), line)

    def test_anExtensionsLogin(self) -> None:
        """An extension may say it better."""
        line = self.arrival(fields=(("A", "cert:ann"),), login=(b"ann", "EXTERNAL"))
        self.assertIn(" A=cert:ann S=", line)

    def test_fieldsOfExtensions(self) -> None:
        """A name alone, a name with a value, and nothing."""
        fields = (("X1", b"a b"), ("X2", 7), ("X3", None), ("X4", False))
        self.assertIn(" S=1204 X1=a\\x20b X2=7", self.arrival(fields=fields))

    def test_theClientsNames(self) -> None:
        """The verified name first; what it calls itself only where it differs."""
        for name, helo, shown in (
            (b"mx.example", b"MX.example", "mx.example [192.0.2.7]"),
            (b"mx.example", b"other", "mx.example (other) [192.0.2.7]"),
            (b"mx.example", None, "mx.example [192.0.2.7]"),
            (None, b"[192.0.2.7]", "[192.0.2.7]"),
            (None, b"[192.0.2.8]", "([192.0.2.8]) [192.0.2.7]"),
            (None, None, "[192.0.2.7]"),
        ):
            line = self.arrival(name=name, helo=helo)
            self.assertIn(f" H={shown} P=", line)

    @settings(max_examples=60)
    @given(strategies.binary(max_size=20), strategies.binary(max_size=20))
    def test_nobodyForgesALineOrAField(self, one: bytes, two: bytes) -> None:
        """Whatever peers say, there is one line, and no field that is not ours."""
        line = self.arrival(
            "+received_recipients",
            sender=one + b" H=forged",
            helo=two + b"\n2026-11-22 03:19:48 P=forged",
            messageID=one + b" S=1 " + two,
            paths=(b"x" + two + b" P=forged",),
            login=(one + b" K S=2", "PLAIN"),
        )
        words = line.split(" ")
        self.assertNotIn("K", words)
        for name in ("H", "P", "S", "A", "id"):
            self.assertEqual(len(re.findall(rf"\b{name}=", line)), 1, line)


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
    """Connections, for those who want to see them."""

    def tell(self, journal: Journal, deliveries: DeliveryJournal) -> None:
        """A session from beginning to end."""
        session = visit()
        session.helo = None
        journal.connected(session)
        session.secured = TLS
        journal.secured(session)
        journal.closed(session, "Connection was closed cleanly.")

    def test_byDefaultConnectionsAreNotShown(self) -> None:
        """A session without a message is not a story."""
        self.assertEqual(self.lines(self.tell), [])

    def test_ifWishedTheyAre(self) -> None:
        """Beginning and end."""
        self.assertEqual(
            self.lines(self.tell, "+smtp_connection", "+millisec"),
            [
                "2026-11-22 03:19:48.123 SMTP connection from [192.0.2.7]",
                "2026-11-22 03:19:48.123 SMTP connection from [192.0.2.7] closed: "
                "Connection was closed cleanly.",
            ],
        )


class DeliveryTests(MainLogTestCase):
    """What became of a message."""

    def test_aDelivery(self) -> None:
        """C{=>}: who has it, and by which way."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            message = spooled(b"bob@example.com", b"postmaster")
            deliveries.delivered(message, 0, "*@example.com", "maildir", "")
            deliveries.delivered(message, 1, "", "", "")
            deliveries.completed(message)

        expected = [
            "=> bob <bob@example.com> R=*@example.com T=maildir",
            "=> postmaster",
            "Completed",
        ]
        self.assertEqual(
            self.lines(tell), [f"{AT}{MESSAGE} {each}" for each in expected]
        )
        self.assertEqual(
            self.lines(tell, "+queue_time", "+queue_time_overall"),
            [f"{AT}{MESSAGE} {each} QT=60s" for each in expected],
        )
        self.assertTrue(
            self.lines(tell, "+queue_time", "+millisec")[0].endswith(" QT=60.500s")
        )

    def test_aDelay(self) -> None:
        """C{==}: not now."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            deliveries.deferred(
                spooled(), 0, "*", "maildir", "No space left\non device", NOW
            )

        self.assertEqual(
            self.line(tell),
            f"{MESSAGE} == bob <bob@example.com> R=* T=maildir defer (0): "
            "No space left\\x0aon device",
        )

    def test_aFailure(self) -> None:
        """C{**}: not at all; then it is frozen."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            deliveries.failed(spooled(), 0, "", "", "no route")
            deliveries.held(spooled(), "no route", False)
            deliveries.held(spooled(), "as wished", True)

        self.assertEqual(
            self.lines(tell),
            [
                f"{AT}{MESSAGE} ** bob <bob@example.com>: no route",
                f"{AT}{MESSAGE} Frozen (no route)",
                f"{AT}{MESSAGE} Frozen (as wished)",
            ],
        )

    def test_troubleIsNotForThisLog(self) -> None:
        """Tracebacks are in the event log."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            deliveries.trouble(None, "spool", OSError("gone"))

        self.assertEqual(self.lines(tell), [])


class SelectorTests(SynchronousTestCase):
    """The choice of what is shown."""

    def test_choices(self) -> None:
        """As in Exim: added, taken away, all, none."""
        self.assertEqual(parseSelectors([]), DEFAULT_SELECTORS)
        self.assertEqual(
            parseSelectors(["millisec", "+tls_sni", "-msg_id"]),
            (DEFAULT_SELECTORS | {Selector.MILLISEC, Selector.TLS_SNI})
            - {Selector.MSG_ID},
        )
        self.assertEqual(parseSelectors(["all"]), frozenset(Selector))
        self.assertEqual(parseSelectors(["-all"]), frozenset())

    def test_anUnknownOneIsNamed(self) -> None:
        """The error says which."""
        error = self.assertRaises(ValueError, parseSelectors, ["+tls_colour"])
        self.assertIn("tls_colour", str(error))
