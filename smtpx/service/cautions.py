"""
What a start does not stumble over, and an operator should know all the same:
certificates and staples that can be used, or left out, but are of little use, templates
of reports that have an error, a disk without room, a file of peers that cannot be used,
a Dovecot that is not there, and doors that are hardly meant to be as they are
(L{smtpx.service.openness}).

What stops a start is L{smtpx.service.check}'s.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path

from attrs import evolve

from ..core.errors import Malformed
from ..core.hostlist import HostList
from ..knowledge.layout import glance
from ..policy.dovecot import tryDovecot
from .boundcautions import boundCautions
from .checkercheck import checkerCautions
from .config import Configuration
from .dmarcchecks import dmarcCautions
from .dnslistcautions import dnsListCautions
from .handshakecautions import handshakeCautions
from .localcautions import localCautions
from .machine import Machine
from .miltercheck import milterCautions
from .openness import openness
from .problems import KeyPath, Problem
from .requiretlscautions import requireTLSCautions
from .resumptioncautions import resumptionCautions
from .routecheck import unheard, unrouted
from .rulecautions import ruleCautions
from .sendingcautions import sendingCautions
from .stscautions import stsCautions
from .tables.tls import ANYBODY
from .tlscautions import tlsCautions
from .toml import UNNAMED
from .verdictcheck import verdictCautions
from .wiring import certificatesOf, reportWordings, serverTLS
from .workercheck import workerCautions


def cautions(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    """
    What to know of a configuration in which L{smtpx.service.check.check} finds
    nothing wrong.
    """
    for index, files in enumerate(certificatesOf(configuration)):
        path: KeyPath = ("tls", "certificates", index)
        [state] = serverTLS(machine, withoutClients(configuration), [files]).state()
        if state.problem is not None:
            yield configuration.problem((*path, "certificate"), state.problem)
        if state.staple is not None and state.staple.problem is not None:
            text = f"{state.staple.problem}; no staple would be sent"
            yield configuration.problem((*path, "tls_ocsp_file"), text)
    yield from _room(configuration)
    yield from _peers(configuration)
    for flaw in reportWordings(configuration)[1]:
        text = f"reports would be in English there: {flaw}"
        yield configuration.problem(("reports", "templates"), text)
    dovecot = configuration.users.dovecot
    if dovecot is not None:
        try:
            tryDovecot(dovecot)
        except (OSError, Malformed) as error:
            why = getattr(error, "strerror", None) or str(error)
            text = f"logins would be told 454: {dovecot}: {why}"
            yield configuration.problem(("users", "dovecot"), text)
    yield from boundCautions(configuration)
    yield from checkerCautions(configuration)
    yield from milterCautions(configuration)
    yield from verdictCautions(configuration)
    yield from unheard(configuration)
    yield from openness(configuration)
    yield from resumptionCautions(configuration)
    yield from unrouted(machine, configuration)
    yield from sendingCautions(configuration)
    yield from _drop(configuration)
    yield from localCautions(machine, configuration)
    yield from handshakeCautions(configuration)
    yield from _trustedServers(machine, configuration)
    yield from stsCautions(configuration)
    yield from tlsCautions(machine, configuration)
    yield from dmarcCautions(configuration)
    yield from requireTLSCautions(configuration)
    yield from dnsListCautions(machine, configuration)
    yield from ruleCautions(configuration)
    yield from workerCautions(machine, configuration)


def _trustedServers(
    machine: Machine, configuration: Configuration
) -> Iterator[Problem]:
    """
    Name servers whose word is taken, and that have none, or that anybody on the way may
    change; and DANE without such.
    """
    if not configuration.dns.trusted:
        if configuration.sending.hostsRequireDANE.items:
            text = (
                "these hosts get no mail: TLSA records are of use only with name"
                " servers that check DNSSEC (dns.trusted)"
            )
            yield configuration.problem(("sending", "hosts_require_dane"), text)
        return
    for index, server in enumerate(configuration.dns.servers):
        checks = machine.checksDNSSEC(server)
        if checks is not True:
            text = f"{server} does not say of the root that it is authentic (AD)"
            if checks is None:
                text = f"{server} does not answer"
            text += ": as long as that is so, there is neither DNSSEC nor DANE"
            yield configuration.problem(("dns", "servers", index), text)
        if not ip_address(server.address).is_loopback:
            text = (
                f"{server} is trusted, but not of this machine: whoever is between can"
                " change what it says"
            )
            yield configuration.problem(("dns", "servers", index), text)


def _room(configuration: Configuration) -> Iterator[Problem]:
    """A disk with less room than no message is taken with."""
    state, least = configuration.state, configuration.limits.spoolFreeOctets
    there = next(each for each in (state, *state.parents) if _isThere(each))
    left = shutil.disk_usage(there).free
    if left < least:
        text = (
            f"no mail would be taken: {left} octets of room are left for {state},"
            f" which is less than {least}"
        )
        yield configuration.problem(("limits", "spool_free_octets"), text)


def _isThere(path: Path) -> bool:
    """Is something there, as far as this user can see?"""
    try:
        return path.exists()
    except PermissionError:
        # In a folder that is not for him.
        return False


def _peers(configuration: Configuration) -> Iterator[Problem]:
    """A file of peer knowledge that is of no use."""
    if not configuration.peers.persistent:
        return
    try:
        text = glance(str(configuration.peersFile))
    except OSError as error:
        text = str(error)
    if text is not None:
        text = f"what is known of peers would be in memory only: {text}"
        yield configuration.problem(("peers", "file"), text)


def _drop(configuration: Configuration) -> Iterator[Problem]:
    """A folder for mail of users who cannot get there."""
    options = configuration.sendmail
    if not options.enabled or options.folder is None:
        # That in the state folder is for whoever runs the server, if it is closed.
        return
    for above in options.folder.parents:
        if above.exists() and not above.stat().st_mode & stat.S_IXOTH:
            text = f"users cannot submit mail: {above} is closed to them"
            yield configuration.problem(("sendmail", "folder"), text)


def approval(configuration: Configuration, found: Sequence[Problem]) -> Iterator[str]:
    """
    What an operator is told of a configuration in which nothing is wrong, line by
    line.

    @param found: what L{cautions} found.
    """
    name = configuration.document.name
    if name == UNNAMED:
        # A file that lies in this folder was not looked at.
        name = "a first start, without a configuration"
    for each in found:
        yield f"warning: {each}"
    yield f"{name}: it can be used" if found else f"{name}: nothing is wrong"


def withoutClients(configuration: Configuration) -> Configuration:
    """The same, with no client asked for a certificate."""
    tls = evolve(
        configuration.tls,
        clientAuthorities=None,
        tlsVerifyHosts=HostList(),
        tlsTryVerifyHosts=ANYBODY,
    )
    return evolve(configuration, tls=tls)


__all__ = ["approval", "cautions", "withoutClients"]
