"""
Tests for L{smtpx.observe.deliverylines}: what the main log says of deliveries.

The lines are those of a real Exim 4.96, where it has them (C{tests.interop} compares
the two); only names, numbers and times are others.
"""

from __future__ import annotations

import os
import pwd
from typing import Any

from attrs import evolve
from twisted.logger import LogEvent

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import TLSInfo
from smtpx.core.queueprofile import ORIGIN
from smtpx.core.reply import Reply, reply
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.deliverylines import DeliveryLines
from smtpx.observe.journal import Journal
from smtpx.spool.format import Fate, Outcome, Report
from smtpx.spool.journal import Operation
from smtpx.spool.via import Cause, Via

from .mainlogs import AT, MainLogTestCase
from .stories import MESSAGE, NOW, spooled

REPORT = "1wPq1p-0003Xz-1Q"
NO_MORE = reply(451, "4.4.2", b"Connection lost")
OK = reply(250, "2.0.0", b'Ok: queued "as" 12345')
SERVER = TLSInfo(
    "TLSv1.3",
    "TLS_AES_256_GCM_SHA384",
    256,
    resumed=True,
    verified=True,
    subject="CN=mx.example.com",
    serverName=b"mx.example.com",
)
VIA = Via(
    b"mx.example.com",
    b"192.0.2.1",
    25,
    SERVER,
    (("L", True), ("L*", True), ("A", "plain:ann"), ("K", True), ("ODD", "x y")),
    source=(b"192.0.2.25", 4711),
)
CLEAR = Via(b"mx.example.com", b"192.0.2.1")
HOST = "H=mx.example.com [192.0.2.1]"
FAR = "R=* T=smtp"


class LinesTestCase(MainLogTestCase):
    """Lines of one recipient, or of all, of one message."""

    def delivered(self, outcome: Outcome, *chosen: str, **more: Any) -> str:
        """The line of a delivery by SMTP."""
        return self.said("delivered", outcome, *chosen, took=0.25, first=True, **more)

    def deferred(self, outcome: Outcome, *chosen: str) -> str:
        """The line of a delay."""
        return self.said("deferred", outcome, *chosen, due=NOW, took=0.25)

    def failed(self, outcome: Outcome, *chosen: str) -> str:
        """The line of a failure."""
        return self.said("failed", outcome, *chosen, took=0.25)

    def said(
        self,
        what: str,
        outcome: Outcome,
        *chosen: str,
        route: str = "*",
        transport: str = "smtp",
        original: bytes | None = None,
        **more: Any,
    ) -> str:
        """The line, from behind the message's id."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            message = spooled(b"bob@example.com", b"postmaster")
            if original is not None:
                message.envelope.recipients[0].stamps[ORIGIN] = original
            getattr(deliveries, what)(message, outcome, route, transport, **more)

        return self.line(tell, *chosen).removeprefix(f"{MESSAGE} ")


class DeliveryTests(LinesTestCase):
    """C{=>}: who has it, and by which way."""

    def test_local(self) -> None:
        """The user, the whole address, the way."""
        here = {"route": "*@example.com", "transport": "maildir"}
        self.assertEqual(
            self.delivered(Outcome(0, Fate.DELIVERED), **here),
            "=> bob <bob@example.com> R=*@example.com T=maildir",
        )
        self.assertEqual(
            self.delivered(Outcome(1, Fate.DELIVERED), route="", transport=""),
            "=> postmaster",
        )

    def test_alias(self) -> None:
        """Where an alias led there, the whole address and the client's."""
        self.assertEqual(
            self.delivered(
                Outcome(0, Fate.DELIVERED),
                transport="maildir",
                original=b"sales@example.com",
            ),
            "=> bob@example.com <sales@example.com> R=* T=maildir",
        )
        self.assertEqual(
            self.delivered(
                Outcome(0, Fate.DELIVERED, via=CLEAR), original=b"sales@example.com"
            ),
            f"=> bob@example.com <sales@example.com> {FAR} {HOST}",
        )

    def test_toASocket(self) -> None:
        """As Exim's transport of that name: the user, no host, and what was said."""
        via = Via(b"/run/lmtp", b"/run/lmtp", 0, fields=(("K", True),))
        done = Outcome(0, Fate.DELIVERED, "", OK, via)
        self.assertEqual(
            self.delivered(done, transport="lmtp"),
            "=> bob <bob@example.com> R=* T=lmtp K "
            r'C="250 2.0.0 Ok: queued \x22as\x22 12345"',
        )
        full = reply(452, "4.2.2", b"Full")
        later = Outcome(0, Fate.WAITING, "x", full, via, Cause.CONTENT)
        self.assertEqual(
            self.said("deferred", later, due=NOW, took=0.25, transport="lmtp"),
            "== bob@example.com R=* T=lmtp defer (-46): LMTP error after end of data:"
            " 452 4.2.2 Full",
        )
        never = evolve(later, fate=Fate.FAILED, cause=Cause.RECIPIENT)
        self.assertEqual(
            self.said("failed", never, took=0.25, transport="lmtp"),
            "** bob@example.com R=* T=lmtp: LMTP error after RCPT TO:"
            "<bob@example.com>: 452 4.2.2 Full",
        )
        away = evolve(later, reply=None, cause=Cause.CONNECT, text="No such file")
        self.assertEqual(
            self.said("deferred", away, due=NOW, took=0.25, transport="lmtp"),
            "== bob@example.com R=* T=lmtp defer (0): No such file",
        )

    def test_toAHost(self) -> None:
        """The host, TLS, the login, what was made use of, and what the host said."""
        self.assertEqual(
            self.delivered(Outcome(0, Fate.DELIVERED, "", OK, VIA)),
            f"=> bob@example.com {FAR} {HOST} X=TLS1.3:TLS_AES_256_GCM_SHA384:256 "
            r"CV=yes A=plain:ann K ODD=x\x20y "
            r'C="250 2.0.0 Ok: queued \x22as\x22 12345"',
        )

    def test_everythingThatCanBeShown(self) -> None:
        """At the places, and in the order, that Exim has."""
        self.assertEqual(
            self.delivered(
                Outcome(0, Fate.DELIVERED, "", OK, evolve(VIA, again=True)),
                "all",
                "-millisec",
                "-pid",
            ),
            f"=> bob@example.com F=<ann@example.org> P=<ann@example.org> {FAR} S=1204 "
            "H=mx.example.com [192.0.2.1]:25* I=[192.0.2.25]:4711 "
            "X=TLS1.3:TLS_AES_256_GCM_SHA384:256* CV=yes "
            r'DN="CN=mx.example.com" A=plain:ann L* K ODD=x\x20y '
            r'C="250 2.0.0 Ok: queued \x22as\x22 12345" QT=60s DT=0s',
        )
        self.assertEqual(
            self.delivered(
                Outcome(0, Fate.DELIVERED),
                "+delivery_size",
                "+queue_time",
                "+deliver_time",
                "+millisec",
                transport="maildir",
            ),
            "=> bob <bob@example.com> R=* T=maildir S=1204 QT=60.500s DT=0.250s",
        )

    def test_pipelining(self) -> None:
        """C{L}, with a star where we did not wait for the greeting."""
        for fields, shown in (
            ((), ""),
            ((("L", True),), " L"),
            ((("L", True), ("L*", True)), " L*"),
        ):
            via = evolve(CLEAR, fields=fields)
            self.assertEqual(
                self.delivered(Outcome(0, Fate.DELIVERED, via=via), "+pipelining"),
                f"=> bob@example.com {FAR} {HOST}{shown}",
            )

    def test_ourEnd(self) -> None:
        """Where interfaces are shown, unless those of deliveries are not."""
        outcome = Outcome(0, Fate.DELIVERED, via=evolve(CLEAR, source=(b"::1", 4711)))
        for chosen, shown in (
            (("+incoming_interface",), " I=[::1]"),
            (("+incoming_interface", "-outgoing_interface"), ""),
            ((), ""),
        ):
            self.assertEqual(
                self.delivered(outcome, *chosen),
                f"=> bob@example.com {FAR} {HOST}{shown}",
            )

    def test_whatTheHostSaid(self) -> None:
        """
        Lines are told apart, what is long is cut, and nothing in it can be taken for
        a field; it can be left out.
        """
        said = Reply(250, None, (b"one H=evil", b"two \\n \xff"))
        outcome = Outcome(0, Fate.DELIVERED, "", said, CLEAR)
        start = f"=> bob@example.com {FAR} {HOST}"
        self.assertEqual(
            self.delivered(outcome),
            start + r' C="250-one H\x3devil\n250 two \\n \xff"',
        )
        self.assertEqual(self.delivered(outcome, "-smtp_confirmation"), start)
        named = Reply(250, None, (b'OK id=1xV "A=b"',))
        self.assertEqual(
            self.delivered(evolve(outcome, reply=named)),
            start + r' C="250 OK id=1xV \x22A\x3db\x22"',
        )
        long = evolve(outcome, reply=Reply(250, None, (b"x" * 2000,)))
        self.assertEqual(
            self.delivered(long), f'{start} C="250 {"x" * (1024 - 4)}"', long
        )

    def test_literals(self) -> None:
        """In the place of a name an address has no brackets, as in Exim."""
        for host, shown in (
            (b"[192.0.2.1]", "H=192.0.2.1 [192.0.2.1]"),
            (b"[IPv6:2001:db8::1]", "H=2001:db8::1 [2001:db8::1]"),
        ):
            address = host.strip(b"[]").removeprefix(b"IPv6:")
            outcome = Outcome(0, Fate.DELIVERED, via=Via(host, address))
            self.assertEqual(
                self.delivered(outcome), f"=> bob@example.com {FAR} {shown}"
            )

    def test_furtherRecipients(self) -> None:
        """C{->}: those who had it in the same transaction."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            message = spooled(b"bob@example.com", b"eve@example.com")
            for index in (0, 1):
                outcome = Outcome(index, Fate.DELIVERED, "", OK, CLEAR)
                deliveries.delivered(message, outcome, "*", "smtp", 0.25, not index)
            deliveries.completed(message)

        lines = self.lines(tell, "-smtp_confirmation", "+queue_time_overall")
        expected = [
            f"=> bob@example.com {FAR} {HOST}",
            f"-> eve@example.com {FAR} {HOST}",
            "Completed QT=60s",
        ]
        self.assertEqual(lines, [f"{AT}{MESSAGE} {each}" for each in expected])


class DelayTests(LinesTestCase):
    """C{==}: not now."""

    def test_local(self) -> None:
        """Why, on one line."""
        outcome = Outcome(0, Fate.WAITING, "No space left\non device")
        self.assertEqual(
            self.deferred(outcome),
            f"== bob@example.com {FAR} defer (0): No space left\\x0aon device",
        )
        self.assertEqual(
            self.deferred(evolve(outcome, text="")),
            f"== bob@example.com {FAR} defer (0)",
        )

    def test_whatTheHostSaid(self) -> None:
        """In Exim's words and by its numbers: after which command, and what."""
        said = reply(451, "4.2.1", b"Later")
        for cause, number, after in (
            (Cause.SESSION, 0, "initial connection"),
            (Cause.SENDER, -45, "MAIL FROM:<ann@example.org>"),
            (Cause.RECIPIENT, -44, "RCPT TO:<bob@example.com>"),
            (Cause.CONTENT, -46, "end of data"),
        ):
            self.assertEqual(
                self.deferred(Outcome(0, Fate.WAITING, "said", said, CLEAR, cause)),
                f"== bob@example.com {FAR} defer ({number}) {HOST}: "
                f"SMTP error from remote mail server after {after}: 451 4.2.1 Later",
            )

    def test_whatWeSaid(self) -> None:
        """A host that was not asked has said nothing."""
        said = reply(550, "5.7.30", b"REQUIRETLS support required")
        text = "not sent to mx.example.com [192.0.2.25]: 550 5.7.30 REQUIRETLS support"
        outcome = Outcome(0, Fate.WAITING, text, said, CLEAR, Cause.UNFIT)
        self.assertEqual(
            self.deferred(outcome), f"== bob@example.com {FAR} defer (0) {HOST}: {text}"
        )

    def test_whatWentWrong(self) -> None:
        """By Exim's numbers, in our words."""
        for cause, number in (
            (Cause.OTHER, 0),
            (Cause.LOCAL, 0),
            (Cause.DNS, -1),
            (Cause.LOST, -18),
            (Cause.TLS, -37),
            (Cause.LOGIN, -42),
            (Cause.EARLY, -54),
        ):
            outcome = Outcome(0, Fate.WAITING, "said", NO_MORE, None, cause)
            self.assertEqual(
                self.deferred(outcome),
                f"== bob@example.com {FAR} defer ({number}): said",
            )

    def test_connections(self) -> None:
        """By the system's number, where it has one."""
        for why, shown in (
            ("111: Connection refused.", "(111): Connection refused"),
            ("it said No route to host", "(113): No route to host"),
            ("Connection timed out", "(110): Connection timed out"),
            ("odd", "(0)"),
        ):
            outcome = Outcome(0, Fate.WAITING, why, None, CLEAR, Cause.CONNECT)
            self.assertEqual(
                self.deferred(outcome),
                f"== bob@example.com {FAR} defer {shown} {HOST}: {why}",
            )

    def test_whatElseCanBeShown(self) -> None:
        """Both ends and the time it took; not the sender."""
        outcome = Outcome(0, Fate.WAITING, "said", None, VIA, Cause.LOST)
        self.assertEqual(
            self.deferred(outcome, "all", "-pid"),
            f"== bob@example.com {FAR} defer (-18) H=mx.example.com [192.0.2.1]:25 "
            "I=[192.0.2.25]:4711 DT=0.250s: said",
        )

    def test_beforeItsTime(self) -> None:
        """What was not even tried need not be told."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            outcome = Outcome(0, Fate.WAITING, "not yet", cause=Cause.EARLY)
            deliveries.deferred(spooled(), outcome, "*", "smtp", NOW, 0.0)

        self.assertEqual(len(self.lines(tell)), 1)
        self.assertEqual(self.lines(tell, "-retry_defer"), [])


class FailureTests(LinesTestCase):
    """C{**}: not at all."""

    def test_whatTheHostSaid(self) -> None:
        """In Exim's words; the whole address, and who is to be told."""
        said = Reply(550, (5, 1, 1), (b"No such user", b"here"))
        outcome = Outcome(0, Fate.FAILED, "said", said, VIA, Cause.RECIPIENT)
        why = (
            ": SMTP error from remote mail server after RCPT TO:<bob@example.com>: "
            r"550-5.1.1 No such user\n550 5.1.1 here"
        )
        self.assertEqual(
            self.failed(outcome),
            f"** bob@example.com {FAR} {HOST} X=TLS1.3:TLS_AES_256_GCM_SHA384:256 "
            f"CV=yes{why}",
        )
        self.assertEqual(
            self.failed(outcome, "all", "-pid"),
            f"** bob@example.com F=<ann@example.org> P=<ann@example.org> {FAR} "
            "H=mx.example.com [192.0.2.1]:25 I=[192.0.2.25]:4711 "
            "X=TLS1.3:TLS_AES_256_GCM_SHA384:256* CV=yes "
            f'DN="CN=mx.example.com"{why} DT=0.250s',
        )

    def test_ourWords(self) -> None:
        """Where no host said it, or it has only waited for too long."""
        for said, via, cause in (
            (reply(550, "5.1.2", b"No such domain"), None, Cause.DNS),
            (reply(451, "4.2.1", b"Later"), CLEAR, Cause.EXPIRED),
            (reply(554, "5.6.0", b"Odd"), None, Cause.CONTENT),
            (None, CLEAR, Cause.SESSION),
        ):
            shown = "" if via is None else f" {HOST}"
            self.assertEqual(
                self.failed(Outcome(0, Fate.FAILED, "said", said, via, cause)),
                f"** bob@example.com {FAR}{shown}: said",
            )
        self.assertEqual(
            self.failed(Outcome(0, Fate.FAILED)), f"** bob@example.com {FAR}"
        )

    def test_thenItIsFrozen(self) -> None:
        """Why, whether somebody wished it or has to act."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            deliveries.held(spooled(), "no route", False)
            deliveries.held(spooled(), "as wished", True)
            deliveries.operated(spooled(), Operation.HELD, "root", "spam?")
            deliveries.operated(spooled(), Operation.HELD, "root", "")

        self.assertEqual(
            self.lines(tell),
            [
                f"{AT}{MESSAGE} Frozen (no route)",
                f"{AT}{MESSAGE} Frozen (as wished)",
                f"{AT}{MESSAGE} frozen by root (spam?)",
                f"{AT}{MESSAGE} frozen by root",
            ],
        )

    def test_operated(self) -> None:
        """What an operator does, in Exim's words; a name is one word."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            deliveries.operated(spooled(), Operation.RELEASED, "root", "")
            deliveries.operated(spooled(), Operation.CANCELLED, "a b", "no")
            deliveries.operated(spooled(), Operation.REMOVED, "root", "")

        self.assertEqual(
            self.lines(tell),
            [
                f"{AT}{MESSAGE} unfrozen by root",
                f"{AT}{MESSAGE} cancelled by a\\x20b",
                f"{AT}{MESSAGE} removed by root",
            ],
        )


class ReportTests(MainLogTestCase):
    """The arrival of a report, which is our own message."""

    def setUp(self) -> None:
        """A report."""
        self.report = Report(
            Envelope(b"", NOW, [Recipient(b"ann@example.org")]),
            b"Received: by here; then\r\n",
            b"Subject: Not delivered\r\nMessage-ID: <r@example.com>\r\n\r\n"
            b"Subject: another\r\n",
        )
        self.user = pwd.getpwuid(os.geteuid()).pw_name

    def tell(self, journal: Journal, deliveries: DeliveryJournal) -> None:
        """It is put down."""
        deliveries.reported(spooled(), REPORT, self.report)

    def test_arrival(self) -> None:
        """C{<=}, and C{R=} with the id of the message that it is about."""
        self.assertEqual(
            self.line(self.tell),
            f"{REPORT} <= <> R={MESSAGE} U={self.user} P=local S=98",
        )

    def test_whatElseCanBeShown(self) -> None:
        """The Message-ID that we made, its subject, from and to whom it is."""
        self.assertEqual(
            self.line(self.tell, "all", "-millisec", "-pid"),
            f"{REPORT} <= <> R={MESSAGE} U={self.user} P=local S=98 "
            'id*=r@example.com T="Not delivered" from <> for ann@example.org',
        )

    def test_whereNothingElseIsKnownOfIt(self) -> None:
        """A report without these fields is anybody's; the body is none of them."""
        empty = Envelope(b"", NOW, [])
        self.report = Report(empty, b"", b"Date: then\r\n\r\nMessage-ID: <no>\r\n")
        self.assertTrue(
            self.line(self.tell, "+subject", "+msg_id_created").endswith(" S=32")
        )

    def test_troubleIsNotForThisLog(self) -> None:
        """Tracebacks are in the event log."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            deliveries.trouble(None, "spool", OSError("gone"))

        self.assertEqual(self.lines(tell), [])

    def test_usersWithoutAName(self) -> None:
        """Then the number has to do."""
        self.patch(os, "geteuid", lambda: 2**31 - 7)
        event: LogEvent = {"report": REPORT, "message": MESSAGE, "octets": 98}
        lines = DeliveryLines(frozenset(), str)
        self.assertEqual(
            lines.writers["message.reported"](event),
            f"{REPORT} <= <> R={MESSAGE} U=2147483641 P=local S=98",
        )
