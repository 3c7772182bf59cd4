"""
Who makes daily reports: those of TLSRPT (RFC 8460) and of DMARC (RFC 9990).
"""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import frozen

from .author import Author


@frozen
class Submitter:
    """
    Who reports.

    @ivar organization: its name.
    @ivar contact: whom to write to about reports; of C{contact-info} and C{From}.
    @ivar server: what this server calls itself: several may report for one
        organization.
    """

    organization: str
    contact: Author
    server: str

    @property
    def domain(self) -> str:
        """The domain of the contact, which reports are from (RFC 8460 section 5.3)."""
        return self.contact.address.rpartition("@")[2].lower()


def moment(seconds: int) -> str:
    """Section 5.6 of RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["Submitter", "moment"]
