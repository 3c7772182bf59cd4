"""
The files with the keys that sign mail, read again when they change.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..core.errors import Malformed
from ..core.submitted import Field
from ..mailauth.dkimsign import SignTerms
from ..mailauth.signers import Signer, Signers
from ..mailauth.signingkey import SigningKey, readSigningKey
from .watchedfile import BadList, WatchedFile, Work

#: The largest file that is read, in octets.
_FILE_OCTETS = 65_536


def readKeyFile(path: Path) -> SigningKey:
    """
    Read a private key.

    @raise BadList: it cannot be read, is of no use, or everybody could have read it.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pem = file.read(_FILE_OCTETS + 1)
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        raise BadList(path, [(None, why)]) from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        why = f"everybody may read it; chmod 600 {path}, and better make a new key"
        raise BadList(path, [(None, why)])
    if len(pem) > _FILE_OCTETS:
        raise BadList(path, [(None, "it is too large for a key")])
    try:
        return readSigningKey(pem)
    except Malformed as error:
        raise BadList(path, [(None, str(error))]) from error


@frozen
class KeyEntry:
    """
    A key of the configuration.

    @ivar path: its file.
    @ivar terms: how it signs.
    @ivar domains: what it signs (L{Signer.domains}).
    """

    path: Path
    terms: SignTerms
    domains: tuple[bytes, ...] = ()


class SigningKeys:
    """
    All keys of a server.  It is an C{ISigners} of L{smtpx.extensions.dkim}.
    """

    _log = Logger()

    def __init__(self, entries: Iterable[KeyEntry]) -> None:
        """
        Read them.

        @raise BadList: a file is of no use.
        """
        self._entries = tuple(entries)
        #: A file may be that of several entries.
        self._files = {
            path: WatchedFile(path, partial(readKeyFile, path), self._telling(path))
            for path in dict.fromkeys(each.path for each in self._entries)
        }
        self._signers = self._joined()

    def forHeader(self, fields: Sequence[Field]) -> Sequence[Signer]:
        """See L{Signers}."""
        return self._signers.forHeader(fields)

    def start(self, clock: IReactorTime, work: Work) -> None:
        """
        Look at the files from now on.

        @param work: where that is done.
        """
        for file in self._files.values():
            file.start(clock, work)

    def stop(self) -> None:
        """Look no more."""
        for file in self._files.values():
            file.stop()

    def _joined(self) -> Signers:
        return Signers(
            Signer(each.terms, self._files[each.path].content, each.domains)
            for each in self._entries
        )

    def _telling(self, path: Path) -> Callable[[str | None], None]:
        def told(why: str | None) -> None:
            if why is None:
                self._signers = self._joined()
                self._log.info("The key {file} was read again", file=str(path))
            else:
                text = "A key stays as it was: {why}"
                self._log.error(text, why=why)

        return told


__all__ = ["KeyEntry", "SigningKeys", "readKeyFile"]
