"""
The house as a whole: L{build} makes a service that has touched nothing yet;
L{enter} makes what is behind its doors, from the ground up, and takes it down again
in the opposite order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredList

from ...core.envelope import Envelope
from ...core.interfaces import IExtension
from ...core.queueprofile import QueueProfile
from ...extensions.bmi import BMI
from ...net.factory import SMTPServerFactory
from ...net.interfaces import IReceiver
from ...observe.deliveries import DeliveryJournal
from ...observe.journal import Journal
from ...observe.watch import Watch
from ...policy.names import HostNames
from ...policy.rules import ANSWERS
from ...queue.control import QueueControl
from ...queue.delivery import Delivery
from ...queue.interfaces import IQueueControl
from ...queue.routes import Routes
from ...spool.interfaces import IOperatedSpool
from ...spool.journal import IDeliveryJournal
from ..announcement import announce
from ..config import Configuration
from ..control.queueverbs import QueueVerbs
from ..listening import Door, endpointFor
from ..lists import withLookups
from ..logs import Logs
from ..machine import Machine, usePythonPath
from ..mail import MailService
from ..receiving import SpoolReceiver
from ..tables import Listener
from ..transactions import Transactions
from ..workers.answers import Answers
from ..workers.parts import partOf
from ..workers.succession import Succession
from .alertplaces import shareAlerts
from .arc import sealing
from .authentication import authentication, checking
from .certificates import certificates
from .checkers import anyDecides, consulting
from .colleagues import openColleagues
from .control import openControl, queueControl
from .dkim import signing
from .dmarc import dmarcWitnesses, suffixes
from .domainpolicies import domainPolicies
from .doors import DoorKind, Hall
from .dropping import openDropFolder
from .editing import editing, mayBeChanged
from .extensions import chosenExtensions, withPorts
from .importing import openImports
from .inquiries import inquiries
from .intake import Intake, intake
from .later import countHeld, shareHeld
from .lookups import lookups
from .milters import reading
from .observing import openLogs, watchMemory
from .opinions import everyChecker
from .peers import (
    Knowledge,
    PeerKnowledge,
    knownOffers,
    openKnowledge,
    peerKnowledge,
)
from .policies import admission, policies
from .protecting import bearings
from .queue import QueueRules, queueRules
from .resolving import resolver
from .resuming import keptLists
from .routes import sends
from .sending import Watchers, ways
from .site import (
    Outside,
    Premises,
    counted,
    countedLookups,
    makeWatch,
    openSite,
    policyCounters,
    timed,
)
from .starting import openStarter
from .strangers import alerting, strangers
from .submission import submission
from .tracing import tracer, traceStore
from .transactions import openTransactions, transactions
from .users import accounts


def build(
    machine: Machine, configuration: Configuration, found: Mapping[str, IExtension]
) -> MailService:
    """
    Make a mail server.

    @param found: the extensions that there are, by name.
    @raise ValueError: a listener has an endpoint that is none.
    """
    doors = doorsOf(machine, configuration)
    return MailService(
        doors,
        lambda: enter(machine, configuration, found, doors),
        lambda doors: announce(configuration, doors),
    )


def doorsOf(machine: Machine, configuration: Configuration) -> list[Door]:
    """
    The doors of a server, not bound yet.

    @raise ValueError: a listener has an endpoint that is none.
    """
    succession = Succession(configuration.workersFolder)
    return [
        Door(
            listener,
            endpointFor(machine.reactor, listener, silent=True),
            partial(configuration.problem, ("listener", index)),
            succession.wait,
        )
        for index, listener in enumerate(configuration.listeners)
    ]


@frozen
class Rooms:
    """
    The house, as L{MailService} sees it.

    @ivar factories: what is behind doors, by kind.
    @ivar logs: its logs.
    @ivar queue: what can be done with its queue.
    @ivar stack: how it is taken down.
    """

    factories: Mapping[DoorKind, SMTPServerFactory]
    logs: Logs
    queue: IQueueControl
    stack: AsyncExitStack

    def factory(self, listener: Listener) -> SMTPServerFactory:
        """See L{smtpx.service.mail.House}."""
        return self.factories[DoorKind.of(listener)]

    def farewell(self) -> Deferred[None]:
        """See L{smtpx.service.mail.House}."""
        gone = [factory.shutDown() for factory in self.factories.values()]
        return DeferredList(gone).addCallback(lambda _: None)

    def reopenLogs(self) -> None:
        """See L{smtpx.service.mail.House}."""
        self.logs.reopen()

    async def close(self) -> None:
        """See L{smtpx.service.mail.House}."""
        await self.stack.aclose()


async def enter(
    machine: Machine,
    configuration: Configuration,
    found: Mapping[str, IExtension],
    doors: Sequence[Door],
) -> Rooms:
    """
    Build the house, from the ground up.

    This is long, for it is the plan of the whole house: one step a line, in order.
    What a room tells the other workers of the server, it adds to C{answers}.

    @param found: the extensions that there are, by name.
    @param doors: they are not open yet.
    @raise OSError: the machine does not let us.
    @raise smtpx.core.errors.SMTPXError: what is named, or the spool, is of no use.
    """
    usePythonPath(configuration)
    configuration = partOf(configuration, machine.worker)
    async with AsyncExitStack() as stack:
        name = configuration.name or machine.name
        answers = Answers()
        traces = traceStore(configuration)
        watch = makeWatch(machine, configuration, traces)
        logs = openLogs(machine, configuration, watch, stack)
        journal, told = journals(logs)
        asking = countedLookups(watch, resolver(machine, configuration, stack))
        names = HostNames(asking, machine.reactor)
        known = lookups(machine, configuration, logs.publisher.publish, stack)
        configuration = withLookups(configuration, known)
        logins = accounts(machine, configuration, stack)
        knowledge = await openKnowledge(machine, configuration, stack)
        peers = knownPeers(machine, configuration, name, knowledge)
        offers = knownOffers(machine, knowledge)
        memory = transactions(machine, configuration, journal, answers)
        signs = signing(machine, configuration, names.keep, stack)
        seals = sealing(machine, configuration, name, stack)
        ports = withPorts(logins, journal, machine.now, peers, memory, offers)
        ours = [*ports, signs, seals]
        extensions = chosenExtensions(configuration, found, ours, names.keep)
        spool = await ownSpool(machine, configuration, told, extensions, memory, stack)
        shareHeld(machine, extensions, answers, stack)
        traced = tracer(machine, configuration, name, traces, names)
        said = domainPolicies(machine, configuration, asking, peers, spool, told, stack)
        course = bearings(machine, configuration, name, asking, doors, said)
        seen = Watchers(partial(told.trouble, None), traced, logs.publisher.publish)
        out = ways(machine, configuration, name, extensions, peers, course, seen, stack)
        taken = intake(machine, configuration, name, out, extensions, logs, stack)
        msa = submission(configuration, taken.local)
        asked = inquiries(machine, configuration, logins, taken, journal, logs, stack)
        listed = suffixes(machine, configuration, stack)
        hears = dmarcWitnesses(
            machine, configuration, name, asking, spool, told, listed, stack
        )
        checks = authentication(
            machine, configuration, name, asking, names, journal, listed, hears
        )
        alert = alerting(configuration, name, spool, told, logs.publisher.publish)
        counters = policyCounters(watch)
        met = await strangers(machine, configuration, alert, stack, False, counters)
        shareAlerts(machine, met.alerts, answers)
        spooling = receiverOf(
            configuration, watch, spool, journal, out.routes, taken, memory, met.taken
        )
        checkers = everyChecker(machine, configuration, names.keep, journal, stack)
        edited = editing(configuration, spooling)
        consulted = consulting(machine, checkers, journal, edited)
        read = reading(configuration, consulted)
        entry = await policies(
            machine,
            configuration,
            taken,
            msa,
            journal,
            names,
            asking,
            known,
            checks,
            met,
            anyDecides(checkers),
            stack,
        )
        counting = admission(machine, configuration)
        hall = Hall(
            machine=machine,
            configuration=configuration,
            name=name,
            extensions=extensions,
            tracer=traced,
            kept=keptLists(configuration, names.keep),
            transactions=memory,
            receiver=checking(configuration, checks, names, read),
            policies=entry,
            submission=msa,
            tls=certificates(machine, configuration, name, stack),
            answers={**asked.answers, **memory.answers, **ANSWERS},
            journal=journal,
            admission=counted(watch, counting),
            full=counting.full,
        )
        factories = hall.factories(configuration.listeners)
        watchMemory(machine, configuration, factories.values(), stack)
        rules = queueRules(machine, configuration, name, extensions)
        delivery, queue = startDelivery(machine, rules, spool, out.routes, told, stack)
        openStarter(machine, asked.starter, queue, answers)
        openDropFolder(machine, configuration, hall, spool, out, taken, stack)
        outside, inside = Outside(delivery, out.connections, peers), factories.values()
        premises = Premises(name, doors, [*inside], spool, hall.tls, outside)
        await openSite(machine, configuration, watch, premises, answers, stack)
        imports = await openImports(hall, spool, out, taken, logs, stack)
        answers.add(QueueVerbs(queue, spool.count).forColleagues())
        openColleagues(machine, configuration, name, answers, stack)
        openControl(hall, queue, spool, imports, stack)
        return Rooms(factories, logs, queue, stack.pop_all())


def journals(logs: Logs) -> tuple[Journal, DeliveryJournal]:
    """Who tells the logs of sessions, and of deliveries."""
    publisher = logs.publisher
    return Journal(publisher, logs.subjects), DeliveryJournal(publisher)


def knownPeers(
    machine: Machine, configuration: Configuration, name: str, knowledge: Knowledge
) -> PeerKnowledge | None:
    """What is known of other hosts; L{None}: nothing is sent to any."""
    if not sends(configuration, name):
        return None
    return peerKnowledge(machine, configuration, name, knowledge)


async def ownSpool(
    machine: Machine,
    configuration: Configuration,
    told: IDeliveryJournal,
    extensions: list[IExtension],
    memory: Transactions,
    stack: AsyncExitStack,
) -> IOperatedSpool:
    """The spool of this server, open."""
    spool = makeSpool(machine, configuration, extensions)
    await openSpool(spool, told, extensions, memory, stack)
    return spool


def receiverOf(
    configuration: Configuration,
    watch: Watch | None,
    spool: IOperatedSpool,
    journal: Journal,
    routes: Routes,
    taken: Intake,
    memory: Transactions,
    counted: Callable[[Envelope], object] | None,
) -> IReceiver:
    """
    Who puts what comes into the spool.

    @param counted: told of each transaction whose message was taken; L{None}: nobody
        wants to know.
    """
    receiver = SpoolReceiver(
        spool,
        journal,
        routes.holds,
        taken.redirection,
        memory,
        bool(taken.words) or mayBeChanged(configuration),
        configuration.queue.queueOnlyFor,
        counted,
    )
    return timed(watch, receiver)


async def openSpool(
    spool: IOperatedSpool,
    told: IDeliveryJournal,
    extensions: Sequence[IExtension],
    memory: Transactions | None,
    stack: AsyncExitStack,
) -> None:
    """
    Open the spool, tell what it has found out by that, and look what waits.

    @param memory: has what it remembers there; L{None}: nothing is received.
    """
    await spool.open()
    stack.push_async_callback(spool.close)
    if memory is not None:
        openTransactions(memory, spool, extensions, stack)
    tellRecovered(spool, told)
    countHeld(extensions, spool, partial(told.trouble, None, "spool"), stack)


def tellRecovered(spool: IOperatedSpool, told: IDeliveryJournal) -> None:
    """Tell of what was delivered before a crash and not told any more."""
    for one in spool.recovered:
        for outcome in one.outcomes:
            told.delivered(one.message, outcome, "", "", 0.0, True)
        if not one.message.waiting:
            told.completed(one.message)


def makeDelivery(
    machine: Machine,
    rules: QueueRules,
    spool: IOperatedSpool,
    routes: Routes,
    told: IDeliveryJournal,
) -> Delivery:
    """What lets messages go their ways; it is not started."""
    return Delivery(
        spool,
        routes,
        told,
        machine.reactor,
        machine.now,
        rules.retries,
        rules.reporter,
        rules.profile,
        rules.bounds,
        rules.delays,
        rules.places,
    )


def startDelivery(
    machine: Machine,
    rules: QueueRules,
    spool: IOperatedSpool,
    routes: Routes,
    told: DeliveryJournal,
    stack: AsyncExitStack,
) -> tuple[Delivery, QueueControl]:
    """Let what is in the spool go its ways, and let operators have a say in it."""
    delivery = makeDelivery(machine, rules, spool, routes, told)
    delivery.start()
    stack.push_async_callback(delivery.stop)
    return delivery, queueControl(machine, rules, spool, delivery, told, stack)


def makeSpool(
    machine: Machine, configuration: Configuration, extensions: list[IExtension]
) -> IOperatedSpool:
    """The spool, which is not open yet."""
    # Verdicts that were found before are kept, whether anybody scans now or not.
    profile = QueueProfile().load([*extensions, BMI()])
    return machine.spool(
        machine.reactor,
        str(configuration.state / "spool"),
        queueProfileStamps=profile.stamps,
        number=machine.worker.number,
        workers=machine.worker.count,
        # Without an opinion on it, no time is spent on asking.
        scheduleFor=profile.scheduleFor if profile.schedulers else None,
        lowWaterOctets=configuration.limits.spoolFreeOctets,
        clock=machine.now,
    )
