"""
What logs tell of who sent a message, beside what was known of the client: the results
of SPF, DKIM, ARC and DMARC.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..core.envelope import Stamp

#: Of an envelope: what was found out so far, as fields of events
#: (L{smtpx.observe.events.AUTHENTICATION}).
CHECKED = Stamp[Mapping[str, object]]("authentication.log", None, lambda text: {})

__all__ = ["CHECKED"]
