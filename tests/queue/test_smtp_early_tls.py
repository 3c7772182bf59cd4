"""
Tests for L{smtpx.queue.smtp} with PIPECONNECT, TLS and logins: what becomes of messages
where a host is not as it was remembered; and what the client calls itself.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from smtpx.core.hooks import RoutePolicy, TLSLevel, TLSOptions
from smtpx.knowledge.kinds import EHLO as EHLO_RECORDS
from smtpx.net.ownname import OwnName, SendingName
from smtpx.net.sending import Way
from smtpx.sasl import Credentials
from smtpx.spool.format import Fate
from smtpx.spool.via import Cause
from smtpx.testing import (
    GREETING,
    Fault,
    ScriptedServer,
    answered,
    cut,
    reset,
    silent,
)
from smtpx.testing.faults import End
from tests.net.clients import ADDRESS
from tests.net.test_client_tls import TRUSTING, serverTLS

from .primed import EHLO_LINE, FLIGHT, GROUP, OFFERED, PrimedCase

_DAY = 86400.0
EHLO_KIND = EHLO_RECORDS.name


class TLSTests(PrimedCase):
    """With STARTTLS."""

    way = Way()

    def setUp(self) -> None:
        """The host has a certificate, and was met once."""
        PrimedCase.setUp(self)
        self.begin(self.knowledge, tls=TRUSTING)
        self.tls = serverTLS(self, "mx.example.org")
        self.server = self.serve(tls=self.tls)
        self.send()

    def test_flights(self) -> None:
        """EHLO and STARTTLS; then EHLO and all that can stand behind it."""
        for level in (TLSLevel.OPPORTUNISTIC, TLSLevel.ENCRYPTED, TLSLevel.VERIFIED):
            self.way = Way(RoutePolicy(level))
            [outcome] = self.send()
            self.assertIs(outcome.fate, Fate.DELIVERED)
            self.assertEqual(self.flights()[:2], [EHLO_LINE + b"STARTTLS\r\n", FLIGHT])
            self.assertTrue(self.server.messages[-1].secured)

    def test_records(self) -> None:
        """What is said in the clear and under TLS is kept apart."""
        clear, secured = self.known(), self.known(b"starttls")
        assert clear is not None and clear.hello is not None
        assert secured is not None and secured.hello is not None
        self.assertIn(b"STARTTLS", dict(clear.hello.keywords))
        self.assertNotIn(b"STARTTLS", dict(secured.hello.keywords))

    def test_onlyInTheClear(self) -> None:
        """A host that offers it in the clear only is talked to early there."""
        self.knowledge.forget(EHLO_KIND, b"mx.example.org [192.0.2.25]:25 starttls")
        hidden = b"250-scripted.example\r\n250 PIPELINING\r\n"
        self.server.faults = (Fault(b"EHLO", nth=2, reply=hidden),)
        for _ in range(3):
            [outcome] = self.send()
            self.assertIs(outcome.fate, Fate.DELIVERED)
            self.assertEqual(
                self.flights()[:2], [EHLO_LINE + b"STARTTLS\r\n", EHLO_LINE]
            )
        self.assertEqual(len(self.server.sessions), 4)

    def turnedAway(self, *faults: Fault) -> None:
        """
        Something is otherwise in the early session: it is tried again at once, plainly,
        and delivered once, under TLS.
        """
        number = len(self.server.sessions) + 1
        taken = len(self.server.messages)
        self.server.faults = tuple(each.inSession(number) for each in faults)
        [outcome] = self.send(seconds=400)
        self.assertIs(outcome.fate, Fate.DELIVERED)
        assert outcome.via is not None
        self.assertIsNotNone(outcome.via.tls)
        self.assertNotIn("L*", dict(outcome.via.fields))
        self.assertEqual(len(self.server.sessions), number + 1)
        self.assertEqual(self.flights(number - 1)[0], EHLO_LINE + b"STARTTLS\r\n")
        self.assertEqual(self.flights(number)[:2], [EHLO_LINE, b"STARTTLS\r\n"])
        self.assertTrue(all(each.secured for each in self.server.messages))
        self.assertEqual(len(self.server.messages), taken + 1)
        self.assertNoHint()

    def test_turnedAway(self) -> None:
        """In the clear, before TLS."""
        for fault in (
            Fault(GREETING, reply=b"554 5.5.0 Early\r\n", end=End.CLOSE),
            answered(GREETING, b"450 4.3.2 Not now"),
            answered(b"EHLO", b"501 5.5.2 What?"),
            answered(b"EHLO", b"nothing"),
            reset(GREETING),
            silent(GREETING),
        ):
            self.turnedAway(fault)
            self.network.advance(_DAY)
            self.send()

    def test_turnedAwayUnderTLS(self) -> None:
        """With the first reply under TLS; the clear part is not to blame."""
        for fault in (
            answered(b"EHLO", b"554 5.5.0 Early", nth=2),
            answered(b"EHLO", b"nothing", nth=2),
            cut(b"EHLO", nth=2),
            silent(b"EHLO", nth=2),
        ):
            self.turnedAway(fault)
            self.send()
            self.assertEqual(
                self.flights()[:2], [EHLO_LINE + b"STARTTLS\r\n", EHLO_LINE]
            )
            self.network.advance(_DAY)
            self.send()

    def test_notOfferedAnyMore(self) -> None:
        """
        STARTTLS is gone: whether it goes in the clear is for the route to say, on what
        the host says now.
        """
        self.server = plain = self.serve()
        [outcome] = self.send()
        self.assertIs(outcome.fate, Fate.DELIVERED)
        self.assertEqual(self.flights(1)[0], EHLO_LINE + b"STARTTLS\r\n")
        self.assertNotIn(b"MAIL", self.flights(1)[0])
        self.way = Way(RoutePolicy(TLSLevel.ENCRYPTED))
        self.send()
        self.assertEqual(len(plain.messages), 1)

    def test_offeredNow(self) -> None:
        """
        A host that had no TLS, and has it now: no MAIL leaves in the clear before that
        is known.
        """
        self.setUp()
        self.knowledge.forget(EHLO_KIND, b"mx.example.org [192.0.2.25]:25 clear")
        self.server = self.serve()
        self.send()
        self.server = self.serve(tls=self.tls)
        [outcome] = self.send()
        self.assertIs(outcome.fate, Fate.DELIVERED)
        self.assertEqual(self.flights()[:2], [EHLO_LINE, b"STARTTLS\r\n"])
        self.assertEqual([each.secured for each in self.server.messages], [True])


class Handshaken:
    """A server whose connections begin with a handshake."""

    def __init__(self, server: ScriptedServer, creator: Any) -> None:
        self.server = server
        self.creator = creator

    def buildProtocol(self, address: Any) -> Any:
        """A client has connected."""
        protocol: Any = self.server.buildProtocol(address)
        made = protocol.makeConnection

        def begin(transport: Any) -> None:
            transport.startTLS(self.creator)
            protocol.session.secured = True
            made(transport)

        # What it says waits for the handshake.
        protocol.makeConnection = begin
        return protocol


class ImplicitTLSTests(PrimedCase):
    """With TLS from the start."""

    way = Way(RoutePolicy(TLSLevel.VERIFIED), implicitTLS=True)

    def setUp(self) -> None:
        """The host was met once."""
        PrimedCase.setUp(self)
        self.begin(self.knowledge, tls=TRUSTING)
        creator = serverTLS(self, "mx.example.org").creator(TLSOptions())
        self.network.hosts[ADDRESS, 25] = Handshaken(self.server, creator)
        [outcome] = self.send()
        self.assertIs(outcome.fate, Fate.DELIVERED)

    def test_flights(self) -> None:
        """EHLO and all that can stand behind it, before the greeting."""
        self.send()
        self.assertEqual(self.flights()[0], FLIGHT)
        self.assertTrue(self.server.messages[-1].secured)
        self.assertIsNotNone(self.known(b"implicit"))
        self.assertIsNone(self.known())

    def test_turnedAway(self) -> None:
        """It is tried again at once, plainly; the host has no trouble."""
        for number, fault in enumerate(
            (
                Fault(GREETING, reply=b"554 5.5.0 Early\r\n", end=End.CLOSE),
                answered(b"EHLO", b"501 5.5.2 What?"),
                cut(b"EHLO"),
                silent(GREETING),
            ),
            1,
        ):
            at = len(self.server.sessions) + 1
            self.server.faults = (fault.inSession(at),)
            [outcome] = self.send(seconds=400)
            self.assertIs(outcome.fate, Fate.DELIVERED)
            self.assertEqual(self.flights(at - 1)[0], FLIGHT)
            self.assertEqual(self.flights(at)[0], EHLO_LINE)
            self.assertEqual(len(self.server.messages), 2 * number)
            self.assertNoHint()
            self.network.advance(_DAY)
            self.send()


class LoginTests(PrimedCase):
    """With a login, under TLS."""

    logsIn = True
    LOGIN = b"AUTH PLAIN AHVzZXIAcGVuY2ls\r\n"

    def setUp(self) -> None:
        """The host has a certificate and logins, and was met once."""
        PrimedCase.setUp(self)
        self.begin(self.knowledge, tls=TRUSTING)
        self.way = Way(
            RoutePolicy(TLSLevel.VERIFIED), login=Credentials(b"user", b"pencil")
        )
        tls = serverTLS(self, "mx.example.org")
        self.server = self.serve(keywords=(*OFFERED, b"AUTH PLAIN"), tls=tls)
        self.send()

    def test_flights(self) -> None:
        """EHLO and STARTTLS; EHLO and AUTH; then the message."""
        [outcome] = self.send()
        self.assertIs(outcome.fate, Fate.DELIVERED)
        mail = GROUP.replace(b" SIZE=28", b" SIZE=28 AUTH=<>")
        self.assertEqual(
            self.flights()[:3],
            [EHLO_LINE + b"STARTTLS\r\n", EHLO_LINE + self.LOGIN, mail + b"DATA\r\n"],
        )
        assert outcome.via is not None
        self.assertIn("L*", dict(outcome.via.fields))
        self.assertEqual(dict(outcome.via.fields)["A"], "plain:user")

    def test_gone(self) -> None:
        """
        AUTH is not offered any more, and refused: at once once more, plainly, and what
        the host says then is what counts.
        """
        self.server.faults = (
            Fault(
                b"EHLO",
                nth=2,
                session=2,
                reply=b"250-scripted.example\r\n250-PIPECONNECT\r\n250 PIPELINING\r\n",
            ),
            answered(b"AUTH", b"503 5.5.1 No AUTH").inSession(2),
        )
        [outcome] = self.send()
        self.assertIs(outcome.fate, Fate.DELIVERED)
        self.assertEqual(self.flights(1)[1], EHLO_LINE + self.LOGIN)
        self.assertEqual(self.flights(2)[1:3], [b"STARTTLS\r\n", EHLO_LINE])
        self.assertEqual(len(self.server.messages), 2)
        self.assertNoHint()

    def test_goneForGood(self) -> None:
        """It waits, and is not sent without a login; nobody's message is returned."""
        self.server.keywords = OFFERED
        self.server.faults = (answered(b"AUTH", b"503 5.5.1 No AUTH"),)
        [outcome] = self.send()
        self.assertEqual((outcome.fate, outcome.cause), (Fate.WAITING, Cause.LOGIN))
        self.assertEqual(len(self.server.sessions), 3)
        self.assertEqual(len(self.server.messages), 1)
        self.assertNoHint()

    def test_wrongPassword(self) -> None:
        """It is told once: a host that is as it was has said what it meant."""
        self.server.faults = (answered(b"AUTH", b"535 5.7.8 Wrong"),)
        [outcome] = self.send()
        self.assertEqual((outcome.fate, outcome.cause), (Fate.WAITING, Cause.LOGIN))
        self.assertEqual(len(self.server.sessions), 2)

    def test_tooEarly(self) -> None:
        """503 from a host that is as it was: it is said again, in the same session."""
        self.server.faults = (answered(b"AUTH", b"503 5.5.1 EHLO first"),)
        [outcome] = self.send()
        self.assertIs(outcome.fate, Fate.DELIVERED)
        self.assertEqual(self.flights()[1:3], [EHLO_LINE + self.LOGIN, self.LOGIN])
        self.assertEqual(len(self.server.sessions), 2)


class RenamedTests(PrimedCase):
    """A client that calls itself by where its connections come from."""

    def setUp(self) -> None:
        """The DNS knows one address."""
        PrimedCase.setUp(self)
        self.names = {b"198.51.100.9": b"nine.example.org"}
        self.asked: list[bytes] = []
        self.begin(self.knowledge, answers={SendingName: self.answer})

    def answer(self, asked: SendingName) -> bytes | None:
        """The name of an address."""
        self.asked.append(asked.address)
        return self.names.get(asked.address)

    def test_byTheSystem(self) -> None:
        """
        Where the system chooses the address, nothing is said early, and nothing
        remembered.
        """
        for name, said in (
            (OwnName.ADDRESS, b"[198.51.100.9]"),
            (OwnName.NAME, b"nine.example.org"),
        ):
            self.way = evolve(self.way, name=name)
            for _ in range(3):
                [outcome] = self.send()
                self.assertIs(outcome.fate, Fate.DELIVERED)
                self.assertEqual(self.flights()[0], b"EHLO %b\r\n" % said)
        self.assertEqual(len(self.knowledge), 0)

    def test_rememberedOtherwise(self) -> None:
        """Nor what is remembered for a route that calls itself otherwise used."""
        self.send()
        self.way = evolve(self.way, name=OwnName.ADDRESS)
        self.send()
        self.assertEqual(self.flights()[0], b"EHLO [198.51.100.9]\r\n")

    def test_byTheRoute(self) -> None:
        """Where the route says which address it is, all is known before."""
        source = b"198.51.100.9"
        for name in (OwnName.ADDRESS, OwnName.NAME):
            self.way = evolve(self.way, name=name, sourceIPv4=source)
            self.send()
            self.send()
            self.assertTrue(self.flights()[0].endswith(GROUP + b"DATA\r\n"))
        self.assertEqual(self.flights()[0][:24], b"EHLO nine.example.org\r\nM")
        self.assertEqual(set(self.asked), {source})

    def test_noName(self) -> None:
        """An address without a name, or with one that cannot be said."""
        self.way = evolve(self.way, name=OwnName.NAME)
        for name in (None, b"", b"two words", b"a\r\nQUIT"):
            self.names[b"198.51.100.9"] = name  # type: ignore[assignment]  # of the DNS
            self.send()
            self.assertEqual(self.flights()[0], EHLO_LINE)

    def test_nobodyKnowsNames(self) -> None:
        """A client without a DNS calls itself what it always does."""
        self.begin(self.knowledge)
        self.way = evolve(self.way, name=OwnName.NAME)
        self.send()
        self.assertEqual(self.flights()[0], EHLO_LINE)
