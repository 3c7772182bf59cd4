"""
What lets in nobody, or everybody, and is hardly meant so: listeners for submission
where nobody can log in, proxies that anybody can claim to be, and an open relay.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from ..core.hostlist import HostList
from ..extensions.auth import Auth
from ..extensions.xclient import XClient
from ..policy.users import BadUsersFile, readUsers
from .config import Configuration
from .problems import KeyPath, Problem
from .tables import Listener, ListenerTLS, Role


def openness(configuration: Configuration) -> Iterator[Problem]:
    """What an operator should be told of who gets in."""
    hosts = getattr(
        configuration.extensions.settings.get(XClient.name), "hosts", HostList()
    )
    text = "whoever connects can say to be somebody else; list your proxies only"
    if _hasStrangers(hosts):
        yield configuration.problem(("extensions", XClient.name, "hosts"), text)
    for index, listener in enumerate(configuration.listeners):
        if _isReached(listener) and _hasStrangers(listener.proxyHosts):
            path: KeyPath = ("listener", index, "proxy_hosts")
            yield configuration.problem(path, text)
    reached = any(map(_isReached, configuration.listeners))
    if reached and _hasStrangers(configuration.relay.hosts):
        relay = "whoever connects can send mail to everywhere: an open relay"
        yield configuration.problem(("relay", "hosts"), relay)
    # A proxy can say who has logged in, wherever that was.
    if hosts == HostList():
        yield from _closed(configuration)


def _isReached(listener: Listener) -> bool:
    """
    Can strangers connect?  Behind an endpoint may be a UNIX socket, or what somebody
    else guards.
    """
    if listener.port is None:
        return False
    return not ip_address(listener.address).is_loopback


def _hasStrangers(hosts: HostList) -> bool:
    """
    Is everybody in a host list?  A client with an unknown address is only where
    there is C{*}; those with addresses that nobody has (RFC 5737, RFC 3849) are
    where a network is as wide as all that there is.
    """
    if hosts.matches(b"unknown"):
        return True
    nobodys = (b"192.0.2.255", b"198.51.100.255", b"203.0.113.255")
    return all(map(hosts.matches, nobodys)) or hosts.matches(b"2001:db8:ffff::1")


def _closed(configuration: Configuration) -> Iterator[Problem]:
    """Listeners for submission where nobody can log in."""
    auth = configuration.extensions.settings.get(Auth.name)
    clear = bool(getattr(auth, "clear_text", False))
    nobody = _nobody(configuration)
    for index, listener in enumerate(configuration.listeners):
        if listener.role is not Role.SUBMISSION:
            continue
        path: KeyPath = ("listener", index, "role")
        if nobody is not None:
            yield configuration.problem(path, nobody)
        if listener.tls is ListenerTLS.NONE and not clear:
            text = "without TLS nobody can log in here, and so nobody can send"
            yield configuration.problem(path, text)


def _countless(configuration: Configuration) -> bool:
    """Are there users whom nobody can count?"""
    given = configuration.users
    others = (given.python, given.dovecot, given.pam, given.tokenValidator)
    return bool(given.certificates) or any(each is not None for each in others)


def hasUsers(configuration: Configuration) -> bool:
    """Are there users, perhaps?"""
    if _countless(configuration):
        return True
    try:
        return bool(readUsers(configuration.usersFile).byName)
    except (BadUsersFile, OSError):
        # That is told as what it is.
        return False


def _nobody(configuration: Configuration) -> str | None:
    """Why nobody can log in; L{None}: somebody can, perhaps."""
    file = configuration.usersFile
    if _countless(configuration):
        return None
    try:
        users = readUsers(file)
    except (BadUsersFile, OSError):
        # That is told as what it is.
        return None
    if users.byName:
        return None
    command = "smtpx passwd"
    if configuration.document.lines:
        command += f" --config {configuration.document.name}"
    return (
        f"nobody can log in yet, and so nobody can send: there are no users in {file};"
        f' make one with "{command} NAME"'
    )


__all__ = ["hasUsers", "openness"]
