"""
Hears of files that appear in a folder, where the system tells.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.python.filepath import FilePath


def hearOf(
    reactor: Any, folder: Path, wake: Callable[[], object]
) -> Callable[[], object] | None:
    """
    Have C{wake} called whenever a file is moved into a folder.

    @return: ends it; L{None}: this system does not tell, and somebody has to look.
    """
    try:
        # Where the system has none, there is nothing to be imported.
        from twisted.internet.inotify import IN_MOVED_TO, INotify

        notifier = INotify(reactor)
    except (ImportError, AttributeError, OSError):
        return None
    notifier.startReading()
    try:
        notifier.watch(
            FilePath(str(folder)),
            mask=IN_MOVED_TO,
            callbacks=[lambda ignored, path, mask: wake()],
        )
    except OSError:
        notifier.loseConnection()
        return None
    return notifier.loseConnection


__all__ = ["hearOf"]
