"""
What policies can say of DMARC before a message is there (C{control}).
"""

from __future__ import annotations

from ..core.envelope import Stamp

#: Is DMARC not to be looked at?
DMARC_DISABLED = Stamp[bool]("policy.dmarc-disabled", None, bool)
#: May the owner of a domain be sent a report on this message?
DMARC_FORENSIC = Stamp[bool]("policy.dmarc-forensic", None, bool)

__all__ = ["DMARC_DISABLED", "DMARC_FORENSIC"]
