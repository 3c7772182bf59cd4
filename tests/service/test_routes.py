"""
Tests for the tables C{[[route]]} and C{[sending]}: what they take, and what is wrong
with them.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.core.hooks import TLSLevel
from smtpx.core.hostlist import HostList
from smtpx.core.queueprofile import QueueProfile
from smtpx.dns.mailhosts import ManualHost
from smtpx.dns.ourselves import Ourselves
from smtpx.dns.router import MailRouter
from smtpx.knowledge.hints import HostHints
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.net.clientkit import ClientKit
from smtpx.net.pool import ClientPool
from smtpx.net.protection import Protection
from smtpx.net.sending import Family as IP
from smtpx.queue.retry import RetryRules
from smtpx.service.cautions import cautions
from smtpx.service.check import check
from smtpx.service.config import Configuration, readConfiguration
from smtpx.service.problems import ConfigurationError
from smtpx.service.spelling import shown
from smtpx.service.tables import RouteEntry, RouteTLS
from smtpx.service.wiring.hops import nextHops, readPassword
from smtpx.service.wiring.protecting import Bearings
from smtpx.service.wiring.sending import Senders
from smtpx.testing.dns import StaticResolver
from smtpx.tls.authority import ensureCertificate
from smtpx.tls.rules import Rules

from .made import FOUND, NOW, site

#: A route that sends, with whatever comes behind it.
SMTP = "[[route]]\nmatch = ['*']\ntransport = 'smtp'\n"


class RouteTestCase(SynchronousTestCase):
    """A machine, and a file in its folder."""

    def setUp(self) -> None:
        """Nothing is in the file yet."""
        self.site = site(self.mktemp())
        self.file = self.site.folder / "x.toml"

    def read(self, text: str) -> Configuration:
        """Read a configuration."""
        self.file.write_text(text)
        return readConfiguration(self.file, FOUND)

    def faults(self, text: str) -> list[str]:
        """What is wrong, without the file's name, as it is read or checked."""
        try:
            configuration = self.read(text)
        except ConfigurationError as error:
            problems = list(error.problems)
        else:
            problems = check(self.site.machine, configuration, FOUND)
        return [str(each).removeprefix(str(self.file)) for each in problems]

    def cautions(self, text: str) -> list[str]:
        """What is to be known of it, but for the disk."""
        told = cautions(self.site.machine, self.read(text))
        return [str(each).removeprefix(str(self.file)) for each in told]

    def password(self, text: str = "pencil\n", mode: int = 0o600) -> Path:
        """A file with a password."""
        path = self.site.folder / "password"
        path.write_text(text)
        path.chmod(mode)
        return path


class RouteTests(RouteTestCase):
    """What a route that sends takes."""

    def entry(self, text: str) -> RouteEntry:
        """A route that is right."""
        [entry] = self.read(SMTP + text).routes or ()
        return entry

    def test_byMX(self) -> None:
        """Nothing more is needed."""
        self.assertEqual(self.faults(SMTP), [])
        hops = nextHops(self.read(SMTP), "mx.example", self.entry(""))
        self.assertEqual((hops.hosts, hops.bySRV, hops.port), ((), False, 25))
        self.assertIs(hops.way.policy.tls, TLSLevel.OPPORTUNISTIC)
        self.assertEqual(hops.home, b"mx.example")

    def test_everything(self) -> None:
        """All that can be said of a smart host."""
        path = self.password()
        configuration = self.read(
            SMTP + "hosts = ['a.example', '[2001:db8::1]:587', 'b.example']\n"
            "shuffle = true\nport = 465\nimplicit_tls = true\n"
            f"login = 'joe'\npassword_file = '{path}'\nprefer = 'ipv4'\n"
            "source_ipv4 = '192.0.2.1'\nsource_ipv6 = '2001:db8::2'\n"
            "helo_data = 'out.example'\nignore_keywords = ['chunking', 'STARTTLS']\n"
            "connections = 3\nsenders = ['joe@a.example', '<>']\n"
            "hosts_try_chunking = ['!a.example', '*']\n"
            f"{SMTP}[sending]\nhosts_avoid_tls = ['x.example']\n"
        )
        self.assertEqual(check(self.site.machine, configuration, FOUND), [])
        entry, _ = configuration.routes or ()
        self.assertEqual((entry.connections, entry.senders[1]), (3, "<>"))
        hops = nextHops(configuration, "mx.example", entry)
        self.assertEqual(
            hops.hosts,
            (
                ManualHost(b"a.example", 465),
                ManualHost(b"[IPv6:2001:db8::1]", 587),
                ManualHost(b"b.example", 465),
            ),
        )
        self.assertTrue(hops.shuffle)
        way = hops.way
        self.assertTrue(way.implicitTLS)
        self.assertIs(way.policy.tls, TLSLevel.VERIFIED)
        self.assertEqual(
            (way.sourceIPv4, way.sourceIPv6), (b"192.0.2.1", b"2001:db8::2")
        )
        self.assertEqual((way.prefer, way.name), (IP.IPV4, b"out.example"))
        self.assertEqual(way.ignored, {b"CHUNKING", b"STARTTLS"})
        self.assertEqual(way.chunkingHosts, HostList.parse(["!a.example", "*"]))
        usually = nextHops(configuration, "mx.example", self.entry("hosts = ['a']\n"))
        self.assertIsNone(usually.way.chunkingHosts)
        assert way.login is not None
        self.assertEqual((way.login.user, way.login.password), (b"joe", b"pencil"))
        self.assertTrue(hops.tls.avoid.matches(b"192.0.2.9", (b"x.example",)))

    def test_ports(self) -> None:
        """25, or 465 where TLS begins at once, unless it is given."""
        for text, port in (
            ("", 25),
            ("implicit_tls = true\n", 465),
            ("implicit_tls = true\nport = 4650\n", 4650),
        ):
            entry = self.entry("hosts = ['a.example']\n" + text)
            self.assertEqual([each.port for each in entry.manualHosts], [port])

    def test_TLS(self) -> None:
        """Whoever logs in wants to know to whom."""
        for text, level in (
            ("", "opportunistic"),
            ("tls = 'unwanted'\n", "unwanted"),
            ("tls = 'encrypted'\n", "encrypted"),
            ("hosts = ['a']\nlogin = 'x'\npassword_file = 'p'\n", "verified"),
        ):
            self.assertIs(self.entry(text).wishedTLS, RouteTLS(level))

    def test_limits(self) -> None:
        """How many connections to a destination, and how many messages."""
        for text, width, pause in (
            ("", 10, 0.0),
            ("connections = 3\nmessages_per_minute = 30\n", 3, 2.0),
        ):
            configuration = self.read(SMTP + text)
            protection = Protection(Rules(), lambda: NOW)
            resolver = StaticResolver()
            router = MailRouter(resolver, Ourselves([], list))
            out = Senders(
                configuration,
                "mx.example",
                ClientPool(ClientKit(Clock())),
                router,
                HostHints(MemoryKnowledge(lambda: NOW), lambda: NOW),
                QueueProfile(),
                lambda: NOW,
                RetryRules(),
                Bearings(router, protection, protection, resolver),
            )
            [entry] = configuration.routes or ()
            transport = out.transport("smtp", entry)
            self.assertEqual((transport.width, transport.pauseSeconds), (width, pause))

    def test_otherTransports(self) -> None:
        """What is for one transport is no use to another, and each has its line."""
        self.assertEqual(
            self.faults(
                "[[route]]\nmatch = ['*']\nhosts = ['a.example']\nport = 25\n"
                "login = 'x'\nsource_ipv4 = 'x'\n"
                "[[route]]\nmatch = ['a.example']\ntransport = 'smtp'\npath = 'x'\n"
            ),
            [
                f':{line}: route[{index}].{name}: this is for "{wanted}", and the'
                f' transport is "{used}"'
                for line, index, name, wanted, used in (
                    (3, 0, "hosts", 'smtp" and "lmtp', "maildir"),
                    (4, 0, "port", 'smtp" and "lmtp', "maildir"),
                    (5, 0, "login", 'smtp" and "lmtp', "maildir"),
                    (6, 0, "source_ipv4", 'smtp" and "lmtp', "maildir"),
                    (10, 1, "path", "maildir", "smtp"),
                )
            ],
        )

    def test_wrongCombinations(self) -> None:
        """What does not go together, with the option that says so."""
        hosts = "hosts = ['a.example']\n"
        for text, problem in (
            ("hosts = ['a..example']\n", "hosts[0]: bad domain"),
            ("hosts = ['192.0.2.1']\n",
             "hosts[0]: '192.0.2.1' is no host: wants [] around an address"),
            ("hosts = [25]\n", 'hosts[0]: expected a host such as "mail.example.org:25"'
             ' or "[192.0.2.1]", got 25'),
            (hosts + "lookup = 'srv'\n", 'lookup: hosts are given; one with "/mx"'
             " behind it is a domain that has some"),
            (hosts + "shuffle = true\n", "shuffle: this wants more than one of hosts"),
            ("tls = 'unwanted'\nimplicit_tls = true\n",
             'implicit_tls: TLS is "unwanted" here'),
            ("tls = 'verify'\n", 'tls: expected one of "unwanted", "opportunistic",'
             ' "encrypted", "verified", got "verify"; did you mean "verified"?'),
            (hosts + "login = 'x'\n", "login: a login wants password_file"),
            ("password_file = 'x'\n", "password_file: a password wants a login"),
            ("login = 'x'\npassword_file = 'y'\n",
             "login: a login wants hosts that are named, which alone are told it"),
            ("hosts = ['a.example/mx']\nlogin = 'x'\npassword_file = 'y'\n",
             "login: a login wants hosts that are named, which alone are told it"),
            ("source_ipv4 = '::1'\n",
             'source_ipv4: expected an address of IPv4, got "::1"'),
            ("source_ipv6 = 'x'\n",
             'source_ipv6: expected an address of IPv6, got "x"'),
            ("helo_data = 'a b'\n", "helo_data: expected a host name such as"
             " mail.example.org, an address such as [192.0.2.1], {sending_address} or"
             ' {sending_name}, got "a b"'),
            ("helo_data = '{sender}'\n", "helo_data: expected a host name such as"
             " mail.example.org, an address such as [192.0.2.1], {sending_address} or"
             ' {sending_name}, got "{sender}"'),
            ("ignore_keywords = ['A B']\n",
             "ignore_keywords: a keyword is a word such as CHUNKING"),
            ("tls = 'encrypted'\nignore_keywords = ['starttls']\n",
             'ignore_keywords: without STARTTLS, tls cannot be "encrypted"'),
            (hosts + "login = 'x'\npassword_file = 'y'\nignore_keywords = ['AUTH']\n",
             "ignore_keywords: without AUTH there is no login"),
            ("ignore_keywords = ['PIPELINNG']\n", "ignore_keywords[0]: no extension"
             ' that runs has the keyword "PIPELINNG"; did you mean "PIPELINING"?'),
            ("connections = 0\n",
             "connections: expected an integer of at least 1, got 0"),
        ):  # fmt: skip
            [found] = self.faults(SMTP + text)
            self.assertIn(f": route[0].{problem}", found)

    def test_senders(self) -> None:
        """Patterns of senders are looked at, and nobody has two routes."""
        [problem] = self.faults(SMTP + "senders = ['a b']\n")
        self.assertIn(':1: route[0]: "a b": ', problem)
        one = SMTP + "senders = ['a.example']\n"
        [problem] = self.faults(one + one)
        self.assertIn('route[1]: "a.example" stands in the table twice', problem)

    def test_spelled(self) -> None:
        """Prints and reads the same, and never shows the password."""
        path = self.password("sesame\n")
        configuration = self.read(
            SMTP
            + f"hosts = ['a.example:26']\nlogin = 'joe'\npassword_file = '{path}'\n"
        )
        text = "\n".join(shown(configuration, FOUND))
        self.assertIn(str(path), text)
        self.assertNotIn("sesame", text)
        self.assertEqual(self.read(text).routes, configuration.routes)


class PasswordTests(RouteTestCase):
    """The file with a password."""

    def test_firstLine(self) -> None:
        """The password is its first line."""
        for text in ("pencil", "pencil\n", "pencil\r\nmore\n"):
            self.assertEqual(readPassword(self.password(text)), b"pencil")

    def test_ofNoUse(self) -> None:
        """It is there, for its owner only, and not empty."""
        for text, mode, problem in (
            ("x\n", 0o640, 'others may read it; "chmod 600 {}" keeps it to its owner'),
            ("x\n", 0o604, 'others may read it; "chmod 600 {}" keeps it to its owner'),
            ("\nx\n", 0o600, "there is no password in its first line"),
            ("", 0o400, "there is no password in its first line"),
            ("x" * 2000, 0o600, "there is no password in its first line"),
        ):
            path = self.password(text, mode)
            with self.assertRaises(UsageError) as caught:
                readPassword(path)
            self.assertEqual(str(caught.exception), f"{path}: {problem.format(path)}")
            path.unlink()

    def test_place(self) -> None:
        """What is wrong with it has the line of the option."""
        login = SMTP + "hosts = ['a.example']\nlogin = 'x'\npassword_file = 'gone'\n"
        self.assertEqual(
            self.faults(login),
            [
                f":6: route[0].password_file: {self.site.folder / 'gone'}:"
                " No such file or directory"
            ],
        )

    def test_clear(self) -> None:
        """A password is told under TLS, unless the operator says otherwise."""
        path = self.password()
        login = f"hosts = ['a.example']\nlogin = 'x'\npassword_file = '{path}'\n"
        for tls in ("opportunistic", "unwanted"):
            text = f"{SMTP}{login}tls = '{tls}'\n"
            [problem] = self.faults(text)
            self.assertIn(
                f':5: route[0].login: with tls = "{tls}" others could', problem
            )
            self.assertEqual(
                self.faults(text + "[extensions.AUTH]\nclear_text = true\n"), []
            )

    def test_encrypted(self) -> None:
        """A host that is not known to be the right one gets no plain password."""
        path = self.password()
        text = SMTP + (
            f"hosts = ['a.example']\nlogin = 'x'\npassword_file = '{path}'\n"
            "tls = 'encrypted'\n"
        )
        [caution] = self.cautions(text)
        self.assertIn(":7: route[0].tls: the password is not told to a host", caution)
        settings = "[extensions.AUTH]\nunverified = true\n"
        self.assertEqual(self.cautions(text + settings), [])


class SendingTests(RouteTestCase):
    """The table C{[sending]}."""

    def test_files(self) -> None:
        """Those who are trusted, and a certificate of ours."""
        made = ensureCertificate(self.site.folder / "tls", ["x.example"], NOW)
        text = f"[sending]\ntls_verify_certificates = '{made.chain}'\n"
        text += f"tls_certificate = '{made.chain}'\ntls_privatekey = '{made.key}'\n"
        self.assertEqual(self.faults(text), [])

    def test_ofNoUse(self) -> None:
        """Files that are not there, and a key of no certificate."""
        self.assertEqual(
            self.faults(
                "[sending]\ntls_verify_certificates = '/gone/a'\n"
                "tls_certificate = '/gone/b'\n"
            ),
            [
                f":{line}: sending.{name}: /gone/{file}: No such file or directory"
                for line, name, file in (
                    (2, "tls_verify_certificates", "a"),
                    (3, "tls_certificate", "b"),
                )
            ],
        )
        self.assertEqual(
            self.faults("[sending]\ntls_privatekey = 'x'\n"),
            [":2: sending.tls_privatekey: a key wants tls_certificate, whose it is"],
        )
        self.assertEqual(
            self.faults("[sending]\nhosts_whole_in_syn = ['*']\n"),
            [
                ":2: sending.hosts_whole_in_syn: no connection is opened fast without"
                " hosts_try_fastopen"
            ],
        )
