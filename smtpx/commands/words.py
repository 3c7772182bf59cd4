"""
What stands on a command line, read.
"""

from __future__ import annotations

import os

from ..core.address import parsePath
from ..core.errors import Malformed
from .console import CommandFailed


def pathOf(text: str) -> bytes:
    """
    Read an address.

    @param text: with or without angle brackets.
    @return: the mailbox, as an envelope has it.
    @raise CommandFailed: it is no address.
    """
    inside = os.fsencode(text.removeprefix("<").removesuffix(">"))
    try:
        mailbox = parsePath(b"<%b>" % inside, utf8=True)
    except Malformed as error:
        hint = "" if "@" in text else f'; did you mean "{text}@" and a domain?'
        raise CommandFailed(f'"{text}": {error}{hint}') from error
    assert mailbox is not None, "that is for reverse paths"
    return mailbox.render()


__all__ = ["pathOf"]
