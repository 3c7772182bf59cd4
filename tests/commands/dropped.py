"""
A drop folder, and users who submit.
"""

from __future__ import annotations

import io
import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.sendmail import Streams, main
from smtpx.spool.dropfile import Drop, messageOf, readDrop
from smtpx.spool.dropfolder import DropFolder, DropSettings

ANN = pwd.struct_passwd(("ann", "x", 1000, 1000, "Ann Example,,,", "/", ""))


@frozen
class Told:
    """
    What came of a command.

    @ivar status: the exit status.
    @ivar out: on the standard output.
    @ivar err: on the error output.
    """

    status: int
    out: bytes
    err: str


class SendmailTestCase(SynchronousTestCase):
    """A test with a folder, whose server is not running."""

    messageOctets: int | None = 100_000

    def setUp(self) -> None:
        """The server has been there before."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.drop = DropFolder(self.folder / "drop")
        self.drop.make(DropSettings("mx.example.org", self.messageOctets))
        self.operated: list[list[str]] = []
        self.answer = 0
        self.config = self.folder / "smtpx.toml"
        self.config.write_text('state = "."\n')

    def run_(
        self,
        *words: str,
        said: bytes = b"",
        name: str = "/usr/sbin/sendmail",
        environment: Mapping[str, str] | None = None,
        pieces: int = 1 << 16,
        user: pwd.struct_passwd = ANN,
    ) -> Told:
        """
        Call it.

        @param said: what it reads, in C{pieces} of so many octets.
        """
        source, out, err = io.BytesIO(said), io.BytesIO(), io.StringIO()
        given = {"SMTPX_CONFIG": str(self.config)}
        streams = Streams(
            lambda most: source.read(min(most, pieces)),
            out.write,
            err,
            given if environment is None else environment,
            user,
            self.operate,
        )
        status = main([name, *words], streams)
        return Told(status, out.getvalue(), err.getvalue())

    def operate(self, words: Sequence[str]) -> int:
        """What C{smtpx} is told; it does what C{answer} says."""
        self.operated.append(list(words))
        return self.answer

    def sent(
        self, *words: str, said: bytes = b"", pieces: int = 1 << 16
    ) -> tuple[Drop, bytes]:
        """What is in the folder after a call that went well."""
        told = self.run_(*words, said=said, pieces=pieces)
        self.assertEqual((told.status, told.err), (0, ""))
        (found,) = self.taken()
        return found

    def failed(self, *words: str, said: bytes = b"") -> tuple[int, str]:
        """How a call failed, of which nothing is left."""
        told = self.run_(*words, said=said)
        self.assertEqual(os.listdir(self.folder / "drop/new"), [])
        return told.status, told.err.removeprefix("sendmail: ").removesuffix("\n")

    def taken(self) -> list[tuple[Drop, bytes]]:
        """Everything in the folder, which is empty then."""
        found = []
        for name in sorted(self.drop.names(0.0)):
            number = self.drop.open(name)
            drop = readDrop(number, 1 << 40)
            found.append((drop, b"".join(messageOf(number, drop))))
            os.close(number)
            os.unlink(self.folder / "drop/new" / name)
        return found
