"""
Advertisements go last, and nobody is told that they are late: what an extension can
say to the queue.
"""

from __future__ import annotations

from attrs import evolve, frozen
from twisted.plugin import IPlugin
from zope.interface import implementer

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Action, News, ReportWish, Schedule
from smtpx.core.interfaces import IQueueBuilder, IQueueExtension

from .nosoliciting import SOLICIT


@implementer(IQueueExtension, IPlugin)
@frozen
class Lastly:
    """
    Puts advertisements behind all other mail.

    @cvar settings: an operator has nothing to set.
    """

    name = "LASTLY"
    requires = ("NO-SOLICITING",)
    settings = None

    def configured(self, settings: object) -> Lastly:
        """As it is."""
        return self

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """Have a say in when it goes, and in what its sender hears."""
        queue.schedule(self._schedule, of=(SOLICIT,))
        queue.report(self._wish, of=(SOLICIT,))

    def _schedule(self, envelope: Envelope, schedule: Schedule) -> Schedule:
        return evolve(schedule, priority=-9)

    def _wish(
        self, envelope: Envelope, recipient: Recipient, news: News
    ) -> ReportWish | None:
        if news.action is Action.DELAYED:
            return ReportWish(send=False)
        return None
