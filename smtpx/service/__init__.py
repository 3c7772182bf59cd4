"""
The mail server as a whole.
"""

from .mail import MailService
from .problems import ConfigurationError
from .program import mailService

__all__ = ["ConfigurationError", "MailService", "mailService"]
