"""
Which host it was, out of the connection to it.
"""

from __future__ import annotations

from ..core.client import ClientConnection
from ..core.demands import spoken
from ..core.hooks import RoutePolicy
from ..core.reply import Reply
from ..spool.via import Via
from .fastopen import Opened


class LastVia:
    """
    The host of a connection; the same value for one message after the other, as long
    as nothing has changed.
    """

    __slots__ = ("_core", "_host", "_known", "_source", "_via")

    def __init__(
        self, core: ClientConnection, host: bytes, source: tuple[bytes, int] | None
    ) -> None:
        """
        @param host: its name.
        @param source: our own address and port.
        """
        self._core, self._host, self._source = core, host, source
        self._known: tuple[object, ...] = ()
        self._via: Via | None = None

    def now(self, again: bool, opened: Opened, policy: RoutePolicy | None) -> Via:
        """
        The host, as far as it is known now.

        @param again: was the connection used before?
        @param opened: how it was opened.
        @param policy: what was asked of it, to be told with it; L{None}: it is not.
        """
        core = self._core
        secured, offers, said = core.secured, core.offers, (core.greeting, core.greeted)
        fields = core.logFields()
        known = policy, secured, offers, said, opened, again, fields
        via = self._via
        if via is None or known != self._known:
            target = core.target
            via = self._via = Via(
                self._host,
                target.address,
                target.port,
                secured,
                fields,
                _firstLine(said[0]),
                _firstLine(said[1]),
                again,
                self._source,
                offers,
                opened.value,
                () if policy is None else spoken(policy),
            )
            self._known = known
        return via


def _firstLine(said: Reply | None) -> bytes:
    return b"" if said is None else said.octets.partition(b"\r\n")[0]


__all__ = ["LastVia"]
