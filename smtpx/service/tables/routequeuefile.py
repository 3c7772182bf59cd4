"""
What routes with the transport C{queuefile} have besides: where Exim's spool files go.
"""

from __future__ import annotations

import json
from pathlib import Path

from attrs import field, frozen
from zope.interface import implementer

from ...core.errors import UsageError
from ...queue.mailpath import MailboxPath
from ..kinds import IKind, IReading, Unwanted, Wrong
from ..nested import Optional
from ..problems import KeyPath
from .routeoptions import TransportKind, only
from .routesealing import SealingOptions


@implementer(IKind)
@frozen
class QueueDirectory:
    """
    The template of a folder, which is absolute whatever it is filled in with: a
    relative one would be somewhere else for each process that reads it.
    """

    words: str = 'the path of a folder such as "/var/spool/scanner/{domain}"'

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, str):
            raise Unwanted(self, value)
        try:
            MailboxPath(value, senders=True)
        except UsageError as error:
            raise Wrong(str(error)) from error
        folder = Path(value)
        if not folder.is_absolute():
            raise Wrong(f'"{value}" is not absolute; it has to begin with "/"')
        if ".." in folder.parts:
            raise Wrong(f'"{value}" has ".." in it, which leads elsewhere')
        return value

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return json.dumps(value, ensure_ascii=False)


@frozen
class QueueFileOptions(SealingOptions):
    """What routes into folders in Exim's spool format have."""

    directory: str | None = field(
        default=None,
        validator=only(TransportKind.QUEUEFILE),
        metadata={
            "kind": Optional(QueueDirectory()),
            "help": "For ``queuefile``, which has to have it: the folder, which has to"
            " be there.  ``{local}``, ``{user}`` (the local part without its tag),"
            " ``{domain}`` and ``{address}`` stand for parts of the recipient's"
            " address, and ``{sender_domain}`` for the domain of the sender.  It is"
            " absolute.",
        },
    )

    def __attrs_post_init__(self) -> None:
        """
        See that there is a directory where one is wanted.

        @raise ValueError: there is none.
        """
        SealingOptions.__attrs_post_init__(self)
        if self.transport is TransportKind.QUEUEFILE and self.directory is None:
            raise ValueError('the transport "queuefile" wants a directory')


__all__ = ["QueueDirectory", "QueueFileOptions"]
