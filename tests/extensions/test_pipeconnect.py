"""
Tests for L{smtpx.extensions.pipeconnect}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Conflict
from smtpx.core.hooks import (
    Forecast,
    Hello,
    RoutePolicy,
    Scope,
    Target,
    TLSInfo,
    TLSLevel,
)
from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IExtension
from smtpx.core.profile import ServerProfile
from smtpx.extensions.chunking import Chunking
from smtpx.extensions.pipeconnect import (
    IHelloMemory,
    PipeConnect,
    PipeConnectSettings,
    Spelling,
)
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.size import Size
from smtpx.extensions.starttls import StartTLS
from smtpx.testing.client import TARGET, ScriptedPeer, client, ehlo
from smtpx.testing.pair import Pair, pair
from smtpx.testing.server import Said, talk

_HELLO = b"EHLO c.example\r\n"
_EHLO = b"EHLO client.example.org\r\n"
_UNWANTED = RoutePolicy(TLSLevel.UNWANTED)
_ALL = HostList.parse(["*"])


@implementer(IHelloMemory)
class Memory:
    """
    A memory that forgets nothing by itself.

    @ivar right: of each answer, whether it was foreseen.
    @ivar forgotten: of each that was to be forgotten, whether it was under TLS.
    """

    def __init__(self) -> None:
        self.known: dict[Target, Forecast] = {}
        self.right: list[bool] = []
        self.forgotten: list[bool] = []

    def recall(self, target: Target) -> Forecast | None:
        """See L{IHelloMemory}."""
        return self.known.get(target)

    def remember(
        self, target: Target, secured: bool, hello: Hello, early: bool
    ) -> None:
        """See L{IHelloMemory}."""
        self.right.append(early)
        old = self.known.get(target, Forecast())
        self.known[target] = (
            Forecast(old.clear, hello) if secured else Forecast(hello, old.secured)
        )

    def forget(self, target: Target, secured: bool) -> None:
        """See L{IHelloMemory}."""
        self.forgotten.append(secured)
        old = self.known.pop(target, Forecast())
        if secured:
            self.known[target] = Forecast(old.clear)


def _extensions(
    memory: Memory | None = None, hosts: HostList = _ALL
) -> list[IExtension]:
    options = PipeConnectSettings(hostsPipeConnect=hosts)
    return [Pipelining(), PipeConnect(options, memory=memory)]


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def said(self, *items: str, early: bytes = b"", peer: bytes = b"192.0.2.1") -> Said:
        """What is said to a client, if these are the hosts."""
        options = PipeConnectSettings(HostList.parse(items))
        extensions = [Pipelining(), PipeConnect(options), Size()]
        return talk(extensions, b"" if early else _HELLO, early=early, peer=peer)

    def test_keywordStandsBehindPIPELINING(self) -> None:
        """And PIPELINING has to be there."""
        self.assertEqual(
            self.said("*").replies[2:4], [b"250-PIPELINING", b"250-PIPECONNECT"]
        )
        error = self.assertRaises(Conflict, ServerProfile().load, [PipeConnect()])
        self.assertEqual(str(error), "PIPECONNECT requires PIPELINING")

    def test_keywordIsForListedHosts(self) -> None:
        """Others do not see it, and may not talk early."""
        for peer, offered in ((b"192.0.2.1", True), (b"198.51.100.1", False)):
            said = self.said("192.0.2.0/24", peer=peer)
            self.assertEqual(b"250-PIPECONNECT" in said.replies, offered)
            said = self.said("192.0.2.0/24", peer=peer, early=_HELLO)
            self.assertEqual(said.connection.closed, not offered)
            self.assertEqual(said.replies[0][:3], b"220" if offered else b"554")

    def test_aVerifiedNameMayBeListed(self) -> None:
        """Names count as far as they are known."""
        options = PipeConnectSettings(HostList.parse(["*.d.example"]))
        said = talk([Pipelining(), PipeConnect(options)])
        said.feed(_HELLO)
        self.assertEqual(said.last, b"250 PIPELINING")
        said.connection.peerName = b"mail.d.example"
        said.feed(_HELLO)
        self.assertEqual(said.last, b"250 PIPECONNECT")

    def test_earlyCommandsAreAnsweredInOrder(self) -> None:
        """All replies, each once, with one write (the draft's section 3)."""
        said = self.said(
            "*",
            early=_HELLO + b"MAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example>\r\n",
        )
        self.assertEqual(said.codes, [220, 250, 250, 250])
        self.assertEqual(said.replies[0], b"220 mx.example.org ESMTP")

    def test_wholeTransactionsMayBeEarly(self) -> None:
        """A message by BDAT in the first flight is a message."""
        said = talk(
            [*_extensions(), Chunking()],
            early=_HELLO + b"MAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example>\r\n"
            b"BDAT 3 LAST\r\nx\r\nQUIT\r\n",
        )
        self.assertEqual(said.codes, [220, 250, 250, 250, 250, 221])
        self.assertEqual(said.port.bodies, [b"x\r\n"])

    def test_nothingStandsBehindSTARTTLS(self) -> None:
        """EHLO and STARTTLS may be early; more would be an injection."""
        extensions = [*_extensions(), StartTLS()]
        said = talk(extensions, early=_HELLO + b"STARTTLS\r\n", tlsReady=True)
        self.assertEqual(said.codes, [220, 250, 220])
        said = talk(extensions, early=_HELLO + b"STARTTLS\r\nNOOP\r\n", tlsReady=True)
        self.assertEqual(said.codes, [220, 250, 554])
        self.assertTrue(said.connection.closed)

    def test_keywordIsThereUnderTLSAsWell(self) -> None:
        """The EHLO under TLS has it again, and may be followed at once."""
        said = talk(
            [*_extensions(), StartTLS()], _HELLO + b"STARTTLS\r\n", tlsReady=True
        )
        said.secure()
        said.feed(_HELLO + b"MAIL FROM:<a@c.example>\r\n")
        self.assertEqual(said.replies[-2:], [b"250 PIPECONNECT", b"250 2.0.0 OK"])

    def test_nothingButEHLOBeginsASession(self) -> None:
        """
        Early talk that is no EHLO, nor the beginning of one, is junk: it is told so
        in place of the greeting, and once.
        """
        for early in (b"GET / HTTP/1.1\r\n", b"NOOP\r\n", b"\r\n", b"X", b"EHLOW"):
            said = self.said("*", early=early + b"MAIL FROM:<a@c.example>\r\n")
            self.assertEqual(said.codes, [554], early)
            self.assertTrue(said.connection.closed)
        for early in (b"ehlo c.example\r\n", b"HELO c.example\r\n", b"E", b"EHLO "):
            said = self.said("*", early=early)
            self.assertEqual(said.codes[0], 220, early)

    def test_theKeywordGoesWithTheFirstMessage(self) -> None:
        """As in Exim: behind DATA or BDAT there is no leave any more to be early."""
        group = b"MAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example>\r\n"
        for last in (b"DATA\r\nx\r\n.\r\n", b"BDAT 3 LAST\r\nx\r\n", b"DATA\r\n"):
            extensions = [*_extensions(), Chunking(), StartTLS()]
            said = talk(extensions, _HELLO, tlsReady=True)
            said.feed(b"RSET\r\n" + _HELLO)
            self.assertEqual(said.replies.count(b"250-PIPECONNECT"), 2)
            if last == b"DATA\r\n":
                said.feed(last)
            else:
                for line in (group + last).splitlines(True):
                    said.feed(line)
            before = len(said.replies)
            said.feed(_HELLO)
            self.assertNotIn(b"PIPECONNECT", b"".join(said.replies[before:]))
            self.assertIn(b"250-PIPELINING", said.replies[before:])
            self.assertTrue(said.connection.earlyHello)
            said.feed(_HELLO + b"MAIL FROM:<a@c.example>\r\n")
            self.assertEqual(said.codes[-1], 554)

    def test_oldNames(self) -> None:
        """Some clients know only an old name of the keyword; never are there two."""
        for spelling in Spelling:
            options = PipeConnectSettings(
                pipeliningConnectLegacyNames=HostList.parse(["192.0.2.0/24"]),
                pipeliningConnectLegacySpelling=spelling,
            )
            old = spelling.value.encode("ascii")
            for peer, keyword in ((b"192.0.2.1", old), (b"::1", b"PIPECONNECT")):
                said = talk([Pipelining(), PipeConnect(options)], _HELLO, peer=peer)
                self.assertEqual(
                    said.replies[2:], [b"250-PIPELINING", b"250 " + keyword]
                )

    def test_oldNamesAreForTheListedOnly(self) -> None:
        """Who may not talk early is offered no name for it."""
        options = PipeConnectSettings(
            HostList.parse(["!192.0.2.1", "*"]), pipeliningConnectLegacyNames=_ALL
        )
        said = talk([Pipelining(), PipeConnect(options)], _HELLO, peer=b"192.0.2.1")
        self.assertEqual(said.last, b"250 PIPELINING")

    def test_isConfigured(self) -> None:
        """Other settings make another extension, with the same memory."""
        memory = Memory()
        options = PipeConnectSettings(HostList())
        before = PipeConnect(memory=memory)
        extension = before.configured(options)
        self.assertIs(extension.options, options)
        self.assertIs(extension.memory, memory)
        self.assertIs(extension.offers, before.offers)


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def setUp(self) -> None:
        """A memory, of nothing so far."""
        self.memory = Memory()
        self.assertTrue(verifyObject(IHelloMemory, self.memory))

    def joined(self, *more: IExtension, policy: RoutePolicy = _UNWANTED) -> Pair:
        """A client with the memory, and a server that has the keyword."""
        return pair(
            [*_extensions(), *more],
            [*_extensions(self.memory), *more],
            policy=policy,
            tlsReady=True,
        )

    def test_theFirstTimeIsSlow(self) -> None:
        """The response is learnt, and the next EHLO does not wait."""
        first = self.joined()
        first.start()
        self.assertEqual(first.said, b"")
        first.greet()
        self.assertEqual([*self.memory.known], [TARGET])
        second = self.joined()
        second.start()
        second.deliver(
            Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")]), b"x\r\n"
        )
        second.greet()
        self.assertEqual(
            second.flights[0].octets,
            _EHLO + b"MAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example>\r\nDATA\r\n",
        )
        self.assertEqual(second.codes, [250])
        self.assertEqual(second.roundTrips, 2)
        self.assertEqual(first.recorded, (("L", True),))
        self.assertEqual(second.recorded, (("L", True), ("L*", True)))

    def test_aSmallMessageIsOneFlight(self) -> None:
        """With CHUNKING, all of it goes before the greeting."""
        self.joined(Chunking()).open()
        second = self.joined(Chunking())
        second.start()
        second.deliver(
            Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")], 3), b"x\r\n"
        )
        second.greet()
        self.assertEqual(second.codes, [250])
        self.assertEqual(second.bodies, [b"x\r\n"])
        self.assertEqual(second.roundTrips, 1)

    def test_clearAndSecuredAreKnownApart(self) -> None:
        """With STARTTLS: EHLO and STARTTLS go early, then EHLO under TLS."""
        policy = RoutePolicy()
        self.joined(StartTLS(), policy=policy).open()
        known = self.memory.known[TARGET]
        assert known.clear is not None and known.secured is not None
        self.assertIn((b"STARTTLS", None), known.clear.keywords)
        self.assertNotIn((b"STARTTLS", None), known.secured.keywords)
        second = self.joined(StartTLS(), policy=policy)
        second.start()
        second.greet()
        self.assertEqual(second.flights[0].octets, _EHLO + b"STARTTLS\r\n")
        self.assertTrue(second.client.ready)

    def test_hostsThatAreNotListedAreNotTried(self) -> None:
        """Nothing is remembered of them either; nobody is listed by default."""
        self.assertEqual(PipeConnectSettings().hostsPipeConnect, HostList())
        for items, tried in (
            ([], False),
            (["198.51.100.0/24"], False),
            (["mx.example.org"], True),
            (["192.0.2.25"], True),
        ):
            memory = Memory()
            extensions = _extensions(memory, HostList.parse(items))
            pair(_extensions(), extensions).open()
            self.assertEqual(bool(memory.known), tried, items)
            memory.known[TARGET] = Forecast(Hello(b"mx.example.org"))
            early = ScriptedPeer(client(extensions)).start()
            self.assertEqual(early, _EHLO if tried else b"", items)

    def test_withoutAMemoryThereIsNoForecast(self) -> None:
        """The client waits for the greeting."""
        joined = pair(_extensions(), _extensions())
        joined.start()
        self.assertEqual(joined.said, b"")
        joined.greet()
        self.assertTrue(joined.client.ready)

    def test_oldSpellingsAreUnderstood(self) -> None:
        """Those of Exim before 4.96, with or without a parameter behind them."""
        for word in (
            b"PIPECONNECT",
            b"pipe_connect",
            b"X_PIPE_CONNECT",
            b"PIPECONNECT x=1",
        ):
            peer = ScriptedPeer(client(_extensions(self.memory)))
            peer.open(b"PIPELINING", word)
            self.assertIn(TARGET, self.memory.known, word)
            self.memory.known.clear()

    def test_hostWithoutTheKeywordIsForgotten(self) -> None:
        """And is talked to slowly the next time."""
        hello = Hello(b"mx.example.org", ((b"PIPELINING", None),))
        self.memory.known[TARGET] = Forecast(hello)
        peer = ScriptedPeer(client(_extensions(self.memory)))
        self.assertEqual(peer.start(), _EHLO)
        peer.say(b"220 mx.example.org ESMTP\r\n" + ehlo(b"PIPELINING"))
        self.assertEqual(self.memory.known, {})

    def test_hostThatDoesNotLikeItIsForgotten(self) -> None:
        """
        A 554 to the early talk is no fault of the message: the same host is to
        be tried again, without a forecast.
        """
        self.joined().open()
        extensions = _extensions(self.memory)
        joined = pair([Pipelining()], extensions, policy=_UNWANTED)
        joined.start()
        joined.deliver(Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")]))
        joined.greet()
        self.assertIs(joined.settled[0].scope, Scope.SESSION)
        self.assertEqual(self.memory.known, {})

    def test_eachWayIsForgottenByItself(self) -> None:
        """
        A host that offers it in the clear only is talked to early there; what failed
        under TLS says nothing of what comes before.
        """
        offering = [b"PIPELINING", b"PIPECONNECT", b"STARTTLS"]
        for under, left in (
            (ehlo(b"PIPELINING"), True),
            (b"554 5.5.0 No\r\n", True),
            (ehlo(*offering), False),
        ):
            memory = Memory()
            hello = Hello(b"mx.example.org", tuple((word, None) for word in offering))
            memory.known[TARGET] = Forecast(hello, hello)
            peer = ScriptedPeer(
                client([*_extensions(memory), StartTLS()]), tls=TLSInfo()
            )
            peer.start()
            peer.say(b"220 mx.example.org\r\n" + ehlo(*offering) + b"220 go\r\n")
            peer.say(under)
            self.assertEqual(memory.forgotten, [True] if left else [])
            self.assertIsNotNone(memory.known[TARGET].clear)

    def test_howOftenItWasRight(self) -> None:
        """Only what was foreseen, and was so, counts."""
        for word in (b"SIZE", b"SIZE", b"DSN"):
            peer = ScriptedPeer(client(_extensions(self.memory)))
            peer.start()
            peer.say(b"220 mx\r\n")
            peer.say(ehlo(b"PIPELINING", b"PIPECONNECT", word))
        self.assertEqual(self.memory.right, [False, True, False])

    def test_plainFailuresSayNothing(self) -> None:
        """A host that was not talked to early, and turns us away, has its reasons."""
        for options, forgotten in ((None, [False]), (Forecast(), [])):
            memory = Memory()
            memory.known[TARGET] = Forecast(Hello(b"mx.example.org"))
            peer = ScriptedPeer(client(_extensions(memory), forecast=options))
            peer.start()
            peer.say(b"554 5.3.2 Not now\r\n")
            self.assertEqual(memory.forgotten, forgotten)

    def test_whatIsNeededIsIgnored(self) -> None:
        """Where the route ignores PIPELINING, or the keyword, it is as without it."""
        for word in (b"PIPELINING", b"PIPECONNECT"):
            self.memory.known[TARGET] = Forecast(Hello(b"mx.example.org"))
            connection = client(_extensions(self.memory), ignored=frozenset({word}))
            peer = ScriptedPeer(connection)
            self.assertEqual(peer.start(), b"")
            peer.say(b"220 mx\r\n")
            peer.say(ehlo(b"PIPELINING", b"PIPECONNECT"))
            self.assertEqual((self.memory.right, self.memory.forgotten), ([], []))

    def test_renamed(self) -> None:
        """
        Where what we call ourselves is found out behind the connection only, nothing is
        said before, and nothing remembered.
        """
        target = evolve(TARGET, renamed=True)
        self.memory.known[target] = Forecast(Hello(b"mx.example.org"))
        peer = ScriptedPeer(client(_extensions(self.memory), target=target))
        self.assertEqual(peer.start(), b"")
        peer.say(b"220 mx\r\n")
        peer.say(ehlo(b"PIPELINING", b"PIPECONNECT"))
        self.assertEqual(self.memory.right, [])

    def test_logged(self) -> None:
        """As early, unless the host turned out to have given it up."""
        offering = (b"PIPELINING", b"PIPECONNECT")
        hello = Hello(b"mx.example.org", tuple((word, None) for word in offering))
        for words, fields in (
            (offering, (("L", True), ("L*", True))),
            (offering[:1], (("L", True),)),
        ):
            memory = Memory()
            memory.known[TARGET] = Forecast(hello)
            peer = ScriptedPeer(client(_extensions(memory)))
            peer.start()
            peer.say(b"220 mx\r\n" + ehlo(*words))
            self.assertEqual(peer.connection.logFields(), fields)

    def test_behindAHandshakeThatComesFirst(self) -> None:
        """Where TLS comes first, EHLO and all that follows is the first flight."""
        target = evolve(TARGET, port=465, implicitTLS=True)
        words = (b"PIPELINING", b"PIPECONNECT")
        message = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")], 3)
        group = b"MAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example>\r\n"
        for keywords, body in (
            (words, b"DATA\r\n"),
            ((*words, b"CHUNKING"), b"BDAT 3 LAST\r\nx\r\n"),
        ):
            memory = Memory()
            hello = Hello(b"mx.example.org", tuple((word, None) for word in keywords))
            memory.known[target] = Forecast(None, hello)
            extensions = [*_extensions(memory), StartTLS(), Chunking()]
            policy = RoutePolicy(TLSLevel.VERIFIED)
            connection = client(
                extensions,
                policy=policy,
                target=target,
                secured=TLSInfo(verified=True),
            )
            peer = ScriptedPeer(connection)
            self.assertEqual(peer.start(), _EHLO)
            self.assertEqual(peer.deliver(message, b"x\r\n"), group + body)
            peer.say(b"220 mx\r\n" + ehlo(*keywords) + b"250 ok\r\n" * 2)
            peer.say(b"354 go\r\n" if body == b"DATA\r\n" else b"")
            peer.say(b"250 ok\r\n")
            self.assertEqual(peer.codes, [250])
            self.assertEqual(memory.right, [True])
