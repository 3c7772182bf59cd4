"""
Tests for L{smtpx.net.submission}.
"""

from __future__ import annotations

from typing import IO, cast

from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope
from smtpx.core.interfaces import IServerSession
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import OK, Reply, reply
from smtpx.core.server import ServerConnection
from smtpx.net.interfaces import IArrival, IReceiver
from smtpx.net.submission import (
    HEADER_OCTETS,
    MADE_MESSAGE_ID,
    SubmissionReceiver,
)
from smtpx.testing.server import ScriptedPort

from .made import RememberedArrival, RememberingReceiver, made

_NOW = 1795317588.0  # 2026-11-22 03:19:48 UTC
_SESSION: IServerSession = ServerConnection(ServerProfile(), ScriptedPort())
_WHOLE = b"Date: x\r\nMessage-ID: <y@z>\r\n"
_FULL = reply(452, "4.3.1", b"Full")


class SubmissionReceiverTests(SynchronousTestCase):
    """Messages are made whole on their way."""

    def setUp(self) -> None:
        """A receiver behind it that remembers."""
        self.behind = RememberingReceiver()
        self.receiver = SubmissionReceiver(
            self.behind,
            name=b"mx.example",
            whole=lambda domain: b"." in domain,
            clock=lambda: _NOW,
            word=lambda: "word",
        )
        self.envelope = Envelope(b"ann@example.org", _NOW)

    def test_theSender(self) -> None:
        """Whom Sender is to name is asked of the session."""
        self.receiver.sender = lambda session: b"ann@mx.example"
        self.submit(_WHOLE + b"From: bob@b.example\r\n\r\nx")
        self.assertIn(b"Sender: ann@mx.example\r\n", self.last.octets)

    def submit(self, *pieces: bytes) -> Reply | Deferred[Reply]:
        """Let a message through, piece by piece."""
        arrival = self.receiver.begin(_SESSION, self.envelope)
        assert not isinstance(arrival, Reply)
        self.assertTrue(verifyObject(IArrival, arrival))
        producer = StringTransport()
        arrival.registerProducer(producer, True)
        self.assertIs(self.last.producer, producer)
        for piece in pieces:
            arrival.write(piece)
        arrival.unregisterProducer()
        self.assertIsNone(self.last.producer)
        answer: Reply | Deferred[Reply] = arrival.finish(_SESSION, self.envelope)  # type: ignore[assignment]  # one for all
        return answer

    @property
    def last(self) -> RememberedArrival:
        """The message behind it."""
        return self.behind.arrivals[-1]

    def added(self) -> bytes:
        """Both fields, in whatever zone the test runs."""
        date, rest = self.last.octets.split(b"\r\n", 1)
        # "-0000" would say that the zone is not known (RFC 5322 section 3.3).
        zone = rb"(?!-0000)[+-]\d{4}"
        self.assertRegex(date, rb"\ADate: Sun, 22 Nov 2026 \d\d:\d\d:48 %b\Z" % zone)
        return rest

    def test_missingFieldsAreAdded(self) -> None:
        """And the envelope says which Message-ID is ours."""
        self.assertTrue(verifyObject(IReceiver, self.receiver))
        self.assertIs(self.submit(b"Subject: x\r\n\r\nhello\r\n"), OK)
        self.assertEqual(
            self.added(),
            b"Message-ID: <%x.word@mx.example>\r\nSubject: x\r\n\r\nhello\r\n"
            % int(_NOW),
        )
        self.assertEqual(
            self.envelope.stamps[MADE_MESSAGE_ID], b"%x.word@mx.example" % int(_NOW)
        )
        self.assertEqual(self.envelope.dumpedStamps(), {})

    def test_whatIsThereStays(self) -> None:
        """Octet for octet, and nothing is said of an id."""
        message = _WHOLE + b"Subject: x\r\n\r\nhello\r\n"
        self.submit(message)
        self.assertEqual(self.last.octets, message)
        self.assertNotIn(MADE_MESSAGE_ID, self.envelope.stamps)

    def test_cutAnywhere(self) -> None:
        """However the octets arrive, they go on as one message."""
        message = b"Subject: x\r\nDate: d\r\n\r\n\r\nhello\r\n\r\nyou\r\n"
        self.submit(message)
        wanted = self.last.octets
        self.assertTrue(wanted.endswith(message))
        for cut in range(1, len(message)):
            self.submit(message[:cut], message[cut:])
            self.assertEqual(self.last.octets, wanted, cut)
        self.submit(*(bytes([octet]) for octet in message))
        self.assertEqual(self.last.octets, wanted)

    def test_messagesWithoutHeaderOrText(self) -> None:
        """Every message gets a header, and the empty line behind it."""
        for message, end in (
            (b"", b"\r\n"),
            (b"\r\nhello\r\n", b"\r\nhello\r\n"),
            (b"hello\r\n", b"\r\nhello\r\n"),
            (b"Subject: x\r\n", b"Subject: x\r\n\r\n"),
        ):
            self.submit(*([message] if message else []))
            rest = self.added().split(b"\r\n", 1)[1]
            self.assertEqual(rest, end, message)

    def test_textGoesThroughAsItComes(self) -> None:
        """Nothing of it is held back, wherever the header is cut."""
        header = _WHOLE + b"\r\n"
        for cut in range(len(header)):
            arrival = self.receiver.begin(_SESSION, self.envelope)
            assert not isinstance(arrival, Reply)
            arrival.write(header[:cut])
            self.assertEqual(self.last.octets, b"")
            arrival.write(header[cut:])
            self.assertEqual(self.last.octets, header, cut)
            arrival.write(b"text")
            self.assertEqual(self.last.octets, header + b"text")

    def test_textWithoutAHeaderGoesThrough(self) -> None:
        """A text is never taken for a header that is too long."""
        text = b"x" * HEADER_OCTETS
        self.assertIs(self.submit(b"\r\n", text, text), OK)
        self.assertTrue(
            self.last.octets.endswith(b"@mx.example>\r\n\r\n" + text + text)
        )

    def test_addressesWithoutADomain(self) -> None:
        """554, and nothing is kept (RFC 6409 section 4.2)."""
        for field, name in (
            (b"To: bob\r\n", b"To"),
            (b"from: Ann <ann@office>\r\n", b"From"),
        ):
            answer = self.submit(_WHOLE + field + b"\r\nhel", b"lo\r\n")
            self.assertEqual(
                answer,
                reply(554, "5.6.0", b"Address without its whole domain in " + name),
            )
            self.assertTrue(self.last.aborted)
            self.assertFalse(self.last.finished)
            self.assertEqual(self.last.octets, b"")

    def test_addressesThatNobodyLooksAt(self) -> None:
        """It can be switched off."""
        self.receiver.whole = None
        self.assertIs(self.submit(_WHOLE + b"To: bob\r\n\r\n"), OK)

    def test_aHeaderThatIsTooLong(self) -> None:
        """It is not held without end."""
        answer = self.submit(b"X: " + b"x" * HEADER_OCTETS, b"more", b"\r\n\r\nx\r\n")
        self.assertEqual(answer, reply(554, "5.6.0", b"Header is too long"))
        self.assertTrue(self.last.aborted)
        self.assertEqual(self.last.octets, b"")

    def test_aHeaderWithinTheLimit(self) -> None:
        """However long the text is that comes with it; the limit itself is within."""
        header = _WHOLE + b"X:".ljust(HEADER_OCTETS - len(_WHOLE) - 2, b"x") + b"\r\n"
        self.assertIs(self.submit(header, b"\r\nhello\r\n"), OK)
        self.assertEqual(self.last.octets, header + b"\r\nhello\r\n")
        piece = _WHOLE + b"\r\n" + b"x" * HEADER_OCTETS
        self.assertIs(self.submit(piece), OK)
        self.assertEqual(self.last.octets, piece)

    def test_whatIsRefusedBehindIt(self) -> None:
        """That is passed on: no room, and a message that breaks off."""
        self.behind.refusal = _FULL
        self.assertIs(self.receiver.begin(_SESSION, self.envelope), _FULL)
        self.behind.refusal = None
        arrival = self.receiver.begin(_SESSION, self.envelope)
        assert not isinstance(arrival, Reply)
        arrival.abort()
        self.assertTrue(self.last.aborted)

    def test_troubleAtTheVeryEnd(self) -> None:
        """What cannot be written is given up, for nobody else would."""
        arrival = self.receiver.begin(_SESSION, self.envelope)
        assert not isinstance(arrival, Reply)
        arrival.write(_WHOLE)
        # Octets cannot be added to this.
        self.last.octets = cast(bytes, None)
        self.assertRaises(TypeError, arrival.finish, _SESSION, self.envelope)
        self.assertTrue(self.last.aborted)

    def test_ofAProgram(self) -> None:
        """A function may stand behind it, and ids are new each time."""
        taken: list[bytes] = []

        def take(envelope: Envelope, body: IO[bytes]) -> None:
            taken.append(body.read())

        server = made(None)
        server.factory.receiver = SubmissionReceiver(take, name=b"mx.example")
        for _ in range(2):
            call = server.call()
            for line in (
                b"EHLO c.example\r\n",
                b"MAIL FROM:<a@b.example>\r\n",
                b"RCPT TO:<c@d.example>\r\n",
                b"DATA\r\n",
            ):
                call.say(line)
            self.assertEqual(call.say(b"Subject: x\r\n\r\nhi\r\n.\r\n")[:3], b"250")
        ids = {line for text in taken for line in text.split(b"\r\n")[1:2]}
        self.assertEqual(len(ids), 2)
        for text in taken:
            self.assertTrue(text.startswith(b"Date: "))
            self.assertTrue(text.endswith(b"\r\nSubject: x\r\n\r\nhi\r\n"))
