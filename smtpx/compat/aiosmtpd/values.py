"""
What a handler sees of a client, and what it gives back.

The names, attributes and meanings are aiosmtpd's, so that a program can import
them from here and need aiosmtpd no longer.  Where a program has imported
aiosmtpd's own, its handlers compare with those: L{loginPassword} and L{missing}
give what they know.
"""

from __future__ import annotations

import re
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable
from enum import Enum
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple, TypeVar

from attrs import define, field, frozen

F = TypeVar("F", bound=Callable[..., Any])

_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}\Z")


class Missing(Enum):
    """The type of L{MISSING}."""

    MISSING = "missing"


#: "Nothing": no hook, or no response of the client.
MISSING = Missing.MISSING


class LoginPassword(NamedTuple):
    """
    What a client logs in with by PLAIN and LOGIN.

    @ivar login: its name.
    @ivar password: its password; never shown.
    """

    login: bytes
    password: bytes

    def __repr__(self) -> str:
        return f"LoginPassword(login={self.login.decode('utf-8', 'replace')!r}, ...)"

    def __str__(self) -> str:
        return repr(self)


@define(kw_only=True)
class AuthResult:
    """
    What came of a login.

    @ivar success: is the client who it says?
    @ivar handled: was the client told already?  Only of failures.
    @ivar message: what to tell it; L{None}: what everybody is told.
    @ivar auth_data: goes to the session.
    """

    success: bool
    handled: bool = True
    message: str | None = None
    auth_data: Any = field(default=None, repr=False)


@frozen
class ProxyHeader:
    """
    What a proxy has said of the client, by the PROXY protocol.  It is good: what is
    not, ends the connection.

    @ivar src_addr: the client's address; L{None}: it came over a Unix socket, or
        the proxy speaks for itself, or does not know.
    @ivar dst_addr: the address that it connected to; L{None}: the same.
    @ivar src_port: its port.
    @ivar dst_port: the port that it connected to.
    """

    src_addr: IPv4Address | IPv6Address | None
    dst_addr: IPv4Address | IPv6Address | None
    src_port: int
    dst_port: int
    valid = True


class Session:
    """
    One client.  Handlers may put attributes of their own on it.

    @ivar peer: its address and port (and two numbers more, under IPv6).
    @ivar ssl: what asyncio would tell of the handshake, as far as it is known;
        L{None}: in the clear.
    @ivar host_name: what it called itself.
    @ivar extended_smtp: did it say so by EHLO?
    @ivar loop: where hooks run.
    @ivar proxy_data: what a proxy has said of the client; L{None}: there is no
        proxy.  C{peer} is the proxy where the handler has a C{handle_PROXY}, and
        the client where proxies are listed.
    @ivar auth_data: what the authenticator gave.
    @ivar authenticated: L{None}: it never tried.
    @ivar login_data: the name it logged in by.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.peer: tuple[Any, ...] | str | None = None
        self.ssl: dict[str, Any] | None = None
        self.host_name: str | None = None
        self.extended_smtp = False
        self.loop = loop
        self.proxy_data: ProxyHeader | None = None
        self.auth_data: Any = None
        self.authenticated: bool | None = None
        self.login_data: Any = None


class Envelope:
    """
    One transaction.  Handlers may put attributes of their own on it.

    @ivar mail_from: the sender; C{<>} is the null sender.
    @ivar mail_options: the parameters of MAIL, in upper case.
    @ivar smtp_utf8: was SMTPUTF8 among them?
    @ivar content: the message, with CRLF line ends and without stuffed dots; text
        where the server was made with C{decode_data}.
    @ivar original_content: the same as octets.
    @ivar rcpt_tos: the recipients.
    @ivar rcpt_options: the parameters of all RCPTs, in upper case.
    """

    def __init__(self) -> None:
        self.mail_from: str | None = None
        self.mail_options: list[str] = []
        self.smtp_utf8 = False
        self.content: bytes | str | None = None
        self.original_content: bytes | None = None
        self.rcpt_tos: list[str] = []
        self.rcpt_options: list[str] = []


def auth_mechanism(actual_name: str) -> Callable[[F], F]:
    """
    Decorates an C{auth_*} method whose name is not that of its mechanism.

    @raise ValueError: no name that a mechanism can have (RFC 4422 section 3.1).
    """
    name = actual_name.upper()
    if not _MECHANISM.match(name):
        raise ValueError(f"no name of a mechanism: {actual_name}")

    def decorate(method: F) -> F:
        method.__auth_mechanism_name__ = name  # type: ignore[attr-defined]  # a mark
        return method

    return decorate


def loginPassword(login: bytes, password: bytes) -> LoginPassword:
    """A L{LoginPassword} that is aiosmtpd's as well, where there is that."""
    theirs = _theirs("LoginPassword", LoginPassword)
    return _both(theirs)(login, password)


@cache
def _both(theirs: Any) -> type[LoginPassword]:
    if theirs is LoginPassword:
        return LoginPassword
    return type("LoginPassword", (LoginPassword, theirs), {"__slots__": ()})


def missing() -> Any:
    """
    The C{MISSING} that a handler compares with: aiosmtpd's, where the program has
    imported that.
    """
    return _theirs("MISSING", MISSING)


def isMissing(value: object) -> bool:
    """Is it a C{MISSING}, ours or aiosmtpd's?"""
    return value is MISSING or value is missing()


def isAuthResult(value: object) -> bool:
    """Is it an C{AuthResult}, ours or aiosmtpd's?"""
    return isinstance(value, (AuthResult, _theirs("AuthResult", AuthResult)))


def _theirs(name: str, ours: Any) -> Any:
    # Looked at only where the program itself has imported it.
    return getattr(sys.modules.get("aiosmtpd.smtp"), name, ours)
