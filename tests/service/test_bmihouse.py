"""
A whole server with a scanner that has a verdict for each recipient, as the page on BMI
has it.  The scanner is the page's own, or one of tests: no real one was ever there.
"""

from __future__ import annotations

import tomllib
from typing import Any

from twisted.internet.defer import Deferred

from smtpx.extensions.bmi import BMIVerdict
from smtpx.service.config import readConfiguration
from smtpx.service.rulecheck import checkRules
from smtpx.service.wiring.ruletest import Trial, tryRules
from tests.policy.bmi.scanners import FieldScanner, Unlucky
from tests.policy.test_documentation import examples

from .made import FOUND, HouseTestCase

DOOR = {"port": 0, "tls": "none"}


def page() -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration of the page, all examples together; and its Python."""
    text = "\n".join(examples("bmi.rst", "toml"))
    names: dict[str, Any] = {}
    for example in examples("bmi.rst", "python"):
        exec(example, names)
    return tomllib.loads(text), names


class BMIHouseTests(HouseTestCase):
    """What becomes of messages that are scanned."""

    def serve(self, scanner: object, **more: object) -> None:
        """A server as on the page, with this scanner."""
        values, _ = page()
        config = self.site.folder / "scanner.cfg"
        config.write_text("unwanted\n")
        for route in values["route"]:
            if "path" in route:
                route["path"] = str(self.site.folder) + route["path"]
        values["bmi"] = {"python": scanner, "bmi_config_file": str(config)}
        values["python_path"] = []
        values["listener"] = [DOOR]
        values["local"] = {"domains": ["example.org"]}
        values["log"] = {"main": str(self.site.folder / "main.log")}
        self.start(**{**values, **more})

    def send(
        self, body: bytes, *to: bytes, host: str = "198.51.100.1", code: bytes = b"250"
    ) -> None:
        """Give the server a message."""
        call = self.site.call(host=host)
        call.say(b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n")
        for each in to:
            said = call.say(b"RCPT TO:<%b@example.org>\r\n" % each)
            self.assertTrue(said.startswith(b"250"), said)
        call.say(b"DATA\r\n")
        said = call.say(body + b".\r\n")
        self.assertTrue(said.startswith(code), said)
        self.site.reactor.advance(1)

    def there(self) -> dict[str, bytes]:
        """What lies in the Maildirs, by their paths."""
        mail = self.site.folder / "var/mail/example.org"
        return {
            str(each.parent.parent.relative_to(mail)): each.read_bytes()
            for each in sorted(mail.glob("**/new/*"))
        }

    def log(self) -> str:
        """The main log."""
        self.site.reactor.advance(1)
        return (self.site.folder / "main.log").read_text("ascii")

    def test_page(self) -> None:
        """What the page says of its scanner, its rules and its routes is so."""
        _, names = page()
        self.serve(names["Scanner"])
        text = b"Subject: x\r\n\r\nThis is unwanted.\r\n"
        self.send(text, b"ann", b"bob")
        # Ann has opted in to be strict: hers is dropped.
        self.assertEqual(sorted(self.there()), ["bob/.spam"])
        self.send(b"Subject: y\r\n\r\nThis is not.\r\n", b"ann", b"bob")
        self.assertEqual(sorted(self.there()), ["ann", "bob", "bob/.spam"])
        self.assertNotIn(b"X-Brightmail", self.there()["ann"])
        # Of these clients no rule says so.
        self.send(text, b"carl", host="192.0.2.9")
        self.assertIn("carl", self.there())

    def test_routes(self) -> None:
        """Each verdict goes its way, in the order of Exim's routers."""
        self.serve(FieldScanner)
        for verdict, where in (
            ("default rules=1 verdict=dg== tracker=dA==", ["bob"]),
            ("default rules=8", ["postmaster"]),
            ("alternate location=Junk rules=8", ["postmaster"]),
            ("alternate location=Junk rules=9", ["bob/.junk"]),
            ("drop rules=8", []),
        ):
            before = set(self.there())
            text = f"X-Fake-BMI: {verdict}\r\n\r\n".encode()
            self.send(text, b"bob")
            found = {k: v for k, v in self.there().items() if k not in before}
            if where[:1] != ["postmaster"] or "postmaster" not in before:
                self.assertEqual(list(found), where, verdict)
        self.assertIn(b"X-Brightmail-Verdict: dg==\r\n", self.there()["bob"])
        self.assertIn(b"X-Brightmail-Tracker: dA==\r\n", self.there()["bob"])

    def test_aliases(self) -> None:
        """Those whom an alias leads to inherit the verdict."""
        aliases = self.site.folder / "aliases"
        aliases.write_text("team: ann, bob\n")
        self.serve(FieldScanner, aliases={"files": [str(aliases)]})
        self.send(b"X-Fake-BMI: alternate location=Junk\r\n\r\n", b"team", b"bob")
        self.assertEqual(sorted(self.there()), ["ann/.junk", "bob/.junk"])

    def test_broken(self) -> None:
        """A scanner that fails holds nothing up, and the log says why."""
        self.serve(lambda path: Unlucky("finish"))
        self.send(b"X-Fake-BMI: drop\r\n\r\n", b"bob")
        self.assertEqual(sorted(self.there()), ["bob"])
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_refused(self) -> None:
        """A message that a rule refuses is not scanned."""
        scanner = FieldScanner()
        values, _ = page()
        refuse = {"action": "reject"}
        policy = {**values["policy"], "message": [refuse]}
        self.serve(scanner, policy=policy)
        self.send(b"X-Fake-BMI: drop\r\n\r\n", b"bob", code=b"550")
        self.assertEqual(scanner.told, [])

    def test_waits(self) -> None:
        """A message that waits has its verdict in the spool."""
        route = {"match": ["*"], "transport": "hold"}
        self.serve(FieldScanner, route=[route])
        text = b"X-Fake-BMI: alternate location=Junk verdict=dg==\r\n\r\n"
        self.send(text, b"bob")
        found = self.site.spools[-1].messages("", 10)
        (message,) = self.successResultOf(found)
        (recipient,) = message.envelope.recipients
        self.assertEqual(
            recipient.dumpedStamps(),
            {"bmi": BMIVerdict.load("alternate location=Junk verdict=dg==").dump()},
        )

    def test_close(self) -> None:
        """The scanner is told when the server stops."""
        scanner = FieldScanner()
        self.serve(scanner)
        self.stop()
        self.assertEqual(scanner.told, ["close"])

    def test_configuration(self) -> None:
        """A rule that wants a scanner where there is none is told at once."""
        values, _ = page()
        del values["bmi"]
        configuration = readConfiguration(values, FOUND)
        told = [str(each) for each in checkRules(configuration, FOUND)]
        self.assertEqual(len(told), 3)
        for each in told:
            self.assertIn("BMI is not asked: bmi.python is not given", each)

    def test_explained(self) -> None:
        """C{smtpx policy test} says which rule has a message scanned."""
        values, names = page()
        values["bmi"] = {"python": names["Scanner"]}
        configuration = self.site.read(values)
        trial = Trial(
            b"198.51.100.1",
            b"c.example",
            b"c.example",
            None,
            False,
            b"a@b.example",
            [b"ann@example.org"],
            b"Subject: x\r\n\r\n",
        )
        work = tryRules(self.site.machine, configuration, FOUND, trial)
        tried = self.successResultOf(Deferred.fromCoroutine(work))
        (told,) = tried
        self.assertEqual(told.about, "<ann@example.org>")
        self.assertEqual([rule.held for rule in told.told.rules], [True, True])
        self.assertIn("strict", str(told.told.rules[1]))
