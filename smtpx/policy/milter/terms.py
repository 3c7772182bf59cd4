"""
On what terms a milter is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from attrs import field, frozen

from ...core.reply import Reply
from .answers import DEFERRED, REJECTED
from .stages import MacroStage


class WhenAway(Enum):
    """
    What holds where a milter cannot be asked, or has gone.

    @cvar ACCEPT: it goes on without it.
    @cvar DEFER: mail is deferred.
    @cvar REJECT: mail is refused for good.
    """

    ACCEPT = "accept"
    DEFER = "defer"
    REJECT = "reject"

    @property
    def reply(self) -> Reply | None:
        """What clients are told; L{None}: nothing."""
        if self is WhenAway.ACCEPT:
            return None
        return DEFERRED if self is WhenAway.DEFER else REJECTED


#: The macros that are told at each stage, as Sendmail and Postfix have them, and those
#: that OpenDKIM, OpenDMARC and rspamd ask for besides.
MACROS: Mapping[MacroStage, tuple[bytes, ...]] = {
    MacroStage.CONNECT: (
        b"j",
        b"_",
        b"v",
        b"{daemon_name}",
        b"{daemon_addr}",
        b"{daemon_port}",
        b"{if_name}",
        b"{if_addr}",
        b"{client_addr}",
        b"{client_name}",
        b"{client_port}",
        b"{client_ptr}",
    ),
    MacroStage.HELO: (
        b"{tls_version}",
        b"{cipher}",
        b"{cipher_bits}",
        b"{cert_subject}",
        b"{verify}",
    ),
    MacroStage.MAIL: (
        b"i",
        b"{auth_type}",
        b"{auth_authen}",
        b"{auth_author}",
        b"{mail_addr}",
        b"{mail_host}",
        b"{mail_mailer}",
    ),
    MacroStage.RCPT: (
        b"i",
        b"{rcpt_addr}",
        b"{rcpt_host}",
        b"{rcpt_mailer}",
    ),
    MacroStage.DATA: (b"i", b"{nrcpts}"),
    MacroStage.END_OF_HEADER: (b"i",),
    MacroStage.END_OF_MESSAGE: (b"i", b"{nrcpts}"),
}


@frozen
class MilterTerms:
    """
    On what terms a milter is asked.

    @ivar whenAway: what holds where it cannot be asked.
    @ivar connectSeconds: how long it may take to be connected to, and to agree.
    @ivar commandSeconds: how long it may take to answer a command.
    @ivar contentSeconds: the same for the end of a message; each sign that it is still
        at work begins it anew.
    @ivar connectionsMax: the most connections to it.
    @ivar macros: those that are told at each stage, for milters with no list of their
        own.
    @ivar fixed: macros that are always the same, by name.
    """

    whenAway: WhenAway = WhenAway.DEFER
    connectSeconds: float = 10.0
    commandSeconds: float = 30.0
    contentSeconds: float = 240.0
    connectionsMax: int = 100
    macros: Mapping[MacroStage, Sequence[bytes]] = field(factory=lambda: MACROS)
    fixed: Mapping[bytes, bytes] = field(factory=dict)


__all__ = ["MACROS", "MilterTerms", "WhenAway"]
