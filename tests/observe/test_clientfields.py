"""
The fields of the main log that tell of a client, its TLS and its message.
"""

from __future__ import annotations

import re
from itertools import product

from attrs import evolve
from hypothesis import given, settings, strategies

from smtpx.core.hooks import TLSInfo
from smtpx.core.reply import OK
from smtpx.extensions.auth import SUBMITTER
from smtpx.net.submission import MADE_MESSAGE_ID
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.journal import (
    Journal,
    noteMessageID,
    noteSubject,
)

from .mainlogs import SESSION, MainLogTestCase, X
from .stories import MESSAGE, TLS, envelope, visit


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
        early: bool = False,
        pipelined: bool = False,
        subject: bytes | None = None,
        made: bool = False,
    ) -> str:
        """
        The line of one message.

        @param early: did it talk before the greeting?
        @param pipelined: was it told that it may, and did?
        @param made: have we made the Message-ID?
        """

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit(*fields, secured=secured)
            session.helo, session.peerName = helo, name
            session.early = early
            session.batched = session._pipelined = pipelined
            session.envelope = envelope(sender, *paths)
            if login is not None:
                session.identity = login[0]
                session.mechanism = login[1].lower()
                journal.authenticated(session, login[1], True)
            if messageID is not None:
                noteMessageID(session, messageID)
            if subject is not None:
                noteSubject(session, subject)
            if made:
                assert messageID is not None
                session.envelope.stamps[MADE_MESSAGE_ID] = messageID.strip(b"<>")
            journal.accepted(session, session.envelope, MESSAGE, OK)

        return self.line(tell, *chosen)

    def test_overAUNIXSocket(self) -> None:
        """A client without an address has none in the log, and no port either."""
        shown = []
        for helo in (b"mail.example.org", None):

            def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
                session = visit()
                session.peer = session.local = b""
                session.peerPort = session.localPort = 0
                session.helo = helo  # noqa: B023  # called before the next
                journal.accepted(session, envelope(), MESSAGE, OK)

            line = self.line(tell, "+incoming_port", "+incoming_interface")
            shown.append(line.partition(" H=")[2].partition(" P=")[0])
        self.assertEqual(shown, ["(mail.example.org)", "unknown"])

    def test_howTheClientTalked(self) -> None:
        """
        C{L}: it was told that it may pipeline, C{-}: it did not; C{.}: it need not
        have waited for our greeting, C{*}: it has not.
        """
        shown = []
        for early, hello, batched in product((False, True), repeat=3):

            def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
                session = visit()
                session._pipelined = True
                session._earlyHello = hello  # noqa: B023  # called before the next
                session.early = early  # noqa: B023
                session.batched = batched  # noqa: B023
                journal.accepted(session, envelope(), MESSAGE, OK)

            found = re.search(r"P=esmtp (L\S*) S=", self.line(tell, "+pipelining"))
            assert found is not None
            shown.append(found[1])
        self.assertEqual(shown, ["L-", "L", "L.-", "L.", "L*-", "L*", "L*-", "L*"])

    def test_whoSaidHELO(self) -> None:
        """C{smtps} is Exim's word where the Received field has none; no C{L}."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit(secured=TLS)
            session.extended = False
            journal.accepted(session, envelope(), MESSAGE, OK)

        self.assertIn(" P=smtps X=", self.line(tell, "+pipelining"))

    def test_implicitTLSHasNamesOfItsOwn(self) -> None:
        """C{P=essmtp} instead of C{esmtps}, for who wants to tell them apart."""
        onConnect = evolve(TLS, onConnect=True)
        for secured, shown in ((TLS, "esmtps"), (onConnect, "essmtp")):
            line = self.arrival("+tls_on_connect", secured=secured)
            self.assertIn(f" P={shown} X=", line)
        self.assertIn(" P=esmtps X=", self.arrival(secured=onConnect))

    def test_aMessageIDOfOurs(self) -> None:
        """It has a star, and is shown only if wished."""
        for chosen, shown in (((), ""), (("+msg_id_created",), " id*=abc@example.org")):
            line = self.arrival(*chosen, messageID=b"<abc@example.org>", made=True)
            self.assertTrue(line.endswith(f" S=1204{shown}"), line)

    def test_theNumberOfBitsIsShownIfWished(self) -> None:
        """C{M8S=8}: the client said BODY=8BITMIME; C{0}: it said nothing."""
        eight = (("M8S", 8),)
        self.assertIn(" S=1204 M8S=8", self.arrival("+8bitmime", fields=eight))
        self.assertIn(" S=1204 M8S=0", self.arrival("+8bitmime"))
        self.assertNotIn("M8S", self.arrival(fields=eight))

    def test_whoSubmittedItIsShownIfWished(self) -> None:
        """What MAIL said by C{AUTH=}, behind who logged in, as in Exim."""

        def line(*chosen: str, login: bool = True) -> str:
            def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
                session = visit()
                if login:
                    session.identity, session.mechanism = b"ann", "plain"
                held = envelope()
                held.stamps[SUBMITTER] = b"eve@example.org"
                journal.accepted(session, held, MESSAGE, OK)

            return self.line(tell, *chosen)

        self.assertIn(" A=plain:ann:eve@example.org S=", line("+smtp_mailauth"))
        self.assertIn(" A=plain:ann S=", line())
        self.assertNotIn("A=", line("+smtp_mailauth", login=False))

    def test_aProxyIsShownIfWished(self) -> None:
        """Who brought the client is of interest to some."""
        line = self.arrival(fields=(("PRX", b"192.0.2.99"),))
        self.assertNotIn("PRX", line)

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
                "-pid",
                fields=(
                    ("ARC", True),
                    ("K", True),
                    ("M8S", 8),
                    ("PRX", b"192.0.2.99"),
                    ("PRDR", True),
                ),
                early=True,
                pipelined=True,
                subject=b'Your "order" H=x',
                secured=TLS,
                login=(b"ann", "PLAIN"),
                messageID=b"<abc@example.org>",
                paths=(b"bob@example.com", b"eve@example.com"),
                name=b"client.example.net",
            ),
            f"{MESSAGE} <= ann@example.org "
            "H=client.example.net (mail.example.org) [192.0.2.7]:4567 "
            f"I=[192.0.2.25]:25 Ci={SESSION} P=esmtpsa L* "
            f'{X}* CV=no DN="CN=ann \\x22the\\x22 boss" SNI=mx.example.org '
            "A=plain:ann PRDR PRX=192.0.2.99 K S=1204 M8S=8 ARC RT=0.000s "
            "id=abc@example.org "
            'T="Your \\x22order\\x22 H\\x3dx" '
            "from <ann@example.org> for bob@example.com eve@example.com",
        )

    def test_theDefaultsAreExims(self) -> None:
        """Cipher, verification and Message-ID are shown, ports are not."""
        self.assertEqual(
            self.arrival(
                pipelined=True,
                secured=TLS,
                messageID=b"<abc@example.org>",
                subject=b"x",
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
