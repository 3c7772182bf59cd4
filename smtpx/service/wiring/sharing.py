"""
What all workers of a server have in common.
"""

from __future__ import annotations

from ...joint.recent import JointRecent
from ...joint.sums import JointSums
from ...observe.keeping import Common
from ..config import Configuration
from ..workers.shared import Shared
from .ticketkeys import sharedKeys

#: How many networks each worker remembers to have offered PIPECONNECT: as many as one
#: alone would; and how many TLS sessions it has used, and keys of rates it has counted,
#: before the others have read so.
OFFERS_MOST, SESSIONS_MOST, COUNTED_MOST = 16_384, 4096, 4096


def prepare(configuration: Configuration) -> Shared:
    """
    Make it, once, before the workers are forked.

    This runs in the zygote (L{smtpx.service.workers.zygote}), as the user that the
    server has become: a process without a reactor, which must have no threads, no
    open databases and no log afterwards.

    @raise OSError: the machine does not let us.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    count = configuration.workers
    return Shared(
        seen=Common.make(count) if configuration.http.wanted else None,
        ticketKeys=sharedKeys(configuration),
        offers=JointRecent(count, OFFERS_MOST),
        sessions=JointRecent(count, SESSIONS_MOST),
        rates=JointSums(count, COUNTED_MOST),
    )


__all__ = ["prepare"]
