"""
Which Python measures, and how it was built: all figures depend on it.

A Python that was built with PGO (C{--enable-optimizations}) and LTO (C{--with-lto})
does a message in 15 to 20 % less time than one without, which is what pyenv and a
plain C{configure} make.
"""

from __future__ import annotations

import platform
import sys
import sysconfig

#: What C{configure} is told, and what people call it.
_OPTIONS = {"--enable-optimizations": "PGO", "--with-lto": "LTO"}

#: Where distributions have their Python.
_DISTRIBUTION = "/usr"


def interpreter() -> str:
    """The Python that this is, in one line."""
    told = built(sysconfig.get_config_var("CONFIG_ARGS") or "", sys.base_prefix)
    return f"Python {platform.python_version()} ({sys.executable}), {told}"


def built(arguments: str, prefix: str) -> str:
    """
    How a Python was built.

    @param arguments: what its C{configure} was told.
    @param prefix: where it is installed.
    """
    words = arguments.replace("'", " ").split()
    found = [
        name
        for option, name in _OPTIONS.items()
        if any(word == option or word.startswith(f"{option}=") for word in words)
    ]
    if len(found) == len(_OPTIONS):
        return "built with PGO and LTO"
    if not found and prefix == _DISTRIBUTION:
        # Debian builds with both, and then takes that out of what sysconfig knows.
        return "a distribution's, which does not say how it was built"
    lacking = " and ".join(name for name in _OPTIONS.values() if name not in found)
    return f"built WITHOUT {lacking}, which make 15 to 20 % together"


__all__ = ["built", "interpreter"]
