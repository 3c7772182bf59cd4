"""
How mail is sealed on a route, as the option C{arc_sign} has it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from attrs import frozen
from zope.interface import implementer

from ..core.errors import Malformed
from ..mailauth.idn import asciiDomain
from .kinds import IKind, IReading, Unwanted, Wrong
from .problems import KeyPath

_label = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_selector = re.compile(rf"{_label}(\.{_label})*\Z").match
_expire = re.compile(r"expire(?:\s*=\s*(\+?)([0-9]{1,12}))?\Z").match

#: How long a seal is good where only C{expire} stands there: about a month.
MONTH_SECONDS = 30 * 86_400


@frozen
class ARCSign:
    """
    A value of the option.

    @ivar domain: in whose name is sealed, in ASCII.
    @ivar selector: the name of the key in its DNS.
    @ivar file: the key.
    @ivar lifeSeconds: how long seals are good; L{None}: see C{until}.
    @ivar until: until when, in seconds since 1970; L{None}: without end, if
        C{lifeSeconds} does not say.
    @ivar text: as it was written.
    """

    domain: bytes
    selector: bytes
    file: Path
    lifeSeconds: int | None
    until: int | None
    text: str


@implementer(IKind)
@frozen
class Sealing:
    """
    C{admd : selector : key [: timestamps, expire[=N|=+N]]}; a relative path of a key is
    relative to the folder of the document.
    """

    words: str = '"domain : selector : file of a key [: options]"'

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, str):
            raise Unwanted(self, value)
        # A key comes from a file alone; in Exim it may stand here, with its lines.
        parts = [each.strip() for each in value.split(":")]
        if not 3 <= len(parts) <= 4 or not all(parts[:3]) or "\0" in value:
            raise Unwanted(self, value)
        admd, selector, file = parts[:3]
        try:
            domain = asciiDomain(admd.encode("utf-8"))
        except Malformed:
            domain = b""
        if b"." not in domain or _selector(domain.decode("ascii")) is None:
            raise Wrong(f'"{admd}" is no domain')
        if _selector(selector) is None:
            raise Wrong(f'"{selector}" is no selector: letters, digits, "-" and "."')
        life, until = _options(parts[3] if len(parts) == 4 else "")
        return ARCSign(
            domain,
            selector.encode("ascii").lower(),
            reading.folder / Path(file).expanduser(),
            life,
            until,
            value,
        )

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        assert isinstance(value, ARCSign)
        return json.dumps(value.text, ensure_ascii=False)


def _options(text: str) -> tuple[int | None, int | None]:
    """
    How long seals are good, and until when.

    @raise Wrong: there is no such option.
    """
    life, until = None, None
    for each in filter(None, (part.strip() for part in text.split(","))):
        if each == "timestamps":
            # They stand there in any case.
            continue
        match = _expire(each)
        if match is None:
            raise Wrong(f'no option "{each}"; "timestamps" and "expire" are')
        relative, number = match[1], match[2]
        if number is None:
            life, until = MONTH_SECONDS, None
        elif relative:
            life, until = int(number), None
        else:
            life, until = None, int(number)
    return life, until


__all__ = ["MONTH_SECONDS", "ARCSign", "Sealing"]
