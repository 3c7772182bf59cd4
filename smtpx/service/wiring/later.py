"""
What waits to be released: counted when the server starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ...core.interfaces import IExtension
from ...extensions.futurerelease import FutureRelease
from ...queue.heldmail import HeldMail
from ...spool.interfaces import IOperatedSpool


def countHeld(
    extensions: Iterable[IExtension],
    spool: IOperatedSpool,
    trouble: Callable[[BaseException], None],
    stack: AsyncExitStack,
) -> None:
    """
    Count what the spool has from before, in the background, if it matters.

    @param trouble: told of what goes wrong.
    """
    for each in extensions:
        if not isinstance(each, FutureRelease) or not each.options.holdMaxSeconds:
            continue
        # Somebody else's may be loaded already.
        held: object = each.held
        if isinstance(held, HeldMail):
            counting = Deferred.fromCoroutine(held.load(spool))
            stack.callback(counting.cancel)
            counting.addErrback(_tell, trouble)


def _tell(failure: Failure, trouble: Callable[[BaseException], None]) -> None:
    # The border: users have more room than they should, and mail goes on.
    error = failure.value
    if error is not None and not isinstance(error, CancelledError):
        trouble(error)
