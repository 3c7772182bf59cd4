"""
The least that an extension can be: a keyword in the EHLO response.
"""

from twisted.plugin import IPlugin
from zope.interface import implementer

from smtpx.core.grammar import KEYWORD
from smtpx.core.hooks import Capability
from smtpx.core.interfaces import IServerBuilder, IServerExtension

CAPABILITY = Capability[bool](b"NO-SOLICITING", KEYWORD)


@implementer(IPlugin, IServerExtension)
class NoSoliciting:
    """The NO-SOLICITING extension."""

    name = "NO-SOLICITING"
    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: object) -> "NoSoliciting":
        """There is nothing to configure yet."""
        return self

    def extendServer(self, server: IServerBuilder) -> None:
        """Put the keyword into the EHLO response."""
        server.capability(CAPABILITY, lambda session: True)
