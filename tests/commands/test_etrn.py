"""
Tests for L{smtpx.commands.etrn}: a host is asked for what waits there.
"""

from __future__ import annotations

from smtpx.commands import etrn
from smtpx.testing import GREETING, answered
from smtpx.testing.scripted import KEYWORDS

from .sendcases import SendTestCase
from .terminals import Ran, Terminal

OFFER = (*KEYWORDS, b"ETRN")


class EtrnTests(SendTestCase):
    """Asking a host."""

    def setUp(self) -> None:
        """The same network is there for this command."""
        super().setUp()
        self.patch(etrn, "theMachine", self.stage.machine)

    def etrn(self, *arguments: str) -> Ran:
        """Run the command."""
        return Terminal(interactive=False).run("etrn", *arguments)

    def test_asks(self) -> None:
        """For each domain, and says goodbye."""
        server = self.stage.host(
            answered(
                b"ETRN", b"253 OK, 14 pending messages for node a.example started"
            ),
            answered(
                b"ETRN", b"251 OK, no messages waiting for node @b.example", nth=2
            ),
            keywords=OFFER,
        )
        ran = self.etrn("mx.example", "a.example", "@b.example")
        self.assertEqual((ran.status, ran.err), (0, ""))
        self.assertEqual(
            ran.out,
            "a.example: 253 OK, 14 pending messages for node a.example started\n"
            "@b.example: 251 OK, no messages waiting for node @b.example\n",
        )
        [session] = server.sessions
        self.assertEqual(
            session.commands[-3:], [b"ETRN a.example", b"ETRN @b.example", b"QUIT"]
        )

    def test_withoutIt(self) -> None:
        """A host that does not know the word is told of, and not asked."""
        server = self.stage.host()
        ran = self.etrn("mx.example", "a.example")
        self.assertEqual(ran.status, 1)
        self.assertEqual(ran.out, "a.example: the host does not offer ETRN\n")
        self.assertEqual(ran.err, "smtpx: not done for a.example\n")
        self.assertNotIn(b"ETRN a.example", server.sessions[0].commands)

    def test_refused(self) -> None:
        """What is refused is told of, and what was not asked for any more."""
        self.stage.host(
            answered(b"ETRN", b"459 Node a.example not allowed"),
            answered(b"ETRN", b"500 No", nth=2),
            keywords=OFFER,
        )
        ran = self.etrn("mx.example", "a.example", "b.example", "c.example")
        self.assertEqual(ran.status, 1)
        self.assertIn("a.example: 459 Node a.example not allowed\n", ran.out)
        self.assertEqual(
            ran.err, "smtpx: not done for a.example, b.example, c.example\n"
        )

    def test_unreached(self) -> None:
        """A host that is not there, that turns us away, that has no such name."""
        ran = self.etrn("192.0.2.99", "a.example")
        self.assertEqual((ran.status, ran.out), (1, ""))
        self.assertIn("smtpx: 192.0.2.99: ", ran.err)
        self.stage.host(answered(GREETING, b"554 Go away"))
        self.assertIn("554 Go away", self.etrn("mx.example", "a.example").err)
        self.assertIn("no address", self.etrn("nowhere.example", "a.example").err)

    def test_login(self) -> None:
        """With a login it goes to the port for that, and only under good TLS."""
        server = self.stage.host(port=587, keywords=OFFER)
        file = self.file("secret\n")
        ran = self.etrn("-u", "ann", "--password-file", file, "mx.example", "a.example")
        self.assertEqual(ran.status, 1)
        self.assertNotIn(b"ETRN a.example", server.sessions[0].commands)
        self.assertIn("smtpx: mx.example: 451 4.7.10 Peer cannot protect", ran.err)

    def test_name(self) -> None:
        """What it calls itself, and the port, can be said."""
        server = self.stage.host(port=26, keywords=OFFER)
        ran = self.etrn("--helo", "x.example", "mx.example:26", "a.example")
        self.assertEqual(server.sessions[0].commands[0], b"EHLO x.example")
        # The host has the word, and nobody wrote down what it says to it.
        self.assertEqual(ran.status, 1)

    def test_nonsense(self) -> None:
        """What makes no sense is told before anything is asked."""
        for words, problem in (
            ((), "which host, and which domain?"),
            (("mx.example",), "which host, and which domain?"),
            (("mx.example:x", "a.example"), '"mx.example:x" is no HOST or HOST:PORT'),
            (("mx.example", "a..b"), '"a..b" is no domain'),
            (("mx.example", "b\u00fccher"), '"b\u00fccher" is no domain'),
            (("--helo", "a b", "mx.example", "a.example"), '"a b" is no domain'),
            (
                ("--tls", "verifed", "mx.example", "a.example"),
                'there is no --tls "verifed"; did you mean "verified"?',
            ),
            (
                ("--tls", "x", "mx.example", "a.example"),
                'there is no --tls "x": unwanted, opportunistic, encrypted, verified',
            ),
            (
                ("-u", "ann", "mx.example", "a.example"),
                "--user and --password-file go together",
            ),
        ):
            ran = self.etrn(*words)
            self.assertEqual((ran.status, ran.err), (2, f"smtpx: {problem}\n"))

    def test_badFiles(self) -> None:
        """A file that is not there is told of."""
        self.stage.host(keywords=OFFER)
        ran = self.etrn("--ca", "/no/such", "mx.example", "a.example")
        self.assertEqual(ran.status, 1)
        self.assertIn("/no/such", ran.err)
