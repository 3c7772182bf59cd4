"""
The programs of C{doc/howto/send-mail.rst} and C{doc/howto/from-twisted-sendmail.rst},
which print them from here.
"""

from __future__ import annotations

import socket
from email.message import EmailMessage
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx import (
    NotSent,
    Receipt,
    SMTPClient,
    SMTPClientFactory,
    TLSLevel,
    Unreached,
    sendMessage,
)
from smtpx.extensions.auth import Auth
from smtpx.extensions.standard import standard
from smtpx.net import clientkit, mailer
from smtpx.net.factory import SMTPServerFactory
from smtpx.sasl import CheckPassword, Judgement
from smtpx.testing import answered

from .network import Network, watched
from .test_client_tls import TRUSTING, Users, serverTLS
from .worlds import World, mx, world

TEXT = b"Subject: hello\n\nhi\n"


async def newsletter(reactor: Any, readers: list[str]) -> list[str]:
    """Sends much."""
    failed: list[str] = []
    # begin newsletter
    client = SMTPClient(reactor, "mail.example.org")
    for reader in readers:
        message = EmailMessage()
        message["From"] = "News <news@example.org>"
        message["To"] = reader
        message["Subject"] = "The news"
        message.set_content("Nothing has happened.\n")
        try:
            await client.sendMessage(None, None, message)
        except NotSent as error:
            failed.append(f"{reader}: {error}")
    await client.close()
    # end newsletter
    return failed


async def outcomes(reactor: Any, text: bytes) -> tuple[list[str], list[str]]:
    """Looks at what became of a message."""
    # begin outcomes
    again: list[str] = []
    never: list[str] = []
    people = ["a@example.net", "b@example.net", "c@example.net"]
    try:
        receipt = await sendMessage(reactor, "me@example.org", people, text)
    except NotSent as error:
        receipt = error.receipt
    for address, reply in receipt.refused.items():
        (never if reply.permanent else again).append(address)
    # end outcomes
    return again, never


async def submit(reactor: Any, text: bytes) -> Receipt:
    """Logs in."""
    # begin login
    receipt = await sendMessage(
        reactor,
        "me@example.org",
        "you@example.net",
        text,
        host="mail.example.org",
        login=("me", "secret"),
    )
    # end login
    return receipt


async def byEndpoint(reactor: Any, endpoint: Any, text: bytes) -> Receipt:
    """Brings its own connection."""
    # begin endpoint
    factory = SMTPClientFactory(reactor, "mail.example.org")
    client = await endpoint.connect(factory)
    receipt: Receipt = await client.sendMessage(
        "me@example.org", "you@example.net", text
    )
    client.quit()
    # end endpoint
    return receipt


async def sendmail(reactor: Any, text: bytes) -> Receipt:
    """What was C{twisted.mail.smtp.sendmail}."""
    # begin sendmail
    receipt = await sendMessage(
        reactor,
        "me@example.org",
        ["you@example.net"],
        text,
        host="mail.example.org",
        port=587,
        login=("me", "secret"),
        tls=TLSLevel.VERIFIED,
    )
    # end sendmail
    return receipt


class _Endpoint:
    """An endpoint of the test's network."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def connect(self, factory: SMTPClientFactory) -> Deferred[Any]:
        """Connect."""
        done: Deferred[Any] = Deferred()

        class Noting:
            """Tells of the protocol."""

            def buildProtocol(self, addr: Any) -> Any:
                """See the factory."""
                protocol = factory.buildProtocol(addr)
                done.callback(protocol)
                return protocol

        self.network.connectTCP("192.0.2.25", 25, Noting())
        return done


class SendMailTests(SynchronousTestCase):
    """
    The printed programs do what is said of them.
    """

    def setUp(self) -> None:
        """A network, whose names and domains are the system's."""
        self.there: World = world()
        self.patch(mailer, "systemRouter", lambda reactor: self.there.domains)
        self.patch(socket, "gethostname", lambda: "client.example")
        self.patch(clientkit, "trustingPlatform", lambda: TRUSTING)

    def come(self, program: Any) -> Any:
        """Let a program run to its end."""
        got = watched(Deferred.fromCoroutine(program))
        self.there.network.run(3)
        if got.error is not None:
            raise got.error
        return got.value

    def submission(self) -> list[bytes]:
        """A server of ours at C{mail.example.org} that wants a login."""
        taken: list[bytes] = []

        def take(envelope: Any, body: Any) -> None:
            taken.append(body.read())

        def check(question: CheckPassword) -> Judgement:
            good = (question.user, question.password) == (b"me", b"secret")
            return Judgement.GOOD if good else Judgement.BAD

        users = Users()
        users.scram = False
        auth = Auth(users=users)
        self.there.network.hosts["192.0.2.25", 587] = SMTPServerFactory(
            self.there.network,
            take,
            tls=serverTLS(self, "mail.example.org"),
            extensions=[auth if e.name == auth.name else e for e in standard()],
            answers={CheckPassword: check},
        )
        return taken

    def test_newsletter(self) -> None:
        """All go over one connection, and who does not get it is told of."""
        server = self.there.host("192.0.2.25", answered(b"RCPT", b"550 5.1.1 No", 2))
        failed = self.come(
            newsletter(
                self.there.network, ["a@x.example", "b@x.example", "c@x.example"]
            )
        )
        self.assertEqual(failed, ["b@x.example: b@x.example: 550 5.1.1 No"])
        self.assertEqual(len(server.sessions), 1)
        self.assertEqual(len(server.messages), 2)

    def test_outcomes(self) -> None:
        """Some later, some never; also where nobody has it."""
        for third in (b"250 2.1.5 OK", b"450 4.2.1 Later"):
            self.there.host(
                "192.0.2.1",
                answered(b"RCPT", b"451 4.2.0 Later", 1),
                answered(b"RCPT", b"550 5.1.1 Unknown", 2),
                answered(b"RCPT", third, 3),
            )
            self.there.domains.known = {b"example.net": mx("192.0.2.1")}
            again, never = self.come(outcomes(self.there.network, TEXT))
            self.assertEqual(never, ["b@example.net"])
            self.assertEqual(again[0], "a@example.net")
            self.assertEqual(len(again), 1 if third[:1] == b"2" else 2)

    def test_login(self) -> None:
        """Under TLS, at the port for it, by name and password."""
        for program in (submit, sendmail):
            taken = self.submission()
            receipt = self.come(program(self.there.network, TEXT))
            self.assertEqual(receipt.accepted, ("you@example.net",))
            self.assertTrue(receipt.hosts[0].tls.verified)
            self.assertEqual(taken, [b"Subject: hello\r\n\r\nhi\r\n"])

    def test_endpoint(self) -> None:
        """A connection of the program's own."""
        server = self.there.host("192.0.2.25")
        endpoint = _Endpoint(self.there.network)
        receipt = self.come(byEndpoint(self.there.network, endpoint, TEXT))
        self.assertEqual(receipt.accepted, ("you@example.net",))
        self.assertEqual(server.sessions[0].commands[-1], b"QUIT")

    def test_nobodyThere(self) -> None:
        """What stands in the page of exceptions."""
        with self.assertRaises(NotSent) as caught:
            self.come(submit(self.there.network, TEXT))
        self.assertIsInstance(caught.exception.__cause__, Unreached)
