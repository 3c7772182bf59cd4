"""
Who watches the server, and the site where one can see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from ipaddress import ip_address

from attrs import frozen
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from ...dns.interfaces import IResolver
from ...knowledge.memory import KnowledgeState
from ...net.factory import IAdmission, SMTPServerFactory
from ...net.interfaces import IReceiver
from ...observe.counters import CountedAdmission, TimedReceiver
from ...observe.gauges import ofTheProcess
from ...observe.lookups import CountedResolver
from ...observe.policycounters import PolicyCounters
from ...observe.pulse import Pulse
from ...observe.status import DestinationState, House, ListenerState, sessionsOf
from ...observe.trace import TraceStore
from ...observe.watch import Watch
from ...observe.web.resources import StatusResource
from ...observe.web.site import StatusSite
from ...policy.admission import TOO_MANY, TOO_MANY_OF_YOUR_NETWORK, TOO_MANY_OF_YOURS
from ...queue.delivery import Delivery
from ...spool.interfaces import IOperatedSpool
from ...spool.stock import SpoolState
from ...tls.contexts import ServerTLS
from ..config import Configuration
from ..listening import Door, endpointFor, spelled
from ..machine import Machine
from ..workers.answers import Answers
from .peers import PeerKnowledge
from .siteport import SitePort
from .viewing import countStart, isFirstStart, viewOf

_log = Logger()

#: What a refusal is called among the metrics.
_BOUNDS = {
    TOO_MANY: "all",
    TOO_MANY_OF_YOURS: "address",
    TOO_MANY_OF_YOUR_NETWORK: "network",
}

#: Why doors are closed for a while, in words.
_PAUSES = {
    "connections": "There are as many connections as there may be.",
    "memory": "There is too little memory: nobody is let in for now.",
}


def makeWatch(
    machine: Machine, configuration: Configuration, traces: TraceStore
) -> Watch | None:
    """
    Who watches.

    @param traces: the sessions that are traced.
    @return: L{None}: nobody asked for it, and nothing is counted.
    """
    if not configuration.http.wanted:
        return None
    countStart(machine)
    watch = Watch(machine.now, traces=traces)
    ofTheProcess(watch.registry)
    return watch


def counted(watch: Watch | None, admission: IAdmission) -> IAdmission:
    """Have refusals of connections counted."""
    if watch is None:
        return admission
    return CountedAdmission(admission, watch.counters.refusals, _BOUNDS)


def timed(watch: Watch | None, receiver: IReceiver) -> IReceiver:
    """Have it measured how long it takes until messages are on the disk."""
    if watch is None:
        return receiver
    return TimedReceiver(receiver, watch.counters.commits)


def countedLookups(watch: Watch | None, resolver: IResolver) -> IResolver:
    """Have questions for the DNS counted."""
    return resolver if watch is None else CountedResolver(resolver, watch.registry)


def policyCounters(watch: Watch | None) -> PolicyCounters | None:
    """What counts the decisions of rules; L{None}: nobody wants to know."""
    return None if watch is None else watch.counters.policy


@frozen
class Outside:
    """
    What there is to be seen of what is sent.

    @ivar connections: how many connections to other hosts there are; L{None}: it
        sends to none.
    @ivar peers: what is known of other hosts; L{None}: it sends to none.
    """

    delivery: Delivery
    connections: Callable[[], int | None]
    peers: PeerKnowledge | None

    def destinations(self) -> list[DestinationState]:
        """Where messages under way go."""
        return [
            DestinationState(each.key, each.active, each.waiting, each.parked)
            for each in self.delivery.destinations()
        ]

    def knowledge(self) -> KnowledgeState | None:
        """How what is known of them is."""
        return None if self.peers is None else self.peers.state()


@frozen
class Premises:
    """
    What there is to be seen of a server.

    @ivar name: what it calls itself.
    """

    name: str
    doors: Sequence[Door]
    factories: Sequence[SMTPServerFactory]
    spool: IOperatedSpool
    tls: ServerTLS
    outside: Outside

    def house(self, pulse: Pulse) -> House:
        """
        The same, to be asked.

        @param pulse: knows when the oldest message came.
        """
        return House(
            self.name,
            unready=self.unready,
            listeners=lambda: [_listener(door) for door in self.doors],
            sessions=lambda: sessionsOf(self.factories),
            spool=self.state,
            oldest=lambda: pulse.oldest,
            certificates=self.tls.state,
            destinations=self.outside.destinations,
            connections=self.outside.connections,
            knowledge=self.outside.knowledge,
        )

    def state(self) -> SpoolState | None:
        """How the spool is; L{None}: its disk does not answer."""
        try:
            return self.spool.state()
        except OSError:
            return None

    def unready(self) -> list[str]:
        """Why no messages are taken now."""
        reasons = []
        if not all(door.isOpen for door in self.doors):
            reasons.append("The doors are closed: the server starts or stops.")
        pauses = {pause for each in self.factories for pause in each.pauses}
        reasons += [_PAUSES.get(pause, pause) for pause in sorted(pauses)]
        try:
            trouble = self.spool.state().trouble
        except OSError as error:
            trouble = str(error)
        if trouble is not None:
            reasons.append(f"The spool takes nothing: {trouble}")
        return reasons


def _listener(door: Door) -> ListenerState:
    address = None if door.port is None else door.port.getHost()
    port = getattr(address, "port", 0)
    return ListenerState(
        where=spelled(address) or door.listener.endpoint or "",
        port=port if isinstance(port, int) else 0,
        tls=door.tlsWords,
        role=door.listener.role.value,
        open=door.isOpen,
    )


async def openSite(
    machine: Machine,
    configuration: Configuration,
    watch: Watch | None,
    premises: Premises,
    answers: Answers,
    stack: AsyncExitStack,
) -> None:
    """
    Let people see it; of several workers, the leading one lets them see all.

    @param watch: L{None}: nobody wants to.
    @param answers: what the other workers are told.
    @raise CannotListenError: somebody else has the port, or it is not allowed.  A
        worker that is started again waits for it.
    """
    if watch is None:
        return
    pulse = Pulse(machine.reactor, watch.counters.delays, premises.spool.oldest)
    pulse.start()
    stack.callback(pulse.stop)
    watch.counters.know(
        verb for each in premises.factories for verb in each.profile.table
    )
    watch.enter(premises.house(pulse))
    view = viewOf(machine, watch, answers, stack)
    if not machine.worker.leads:
        return
    names = _names(configuration, premises.name)
    site = StatusSite(StatusResource(view, names), machine.reactor)
    endpoint = endpointFor(machine.reactor, configuration.http)
    port = SitePort(
        machine.reactor,
        lambda: endpoint.listen(site),
        lambda port: _tell(configuration, port),
    )
    stack.push_async_callback(port.close)
    await port.open(mustBe=isFirstStart(machine))


def _names(configuration: Configuration, name: str) -> Iterable[str]:
    return (name, *configuration.http.names)


def _tell(configuration: Configuration, port: IListeningPort) -> None:
    """Say where it is, and who can see it."""
    address = port.getHost()
    where = spelled(address)
    url = f"http://{where}/" if where else configuration.http.endpoint
    _log.info("The status page is at {url}", url=url)
    host = getattr(address, "host", None)
    if isinstance(host, str) and not ip_address(host).is_loopback:
        _log.warn(
            "Everybody who reaches {where} sees the status page: it has no login",
            where=where,
        )
