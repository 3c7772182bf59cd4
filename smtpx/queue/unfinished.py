"""
Which hosts may have some of a message, since a connection was lost in the middle of it
and they know it again (L{smtpx.core.repeatable}).

Such a host is tried before others the next time (RFC 1845 section 3): it does not want
what it has a second time, and another one would.  After a restart nobody remembers,
and hosts come in their usual order.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.repeatable import Errand
from ..dns.mailhosts import MailHost
from ..net.sending import Sent
from ..spool.via import Cause

#: Of so many messages it is remembered.
_MOST = 5000


class Unfinished:
    """
    Hosts that may have some of a message.

    @ivar hosts: their names and ports, by the message's id; the oldest first.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, bytes] = {}

    def note(self, errand: Errand, host: MailHost, sent: Sent) -> None:
        """
        A message was sent to a host.

        @param errand: which message, and whether hosts were told its names.
        @param sent: what came of it.
        """
        if not errand.names or Cause.LOST not in sent.causes:
            return
        while len(self.hosts) >= _MOST:
            del self.hosts[next(iter(self.hosts))]
        self.hosts[errand.id] = host.spelled

    def first(self, id: str, hosts: Sequence[MailHost]) -> Sequence[MailHost]:
        """
        In which order hosts are tried.  It is forgotten by that.

        @param id: the message's.
        @param hosts: in their usual order.
        """
        begun = self.hosts.pop(id, None)
        if begun is None:
            return hosts
        return sorted(hosts, key=lambda host: host.spelled != begun)


__all__ = ["Unfinished"]
