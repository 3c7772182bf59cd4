"""
What lets in nobody, or everybody, and is hardly meant so: listeners for submission
where nobody can log in, and proxies that anybody can claim to be.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..core.hostlist import HostList
from ..extensions.auth import Auth
from ..extensions.xclient import XClient
from ..policy.users import BadUsersFile, readUsers
from .config import Configuration
from .problems import KeyPath, Problem
from .tables import ListenerTLS, Role


def openness(configuration: Configuration) -> Iterator[Problem]:
    """What an operator should be told of who gets in."""
    hosts = getattr(
        configuration.extensions.settings.get(XClient.name), "hosts", HostList()
    )
    # A client with an unknown address is in a list only where everybody is.
    if hosts.matches(b"unknown"):
        text = "whoever connects can say to be somebody else; list your proxies only"
        yield configuration.problem(("extensions", XClient.name, "hosts"), text)
    # A proxy can say who has logged in, wherever that was.
    if hosts == HostList():
        yield from _closed(configuration)


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


def _nobody(configuration: Configuration) -> str | None:
    """Why nobody can log in; L{None}: somebody can, perhaps."""
    given, file = configuration.users, configuration.usersFile
    others = (given.python, given.dovecot, given.pam, given.tokenValidator)
    if given.certificates or any(each is not None for each in others):
        # Those cannot be counted.
        return None
    try:
        users = readUsers(file)
    except (BadUsersFile, OSError):
        # That is told as what it is.
        return None
    if users.byName:
        return None
    return (
        f"nobody can log in yet, and so nobody can send: there are no users in {file};"
        ' make one with "smtpx passwd"'
    )


__all__ = ["openness"]
