"""
The page on DANE can be taken at its word: a record is printed, published, found, and
matched, and all examples are right.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock

from smtpx.commands import send
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.service.machine import Machine
from smtpx.testing.dns import StaticResolver
from smtpx.tls.contexts import ServerTLS
from tests.service.made import FOUND
from tests.service.test_manual import DOC, blocks
from tests.tls.joined import NOW, issue, store

from .sendcases import SendTestCase
from .terminals import Ran, Terminal

PAGE = "howto/dane.rst"
MX = "mx.example.org"
ZONE = f"""
example.org     MX   10 {MX}
{MX}  A    192.0.2.25
"""
SERVER = """
name = "mx.example.org"
[[tls.certificates]]
certificate = "certificate.pem"
key = "key.pem"
[[route]]
match = ["*"]
transport = "smtp"
[sending]
mta_sts = false
"""


class DANEPageTests(SendTestCase):
    """Both halves of the page, with each other."""

    def setUp(self) -> None:
        """A server as on the page, and a DNS that DNSSEC proves."""
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.files = store(self.folder, *issue(MX))
        store(self.folder / "new", *issue(MX))
        for old, new in (("certificate", "fullchain"), ("key", "privkey")):
            place = self.folder / "new"
            (place / f"{old}.pem").rename(place / f"{new}.pem")
        self.config = self.folder / "smtpx.toml"
        self.trusted, *self.lists = blocks(PAGE, "toml")
        self.config.write_text(SERVER + self.trusted)
        self.resolver = StaticResolver(ZONE, authentic=True)
        self.patch(send, "theMachine", self.machine)
        clock = Clock()
        clock.advance(NOW.timestamp())
        self.host = self.stage.host(tls=ServerTLS((self.files,), clock=clock))
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

    def machine(self) -> Machine:
        """The machine, with that DNS."""
        return evolve(self.stage.machine(), resolver=self.resolver)

    def commands(self, beginning: str) -> list[list[str]]:
        """The page's commands of ours that begin so, without C{smtpx}."""
        lines = (DOC / PAGE).read_text("utf-8").splitlines()
        start = f"   $ smtpx {beginning}"
        found = [each.split()[2:] for each in lines if each.startswith(start)]
        self.assertTrue(found, beginning)
        return found

    def run_(self, words: list[str]) -> Ran:
        """Run one of them."""
        return Terminal(interactive=False).run(*words)

    def printed(self) -> str:
        """What stands below a command on the page, as a pattern."""
        page = (DOC / PAGE).read_text("utf-8")
        shown = page.split("   ...\n")[1].split("\n\n")[0]
        lines = [line.removeprefix("   ") for line in shown.splitlines()]
        return re.sub("[0-9a-f]{16}", "[0-9a-f]{16}", re.escape("\n".join(lines)))

    def test_record(self) -> None:
        """The record has the form that is shown, and another key has another."""
        named, other = self.commands("tls tlsa")
        said = [self.run_(each).out for each in (named, other)]
        for each in said:
            form = rf"_25\._tcp\.{MX}\. IN TLSA 3 1 1 [0-9a-f]{{64}}\n"
            self.assertRegex(each, form)
        self.assertNotEqual(*said)

    def test_explained(self) -> None:
        """With the record in the zone, it is told what the page says, to the word."""
        record = self.run_(self.commands("tls tlsa")[0]).out
        self.resolver.add(record.replace(" IN ", " "))
        [command] = self.commands("send --route")
        ran = self.run_(command)
        self.assertEqual(ran.status, 0, ran.err)
        self.assertRegex(ran.out, self.printed())
        self.assertNotIn("Nobody", ran.out)

    def test_otherKey(self) -> None:
        """With the record of another key it gets nothing."""
        record = self.run_(self.commands("tls tlsa")[1]).out
        self.resolver.add(record.replace(" IN ", " "))
        ran = self.run_(self.commands("send --route")[0])
        self.assertEqual(ran.status, 1)
        self.assertIn("matches none of the TLSA records", ran.err)

    def test_lists(self) -> None:
        """The lists leave a host out, and insist on another."""
        left, required = self.lists
        for text in (left, required):
            whole = (SERVER + self.trusted).replace("[sending]\n", text)
            self.config.write_text(whole)
            configuration = readConfiguration(self.config, FOUND)
            self.assertEqual(check(self.machine(), configuration, FOUND), [])
            sending = configuration.sending
            one, other = (b"mx.partner.example",), (b"mx.bank.example",)
            tried = sending.hostsTryDANE
            self.assertEqual(tried.matches(b"192.0.2.1", one), text is required)
            self.assertTrue(tried.matches(b"192.0.2.1", other))
            must = sending.hostsRequireDANE
            self.assertEqual(must.matches(b"192.0.2.1", other), text is required)
