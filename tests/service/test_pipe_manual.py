"""
Tests for the page C{doc/howto/pipe.rst}; its script runs in
L{tests.interop.test_pipe}.
"""

from __future__ import annotations

import re

from smtpx.queue.commandline import Case
from smtpx.service.wiring.pipes import piping
from tests.queue.test_commandline import caseFor

from .test_manual import DOC, blocks
from .test_pipes import PIPE, PipeTestCase


class PipeManualTests(PipeTestCase):
    """How commands are configured."""

    def words(self, text: str, case: Case) -> tuple[bytes, ...]:
        """What the first route of an example runs, if it is right."""
        configuration = self.read(text)
        first, *_ = configuration.routes or ()
        made = piping(configuration, "mx.example.org", first)
        return made.launch(case).words

    def test_examples(self) -> None:
        """They can be read, and run what the page says."""
        procmail, ticket, root, several, gateway = blocks("howto/pipe.rst", "toml")
        case = caseFor(b"Ann+lists@example.org")
        self.assertEqual(self.words(procmail, case)[-2:], (b"Ann", b"lists"))
        self.assertEqual(self.words(ticket, case)[-1], b"s@client.example")
        # The server would have to be root for it, and the user there.
        [entry] = self.read(root).routes or ()
        self.assertEqual(entry.user, "tickets")
        both = caseFor(b"-a@example.org", b"b@example.org")
        self.assertEqual(
            self.words(several, both)[1:], (b"--", b"-a@example.org", b"b@example.org")
        )
        self.assertEqual(
            self.words(gateway, caseFor(b"-1@example.org"))[1:], (b"--to", b"number=-1")
        )

    def test_parts(self) -> None:
        """The table has every part, with what becomes of the address above it."""
        text = (DOC / "howto/pipe.rst").read_text("utf-8")
        rows = re.findall(r"\* - ``(\{\w+\})``\n     - (?:``([^`]+)``)?", text)
        self.assertEqual(len(rows), 9)
        case = caseFor(b"Ann+lists@example.org")
        for part, shown in rows:
            line = f"{PIPE}command = ['/x', '{part}']\n"
            [_, argument] = self.words(line, case)
            if shown:
                self.assertEqual(argument.decode(), shown, part)

    def test_variables(self) -> None:
        """The page names all of the environment that a command has."""
        text = (DOC / "howto/pipe.rst").read_text("utf-8")
        configuration = self.read(f"{PIPE}command = ['/x']\n")
        [entry] = configuration.routes or ()
        made = piping(configuration, "mx.example.org", entry)
        for name in made.launch(caseFor(b"a@x", again=True)).environment:
            self.assertTrue(
                re.search(rf"``{name.decode()}(=1)?``", text), name.decode()
            )
