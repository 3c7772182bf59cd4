"""
What the manual shows of C{smtpx send} is what it prints.
"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.commands import send
from smtpx.commands.sendline import SendLine
from smtpx.core.hostlist import HostList
from smtpx.extensions.pipeconnect import PipeConnect, PipeConnectSettings
from smtpx.extensions.standard import standard
from smtpx.knowledge.hellos import HelloMemory
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.testing import BODY, GREETING, delayed
from smtpx.testing.scripted import KEYWORDS

from .terminals import Terminal
from .towns import staged

DOC = Path(smtpx.__file__).parent.parent / "doc"
PRINTED = DOC / "howto" / "test-a-server.txt"


class SendPageTests(SynchronousTestCase):
    """The pages on C{smtpx send}."""

    maxDiff = None

    def test_shown(self) -> None:
        """The dialogue, the drawing and the times are those of a slow server."""
        stage = staged(self)
        stage.town.delays["192.0.2.25"] = 0.05
        stage.host(
            delayed(GREETING, 0.05),
            delayed(b"EHLO", 0.05),
            delayed(b"MAIL", 2.1),
            delayed(b"DATA", 0.3),
            delayed(BODY, 0.05),
            keywords=(*KEYWORDS, b"DSN"),
        )
        ran = Terminal(interactive=False).run(
            *("send", "--server", "mx.example", "--ascii", "--helo", "client.example"),
            *("--from", "ann@client.example", "--to", "bob@x.example"),
            *("--data", str(DOC / "howto" / "test-a-server.eml")),
        )
        self.assertEqual(ran.out, PRINTED.read_text("ascii"))

    def test_chunks(self) -> None:
        """The page on CHUNKING draws the same session without it, and with it."""
        for page, ignored in (
            ("chunking-data.txt", ("--ignore", "CHUNKING")),
            ("chunking-bdat.txt", ()),
        ):
            stage = staged(self)
            stage.town.delays["192.0.2.25"] = 0.1
            stage.host(
                delayed(GREETING, 0.1),
                delayed(b"EHLO", 0.1),
                delayed(b"MAIL", 0.1),
                delayed(BODY, 0.1 if ignored else 0.0),
                keywords=(*KEYWORDS, b"CHUNKING"),
            )
            ran = Terminal(interactive=False).run(
                *("send", "--server", "mx.example", "--helo", "client.example"),
                *("--from", "ann@client.example", "--to", "bob@x.example"),
                *("--data", str(DOC / "howto" / "test-a-server.eml")),
                *("--ascii", *ignored),
            )
            drawn = re.search(r"(?s) +client +server\n.*session: quit +\|\n", ran.out)
            assert drawn is not None, ran.out
            self.assertEqual(drawn[0], (DOC / "howto" / page).read_text("ascii"))

    def test_early(self) -> None:
        """
        The page on PIPECONNECT draws the first session with a server, and the next one
        of a client that remembers it.
        """
        stage = staged(self)
        stage.town.delays["192.0.2.25"] = 0.1
        stage.host(
            delayed(GREETING, 0.1),
            delayed(b"EHLO", 0.1).inSession(1),
            delayed(b"MAIL", 0.1).inSession(1),
            keywords=(*KEYWORDS, b"CHUNKING", b"PIPECONNECT"),
        )
        knowledge = MemoryKnowledge(lambda: 1000.0)
        options = PipeConnectSettings(hostsPipeConnect=HostList.parse(["*"]))
        remembers = PipeConnect(options, memory=HelloMemory(knowledge, lambda: 1000.0))

        def extensions(logsIn: bool) -> list[object]:
            others = standard(logsIn=logsIn)
            return [remembers if e.name == remembers.name else e for e in others]

        self.patch(send, "standard", extensions)
        for page in ("early-pipelining-first.txt", "early-pipelining-next.txt"):
            ran = Terminal(interactive=False).run(
                *("send", "--server", "mx.example", "--helo", "client.example"),
                *("--from", "ann@client.example", "--to", "bob@x.example"),
                *("--data", str(DOC / "howto" / "test-a-server.eml")),
                *("--ascii", "--tls", "unwanted"),
            )
            drawn = re.search(r"(?s) +client +server\n.*session: quit +\|\n", ran.out)
            assert drawn is not None, ran.out
            self.assertEqual(drawn[0], (DOC / "howto" / page).read_text("ascii"))

    def test_everyOptionIsThere(self) -> None:
        """In the reference."""
        page = (DOC / "reference" / "commands.rst").read_text("utf-8")
        section = page.partition("``smtpx send``\n")[2].partition("\n``smtpx ")[0]
        options = [str(each[0]) for each in SendLine.optParameters]
        options += [str(each[0]) for each in SendLine.optFlags]
        options += ["to", "header", "ignore", "mail-parameter", "rcpt-parameter"]
        named = set(re.findall(r"``--([a-z0-9-]+)``", section))
        self.assertEqual(sorted(set(options) - named), [])
        self.assertEqual(sorted(named - set(options)), [])
