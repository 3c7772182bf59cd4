"""
Tests for the lesson C{doc/tutorial/first-server.rst} and the configurations in
C{doc/howto/run-as-a-service.rst} and other guides.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from twisted import internet
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.python import log
from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.extensions.chunking import ChunkingSettings
from smtpx.extensions.etrn import ETRNSettings
from smtpx.extensions.futurerelease import FutureReleaseSettings
from smtpx.extensions.rrvs import Ownership
from smtpx.net.entrance import Entrance
from smtpx.policy.owners import readOwners
from smtpx.queue.errorkind import ErrorKind
from smtpx.queue.report import Returned
from smtpx.queue.retry import RetryRules
from smtpx.service import program
from smtpx.service.config import Configuration, readConfiguration
from smtpx.service.pausewords import renderPauses
from smtpx.service.toml import parseDocument
from tests.net.made import Wire

from .made import FOUND, Reactor, send, site

DOC = Path(smtpx.__file__).parent.parent / "doc"


def blocks(page: str, language: str) -> list[str]:
    """The examples in one language on a page."""
    pattern = rf"code-block:: {language}\n\n((?: +.*\n|\n)+)"
    found = re.findall(pattern, (DOC / page).read_text("utf-8"))
    return [textwrap.dedent(each) for each in found]


class Known:
    """An account in somebody's directory: of Ann, Bob, or nobody."""

    def __init__(self, address: str) -> None:
        self.created = {"ann@x": 7, "bob@x": 8}.get(address)

    def __await__(self) -> Any:
        yield from ()
        return None if self.created is None else self


class LessonTests(SynchronousTestCase):
    """The programs of the lesson."""

    def setUp(self) -> None:
        """A machine in memory, under the programs' feet."""
        self.site = site(self.mktemp())
        if not hasattr(internet, "reactor"):
            # Nothing has installed one yet, and it is not to be us.
            vars(internet)["reactor"] = None
            self.addCleanup(vars(internet).pop, "reactor")
        self.patch(internet, "reactor", self.site.reactor)
        self.patch(program, "Machine", lambda reactor: self.site.machine)
        self.patch(log, "startLogging", lambda file: None)

        def inFolder(source: Any, found: Any) -> Any:
            state = {"state": self.site.folder / "state"}
            return readConfiguration(state | source, found)

        self.patch(program, "readConfiguration", inFolder)
        self.programs = blocks("tutorial/first-server.rst", "python")

    def run_(self, text: str) -> dict[str, Any]:
        """Run a program; the reactor's C{run} returns at once."""
        names: dict[str, Any] = {}
        exec(compile(text, "first-server.rst", "exec"), names)
        self.addCleanup(self.end, names["server"])
        return names

    def end(self, server: Any) -> None:
        """Stop a server that was started."""
        stopped = server.stopService()
        self.site.hangUp()
        self.successResultOf(stopped)

    def test_fiveLines(self) -> None:
        """Five lines make a server that takes mail."""
        self.assertEqual(self.programs[0].strip().count("\n"), 4)
        self.run_(self.programs[0])
        self.assertEqual(send(self.site.call(), b"you@localhost")[:3], b"250")
        self.assertEqual(len(self.site.inboxes()), 1)

    def test_politely(self) -> None:
        """The second says when it is open, and is stopped with the reactor."""
        said: list[str] = []
        self.patch(sys.modules["builtins"], "print", said.append)
        names = self.run_(self.programs[1])
        self.assertEqual(said, ["Mail is welcome"])
        triggers = self.site.reactor.triggers["before"]["shutdown"]
        self.assertEqual(
            [trigger[0] for trigger in triggers], [names["server"].stopService]
        )

    def test_policy(self) -> None:
        """The third refuses one sender, and nobody else."""
        self.run_(self.programs[2])
        self.assertEqual(
            send(self.site.call(), b"you@localhost", b"rival@example.com"),
            b"550 5.7.1 We do not talk to you\r\n",
        )
        self.assertEqual(send(self.site.call(), b"you@localhost")[:3], b"250")

    def test_noMore(self) -> None:
        """These are all the programs there are."""
        self.assertEqual(len(self.programs), 3)


class GuideTests(SynchronousTestCase):
    """The configurations of guides."""

    def read(self, page: str) -> list[Configuration]:
        """What the configurations on a page mean."""
        found = []
        for text in blocks(page, "toml"):
            document = parseDocument(text, page, Path("/etc/smtpx"))
            found.append(readConfiguration(document.values, FOUND))
        return found

    def test_service(self) -> None:
        """Each of them is one."""
        _, socket, user = self.read("howto/run-as-a-service.rst")
        self.assertEqual(socket.listeners[0].endpoint, "systemd:domain=INET6:name=smtp")
        self.assertEqual(user.user, "smtpx")

    def test_workers(self) -> None:
        """The option stands where it can be read."""
        [several] = self.read("howto/workers.rst")
        self.assertEqual(several.workers, 4)

    def test_listeners(self) -> None:
        """Each of them is one."""
        ports, six, unix = self.read("howto/listeners.rst")
        self.assertEqual([each.port for each in ports.listeners], [25, 465])
        self.assertEqual([each.address for each in six.listeners][1], "::")
        self.assertTrue(unix.relay.hosts.matches(b""))

    def test_roundTrips(self) -> None:
        """They greet early, talk early, and say what they want of handshakes."""
        greeted, talking, said = self.read("howto/tls-round-trips.rst")
        early: Any = greeted.extensions.settings["EARLYBANNER"]
        self.assertTrue(early.tlsEarlyBannerHosts.matches(b"192.0.2.7"))
        self.assertTrue(talking.sending.hostsTryFastOpen.items)
        assert said.routes is not None
        self.assertEqual(said.listeners[0].terms.minimum, "TLSv1.3")
        self.assertEqual(said.routes[0].terms.groups, "X25519:P-256")

    def test_sendLater(self) -> None:
        """It switches the extension on."""
        [found] = self.read("howto/send-later.rst")
        options = found.extensions.settings["FUTURERELEASE"]
        assert isinstance(options, FutureReleaseSettings)
        self.assertEqual(options.holdMaxSeconds, 30 * 86400)

    def test_chunking(self) -> None:
        """Sizes as they are anyway, a host that is left out, and few who may."""
        sizes, route, clients = self.read("howto/chunking.rst")
        self.assertEqual(sizes.extensions.settings["CHUNKING"], ChunkingSettings())
        [entry] = route.routes or ()
        self.assertFalse(entry.hostsTryChunking.matches(b"", (b"mx.partner.example",)))
        self.assertTrue(entry.hostsTryChunking.matches(b"192.0.2.1", (b"a.example",)))
        options = clients.extensions.settings["CHUNKING"]
        assert isinstance(options, ChunkingSettings)
        self.assertFalse(options.chunkingAdvertiseHosts.matches(b"198.51.100.1"))

    def test_standing(self) -> None:
        """A staple of our own, a host that is not asked, and one that has to show."""
        shown, asked, required = self.read("howto/ocsp.rst")
        [certificate] = shown.tls.certificates
        self.assertEqual(certificate.tlsOCSPFile, Path("/etc/smtpx/tls/staple.der"))
        hosts = asked.sending.hostsRequestOCSP
        self.assertFalse(hosts.matches(b"192.0.2.1", (b"mx.old.example",)))
        self.assertTrue(hosts.matches(b"192.0.2.1", (b"mx.bank.example",)))
        hosts = required.sending.hostsRequireOCSP
        self.assertTrue(hosts.matches(b"192.0.2.1", (b"mx.bank.example",)))
        self.assertFalse(hosts.matches(b"192.0.2.1", (b"mx.example.org",)))

    def test_hostThatIsAway(self) -> None:
        """The branch may ask, and mail is kept for as long as is said."""
        [found] = self.read("howto/mail-for-a-host-that-is-away.rst")
        options = found.extensions.settings["ETRN"]
        assert isinstance(options, ETRNSettings)
        self.assertEqual(options.hosts.render(), ("mail.branch.example",))
        self.assertEqual(found.queue.queueLifetime, 14 * 86400)

    def test_reusedAddresses(self) -> None:
        """The file is one, and the function is what its page says."""
        page = "howto/reused-addresses.rst"
        file, python = self.read(page)
        self.assertTrue(file.local.ownersSinceFile)
        self.assertEqual(str(python.local.ownersPython), "directory:keptSince")
        path = Path(self.mktemp())
        path.write_text(blocks(page, "text")[0])
        owners = readOwners(path)
        for address, ownership in (
            (b"old@example.org", Ownership.UNKNOWN),
            (b"ann@example.org", Ownership.CHANGED),
            (b"x@shop.example", Ownership.DOMAIN_CHANGED),
            (b"x@example.org", Ownership.KEPT),
        ):
            self.assertIs(owners.kept(address, 0), ownership)
        names: dict[str, Any] = {"lookUp": Known}
        exec(compile(blocks(page, "python")[0], page, "exec"), names)
        for address, said in (b"ann@x", True), (b"bob@x", False), (b"eve@x", None):
            asked = Deferred.fromCoroutine(names["keptSince"](address, 7))
            self.assertIs(self.successResultOf(asked), said)

    def test_retries(self) -> None:
        """
        Each of them is one, and the pauses that it says to be usual are.
        """
        lives, rules, whole, aliases = self.read("howto/retries.rst")
        self.assertEqual(lives.queue.queueLifetime, 2 * 86400)
        self.assertEqual(
            [len(each.pauses.stretches) for each in rules.retries], [2, 4, 1]
        )
        self.assertIs(whole.reports.returned, Returned.MESSAGE)
        self.assertTrue(aliases.reports.aliases)
        page = (DOC / "howto/retries.rst").read_text("utf-8")
        usual = RetryRules()
        for kind in ErrorKind:
            plan = usual.pauses(b"a@b.example", kind)
            words = ", ".join(f"``{each}``" for each in renderPauses(plan))
            words = words.replace(", ``15 min until 2 h``, ", ", then as usual\n", 1)
            self.assertIn(words.partition("\n")[0], page, kind)

    def test_proxies(self) -> None:
        """The configuration, and the program."""
        [configuration] = self.read("howto/behind-a-proxy.rst")
        for listener in configuration.listeners:
            self.assertTrue(listener.proxyHosts.matches(b"192.0.2.10"))
        if not hasattr(internet, "reactor"):
            vars(internet)["reactor"] = None
            self.addCleanup(vars(internet).pop, "reactor")
        self.patch(internet, "reactor", Reactor())
        [text] = blocks("howto/behind-a-proxy.rst", "python")
        names: dict[str, Any] = {}
        exec(compile(text, "behind-a-proxy.rst", "exec"), names)
        proxy = IPv4Address("TCP", "192.0.2.11", 1)
        self.assertIsInstance(names["factory"].buildProtocol(proxy), Entrance)


class LogTests(SynchronousTestCase):
    """The examples of the guides on logs and traces."""

    def test_configurations(self) -> None:
        """Each of them is one, and there are as many as we think."""
        for page, count in (("howto/logs.rst", 3), ("howto/trace-a-session.rst", 2)):
            found = blocks(page, "toml")
            self.assertEqual(len(found), count, page)
            for text in found:
                document = parseDocument(text, page, Path("/etc/smtpx"))
                readConfiguration(document.values, FOUND)

    def test_aTracerOfOnesOwn(self) -> None:
        """The program traces whoever comes from this machine."""
        said: list[str] = []
        reactor = site(self.mktemp()).reactor
        if not hasattr(internet, "reactor"):
            vars(internet)["reactor"] = None
            self.addCleanup(vars(internet).pop, "reactor")
        self.patch(internet, "reactor", reactor)
        self.patch(sys.modules["builtins"], "print", said.append)
        [text] = blocks("howto/trace-a-session.rst", "python")
        names: dict[str, Any] = {}
        exec(compile(text, "trace-a-session.rst", "exec"), names)
        for host in ("127.0.0.1", "192.0.2.1"):
            wire = Wire(peerAddress=IPv4Address("TCP", host, 40000))
            protocol = names["factory"].buildProtocol(wire.getPeer())
            protocol.makeConnection(wire)
            protocol.dataReceived(b"QUIT\r\n")
            protocol.connectionLost()
        self.assertEqual(len(said), 1)
        self.assertIn("\nwhy     host 127.0.0.1\nend     quit after ", said[0])
