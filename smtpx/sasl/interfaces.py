"""
What a protocol wants to know of users before it offers a login.
"""

from __future__ import annotations

from zope.interface import Attribute, Interface


class IUsers(Interface):
    """
    Whether anybody can log in.  Asked often, in SMTP at each EHLO under TLS, so
    it has to be cheap.
    """

    available: bool = Attribute("Is there a user at all?")
    scram: bool = Attribute("Are there verifiers for SCRAM?")
