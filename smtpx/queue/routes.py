"""
Which transport takes the messages of which recipient.

A route is a pattern of L{smtpx.core.addresstable.AddressTable} and the name of a
transport; the narrowest pattern decides: an address before its domain, a domain
before C{*.suffix}, that before C{*}.

A route may hold for some senders only.  The recipient comes first all the same:
of the routes with one pattern, that with the narrowest pattern of the sender is
taken, one for all senders last; where none of them holds for the sender, the next
wider pattern of the recipient is looked at.  So a smart host for one sender does
not carry away what is for a domain that has a route of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, frozen
from zope.interface import implementer

from ..core.addresstable import AddressTable
from ..core.envelope import Envelope
from ..core.errors import Conflict, UsageError
from ..core.queueprofile import EXPANDED
from .interfaces import IRoutes, ITransport, Route

#: The pattern of the null sender, whom only this and C{*} match.
NULL_SENDER = "<>"


@frozen
class RouteRule:
    """
    A route as the configuration has it.

    @ivar pattern: which recipients.
    @ivar transport: the name of their transport.
    @ivar senders: patterns of the senders that it holds for, and L{NULL_SENDER};
        empty: for all.
    """

    pattern: str
    transport: str
    senders: tuple[str, ...] = ()


@define
class _Ways:
    """
    The routes of one pattern.

    @ivar everybody: for all senders; L{None}: there is none.
    @ivar null: for the null sender; L{None}: as for all.
    @ivar some: by sender; L{None}: there is none.
    """

    everybody: Route | None = None
    null: Route | None = None
    some: AddressTable[Route] | None = None

    @property
    def people(self) -> bool:
        """Is there one for anybody but the null sender?"""
        return self.everybody is not None or self.some is not None

    def find(self, sender: bytes) -> Route | None:
        """The route for a sender; L{None}: there is none."""
        if not sender:
            return self.null or self.everybody
        found = None if self.some is None else self.some.find(sender)
        return found or self.everybody


@implementer(IRoutes)
class Routes:
    """
    All routes of a server.

    @ivar transports: every transport, by its name.
    """

    def __init__(
        self,
        routes: Iterable[RouteRule],
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
        @raise Conflict: two routes have one pattern and one sender, or two
            transports one name.
        """
        self.transports: dict[str, ITransport] = {}
        for transport in transports:
            if transport.name in self.transports:
                raise Conflict(f'two transports are called "{transport.name}"')
            self.transports[transport.name] = transport
        byPattern: dict[str, list[RouteRule]] = {}
        for each in routes:
            byPattern.setdefault(each.pattern.lower(), []).append(each)
        ways = [(p, self._ways(r, home, separators)) for p, r in byPattern.items()]
        self._table = AddressTable(ways, home, separators)

    def _ways(
        self, routes: Iterable[RouteRule], home: bytes, separators: bytes
    ) -> _Ways:
        """
        @param routes: all that have one pattern.
        """
        ways = _Ways()
        some: list[tuple[str, Route]] = []
        for each in routes:
            route = self._resolved(each)
            for sender in each.senders or ("*",):
                if sender == NULL_SENDER and ways.null is None:
                    ways.null = route
                elif sender == "*" and ways.everybody is None:
                    ways.everybody = route
                elif sender in (NULL_SENDER, "*"):
                    who = "" if sender == "*" else f' and the sender "{sender}"'
                    raise Conflict(f'"{each.pattern}"{who} has two routes')
                else:
                    some.append((sender, route))
        if some:
            ways.some = AddressTable(some, home, separators)
        return ways

    def _resolved(self, route: RouteRule) -> Route:
        transport = self.transports.get(route.transport)
        if transport is None:
            there = ", ".join(sorted(self.transports)) or "none"
            raise UsageError(
                f'route "{route.pattern}": there is no transport "{route.transport}"; '
                f"there is {there}"
            )
        return Route(route.pattern, transport)

    def find(self, path: bytes, sender: bytes) -> Route | None:
        """
        @param path: a recipient's mailbox, as the envelope has it.
        @param sender: the sender's; empty: the null sender.
        @return: L{None}: nowhere.
        """
        for ways in self._table.matching(path):
            route = ways.find(sender)
            if route is not None:
                return route
        return None

    def onward(self, path: bytes, sender: bytes) -> Route | None:
        """
        Where mail goes that was on hold, and that somebody has released: as if there
        were no routes that hold.

        @param path: a recipient's mailbox, as the envelope has it.
        @param sender: the sender's; empty: the null sender.
        @return: L{None}: nowhere.
        """
        for ways in self._table.matching(path):
            route = ways.find(sender)
            if route is not None and not route.transport.holds:
                return route
        return None

    def goes(self, path: bytes) -> bool:
        """Is there a route for this recipient, whoever sends?"""
        return any(each.everybody is not None for each in self._table.matching(path))

    def leads(self, path: bytes) -> bool:
        """Is there a route for this recipient, from somebody at least?"""
        found = self._table.matching(path)
        return any(
            each.everybody is not None or each.some is not None for each in found
        )

    def goesFrom(self, path: bytes, sender: bytes) -> bool:
        """Is there a route for this recipient from this sender?"""
        return self.find(path, sender) is not None

    def holds(self, envelope: Envelope) -> bool:
        """
        Does everyone's route keep the message on hold?  Then it is put on hold
        as it is received, and delivering never sees it.
        """
        for recipient in envelope.recipients:
            if recipient.stamp(EXPANDED):
                # Those whom it stands for are recipients of their own.
                continue
            route = self.find(recipient.path, envelope.sender)
            if route is None or not route.transport.holds:
                return False
        return True


__all__ = ["NULL_SENDER", "RouteRule", "Routes"]
