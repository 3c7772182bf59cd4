"""
The TLS session of a client connection, on its way to those who keep it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, evolve, field

from .errors import HookTrouble
from .hooks import TLSInfo, TLSOptions
from .interfaces import Ticketing
from .tlssession import Resumption, TLSSession


@define(eq=False)
class SessionKeeper:
    """
    Hands a session on once, as soon as it is there, or that there is none.

    @ivar keepers: who are told (C{IClientBuilder.ticket}).
    @ivar report: told of trouble in one of them.
    @ivar options: those of the handshake behind which EHLO was not answered yet;
        L{None}: there is no such.
    @ivar take: gives the session as it is now, told what the handshake came to; the
        shell's to set.  L{None}: there is none, or it was taken.
    """

    keepers: Sequence[Ticketing]
    report: Callable[[HookTrouble], None]
    options: TLSOptions | None = field(init=False, default=None)
    take: Callable[[TLSInfo], TLSSession | None] | None = field(
        init=False, default=None
    )

    def keep(self, info: TLSInfo) -> TLSInfo:
        """
        Hand on the session.  The tickets of TLS 1.3 come behind the handshake (RFC 8446
        section 4.6.1), and are there once something was read under it.

        @param info: what the handshake came to.
        @return: the same, knowing whether there was a new ticket.
        """
        take, options = self.take, self.options
        self.take = self.options = None
        session = None if take is None else take(info)
        if session is None or options is None:
            return info
        if session is not options.session:
            info = evolve(info, resumption=info.resumption | Resumption.TICKET)
        self._hand(options, info, session)
        return info

    def giveBack(self) -> None:
        """The session that was to be offered is not, and may serve another time."""
        options = self.options
        if options is not None and options.session is not None:
            self.options = evolve(options, session=None)
            self._hand(options, None, options.session)

    def drop(self) -> None:
        """Where a handshake has come to nothing, so has the session that it offered."""
        options = self.options
        self.take = self.options = None
        if options is not None and options.tickets:
            self._hand(options, None, None)

    def _hand(
        self, options: TLSOptions, info: TLSInfo | None, session: TLSSession | None
    ) -> None:
        for keep in self.keepers:
            try:
                keep(options, info, session)
            except HookTrouble as trouble:
                self.report(trouble)


__all__ = ["SessionKeeper"]
