"""
Which transport takes the messages of which recipient.

A route is a pattern of L{smtpx.core.addresstable.AddressTable} and the name of a
transport; the narrowest pattern decides: an address before its domain, a domain
before C{*.suffix}, that before C{*}.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen
from zope.interface import implementer

from ..core.addresstable import AddressTable
from ..core.envelope import Envelope
from ..core.errors import Conflict, UsageError
from .interfaces import IRoutes, ITransport, Route


@frozen
class LocalRoute:
    """
    A route as the configuration has it.

    @ivar pattern: which recipients.
    @ivar transport: the name of their transport.
    """

    pattern: str
    transport: str


@implementer(IRoutes)
class Routes:
    """
    All routes of a server.

    @ivar transports: every transport, by its name.
    """

    def __init__(
        self,
        routes: Iterable[LocalRoute],
        transports: Iterable[ITransport],
        home: bytes = b"localhost",
        separators: bytes = b"",
    ) -> None:
        """
        @param home: the domain of C{<postmaster>}, who may come without one.
        @param separators: what separates a tag: C{user+tag} goes where C{user}
            goes (RFC 5233).
        @raise UsageError: a route has a pattern in none of the forms, or names
            a transport that is not there.
        @raise Conflict: two routes have one pattern, or two transports one name.
        """
        self.transports: dict[str, ITransport] = {}
        for transport in transports:
            if transport.name in self.transports:
                raise Conflict(f'two transports are called "{transport.name}"')
            self.transports[transport.name] = transport
        self._table = AddressTable(
            [(each.pattern, self._resolved(each)) for each in routes],
            home,
            separators,
        )

    def _resolved(self, route: LocalRoute) -> Route:
        transport = self.transports.get(route.transport)
        if transport is None:
            there = ", ".join(sorted(self.transports)) or "none"
            raise UsageError(
                f'route "{route.pattern}": there is no transport "{route.transport}"; '
                f"there is {there}"
            )
        return Route(route.pattern, transport)

    def find(self, path: bytes) -> Route | None:
        """
        @param path: a recipient's mailbox, as the envelope has it.
        @return: L{None}: nowhere.
        """
        return self._table.find(path)

    def goes(self, path: bytes) -> bool:
        """Is there a route for this recipient?"""
        return self._table.find(path) is not None

    def holds(self, envelope: Envelope) -> bool:
        """
        Does everyone's route keep the message on hold?  Then it is put on hold
        as it is received, and delivering never sees it.
        """
        for recipient in envelope.recipients:
            route = self._table.find(recipient.path)
            if route is None or not route.transport.holds:
                return False
        return True


__all__ = ["LocalRoute", "Routes"]
