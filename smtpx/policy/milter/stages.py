"""
The stages of a session at which a milter is told macros.
"""

from __future__ import annotations

from enum import Enum


class MacroStage(Enum):
    """
    When macros are told.  The values are those of the protocol (C{SMFIM_}).
    """

    __hash__ = object.__hash__

    CONNECT = 0
    HELO = 1
    MAIL = 2
    RCPT = 3
    DATA = 4
    END_OF_MESSAGE = 5
    END_OF_HEADER = 6

    @property
    def word(self) -> str:
        """As the configuration and logs have it."""
        return self.name.lower()


__all__ = ["MacroStage"]
