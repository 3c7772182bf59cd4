"""
Tests for L{smtpx.extensions.tlsresume}.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import evolve, fields
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.hooks import (
    Forecast,
    Hello,
    LookupLevel,
    RoutePolicy,
    Target,
    TLSInfo,
    TLSLevel,
    TLSOptions,
)
from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IClientBuilder, IExtension
from smtpx.core.stapled import StapleWish
from smtpx.core.tlsa import DANE, TLSA
from smtpx.core.tlssession import Resumption, TLSSession
from smtpx.core.tlsterms import TLSTerms
from smtpx.extensions.starttls import StartTLS
from smtpx.extensions.tlsresume import ITicketStore, TicketKey, TLSResume
from smtpx.testing.client import TARGET, ScriptedPeer, client
from smtpx.testing.server import talk
from tests.core.made import MadeClient

_CLIENT = b"192.0.2.1"
RESUMES = RoutePolicy(resumes=True)
SESSION = TLSSession(b"one", 100.0)


def hosts(*items: str) -> HostList:
    """A host list."""
    return HostList.parse(items)


class ServerTests(SynchronousTestCase):
    """Who is given tickets."""

    def options(
        self,
        extension: TLSResume,
        name: bytes | None = None,
        known: bool = True,
    ) -> TLSOptions:
        """The options of a handshake."""
        said = talk([StartTLS(), extension], b"", tlsReady=True, peer=_CLIENT)
        said.connection.peerName = name
        said.connection.peerNameKnown = known
        said.feed(b"EHLO c.example\r\n")
        said.feed(b"STARTTLS\r\n")
        [options] = said.port.handshakes
        return options

    def test_nobody(self) -> None:
        """Where nothing is said, nobody resumes, and nothing is looked at."""
        self.assertEqual(self.options(TLSResume()), TLSOptions())

    def test_listed(self) -> None:
        """Clients in the list get tickets, those of their listener."""
        for items, tickets in (
            (("192.0.2.0/24",), True),
            (("198.51.100.1",), False),
            (("!192.0.2.1", "*"), False),
        ):
            options = self.options(TLSResume(hosts(*items), listener=b"mx"))
            self.assertEqual(options.tickets, tickets)
            self.assertEqual(options.ticketKey, (b"TLSRESUME", b"mx"))
            self.assertFalse(options.ticketless)

    def test_byName(self) -> None:
        """
        A name decides where it is known; where it could be one that is to get none and
        is not known, there is none.
        """
        extension = TLSResume(hosts("!*.outlook.example", "*"))
        for name, known, tickets in (
            (b"mx.outlook.example", True, False),
            (b"mx.c.example", True, True),
            (None, True, True),
            (None, False, False),
        ):
            self.assertEqual(self.options(extension, name, known).tickets, tickets)

    def test_unfit(self) -> None:
        """Those that do not bear tickets are sent none, even if they are listed."""
        for listed in (hosts("*"), None):
            options = self.options(TLSResume(listed, hosts("192.0.2.1")))
            self.assertEqual((options.tickets, options.ticketless), (False, True))
        options = self.options(TLSResume(hosts("*"), hosts("192.0.2.2")))
        self.assertEqual((options.tickets, options.ticketless), (True, False))

    def test_variables(self) -> None:
        """What it came to, for policies and logs: as bits, in words, as a condition."""
        used = Resumption(0x1F)
        info = TLSInfo(resumed=True, resumption=used)
        for secured, bits, words, resumed in (
            (info, 0x1F, "session resumed, new ticket given", True),
            (TLSInfo(), 0x01, "no session asked for or offered", False),
            (None, 0x01, "no session asked for or offered", False),
        ):
            said = talk([TLSResume()], b"", secured=secured)
            variables = said.connection.profile.variables
            session = said.connection
            self.assertEqual(variables["tls_in_resumption"](session), bits)
            self.assertEqual(variables["tls_in_resumption_text"](session), words)
            self.assertEqual(session.holds("tls_resumed"), resumed)


@implementer(ITicketStore)
class Store:
    """
    A store that keeps one session for each key.

    @ivar sessions: them.
    """

    def __init__(self) -> None:
        self.sessions: dict[TicketKey, TLSSession] = {}

    def take(self, key: TicketKey) -> TLSSession | None:
        """See L{ITicketStore}."""
        return self.sessions.pop(key, None)

    def keep(self, key: TicketKey, session: TLSSession) -> None:
        """See L{ITicketStore}."""
        self.sessions[key] = session

    def forget(self, key: TicketKey) -> None:
        """See L{ITicketStore}."""
        self.sessions.pop(key, None)


def _daneParts() -> Iterator[DANE]:
    """What TLSA records may ask, each another thing."""
    record = TLSA(3, 1, 1, bytes(32))
    plain = DANE(b"mx.example", (record,))
    yield plain
    yield evolve(plain, base=b"other.example")
    yield evolve(plain, names=frozenset({frozenset({b"example"})}))
    for change in (
        {"usage": 2},
        {"selector": 0},
        {"matching": 2},
        {"association": bytes(31) + b"x"},
    ):
        changed = evolve(record, **change)
        yield evolve(plain, records=(changed,))
        yield evolve(plain, records=(record, changed))


def _termParts() -> Iterator[TLSTerms]:
    """Terms of handshakes, each another thing."""
    for each in fields(TLSTerms):
        yield evolve(TLSTerms(), **{each.name: "TLSv1.3"})


class ClientTests(SynchronousTestCase):
    """Sessions of servers."""

    def setUp(self) -> None:
        """An empty store."""
        self.store = Store()
        self.extensions: list[IExtension] = [StartTLS(), TLSResume(store=self.store)]

    def begun(
        self,
        policy: RoutePolicy = RESUMES,
        word: bytes = b"a.pool.example",
        target: Target = TARGET,
    ) -> tuple[ScriptedPeer, TLSOptions]:
        """
        A connection whose handshake is about to begin.

        @param word: by which the server greets us.
        """
        peer = ScriptedPeer(client(self.extensions, policy=policy, target=target))
        peer.start()
        peer.say(b"220 hello\r\n")
        peer.say(b"250-%b hello\r\n250 STARTTLS\r\n" % word)
        peer.say(b"220 go\r\n")
        options = peer.connection.sessions.options
        assert options is not None
        return peer, options

    def visit(
        self,
        policy: RoutePolicy = RESUMES,
        word: bytes = b"a.pool.example",
        session: TLSSession = SESSION,
    ) -> TLSSession | None:
        """
        A connection, of which a session is kept.

        @return: the one that it offered.
        """
        peer, options = self.begun(policy, word)
        peer.connection.sessions.take = lambda info: session
        verified = policy.tls is TLSLevel.VERIFIED
        peer.answer(TLSInfo(verified=verified))
        peer.say(b"250 %b hello\r\n" % word)
        return options.session

    def test_notUnlessTheRouteSaysSo(self) -> None:
        """By default nothing is asked for, offered or kept."""
        peer, options = self.begun(RoutePolicy())
        self.assertEqual((options.tickets, options.ticketKey), (False, ()))
        self.assertEqual(self.store.sessions, {})

    def test_notWithoutAStore(self) -> None:
        """Without a store nothing is asked for or kept, whatever the route says."""
        extension = TLSResume()
        self.assertIs(extension.configured(None), extension)
        self.extensions[1] = extension
        peer, options = self.begun()
        self.assertFalse(options.tickets)
        peer.connection.sessions.take = lambda info: SESSION
        peer.answer(TLSInfo())
        peer.say(b"250 a.pool.example hello\r\n")
        self.assertEqual(len(peer.events), 2)

    def test_takenAndKept(self) -> None:
        """The first visit has no session; the others that of the one before."""
        two = evolve(SESSION, octets=b"two")
        self.assertIsNone(self.visit())
        self.assertEqual(self.visit(session=two), SESSION)
        self.assertEqual(self.visit(), two)
        self.assertEqual(len(self.store.sessions), 1)

    def test_usedOnce(self) -> None:
        """While a session is in use it is not there for another connection."""
        self.visit()
        _, one = self.begun()
        _, two = self.begun()
        self.assertEqual((one.session, two.session), (SESSION, None))
        self.assertEqual((one.tickets, two.tickets), (True, True))

    def test_byTheWordOfEHLO(self) -> None:
        """
        Of several servers behind one address each gets its own back (a load balancer).
        """
        two = evolve(SESSION, octets=b"two")
        self.visit(word=b"A.pool.example")
        self.assertIsNone(self.visit(word=b"b.pool.example", session=two))
        self.assertEqual(self.visit(word=b"a.pool.example"), SESSION)
        self.assertEqual(self.visit(word=b"b.pool.example"), two)

    def test_byWhatIsDemanded(self) -> None:
        """
        A session is not offered where anything else is demanded: a better level, other
        names, other TLSA records, or that somebody looks.
        """
        self.visit()
        record = TLSA(3, 1, 1, bytes(32))
        dane = DANE(b"mx.example", (record,))
        others = (
            evolve(RESUMES, tls=TLSLevel.ENCRYPTED),
            evolve(RESUMES, tls=TLSLevel.VERIFIED),
            evolve(RESUMES, names=frozenset({frozenset({b"mx.example"})})),
            evolve(RESUMES, dane=dane),
            evolve(RESUMES, dane=DANE(b"mx.example", (evolve(record, usage=2),))),
            evolve(RESUMES, watched=True),
            evolve(RESUMES, lenient=True),
        )
        for policy in others:
            _, options = self.begun(policy)
            self.assertIsNone(options.session, policy)
            self.assertTrue(options.tickets)
        self.assertEqual(self.visit(), SESSION)

    def keysOf(self, policies: Iterable[RoutePolicy]) -> list[TicketKey]:
        """What sessions are kept under, for each policy."""
        return [self.begun(each)[1].ticketKey for each in policies]

    def test_everyServerHasItsOwn(self) -> None:
        """Another name, address or port is another server, whatever the rest is."""
        targets = [
            TARGET,
            evolve(TARGET, host=b"other.example.org"),
            evolve(TARGET, address=b"192.0.2.26"),
            evolve(TARGET, port=587),
            # The same, judged by others.
            evolve(TARGET, trust=b"others"),
        ]
        keys = {self.begun(target=each)[1].ticketKey for each in targets}
        self.assertEqual(len(keys), len(targets))

    def test_everyPartOfThePolicy(self) -> None:
        """
        There is nothing in a policy that makes a difference to how a server is judged,
        or to how a handshake is made, and none to what its sessions are kept under.
        """
        names = frozenset({frozenset({b"mx.example"})})
        others: dict[str, list[RoutePolicy]] = {
            "tls": [
                evolve(RESUMES, tls=each)
                for each in TLSLevel
                if each is not TLSLevel.UNWANTED
            ],
            "lookup": [evolve(RESUMES, lookup=each) for each in LookupLevel],
            "lenient": [evolve(RESUMES, lenient=True), RESUMES],
            "names": [
                evolve(RESUMES, names=names),
                evolve(RESUMES, names=names | {frozenset({b"b.example"})}),
                evolve(RESUMES, names=frozenset({frozenset({b"mx.example", b"b"})})),
            ],
            "dane": [RESUMES, *(evolve(RESUMES, dane=each) for each in _daneParts())],
            "watched": [RESUMES, evolve(RESUMES, watched=True)],
            "staple": [evolve(RESUMES, staple=each) for each in StapleWish],
            "terms": [RESUMES, *(evolve(RESUMES, terms=each) for each in _termParts())],
        }
        # Without the last nothing is kept.
        telling = {each.name for each in fields(RoutePolicy) if each.eq} - {"resumes"}
        self.assertEqual(others.keys(), telling)
        for part, policies in others.items():
            keys = self.keysOf(policies)
            self.assertEqual(len(set(keys)), len(policies), part)
            self.assertEqual(keys, self.keysOf(policies))

    def test_everyPartOfTheHandshake(self) -> None:
        """
        Whatever an extension changes of a handshake is part of it, even one that was
        loaded behind.
        """

        changes: dict[str, Any] = {}

        def register(builder: IClientBuilder) -> None:
            builder.tls(lambda session, options: evolve(options, **changes))

        made: dict[str, Any] = {
            "serverName": b"other.example",
            "verified": True,
            "watched": True,
            "terms": TLSTerms(minimum="TLSv1.3"),
            "early": True,
        }
        elsewhere = {
            # Out of the policy, or a server's alone.
            *("names", "dane", "asked", "ticketless"),
            # What comes of the key, and of the connection.
            *("tickets", "session", "ticketKey", "room"),
        }
        known = {each.name for each in fields(TLSOptions)}
        self.assertLessEqual(made.keys() | elsewhere, known)
        fresh = known - made.keys() - elsewhere
        made |= dict.fromkeys(fresh, b"something else")
        self.extensions.append(MadeClient(register))
        keys = set()
        for part in (None, *made):
            changes = {} if part is None else {part: made[part]}
            keys.add(self.begun()[1].ticketKey)
        self.assertEqual(len(keys), len(made) + 1)

    def test_thrownAwayAfterAFailure(self) -> None:
        """
        Where a handshake fails, nothing of that server's is offered any more; what is
        other servers' stays.
        """
        self.visit(word=b"b.pool.example")
        self.visit()
        peer, options = self.begun()
        self.assertEqual(options.session, SESSION)
        # Another connection has left one meanwhile.
        self.store.keep(options.ticketKey, SESSION)
        peer.lost()
        self.assertIsNone(self.visit())
        self.assertEqual(self.visit(word=b"b.pool.example"), SESSION)

    def test_lostBeforeTLS(self) -> None:
        """A connection that is lost before a handshake says nothing of sessions."""
        self.visit()
        peer = ScriptedPeer(client(self.extensions, policy=RESUMES))
        peer.start()
        peer.lost()
        self.assertEqual(self.visit(), SESSION)

    def test_guessed(self) -> None:
        """With a forecast the word is that of the answer that has come by then."""
        self.visit()
        hello = Hello(b"z.pool.example", ((b"STARTTLS", None),))
        peer = ScriptedPeer(
            client(self.extensions, policy=RESUMES, forecast=Forecast(clear=hello))
        )
        peer.start()
        peer.say(b"220 hello\r\n250-a.pool.example hello\r\n250 STARTTLS\r\n220 go\r\n")
        options = peer.connection.sessions.options
        assert options is not None
        self.assertEqual(options.session, SESSION)

    def test_implicit(self) -> None:
        """Where TLS comes first there is no word yet."""
        core = client(self.extensions, policy=RESUMES)
        self.assertEqual(core.tlsOptions().ticketKey[3], b"")
