"""
Where the Maildir of an address is, or another folder for its mail: a template from
the configuration, filled in with parts of the address.

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
from typing import NamedTuple

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


class Parts(NamedTuple):
    """
    What templates are filled in with.

    @ivar local: the recipient's local part.
    @ivar user: the same without its tag.
    @ivar domain: the recipient's domain.
    @ivar senderDomain: the sender's; empty: there is none.
    @ivar alternate: the alternate location that a scanner wants; empty: none does.
    """

    local: bytes
    user: bytes
    domain: bytes
    senderDomain: bytes
    alternate: bytes = b""


#: Makes a name.
Maker = Callable[[Parts], str]

_FIELDS: dict[str, Maker] = {
    "local": lambda parts: folderName(parts.local),
    "user": lambda parts: folderName(parts.user),
    "domain": lambda parts: folderName(parts.domain),
    "address": lambda parts: f"{folderName(parts.local)}@{folderName(parts.domain)}",
}

#: Fields that a Maildir cannot have, as mail for somebody goes to one place.
_SENDER_FIELDS: dict[str, Maker] = {
    "sender_domain": lambda parts: folderName(parts.senderDomain),
}


#: Fields that only those have who have an alternate location.
_ALTERNATE_FIELDS: dict[str, Maker] = {
    "bmi_alt_location": lambda parts: folderName(parts.alternate),
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
    @ivar senders: may the template have C{{sender_domain}} as well?  For the null
        sender that is a percent sign.
    @ivar alternates: may it have C{{bmi_alt_location}} as well: is it for recipients
        with an alternate location only?
    @raise UsageError: there is another field in it, or an open brace.
    """

    template: str
    home: bytes = b"localhost"
    separators: bytes = b"+"
    senders: bool = False
    alternates: bool = False
    _parts: tuple[str | Maker, ...] = field(init=False, eq=False, repr=False)

    @_parts.default
    def _parsed(self) -> tuple[str | Maker, ...]:
        if not self.template or "\0" in self.template:
            raise UsageError("the path of a folder is not to be empty")
        fields = _FIELDS | _SENDER_FIELDS if self.senders else _FIELDS
        if self.alternates:
            fields = fields | _ALTERNATE_FIELDS
        return tuple(
            part if isinstance(part, str) else fields[part.name]
            for part in parseTemplate(self.template, fields)
        )

    def path(
        self, recipient: bytes, sender: bytes = b"", alternate: bytes = b""
    ) -> Path:
        """
        The folder for a recipient.

        @param recipient: the mailbox, as the envelope has it.
        @param sender: the sender's, likewise.
        @param alternate: the alternate location; empty: there is none.
        """
        parts = self._parts
        if len(parts) == 1 and isinstance(parts[0], str):
            return Path(parts[0])
        local = localPartOf(recipient)
        user = withoutTag(local, self.separators)
        domain = domainKey(domainOf(recipient)) or self.home
        given = Parts(local, user, domain, domainKey(domainOf(sender)), alternate)
        return Path("".join(p if isinstance(p, str) else p(given) for p in parts))


__all__ = ["NAME_OCTETS", "MailboxPath", "folderName"]
