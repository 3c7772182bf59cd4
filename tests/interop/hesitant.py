"""
Policies that think for a second about who connects, for servers of the tests.
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply


@frozen
class Hesitant:
    """
    Thinks for a second.

    @ivar answer: what it comes to.
    """

    answer: Reply | None = None

    def mayConnect(self, session: IServerSession) -> Deferred[Reply | None]:
        """Think."""
        return deferLater(reactor, 1.0, lambda: self.answer)


WELCOMING = Hesitant()
REFUSING = Hesitant(reply(550, "5.7.1", b"Not you"))
