"""
Two workers of one spool, without threads.
"""

from __future__ import annotations

from smtpx.spool.nametable import Name, Remnant

from .named import NamesTestCase
from .rig import SHORT, Rig


class SharedTestCase(NamesTestCase):
    """A test with two workers."""

    def worker(self, number: int, workers: int = 2) -> Rig:
        """One of them, which may be killed."""
        rig = Rig(self.folder, number=number, workers=workers).open()
        self.addCleanup(self.kill, rig)
        return rig

    def two(self) -> tuple[Rig, Rig]:
        """Both."""
        return self.worker(1), self.worker(2)

    def kill(self, rig: Rig) -> None:
        """It is dead, and leaves no locks."""
        rig.spool.names.close()
        rig.spool.ended()

    def release(self, rig: Rig, key: bytes = b"k") -> None:
        """Somebody has no more use for a name."""
        rig.spool.names.release(key)

    def put(self, rig: Rig, key: bytes = b"k", body: bytes = SHORT) -> Name:
        """Put down a message under a name, and let go of that."""
        self.claimed(rig, key)
        name = self.name(key, body)
        self.commit(rig, name, body)
        self.release(rig, key)
        return name

    def cut(self, rig: Rig, key: bytes = b"k") -> None:
        """Have a message cut short."""
        self.claimed(rig, key)
        self.leave(rig, self.remnant(key))
        self.release(rig, key)

    def known(self, rig: Rig, key: bytes = b"k") -> Name | Remnant | None:
        """What a worker finds under a name."""
        self.claimed(rig, key)
        try:
            return self.recall(rig, key)
        finally:
            self.release(rig, key)
