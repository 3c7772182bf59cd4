"""
C{twistd smtpx}.
"""

from twisted.application.service import ServiceMaker

smtpx = ServiceMaker(
    "smtpx",
    "smtpx.service.door",
    "A mail server: receives mail, keeps it safe, delivers it.",
    "smtpx",
)
