"""
Tests for what listeners and routes say of TLS sessions from before.
"""

from __future__ import annotations

from smtpx.core.hostlist import HostList
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.tlsresume import TLSResume
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.sessions import SessionMemory
from smtpx.policy.names import LiveHostList
from smtpx.service.resumptioncautions import resumptionCautions
from smtpx.service.wiring.doors import DoorKind
from smtpx.service.wiring.hops import nextHops
from smtpx.service.wiring.resuming import keptLists, resumingAt

from .test_manual import blocks
from .test_routes import SMTP, RouteTestCase

_LISTENER = "[[listener]]\nport = 2525\n"
_LISTS = """\
tls_resumption_hosts = ["!*.outlook.com", "*"]
tls_no_ticket_hosts = ["192.0.2.0/24"]
"""


class OptionTests(RouteTestCase):
    """The options."""

    def test_listener(self) -> None:
        """
        Nobody is in the lists unless somebody is put there; a listener with others in
        it is another kind of door.
        """
        [one, other] = self.read(
            _LISTENER + _LISTS + "[[listener]]\nport = 2526\n"
        ).listeners
        kind = DoorKind.of(one)
        self.assertEqual(kind.resuming, HostList.parse(["!*.outlook.com", "*"]))
        self.assertEqual(kind.ticketless, HostList.parse(["192.0.2.0/24"]))
        self.assertEqual(DoorKind.of(other).resuming, HostList())
        self.assertEqual(DoorKind.of(other).ticketless, HostList())

    def test_route(self) -> None:
        """A route's list is for its hosts; without one nobody's sessions are kept."""
        for text, hosts in (("tls_resumption_hosts = ['*']\n", ["*"]), ("", [])):
            configuration = self.read(SMTP + text)
            assert configuration.routes is not None
            [entry] = configuration.routes
            hops = nextHops(configuration, "here.example", entry)
            self.assertEqual(hops.tls.resume, HostList.parse(hosts))

    def test_lifetime(self) -> None:
        """It is a duration: at least a minute, at most the seven days of RFC 8446."""
        for text, seconds in (("'30 min'", 1800.0), ("7200", 7200.0), ("'7d'", 604800)):
            tls = self.read(f"[tls]\ntls_resumption_lifetime = {text}\n").tls
            self.assertEqual(tls.tlsResumptionLifetime, seconds)
        for text in ("'30s'", "'8 d'", "'for ever'"):
            [fault] = self.faults(f"[tls]\ntls_resumption_lifetime = {text}\n")
            self.assertIn("tls_resumption_lifetime", fault)

    def test_noTLS(self) -> None:
        """Where there is no TLS, there are no sessions."""
        for text in (_LISTENER + "tls = 'none'\n", SMTP + "tls = 'unwanted'\n"):
            [fault] = self.faults(f"{text}tls_resumption_hosts = ['*']\n")
            self.assertIn("TLS", fault)

    def test_notAHostList(self) -> None:
        """What is no host is told with its line."""
        [fault] = self.faults(f"{_LISTENER}tls_no_ticket_hosts = ['192.0.2.0/33']\n")
        self.assertIn("listener[0].tls_no_ticket_hosts", fault)

    def test_cautions(self) -> None:
        """What is not wrong, and hardly meant so."""
        submission = "[[listener]]\nport = 587\nrole = 'submission'\n"
        for text, words in (
            (submission + "tls_resumption_hosts = ['*']\n", "knows a person's program"),
            (
                "[tls]\nminimum = '1.3'\n"
                + _LISTENER
                + "tls_no_ticket_hosts = ['192.0.2.1']\n",
                "always sends tickets",
            ),
            (
                _LISTENER
                + "tls_min_version = '1.3'\ntls_no_ticket_hosts = ['192.0.2.1']\n",
                "always sends tickets",
            ),
        ):
            [problem] = resumptionCautions(self.read(text))
            self.assertIn(words, str(problem))
        for text in (_LISTENER + _LISTS, submission):
            self.assertEqual(list(resumptionCautions(self.read(text))), [])


class ManualTests(RouteTestCase):
    """The examples of the manual."""

    def test_howto(self) -> None:
        """Each is a configuration that says what stands around it."""
        page = "howto/tls-resumption.rst"
        some, most, unfit, route, log = blocks(page, "toml")
        for text, microsoft in ((some, False), (most, False)):
            [listener] = self.read(text).listeners
            hosts = listener.tlsResumptionHosts
            self.assertTrue(hosts.matches(b"192.0.2.1", (b"mx.example.net",)))
            name = b"mail-a.outbound.protection.outlook.com"
            self.assertEqual(hosts.matches(b"203.0.113.1", (name,)), microsoft)
        [listener] = self.read(unfit).listeners
        self.assertTrue(listener.tlsNoTicketHosts.matches(b"", (b"a.outlook.com",)))
        routes = self.read(route).routes
        assert routes is not None
        self.assertTrue(
            routes[0].tlsResumptionHosts.matches(b"192.0.2.1", (b"mail.example.net",))
        )
        self.assertIn("tls_resumption", str(self.read(log).log.selectors))
        [example] = blocks("reference/extensions/tlsresume.rst", "toml")
        both = self.read(example)
        self.assertEqual(both.tls.tlsResumptionLifetime, 7200.0)
        [program] = blocks("reference/extensions/tlsresume.rst", "python")
        made: dict[str, object] = {}
        exec(program, made)  # noqa: S102  # the manual's own
        self.assertIsInstance(made["resume"], TLSResume)


class WiringTests(RouteTestCase):
    """The extension of each door."""

    def test_resumingAt(self) -> None:
        """
        Each door has its own lists, with names that are looked up, and its own tickets;
        the store is one for all.
        """
        configuration = self.read(_LISTENER + _LISTS)
        kept: list[HostList] = []

        def keep(hosts: HostList) -> LiveHostList:
            kept.append(hosts)
            return LiveHostList(hosts)

        lists = keptLists(configuration, keep)
        [listener] = configuration.listeners
        resuming, unfit = listener.tlsResumptionHosts, listener.tlsNoTicketHosts
        self.assertEqual(kept, [resuming, unfit])
        store = SessionMemory(MemoryKnowledge(lambda: 0.0), lambda: 0.0)
        other = Pipelining()
        first, made = resumingAt(
            [other, TLSResume(store=store)], resuming, unfit, b"1", lists
        )
        self.assertIs(first, other)
        assert isinstance(made, TLSResume)
        assert isinstance(made.hosts, LiveHostList)
        assert isinstance(made.unfit, LiveHostList)
        self.assertEqual(made.hosts.configured, resuming)
        self.assertEqual(made.unfit.configured, unfit)
        self.assertEqual((made.listener, made.store), (b"1", store))
        [none] = resumingAt([TLSResume()], HostList(), HostList(), b"2", lists)
        assert isinstance(none, TLSResume)
        self.assertEqual((none.hosts, none.unfit), (None, None))
