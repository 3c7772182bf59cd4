"""
The request to take messages in from a folder in Exim's spool format.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from attrs import frozen

from ...core.errors import Malformed
from ...observe.importing import ImportJournal
from ..imports import Importer, tookFields
from .exchange import Exchange, Refused, Verb
from .values import Fields, lineOf
from .wire import Kind


@frozen(eq=False)
class ImportVerbs:
    """
    Answers who wants messages taken in.  Whoever may do that can send mail from
    anybody to anybody, so it is for root and for whom we run as alone, even where
    others may look after the queue.

    @ivar importer: gives what takes them.
    @ivar journal: told of what is taken.
    """

    importer: Callable[[], Awaitable[Importer]]
    journal: ImportJournal

    def verbs(self) -> Mapping[str, Verb]:
        """Who answers what."""
        return {"spool.import": self.take}

    async def take(self, exchange: Exchange) -> Fields:
        """Take what is in a folder: a part for each message of Exim's."""
        for name in exchange.fields:
            if name not in ("id", "do", "folder", "remove"):
                raise Malformed(f"there is no {name!r:.80} in this request")
        path = Path(lineOf("folder", exchange.fields.get("folder")))
        remove = exchange.fields.get("remove", False)
        if not path.is_absolute() or not isinstance(remove, bool):
            raise Malformed("expected an absolute folder, and remove true or false")
        if exchange.by not in _trusted():
            raise Refused(Kind.RIGHTS, "only root and the server's user may do this")
        importer = await self.importer()
        looked = taken = 0
        try:
            folder = await importer.folder(path)
            async for took in importer.take(folder, stay=not remove):
                self.journal.taken(took)
                looked += 1
                taken += took.error is None
                await exchange.send(tookFields(took))
                exchange.progress({"looked": looked, "done": taken})
        except OSError as error:
            why = f"{error.filename or path}: {error.strerror or error}"
            raise Refused(Kind.FAILED, why) from error
        return {"looked": looked, "done": taken}


def _trusted() -> tuple[str, ...]:
    """The names of root and of whom we run as."""
    names = []
    for uid in (0, os.geteuid()):
        try:
            names.append(pwd.getpwuid(uid).pw_name)
        except KeyError:
            names.append(str(uid))
    return tuple(names)


__all__ = ["ImportVerbs"]
