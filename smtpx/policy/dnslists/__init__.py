"""
DNS lists (RFC 5782): who is known for spam, or for none, as the DNS says it.
"""

from __future__ import annotations

from .asker import ListAsker, Listing
from .items import DNSList, ListItem
from .values import Values

__all__ = ["DNSList", "ListAsker", "ListItem", "Listing", "Values"]
