"""
Whom delivery reports are from, for people: the field C{From} (Exim's C{dsn_from}).
For mail servers they are from nobody (RFC 3461 section 6.1), so that none is answered
by another.
"""

from __future__ import annotations

import re
from email.utils import formataddr

from attrs import frozen

from ..core.address import parseMailbox
from ..core.errors import Malformed

#: The longest name, in characters.
_NAME_CHARACTERS = 100

_FORM = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>\Z")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\Z')


@frozen
class Author:
    """
    A mailbox with a name for people.

    @ivar name: may have letters of all scripts; empty: it has none.
    @ivar address: ASCII.
    """

    name: str
    address: str

    def __str__(self) -> str:
        """As L{parseAuthor} reads it."""
        if not self.name:
            return self.address
        name = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{name}" <{self.address}>'

    @property
    def field(self) -> bytes:
        """The value of the field, in ASCII (RFC 2047)."""
        return formataddr((self.name, self.address), "utf-8").encode("ascii")


def usualAuthor(server: str) -> Author:
    """
    The one where the operator names none.

    @param server: the server's name.
    """
    return Author("Mail Delivery System", f"MAILER-DAEMON@{server}")


def parseAuthor(text: str) -> Author:
    """
    Read C{Name <user@domain>}, C{"Name" <user@domain>} or C{user@domain}.

    @raise ValueError: it is none, and the message says what is wrong.
    """
    words = text.strip()
    match = _FORM.match(words)
    name = _unquoted(match["name"].strip()) if match else ""
    address = match["address"].strip() if match else words
    if not name.isprintable() or len(name) > _NAME_CHARACTERS:
        raise ValueError(
            f"expected a name of at most {_NAME_CHARACTERS} printable characters"
        )
    try:
        parseMailbox(address.encode("ascii"))
    except (Malformed, UnicodeEncodeError):
        raise ValueError(
            f'expected a mailbox such as "Postmaster <postmaster@example.org>",'
            f' in ASCII but for its name; "{address}" is no address'
        ) from None
    return Author(name, address)


def _unquoted(name: str) -> str:
    match = _QUOTED.match(name)
    return re.sub(r"\\(.)", r"\1", match[1]) if match else name


__all__ = ["Author", "parseAuthor", "usualAuthor"]
