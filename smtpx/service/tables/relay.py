"""
The table C{[relay]}: who may send to domains that are not ours.
"""

from __future__ import annotations

import json

from attrs import field, frozen
from zope.interface import implementer

from ...core.hostlist import HostList
from ...tls.handshake import readSubject
from ..kinds import IKind, IReading, Unwanted
from ..nested import ListOf
from ..problems import KeyPath


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


@frozen
class Relay:
    """Who may send to domains that are not ours."""

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
