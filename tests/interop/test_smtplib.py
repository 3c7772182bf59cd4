"""
Python's own client.
"""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP as WIRE_POLICY
from hashlib import sha256

from smtpx.sasl import (
    SCRAM_SHA_256,
    SCRAM_SHA_256_PLUS,
    Channel,
    Credentials,
    Mechanism,
)

from ..sasl.pairs import step
from .cases import InteropTestCase
from .running import RunningServer

SECONDS = 20.0

FROM, TO = "ann@example.com", "bob@localhost"
USER, PASSWORD = "joe@example.org", "correct horse"

TEXT = "Subject: hello\r\n\r\nIt works.\r\n.\r\n..\r\n"


class SMTPLibTestCase(InteropTestCase):
    """Sessions of C{smtplib}."""

    def connect(self, server: RunningServer) -> smtplib.SMTP:
        """A session in the clear."""
        client = smtplib.SMTP("localhost", server.port, "client.example", SECONDS)
        self.closing(client.close)
        return client

    def connectSecured(self, server: RunningServer) -> smtplib.SMTP:
        """A session under TLS, by STARTTLS."""
        client = self.connect(server)
        client.starttls(context=self.context(server))
        return client

    def code(self, server: RunningServer, user: str, password: str = PASSWORD) -> int:
        """What becomes of a login."""
        client = self.connectSecured(server)
        try:
            return client.login(user, password)[0]
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code
        finally:
            client.close()

    def context(self, server: RunningServer) -> ssl.SSLContext:
        """Trusts nobody but the server's own CA."""
        return ssl.create_default_context(cafile=str(server.authority))


class DeliveryTests(SMTPLibTestCase):
    """C{smtplib} delivers."""

    def test_inTheClear(self) -> None:
        """A message in the clear arrives as it was sent."""
        server = self.serve()
        self.connect(server).sendmail(FROM, TO, TEXT)
        [message] = server.delivered(1)
        self.assertEqual(message.sender, FROM.encode())
        self.assertEqual(message.recipient, TO.encode())
        self.assertEqual(message.octets, TEXT.encode())
        self.assertIn(b" with esmtp\r\n", message.received)

    def test_startTLS(self) -> None:
        """STARTTLS works; the certificate is one of the server's own CA."""
        server = self.serve()
        self.connectSecured(server).sendmail(FROM, TO, TEXT)
        [message] = server.delivered(1)
        self.assertEqual(message.octets, TEXT.encode())
        self.assertIn(b" with esmtps tls TLS_", message.received)

    def test_implicitTLS(self) -> None:
        """TLS from the first octet works (RFC 8314)."""
        server = self.serve()
        context = self.context(server)
        with smtplib.SMTP_SSL(
            "localhost", server.tlsPort, timeout=SECONDS, context=context
        ) as client:
            client.sendmail(FROM, TO, TEXT)
        [message] = server.delivered(1)
        self.assertEqual(message.octets, TEXT.encode())
        self.assertIn(b" with esmtps tls TLS_", message.received)

    def test_manyMessagesASession(self) -> None:
        """Messages follow each other in one session, refused ones between them."""
        server = self.serve()
        client = self.connect(server)
        for number in range(20):
            to = f"user{number:02d}@localhost"
            self.assertEqual(client.sendmail(FROM, [to], f"Number: {number}\r\n"), {})
            with self.assertRaises(smtplib.SMTPRecipientsRefused) as caught:
                client.sendmail(FROM, ["eve@elsewhere.example"], TEXT)
            [(code, text)] = caught.exception.recipients.values()
            self.assertEqual((code, text[:5]), (550, b"5.7.1"))
        client.quit()
        self.assertEqual(
            [message.octets for message in server.delivered(20)],
            [b"Number: %d\r\n" % number for number in range(20)],
        )

    def test_someRecipientsAreRefused(self) -> None:
        """The other recipients of a message get it."""
        server = self.serve()
        refused = self.connect(server).sendmail(
            FROM, ["a@localhost", "eve@elsewhere.example", "b@localhost"], TEXT
        )
        self.assertEqual(list(refused), ["eve@elsewhere.example"])
        recipients = [message.recipient for message in server.delivered(2)]
        self.assertEqual(recipients, [b"a@localhost", b"b@localhost"])

    def test_eightBitAndUTF8(self) -> None:
        """8-bit text and addresses in UTF-8 arrive as they were sent."""
        server = self.serve()
        message = EmailMessage(policy=WIRE_POLICY.clone(utf8=True))
        message["From"] = "Änn <änn@example.com>"
        message["To"] = "bøb@localhost"
        message["Subject"] = "Grüße"
        message.set_content("Schöne Grüße\n", cte="8bit")
        client = self.connect(server)
        client.ehlo()
        self.assertTrue(client.has_extn("smtputf8"))
        self.assertTrue(client.has_extn("8bitmime"))
        self.assertEqual(client.send_message(message), {})
        [found] = server.delivered(1)
        self.assertEqual(found.octets, message.as_bytes())
        self.assertEqual(found.recipient, "bøb@localhost".encode())
        self.assertIn(b" with utf8esmtp\r\n", found.received)


class LoginTests(SMTPLibTestCase):
    """Users log in, once C{smtpx passwd} has made them."""

    def setUp(self) -> None:
        """There is a server with a user."""
        super().setUp()
        self.server = self.serve()
        self.server.addUser(USER, PASSWORD)

    def send(self, client: smtplib.SMTP, mechanism: str) -> None:
        """Who has logged in may send; message and log tell of it."""
        client.sendmail(FROM, TO, TEXT)
        client.quit()
        [message] = self.server.delivered(1)
        self.assertEqual(message.octets, TEXT.encode())
        self.assertIn(b" with esmtpsa ", message.received)
        [line] = self.server.accepted()
        self.assertIn(f" A={mechanism.lower()}:{USER} ", line)
        self.assertNotIn(PASSWORD, self.server.said() + line)

    def loggingIn(self, mechanism: str, password: str = PASSWORD) -> smtplib.SMTP:
        """A session under TLS in which C{smtplib} logs in."""
        client = self.connectSecured(self.server)
        client.ehlo()
        client.user, client.password = USER, password
        method = getattr(client, "auth_" + mechanism.lower())
        client.auth(mechanism, method, initial_response_ok=mechanism == "PLAIN")
        return client

    def test_plain(self) -> None:
        """PLAIN, with an initial response (RFC 4616)."""
        self.send(self.loggingIn("PLAIN"), "PLAIN")

    def test_login(self) -> None:
        """LOGIN, with a prompt for each."""
        self.send(self.loggingIn("LOGIN"), "LOGIN")

    def test_chosenByTheClient(self) -> None:
        """C{smtplib} finds a mechanism of its own accord."""
        client = self.connectSecured(self.server)
        client.login(USER, PASSWORD)
        self.send(client, "PLAIN")

    def test_wrongPassword(self) -> None:
        """A wrong password is refused, and so is a user that there is not."""
        for user, password in ((USER, "wrong"), ("eve@example.org", PASSWORD)):
            client = self.connectSecured(self.server)
            with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
                client.login(user, password)
            self.assertEqual(caught.exception.smtp_code, 535)

    def scram(
        self, client: smtplib.SMTP, mechanism: Mechanism, channel: Channel
    ) -> None:
        """Log in by a mechanism that C{smtplib} does not have, with our own half."""
        credentials = Credentials(USER.encode(), PASSWORD.encode())
        exchange = mechanism.login(credentials, channel)

        def say(challenge: bytes | None = None) -> str:
            # The server's last challenge is its proof; there is nothing to add.
            response = step(exchange, challenge)
            return "" if response is None else response.decode("ascii")

        client.ehlo()
        code, _ = client.auth(mechanism.name.decode("ascii"), say)
        self.assertEqual(code, 235)
        # Raises, were the server not who knows the password.
        self.assertRaises(StopIteration, exchange.send, None)

    def test_scram(self) -> None:
        """SCRAM-SHA-256 (RFC 7677): the password stays with the client."""
        client = self.connectSecured(self.server)
        self.scram(client, SCRAM_SHA_256, Channel())
        self.send(client, "SCRAM-SHA-256")

    def test_scramBoundToTheChannel(self) -> None:
        """
        SCRAM-SHA-256-PLUS, bound to the server's certificate (RFC 5929 section 4):
        nobody stands between.
        """
        client = self.connectSecured(self.server)
        assert isinstance(client.sock, ssl.SSLSocket)
        certificate = client.sock.getpeercert(binary_form=True)
        assert certificate is not None
        binding = {"tls-server-end-point": sha256(certificate).digest()}
        channel = Channel(binding, boundOffered=True)
        self.scram(client, SCRAM_SHA_256_PLUS, channel)
        self.send(client, "SCRAM-SHA-256-PLUS")

    def test_loginsAreNotOfferedInTheClear(self) -> None:
        """Without TLS there is no AUTH, in EHLO or else (RFC 4954 section 4)."""
        client = self.connect(self.server)
        client.ehlo()
        self.assertFalse(client.has_extn("auth"))
        code, text = client.docmd("AUTH", "PLAIN AGEAYg==")
        self.assertEqual((code, text[:6]), (538, b"5.7.11"))

    def test_whoHasLoggedInMayRelay(self) -> None:
        """A stranger may not send to other domains; a user may try."""
        client = self.connectSecured(self.server)
        client.ehlo()
        self.assertEqual(client.mail(FROM)[0], 250)
        self.assertEqual(client.rcpt("eve@elsewhere.example")[0], 550)
        client.login(USER, PASSWORD)
