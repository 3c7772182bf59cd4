"""
Tests for the doors of programs: L{smtpx.net.mailer}, L{smtpx.net.clientfactory},
L{smtpx.net.postman} and L{smtpx.net.systemhosts}.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed, UsageError
from smtpx.core.hooks import TLSLevel
from smtpx.core.reply import reply
from smtpx.core.stapled import StapleWish
from smtpx.dns.mailhosts import MailHost, MailHosts, Unroutable
from smtpx.net.mailer import (
    SMTPClient,
    ownName,
    sendMessage,
    wayOf,
)
from smtpx.net.pool import PoolBounds
from smtpx.net.receipts import NotSent
from smtpx.net.sending import Unreached, Way
from smtpx.sasl import Credentials
from smtpx.testing import (
    BODY,
    GREETING,
    answered,
    cut,
    delayed,
    silent,
)
from smtpx.testing.scripted import KEYWORDS

from .network import watched
from .worlds import HELLO, ME, World, mx, world


class ByHostTests(SynchronousTestCase):
    """
    Sending by one host.
    """

    def test_sendMessage(self) -> None:
        """A message reaches all its recipients in one transaction."""
        there = world()
        server = there.host("192.0.2.25")
        got = there.send(["a@x.example", "b@y.example"], host="mail.example")
        self.assertEqual(got.value.accepted, ("a@x.example", "b@y.example"))
        self.assertEqual(got.value.refused, {})
        [message] = server.messages
        self.assertEqual(message.sender, b"me@example.org")
        self.assertEqual(message.body, b"Subject: hello\r\n\r\nhi\r\n")
        self.assertEqual(server.sessions[0].commands[0], b"EHLO client.example")
        self.assertEqual(there.network.getDelayedCalls(), [])

    def test_firesWhenAllIsOver(self) -> None:
        """No connection is left; a host that does not say goodbye is not waited for."""
        there = world()
        there.host("192.0.2.25", silent(b"QUIT"))
        got = there.send("a@x.example", host="mail.example")
        there.network.run(6)
        self.assertEqual(got.fired, 1)
        self.assertEqual(there.network.getDelayedCalls(), [])

    def test_someRefused(self) -> None:
        """Who has it and who has not, by the address that was given."""
        there = world()
        there.host("192.0.2.25", answered(b"RCPT", b"550 5.1.1 Unknown"))
        got = there.send(["A@X.example", "b@y.example"], host="mail.example")
        self.assertEqual(got.value.accepted, ("b@y.example",))
        unknown = reply(550, "5.1.1", b"Unknown")
        self.assertEqual(got.value.refused, {"A@X.example": unknown})

    def test_allRefused(self) -> None:
        """That is an exception, which says why."""
        there = world()
        there.host("192.0.2.25", answered(b"RCPT", b"550 5.1.1 Unknown", nth=None))
        error = there.send(
            [f"{n}@x.example" for n in range(5)], host="mail.example"
        ).error
        self.assertIsInstance(error, NotSent)
        self.assertTrue(error.permanent)
        self.assertEqual(
            str(error),
            "0@x.example: 550 5.1.1 Unknown; 1@x.example: 550 5.1.1 Unknown;"
            " 2@x.example: 550 5.1.1 Unknown; and 2 more",
        )

    def test_unsure(self) -> None:
        """A message that may have been taken is told of."""
        there = world()
        there.host("192.0.2.25", cut(BODY), answered(b"RCPT", b"550 5.1.1 No", nth=2))
        error = there.send(["a@x.example", "b@x.example"], host="mail.example").error
        self.assertEqual(error.receipt.unsure, ("a@x.example",))
        self.assertFalse(error.permanent)

    def test_unreached(self) -> None:
        """The exception behind it says why there was no session."""
        there = world()
        error = there.send("a@x.example", host="mail.example").error
        self.assertIsInstance(error.__cause__, Unreached)
        self.assertEqual(
            str(error), "a@x.example: 451 4.4.1 mail.example: Connection refused"
        )
        self.assertEqual(error.receipt.hosts[0].address, b"192.0.2.25")
        there.host("192.0.2.25", answered(GREETING, b"554 5.3.2 No mail"))
        error = there.send("a@x.example", host="mail.example").error
        self.assertEqual(str(error), "a@x.example: 554 5.3.2 No mail")

    def test_noSuchHost(self) -> None:
        """A name that nobody has."""
        error = world().send("a@x.example", host="nobody.example").error
        self.assertIsInstance(error.__cause__, Unroutable)
        self.assertIn("nobody.example has no address", str(error.__cause__))
        self.assertFalse(error.permanent)

    def test_addresses(self) -> None:
        """A host may be an address; then nobody is asked."""
        for host in ("192.0.2.25", "2001:db8::25"):
            there = world()
            there.host(host)
            got = there.send("a@x.example", host=host)
            self.assertEqual(got.value.hosts[0].address, host.encode("ascii"))
            self.assertEqual(there.network.nameResolver.asked, [])

    def test_ports(self) -> None:
        """Each kind of service has its own."""
        for more, port in (
            ({}, 25),
            ({"login": ("u", "p")}, 587),
            ({"implicitTLS": True}, 465),
            ({"login": ("u", "p"), "implicitTLS": True}, 465),
            ({"port": 2525}, 2525),
        ):
            there = world()
            arguments: Any = more
            error = there.send("a@x.example", host="mail.example", **arguments).error
            self.assertEqual(error.receipt.hosts[0].port, port)

    def test_loginWantsTLS(self) -> None:
        """A password goes nowhere without it being known where."""
        there = world()
        server = there.host("192.0.2.25", port=587, keywords=(*KEYWORDS, b"AUTH PLAIN"))
        got = there.send("a@x.example", host="mail.example", login=("u", "p"))
        self.assertIsInstance(got.error.__cause__, Unreached)
        self.assertNotIn(b"AUTH", b" ".join(server.sessions[0].commands))

    def test_loginWithoutHost(self) -> None:
        """Credentials, and what else is for one host, are not for any host."""
        network = world().network
        for more in ({"login": ("u", "p")}, {"port": 26}, {"implicitTLS": True}):
            arguments: Any = more
            with self.assertRaises(UsageError):
                sendMessage(network, ME, "a@x.example", HELLO, **arguments)

    def test_wrongArguments(self) -> None:
        """They are told of at once."""
        there = world()
        with self.assertRaises(Malformed):
            there.send("nobody", host="mail.example")
        with self.assertRaises(Malformed):
            there.send("a@x.example", host="mail.example", login=("", ""))
        with self.assertRaises(UsageError):
            there.send([], host="mail.example")

    def test_cancelled(self) -> None:
        """Who gives it up has no connection left."""
        there = world()
        there.host("192.0.2.25", silent(b"MAIL"))
        options = there.options()
        sending = sendMessage(
            there.network,
            ME,
            "a@x.example",
            HELLO,
            host="mail.example",
            options=options,
        )
        got = watched(sending)
        there.network.run(1)
        sending.cancel()
        there.network.run()
        self.assertIsInstance(got.error, CancelledError)
        self.assertEqual(there.network.getDelayedCalls(), [])


class ByDomainTests(SynchronousTestCase):
    """
    Sending to the hosts of the recipients' domains.
    """

    def test_domains(self) -> None:
        """Domains with the same hosts have one transaction."""
        there = world()
        one, two = there.host("192.0.2.1"), there.host("192.0.2.2")
        there.domains.known = {
            b"x.example": mx("192.0.2.1"),
            b"y.example": mx("192.0.2.1"),
            b"z.example": MailHosts((MailHost(b"z", (b"192.0.2.2",)),)),
        }
        got = there.send(["a@X.example", "b@y.example", "c@z.example"])
        self.assertEqual(len(got.value.accepted), 3)
        self.assertEqual([len(s.messages) for s in (one, two)], [1, 1])

    def test_noSuchDomain(self) -> None:
        """Others have the message all the same."""
        there = world()
        there.host("192.0.2.1")
        there.domains.known = {b"x.example": mx("192.0.2.1")}
        got = there.send(["a@x.example", "b@nowhere.example"])
        self.assertEqual(got.value.accepted, ("a@x.example",))
        self.assertEqual(got.value.refused["b@nowhere.example"].code, 550)
        error = there.send(["b@nowhere.example"]).error
        self.assertIsInstance(error.__cause__, Unroutable)

    def test_nextHost(self) -> None:
        """A host that is in trouble makes room for the next one."""
        for fault in (
            answered(GREETING, b"421 4.3.2 Busy"),
            answered(b"MAIL", b"451 4.3.0 Later"),
            cut(b"RCPT"),
        ):
            there = world()
            there.host("192.0.2.1", fault)
            second = there.host("192.0.2.2")
            there.domains.known = {b"x.example": mx("192.0.2.1", "192.0.2.2")}
            got = there.send("a@x.example")
            self.assertEqual(got.value.accepted, ("a@x.example",))
            self.assertEqual(len(second.messages), 1)
            self.assertEqual(len(got.value.hosts), 2)

    def test_noNextHost(self) -> None:
        """A refusal for good, and a message that was sent whole, are final."""
        for fault in (
            answered(b"RCPT", b"550 5.1.1 Unknown"),
            answered(BODY, b"451 4.3.0 Later"),
            cut(BODY),
        ):
            there = world()
            there.host("192.0.2.1", fault)
            second = there.host("192.0.2.2")
            there.domains.known = {b"x.example": mx("192.0.2.1", "192.0.2.2")}
            self.assertIsInstance(there.send("a@x.example").error, NotSent)
            self.assertEqual(second.sessions, [])

    def test_somebodyFirst(self) -> None:
        """What the next host says counts, if it says something."""
        there = world()
        there.host("192.0.2.1", answered(b"RCPT", b"451 4.2.0 Later"))
        there.domains.known = {b"x.example": mx("192.0.2.1", "192.0.2.2")}
        error = there.send("a@x.example").error
        self.assertEqual(str(error), "a@x.example: 451 4.2.0 Later")

    def test_cancelledWhileLooking(self) -> None:
        """All questions are given up."""
        there = world()
        waiting: list[Deferred[MailHosts]] = [Deferred(), Deferred()]
        there.domains.known = {b"x.example": waiting[0], b"y.example": waiting[1]}
        sending = sendMessage(
            there.network,
            ME,
            ["a@x.example", "b@y.example"],
            HELLO,
            options=there.options(),
        )
        got = watched(sending)
        sending.cancel()
        self.assertIsInstance(got.error, CancelledError)
        self.assertTrue(all(each.called for each in waiting))

    def test_whatNobodyForesaw(self) -> None:
        """An error of a router is told as it is, when the others are done."""
        there = world()
        there.host("192.0.2.1")
        broken: Deferred[MailHosts] = fail(ValueError("broken"))
        there.domains.known = {b"x.example": mx("192.0.2.1"), b"y.example": broken}
        got = there.send(["a@x.example", "b@y.example"])
        self.assertIsInstance(got.error, ValueError)


class ClientTests(SynchronousTestCase):
    """
    A program that sends much.
    """

    def client(self, there: World, **more: Any) -> SMTPClient:
        """One by a host."""
        options = there.options(**more)
        return SMTPClient(there.network, "mail.example", options=options)

    def test_connectionsAreUsedAgain(self) -> None:
        """The second message goes over the connection of the first."""
        there = world()
        server = there.host("192.0.2.25")
        client = self.client(there)
        for _ in range(3):
            got = watched(client.sendMessage(ME, "a@x.example", HELLO))
            there.network.run()
            self.assertEqual(got.value.accepted, ("a@x.example",))
        self.assertEqual(len(server.sessions), 1)
        self.assertEqual(there.network.nameResolver.asked, ["mail.example"])
        closed = watched(client.close())
        there.network.run()
        self.assertEqual(closed.fired, 1)
        with self.assertRaises(UsageError):
            client.sendMessage(ME, "a@x.example", HELLO)

    def test_namesAreAskedForAgain(self) -> None:
        """A host may move."""
        there = world()
        there.host("192.0.2.25")
        client = self.client(there, bounds=PoolBounds(idleMost=0))
        for _ in range(2):
            watched(client.sendMessage(ME, "a@x.example", HELLO))
            there.network.run(61)
        self.assertEqual(len(there.network.nameResolver.asked), 2)

    def test_soManyAtATime(self) -> None:
        """What is more waits for its turn."""
        there = world()
        server = there.host("192.0.2.25", delayed(BODY, 1, nth=None))
        client = self.client(there, connectionsMost=2)
        all_ = [watched(client.sendMessage(ME, "a@x.example", HELLO)) for _ in range(6)]
        there.network.run(0.5)
        self.assertEqual(len(server.sessions), 2)
        there.network.run(3)
        self.assertEqual([got.fired for got in all_], [1] * 6)
        self.assertEqual(len(server.sessions), 2)

    def test_standing(self) -> None:
        """Hosts are asked whether their certificate was revoked, whatever TLS is."""
        for level in (None, *TLSLevel):
            self.assertIs(wayOf(level).policy.staple, StapleWish.ASKED)

    def test_wayOfItsOwn(self) -> None:
        """Whoever wants more gives a Way."""
        there = world()
        server = there.host("192.0.2.25")
        way = Way(name=b"other.example")
        client = self.client(there, way=way)
        watched(client.sendMessage(ME, "a@x.example", HELLO))
        there.network.run()
        self.assertEqual(server.sessions[0].commands[0], b"EHLO other.example")

    def test_defaults(self) -> None:
        """Without options everything is the system's."""
        there = world()
        there.host("192.0.2.25")
        for host in ("mail.example", None):
            client = SMTPClient(there.network, host)
            self.assertEqual(watched(client.close()).fired, 1)

    def test_ways(self) -> None:
        """Who logs in wants to know to whom, if nothing else is said."""
        self.assertIs(wayOf().policy.tls, TLSLevel.OPPORTUNISTIC)
        self.assertIs(wayOf(login=("u", "p")).policy.tls, TLSLevel.VERIFIED)
        credentials = Credentials(b"u", token=b"abc")
        way = wayOf(TLSLevel.ENCRYPTED, True, credentials)
        self.assertEqual((way.policy.tls, way.implicitTLS), (TLSLevel.ENCRYPTED, True))
        self.assertIs(way.login, credentials)

    def test_ownName(self) -> None:
        """The machine's name, where it can be said."""
        for name, expected in (("a.example", b"a.example"), ("a b", b"localhost")):
            self.patch(socket, "gethostname", lambda name=name: name)
            self.assertEqual(ownName(), expected)
