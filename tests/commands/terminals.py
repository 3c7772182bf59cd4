"""
A terminal that a test types on.
"""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

from attrs import define, field

from smtpx.commands.console import Console
from smtpx.commands.main import main


@define
class Terminal:
    """
    What stands for a terminal.

    @ivar typed: what is typed where something secret is asked for, in order.
    @ivar line: the first line of the input.
    @ivar interactive: is somebody there?
    @ivar prompts: what was asked.
    """

    typed: list[str] = field(factory=list)
    line: bytes = b""
    interactive: bool = True
    prompts: list[str] = field(factory=list)

    def run(self, *argv: str, secret: Callable[[str], str] | None = None) -> Ran:
        """Run C{smtpx} with these arguments."""
        out, err = StringIO(), StringIO()
        console = Console(
            out, err, lambda: self.line, secret or self._secret, self.interactive
        )
        status = main(argv, console)
        return Ran(status, out.getvalue(), err.getvalue())

    def _secret(self, prompt: str) -> str:
        self.prompts.append(prompt)
        if not self.typed:
            raise EOFError
        return self.typed.pop(0)


@define
class Ran:
    """
    What came of a command.

    @ivar status: its exit status.
    @ivar out: what it was asked for.
    @ivar err: what went wrong.
    """

    status: int
    out: str
    err: str
