"""
Tells of messages that were taken from where they lay in files, and of files that were
not.
"""

from __future__ import annotations

from ..spool.taking import Took
from . import events
from .publisher import Publisher


class ImportJournal:
    """
    Publishes what comes of files.
    """

    def __init__(self, publisher: Publisher) -> None:
        """
        @param publisher: has it told.
        """
        self._publisher = publisher

    def taken(self, took: Took) -> None:
        """A parcel was taken: tell of those of its messages that are new."""
        if not self._publisher.enabled:
            return
        holds = dict(took.messages)
        for id, envelope in took.envelopes:
            fields: dict[str, object] = {
                "message": id,
                "source": took.parcel.place.partition(" ")[2],
                "sender": envelope.sender,
                "recipients": [each.path for each in envelope.recipients],
                "octets": envelope.octets,
                "hold": holds[id],
            }
            self._publisher.publish(events.IMPORTED, fields)

    def refused(self, source: str, why: str) -> None:
        """
        Something is not taken.

        @param source: the path of a folder, or of files without the end of their
            names.
        """
        # Somebody has to act: that is told in any case.
        fields: dict[str, object] = {"source": source, "why": why}
        self._publisher.publish(events.IMPORT_REFUSED, fields)


__all__ = ["ImportJournal"]
