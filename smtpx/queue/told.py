"""
What the sender of a message is to be told of one of its recipients, as a value: what
the queue hands to whoever writes reports (L{smtpx.queue.interfaces.IReporter}).
"""

from __future__ import annotations

from ..core.hooks import Action, News
from ..core.values import value
from ..spool.format import Outcome

#: Of whom a host may have the message now.
_HANDED_ON = (Action.DELIVERED, Action.RELAYED)

#: Where nobody has it, made once.
_NEWS = {action: News(action) for action in Action}


@value
class Told:
    """
    What the sender is to be told of a recipient.

    @ivar outcome: what became of the last attempt.
    @ivar action: FAILED: nothing more is tried; DELAYED: it is; DELIVERED,
        RELAYED and EXPANDED as RFC 3464 section 2.3.3 has them.
    @ivar until: for DELAYED, when it would be given up, in seconds since the epoch;
        L{None}: not said.
    @ivar late: has the time passed that the sender set (RFC 2852)?
    @ivar tried: was it tried just now?
    """

    outcome: Outcome
    action: Action = Action.FAILED
    until: float | None = None
    late: bool = False
    tried: bool = True

    @property
    def news(self) -> News:
        """The same, for extensions."""
        via = self.outcome.via
        if via is None or self.action not in _HANDED_ON:
            return _NEWS[self.action]
        return News(self.action, via.offers)


__all__ = ["Told"]
