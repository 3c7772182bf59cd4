"""
Are routes that send, and domains that are relayed, of use?  Part of
L{smtpx.service.check}: files with passwords and with those who are trusted, keywords
that nobody knows, lists of recipients.

L{unrouted} tells what is no error and hardly meant: somebody may send, and there is
no way out; L{unheard}, that nobody listens at the socket of a route.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from twisted.internet.defer import succeed

from ..core.asked import lookupIn
from ..core.errors import SMTPXError
from ..core.interfaces import IExtension
from ..core.profile import ClientProfile
from ..extensions.auth import Auth
from ..policy.recipientlist import BadList, readList
from ..queue.queuefolder import QueueFolder
from ..tls.certificates import CertificateFiles, loadCertified, readCertificates
from .config import Configuration
from .machine import Machine
from .openness import hasUsers
from .problems import KeyPath, Problem, closest
from .tables import SENDING, RouteEntry, RouteTLS
from .wiring.addresses import localAddresses, tagSeparators
from .wiring.extensions import chosenExtensions
from .wiring.hops import checkLogin, credentials
from .wiring.policies import relaysUsers
from .wiring.relaying import mapEndpoint, relayedDomains
from .wiring.routes import localRoutes, sendsElsewhere

#: Tells what is wrong with a part, if it cannot be made.
Tried = Callable[[Configuration, KeyPath, Callable[[], object]], Iterator[Problem]]

#: How long a program may take to accept a connection to its socket.
_PROBE_SECONDS = 2.0

#: A recipient for whom there is a route only if one is for everybody.
_SOMEBODY = b"somebody@nowhere.invalid"


def checkSending(
    configuration: Configuration, found: Mapping[str, IExtension], tried: Tried
) -> Iterator[Problem]:
    """
    What is wrong with routes that send.

    @param found: the extensions that there are, by name.
    """
    path: KeyPath
    for index, entry in enumerate(configuration.routes or ()):
        path = ("route", index)
        if entry.directory is not None and "{" not in entry.directory:
            # With fields in braces it is a folder for each recipient.
            folder = QueueFolder(Path(entry.directory))
            yield from tried(configuration, (*path, "directory"), folder.check)
        if entry.transport in SENDING:
            password = partial(credentials, entry)
            yield from tried(configuration, (*path, "password_file"), password)
            login = partial(checkLogin, configuration, entry)
            yield from tried(configuration, (*path, "login"), login)
            yield from _keywords(configuration, found, path, entry)
    sending = configuration.sending
    trust, certificate = sending.tlsVerifyCertificates, sending.tlsCertificate
    if trust is not None:
        path = ("sending", "tls_verify_certificates")
        yield from tried(configuration, path, lambda: readCertificates(trust))
    web = sending.mtaSTSVerifyCertificates
    if web is not None:
        path = ("sending", "mta_sts_verify_certificates")
        yield from tried(configuration, path, lambda: readCertificates(web))
    if certificate is not None:
        path = ("sending", "tls_certificate")
        files = CertificateFiles(certificate, sending.tlsPrivateKey)
        yield from tried(configuration, path, lambda: loadCertified(files))


def _keywords(
    configuration: Configuration,
    found: Mapping[str, IExtension],
    path: KeyPath,
    entry: RouteEntry,
) -> Iterator[Problem]:
    """Keywords to be ignored that nobody would look at."""
    if not entry.ignoreKeywords:
        return
    try:
        extensions = chosenExtensions(configuration, found)
        known = [
            each.decode("ascii")
            for each in ClientProfile().load(extensions).capabilities
        ]
    except SMTPXError:
        # That is told where it belongs.
        return
    for at, keyword in enumerate(entry.ignoreKeywords):
        if keyword.upper() not in known:
            yield configuration.document.problem(
                (*path, "ignore_keywords", at),
                f'no extension that runs has the keyword "{keyword}"',
                closest(keyword, known),
            )


def checkRelayed(
    machine: Machine, configuration: Configuration, tried: Tried
) -> Iterator[Problem]:
    """What is wrong with domains that are relayed, and who knows their recipients."""
    relay = configuration.relay
    name = configuration.name or machine.name
    try:
        local = localAddresses(configuration, name)
    except SMTPXError:
        # That is told where it belongs.
        return
    path: KeyPath = ("relay", "domains")
    relayed = partial(relayedDomains, configuration, local)
    problems = list(tried(configuration, path, relayed))
    yield from problems or _ways(configuration, name)
    path = ("relay", "recipients_file")
    yield from checkList(configuration, path, relay.recipientsFile, readList)
    if relay.recipientsSocket is not None:
        path = ("relay", "recipients_socket")
        yield from tried(
            configuration, path, lambda: mapEndpoint(machine, configuration)
        )


def checkList(
    configuration: Configuration,
    path: KeyPath,
    file: Path | None,
    read: Callable[[Path, bytes], object],
) -> Iterator[Problem]:
    """
    What is wrong with a file of addresses.

    @param path: of the option that names it.
    @param file: L{None}: there is none.
    @param read: reads it, given what separates tags.
    """
    if file is None:
        return
    try:
        read(file, tagSeparators(configuration))
    except BadList as bad:
        for line, text in bad.problems:
            if line is None:
                yield configuration.problem(path, f"{file}: {text}")
            else:
                yield Problem(str(file), line, (), text)


def _ways(configuration: Configuration, name: str) -> Iterator[Problem]:
    """Domains that are relayed, and to which nothing goes."""
    try:
        routes = localRoutes(configuration, name, lambda job: succeed([]), lambda: 0.0)
    except SMTPXError:
        # That is told where it belongs.
        return
    for at, domain in enumerate(configuration.relay.domains):
        if lookupIn(domain) is not None:
            continue
        sample = domain.removeprefix("*.")
        if sample is not domain:
            sample = f"x.{sample}"
        if not routes.goes(f"somebody@{sample}".encode()):
            path: KeyPath = ("relay", "domains", at)
            yield configuration.problem(path, f"no route takes mail for {domain}")


def unheard(configuration: Configuration) -> Iterator[Problem]:
    """UNIX sockets at which nobody listens, or not for us."""
    for index, entry in enumerate(configuration.routes or ()):
        path = entry.socket
        if path is None:
            continue
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_PROBE_SECONDS)
                probe.connect(bytes(path))
        except OSError as error:
            text = f"mail would wait: {path}: {error.strerror or error}"
            yield configuration.problem(("route", index, "socket"), text)


def unrouted(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    """
    What an operator should be told of mail that may be sent, and goes nowhere; and
    of logins that few hosts can check.
    """
    name = configuration.name or machine.name
    routes = localRoutes(configuration, name, lambda job: succeed([]), machine.now)
    if not routes.leads(_SOMEBODY):
        text = (
            "may send elsewhere, and no route goes there: they are told 550 5.1.2; a"
            ' route with match = ["*"] and transport = "smtp" goes everywhere'
        )
        if sendsElsewhere(configuration):
            yield configuration.problem(("route",), f"some {text}")
        elif relaysUsers(configuration) and hasUsers(configuration):
            path: KeyPath = ("relay", "authenticated")
            yield configuration.problem(path, f"users who log in {text}")
    if configuration.srs.domain is not None and not routes.goesFrom(_SOMEBODY, b""):
        text = (
            "reports that come back could not go on to the senders: no route takes"
            ' mail from <> for everybody; one with match = ["*"] and'
            ' transport = "smtp" does'
        )
        yield configuration.problem(("srs", "domain"), text)
    settings = configuration.extensions.settings.get(Auth.name)
    if getattr(settings, "unverified", False):
        return
    for index, entry in enumerate(configuration.routes or ()):
        if entry.login is not None and entry.tls is RouteTLS.ENCRYPTED:
            text = (
                "the password is not told to a host that may be another, so only SCRAM"
                ' works here; see "verified", or extensions.AUTH.unverified'
            )
            yield configuration.problem(("route", index, "tls"), text)
