"""
What rules leave for the daemon's answer on a transaction; none of it goes into the
spool.
"""

from __future__ import annotations

from ...core.envelope import Stamp

#: On an envelope: recipients of whom the daemon says no are refused, though others
#: are not.
DCC_RECIPIENTS = Stamp[bool]("dcc-recipients", None, bool)

__all__ = ["DCC_RECIPIENTS"]
