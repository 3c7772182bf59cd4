"""
Messages that have just been put down, kept in memory for a moment: where the queue
keeps pace, it has them from here, and they need neither be read from the file nor
taken apart again.

It is bounded, by number and by octets: whether these are of many short messages or of
a few that are longer is all the same.  Where the queue falls behind, nothing is added
and nothing is spent on it.  What is here is in the file too, so that to forget it costs
nothing but time.
"""

from __future__ import annotations

from ..core.envelope import Envelope
from .format import SpooledMessage, inserted
from .writer import Insert

#: How many messages, and how many octets of their texts and bodies.
_MESSAGES, _OCTETS = 1000, 4 << 20

#: Who waits where there is one recipient.
_ONE = (0,)


class Recent:
    """
    Messages of one spool that were just put down.

    @ivar wanted: is there anybody who might have them?
    """

    def __init__(self) -> None:
        self.wanted = False
        self._jobs: dict[int, Insert] = {}
        self._octets = 0

    def offer(
        self, job: Insert, id: str, plain: Envelope | None, prefix: bytes
    ) -> None:
        """
        A message is about to be put down that will be due at once.

        @param plain: what its envelope is, which nobody else has; L{None}: there are
            stamps on it, which have to go through their text, as not all of them
            outlive it.
        """
        key, octets, text, body, _ = job.row
        if (
            self.wanted
            and len(self._jobs) < _MESSAGES
            and self._octets + octets + len(text) <= _OCTETS
        ):
            if plain is None:
                job.spare = inserted(job.row)
                return
            count = len(plain.recipients)
            # As it would be read from the file; by place, as it is one a message.
            job.spare = SpooledMessage(
                id,
                plain.arrived,
                plain,
                prefix,
                _ONE if count == 1 else tuple(range(count)),
                0,
                False,
                "",
                None,
                (),
                octets,
                False,
                body,
                0,
                None,
                None,
                False,
                key,
            )

    def keep(self, job: Insert) -> None:
        """One that was offered is put down."""
        key, octets, text, _, _ = job.row
        if len(self._jobs) < _MESSAGES:
            self._jobs[key] = job
            self._octets += octets + len(text)

    def take(self, key: int) -> Insert | None:
        """Have it, and forget it; L{None}: it is not there."""
        job = self._jobs.pop(key, None)
        if job is not None:
            self._octets -= job.row[1] + len(job.row[2])
        return job

    def clear(self) -> None:
        """Forget all."""
        self._jobs.clear()
        self._octets = 0
