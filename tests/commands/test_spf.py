"""
Tests for L{smtpx.commands.spf}.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import spf
from smtpx.policy import spfcheck
from smtpx.service.config import readConfiguration
from smtpx.service.extensions import findExtensions
from smtpx.service.machine import Machine
from smtpx.testing.dns import StaticResolver

from .terminals import Ran, Terminal

CONFIGURATION = """
name = "mx.here.example"
[spf]
spf_smtp_comment_template = "%{c} may not, says %{r}"
"""

ZONE = """
example.org TXT "v=spf1 mx include:_spf.example.net ~all"
example.org MX 10 mx.example.org
mx.example.org A 192.0.2.1
_spf.example.net TXT "v=spf1 ip4:198.51.100.0/24 ~all"
plain.example A 203.0.113.7
broken.example TXT "v=spf1 include:gone.example ipv4:192.0.2.1"
slow.example A 203.0.113.8
"""


class SPFTests(SynchronousTestCase):
    """Asking why."""

    def setUp(self) -> None:
        """A DNS."""
        zone = StaticResolver(ZONE)
        zone.fail(b"slow.example", "TXT")
        machine = Machine(Clock(), resolver=zone)
        self.patch(spf, "theMachine", lambda: machine)
        path = Path(self.mktemp())
        path.write_text(CONFIGURATION)
        self.config = str(path)

    def check(self, *words: str) -> Ran:
        """Run the command."""
        words = ("check", "--config", self.config, *words)
        return Terminal(interactive=False).run("spf", *words)

    def test_why(self) -> None:
        """The result, the terms, the look-ups, and the field."""
        ran = self.check("--ip", "203.0.113.1", "--sender", "ann@example.org")
        self.assertEqual((0, ""), (ran.status, ran.err))
        self.assertEqual(
            [
                "softfail",
                "  by: ~all",
                "  to the client: 203.0.113.1 may not, says mx.here.example",
                "Terms:",
                "  example.org: mx: no match",
                "  example.org: include:_spf.example.net: goes on there",
                "  _spf.example.net: ip4:198.51.100.0/24: no match",
                "  _spf.example.net: ~all: matches",
                "  example.org: include:_spf.example.net: no match",
                "  example.org: ~all: matches",
                "Look-ups:",
                "  TXT example.org: 1 record",
                "  MX example.org: 1 record",
                "  A mx.example.org: 1 record",
                "  TXT _spf.example.net: 1 record",
                "Received-SPF: softfail (mx.here.example: transitioning domain of",
                " ann@example.org does not designate 203.0.113.1 as permitted sender)",
                " identity=mailfrom; client-ip=203.0.113.1;"
                ' envelope-from="ann@example.org";',
                " helo=example.org; receiver=mx.here.example; mechanism=~all",
            ],
            ran.out.splitlines(),
        )

    def test_nameOfTheHost(self) -> None:
        """Without a sender the name in HELO is checked."""
        ran = self.check("--ip", "192.0.2.1", "--helo", "nothing.example")
        self.assertEqual(0, ran.status)
        self.assertEqual("none", ran.out.splitlines()[0])
        self.assertIn("TXT nothing.example: no such domain", ran.out)
        self.assertIn("identity=helo", ran.out)

    def test_guess(self) -> None:
        """The best guess is made if it is asked for."""
        words = ("--ip", "203.0.113.99", "-s", "ann@plain.example")
        self.assertEqual("none", self.check(*words).out.splitlines()[0])
        ran = self.check("--guess", *words)
        self.assertEqual("pass (best guess)", ran.out.splitlines()[0])
        self.assertIn("X-SPF-Guess: pass", ran.out)

    def test_problems(self) -> None:
        """What is wrong with a record, or with the DNS, is told; the check was made."""
        ran = self.check("--ip", "192.0.2.1", "-s", "ann@broken.example")
        self.assertEqual(0, ran.status)
        self.assertIn("problem: broken.example: unknown or bad mechanism", ran.out)
        ran = self.check("--ip", "192.0.2.1", "-s", "ann@slow.example")
        self.assertEqual("temperror", ran.out.splitlines()[0])
        self.assertIn("TXT slow.example: no answer (SERVFAIL)", ran.out)
        ran = self.check("--ip", "192.0.2.1", "-s", "ann@[192.0.2.1]")
        self.assertIn("Look-ups: none", ran.out)

    def test_mistakes(self) -> None:
        """A command line that makes no sense is told what it lacks."""
        for words, said in (
            ((), "which host?"),
            (("--ip", "mx.example.org"), "is no address"),
            (("--ip", "192.0.2.1"), "--helo is what is checked"),
            (("--ip", "192.0.2.1", "-s", "ann"), "address without a domain"),
            (("--ip", "192.0.2.1", "-H", "a b,"), "domain"),
        ):
            ran = self.check(*words)
            self.assertEqual(2, ran.status, ran.err)
            self.assertIn(said, ran.err)
        self.assertEqual(2, Terminal(interactive=False).run("spf").status)

    def test_uselessConfiguration(self) -> None:
        """A bad record in the configuration is told with its line."""
        Path(self.config).write_text('[spf]\nspf_guess = "v=spf1 ipv4:192.0.2.1"\n')
        ran = self.check("--ip", "192.0.2.1", "-s", "ann@example.org")
        self.assertEqual(1, ran.status)
        self.assertIn(":2: spf.spf_guess: unknown or bad mechanism", ran.err)
        Path(self.config).write_text('[spf]\nspf_guess = "v=spf1 \xfc"\n')
        ran = self.check("--ip", "192.0.2.1", "-s", "ann@example.org")
        self.assertIn("not in ASCII", ran.err)
        Path(self.config).write_text('[spf]\nspf_smtp_comment_template = "%{x}"\n')
        ran = self.check("--ip", "192.0.2.1", "-s", "ann@example.org")
        self.assertIn("there is no macro %{x} here", ran.err)


PAGE = (Path(__file__).parents[2] / "doc" / "howto" / "spf.rst").read_text("utf-8")


class PageTests(SynchronousTestCase):
    """The examples of the how-to page."""

    def setUp(self) -> None:
        """The DNS that the page speaks of."""
        self.zone = StaticResolver(
            """
            example.org TXT "v=spf1 mx -all"
            example.org MX 10 mx.example.org
            mx.example.org A 192.0.2.1
            """
        )

    def blocks(self, kind: str) -> list[str]:
        """The code of a kind."""
        found = re.findall(
            rf"^\.\. code-block:: {kind}\n\n((?:   .*\n|\n)+)", PAGE, re.MULTILINE
        )
        self.assertTrue(found)
        return [textwrap.dedent(each) for each in found]

    def test_command(self) -> None:
        """The command prints what the page says."""
        machine = Machine(Clock(), resolver=self.zone, name="mx.example.net")
        self.patch(spf, "theMachine", lambda: machine)
        shown, _, rest = PAGE.partition("   $ smtpx ")[2].partition("\n")
        expected = textwrap.dedent(rest.partition("\n\n")[0])
        ran = Terminal(interactive=False).run(*shown.split())
        self.assertEqual(expected.splitlines(), ran.out.splitlines())

    def test_configurations(self) -> None:
        """Each configuration can be read."""
        for each in self.blocks("toml"):
            readConfiguration(tomllib.loads(each), findExtensions())

    def test_program(self) -> None:
        """The program runs."""
        mains: list[Callable[[object], object]] = []
        self.patch(task, "react", mains.append)
        self.patch(spfcheck, "systemResolver", lambda *_, **__: self.zone)
        said: list[str] = []
        [program] = self.blocks("python")
        exec(program, {"print": lambda *words: said.append(" ".join(words))})
        [main] = mains
        work = main(SimpleNamespace())
        self.successResultOf(Deferred.fromCoroutine(work))  # type: ignore[arg-type]
        self.assertEqual(["pass mx "], said)
