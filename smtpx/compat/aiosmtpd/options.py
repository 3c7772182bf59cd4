"""
The parameters of aiosmtpd's C{SMTP}, by the names they have there.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen
from attrs.validators import gt, optional
from twisted.internet.interfaces import IReactorTime

from ...core.errors import UsageError
from ...tls.certificates import CertificateFiles
from ...tls.contexts import ServerTLS
from ...tls.interfaces import IServerTLS

#: As aiosmtpd has it, in octets.
DATA_SIZE_DEFAULT = 2**25

#: How often each command may be given where only some have a limit.
CALL_LIMIT_DEFAULT = 20


def _checkLimits(instance: object, attribute: Any, limits: Any) -> None:
    if limits is None or isinstance(limits, int):
        return
    if not isinstance(limits, Mapping):
        raise TypeError("command_call_limit is a number or a dict of numbers")
    if not all(isinstance(limit, int) for limit in limits.values()):
        raise TypeError("all values of command_call_limit are numbers")


@frozen(kw_only=True)
class Options:
    """
    How a server treats its clients.

    @ivar data_size_limit: the most octets of a message; L{None}: no limit, though
        a handler gets the message whole.
    @ivar enable_SMTPUTF8: are addresses in UTF-8 taken?
    @ivar decode_data: is the content text?
    @ivar hostname: what the server calls itself; L{None}: the machine's name.
    @ivar ident: what stands behind that in the greeting; L{None}: C{ESMTP}.
    @ivar tls_context: certificates, see L{certificatesOf}; L{None}: no TLS.
    @ivar require_starttls: is nothing taken in the clear?
    @ivar timeout: how long a client may be silent, in seconds.
    @ivar auth_required: is nothing taken without a login?
    @ivar auth_require_tls: are logins taken under TLS only?
    @ivar auth_exclude_mechanism: mechanisms that are not offered.
    @ivar auth_callback: says whether mechanism, name and password are good.
    @ivar authenticator: the same, given more and giving more; it goes first.  It
        may be C{async}, which aiosmtpd's may not.
    @ivar command_call_limit: how often a client may give a command: all, or each
        by its name, C{*} for the others; L{None}: no limit of this kind.
    @ivar proxy_protocol_timeout: how long anybody may take to say for whom it
        connects, by the PROXY protocol, in seconds; the handler judges it by its
        C{handle_PROXY}.  L{None}: nobody is asked.  C{proxies} of
        L{smtpx.SMTPServerFactory} is for those who can say which hosts are
        proxies, and the better choice.
    """

    data_size_limit: int | None = DATA_SIZE_DEFAULT
    enable_SMTPUTF8: bool = True
    decode_data: bool = False
    hostname: str | None = None
    ident: str | None = None
    tls_context: Any = None
    require_starttls: bool = False
    timeout: float = 300.0
    auth_required: bool = False
    auth_require_tls: bool = True
    auth_exclude_mechanism: Iterable[str] | None = None
    auth_callback: Callable[..., Any] | None = None
    authenticator: Callable[..., Any] | None = None
    command_call_limit: int | Mapping[str, int] | None = field(
        default=None, validator=_checkLimits
    )
    proxy_protocol_timeout: float | None = field(
        default=None, validator=optional(gt(0))
    )

    def callLimit(self, verb: bytes) -> int:
        """How often a client may give C{verb}, where there is a limit at all."""
        limits = self.command_call_limit
        if isinstance(limits, Mapping):
            others = limits.get("*", CALL_LIMIT_DEFAULT)
            return limits.get(verb.decode("ascii", "replace"), others)
        assert limits is not None
        return limits


def certificatesOf(given: object, clock: IReactorTime) -> IServerTLS | None:
    """
    Certificates from what a program has.

    @param given: L{None}; an L{IServerTLS}; the name of a PEM file that has the
        certificate, those behind it and the private key; or the names of two
        files, the key in the second.
    @param clock: tells when to look at the files again.
    @raise UsageError: an C{ssl.SSLContext}, or another thing.
    @raise smtpx.tls.certificates.CertificateError: files that cannot be used.
    """
    if given is None or IServerTLS.providedBy(given):
        return given
    if isinstance(given, ssl.SSLContext):
        raise UsageError(
            "an ssl.SSLContext does not give away its certificate and key, and"
            " smtpx needs both: give what you gave to its load_cert_chain, the"
            " names of the files, as in tls_context=('cert.pem', 'key.pem')"
        )
    names = (given,) if isinstance(given, str | Path) else given
    if isinstance(names, tuple | list) and 1 <= len(names) <= 2:
        if all(isinstance(name, str | Path) for name in names):
            files = CertificateFiles(*(Path(name) for name in names))
            return ServerTLS([files], clock=clock)
    raise UsageError(f"no certificates: {given!r}; give the names of files")
