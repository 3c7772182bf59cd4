"""
Is a configuration of use?  What the walker cannot see is looked at here: do the
files that it names exist and hold what they should, do the extensions go
together, is there such an endpoint.

Nothing is made, and nothing is opened for writing, so a check may run beside a
server.  The Python that the configuration names is imported, though, as it will
be at the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import succeed

from ..core.asked import lookupIn
from ..core.errors import SMTPXError
from ..core.interfaces import IExtension
from ..core.profile import ClientProfile, ServerProfile
from ..core.queueprofile import QueueProfile
from ..extensions.auth import Auth
from ..extensions.enhancedstatuscodes import EnhancedStatusCodes as ESC
from ..extensions.pipelining import Pipelining
from ..policy.aliasentry import BadAliases
from ..policy.aliastable import Reach
from ..policy.ours import LocalAddresses
from ..policy.owners import readOwners
from ..policy.pam import findService, loadPAM
from ..policy.users import BadUsersFile, readUsers
from ..queue.routes import Routes
from ..tls.certificates import CertificateError, readCertificates
from .cautions import withoutClients
from .checkercheck import checkCheckers
from .config import Configuration
from .control.endpoint import BadSocketPath
from .dkimcheck import checkKeys, checkSealers
from .dmarcchecks import checkDMARC
from .importcheck import checkImports
from .inherited import PREFIX, NotHandedOver
from .listening import Place, endpointFor
from .lists import checkLists
from .lookupcheck import checkLookups
from .machine import Machine, usePythonPath
from .miltercheck import checkMilters
from .pipecheck import checkPipes
from .places import checkPlaces, whoIsThis
from .problems import KeyPath, Problem
from .routecheck import checkList, checkRelayed, checkSending
from .rulecheck import checkRules
from .signingcheck import checkSigning
from .srscheck import checkSRS
from .tables import DNS, ListenerProtocol, Role, SubmissionRules
from .verdictcheck import checkVerdicts
from .wiring import (
    NoSuchGroup,
    aliases,
    certificatesOf,
    certified,
    chosenExtensions,
    controlEndpoint,
    localAddresses,
    localDomains,
    localRoutes,
    ownerCheck,
    passwordCheck,
    relaySubjects,
    reportWordings,
    retryRules,
    serverTLS,
    submission,
    submissionExtensions,
    tokenCheck,
    tracedRecipients,
)
from .workercheck import checkWorkers


def check(
    machine: Machine,
    configuration: Configuration,
    found: Mapping[str, IExtension],
    *,
    starts: bool = False,
) -> list[Problem]:
    """
    Everything that a start would stumble over.

    @param found: the extensions that there are, by name.
    @param starts: is it this process that will start?  Only then are there the
        sockets that it is given.
    """
    usePythonPath(configuration)
    return [
        *checkWorkers(configuration),
        *_listeners(machine, configuration, starts),
        *_lmtp(configuration, found),
        *_meetings(configuration),
        *_site(machine, configuration, starts),
        *_control(machine, configuration),
        *_certificates(machine, configuration),
        *checkSigning(machine, configuration),
        *checkPlaces(configuration),
        *checkKeys(configuration),
        *checkSealers(configuration),
        *_addresses(machine, configuration),
        *_users(configuration),
        *_retries(machine, configuration),
        *_owners(configuration),
        *_reports(configuration),
        *_relay(configuration),
        *checkRelayed(machine, configuration, _tried),
        *checkSending(configuration, found, _tried),
        *checkSRS(machine, configuration, _tried),
        *checkPipes(configuration, _tried),
        *checkImports(configuration),
        *_policies(configuration),
        *checkLookups(configuration),
        *checkRules(configuration, found),
        *checkLists(configuration),
        *checkCheckers(configuration),
        *checkMilters(configuration),
        *checkVerdicts(configuration),
        *checkDMARC(configuration),
        *_submission(machine, configuration, found),
        *_trace(machine, configuration),
        *_dns(configuration),
        *checkExtensions(configuration, found),
    ]


def checkExtensions(
    configuration: Configuration, found: Mapping[str, IExtension]
) -> Iterator[Problem]:
    """
    What keeps the extensions from running together: two that claim one thing,
    or one that requires another.

    @param found: the extensions that there are, by name.
    """
    yield from _tried(
        configuration, ("extensions",), lambda: list(explain(configuration, found))
    )


def explain(
    configuration: Configuration, found: Mapping[str, IExtension]
) -> Iterator[str]:
    """
    The resolved hooks of server, client and queue, in their order: what each is
    about, and who owns it.  Where there are listeners for submission, theirs are
    told of as well.

    @raise SMTPXError: the extensions do not go together.
    """
    extensions = chosenExtensions(configuration, found)
    told = [("Server", ServerProfile().load(extensions).explain())]
    roles = {each.role for each in configuration.listeners}
    # Without AUTH they cannot be; L{check} says so with their place.
    if Role.SUBMISSION in roles and any(each.name == Auth.name for each in extensions):
        theirs = submissionExtensions(configuration, extensions)
        told.append(("Submission", ServerProfile().load(theirs).explain()))
    told.append(("Client", ClientProfile().load(extensions).explain()))
    told.append(("Queue", QueueProfile().load(extensions).explain()))
    for title, hooks in told:
        yield f"{title}:"
        width = max((len(owner) for owner, _, _ in hooks), default=0)
        for owner, hook, detail in hooks:
            yield f"  {owner:{width}}  {hook:10}  {detail}".rstrip()


def _tried(
    configuration: Configuration, path: KeyPath, work: Callable[[], object]
) -> Iterator[Problem]:
    """What is wrong with a part, if it cannot be made."""
    try:
        work()
    except (SMTPXError, OSError) as error:
        yield configuration.problem(path, str(error))
    except Exception as error:
        # Other people's Python: the kind of exception is half of the message.
        yield configuration.problem(path, f"{type(error).__name__}: {error}")


def _together(
    name: str,
    whole: Configuration,
    beginnings: Iterable[Configuration],
    work: Callable[[Configuration], object],
) -> Iterator[Problem]:
    """
    What is wrong with entries of which each by itself is right: it stands with the
    first that does not go with those before it.

    @param name: what the entries are called.
    @param beginnings: the configuration with the first of them, the first two, ...
    """
    problems = list(_tried(whole, (name,), partial(work, whole)))
    for index, some in enumerate(beginnings if problems else ()):
        found = list(_tried(some, (name, index), partial(work, some)))
        if found:
            problems = found
            break
    yield from problems


def _listeners(
    machine: Machine, configuration: Configuration, starts: bool
) -> Iterator[Problem]:
    taken: dict[str, int] = {}
    for index, listener in enumerate(configuration.listeners):
        path = ("listener", index, "endpoint")
        yield from _tried(
            configuration, path, partial(_endpoint, machine, listener, starts)
        )
        endpoint = listener.endpoint
        if endpoint is not None and endpoint.startswith(PREFIX):
            first = taken.setdefault(endpoint, index)
            if first != index:
                text = f"this is the socket of listener[{first}] already"
                yield configuration.problem(path, text)


def _lmtp(
    configuration: Configuration, found: Mapping[str, IExtension]
) -> Iterator[Problem]:
    """RFC 2033 section 5: what a server of LMTP has to have."""
    try:
        names = {each.name for each in chosenExtensions(configuration, found)}
    except SMTPXError:
        # That is told where it belongs.
        return
    missing = [each for each in (Pipelining.name, ESC.name) if each not in names]
    for index, listener in enumerate(configuration.listeners):
        if listener.protocol is ListenerProtocol.LMTP and missing:
            text = f"LMTP wants {' and '.join(missing)}, which would not run"
            yield configuration.problem(("listener", index, "protocol"), text)


def _meetings(configuration: Configuration) -> Iterator[Problem]:
    """Ports that two have."""
    places: list[tuple[KeyPath, Place]] = [
        (("listener", index), each)
        for index, each in enumerate(configuration.listeners)
    ]
    if configuration.http.port is not None:
        places.append((("http",), configuration.http))
    for (first, one), (second, other) in combinations(places, 2):
        if _meet(one, other):
            name = f"listener[{first[1]}]"
            text = f"{name} listens at this port already"
            yield configuration.problem((*second, "port"), text)


def _meet(one: Place, other: Place) -> bool:
    """Do two want to listen at the same place?"""
    if one.port is None or one.port != other.port or one.port == 0:
        return False
    first, second = ip_address(one.address), ip_address(other.address)
    return first.version == second.version and (
        first == second or first.is_unspecified or second.is_unspecified
    )


def _endpoint(machine: Machine, listener: Place, starts: bool) -> None:
    """
    Make the endpoint of a listener.

    @raise Exception: there is no such thing.
    """
    try:
        endpointFor(machine.reactor, listener)
    except NotHandedOver:
        if starts:
            raise


def _site(
    machine: Machine, configuration: Configuration, starts: bool
) -> Iterator[Problem]:
    http = configuration.http
    if http.wanted:
        make = partial(_endpoint, machine, http, starts)
        yield from _tried(configuration, ("http", "endpoint"), make)
    if http.port is not None and not machine.mayListen(http.address, http.port):
        # Unlike those of listeners it is taken by the user that the server becomes.
        text = f"{whoIsThis()} may not listen at port {http.port}"
        yield configuration.problem(("http", "port"), text)


def _control(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    """A control socket that cannot be where it is to be."""
    try:
        controlEndpoint(machine, configuration)
    except NoSuchGroup as error:
        yield configuration.problem(("control", "group"), str(error))
    except BadSocketPath as error:
        # Where nobody has said where, the server does without.
        if configuration.control.socket is not None:
            yield configuration.problem(("control", "socket"), str(error))


def _certificates(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    authorities = configuration.tls.clientAuthorities
    if authorities is not None:
        path: KeyPath = ("tls", "client_authorities")
        yield from _tried(configuration, path, lambda: readCertificates(authorities))
        # Not once more for each certificate.
        configuration = withoutClients(configuration)
    for index, files in enumerate(certificatesOf(configuration)):
        try:
            serverTLS(machine, configuration, [files])
        except CertificateError as error:
            for problem in error.problems:
                path = ("tls", "certificates", index)
                yield configuration.problem(path, problem)


def _addresses(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    name = configuration.name or machine.name

    def routes(some: Configuration) -> Routes:
        return localRoutes(some, name, lambda job: succeed([]), machine.now)

    local = partial(localAddresses, configuration, name)
    problems = list(_tried(configuration, ("local",), local))
    for index, entry in enumerate(configuration.routes or ()):
        alone = evolve(configuration, routes=(entry,))
        problems += _tried(configuration, ("route", index), partial(routes, alone))
    if not problems:
        entries = configuration.routes or ()
        some = (
            evolve(configuration, routes=entries[: count + 1])
            for count in range(len(entries))
        )
        problems += _together("route", configuration, some, routes)
    if not problems:
        problems += _reached(configuration, name, local(), routes(configuration))
    yield from problems


def _reached(
    configuration: Configuration, name: str, local: LocalAddresses, routes: Routes
) -> Iterator[Problem]:
    """Aliases that lead nowhere, and those of ours for whom there is no way."""
    try:
        found = aliases(configuration, Reach(local, routes.goes))
    except BadAliases as bad:
        for each in bad.problems:
            file, line = each.place
            if line is None and Path(file) in configuration.aliases.files:
                # The whole file: what names it is at fault, perhaps.
                index = configuration.aliases.files.index(Path(file))
                text = f"{file}: {each.text}"
                yield configuration.problem(("aliases", "files", index), text)
            else:
                yield Problem(file, line, (), each.text, meant=each.meant)
        return

    def goes(path: bytes) -> bool:
        expansion = None if found is None else found.expand(path)
        led = expansion is not None and bool(expansion.paths)
        return led or routes.goes(path)

    if not goes(b"postmaster"):
        text = f"no route takes mail for the postmaster of {name}"
        yield configuration.problem(("route",), text)
    domains = localDomains(configuration, name)
    paths: dict[KeyPath, str] = {
        ("local", "domains", index): domain
        for index, domain in enumerate(domains)
        if lookupIn(domain) is None
    }
    for index, entry in enumerate(configuration.local.virtual):
        for at, domain in enumerate(entry.domains):
            paths["local", "virtual", index, "domains", at] = domain
    for path, domain in paths.items():
        # What stands for many domains has routes for some, perhaps.
        if "*" not in domain and not goes(f"postmaster@{domain}".encode()):
            text = (
                f"no route takes mail for {domain}: have one match it, or name the"
                " domains that are yours without it"
            )
            yield configuration.problem(path, text)


def _users(configuration: Configuration) -> Iterator[Problem]:
    yield from _passwords(configuration)
    tokens = configuration.users.tokenValidator
    if tokens is not None:
        path: KeyPath = ("users", "token_validator")
        yield from _tried(configuration, path, lambda: tokenCheck(tokens))
    path = ("users", "certificates")
    yield from _tried(configuration, path, lambda: certified(configuration))


def _owners(configuration: Configuration) -> Iterator[Problem]:
    local = configuration.local
    path: KeyPath = ("local", "owners_since_file")
    yield from checkList(configuration, path, local.ownersSinceFile, readOwners)
    named = local.ownersPython
    if named is not None:
        path = ("local", "owners_python")
        yield from _tried(configuration, path, lambda: ownerCheck(named))


def _passwords(configuration: Configuration) -> Iterator[Problem]:
    named, service = configuration.users.python, configuration.users.pam
    if named is not None:
        yield from _tried(
            configuration, ("users", "python"), lambda: passwordCheck(named)
        )
    if service is not None:
        path = ("users", "pam")
        yield from _tried(configuration, path, lambda: findService(service))
        yield from _tried(configuration, path, loadPAM)
    # Dovecot may be there by and by.
    if configuration.users.elsewhere is not None:
        return
    if configuration.users.file is None and not configuration.state.is_dir():
        return
    try:
        readUsers(configuration.usersFile)
    except BadUsersFile as error:
        yield Problem(str(error.path), error.line, (), error.why)
    except OSError as error:
        yield configuration.problem(("users", "file"), str(error))


def _retries(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    """Two rules for the same."""
    name = configuration.name or machine.name
    entries = configuration.retries
    some = (
        evolve(configuration, retries=entries[: count + 1])
        for count in range(len(entries))
    )
    work = partial(retryRules, name=name)
    yield from _together("retry", configuration, some, work)


def _reports(configuration: Configuration) -> Iterator[Problem]:
    path = ("reports", "languages")
    yield from _tried(configuration, path, lambda: reportWordings(configuration))


def _relay(configuration: Configuration) -> Iterator[Problem]:
    path = ("relay", "certificates")
    yield from _tried(configuration, path, lambda: relaySubjects(configuration))


def _policies(configuration: Configuration) -> Iterator[Problem]:
    # Not made: what a class or function does then is for the start.
    for index, named in enumerate(configuration.policy.python):
        yield from _tried(configuration, ("policy", "python", index), named.load)


def _submission(
    machine: Machine, configuration: Configuration, found: Mapping[str, IExtension]
) -> Iterator[Problem]:
    name = configuration.name or machine.name
    try:
        local = localAddresses(configuration, name)
        extensions = chosenExtensions(configuration, found)
    except SMTPXError:
        # That is told where it belongs.
        return
    rules = configuration.submission
    for login, senders in rules.senders.items():
        alone = evolve(rules, senders={login: senders})
        one = evolve(configuration, submission=alone)
        path: KeyPath = ("submission", "senders", login)
        yield from _tried(configuration, path, partial(submission, one, local))
    some = submission(evolve(configuration, submission=SubmissionRules()), local)
    for index, listener in enumerate(configuration.listeners):
        if listener.role is Role.SUBMISSION:
            path = ("listener", index, "role")
            extend = partial(some.extensions, extensions)
            yield from _tried(configuration, path, extend)


def _trace(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    name = configuration.name or machine.name
    recipients = partial(tracedRecipients, configuration, name)
    yield from _tried(configuration, ("trace", "recipients"), recipients)


def _dns(configuration: Configuration) -> Iterator[Problem]:
    file = configuration.dns.hostsFile
    # The default need not be there.
    if file is not None and file != DNS().hostsFile:
        path: KeyPath = ("dns", "hosts_file")
        yield from _tried(configuration, path, file.read_bytes)
