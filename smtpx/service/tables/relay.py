"""
The table C{[relay]}: who may send to domains that are not ours, and to which of them
everybody may.
"""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Any

from attrs import field, frozen
from zope.interface import implementer

from ...core.addresstable import AddressTable
from ...core.asked import lookupIn
from ...core.errors import UsageError
from ...core.hostlist import HostList
from ...tls.handshake import readSubject
from ..kinds import IKind, IReading, Unwanted
from ..nested import ListOf
from ..problems import KeyPath
from ..schema import optionName


@implementer(IKind)
@frozen
class Subject:
    """The subject of a certificate, read as C{TLSInfo.subject} is written."""

    words: str = 'a subject as in RFC 4514, such as "CN=mail.example.org"'

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, str):
            raise Unwanted(self, value)
        try:
            return readSubject(value)
        except ValueError:
            raise Unwanted(self, value) from None

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return json.dumps(value, ensure_ascii=False)


class Unsure(Enum):
    """What becomes of a recipient of whom nobody can tell whether there is one."""

    DEFER = "defer"
    ACCEPT = "accept"


#: Who may know the recipients at domains that are relayed; one at most.
SOURCES = ("recipientsFile", "recipientsSocket", "recipientsCallout")


def _domains(instance: Relay, attribute: Any, value: tuple[str, ...]) -> None:
    for each in value:
        if each == "*":
            raise ValueError(
                'with "*" whoever connects could send mail to everywhere: an open relay'
            )
        if "@" in each:
            raise ValueError(f'"{each}" is an address; recipients_file lists those')
    try:
        AddressTable([(each, True) for each in value if not lookupIn(each)])
    except UsageError as error:
        raise ValueError(str(error)) from error


def _alone(instance: Relay, attribute: Any, value: object) -> None:
    if not value:
        return
    if not instance.domains:
        raise ValueError("this wants domains, whose recipients they are")
    before = SOURCES[: SOURCES.index(attribute.name)]
    others = [optionName(name) for name in before if getattr(instance, name)]
    if others:
        raise ValueError(f"they are known in one place only, and {others[0]} is given")


@frozen
class Relay:
    """Who may send to domains that are not ours, and to which everybody may."""

    hosts: HostList = field(
        factory=HostList, metadata={"help": "A host list: clients that may."}
    )
    authenticated: bool | None = field(
        default=None,
        metadata={
            "none": None,
            "help": "May clients that have authenticated, at listeners of the role"
            " ``mx``?  Nobody looks there whose sender it is.  If not given: where no"
            " listener has the role ``submission``, which is made for them.",
        },
    )
    certificates: tuple[str, ...] = field(
        default=(),
        metadata={
            "kind": ListOf(Subject()),
            "help": "Clients that may, by the whole subjects of their certificates."
            "  They count only if ``client_authorities`` in the table ``tls`` names"
            " who has signed them.",
        },
    )
    domains: tuple[str, ...] = field(
        default=(),
        validator=_domains,
        metadata={
            "help": "Domains that are not ours, and to which everybody may send, since"
            " we pass their mail on: as a backup MX, or in front of other servers."
            "  ``*.example.org`` is every domain below it."
        },
    )
    recipientsFile: Path | None = field(
        default=None,
        validator=_alone,
        metadata={
            "help": "A file that lists who there is at ``domains``, an address or a"
            " whole domain a line; others are refused with 550 5.1.1.  It is read again"
            " when it changes."
        },
    )
    recipientsSocket: str | None = field(
        default=None,
        validator=_alone,
        metadata={
            "help": "A Twisted client endpoint, such as ``unix:/run/recipients`` or"
            " ``tcp:127.0.0.1:2599``, behind which a program knows who there is: it"
            " speaks the socketmap protocol of Postfix and Sendmail.",
        },
    )
    recipientsMap: str = field(
        default="recipients",
        metadata={"help": "The name of the map that such a program is asked for."},
    )
    recipientsCallout: bool = field(
        default=False,
        validator=_alone,
        metadata={
            "help": "Is the next host asked who there is, when a recipient is named?"
        },
    )
    recipientsUnsure: Unsure = field(
        default=Unsure.DEFER,
        metadata={
            "help": "What becomes of a recipient where nobody can tell: ``defer`` it"
            " (451), or ``accept`` it."
        },
    )
    recipientsKnownSeconds: float = field(
        default=3600.0,
        metadata={
            "help": "How long it is remembered that a socket or the next host knows"
            " somebody."
        },
    )
    recipientsUnknownSeconds: float = field(
        default=300.0,
        metadata={"help": "How long it is remembered that it does not."},
    )
    recipientsSeconds: float = field(
        default=30.0,
        metadata={
            "least": 1,
            "help": "How long asking may take, waiting included, before nobody can"
            " tell.",
        },
    )
    recipientsAtOnce: int = field(
        default=20,
        metadata={
            "least": 1,
            "help": "How many are asked for at once; five times as many may wait.",
        },
    )
