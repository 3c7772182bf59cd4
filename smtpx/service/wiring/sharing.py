"""
What all workers of a server have in common.
"""

from __future__ import annotations

from ...observe.keeping import Common
from ..config import Configuration
from ..workers.shared import Shared


def prepare(configuration: Configuration) -> Shared:
    """
    Make it, once, before the workers are forked.

    This runs in the zygote (L{smtpx.service.workers.zygote}), as the user that the
    server has become: a process without a reactor, which must have no threads, no
    open databases and no log afterwards.

    @raise OSError: the machine does not let us.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    seen = Common.make(configuration.workers) if configuration.http.wanted else None
    return Shared(seen=seen)


__all__ = ["prepare"]
