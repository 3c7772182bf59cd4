"""
Tests for L{smtpx.service.wiring}: the house as a whole, in memory.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.net.entrance import Entrance
from smtpx.net.server import ServerProtocol
from smtpx.policy.users import changeUsers, makeUser
from smtpx.service.config import isHostName
from smtpx.service.machine import connectionsMax, machineName
from smtpx.service.wiring.house import tellRecovered
from smtpx.testing.spool import MemorySpool
from tests.net.made import Call, Wire
from tests.queue.doubles import RecordedJournal

from .made import MESSAGE, HouseTestCase, Site, send, site

BUSY = reply(450, "4.7.1", b"Not now")


class Grumpy:
    """Somebody's policy."""

    def maySend(self, session: IServerSession, envelope: Envelope) -> Reply | None:
        """Nobody called grump."""
        return BUSY if envelope.sender.startswith(b"grump") else None


class RecoveredTests(SynchronousTestCase):
    """What the log has to say of a process that died."""

    def test_told(self) -> None:
        """The story of each message has its end, told once."""
        spool = MemorySpool(lambda: 1000.0)
        ids = [spool.add(b"s@x", [b"a@x", b"b@x"]) for _ in range(2)]
        first, second = self.successResultOf(spool.ready(1000.0, 9))
        spool.delivered(first, [0, 1])
        spool.delivered(second, [1])
        spool.close()
        journal = RecordedJournal()
        tellRecovered(spool, journal)
        before = ("", "", "delivered before a crash")
        self.assertEqual(
            journal.take(),
            [
                ("delivered", ids[0], 0, *before),
                ("delivered", ids[0], 1, *before),
                ("completed", ids[0]),
                ("delivered", ids[1], 1, *before),
            ],
        )


class HouseTests(HouseTestCase):
    """A server that is built, runs and stops."""

    def test_firstStart(self) -> None:
        """Without configuration it listens on two ports of this machine only."""
        self.start()
        self.assertEqual(
            [(port, address) for port, _, _, address in self.site.reactor.tcpServers],
            [(2525, "127.0.0.1"), (4650, "127.0.0.1")],
        )

    def test_received(self) -> None:
        """A message is accepted, and is in the Maildir octet for octet."""
        self.start()
        call = self.site.call()
        self.assertEqual(send(call, b"anybody@localhost")[:15], b"250 2.0.0 OK id")
        [message] = self.site.inboxes()
        self.assertTrue(
            message.startswith(
                b"Return-Path: <a@b.example>\r\n"
                b"Delivered-To: anybody@localhost\r\n"
                b"Received: from client.example ([192.0.2.1])\r\n"
                b"\tby mx.example.org with esmtp\r\n"
            )
        )
        self.assertTrue(message.endswith(b"\r\n" + MESSAGE))
        self.assertEqual(self.site.spools[0].kept, {})

    def test_ours(self) -> None:
        """Mail is taken for localhost, the machine's name and the postmaster."""
        self.start()
        for recipient in (b"x@LOCALHOST", b"y@mx.example.org", b"Postmaster"):
            self.assertEqual(send(self.site.call(), recipient)[:3], b"250", recipient)
        self.assertEqual(len(self.site.inboxes()), 3)

    def test_noRelay(self) -> None:
        """Mail for elsewhere is refused."""
        self.start()
        self.assertEqual(
            send(self.site.call(), b"x@example.net"),
            b"550 5.7.1 Relaying not permitted\r\n",
        )

    def test_relayHasNoWay(self) -> None:
        """Who may relay is told that there is no way, and nothing stays here."""
        self.start(
            relay={"hosts": ["192.0.2.0/24"]},
            route=[{"match": ["localhost", "mx.example.org"]}],
        )
        self.assertEqual(
            send(self.site.call(), b"x@example.net"),
            b"550 5.1.2 No route to that domain\r\n",
        )

    def test_routes(self) -> None:
        """Recipients have folders of their own, or none."""
        self.start(
            local={
                "domains": ["example.org", "hold.example"],
                "addresses": ["ann@example.org", "null@example.org"],
                "unknown": "refuse",
            },
            route=[
                {
                    "match": ["example.org"],
                    "path": self.site.folder / "{domain}/{user}",
                    "line_ends": "lf",
                },
                {"match": ["null@example.org"], "transport": "discard"},
                {"match": ["hold.example"], "transport": "hold"},
                {"match": ["mx.example.org"]},
            ],
        )
        self.assertEqual(send(self.site.call(), b"ann@example.org")[:3], b"250")
        self.assertEqual(send(self.site.call(), b"null@example.org")[:3], b"250")
        self.assertEqual(send(self.site.call(), b"postmaster@hold.example")[:3], b"250")
        self.assertEqual(
            send(self.site.call(), b"bob@example.org"),
            b"550 5.1.1 No such recipient here\r\n",
        )
        [file] = (self.site.folder / "example.org/ann/new").iterdir()
        self.assertTrue(file.read_bytes().endswith(b"\nSubject: x\n\nhello\n"))
        [held] = self.site.spools[0].kept.values()
        self.assertTrue(held.held)

    def test_transportsHaveNames(self) -> None:
        """Two Maildirs are told apart in the log, and one is not named twice."""
        self.start(
            local={"domains": ["a.example", "b.example", "c.example"]},
            route=[
                {"match": ["a.example"], "path": "one"},
                {"match": ["b.example"], "path": self.site.folder / "two"},
                {"match": ["c.example"], "path": self.site.folder / "two"},
                {"match": ["mx.example.org"], "transport": "discard"},
            ],
        )
        send(self.site.call(), b"x@b.example")
        send(self.site.call(), b"x@c.example")
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        self.assertEqual(log.count(" T=maildir2\n"), 2)

    def test_logs(self) -> None:
        """The main log and the event log tell of a message."""
        self.start(log={"json": self.site.folder / "events"})
        send(self.site.call(), b"x@localhost")
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        self.assertIn(" <= a@b.example H=(client.example) [192.0.2.1] P=esmtp S=", log)
        self.assertIn(" => x <x@localhost> R=localhost T=maildir\n", log)
        self.assertIn('"event":"', (self.site.folder / "events").read_text())

    def test_reopen(self) -> None:
        """After a log was moved away it goes on under its name."""
        self.start()
        log = self.site.folder / "state/main.log"
        send(self.site.call(), b"x@localhost")
        self.site.reactor.advance(2)
        log.rename(log.with_suffix(".1"))
        self.service.reopenLogs()
        send(self.site.call(), b"y@localhost")
        self.stop()
        self.service.reopenLogs()
        self.assertIn("x@localhost", log.with_suffix(".1").read_text())
        self.assertNotIn("x@localhost", log.read_text())
        self.assertIn("y@localhost", log.read_text())

    def test_certificates(self) -> None:
        """A certificate is made, offered, and looked after from day to day."""
        self.start()
        call = self.site.call()
        self.assertIn(b"STARTTLS", call.say(b"EHLO c.example\r\n"))
        certificate = self.site.folder / "state/tls/certificate.pem"
        before = certificate.read_bytes()
        self.site.hangUp()
        self.site.reactor.pump([86_400.0] * 2)
        self.assertEqual(certificate.read_bytes(), before)
        self.site.reactor.pump([86_400.0] * 370)
        self.assertNotEqual(certificate.read_bytes(), before)

    def test_renewalThatFails(self) -> None:
        """Where a certificate cannot be made anew, that is told, and tried again."""
        self.start()
        authority = self.site.folder / "state/tls/ca.pem"
        good = authority.read_bytes()
        authority.write_bytes(b"no certificate")
        self.site.reactor.advance(86_400)
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        authority.write_bytes(good)
        self.site.reactor.advance(86_400)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_ownCertificates(self) -> None:
        """With certificates of the operator's, none is made."""
        self.start()
        self.stop()
        made = self.site.folder / "state/tls"
        other = site(self.mktemp())
        self.site = other
        self.start(
            tls={
                "certificates": [
                    {"certificate": made / "certificate.pem", "key": made / "key.pem"}
                ],
                "minimum": "1.3",
            }
        )
        self.assertFalse((other.folder / "state/tls").exists())
        self.assertIn(b"STARTTLS", other.call().say(b"EHLO c.example\r\n"))

    def test_noTLS(self) -> None:
        """On a listener without TLS there is none to be had."""
        self.start(listener=[{"port": 25, "tls": "none"}])
        self.assertNotIn(b"STARTTLS", self.site.call().say(b"EHLO c.example\r\n"))

    def test_users(self) -> None:
        """A user of the file can log in, from the moment there is one."""
        self.start(extensions={"AUTH": {"clear_text": True}})
        call = self.site.call()
        self.assertNotIn(b"AUTH", call.say(b"EHLO c.example\r\n"))
        user = makeUser(b"joe", b"secret", 4096)
        changeUsers(
            self.site.folder / "state/users", lambda users: users.including(user)
        )
        self.assertIn(b"AUTH", call.say(b"EHLO c.example\r\n"))
        self.assertEqual(call.say(b"AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n")[:3], b"235")

    def test_pythonUsers(self) -> None:
        """Users may be a function of the program."""
        self.start(
            extensions={"AUTH": {"clear_text": True}},
            users={"python": lambda name, password: name == b"joe"},
        )
        call = self.site.call()
        self.assertIn(b"AUTH PLAIN LOGIN\r\n", call.say(b"EHLO c.example\r\n"))
        self.assertEqual(call.say(b"AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n")[:3], b"235")

    def test_policies(self) -> None:
        """Somebody's policy is asked as well."""
        self.start(policy={"python": [Grumpy()]})
        self.assertEqual(
            send(self.site.call(), b"x@localhost", b"grumpy@b.example"), BUSY.octets
        )
        self.assertEqual(send(self.site.call(), b"x@localhost")[:3], b"250")

    def test_refusedHosts(self) -> None:
        """Hosts that are not wanted are turned away at once."""
        self.start(policy={"refuse_hosts": ["192.0.2.7"]})
        self.assertEqual(self.site.call(host="192.0.2.7").wire.said()[:3], b"554")
        self.assertEqual(self.site.call().wire.said()[:3], b"220")

    def test_refusedMessage(self) -> None:
        """A message that is refused after its body has its sender in the log."""
        self.start(limits={"message_octets": 1000})
        call = self.site.call()
        call.say(b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n")
        call.say(b"RCPT TO:<x@localhost>\r\nDATA\r\n")
        self.assertEqual(call.say(b"x" * 1001 + b"\r\n.\r\n")[:3], b"552")
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        self.assertIn(" F=<a@b.example> rejected after DATA: Message size", log)

    def test_namesOfHosts(self) -> None:
        """A name in a host list is looked up before the doors open."""
        self.start(policy={"refuse_hosts": ["localhost", "!*.example"]})
        call = self.site.call(host="127.0.0.1")
        self.assertEqual(call.wire.said()[:3], b"554")

    def test_namesOfHostsOfExtensions(self) -> None:
        """So is a name in a host list among the settings of an extension."""
        hosts = {"pipelining_connect_advertise_hosts": ["localhost"]}
        self.start(extensions={"PIPECONNECT": hosts})
        offered = []
        for host in ("127.0.0.1", "192.0.2.1"):
            said = self.site.call(host=host).say(b"EHLO c.example\r\n")
            offered.append(b"PIPECONNECT" in said)
        self.assertEqual(offered, [True, False])

    def test_connectionsPerAddress(self) -> None:
        """An address has only so many connections; the log tells of the others."""
        self.start(limits={"connections_per_address": 1})
        self.site.call()
        self.assertRaises(AssertionError, self.site.call)
        self.assertEqual(self.site.call(host="192.0.2.2").wire.said()[:3], b"220")
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        self.assertIn(" Connection from [192.0.2.1] refused: Too many", log)

    def test_proxies(self) -> None:
        """
        On a listener with proxies they say whom they bring; on another one of the
        same kind, nobody does.
        """
        proxied = {"port": 1, "proxy_hosts": ["127.0.0.1"], "proxy_seconds": 3}
        self.start(listener=[proxied, {"port": 2}])
        made = [
            self.site.reactor.tcpServers[index][1].buildProtocol(
                IPv4Address("TCP", "127.0.0.1", 1)
            )
            for index in (0, 1)
        ]
        self.assertEqual(list(map(type, made)), [Entrance, ServerProtocol])
        rooms: Any = self.service.house
        seconds = [each.proxySeconds for each in rooms.factories.values()]
        self.assertEqual(seconds, [3.0, 10.0])

    def test_UNIXSocket(self) -> None:
        """
        A client over a UNIX socket has no address: it is in no list but by C{""},
        counts for no limit but that of all, and the Received field says so.
        """
        limits = {"connections_per_address": 1}
        listener = [{"endpoint": "unix:/run/x", "tls": "none"}]
        replies = []
        for hosts in ([], ["0.0.0.0/0", "::/0"], [""]):
            relay = {"hosts": hosts}
            route = [{"match": ["localhost", "mx.example.org"]}]
            self.start(listener=listener, limits=limits, relay=relay, route=route)
            vestibule: Any = dict(each[:2] for each in self.site.reactor.unixServers)[
                "/run/x"
            ]
            for _ in range(2):
                protocol = vestibule.buildProtocol(UNIXAddress(None))
                wire = Wire(UNIXAddress("/run/x"), UNIXAddress(None))
                protocol.makeConnection(wire)
                self.site.calls.append(Call(protocol, wire))
            replies.append(send(self.site.calls[-1], b"x@example.net")[:9])
            self.assertEqual(send(self.site.calls[-2], b"x@localhost")[:3], b"250")
            self.stop()
        self.assertEqual(replies, [b"550 5.7.1", b"550 5.7.1", b"550 5.1.2"])
        for message in self.site.inboxes():
            self.assertIn(b"Received: from client.example (unknown)\r\n", message)
        log = (self.site.folder / "state/main.log").read_text()
        self.assertIn(" H=(client.example) P=esmtp ", log)
        self.assertIn(" H=(client.example) F=<a@b.example> rejected RCPT ", log)

    def test_connectionsMax(self) -> None:
        """There are no more connections than descriptors, and at least one."""
        few = self.site.read({"limits": {"connections_max": 7}})
        self.assertEqual(connectionsMax(few), 7)
        none = self.site.read({"limits": {"descriptors_free": 10**9}})
        self.assertEqual(connectionsMax(none), 1)

    def test_stop(self) -> None:
        """Who is inside is told 421; nothing is left running."""
        self.start()
        call = self.site.call()
        call.wire.said()
        stopped = self.service.stopService()
        self.assertEqual(
            call.wire.said(), b"421 4.3.2 Service shutting down; closing\r\n"
        )
        self.assertNoResult(stopped)
        self.site.hangUp()
        self.successResultOf(stopped)
        self.assertEqual([pool.running for pool in self.site.pools], [False] * 4)
        self.assertEqual(self.site.reactor.getDelayedCalls(), [])

    def test_startedAgain(self) -> None:
        """A server that was stopped can be started again."""
        self.start()
        self.stop()
        opened: Deferred[None] = self.service.whenOpen()
        self.service.startService()
        self.successResultOf(opened)
        self.assertEqual(send(self.site.call(2), b"x@localhost")[:3], b"250")

    def test_pythonPath(self) -> None:
        """Modules are looked for where the configuration says."""
        self.patch(sys, "path", list(sys.path))
        folder = self.site.folder / "lib"
        folder.mkdir()
        (folder / "smtpx_test_policy.py").write_text(
            "from smtpx.core.reply import reply\n"
            "def maySend(session, envelope):\n"
            "    return reply(550, '5.7.1', b'No')\n"
            "class Refusing:\n"
            "    maySend = staticmethod(maySend)\n"
        )
        self.start(
            python_path=[folder], policy={"python": ["smtpx_test_policy:Refusing"]}
        )
        self.assertEqual(send(self.site.call(), b"x@localhost"), b"550 5.7.1 No\r\n")


class TroubleTests(SynchronousTestCase):
    """A server that cannot start."""

    def failed(self, start: Site, values: dict[str, object]) -> BaseException:
        """What the start failed with; everything is put away."""
        service = start.build(values)
        opened = service.whenOpen()
        service.startService()
        failure = self.failureResultOf(opened)
        self.assertEqual([pool.running for pool in start.pools if pool.running], [])
        self.assertEqual(start.reactor.getDelayedCalls(), [])
        self.successResultOf(service.stopService())
        error: BaseException = failure.value
        return error

    def test_badCertificate(self) -> None:
        """With a certificate that is none there is no server."""
        here = site(self.mktemp())
        error = self.failed(
            here, {"tls": {"certificates": [{"certificate": "x.pem", "key": "x.pem"}]}}
        )
        self.assertIn("x.pem: No such file or directory", str(error))

    def test_nobodyToSign(self) -> None:
        """A server that could verify nobody does not start as if it could."""
        here = site(self.mktemp())
        error = self.failed(here, {"relay": {"certificates": ["CN=a.example"]}})
        self.assertIn("tls.client_authorities", str(error))

    def test_logThatCannotBe(self) -> None:
        """Without its logs there is no server."""
        here = site(self.mktemp())
        error = self.failed(here, {"log": {"json": here.folder / "no/such"}})
        self.assertIsInstance(error, FileNotFoundError)

    def test_usersThatAreNone(self) -> None:
        """A check of passwords that cannot be called is an error."""
        here = site(self.mktemp())
        error = self.failed(here, {"users": {"python": "json:__name__"}})
        self.assertEqual(str(error), "json:__name__ is not callable")


class MachineTests(SynchronousTestCase):
    """The name of the machine."""

    def test_name(self) -> None:
        """It can be a host name, whatever the machine is called."""
        self.assertTrue(isHostName(machineName()))

    def test_oddName(self) -> None:
        """A machine whose name is none is called localhost."""
        self.patch(socket, "gethostname", lambda: "a machine")
        self.assertEqual(machineName(), "localhost")
