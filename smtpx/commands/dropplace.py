"""
Where the drop folder is, for C{sendmail}.

Only what it takes to find that is read of a configuration, and nothing is checked:
this command is started for every mail, and by anybody.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from .console import CommandFailed
from .sendmailoptions import CONFIG, CONFIGURATION, UNAVAILABLE

#: What names the configuration where the command line does not.
VARIABLE = "SMTPX_CONFIG"


class NoPlace(CommandFailed):
    """The configuration is of no use for this."""

    status = CONFIG


class SwitchedOff(CommandFailed):
    """There is no drop folder, by the configuration."""

    status = UNAVAILABLE


def dropPlace(
    config: str | None, environment: Mapping[str, str], first: bool
) -> tuple[Path, str | None]:
    """
    Find the drop folder.

    @param config: the file that the command line names; L{None}: none.
    @param first: if no file is named, is it that of the first start in this folder?
        Whoever is called as C{sendmail} may be anywhere.
    @return: the folder, and the file that says so; L{None}: none does.
    @raise NoPlace: the configuration cannot be read.
    @raise SwitchedOff: there is none.
    """
    named = config or environment.get(VARIABLE)
    if named is None and first:
        return _place({}, Path.cwd()), None
    path = Path(named or CONFIGURATION)
    try:
        values = tomllib.loads(path.read_bytes().decode())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        hint = "" if named else f"; name the configuration by -C, or in {VARIABLE}"
        raise NoPlace(f"{path}: {why}{hint}") from None
    return _place(values, path.resolve().parent), str(path)


def _place(values: Mapping[str, object], folder: Path) -> Path:
    table = values.get("sendmail", {})
    own = table if isinstance(table, Mapping) else {}
    if own.get("enabled") is False:
        raise SwitchedOff("the server takes no mail so: sendmail.enabled is false")
    given, state = own.get("folder"), values.get("state", "smtpx-state")
    if isinstance(given, str):
        return folder / os.path.expanduser(given)
    return folder / os.path.expanduser(str(state)) / "drop"


__all__ = ["NoPlace", "SwitchedOff", "VARIABLE", "dropPlace"]
