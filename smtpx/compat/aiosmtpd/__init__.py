"""
Handlers of aiosmtpd, unchanged, behind smtpx; aiosmtpd itself is not needed.

A program that has a controller takes L{Controller} in place of aiosmtpd's, and one
that has a Twisted reactor makes a factory by L{aiosmtpdFactory}.  The names that
handlers import from C{aiosmtpd.smtp} are here as well.
"""

from .controller import (
    Controller,
    UnixSocketController,
    UnixSocketUnthreadedController,
    UnthreadedController,
)
from .factory import aiosmtpdFactory
from .options import Options
from .server import SMTP
from .values import (
    MISSING,
    AuthResult,
    Envelope,
    LoginPassword,
    Session,
    auth_mechanism,
)

__all__ = [
    "MISSING",
    "SMTP",
    "AuthResult",
    "Controller",
    "Envelope",
    "LoginPassword",
    "Options",
    "Session",
    "UnixSocketController",
    "UnixSocketUnthreadedController",
    "UnthreadedController",
    "aiosmtpdFactory",
    "auth_mechanism",
]
