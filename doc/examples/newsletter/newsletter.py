"""
A program that sends mail: the one that is tested.
"""

import smtplib
from email.message import EmailMessage


def sendNewsletter(
    readers: list[str], host: str = "localhost", port: int = 25
) -> list[str]:
    """
    Send the newsletter.

    @return: those who did not get it.
    """
    message = EmailMessage()
    message["From"] = "news@example.com"
    message["Subject"] = "News of the week"
    message.set_content("Nothing happened.\n")
    try:
        with smtplib.SMTP(host, port, timeout=20) as client:
            return list(client.send_message(message, to_addrs=readers))
    except smtplib.SMTPException:
        return readers
