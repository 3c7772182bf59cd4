"""
The file with the public suffix list that DMARC goes by in the manner of RFC 7489
(L{smtpx.mailauth.publicsuffix}): it is read, and replaced by a newer one.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from ..core.errors import Malformed
from ..mailauth.publicsuffix import FILE_OCTETS, RULES_LEAST, PublicSuffixes
from .watchedfile import BadList

#: Who may read a file that is made: it has no secrets.
_MODE = 0o644


def readSuffixes(path: Path) -> PublicSuffixes:
    """
    Read the file.

    @raise BadList: it cannot be used; a mistake in it has its line.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(FILE_OCTETS + 1)
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        raise BadList(path, [(None, why)]) from error
    try:
        return PublicSuffixes.parse(octets)
    except Malformed as error:
        raise BadList(path, [(None, str(error))]) from error


def checkSuffixes(octets: bytes) -> PublicSuffixes:
    """
    Look at a list that is to be put in the place of another.

    @raise Malformed: it is none, or has so few rules that it cannot be all of it.
    """
    found = PublicSuffixes.parse(octets)
    if found.rules < RULES_LEAST:
        raise Malformed(
            f"it has {found.rules} rules, and the public suffix list has thousands"
        )
    return found


def replaceSuffixes(path: Path, octets: bytes) -> None:
    """
    Put a list in the place of the one that is there, if any: whoever reads the file
    sees all of the one or all of the other.

    @raise OSError: that is not possible; nothing has changed then.
    """
    mode, owner = _MODE, None
    try:
        before = path.stat()
    except FileNotFoundError:
        pass
    else:
        mode, owner = stat.S_IMODE(before.st_mode), (before.st_uid, before.st_gid)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(descriptor, "wb") as new:
            if owner is not None and os.geteuid() == 0:
                os.fchown(new.fileno(), *owner)
            os.fchmod(new.fileno(), mode)
            new.write(octets)
            new.flush()
            os.fsync(new.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


__all__ = ["checkSuffixes", "readSuffixes", "replaceSuffixes"]
