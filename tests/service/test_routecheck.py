"""
Tests for L{smtpx.service.routecheck}, and for the routes that nobody wrote down.
"""

from __future__ import annotations

from twisted.internet.defer import succeed

from smtpx.service.tables import RouteEntry, TransportKind
from smtpx.service.wiring import localRoutes
from smtpx.service.wiring.hops import keepsRequireTLS

from .made import NOW
from .test_routes import SMTP, RouteTestCase

QUEUEFILE = "[[route]]\nmatch = ['*']\ntransport = 'queuefile'\n"


class RelayTests(RouteTestCase):
    """Domains that are relayed."""

    def test_everything(self) -> None:
        """They have routes without saying so."""
        listed = self.site.folder / "list"
        listed.write_text("ann@branch.example\n")
        text = "[relay]\ndomains = ['branch.example', '*.branch.example']\n"
        for more in (
            "",
            f"recipients_file = '{listed}'\n",
            "recipients_socket = 'unix:/run/x'\nrecipients_map = 'y'\n",
            "recipients_callout = true\nrecipients_unsure = 'accept'\n",
        ):
            self.assertEqual(self.faults(text + more), [])

    def test_openRelay(self) -> None:
        """Everywhere is no domain."""
        self.assertEqual(
            self.faults("[relay]\ndomains = ['*']\n"),
            [
                ':2: relay.domains: with "*" whoever connects could send mail to'
                " everywhere: an open relay"
            ],
        )

    def test_noDomains(self) -> None:
        """An address is none, nor is what is not in the grammar, nor what is ours."""
        for domain, problem in (
            ("a@b.example", '"a@b.example" is an address; recipients_file lists those'),
            ("a..b", '"a..b": bad domain'),
            ("localhost", '"localhost" is a domain of ours, so nothing is relayed'),
        ):
            found = self.faults(f"[relay]\ndomains = ['{domain}']\n")
            self.assertIn(f":2: relay.domains: {problem}", found)

    def test_noRoute(self) -> None:
        """Where there are routes, one has to go there."""
        text = (
            "[relay]\ndomains = ['a.example', '*.b.example']\n[[route]]\n"
            "match = ['x.example', 'localhost', 'mx.example.org']\n"
        )
        self.assertEqual(
            self.faults(text),
            [
                ":2: relay.domains[0]: no route takes mail for a.example",
                ":2: relay.domains[1]: no route takes mail for *.b.example",
            ],
        )

    def test_reportsThatComeBack(self) -> None:
        """With SRS they go anywhere, so there has to be a route, for them at least."""
        secrets = self.site.folder / "secrets"
        secrets.write_text("pencil\n")
        secrets.chmod(0o600)
        text = (
            f"[srs]\ndomain = 'localhost'\nsecrets_file = '{secrets}'\n"
            "[[route]]\nmatch = ['localhost', 'mx.example.org']\n"
        )
        said = ":2: srs.domain: reports that come back could not go on to the senders"
        self.assertIn(said, "".join(self.cautions(text)))
        way = "[[route]]\nmatch = ['*']\ntransport = 'smtp'\nsenders = ['<>']\n"
        self.assertNotIn("srs.domain", "".join(self.cautions(text + way)))

    def test_whoKnows(self) -> None:
        """Recipients are known in one place, and of some domain."""
        self.assertEqual(
            self.faults("[relay]\nrecipients_callout = true\n"),
            [
                ":2: relay.recipients_callout: this wants domains, whose recipients"
                " they are"
            ],
        )
        self.assertEqual(
            self.faults(
                "[relay]\ndomains = ['a.example']\nrecipients_file = 'x'\n"
                "recipients_callout = true\n"
            ),
            [
                ":4: relay.recipients_callout: they are known in one place only, and"
                " recipients_file is given"
            ],
        )

    def test_ofNoUse(self) -> None:
        """A list with a fault has its line; a socket is an endpoint."""
        listed = self.site.folder / "list"
        text = f"[relay]\ndomains = ['a.example']\nrecipients_file = '{listed}'\n"
        [problem] = self.faults(text)
        self.assertIn(":3: relay.recipients_file: ", problem)
        self.assertIn("cannot be read: No such file or directory", problem)
        listed.write_text("a@a.example\nb b\n")
        [problem] = self.faults(text)
        self.assertEqual(problem, f'{listed}:2: "b b" is no address and no domain')
        [problem] = self.faults(
            "[relay]\ndomains = ['a.example']\nrecipients_socket = 'odd:x'\n"
        )
        self.assertIn(":3: relay.recipients_socket: ValueError: ", problem)


class RequireTLSTests(RouteTestCase):
    """Whether REQUIRETLS can be promised."""

    def test_kept(self) -> None:
        """
        It can where nothing is sent, where hosts are named, and where it can be proven
        whose hosts they are.
        """
        hosts = "hosts = ['a.example']\n"
        trusted = "[dns]\nservers = ['127.0.0.1']\ntrusted = true\n"
        without = "[sending]\nmta_sts = false\n"
        for text, kept in (
            ("[[route]]\nmatch = ['*']\n", True),
            (SMTP, True),
            (SMTP + "mta_sts = false\n", False),
            (SMTP + "mta_sts = false\n" + trusted, True),
            (SMTP + without, False),
            (SMTP + "mta_sts = true\n" + without, True),
            (SMTP + hosts + without, True),
            (SMTP + hosts + "tls = 'encrypted'\n", True),
            (SMTP + hosts + "tls = 'unwanted'\n", False),
            (SMTP + "hosts = ['a.example/mx']\n", True),
            (SMTP + "hosts = ['a.example/mx']\n" + without, False),
            (QUEUEFILE + "directory = '/queue'\n", False),
        ):
            configuration = self.read(text)
            entries = configuration.routes or ()
            self.assertIs(keepsRequireTLS(configuration, entries), kept, text)


class WayOutTests(RouteTestCase):
    """Is there a way for those who may send elsewhere?"""

    LOCAL = "[[route]]\nmatch = ['localhost', 'mx.example.org']\n"
    TOLD = "may send elsewhere, and no route goes there: they are told 550 5.1.2"

    def test_told(self) -> None:
        """Where routes are given and none goes everywhere, the operator learns it."""
        for text, told in (
            ("[relay]\nhosts = ['192.0.2.1']\n", True),
            ("[relay]\nauthenticated = true\n", True),
            ("[[listener]]\nport = 465\nrole = 'submission'\n", True),
            ("", False),
        ):
            found = [each for each in self.cautions(self.LOCAL + text)
                     if self.TOLD in each]  # fmt: skip
            self.assertEqual(len(found), told, text)
            found = [each for each in self.cautions(self.LOCAL + text + SMTP)
                     if self.TOLD in each]  # fmt: skip
            self.assertEqual(found, [])

    def test_someSenders(self) -> None:
        """A route for some senders is one."""
        text = self.LOCAL + SMTP + "senders = ['a.example']\n"
        text += "[relay]\nhosts = ['192.0.2.1']\n"
        self.assertEqual(self.cautions(text), [])

    def test_users(self) -> None:
        """Users who log in where nobody looks may as well, if there are any."""
        text = "[users]\npython = 'os.path:join'\n"
        [caution] = self.cautions(text)
        self.assertIn(f"relay.authenticated: users who log in {self.TOLD}", caution)
        self.assertEqual(self.cautions(text + "[relay]\nauthenticated = false\n"), [])


class UsualRouteTests(RouteTestCase):
    """Where mail goes without a route in the configuration."""

    def goes(self, text: str, path: str, sender: bytes = b"a@b.example") -> str | None:
        """The transport for a recipient."""
        configuration = self.read(text)
        routes = localRoutes(
            configuration, "mx.example.org", lambda job: succeed([]), lambda: NOW
        )
        route = routes.find(path.encode(), sender)
        return None if route is None else route.transport.name

    def test_nobodyMaySend(self) -> None:
        """A server that nobody may send through sends nothing."""
        for text in ("", "[relay]\nauthenticated = false\n"):
            self.assertEqual(self.goes(text, "x@localhost"), "maildir")
            self.assertIsNone(self.goes(text, "x@example.net"))

    def test_somebodyMaySend(self) -> None:
        """Where somebody may, mail leaves by the hosts of its domain."""
        for text in (
            "[relay]\nhosts = ['192.0.2.1']\n",
            "[relay]\nauthenticated = true\n",
            "[relay]\ncertificates = ['CN=x']\n[tls]\nclient_authorities = 'x'\n",
            "[[listener]]\nport = 587\nrole = 'submission'\n",
        ):
            self.assertEqual(self.goes(text, "x@localhost"), "maildir")
            self.assertEqual(self.goes(text, "x@example.net"), "smtp")

    def test_relayed(self) -> None:
        """Domains that are relayed go on, and no others."""
        text = "[relay]\ndomains = ['branch.example']\n"
        self.assertEqual(self.goes(text, "x@branch.example"), "smtp")
        self.assertIsNone(self.goes(text, "x@example.net"))
        self.assertEqual(self.goes(text, "x@example.net", b""), "smtp")

    def test_shared(self) -> None:
        """Routes that differ only in whose mail it is share a transport."""
        text = SMTP + "senders = ['b.example']\n[[route]]\nmatch = ['c.example']\n"
        text += "transport = 'smtp'\n[[route]]\nmatch = ['d.example']\n"
        text += "transport = 'smtp'\nport = 26\n"
        self.assertEqual(self.goes(text, "x@example.net"), "smtp")
        self.assertEqual(self.goes(text, "x@c.example"), "smtp")
        self.assertEqual(self.goes(text, "x@d.example"), "smtp2")

    def test_made(self) -> None:
        """A program may make routes as well, and is told what is wrong."""
        with self.assertRaises(ValueError):
            RouteEntry(("*",), TransportKind.HOLD, hosts=("a.example",))
        RouteEntry(("*",), TransportKind.SMTP, hosts=("a.example",))
