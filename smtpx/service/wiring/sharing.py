"""
What all workers of a server have in common.
"""

from __future__ import annotations

from ...joint.recent import JointRecent
from ...joint.sums import JointSums
from ...observe.keeping import Common
from ..config import Configuration
from ..machine import connectionsMax
from ..workers.joint import Joint
from ..workers.pulse import Pulses
from ..workers.shared import Shared
from .ticketkeys import sharedKeys

#: Of how many networks that were offered PIPECONNECT, and TLS sessions that were used,
#: each worker tells until the others have read so in the file of peer knowledge, a
#: second later; and of how many keys of rates.
OFFERS_MOST, SESSIONS_MOST, COUNTED_MOST = 1024, 1024, 4096

#: And how many networks where there is no such file: as many as one alone remembers.
OFFERS_WITHOUT_FILE = 16_384


def prepare(configuration: Configuration) -> Shared:
    """
    Make it, once, before the workers are forked.

    This runs in the zygote (L{smtpx.service.workers.zygote}), as the user that the
    server has become: a process without a reactor, which must have no threads, no
    open databases and no log afterwards.

    @raise OSError: the machine does not let us.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    count, isKept = configuration.workers, configuration.peers.persistent
    offers = OFFERS_MOST if isKept else OFFERS_WITHOUT_FILE
    most = connectionsMax(configuration)
    return Shared(
        joint=Joint.make(count, most, configuration.queue.deliveriesMax),
        seen=Common.make(count) if configuration.http.wanted else None,
        ticketKeys=sharedKeys(configuration),
        offers=JointRecent(count, offers),
        sessions=JointRecent(count, SESSIONS_MOST),
        rates=JointSums(count, COUNTED_MOST),
        pulses=Pulses(count, configuration.workerSilentSeconds),
    )


__all__ = ["prepare"]
