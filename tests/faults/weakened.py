"""
C{twistd}, but less durable: what the tests of durability have to notice::

    python -m tests.faults.weakened OFF|NORMAL|FILES -n smtpx ...

C{OFF} and C{NORMAL} are what SQLite's C{synchronous} is set to; C{FILES} leaves
SQLite alone, and syncs neither the files of long bodies nor their folder.
"""

from __future__ import annotations

import os
import sys

from twisted.scripts.twistd import run

from smtpx.spool import store


def main() -> None:
    """Run it."""
    how = sys.argv.pop(1)
    if how == "FILES":
        os.fsync = lambda number: None  # type: ignore[assignment]  # on purpose
    else:
        store.DURABILITY = how
    run()


if __name__ == "__main__":
    main()
