"""
Tests for L{smtpx.commands.srs}.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.console import Console
from smtpx.commands.main import main
from smtpx.mailauth.srs import SRS

TABLE = (
    "local.domains = ['example.org', 'old.example']\n[srs]\ndomain = 'example.org'\n"
)


class SRSCommandTests(SynchronousTestCase):
    """What is printed."""

    def setUp(self) -> None:
        """A configuration with a secret."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.secret = self.folder / "secret"
        self.secret.write_text("top secret\n")
        self.secret.chmod(0o600)
        self.write(f"{TABLE}secrets_file = '{self.secret}'\n")
        self.srs = SRS((b"top secret",))
        self.made = self.srs.rewritten(b"ann@a.example", b"example.org", time.time())

    def write(self, text: str) -> None:
        """The configuration."""
        self.file = self.folder / "smtpx.toml"
        self.file.write_text(text)

    def said(self, command: str, *words: str, status: int = 0) -> str:
        """What the command says."""
        out, err = io.StringIO(), io.StringIO()
        console = Console(out, err, lambda: b"", lambda text: "", False)
        argv = ["srs", command, "--config", str(self.file), *words]
        self.assertEqual(main(argv, console), status, err.getvalue())
        told = out.getvalue() + err.getvalue()
        self.assertNotIn("secret\n", told.replace("--config", ""))
        return told

    def test_thereAndBack(self) -> None:
        """
        What a sender becomes leads back to him, a line each; brackets do no harm, and
        a sender of ours stays.
        """
        said = self.said("encode", "ann@a.example", "<bob@b.example>", "x@example.org")
        lines = said.splitlines()
        self.assertRegex(lines[0], r"\ASRS0=.{4}=..=a.example=ann@example.org\Z")
        self.assertEqual(lines[2], "x@example.org")
        self.assertEqual(
            self.said("decode", *lines[:2]), "ann@a.example\nbob@b.example\n"
        )

    def test_leadsToNobody(self) -> None:
        """
        What is wrong with an address is said, and others are told all the same.
        """
        good, long = self.made.decode(), "a" * 60 + "@a.example"
        forged = good.replace("=ann", "=eve")
        aged = self.srs.rewritten(
            b"ann@a.example", b"example.org", time.time() - 30 * 86400
        ).decode()
        for address, why in (
            (forged, "its signature is not ours"),
            (aged, "it is too old"),
            ("SRS0=x@example.org", "it is not an address as SRS makes them"),
            ("ann@example.org", "no such address at one of the domains of [srs]"),
        ):
            self.assertEqual(
                self.said("decode", address, good, status=1),
                f"ann@a.example\nsmtpx: {address}: {why}\n",
            )
        self.assertEqual(
            self.said("encode", long, status=1),
            f"smtpx: {long}: local part longer than 64 octets\n",
        )

    def test_leadsToAnotherForwarder(self) -> None:
        """
        An address of a second forwarder leads to the first, which may be ourselves, and
        then to the sender, or to nobody.
        """
        file = f"secrets_file = '{self.secret}'\n"
        self.write(f"{TABLE}{file}former_domains = ['old.example']\n")
        for host, lines, status in (
            (b"o.test", "SRS0=bad0=AA=b=x@o.test\n", 0),
            (b"old.example", "550 5.7.1 That address was not made here\n", 1),
        ):
            first = b"SRS0=bad0=AA=b=x@" + host
            made = self.srs.rewritten(first, b"example.org", time.time()).decode()
            said = self.said("decode", made, status=status)
            self.assertEqual(said.removeprefix(f"smtpx: {made}: "), lines)

    def test_ofNoUse(self) -> None:
        """
        What is no address, a configuration without SRS and one with a file that others
        may read are told.
        """
        self.assertIn("is no address", self.said("encode", "ann@", status=2))
        self.assertIn("which address?", self.said("decode", status=2))
        self.secret.chmod(0o644)
        self.assertIn("others may read it", self.said("encode", "a@b.test", status=1))
        self.write("")
        self.assertIn("srs.domain is not given", self.said("encode", "a@b", status=1))

    def test_whichCommand(self) -> None:
        """
        There are two commands, and one has to be said.
        """
        err = io.StringIO()
        console = Console(io.StringIO(), err, lambda: b"", lambda text: "", False)
        self.assertEqual(main(["srs"], console), 2)
        self.assertIn("which command?", err.getvalue())
