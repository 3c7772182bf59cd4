"""
Tests for L{smtpx.service.config}: what the file means as a whole.
"""

from __future__ import annotations

from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import BareLines, Bounds
from smtpx.extensions.chunking import ChunkingSettings
from smtpx.queue.mailbox import LineEnds
from smtpx.service.config import (
    FIRST_LISTENERS,
    Configuration,
    documentOf,
    isHostName,
    readConfiguration,
)
from smtpx.service.extensiontable import Extensions
from smtpx.service.kinds import STANDARD_OUTPUT
from smtpx.service.problems import ConfigurationError
from smtpx.service.schema import optionName
from smtpx.service.tables import (
    CertificatePair,
    Listener,
    ListenerTLS,
    RouteEntry,
    TLSVersion,
    TransportKind,
)
from smtpx.service.tables.tls import TLS

from .made import FOUND

WHOLE = """
name = "mx.example.org"
state = "/var/lib/smtpx"
python_path = ["lib"]

[[listener]]
address = "::"
port = 25
[[listener]]
port = 465
tls = "implicit"
[[listener]]
endpoint = "unix:/run/smtp"
tls = "none"

[tls]
certificates = [{ certificate = "c.pem", key = "/k.pem" }]
minimum = "1.3"

[limits]
message_octets = "unlimited"
command_seconds = "2 min"
bare_lines = "normalise"
connections_max = 5

[local]
domains = ["example.org"]
addresses = ["ann@example.org"]
unknown = "refuse"

[[route]]
match = ["example.org"]
path = "mail/{user}"
line_ends = "lf"
[[route]]
match = ["*"]
transport = "hold"

[relay]
hosts = ["192.0.2.0/24"]
authenticated = false

[users]
file = "users"

[log]
main = "-"
json = "log/json"
level = "error"
selectors = ["+pipelining", "-msg_id"]

[extensions]
disable = ["DSN"]
[extensions.CHUNKING]
chunk_octets = "128 KiB"
"""


class ConfigurationTestCase(SynchronousTestCase):
    """What tests of configurations share."""

    def file(self, text: str) -> Path:
        """A file in a folder of its own."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        file = folder / "smtpx.toml"
        file.write_text(text)
        return file

    def read(self, text: str) -> Configuration:
        """What a text means."""
        self.here = self.file(text)
        return readConfiguration(self.here, FOUND)

    def faults(self, text: str) -> list[str]:
        """What is wrong with it, without the file's name."""
        error = self.assertRaises(ConfigurationError, self.read, text)
        return [str(problem).removeprefix(str(self.here)) for problem in error.problems]


class ConfigurationTests(ConfigurationTestCase):
    """Whole configurations."""

    def test_emptyIsNone(self) -> None:
        """An empty file means what no file means, but for where it is."""
        empty = self.read("")
        none = readConfiguration(None, FOUND)
        self.assertEqual(attrs.evolve(empty, state=none.state), none)
        self.assertEqual(empty.state, self.here.parent / "smtpx-state")
        self.assertEqual(none.state, Path.cwd() / "smtpx-state")
        self.assertEqual(none.listeners, FIRST_LISTENERS)

    def test_places(self) -> None:
        """What is kept has its place in the state folder."""
        read = self.read("state = 'there'")
        there = self.here.parent / "there"
        self.assertEqual(
            (read.usersFile, read.mainLog, read.maildir),
            (there / "users", there / "main.log", there / "Maildir"),
        )

    def test_whole(self) -> None:
        """A configuration that says everything is understood."""
        read = self.read(WHOLE)
        here = self.here.parent
        self.assertEqual(read.name, "mx.example.org")
        self.assertEqual(read.state, Path("/var/lib/smtpx"))
        self.assertEqual(read.pythonPath, (here / "lib",))
        self.assertEqual(
            read.listeners,
            (
                Listener(25, "::"),
                Listener(465, tls=ListenerTLS.IMPLICIT),
                Listener(endpoint="unix:/run/smtp", tls=ListenerTLS.NONE),
            ),
        )
        self.assertEqual(
            read.tls.certificates, (CertificatePair(here / "c.pem", Path("/k.pem")),)
        )
        self.assertIs(read.tls.minimum, TLSVersion.TLS13)
        self.assertEqual(
            read.limits.bounds,
            Bounds(
                messageOctets=None,
                commandSeconds=120.0,
                bareLines=BareLines.NORMALISE,
            ),
        )
        self.assertEqual(read.limits.connectionsMax, 5)
        self.assertEqual(
            read.routes,
            (
                RouteEntry(
                    ("example.org",), path=here / "mail/{user}", lineEnds=LineEnds.LF
                ),
                RouteEntry(("*",), TransportKind.HOLD),
            ),
        )
        self.assertTrue(read.relay.hosts.matches(b"192.0.2.1"))
        self.assertEqual(read.usersFile, here / "users")
        self.assertIs(read.mainLog, STANDARD_OUTPUT)
        self.assertEqual(read.log.json, here / "log/json")
        self.assertEqual(
            read.extensions.settings, {"CHUNKING": ChunkingSettings(131_072)}
        )

    def test_everyBound(self) -> None:
        """Each bound of the core can be set by an option of its name."""
        for attribute in attrs.fields(Bounds):
            name = optionName(attribute.name)
            value = '"normalise"' if name == "bare_lines" else "3000"
            read = self.read(f"[limits]\n{name} = {value}\n")
            self.assertNotEqual(
                getattr(read.limits.bounds, attribute.name), attribute.default, name
            )

    def test_bracesInTheFolder(self) -> None:
        """A folder whose name has braces is not taken for a template."""
        folder = Path(self.mktemp()).absolute() / "{local}"
        folder.mkdir(parents=True)
        file = folder / "smtpx.toml"
        file.write_text("[[route]]\nmatch = ['*']\npath = '{user}'")
        [entry] = readConfiguration(file, FOUND).routes or ()
        self.assertEqual(entry.path, folder.parent / "{{local}}" / "{user}")

    def test_certificatesOfClients(self) -> None:
        """
        Nobody can have to show a certificate that nobody could have signed.
        """
        text = "wants client_authorities, which says who signs certificates for clients"
        for option, hosts in (
            ("tls_verify_hosts", "['192.0.2.1']"),
            ("tls_try_verify_hosts", "['!*']"),
        ):
            self.assertEqual(
                self.faults(f"[tls]\n{option} = {hosts}\n"),
                [f":1: tls: {option} {text}"],
            )
        read = self.read("[tls]\ntls_verify_hosts = []\ntls_try_verify_hosts = ['*']\n")
        self.assertEqual(read.tls, TLS())

    def test_listener(self) -> None:
        """A listener has a port or an endpoint, and an address that is one."""
        self.assertEqual(
            self.faults(
                "[[listener]]\n"
                "[[listener]]\nport = 1\nendpoint = 'tcp:1'\n"
                "[[listener]]\nport = 1\naddress = 'localhost'\n"
            ),
            [
                ":1: listener[0]: a listener needs either a port or an endpoint",
                ":2: listener[1]: a listener needs either a port or an endpoint",
                ":7: listener[2].address: expected an address of IPv4 or IPv6,"
                ' got "localhost"',
            ],
        )

    def test_proxies(self) -> None:
        """A proxy is known by its address: names would have to be looked up."""
        self.assertEqual(
            self.faults(
                "[[listener]]\nport = 25\n"
                "proxy_hosts = ['192.0.2.0/24', 'proxy.example']\n"
            ),
            [
                ":3: listener[0].proxy_hosts: a proxy is known by its address or"
                ' network, not as "proxy.example"'
            ],
        )
        read = self.read("[[listener]]\nport = 25\nproxy_hosts = ['!192.0.2.1', '*']\n")
        self.assertTrue(read.listeners[0].proxyHosts.matches(b""))

    def test_route(self) -> None:
        """A route has something to match, and a path only where one is used."""
        self.assertEqual(
            self.faults(
                "[[route]]\nmatch = []\n"
                "[[route]]\nmatch = ['*']\ntransport = 'discard'\npath = 'x'\n"
            ),
            [
                ":2: route[0].match: a route needs something to match",
                ':6: route[1].path: this is for "maildir", and the transport is'
                ' "discard"',
            ],
        )

    def test_users(self) -> None:
        """Passwords are known in one place."""
        self.assertEqual(
            self.faults("[users]\nfile = 'x'\npython = 'a:b'\npam = 'x'"),
            [
                ":3: users.python: users come from one place only, and file is given",
                ":4: users.pam: users come from one place only, and file is given",
            ],
        )
        self.assertEqual(
            self.faults("[users]\npam = 'x'\ndovecot = '/y'"),
            [":2: users.pam: users come from one place only, and dovecot is given"],
        )

    def test_whoKnowsPasswords(self) -> None:
        """In words, for whoever looks for a file in vain."""
        for text, words in (
            ("", None),
            ("python = 'a:b'", "a:b"),
            ("dovecot = '/run/auth'", "Dovecot at /run/auth"),
            ("pam = 'smtpx'", "PAM's service smtpx"),
        ):
            read = self.read("[users]\n" + text)
            self.assertEqual(read.users.elsewhere, words)

    def test_servicesOfPAM(self) -> None:
        """What leads out of the folder, or is spelled as PAM does not."""
        for bad in ("../passwd", "SMTP", "", ".smtpx", "a/b"):
            [fault] = self.faults(f"[users]\npam = '{bad}'")
            self.assertIn("a file in /etc/pam.d, in lower case, got", fault)
        [fault] = self.faults("[users]\npam = 1")
        self.assertIn(":2: users.pam: expected", fault)

    def test_usersWithCertificates(self) -> None:
        """Subjects as certificates have them, names as they are kept."""
        read = self.read(
            "[users.certificates]\n'emailAddress=a@b.c,CN=ann' = 'ann'\n"
            "'CN=joe' = 'bjo\u0308rn'"
        )
        self.assertEqual(
            read.users.certificates,
            {
                "1.2.840.113549.1.9.1=a@b.c,CN=ann": b"ann",
                "CN=joe": "björn".encode(),
            },
        )
        self.assertEqual(self.read("").users.certificates, {})
        self.assertEqual(
            self.faults(
                "[users.certificates]\n'joe' = 'joe'\n'CN=a' = ''\n'CN=b' = 1\n"
                "'CN=c' = 'c'\n'2.5.4.3=c' = 'd'"
            ),
            [
                ":2: users.certificates.joe: expected a subject as in RFC 4514, such"
                ' as "CN=mail.example.org", got "joe"',
                ":3: users.certificates.CN=a: nobody can have this name: empty",
                ":4: users.certificates.CN=b: expected the name of a user, got 1",
                ":6: users.certificates.2.5.4.3=c: this subject is there already",
            ],
        )
        [fault] = self.faults("[users]\ncertificates = 'CN=joe'")
        self.assertIn("expected a table of users by the subjects", fault)

    def test_subjects(self) -> None:
        """A subject that is none would never match."""
        read = self.read("[relay]\ncertificates = ['emailAddress=a@b.c,CN=ann']")
        self.assertEqual(
            read.relay.certificates, ("1.2.840.113549.1.9.1=a@b.c,CN=ann",)
        )
        self.assertEqual(
            self.faults("[relay]\ncertificates = [\n'CN=a', 'a.example', 3]"),
            [
                ":3: relay.certificates[1]: expected a subject as in RFC 4514, such as"
                ' "CN=mail.example.org", got "a.example"',
                ":3: relay.certificates[2]: expected a subject as in RFC 4514, such as"
                ' "CN=mail.example.org", got 3',
            ],
        )

    def test_oneTableOfSeveral(self) -> None:
        """Who forgets the second pair of brackets is shown it."""
        self.assertEqual(
            self.faults("[listener]\nport = 25\n[tls.certificates]\nkey = 'x'\n"),
            [
                ":1: listener: expected a list, got a table;"
                ' did you mean "[[listener]]"?',
                ":3: tls.certificates: expected a list, got a table;"
                ' did you mean "[[tls.certificates]]"?',
            ],
        )
        self.assertEqual(
            self.faults("[relay]\nhosts = '*'\n"),
            [':2: relay.hosts: expected a list, got "*"'],
        )

    def test_selectors(self) -> None:
        """Log selectors are those of the main log."""
        self.assertEqual(
            self.faults("[log]\nselectors = ['+tls_cypher', 3, '+arguments']"),
            [
                ':2: log.selectors[0]: expected a log selector, got "+tls_cypher";'
                ' did you mean "tls_cipher"?',
                ":2: log.selectors[1]: expected a log selector, got 3",
                ':2: log.selectors[2]: Exim\'s selector "arguments": what it shows does'
                " not exist here",
            ],
        )

    def test_name(self) -> None:
        """The server's name is a host name."""
        self.assertEqual(
            self.faults("name = '[192.0.2.1]'"),
            [
                ":1: name: expected a host name such as mail.example.org,"
                ' got "[192.0.2.1]"'
            ],
        )
        self.assertFalse(isHostName("a b"))
        self.assertFalse(isHostName("möbel.example"))

    def test_bounds(self) -> None:
        """Bounds that would stop all mail are refused."""
        self.assertEqual(
            self.faults("[limits]\nrecipients_max = 0\ncommand_octets = 80"),
            [
                ":2: limits.recipients_max: expected an integer of at least 1, got 0",
                ":3: limits.command_octets: expected an integer of at least 512,"
                ' or a size such as "50 MiB", got 80',
            ],
        )

    def test_problem(self) -> None:
        """Whoever finds a fault later can say where it is."""
        read = self.read("\n[users]\nfile = 'x'\n")
        problem = read.problem(("users", "file"), "is odd")
        self.assertEqual(str(problem), f"{self.here}:3: users.file: is odd")

    def test_sources(self) -> None:
        """A mapping, a path and its text are all taken."""
        file = self.file("name = 'x.example'")
        self.assertEqual(documentOf(str(file)).values, {"name": "x.example"})
        self.assertEqual(documentOf({"a": 1}).values, {"a": 1})
        self.assertEqual(documentOf({"a": 1}).folder, Path.cwd())


class ExtensionsTests(ConfigurationTestCase):
    """The table of extensions."""

    def test_unknown(self) -> None:
        """An extension that is not there is a fault, wherever it is named."""
        self.assertEqual(
            self.faults(
                "[extensions]\nenable = ['SZIE']\ndisable = ['DNS']\n[extensions.ATH]"
            ),
            [
                ":2: extensions.enable[0]: there is no extension SZIE;"
                ' did you mean "SIZE"?',
                ":3: extensions.disable[0]: there is no extension DNS;"
                ' did you mean "DSN"?',
                ":4: extensions.ATH: there is no such option or extension;"
                ' did you mean "AUTH"?',
            ],
        )

    def test_settingsOutOfRange(self) -> None:
        """A number of an extension that is too small is told as any other is."""
        [fault] = self.faults("[extensions.CHUNKING]\nchunks_in_flight = 0\n")
        self.assertIn("expected an integer from 1 to 64, got 0", fault)
        [fault] = self.faults("[tls]\ntls_resumption_lifetime = '1 s'\n")
        self.assertIn("expected a number from 60 to 604800, or", fault)

    def test_settings(self) -> None:
        """Settings are checked against the extension's class."""
        self.assertEqual(
            self.faults(
                "[extensions.CHUNKING]\nchunk_octets = 'x'\n"
                "[extensions.REQUIRETLS]\ntls_advertise_requiretls = ['1.2.3.4/24']\n"
                "[extensions.SIZE]\n"
            )[1:],
            [
                ":4: extensions.REQUIRETLS.tls_advertise_requiretls: '1.2.3.4/24' has"
                " bits beyond its prefix: is 1.2.3.0/24 meant?",
                ":5: extensions.SIZE: SIZE has no options",
            ],
        )

    def test_requirements(self) -> None:
        """What another needs cannot be left out alone."""
        self.assertEqual(
            self.faults("[extensions]\ndisable = ['PIPELINING']"),
            [
                ":2: extensions.disable: PIPECONNECT requires PIPELINING,"
                " so disable both or neither"
            ],
        )

    def test_noTable(self) -> None:
        """It is a table, with lists of names."""
        self.assertEqual(
            self.faults("extensions = 3"),
            [":1: extensions: expected a table, got 3"],
        )
        self.assertEqual(
            self.faults("[extensions]\nenable = 3"),
            [":2: extensions.enable: expected a list, got 3"],
        )

    def test_given(self) -> None:
        """A program may give it ready made."""
        read = readConfiguration({"extensions": Extensions(disable=("DSN",))}, FOUND)
        self.assertEqual(read.extensions.disable, ("DSN",))
