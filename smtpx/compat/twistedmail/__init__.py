"""
Delivery objects of C{twisted.mail.smtp}, unchanged, behind smtpx.

What was given to C{smtp.SMTPFactory} and its protocols is given to one function,
L{deliveryFactory}.
"""

from .factory import deliveryFactory

__all__ = ["deliveryFactory"]
