"""
The lesson C{doc/tutorial/submission.rst}, done as it stands there.

Each file is written and each command run, in order, in one folder.  Only the ports
are others, since the lesson's may be taken, and the step that installs smtpx is left
out: it is installed, or the tests would not run.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

from attrs import frozen

from .cases import CLIENT_SECONDS, InteropTestCase, findPeer
from .running import ROOT, freePort, waitFor

PAGE = ROOT / "doc/tutorial/submission.rst"

#: What is begun, and done again: a block of the page and the text in front of it.
_BLOCK = re.compile(r"\.\. code-block:: (\w+)\n\n((?: {3}.*\n|\n)+)")
_FILE = re.compile(r"Write a file ``([^`]+)``:\s*\Z")

#: Ports that the lesson has.
PORTS = ("5587", "4465", "8025")

#: What is run before each block: programs end at the first thing that goes wrong.
_BEFORE = "set -e -o pipefail; PATH={bin}:$PATH\n"


@frozen
class Block:
    """
    A block of the page.

    @ivar language: what it is in.
    @ivar text: what it says.
    @ivar file: the file that it is to be; L{None}: none.
    """

    language: str
    text: str
    file: str | None


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in order."""
    found = []
    for match in _BLOCK.finditer(page):
        named = _FILE.search(page[: match.start()])
        text = textwrap.dedent(match[2])
        found.append(Block(match[1], text, None if named is None else named[1]))
    return found


class LessonTests(InteropTestCase):
    """A new operator follows the page."""

    def prepare(self) -> None:
        """A folder, and the programs of smtpx that are under test."""
        for program in ("openssl", "curl"):
            findPeer(program, program)
        self.folder = Path(self.mktemp()).absolute()
        programs = self.folder / "bin"
        programs.mkdir(parents=True)
        for name, code in (
            ("smtpx", "from smtpx.commands.main import main; sys.exit(main())"),
            ("twistd", "from twisted.scripts.twistd import run; run()"),
        ):
            words = shlex.join([sys.executable, "-c", f"import sys; {code}"])
            (programs / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            (programs / name).chmod(0o755)
        self.before = _BEFORE.format(bin=shlex.quote(str(programs)))
        self.addCleanup(self.end)

    def end(self) -> None:
        """Whatever was started is ended, if the lesson did not get so far."""
        pid = self.folder / "twistd.pid"
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGKILL)

    def do(self, command: str) -> str:
        """Run a block; gives what it printed."""
        done = subprocess.run(
            ["bash", "-c", self.before + command],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=CLIENT_SECONDS,
            check=False,
        )
        said = done.stdout.decode("utf-8", "replace")
        self.assertEqual(done.returncode, 0, f"{command}\n{said}")
        return said

    def test_lesson(self) -> None:
        """All of it works, and says what the page says."""
        self.prepare()
        page, others = PAGE.read_text("utf-8"), [str(freePort()) for _ in PORTS]
        for port, other in zip(PORTS, others, strict=True):
            page = page.replace(port, other)
        said = ""
        for block in blocks(page):
            if "pip install" in block.text:
                continue
            if block.file is not None:
                (self.folder / block.file).write_text(block.text.strip() + "\n")
            elif block.language != "sh":
                self.assertTold(block.text, said)
            else:
                if "/new/*" in block.text:
                    waitFor(lambda: len(self.inboxes()) == 2, "two messages")
                said = self.do(block.text)
                if block.text.startswith("twistd"):
                    waitFor(lambda: all(map(listens, others)), "a server")
        waitFor(lambda: not (self.folder / "twistd.pid").exists(), "the end")

    def inboxes(self) -> list[Path]:
        """The messages that were delivered."""
        return list(self.folder.glob("mail/*/new/*"))

    def assertTold(self, wanted: str, said: str) -> None:
        """
        Was there everything that the page shows, in that order?  C{...} stands for
        whatever there is.
        """
        parts = re.split(r"\.\.\.\n?|\n", wanted.strip() + "\n")
        position = 0
        for part in filter(None, parts):
            position = said.find(part, position)
            self.assertGreaterEqual(position, 0, f"{part!r} is not in\n{said}")
            position += len(part)


def listens(port: str) -> bool:
    """Does somebody listen there?"""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0
