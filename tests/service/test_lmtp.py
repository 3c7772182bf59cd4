"""
LMTP (RFC 2033) as operators have it: routes with C{transport = "lmtp"}, and listeners
with C{protocol = "lmtp"}.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import address
from smtpx.core.hooks import Dialect, TLSLevel
from smtpx.service.cautions import cautions
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.service.listening import Door
from smtpx.service.tables import Listener, ListenerProtocol, RouteEntry
from smtpx.service.wiring.hops import keepsRequireTLS, nextHops
from smtpx.testing import BODY, Fault, ScriptedServer, answered
from smtpx.testing.dns import StaticResolver
from tests.commands.terminals import Terminal
from tests.shortpaths import shortFolder

from .made import FOUND, MESSAGE, HouseTestCase, site
from .test_aliases_manual import blocks
from .test_listening import FakeEndpoint, FakePort
from .test_routes import RouteTestCase
from .test_wiring_sending import SendingTestCase

HOME = "[[route]]\nmatch = ['localhost', 'mx.example.org']\n"
LMTP = "[[route]]\nmatch = ['*']\ntransport = 'lmtp'\n"
SOCKET = "socket = '/run/dovecot/lmtp'\n"
HOSTS = "hosts = ['mail.example.net']\n"


class RouteTests(RouteTestCase):
    """What such a route takes, and what is wrong with it."""

    def entry(self, text: str) -> RouteEntry:
        """The one route of a configuration."""
        [found] = self.read(LMTP + text).routes or ()
        return found

    def test_nowhere(self) -> None:
        """It has to say where mail goes."""
        self.assertEqual(
            self.faults(LMTP), [":1: route[0]: a route by LMTP needs a socket or hosts"]
        )

    def test_notBoth(self) -> None:
        """But not twice."""
        self.assertEqual(
            self.faults(LMTP + SOCKET + HOSTS),
            [":5: route[0].hosts: there is a socket already, which takes all the mail"],
        )

    def test_socketOfAnother(self) -> None:
        """SMTP goes to no socket."""
        text = LMTP.replace("lmtp", "smtp") + SOCKET
        [fault] = self.faults(text)
        self.assertIn('this is for "lmtp", and the transport is "smtp"', fault)

    def test_longSocket(self) -> None:
        """The system has a bound to such names."""
        [fault] = self.faults(LMTP + f"socket = '/{'x' * 200}'\n")
        self.assertIn("the path of a socket has at most 107 octets", fault)

    def test_port25(self) -> None:
        """RFC 2033 section 5."""
        for text in (
            HOSTS + "port = 25\n",
            "hosts = ['mail.example.net:25']\n",
        ):
            faults = self.faults(LMTP + text)
            self.assertIn("RFC 2033 forbids LMTP at port 25", faults[-1])
        self.assertEqual(self.faults(LMTP + HOSTS + "port = 2003\n"), [])

    def test_domainsHosts(self) -> None:
        """LMTP is spoken with nobody who has not been asked."""
        [fault] = self.faults(LMTP + "hosts = ['example.net/mx']\n")
        self.assertIn("LMTP is spoken by arrangement", fault)
        [fault] = self.faults(LMTP + HOSTS + "lookup = 'srv'\n")
        self.assertIn('this is for "smtp"', fault)

    def test_ofSocketsOnly(self) -> None:
        """What hosts have, a socket has not."""
        for option in (
            "port = 24",
            "prefer = 'ipv6'",
            "source_ipv4 = '192.0.2.1'",
            "source_ipv6 = '2001:db8::1'",
            "implicit_tls = true",
        ):
            [fault] = self.faults(LMTP + SOCKET + option + "\n")
            self.assertIn("UNIX socket has no such thing", fault)
        for level in ("opportunistic", "encrypted", "verified"):
            [fault] = self.faults(LMTP + SOCKET + f"tls = '{level}'\n")
            self.assertIn("what goes to a UNIX socket stays on this machine", fault)
        good = "tls = 'unwanted'\nhelo_data = 'x.example'\nconnections = 3\n"
        self.assertEqual(self.faults(LMTP + SOCKET + good), [])

    def test_usual(self) -> None:
        """The port by custom, and no TLS at a socket."""
        entry = self.entry(HOSTS)
        self.assertEqual([each.port for each in entry.manualHosts], [24])
        self.assertIs(entry.wishedTLS.level, TLSLevel.OPPORTUNISTIC)
        self.assertIs(self.entry(SOCKET).wishedTLS.level, TLSLevel.UNWANTED)

    def test_way(self) -> None:
        """How it is talked to; and reports are made here, not there."""
        configuration = self.read(LMTP + SOCKET)
        hops = nextHops(configuration, "mx.example.org", self.entry(SOCKET))
        self.assertEqual(hops.socket, b"/run/dovecot/lmtp")
        self.assertTrue(hops.manual)
        self.assertIs(hops.way.dialect, Dialect.LMTP)
        self.assertEqual(hops.way.ignored, {b"DSN"})
        [host] = self.successResultOf(hops.find(None, b"x.example")).hosts  # type: ignore[arg-type]  # not asked
        self.assertEqual((host.name, host.port), (b"/run/dovecot/lmtp", 0))
        self.assertIs(hops.wayTo(host), hops.way)
        over = nextHops(configuration, "mx.example.org", self.entry(HOSTS))
        self.assertIsNone(over.socket)

    def test_requireTLS(self) -> None:
        """What REQUIRETLS promises is kept at a socket, and not at any port."""
        for text, kept in (
            (SOCKET, True),
            (HOSTS, False),
            (HOSTS + "tls = 'verified'\n", True),
        ):
            configuration = self.read(LMTP + text)
            self.assertIs(keepsRequireTLS(configuration, [self.entry(text)]), kept)


class CautionTests(RouteTestCase):
    """What an operator is told of sockets."""

    def told(self, path: Path) -> list[str]:
        """What an operator is told of it."""
        configuration = self.read(LMTP + f"socket = '{path}'\n")
        found = cautions(self.site.machine, configuration)
        return [each.text for each in found if "socket" in str(each.path)]

    def test_notThere(self) -> None:
        """It is not there, it is none, or nobody listens."""
        path = shortFolder(self) / "lmtp"
        self.assertEqual(
            self.told(path), [f"mail would wait: {path}: No such file or directory"]
        )
        path.write_text("")
        refused = [f"mail would wait: {path}: Connection refused"]
        self.assertEqual(self.told(path), refused)
        os.unlink(path)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            self.assertEqual(
                self.told(path), [f"mail would wait: {path}: Connection refused"]
            )
            listening.listen()
            self.assertEqual(self.told(path), [])


class ListenerTests(RouteTestCase):
    """What such a listener takes, and what is wrong with it."""

    def test_port25(self) -> None:
        """RFC 2033 section 5, however the port is spelled."""
        for where in (
            "port = 25",
            "endpoint = 'tcp:25'",
            "endpoint = 'tcp:port=25:interface=127.0.0.1'",
            "endpoint = 'tcp6:interface=::1:port=25'",
        ):
            [fault] = self.faults(f"[[listener]]\n{where}\nprotocol = 'lmtp'\n")
            self.assertIn("RFC 2033 forbids LMTP at port 25", fault)
        for where in ("port = 24", "endpoint = 'tcp:2525'", "endpoint = 'unix:/run/x'"):
            text = f"[[listener]]\n{where}\nprotocol = 'lmtp'\n"
            self.assertEqual(self.faults(text), [])

    def test_submission(self) -> None:
        """Mail programs speak SMTP."""
        text = "[[listener]]\nport = 24\nprotocol = 'lmtp'\nrole = 'submission'\n"
        self.assertIn("mail programs do not submit by LMTP", self.faults(text)[0])

    def test_extensions(self) -> None:
        """RFC 2033 section 5: it has to have two of them."""
        text = (
            "[[listener]]\nport = 24\nprotocol = 'lmtp'\n[extensions]\n"
            "disable = ['PIPECONNECT', 'PIPELINING', 'ENHANCEDSTATUSCODES']\n"
        )
        self.assertEqual(
            self.faults(text),
            [
                ":3: listener[0].protocol: LMTP wants PIPELINING and"
                " ENHANCEDSTATUSCODES, which would not run"
            ],
        )
        self.assertEqual(self.faults(text.replace("lmtp", "smtp")), [])

    def test_announced(self) -> None:
        """It is told what is spoken there."""
        listener = Listener(24, protocol=ListenerProtocol.LMTP)
        door = Door(listener, FakeEndpoint(FakePort()))
        self.assertTrue(str(door).endswith("(STARTTLS, LMTP)"), str(door))


class DeliveryTests(SendingTestCase):
    """A house that gives its mail to a program."""

    def house(self, *faults: Fault, **route: object) -> ScriptedServer:
        """With somebody at a socket who has these faults."""
        self.patch(self.site.reactor, "connectUNIX", self.network.connectUNIX)
        server = ScriptedServer(
            *faults,
            clock=self.network,
            dialect=Dialect.LMTP,
            keywords=(b"PIPELINING", b"DSN"),
        )
        self.network.hosts["/run/lmtp", 0] = server
        routes = [
            {"match": ["*"], "transport": "lmtp", "socket": "/run/lmtp", **route},
        ]
        self.start(relay={"hosts": ["192.0.2.1"]}, route=routes)
        return server

    def log(self) -> str:
        """The main log, once it has stopped."""
        self.stop()
        return (self.site.folder / "state/main.log").read_text()

    def test_delivered(self) -> None:
        """Nobody is asked for hosts, and nobody else has to report."""
        server = self.house()
        self.assertEqual(self.send(b"x@branch.example")[:3], b"250")
        [message] = server.messages
        self.assertEqual(message.recipients, [b"x@branch.example"])
        self.assertEqual(message.mail, b"MAIL FROM:<a@b.example>")
        self.assertEqual(self.site.resolver.asked, [])
        self.assertEqual(self.site.spools[0].kept, {})
        self.assertIn("=> x <x@branch.example> R=* T=lmtp", self.log())

    def test_waits(self) -> None:
        """A refusal for now is tried again."""
        self.house(answered(BODY, b"452 4.2.2 Full\r\n"))
        self.send(b"x@branch.example")
        self.assertEqual(len(self.site.spools[0].kept), 1)
        line = (
            "== x@branch.example R=* T=lmtp defer (-46): LMTP error after end of data:"
        )
        self.assertIn(f"{line} 452 4.2.2 Full", self.log())

    def test_notThere(self) -> None:
        """Where nobody is, mail waits."""
        self.house()
        self.network.hosts.clear()
        self.send(b"x@branch.example")
        self.assertEqual(len(self.site.spools[0].kept), 1)
        self.assertIn("== x@branch.example R=* T=lmtp defer", self.log())


class ListeningTests(HouseTestCase):
    """A house that takes mail by LMTP."""

    def test_taken(self) -> None:
        """Each recipient is answered for, and it is known how the message came."""
        self.start(listener=[{"port": 24, "protocol": "lmtp", "tls": "none"}])
        call = self.site.call()
        self.assertEqual(call.say(b"NOOP\r\n")[:8], b"220 mx.e")
        said = call.say(b"EHLO client.example\r\n")
        self.assertTrue(said.startswith(b"500 "), said)
        for line in (
            b"LHLO client.example",
            b"MAIL FROM:<a@b.example>",
            b"RCPT TO:<ann@localhost>",
            b"RCPT TO:<bob@localhost>",
            b"DATA",
        ):
            self.assertIn(call.say(line + b"\r\n")[:1], b"23")
        said = call.say(MESSAGE + b".\r\n")
        self.assertEqual(said.count(b"250 2.0.0 OK id="), 2)
        first, second = self.site.inboxes()
        self.assertIn(b" with lmtp\r\n", first)
        self.assertIn(b" with lmtp\r\n", second)
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        self.assertIn(" <= a@b.example H=(client.example) [192.0.2.1] P=lmtp S=", log)


class ManualTests(SynchronousTestCase):
    """C{doc/howto/lmtp.rst} can be taken at its word."""

    PAGE = "lmtp.rst"

    def setUp(self) -> None:
        """A folder of its own."""
        self.site = site(self.mktemp())
        self.file = self.site.folder / "smtpx.toml"

    def told(self, text: str) -> list[str]:
        """What is wrong with a configuration, and what is to be known of it."""
        self.file.write_text(text)
        configuration = readConfiguration(self.file, FOUND)
        found = check(self.site.machine, configuration, FOUND)
        told = found or cautions(self.site.machine, configuration)
        return [str(each).removeprefix(f"{self.site.folder}/") for each in told]

    def test_configurations(self) -> None:
        """Each is of use, and what is told of the first is what the page says."""
        whole, port, listeners = blocks(self.PAGE, ".. code-block:: toml\n")
        sessions = blocks(self.PAGE, "::\n")
        [checked] = [each for each in sessions if "--check" in each]
        dovecot, nowhere = "/run/dovecot/lmtp", "/nonexistent/lmtp"
        [caution] = self.told(whole.replace(dovecot, nowhere))
        self.assertIn(f"warning: {caution}\n".replace(nowhere, dovecot), checked)
        self.assertEqual(self.told(HOME + port), [])
        folder = str(self.site.folder)
        self.assertEqual(self.told(listeners.replace("/run/smtpx", folder)), [])

    def test_address(self) -> None:
        """C{smtpx address test} prints what the page says."""
        [whole, *_] = blocks(self.PAGE, ".. code-block:: toml\n")
        self.file.write_text(whole)
        machine = evolve(address.theMachine(), resolver=StaticResolver())
        self.patch(address, "theMachine", lambda: machine)
        sessions = blocks(self.PAGE, "::\n")
        [session] = [each for each in sessions if "address test" in each]
        command, _, printed = session.partition("\n")
        words = command.split()[2:]
        words[words.index("smtpx.toml")] = str(self.file)
        ran = Terminal().run(*words)
        self.assertEqual((ran.status, ran.out), (0, printed), ran.err)

    def test_program(self) -> None:
        """The server of the example answers for each recipient."""
        found: dict[str, Any] = {}
        [example] = blocks(self.PAGE, ".. code-block:: python\n")
        exec(example, found)
        protocol = found["serving"](Clock()).buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        for line in (
            b"LHLO c.example",
            b"MAIL FROM:<a@c.example>",
            b"RCPT TO:<ann@c.example>",
            b"RCPT TO:<bob@c.example>",
            b"DATA",
        ):
            protocol.dataReceived(line + b"\r\n")
        transport.clear()
        protocol.dataReceived(b"x\r\n.\r\n")
        replies = b"250 2.0.0 OK\r\n452 4.2.2 Mailbox full\r\n"
        self.assertEqual(transport.value(), replies)
