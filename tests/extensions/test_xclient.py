"""
Tests for L{smtpx.extensions.xclient}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import PENDING, MayConnect
from smtpx.core.grammar import XTEXT, Malformed
from smtpx.core.hooks import SyncPoint, TLSInfo
from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IServerSession
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import reply
from smtpx.core.server import ServerConnection
from smtpx.core.trace import protocol
from smtpx.extensions.auth import Auth, AuthSettings
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.xclient import (
    ATTRIBUTES,
    LOGIN,
    PROXY,
    PROXY_PORT,
    XClient,
    XClientSettings,
)
from smtpx.testing.server import Answers, Said, ScriptedPort, talk
from tests.core.made import MadeServer

from .logins import Users

_HELLO = b"EHLO proxy.example\r\n"
_WORDS = b"XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"
_GREETING = b"220 mx.example.org ESMTP"
_PROXY = b"192.0.2.1"
_CLIENT = b"198.51.100.7"
_MAIL = b"MAIL FROM:<a@c.example>\r\n"
_NOT_YOU = reply(554, None, b"Not you")


def extension(*items: str) -> XClient:
    """XCLIENT for these hosts."""
    return XClient(XClientSettings(HostList.parse(items or ("192.0.2.0/24",))))


def proxied(
    octets: bytes, answers: Answers | None = None, secured: TLSInfo | None = None
) -> Said:
    """What is said to a proxy, after its EHLO."""
    return talk([extension()], _HELLO + octets, answers=answers, secured=secured)


class OfferTests(SynchronousTestCase):
    """Who may say for whom it speaks."""

    def test_theKeywordIsForListedHosts(self) -> None:
        """With the names of the attributes; others do not see it."""
        self.assertEqual(proxied(b"").last, b"250 " + _WORDS)
        said = talk([extension("192.0.2.2")], _HELLO)
        self.assertEqual(said.last, b"250 mx.example.org")

    def test_othersAreRefused(self) -> None:
        """Before what they say is looked at."""
        said = talk([extension("192.0.2.2")], _HELLO + b"XCLIENT ADDR=nonsense\r\n")
        self.assertEqual(said.last, b"550 5.7.0 Not for you")
        self.assertEqual(said.connection.peer, _PROXY)

    def test_aVerifiedNameMayBeListed(self) -> None:
        """As far as it is known."""
        said = talk([extension("proxy.example")])
        said.connection.peerName = b"proxy.example"
        said.feed(_HELLO)
        self.assertEqual(said.last, b"250 " + _WORDS)

    def test_byDefaultItIsNotThere(self) -> None:
        """Nobody is listed, so it costs nothing and nobody learns of it."""
        said = talk([XClient()], _HELLO + b"XCLIENT ADDR=192.0.2.9\r\n")
        self.assertEqual(said.codes, [220, 250, 500])
        self.assertEqual(ServerProfile().load([XClient()]).explain(), [])

    def test_configured(self) -> None:
        """The port stays."""
        heard: list[IServerSession] = []
        made = XClient(told=heard.append).configured(
            XClientSettings(HostList.parse(["*"]))
        )
        said = talk([made], _HELLO + b"XCLIENT PORT=9\r\n")
        self.assertEqual(heard, [said.connection])


class OverrideTests(SynchronousTestCase):
    """What is said holds."""

    def test_everything(self) -> None:
        """All attributes, and nothing is left of what was before."""
        said = proxied(
            b"XCLIENT NAME=spike.example ADDR=198.51.100.7 PORT=1234 PROTO=ESMTP"
            b" HELO=spike LOGIN=ann+40c.example DESTADDR=IPV6:2001:db8::25"
            b" DESTPORT=587\r\n"
        )
        self.assertEqual(said.last, _GREETING)
        session = said.connection
        self.assertEqual(
            (session.peer, session.peerPort, session.peerName),
            (_CLIENT, 1234, b"spike.example"),
        )
        self.assertEqual((session.local, session.localPort), (b"2001:db8::25", 587))
        self.assertEqual((session.helo, session.identity), (b"spike", b"ann@c.example"))
        self.assertEqual(protocol(session), "esmtpa")
        self.assertEqual(session.mechanism, "xclient")
        self.assertEqual(session.stamps[PROXY], _PROXY)
        self.assertEqual(session.stamps[PROXY_PORT], 40000)

    def test_whatIsNotKnown(self) -> None:
        """It is as unknown as it is of a client that never said it."""
        said = proxied(
            b"XCLIENT NAME=[TEMPUNAVAIL] ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]"
            b" PROTO=SMTP HELO=[UNAVAILABLE] LOGIN=[UNAVAILABLE]"
            b" DESTADDR=[UNAVAILABLE] DESTPORT=[UNAVAILABLE]\r\n"
        )
        session = said.connection
        self.assertEqual(said.last, _GREETING)
        self.assertEqual((session.peer, session.peerPort), (b"unknown", 0))
        self.assertEqual((session.local, session.localPort), (b"", 0))
        self.assertIsNone(session.peerName)
        self.assertIsNone(session.helo)
        self.assertIsNone(session.identity)

    def test_aNewAddressHasNoOldNameOrPort(self) -> None:
        """What was known of the proxy's address is not of the client's."""
        said = proxied(b"")
        said.connection.peerName = b"proxy.example"
        said.feed(b"XCLIENT ADDR=198.51.100.7\r\n")
        self.assertIsNone(said.connection.peerName)
        self.assertEqual(said.connection.peerPort, 0)

    def test_aNewPortChangesNothingElse(self) -> None:
        """What is not said stays as it was."""
        said = proxied(b"")
        said.connection.peerName = b"proxy.example"
        said.feed(b"XCLIENT PORT=9\r\n")
        session = said.connection
        self.assertEqual(
            (session.peer, session.peerPort, session.peerName),
            (_PROXY, 9, b"proxy.example"),
        )

    def test_aLoginOfNobody(self) -> None:
        """Written as nothing at all it is the same as unknown."""
        said = proxied(b"XCLIENT LOGIN=\r\n")
        self.assertEqual(said.last, _GREETING)
        self.assertIsNone(said.connection.identity)

    def test_aNameMayBeSaidFirst(self) -> None:
        """The manual has it so: the address last."""
        said = proxied(b"XCLIENT NAME=a.example\r\nXCLIENT ADDR=198.51.100.7\r\n")
        self.assertEqual(said.connection.peerName, b"a.example")
        self.assertEqual(said.connection.peer, _CLIENT)

    def test_whoItIsByNowMayOrMayNot(self) -> None:
        """The new client is not on the list, as in Postfix; one in the net is."""
        said = proxied(b"XCLIENT ADDR=192.0.2.9\r\nXCLIENT ADDR=198.51.100.7\r\n")
        self.assertEqual(said.codes[2:], [220, 220])
        said.feed(_HELLO)
        self.assertEqual(said.last, b"250 mx.example.org")
        said.feed(b"XCLIENT ADDR=192.0.2.1\r\n")
        self.assertEqual(said.codes[-1], 550)
        self.assertEqual(said.connection.stamps[PROXY], _PROXY)

    def test_aLoginHoldsForOneCommand(self) -> None:
        """Where the next says nothing of it, nobody has logged in."""
        said = proxied(b"XCLIENT LOGIN=ann\r\nXCLIENT PORT=1\r\n")
        self.assertIsNone(said.connection.identity)
        self.assertIsNone(said.connection.mechanism)
        said.feed(b"XCLIENT LOGIN=ann\r\nXCLIENT LOGIN=\r\n")
        self.assertIsNone(said.connection.identity)

    def test_aCertificateIsTheProxys(self) -> None:
        """TLS stays, but what the proxy proved is not proved of the client."""
        secured = TLSInfo(cipher="C", verified=True, subject="CN=proxy")
        said = proxied(b"XCLIENT ADDR=198.51.100.7\r\n", secured=secured)
        self.assertEqual(said.connection.secured, TLSInfo(cipher="C"))

    def test_demandedLoginsMayComeSo(self) -> None:
        """A proxy that checks passwords itself needs no AUTH of ours."""
        auth = Auth(AuthSettings(demanded=True), users=Users())
        said = talk([auth, extension()], _HELLO + _MAIL)
        self.assertEqual(said.codes[-1], 530)
        for command in (b"XCLIENT LOGIN=ann\r\n", _HELLO, _MAIL):
            said.feed(command)
        self.assertEqual(said.codes[-3:], [220, 250, 250])
        self.assertEqual(
            said.connection.logFields(), (("A", "xclient:ann"), ("PRX", _PROXY))
        )

    def test_whatLogsAndPoliciesSee(self) -> None:
        """That somebody speaks for the client, and who."""
        said = proxied(b"")
        self.assertFalse(said.connection.holds("xclient"))
        self.assertIsNone(said.connection.variable("xclient_proxy"))
        self.assertEqual(said.connection.logFields(), ())
        said.feed(b"XCLIENT ADDR=198.51.100.7\r\n")
        self.assertTrue(said.connection.holds("xclient"))
        self.assertEqual(said.connection.variable("xclient_proxy"), _PROXY)
        self.assertEqual(said.connection.logFields(), (("PRX", _PROXY),))


class PolicyTests(SynchronousTestCase):
    """The policy is asked of the new client."""

    def test_theNewClientIsAsked(self) -> None:
        """And may be refused, which ends the connection."""
        asked: list[bytes] = []

        def judge(question: MayConnect) -> object:
            asked.append(question.session.peer)
            return _NOT_YOU if question.session.peer == _CLIENT else None

        said = proxied(
            b"XCLIENT ADDR=198.51.100.7\r\n",
            {MayConnect: judge},
        )
        self.assertEqual(asked, [_PROXY, _CLIENT])
        self.assertEqual(said.last, b"554 Not you")
        self.assertTrue(said.connection.closed)

    def test_theAnswerMayComeLater(self) -> None:
        """Nothing is said meanwhile."""
        said = proxied(b"")
        said.port.answers = {MayConnect: lambda question: PENDING}
        self.assertEqual(said.feed(b"XCLIENT HELO=x\r\n"), b"")
        self.assertEqual(said.answer(None), _GREETING + b"\r\n")
        self.assertEqual(said.connection.helo, b"x")

    def test_earlyTalkIsJudgedAnew(self) -> None:
        """Whom the new client may be is what counts for extensions from now on."""
        relaxed: list[bytes] = []

        def watch(session: IServerSession) -> SyncPoint:
            relaxed.append(session.peer)
            return SyncPoint.NONE

        watching = MadeServer(lambda server: server.relax(watch))
        talk([watching, extension()], b"XCLIENT ADDR=198.51.100.7\r\n" + _HELLO)
        self.assertEqual(relaxed, [_PROXY, _CLIENT])


class SyntaxTests(SynchronousTestCase):
    """What is not done."""

    def test_notWithinATransaction(self) -> None:
        """503, and the transaction goes on."""
        said = proxied(_MAIL + b"XCLIENT ADDR=198.51.100.7\r\n")
        self.assertEqual(said.last[:9], b"503 5.5.1")
        self.assertIsNotNone(said.connection.envelope)
        self.assertEqual(said.connection.peer, _PROXY)

    def test_nothingHoldsOfABadCommand(self) -> None:
        """Not even what was good in it."""
        for words, complaint in (
            (b"", b"wants attribute=value"),
            (b" PORT=9 ADDR=x", b"ADDR: wants an IPv4 address, or IPV6: and an IPv6"),
            (b" PORT=9 REVERSE_NAME=x", b"no such attribute"),
            (b" PORT=9 PROTO=LMTP", b"PROTO: wants one of SMTP, ESMTP"),
            (b" PORT=9 LOGIN=+07", b"LOGIN: "),
            (b" PORT=9 LOGIN=+C2+AD", b"LOGIN: wants a name"),
            (b" PORT=9 NAME=", b"NAME: wants a value"),
        ):
            said = proxied(b"XCLIENT" + words + b"\r\n")
            self.assertIn(b"501 5.5.4 " + complaint, said.last)
            self.assertEqual(said.connection.peerPort, 40000)
            self.assertNotIn(PROXY, said.connection.stamps)

    def test_loginsArePrepared(self) -> None:
        """As those by AUTH are: spellings of one name are one user."""
        said = ATTRIBUTES.parse(b"LOGIN=bjo+CC+88rn")
        self.assertEqual(said[LOGIN], "björn".encode())

    @settings(max_examples=100, deadline=None)
    @given(st.text(max_size=20))
    def test_loginIsItsOwnInverse(self, name: str) -> None:
        """Whatever name there is."""
        try:
            wire = XTEXT.render(name.encode("utf-8", "surrogatepass")) or b""
            told = ATTRIBUTES.parse(LOGIN.name + b"=" + wire)
        except Malformed:
            return
        self.assertEqual(ATTRIBUTES.parse(told.render()), told)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=80))
    def test_anyOctets(self, octets: bytes) -> None:
        """220 or a refusal, and no trouble."""
        said = proxied(b"XCLIENT " + octets.replace(b"\n", b"") + b"\r\n")
        self.assertEqual(said.port.troubles, [])


class CutTests(SynchronousTestCase):
    """However the octets arrive."""

    octets = (
        _HELLO + b"XCLIENT PORT=9 HELO=x\r\nXCLIENT NAME=a.example\r\n"
        b"XCLIENT ADDR=198.51.100.7\r\n" + _HELLO
    )

    def connection(self) -> ServerConnection:
        """One that has greeted."""
        profile = ServerProfile(name=b"mx.example.org").load(
            [Pipelining(), extension()]
        )
        made = ServerConnection(profile, ScriptedPort(), _PROXY, 40000)
        made.start()
        return made

    def test_cutAnywhere(self) -> None:
        """The replies are the same."""
        whole = self.connection()
        wanted = whole.feed(_HELLO) + whole.feed(self.octets[len(_HELLO) :])
        self.assertEqual(wanted.count(b"220 "), 3)
        for cut in range(len(_HELLO), len(self.octets)):
            made = self.connection()
            got = made.feed(_HELLO)
            got += made.feed(self.octets[len(_HELLO) : cut])
            got += made.feed(self.octets[cut:])
            self.assertEqual(got, wanted, cut)
            self.assertEqual(made.peer, _CLIENT)
