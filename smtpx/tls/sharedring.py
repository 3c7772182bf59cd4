"""
A ring of ticket keys that other processes have, too.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from OpenSSL import SSL
from twisted.logger import Logger

from .clienthello import Wishes
from .keyring import ticketName
from .sharedkeys import KeySeries
from .sharedverdicts import SharedVerdicts


@define(eq=False)
class SharedRing:
    """
    The keys of a ring, as one worker uses them; otherwise as
    L{smtpx.tls.keyring.KeyRing}.

    A key comes as a bare context: it is furnished, and its name read, when it is first
    wanted.

    @ivar furnish: has a context make the handshakes of this ring.
    @ivar verdicts: what was found out of the certificates of clients whose sessions may
        be resumed, by any worker.
    """

    series: KeySeries
    furnish: Callable[[SSL.Context], None]
    verdicts: SharedVerdicts
    _furnished: set[int] = field(init=False, factory=set)
    _names: dict[int, bytes] = field(init=False, factory=dict)
    _alone: bool = field(init=False, default=False)
    _log = Logger()

    def pick(self, wishes: Wishes) -> SSL.Context:
        """See L{smtpx.tls.keyring.KeyRing}."""
        self.tidy()
        number = self.series.number
        if wishes.names:
            for each in (number, number - 1, number + 1):
                if each in self.series.contexts and self._name(each) in wishes.names:
                    return self._context(each)
        return self._context(number)

    def tidy(self) -> None:
        """Destroy what is past; to be called now and then, where nobody comes."""
        self.series.tidy()
        self._furnished.intersection_update(self.series.contexts)
        for each in self._names.keys() - self.series.contexts.keys():
            del self._names[each]

    def _name(self, number: int) -> bytes:
        found = self._names.get(number)
        if found is None:
            found = self._names[number] = ticketName(self._context(number))
        return found

    def _context(self, number: int) -> SSL.Context:
        """The context of a number; if there is none any more, one of this process."""
        contexts = self.series.contexts
        if number not in contexts:
            self._tellAlone()
            contexts[number] = SSL.Context(SSL.TLS_SERVER_METHOD)
        context = contexts[number]
        if number not in self._furnished:
            self.furnish(context)
            self._furnished.add(number)
        return context

    def _tellAlone(self) -> None:
        if not self._alone:
            self._alone = True
            self._log.warn(
                "No ticket keys are left that all workers have; until this one is"
                " replaced, its sessions are resumed by itself alone"
            )


__all__ = ["SharedRing"]
