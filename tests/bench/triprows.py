"""
What the bench of round trips measures: the rows of its table.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen


class Security(Enum):
    """How a row is secured."""

    CLEAR = "clear"
    STARTTLS = "STARTTLS"
    IMPLICIT = "implicit TLS"


@frozen
class Row:
    """
    A row of the table.

    @ivar security: how it is secured.
    @ivar version: of TLS; empty: there is none.
    @ivar early: may the sender talk before the greeting (PIPECONNECT)?
    @ivar fast: are connections opened fast (RFC 7413)?
    @ivar presumed: is what is said in the clear expected under TLS?
    @ivar banner: does the receiver greet with its first flight of the handshake?
    @ivar named: are messages named (RFC 1845), so that one may be in the first
        packet?
    @ivar resumed: are sessions of TLS resumed?
    """

    security: Security
    version: str = field()
    early: bool = False
    fast: bool = False
    banner: bool = False
    named: bool = False
    presumed: bool = False
    resumed: bool = False

    @version.default
    def _version(self) -> str:
        return "" if self.security is Security.CLEAR else "1.3"

    @property
    def warm(self) -> int:
        """How many messages go before those that count."""
        return max(2 * self.early + self.fast, self.resumed)

    @property
    def label(self) -> str:
        """What it is called."""
        words = [f"{self.security.value} {self.version}".strip()]
        if self.early:
            words.append("PIPECONNECT")
        if self.fast:
            words.append("TFO")
        if self.banner:
            words.append("early banner")
        if self.named:
            words.append("CHECKPOINT")
        if self.presumed:
            words.append("presumed")
        if self.resumed:
            words.append("resumption")
        return " + ".join(words) if len(words) > 1 else f"{words[0]}, no knowledge"


ROWS = (
    Row(Security.CLEAR),
    Row(Security.CLEAR, early=True),
    Row(Security.CLEAR, early=True, fast=True),
    Row(Security.CLEAR, early=True, fast=True, named=True),
    Row(Security.STARTTLS),
    Row(Security.STARTTLS, presumed=True),
    Row(Security.STARTTLS, early=True),
    Row(Security.STARTTLS, early=True, fast=True),
    Row(Security.STARTTLS, early=True, fast=True, resumed=True),
    Row(Security.STARTTLS, "1.2"),
    Row(Security.STARTTLS, "1.2", early=True),
    Row(Security.STARTTLS, "1.2", early=True, fast=True),
    Row(Security.STARTTLS, "1.2", early=True, fast=True, resumed=True),
    Row(Security.IMPLICIT),
    Row(Security.IMPLICIT, banner=True),
    Row(Security.IMPLICIT, fast=True, banner=True),
    Row(Security.IMPLICIT, early=True),
    Row(Security.IMPLICIT, early=True, fast=True),
)


__all__ = ["ROWS", "Row", "Security"]
