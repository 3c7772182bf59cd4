"""
What routes with the transport C{lmtp} have besides.

They have nearly all that routes with C{smtp} have, but one thing of their own: a UNIX
socket in the place of hosts.
"""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from ..kinds import FilePath
from ..nested import Optional
from .routemaildir import MaildirOptions
from .routeoptions import TransportKind, only

#: Where RFC 2033 section 5 forbids LMTP, and where it is by custom: "any private mail
#: system", as IANA calls it.
FORBIDDEN_PORT = 25
LMTP_PORT = 24

#: The longest path of a UNIX socket that Linux has, in octets.
_PATH_OCTETS = 107


def _short(entry: LMTPOptions) -> str | None:
    if entry.socket is not None and len(bytes(entry.socket)) > _PATH_OCTETS:
        return f"the path of a socket has at most {_PATH_OCTETS} octets"
    return None


@frozen
class LMTPOptions(MaildirOptions):
    """What routes to whoever delivers have."""

    socket: Path | None = field(
        default=None,
        validator=only(TransportKind.LMTP, checks=(_short,)),
        metadata={
            "kind": Optional(FilePath()),
            "help": "For ``lmtp``: the path of a UNIX socket, such as"
            " ``/run/dovecot/lmtp``, in the place of ``hosts``.",
        },
    )

    @property
    def speaksLMTP(self) -> bool:
        """Does it send by LMTP (RFC 2033)?"""
        return self.transport is TransportKind.LMTP


__all__ = ["FORBIDDEN_PORT", "LMTP_PORT", "LMTPOptions"]
