"""
Name servers for tests of the resolver, that are asked but not over a network.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from dns.message import Message
from dns.rcode import Rcode
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.dns.exchange import IExchange
from smtpx.dns.interfaces import Answer, LookupFailed, LookupPutOff
from smtpx.dns.records import plainName
from smtpx.dns.resolver import Resolver, ResolverBounds
from smtpx.dns.servers import Asking, NamedServers, Server
from smtpx.dns.wire import Query, Said

from .answers import AD, RA, SOA, answer, failure

#: What a server does with a question: it answers, is silent, or there is trouble.
Behaviour = Callable[[Query], Message | Exception | None]


@frozen
class Asked:
    """
    A question that a server got.

    @ivar tcp: did it come over a connection?
    """

    server: str
    name: bytes
    kind: str
    tcp: bool = False
    edns: bool = True


@implementer(IExchange)
class ScriptedServers:
    """
    Servers that do what a test says, each by its address.

    @ivar asked: what came, in its order.
    @ivar queries: the same, as it came.
    @ivar open: how many questions are open now, and would have a socket.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.queries: list[Query] = []
        self.open = 0
        self._udp: dict[str, Behaviour] = {}
        self._tcp: dict[str, Behaviour] = {}
        self._silent: list[tuple[Query, Deferred[Said]]] = []

    def behave(self, server: str, udp: Behaviour, tcp: Behaviour | None = None) -> None:
        """Say what a server does; over TCP the same, if nothing else is said."""
        self._udp[server] = udp
        self._tcp[server] = tcp or udp

    def overUDP(self, server: Server, query: Query) -> Deferred[Said]:
        """See L{IExchange}."""
        return self._ask(server, query, False)

    def overTCP(self, server: Server, query: Query) -> Deferred[Said]:
        """See L{IExchange}."""
        return self._ask(server, query, True)

    def answerNow(self, behaviour: Behaviour) -> None:
        """Answer all to whom servers were silent so far."""
        silent, self._silent = self._silent, []
        for query, waiting in silent:
            said = behaviour(query)
            assert isinstance(said, Message)
            execute(self._read, query, said).chainDeferred(waiting)

    def _ask(self, server: Server, query: Query, tcp: bool) -> Deferred[Said]:
        name = plainName(query.name)
        self.asked.append(Asked(server.address, name, query.kind.name, tcp, query.edns))
        self.queries.append(query)
        behaviour = (self._tcp if tcp else self._udp)[server.address]
        said = behaviour(query)
        if said is not None:
            return execute(self._read, query, said)
        waiting: Deferred[Said] = Deferred(lambda _: self._silent.remove(entry))
        entry = query, waiting
        self._silent.append(entry)
        self.open += 1
        return waiting.addBoth(self._closed)

    def _closed(self, outcome: Said) -> Said:
        self.open -= 1
        return outcome

    @staticmethod
    def _read(query: Query, said: Message | Exception) -> Said:
        if isinstance(said, Exception):
            raise said
        read = query.read(said.to_wire(max_size=65_535))
        assert read is not None, "a test's server answers something else"
        return read


BOUNDS = ResolverBounds()
ONE = "192.0.2.1"
TWO = "192.0.2.2"


def known(query: Query) -> Message:
    """A server that knows: every name has the same address."""
    return answer(query, f"{query.name} 60 A 192.0.2.80")


def silent(query: Query) -> None:
    """A server that does not answer."""


def without(query: Query) -> Message:
    """A server for which no name exists."""
    return answer(query, authority=(SOA,), rcode=Rcode.NXDOMAIN)


def provenWithout(query: Query) -> Message:
    """One that says so on the strength of DNSSEC."""
    return answer(query, authority=(SOA,), rcode=Rcode.NXDOMAIN, flags=RA | AD)


def confused(query: Query) -> Message:
    """A server that does not know."""
    return failure(query, Rcode.SERVFAIL, "bad key")


class ResolverTests(SynchronousTestCase):
    """Common to tests of the resolver."""

    servers: tuple[str, ...] = (ONE,)

    def setUp(self) -> None:
        """A resolver, and its servers."""
        self.clock = Clock()
        self.network = ScriptedServers()
        self.resolver = self.makeResolver()

    def makeResolver(
        self,
        trusted: bool = False,
        bounds: ResolverBounds = BOUNDS,
        rotate: bool = False,
    ) -> Resolver:
        """A resolver that asks C{servers}."""
        servers = tuple(map(Server, self.servers))
        named = NamedServers(Asking(servers, 3.0, 2, rotate))
        return Resolver(self.network, named, self.clock, trusted, bounds)

    def ask(self, name: bytes = b"a.test", kind: str = "A") -> Deferred[Answer]:
        """Ask."""
        return self.resolver.lookUp(name, kind)

    def found(self, name: bytes = b"a.test", kind: str = "A") -> Answer:
        """What is known at once."""
        return self.successResultOf(self.ask(name, kind))

    def putOff(self, asking: Deferred[Answer]) -> str:
        """Why nobody was asked."""
        return str(self.failureResultOf(asking, LookupPutOff).value)

    def failed(self, asking: Deferred[Answer]) -> str:
        """Why nobody knows."""
        return str(self.failureResultOf(asking, LookupFailed).value)
