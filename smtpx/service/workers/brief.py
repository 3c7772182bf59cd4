"""
What a zygote has to know, as C{twistd}'s process knows it.

C{twistd}'s process has read the configuration when it still was root; whom it became
may not be allowed to read the file.  So a zygote is given the text, in a file without a
name that it inherits: a channel has room for 64 KiB.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from attrs import asdict, frozen

from ...core.interfaces import IExtension
from ..config import Configuration, configurationOf
from ..toml import parseDocument

#: The variable by which a fresh interpreter is told where to look for modules.
_VARIABLE = "PYTHONPATH"


@frozen
class Brief:
    """
    What a zygote has to know.

    @ivar text: the configuration, as it stands in its file; empty: there is none.
    @ivar name: what problems are to call it.
    @ivar folder: what relative paths in it are relative to.
    @ivar families: of the sockets that listen, in the order of the listeners.
    @ivar variable: what C{PYTHONPATH} is to be for programs that are started by the
        server; L{None}: it is not set.
    """

    text: str
    name: str
    folder: str
    families: tuple[int, ...]
    variable: str | None = None

    @classmethod
    def of(cls, configuration: Configuration, families: Sequence[int]) -> Brief:
        """
        What there is to know of a configuration, in this process.

        @param families: of the sockets that listen.
        """
        document = configuration.document
        return cls(
            document.text,
            document.name,
            str(document.folder),
            tuple(families),
            os.environ.get(_VARIABLE),
        )

    def configuration(self, found: Mapping[str, IExtension]) -> Configuration:
        """
        The configuration.

        @param found: the extensions that there are, by name.
        @raise smtpx.service.problems.ConfigurationError: with all that is wrong.
        """
        document = parseDocument(self.text, self.name, Path(self.folder))
        return configurationOf(document, found)

    def write(self) -> IO[bytes]:
        """
        Put it into a file without a name.

        @raise OSError: there is no room for it.
        """
        # In memory: there need be no folder that may be written to.
        file = os.fdopen(os.memfd_create("smtpx"), "wb+")
        file.write(json.dumps(asdict(self)).encode("ascii"))
        file.flush()
        return file

    @classmethod
    def read(cls, number: int) -> Brief:
        """
        Read it from a descriptor; where that stands makes no difference, for
        zygotes that come one after another have the same.
        """
        octets = os.pread(number, os.fstat(number).st_size, 0)
        fields: dict[str, Any] = json.loads(octets)
        return cls(**fields | {"families": tuple(fields["families"])})

    def restore(self) -> None:
        """Have programs that are started find the environment that was."""
        if self.variable is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = self.variable


def environment() -> dict[str, str]:
    """The environment of a zygote: it finds the modules that this process finds."""
    return {**os.environ, _VARIABLE: os.pathsep.join(filter(None, sys.path))}


__all__ = ["Brief", "environment"]
