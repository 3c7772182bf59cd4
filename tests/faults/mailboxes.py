"""
The Maildirs of some people, as a mail reader looks after them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from .clients import Message, numberOf


class Mailboxes:
    """
    Maildirs in one folder.

    @ivar found: how often each number was found, by user.
    """

    def __init__(self, path: Path, users: Iterable[str]) -> None:
        """
        @param path: of the folder; the Maildir of somebody has the name of the user.
        """
        self._path = path
        self.found: dict[str, Counter[str]] = {user: Counter() for user in users}

    def folder(self, user: str, name: str) -> str:
        """A folder of somebody's Maildir."""
        return str(self._path / user / name)

    def read(self) -> None:
        """
        Read everybody's new mail, as a mail reader does: what was read goes to
        C{cur/}, where a second copy could not overwrite it.

        @raise ValueError: a message is not whole, or somebody else's.
        """
        for user, numbers in self.found.items():
            new, cur = self.folder(user, "new"), self.folder(user, "cur")
            for name in os.listdir(new) if os.path.isdir(new) else ():
                path = os.path.join(new, name)
                with open(path, "rb") as file:
                    octets = file.read()
                to = f"Delivered-To: {user}@example.org\r\n".encode("ascii")
                if to not in octets:
                    raise ValueError(f"for {user}: {octets[:300]!r}")
                numbers[numberOf(octets)] += 1
                os.rename(path, os.path.join(cur, f"{name}:2,S"))

    def missing(self, acknowledged: Mapping[str, Message]) -> list[str]:
        """Numbers of acknowledged messages that somebody does not have."""
        return [
            number
            for number, message in acknowledged.items()
            for recipient in message.recipients
            if number not in self.found[recipient.partition(b"@")[0].decode("ascii")]
        ]

    def twice(self) -> list[str]:
        """Numbers of messages that somebody has more than once."""
        return [
            f"{user}: {number}"
            for user, numbers in self.found.items()
            for number, count in numbers.items()
            if count != 1
        ]
