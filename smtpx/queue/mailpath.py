"""
Where the Maildir of an address is: a template from the configuration, filled in
with parts of the address.

What a peer writes into an address becomes part of a path on our disk here.  So
everything but small letters, digits and C{+ - _ = .} is percent-encoded, and so
is a dot at the start: whatever it is, it is one name of a folder, never C{.},
C{..}, a hidden folder or two folders.  A name too long for a file system is cut,
and keeps apart from others by a digest of the whole.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from attrs import field, frozen

from ..core.address import domainOf, localPartOf, withoutTag
from ..core.addresstable import domainKey
from ..core.errors import UsageError
from .template import parseTemplate

#: The longest name of a folder, in octets.  POSIX file systems have 255.
NAME_OCTETS = 200
_DIGEST_OCTETS = 32

_odd = re.compile(rb"^\.|[^a-z0-9+\-_=.]")


def folderName(raw: bytes) -> str:
    """
    Make one name of a folder of any octets.  Different octets make different
    names, but that ASCII letters become small ones.
    """
    name = _odd.sub(lambda found: b"%%%02X" % found[0][0], raw.lower()).decode("ascii")
    if len(name) <= NAME_OCTETS:
        # A percent sign that no hexadecimal digits follow is nobody else's.
        return name or "%"
    digest = hashlib.sha256(raw.lower()).hexdigest()[:_DIGEST_OCTETS]
    return f"{name[: NAME_OCTETS - _DIGEST_OCTETS - 2]}%-{digest}"


#: Makes a name of a local part, the same without its tag, and a domain.
Maker = Callable[[bytes, bytes, bytes], str]

_FIELDS: dict[str, Maker] = {
    "local": lambda local, user, domain: folderName(local),
    "user": lambda local, user, domain: folderName(user),
    "domain": lambda local, user, domain: folderName(domain),
    "address": lambda local, user, domain: f"{folderName(local)}@{folderName(domain)}",
}


@frozen
class MailboxPath:
    """
    A template for the folder of a Maildir::

        /var/mail/{domain}/{user}

    @ivar template: text with C{{local}}, the local part; C{{user}}, the local
        part without its tag (RFC 5233); C{{domain}}; C{{address}}, local part and
        domain with an C{@} between them.
    @ivar home: the domain of C{<postmaster>}, who may come without one.
    @ivar separators: what separates a tag.
    @raise UsageError: there is another field in it, or an open brace.
    """

    template: str
    home: bytes = b"localhost"
    separators: bytes = b"+"
    _parts: tuple[str | Maker, ...] = field(init=False, eq=False, repr=False)

    @_parts.default
    def _parsed(self) -> tuple[str | Maker, ...]:
        if not self.template or "\0" in self.template:
            raise UsageError("the path of a Maildir is not to be empty")
        return tuple(
            part if isinstance(part, str) else _FIELDS[part.name]
            for part in parseTemplate(self.template, _FIELDS)
        )

    def path(self, recipient: bytes) -> Path:
        """
        The folder of a recipient's Maildir.

        @param recipient: the mailbox, as the envelope has it.
        """
        parts = self._parts
        if len(parts) == 1 and isinstance(parts[0], str):
            return Path(parts[0])
        local = localPartOf(recipient)
        user = withoutTag(local, self.separators)
        domain = domainKey(domainOf(recipient)) or self.home
        return Path(
            "".join(p if isinstance(p, str) else p(local, user, domain) for p in parts)
        )


__all__ = ["NAME_OCTETS", "MailboxPath", "folderName"]
