"""
Tests for L{smtpx.commands.psl}.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

from attrs import evolve

from smtpx.commands import psl
from smtpx.mailauth.publicsuffix import RULES_LEAST
from smtpx.testing.dns import StaticResolver
from tests.net.test_client_tls import serverTLS
from tests.net.weblike import CannedWeb, page
from tests.tls.joined import AUTHORITY, pem

from .sendcases import SendTestCase
from .terminals import Ran, Terminal

LIST = b"".join(b"s%d\n" % number for number in range(RULES_LEAST))

CONFIGURATION = """
[dmarc]
dmarc_tld_file = "{file}"
[sending]
mta_sts_verify_certificates = "{ca}"
mta_sts_allow_networks = ["192.0.2.0/24"]
"""


class UpdateTests(SendTestCase):
    """
    A list is put in the place of another.
    """

    def setUp(self) -> None:
        """
        There is an old one, and a web server with a new one.
        """
        super().setUp()
        zone = StaticResolver("lists.example A 192.0.2.80")
        self.patch(
            psl, "theMachine", lambda: evolve(self.stage.machine(), resolver=zone)
        )
        self.web = CannedWeb(page(LIST))
        names = serverTLS(self, "lists.example")
        self.web.serve(self.stage.town, "192.0.2.80", names)
        authorities = Path(self.mktemp()).absolute()
        authorities.write_bytes(pem(AUTHORITY.certificate))
        self.path = Path(self.mktemp()).absolute()
        self.path.write_bytes(b"old\n")
        self.config = self.file(CONFIGURATION.format(file=self.path, ca=authorities))

    def update(self, source: str, *words: str) -> Ran:
        """
        Run the command.
        """
        return Terminal(interactive=False).run(
            "psl", "update", "--config", self.config, "--from", source, *words
        )

    def test_listComesFromAFile(self) -> None:
        """
        It replaces the one of the configuration.
        """
        ran = self.update(self.file(LIST.decode()))
        self.assertEqual(
            (0, "", f"{self.path}: 1000 rules\n"), (ran.status, ran.err, ran.out)
        )
        self.assertEqual(LIST, self.path.read_bytes())

    def test_listComesFromAWebServer(self) -> None:
        """
        By HTTPS, as it was asked for.
        """
        ran = self.update("https://lists.example/psl.dat?x=1")
        self.assertEqual((0, ""), (ran.status, ran.err))
        self.assertEqual(LIST, self.path.read_bytes())
        self.assertTrue(self.web.requests[0].startswith(b"GET /psl.dat?x=1 HTTP/1.1"))

    def test_listComesFromTheStandardInput(self) -> None:
        """
        And goes where it is to go.
        """
        self.patch(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(LIST)))
        other = self.mktemp()
        self.assertEqual(0, self.update("-", "--to", other).status)
        self.assertEqual(LIST, Path(other).read_bytes())
        self.assertEqual(b"old\n", self.path.read_bytes())

    def test_badListChangesNothing(self) -> None:
        """
        What is damaged, not whole or not there is told, and the old one stays.
        """
        self.web.answer = b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
        for source, words in (
            (self.file("com\n<html>\n"), "line 2"),
            (self.file("com\n"), "it has 1 rules"),
            ("/nowhere/list", "/nowhere/list: No such file"),
            ("https://lists.example/psl.dat", "the web server answers 404"),
            ("https://nobody.example/psl.dat", "nobody.example"),
        ):
            with self.subTest(source=source):
                ran = self.update(source)
                self.assertEqual(1, ran.status)
                self.assertIn(words, ran.err)
        self.assertEqual(b"old\n", self.path.read_bytes())

    def test_placeThatTakesNothing(self) -> None:
        """
        It is named.
        """
        ran = self.update(self.file(LIST.decode()), "--to", "/nowhere/list")
        self.assertEqual(1, ran.status)
        self.assertIn("/nowhere/list", ran.err)

    def test_commandLinesThatMakeNoSense(self) -> None:
        """
        A list is fetched by HTTPS, from a host, and from nowhere else.
        """
        for source in (
            "",
            "http://lists.example/psl.dat",
            "https://",
            "https://lists.example:8443/",
            "https://me@lists.example/",
            "https://lists.example/a b",
            "https://lists.example:x/",
            "https://l\u00efsts.example/",
        ):
            with self.subTest(source=source):
                self.assertEqual(2, self.update(source).status)
        self.assertEqual(2, Terminal(interactive=False).run("psl").status)
