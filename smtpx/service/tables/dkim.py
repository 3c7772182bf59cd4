"""
The table C{[dkim]}: the keys that sign what leaves.
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ...core.address import parseMailbox
from ...core.errors import Malformed
from ...core.hostlist import HostList
from ...mailauth.dkimsign import OVERSIGNED_FIELDS, SIGNED_FIELDS
from ...mailauth.idn import asciiDomain
from ..kinds import FilePath, durationInSeconds
from ..nested import Optional

_label = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_selector = re.compile(rf"{_label}(\.{_label})*\Z").match
_fieldName = re.compile(r"[!-9<-~]+\Z").match

#: Fields that are changed or added on the way (RFC 6376 section 5.4.1).
_CHANGING = frozenset(
    {"return-path", "received", "authentication-results", "dkim-signature", "bcc"}
)


def _domain(instance: object, attribute: Any, value: str) -> None:
    try:
        found = asciiDomain(value.encode("utf-8"))
    except Malformed:
        found = b""
    if b"." not in found or _selector(found.decode("ascii")) is None:
        raise ValueError(f'"{value}" is no domain')


def _domains(instance: object, attribute: Any, value: tuple[str, ...]) -> None:
    for each in value:
        _domain(instance, attribute, each.removeprefix("*."))


def _oneSelector(instance: object, attribute: Any, value: str) -> None:
    if _selector(value) is None:
        raise ValueError(f'"{value}" is no selector: letters, digits, "-" and "."')


def _fields(instance: object, attribute: Any, value: tuple[str, ...]) -> None:
    for each in value:
        if _fieldName(each) is None:
            raise ValueError(f'"{each}" is no name of a field')
        if each.lower() in _CHANGING:
            raise ValueError(f"{each} is changed on the way; it cannot be signed")


def _identity(instance: DKIMKey, attribute: Any, value: str | None) -> None:
    if value is None:
        return
    _, at, domain = value.lower().rpartition("@")
    if not at or not f".{domain}".endswith(f".{instance.domain.lower()}"):
        raise ValueError(f'"{value}" is no address at {instance.domain} or below')
    if not value.startswith("@"):
        try:
            parseMailbox(value.encode("utf-8"), utf8=True)
        except Malformed as error:
            raise ValueError(f'"{value}" is no address: {error}') from error


class Forms(Enum):
    """How much of a change on the way a signature bears: of the header, the body."""

    RELAXED = "relaxed/relaxed"
    RELAXED_SIMPLE = "relaxed/simple"
    SIMPLE_RELAXED = "simple/relaxed"
    SIMPLE = "simple/simple"


def _listed(names: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(each.decode("ascii") for each in names)


@frozen
class DKIMKey:
    """
    A key.  Mail of a domain is signed with all keys that are for it: with one of RSA
    and one of Ed25519, say, or while another key takes the place of one.
    """

    domain: str = field(
        validator=_domain,
        metadata={"help": "The domain that signs, in whose DNS the key is."},
    )
    selector: str = field(
        validator=_oneSelector,
        metadata={
            "help": "The name of the key there: the DNS has it at"
            " ``SELECTOR._domainkey.DOMAIN``."
        },
    )
    file: Path = field(
        metadata={
            "kind": FilePath(),
            "help": "The private key in PEM, of RSA or Ed25519, as ``smtpx dkim"
            " keygen`` makes it.  It is read again when it changes.",
        }
    )
    domains: tuple[str, ...] = field(
        default=(),
        validator=_domains,
        metadata={
            "help": "Mail from which domains is signed, by its ``From``;"
            " ``*.example.org`` is every domain below it.  If not given: that from"
            " ``domain``."
        },
    )
    sign: bool = field(
        default=True,
        metadata={
            "help": "Does it sign?  If not, it is only looked at, until the DNS has it"
            " everywhere."
        },
    )
    identity: str | None = field(
        default=None,
        validator=_identity,
        metadata={
            "none": None,
            "help": "For whom it signs (``i=``): an address at the domain or below it,"
            " whose local part may be missing.  If not given: the domain.",
        },
    )
    canonicalization: Forms = field(
        default=Forms.RELAXED,
        metadata={
            "help": "How much of a change on the way the signature bears, of the header"
            " and of the body: ``relaxed`` bears changes of white space."
        },
    )
    signedFields: tuple[str, ...] = field(
        default=_listed(SIGNED_FIELDS),
        validator=_fields,
        metadata={
            "help": "Fields that are signed, where they are there.  ``From`` always is."
        },
    )
    oversignedFields: tuple[str, ...] = field(
        default=_listed(OVERSIGNED_FIELDS),
        validator=_fields,
        metadata={
            "help": "Fields of which nobody may add one more on the way, or one at all."
        },
    )
    expire: float | None = field(
        default=None,
        metadata={
            "kind": Optional(durationInSeconds(False, 3600), None),
            "none": None,
            "help": "How long a signature is good (``x=``).  It should be longer than a"
            " message may wait in a queue.  If not given: without end.",
        },
    )


@frozen
class DKIM:
    """
    The keys that sign what leaves.  A message is signed if its ``From`` is of a domain
    with a key, and it is ours: its client had logged in or is in ``hosts``, a user of
    this machine sent it, or it is a report of our own.
    """

    keys: tuple[DKIMKey, ...] = field(
        default=(),
        metadata={"option": "key", "help": "Without any: nothing is signed."},
    )
    hosts: HostList | None = field(
        default=None,
        metadata={
            "none": None,
            "help": "A host list: clients whose mail is signed without a login.  If not"
            " given: those of ``relay.hosts`` and ``relay.certificates``.",
        },
    )
    sendUnsigned: bool = field(
        default=False,
        metadata={
            "help": "Is a message sent as it is where its header is broken, so that it"
            " cannot be signed?  If not, its sender is told."
        },
    )


__all__ = ["DKIM", "DKIMKey", "Forms"]
