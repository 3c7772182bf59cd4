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

A route may hold only where something was found out of the message for the recipient,
such as a scanner's verdict.  Those routes come before all others, in their order: the
first that matches, and whose condition holds, is taken.  They say nothing of whom mail
is taken for, since that is asked when there is no message yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define, frozen
from zope.interface import implementer

from ..core.addresstable import NOBODY, AddressTable
from ..core.asked import Asks, lookupIn
from ..core.envelope import Envelope, Recipient
from ..core.errors import Conflict, Untold, UsageError
from ..core.queueprofile import EXPANDED
from .interfaces import IRoutes, ITransport, Route

#: The pattern of the null sender, whom only this and C{*} match.
NULL_SENDER = "<>"

#: How many answers are remembered.
_REMEMBERED_MOST = 1000


@frozen
class RouteRule:
    """
    A route as the configuration has it.

    @ivar pattern: which recipients.
    @ivar transport: the name of their transport.
    @ivar senders: patterns of the senders that it holds for, and L{NULL_SENDER};
        empty: for all.
    @ivar holds: does it hold for a recipient, for what was found out of the message?
        L{None}: it always does.
    """

    pattern: str
    transport: str
    senders: tuple[str, ...] = ()
    holds: Callable[[Recipient], bool] | None = None


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


@frozen
class _Exception:
    """
    A route that comes before the others, if its condition holds.

    @ivar holds: does it?
    @ivar table: its pattern.
    """

    holds: Callable[[Recipient], bool]
    table: AddressTable[_Ways]


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
        asks: Asks = NOBODY,
    ) -> None:
        """
        @param home: the domain of C{<postmaster>}, who may come without one.
        @param separators: what separates a tag: C{user+tag} goes where C{user}
            goes (RFC 5233).
        @param asks: who answers for look-ups in patterns, and for senders.
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
        self._exceptions: list[_Exception] = []
        self._asks = asks
        for each in routes:
            # Names of look-ups are as the operator writes them.
            key = each.pattern
            key = key.lower() if lookupIn(key) is None else key
            if each.holds is None:
                byPattern.setdefault(key, []).append(each)
                continue
            alone = [(key, self._ways([each], home, separators))]
            table = AddressTable(alone, home, separators, asks)
            self._exceptions.append(_Exception(each.holds, table))
        ways = [(p, self._ways(r, home, separators)) for p, r in byPattern.items()]
        self._table = AddressTable(ways, home, separators, asks)
        #: Answers by recipient and sender: it is asked four times for each that a
        #: message has.  L{None}: they are not always the same.
        self._known: dict[tuple[bytes, bytes], Route | None] | None = None
        tables = [each.some for _, each in ways if each.some is not None]
        constant = self._table.constant and all(each.constant for each in tables)
        if constant and not self._exceptions:
            self._known = {}

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
            ways.some = AddressTable(some, home, separators, self._asks)
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

    def _matching(self, path: bytes, recipient: Recipient | None) -> Iterable[_Ways]:
        """
        The routes of all patterns that match, in their order.

        @param recipient: whose it is; L{None}: there is no message.
        """
        if not self._exceptions or recipient is None:
            return self._table.matching(path)
        tables = [each.table for each in self._exceptions if each.holds(recipient)]
        return (way for each in (*tables, self._table) for way in each.matching(path))

    def find(
        self, path: bytes, sender: bytes, recipient: Recipient | None = None
    ) -> Route | None:
        """See L{IRoutes}."""
        known = self._known
        if known is None:
            return self._find(path, sender, recipient)
        try:
            return known[path, sender]
        except KeyError:
            if len(known) >= _REMEMBERED_MOST:
                known.clear()
            found = known[path, sender] = self._find(path, sender, recipient)
            return found

    def _find(
        self, path: bytes, sender: bytes, recipient: Recipient | None
    ) -> Route | None:
        for ways in self._matching(path, recipient):
            route = ways.find(sender)
            if route is not None:
                return route
        return None

    def onward(
        self, path: bytes, sender: bytes, recipient: Recipient | None = None
    ) -> Route | None:
        """See L{IRoutes}."""
        for ways in self._matching(path, recipient):
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
        known = self._known
        if known is not None and known.get((path, sender)) is not None:
            return True
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
            try:
                route = self.find(recipient.path, envelope.sender, recipient)
            except Untold:
                # Delivering asks again.
                return False
            if route is None or not route.transport.holds:
                return False
        return True


__all__ = ["NULL_SENDER", "RouteRule", "Routes"]
