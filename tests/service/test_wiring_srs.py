"""
Tests for L{smtpx.service.wiring.srs}, L{smtpx.service.srscheck} and the table: a house
that forwards, in memory, with a host that takes what it is sent.
"""

from __future__ import annotations

from smtpx.mailauth.srs import SRS
from smtpx.testing import Fault

from .made import NOW, send
from .test_routes import RouteTestCase
from .test_wiring_sending import SendingTestCase

SENDER = b"a@b.example"


class ForwardingHouseTests(SendingTestCase):
    """From RCPT to another host, and back."""

    def setUp(self) -> None:
        """A secret."""
        super().setUp()
        self.secrets = self.site.folder / "srs"
        self.secrets.write_text("one\ntwo\n")
        self.secrets.chmod(0o600)
        self.srs = SRS((b"one",))
        self.mine = self.srs.rewritten(SENDER, b"example.org", NOW)

    def begin(self, **more: object) -> None:
        """Start a server with an alias that leads away."""
        options: dict[str, object] = {
            "name": "mx.example.org",
            "local": {"domains": ["example.org"], "unknown": "refuse"},
            "aliases": {"entries": {"bob": ["bob@branch.example"]}},
            "route": [
                {"match": ["example.org", "mx.example.org"]},
                {"match": ["*"], "transport": "smtp"},
            ],
            "srs": {"domain": "example.org", "secrets_file": self.secrets},
            "log": {"json": self.site.folder / "events"},
        }
        self.start(**(options | more))

    def test_thereAndBack(self) -> None:
        """
        What an alias leads away goes out with an address of ours; a report that comes
        back to it goes on to the sender, though he is nobody of ours, with no sender.
        The log has both.
        """
        self.site.resolver.add("b.example MX 10 mx.branch.example")
        server = self.serve()
        self.begin()
        self.assertEqual(self.send(b"bob@example.org")[:3], b"250")
        self.assertEqual(self.taken(server), [(self.mine, [b"bob@branch.example"])])
        self.assertEqual(self.send(self.mine, b"")[:3], b"250")
        self.assertEqual(self.taken(server)[1:], [(b"", [SENDER])])
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        self.assertIn(
            f" => bob@branch.example <bob@example.org> SRS=<{self.mine.decode()}>"
            " R=* T=smtp H=mx.branch.example",
            log,
        )
        self.assertIn(f" => a@b.example <{self.mine.decode()}> R=* T=smtp", log)
        events = (self.site.folder / "events").read_text()
        self.assertIn(f'"srs":"{self.mine.decode()}"', events)

    def test_ourReportsGoToTheSender(self) -> None:
        """
        What the next host does not want is reported to the sender himself.
        """
        self.site.resolver.add("b.example MX 10 mx.branch.example")
        refusal = b"550 5.1.1 No such user\r\n"
        server = self.serve(Fault(b"RCPT", session=1, reply=refusal))
        self.begin()
        self.send(b"bob@example.org")
        self.clock()
        told = [recipients for sender, recipients in self.taken(server) if not sender]
        self.assertEqual(told, [[SENDER]])

    def clock(self) -> None:
        """Time goes by."""
        for _ in range(3):
            self.site.reactor.advance(1)
            self.network.run()

    def test_withoutAliases(self) -> None:
        """
        What was rewritten comes back though there is no alias any more; what was not
        made here does not.
        """
        self.site.resolver.add("b.example MX 10 mx.branch.example")
        server = self.serve()
        self.begin(aliases={})
        self.assertEqual(self.send(self.mine, b"")[:3], b"250")
        self.assertEqual(self.taken(server), [(b"", [SENDER])])
        forged = self.mine.replace(b"=a@", b"=e@")
        self.assertEqual(
            self.send(forged, b""), b"550 5.7.1 That address was not made here\r\n"
        )

    def test_aRouteThatAsksForAll(self) -> None:
        """
        A route may have all mail rewritten, and another none.
        """
        for scope, sender in (("all", self.mine), ("none", SENDER)):
            self.setUp()
            server = self.serve()
            self.begin(
                relay={"hosts": ["192.0.2.1"]},
                route=[
                    {"match": ["example.org", "mx.example.org"]},
                    {"match": ["*"], "transport": "smtp", "srs": scope},
                ],
            )
            recipient = b"x@branch.example" if scope == "all" else b"bob@example.org"
            self.assertEqual(self.send(recipient)[:3], b"250")
            self.assertEqual(self.taken(server)[0][0], sender)
            self.stop()

    def test_sendersOfOurs(self) -> None:
        """
        Senders at our domains, and those that are to stay as they are, do.
        """
        server = self.serve()
        self.begin(
            srs={
                "domain": "example.org",
                "secrets_file": self.secrets,
                "keep_senders": ["b.example"],
            }
        )
        for sender in (b"ann@example.org", SENDER, b""):
            self.send(b"bob@example.org", sender)
        self.assertEqual(
            [sender for sender, _ in self.taken(server)],
            [b"ann@example.org", SENDER, b""],
        )

    def test_newSecrets(self) -> None:
        """
        New secrets are used without a new start, and the old one is good for what is
        under way.
        """
        self.site.resolver.add("b.example MX 10 mx.branch.example")
        server = self.serve()
        self.begin()
        self.secrets.write_text("three\none\n")
        self.clock()
        self.send(b"bob@example.org")
        mine = SRS((b"three",)).rewritten(SENDER, b"example.org", NOW)
        self.assertEqual(self.taken(server)[0][0], mine)
        self.assertEqual(send(self.site.call(), self.mine, b"")[:3], b"250")


class CheckTests(RouteTestCase):
    """What is wrong before the start."""

    def test_whatIsMissing(self) -> None:
        """
        A domain wants secrets, and secrets want a domain.
        """
        for line, problem in (
            (
                "domain = 'localhost'",
                "domain: this wants secrets_file, by which addresses are known",
            ),
            (
                "secrets_file = 'x'",
                "secrets_file: secrets want domain, where senders are rewritten to",
            ),
            (
                "former_domains = ['localhost']",
                "former_domains: this wants domain, where senders are rewritten to now",
            ),
        ):
            found = self.faults(f"[srs]\n{line}\n")
            self.assertEqual(found, [f":2: srs.{problem}"])

    def secret(self, mode: int = 0o600) -> str:
        """A file, and a table that is right."""
        path = self.site.folder / "secret"
        path.write_text("x\n")
        path.chmod(mode)
        return f"[srs]\ndomain = 'localhost'\nsecrets_file = '{path}'\n"

    def test_right(self) -> None:
        """
        Nothing is wrong with what is right.
        """
        more = "separator = '+'\nhash_length = 6\nkeep_senders = ['*.a.example']\n"
        self.assertEqual(self.faults(self.secret() + more), [])

    def test_wrong(self) -> None:
        """
        Each thing is told, at its place.
        """
        text = self.secret()
        for more, problem in (
            ("keep_senders = ['a b']\n", ':4: srs.keep_senders: "a b"'),
            ("hash_min = 5\n", ":4: srs.hash_min: more than hash_length, which is 4"),
            ("max_age_days = 501\n", ":4: srs.max_age_days: "),
            ("separator = '.'\n", ":4: srs.separator: "),
            (
                "former_domains = ['a..b']\n",
                ":4: srs.former_domains: expected a",
            ),
            ("former_domains = ['b.example']\n", ':2: srs.domain: "b.example" is none'),
            (
                "[[route]]\nmatch = ['localhost', 'mx.example.org']\nsrs = 'all'\n",
                ":6: route[0].srs: this is for",
            ),
        ):
            found = self.faults(text + more)
            self.assertEqual(len(found), 1, found)
            self.assertTrue(found[0].startswith(problem), found)
        found = self.faults(text.replace("'localhost'", "'far.example'"))
        self.assertTrue(found[0].startswith(':2: srs.domain: "far.example" is none of'))
        found = self.faults(text.replace("'localhost'", "'[192.0.2.1]'"))
        self.assertTrue(found[0].startswith(":2: srs.domain: expected a domain"), found)

    def test_secretsOfNoUse(self) -> None:
        """
        A file that others may read is told at its place.
        """
        [found] = self.faults(self.secret(0o644))
        self.assertTrue(found.startswith(":3: srs.secrets_file: "), found)
        self.assertIn("others may read it", found)
