"""
What a worker tells the others of itself, for the status page and Prometheus.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..core.errors import Malformed
from .families import Families, packFamilies, unpackFamilies
from .parcels import unpack
from .watch import Status


@frozen
class Report:
    """
    What a worker has told.

    @ivar number: which worker.
    @ivar life: which of its lives: another process has another.
    @ivar pid: of its process.
    @ivar unready: why it takes no messages, in words; empty: it does.
    @ivar families: all its metrics.
    @ivar status: its L{smtpx.observe.watch.Status}, packed as it has come: it is
        unpacked only where somebody looks at it.
    """

    number: int
    life: str
    pid: int
    unready: tuple[str, ...]
    families: Families
    status: object

    def packed(self) -> dict[str, object]:
        """As a value of JSON."""
        return {
            "number": self.number,
            "life": self.life,
            "pid": self.pid,
            "unready": list(self.unready),
            "families": packFamilies(self.families),
            "status": self.status,
        }

    def look(self) -> Status:
        """
        Its status.

        @raise Malformed: it is none.
        """
        return unpack(Status, self.status)

    @classmethod
    def read(cls, packed: Mapping[str, object]) -> Report:
        """
        The inverse of L{packed}.

        @raise Malformed: it is none.
        """
        number, life = packed.get("number"), packed.get("life")
        pid, unready = packed.get("pid"), packed.get("unready")
        if not (
            isinstance(number, int)
            and isinstance(life, str)
            and isinstance(pid, int)
            and isinstance(unready, list)
        ):
            raise Malformed("no report of a worker")
        families = unpackFamilies(packed.get("families"))
        words = tuple(map(str, unready))
        return cls(number, life, pid, words, families, packed.get("status"))


__all__ = ["Report"]
