"""Delivery reports, made and read back, for tests of the parts they are made of."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Sequence
from email.message import EmailMessage, Message

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.interfaces import IExtension
from smtpx.core.queueprofile import QueueProfile
from smtpx.core.reply import Reply, reply
from smtpx.extensions.dsn import DSN
from smtpx.extensions.eightbitmime import EightBitMIME
from smtpx.extensions.requiretls import RequireTLS
from smtpx.extensions.smtputf8 import SMTPUTF8
from smtpx.queue.multipart import fits
from smtpx.queue.report import REPORT_OCTETS, Manner, Reporter
from smtpx.queue.told import Told
from smtpx.spool.format import Fate, Outcome, Report, SpooledMessage
from smtpx.spool.via import Cause, Via

from .doubles import messageFor

#: Thursday, and five days later.
ARRIVED = 1_700_000_000.0
NOW = ARRIVED + 5 * 86400

NAME = "mail.example.org"
HEADER = b"Subject: Hello\r\nMessage-ID: <1@client.example>\r\n"
MESSAGE = HEADER + b"\r\nHow are you?\r\n"

VIA = Via(b"mx.example.net", b"192.0.2.1")
UNKNOWN = reply(550, "5.1.1", b"No such user")


def extensions() -> list[IExtension]:
    """Those that have a say in reports."""
    return [EightBitMIME(), SMTPUTF8(), DSN(), RequireTLS()]


def reporter(manner: Manner | None = None, name: str = NAME) -> Reporter:
    """One that writes as a server does."""
    return Reporter(name, QueueProfile().load(extensions()), lambda: NOW, manner)


def refused(
    index: int = 0, said: Reply | None = UNKNOWN, cause: Cause = Cause.RECIPIENT
) -> Outcome:
    """A recipient whom a host turned down."""
    return Outcome(index, Fate.FAILED, "said no", said, VIA, cause)


@frozen
class Read:
    """
    A report, as a mail program reads it.

    @ivar message: all of it.
    @ivar words: the text for people.
    @ivar fields: of the message.
    @ivar recipients: fields of each recipient.
    @ivar returned: what it returns.
    """

    message: EmailMessage
    words: str
    fields: Message
    recipients: Sequence[Message]
    returned: Message


def read(test: SynchronousTestCase, report: Report) -> Read:
    """
    Read a report with the standard library, and see that it is a good message.
    """
    octets = report.prefix + report.body
    test.assertLessEqual(len(report.body), REPORT_OCTETS)
    test.assertEqual(report.envelope.sender, b"")
    test.assertEqual(report.envelope.octets, len(octets))
    test.assertTrue(fits(octets))
    message = email.message_from_bytes(octets, policy=email.policy.SMTPUTF8)
    assert isinstance(message, EmailMessage)
    test.assertEqual(message.get_content_type(), "multipart/report")
    parts = list(message.iter_parts())
    test.assertEqual(len(parts), 3)
    for part in [message, *parts]:
        test.assertEqual(part.defects, [])
    words, status, returned = parts
    test.assertEqual(words.get_content_type(), "text/plain")
    kind = message.get_param("report-type")
    test.assertEqual(status.get_content_type(), f"message/{kind}")
    groups = statusGroups(status)
    return Read(
        message,
        words.get_content().replace("\r\n", "\n"),
        groups[0],
        groups[1:],
        returned,
    )


def statusGroups(status: Message) -> list[Message]:
    """The groups of fields of a report."""
    if status.get_content_type() == "message/delivery-status":
        return list(status.get_payload())
    # The standard library knows nothing of RFC 6533, and takes it for a message.
    inner = status.get_payload(0)
    assert isinstance(inner, Message)
    rest = str(inner.get_payload())
    texts = [each for each in rest.split("\r\n\r\n") if each.strip()]
    return [inner, *map(email.message_from_string, texts)]


def messageOf(
    *recipients: bytes, sender: bytes = b"ann@client.example"
) -> SpooledMessage:
    """A message that arrived five days ago."""
    paths = recipients or (b"bob@example.net",)
    prefix = b"Received: from client.example\r\n"
    return messageFor(*paths, sender=sender, arrived=ARRIVED, prefix=prefix)


def failures(outcomes: Sequence[Outcome]) -> list[Told]:
    """What is told of those who failed."""
    return [Told(each) for each in outcomes]
