"""
Domains beyond ASCII as the DNS has them: the door to L{smtpx.mailauth.idn}, which is
so far down because what authenticates mail knows no rooms up here.
"""

from __future__ import annotations

from ..mailauth.idn import asciiDomain

__all__ = ["asciiDomain"]
