"""
The keys that seal mail that goes on, by the words of the routes that want it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..core.envelope import Envelope
from ..extensions.arc import Sealer
from ..mailauth.arcseal import SealTerms
from .signingkeys import readKeyFile
from .watchedfile import WatchedFile, Work


class Sealers:
    """
    All sealers of a server.  It is an C{ISealers} of L{smtpx.extensions.arc}.
    """

    _log = Logger()

    def __init__(self, entries: Mapping[bytes, tuple[Path, SealTerms]]) -> None:
        """
        Read the keys.

        @param entries: by what targets call them: the file of the key, and how it
            seals.
        @raise BadList: a file is of no use.
        """
        self._entries = dict(entries)
        self._files = {
            path: WatchedFile(
                path, partial(readKeyFile, path), partial(self._told, path)
            )
            for path in dict.fromkeys(path for path, _ in self._entries.values())
        }

    def sealer(self, name: bytes) -> Sealer | None:
        """See L{smtpx.extensions.arc.ISealers}."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        path, terms = entry
        return Sealer(terms, self._files[path].content)

    def unsealed(self, envelope: Envelope, why: str) -> None:
        """Tell of a message that could not be sealed."""
        self._log.warn(
            "A message from {sender!r} is sent without a seal: {why}",
            sender=envelope.sender,
            why=why,
        )

    def start(self, clock: IReactorTime, work: Work) -> None:
        """
        Look at the files from now on.

        @param work: where that is done.
        """
        for file in self._files.values():
            file.start(clock, work)

    def stop(self) -> None:
        """Look no more."""
        for file in self._files.values():
            file.stop()

    def _told(self, path: Path, why: str | None) -> None:
        if why is None:
            self._log.info("The key {file} was read again", file=str(path))
        else:
            self._log.error("A key stays as it was: {why}", why=why)


__all__ = ["Sealers"]
