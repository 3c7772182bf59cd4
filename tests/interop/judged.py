"""
A policy that has nothing for some once the message is there: for C{full} never, and
for C{later} not now.
"""

from __future__ import annotations

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply

FULL = reply(552, "5.2.2", b"Too much for full")
LATER = reply(452, "4.2.2", b"Too much for now")


class Judged:
    """See the module."""

    def mayDeliver(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """By the name alone."""
        name = recipient.path.partition(b"@")[0]
        return {b"full": FULL, b"later": LATER}.get(name)
