"""
ENHANCEDSTATUSCODES (RFC 2034): replies carry a second, finer code.

There is nothing to switch: the core's replies carry their codes whether or not
the client used EHLO, as RFC 2034 section 5 demands, and the client reads the
peer's codes wherever they stand.  So all that is here is the keyword, which says
so.
"""

from __future__ import annotations

from zope.interface import implementer

from ..core.grammar import KEYWORD
from ..core.hooks import Capability
from ..core.interfaces import IServerBuilder, IServerExtension

CAPABILITY = Capability[bool](b"ENHANCEDSTATUSCODES", KEYWORD)


class IEnhancedStatusCodes(IServerExtension):
    """ENHANCEDSTATUSCODES (RFC 2034)."""


@implementer(IEnhancedStatusCodes)
class EnhancedStatusCodes:
    """The ENHANCEDSTATUSCODES extension.  It has no options."""

    name = "ENHANCEDSTATUSCODES"
    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: object) -> EnhancedStatusCodes:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, lambda session: True)
