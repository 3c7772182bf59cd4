"""
Tests for L{smtpx.commands.dkim}.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import dkim
from smtpx.mailauth.dkimkey import readKey
from smtpx.mailauth.dkimsignature import Algorithm
from smtpx.mailauth.signingkey import samePair
from smtpx.policy.signingkeys import readKeyFile
from smtpx.testing.dns import StaticResolver
from tests.mailauth.dkimmail import ED25519_PEM, ED25519_RECORD, RSA_RECORD

from .sendcases import SendTestCase
from .terminals import Ran, Terminal


def ran(*words: str) -> Ran:
    """Run the command."""
    return Terminal(interactive=False).run("dkim", *words)


class KeygenTests(SynchronousTestCase):
    """C{smtpx dkim keygen}."""

    def setUp(self) -> None:
        """A place for the key."""
        self.path = Path(self.mktemp())

    def made(self, *words: str) -> Ran:
        """Make a key of example.org."""
        return ran("keygen", "--file", str(self.path), *words, "Example.org", "s1")

    def test_key(self) -> None:
        """It is there for its owner alone, and what is printed is its record."""
        for words, algorithm, bits in (
            (("--bits", "1024"), Algorithm.RSA, 1024),
            ((), Algorithm.RSA, 2048),
            (("--type", "ed25519"), Algorithm.ED25519, 256),
        ):
            self.path.unlink(missing_ok=True)
            told = self.made(*words)
            self.assertEqual((told.status, told.err), (0, ""))
            self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
            key = readKeyFile(self.path)
            self.assertEqual((key.algorithm, key.bits), (algorithm, bits))
            zone = told.out[: told.out.index("Configuration:")]
            self.assertIn("s1._domainkey.example.org. IN TXT ", zone)
            strings = re.findall(r'"([^"]*)"', zone)
            self.assertTrue(all(len(each) <= 255 for each in strings))
            self.assertEqual("(" in zone, len(strings) > 1)
            public = readKey("".join(strings).encode()).keyFor(algorithm)
            self.assertTrue(samePair(key, public))

    def test_nothingIsWrittenOver(self) -> None:
        """A key that is lost is lost."""
        self.path.write_text("x")
        told = self.made()
        self.assertEqual(
            (told.status, told.err), (1, f"smtpx: {self.path}: File exists\n")
        )
        self.assertEqual(self.path.read_text(), "x")

    def test_commandLines(self) -> None:
        """What makes no sense is told."""
        for words, why in (
            (("keygen",), "which domain, and which selector?"),
            (("keygen", "a..b", "s"), '"a..b" and "s" name no key'),
            (("keygen", "localhost", "s"), '"localhost" and "s" name no key'),
            (("keygen", "a.example", "s é"), '"a.example" and "s é" name no key'),
            (("keygen", "-t", "dsa", "a.b", "s"), '--type is "rsa" or "ed25519"'),
            (("keygen", "-b", "512", "a.b", "s"), "--bits is one of 1024, 2048"),
            ((), "which command?  See 'smtpx dkim --help'"),
        ):
            told = ran(*words)
            self.assertEqual(told.status, 2)
            self.assertIn(why, told.err)


class CheckTests(SendTestCase):
    """C{smtpx dkim check}."""

    def told(self, record: str, *options: str) -> Ran:
        """
        What is said of a key.

        @param record: what the DNS has; empty: nothing.
        @param options: more of the key.
        """
        path = Path(self.mktemp()).absolute()
        path.write_bytes(ED25519_PEM)
        path.chmod(0o600)
        zone = StaticResolver(
            f's1._domainkey.example.org TXT "{record}"' if record else ""
        )
        machine = evolve(self.stage.machine(), resolver=zone)
        self.patch(dkim, "theMachine", lambda: machine)
        lines = (
            "[[dkim.key]]",
            "domain = 'example.org'",
            "selector = 's1'",
            f"file = '{path}'",
            *options,
        )
        return ran("check", "--config", self.file("\n".join(lines)))

    def test_record(self) -> None:
        """It has to be that of the key, and to let it sign."""
        record = ED25519_RECORD.decode("ascii")
        told = self.told(record)
        good = "s1._domainkey.example.org: good\n"
        self.assertEqual((told.status, told.out, told.err), (0, good, ""))
        other = record.replace("11q", "22q")
        below = "identity = '@a.example.org'"
        for changed, options, why in (
            ("", (), "there is no such key"),
            (other, (), "the record is that of another key"),
            (RSA_RECORD.decode(), (), "the key is for another algorithm"),
            (record + "; h=sha1", (), "the key is for other hashes"),
            (record + "; t=y", (), "the record has t=y: nobody heeds the signatures"),
            (
                record + "; t=s",
                (below,),
                "the record has t=s, and the identity is below the domain",
            ),
        ):
            told = self.told(changed, *options)
            self.assertEqual(told.out, f"s1._domainkey.example.org: {why}\n")
            self.assertEqual(
                (told.status, told.err), (1, "smtpx: 1 of 1 keys cannot be used yet\n")
            )

    def test_identityAtTheDomain(self) -> None:
        """Goes with C{t=s}."""
        record = ED25519_RECORD.decode("ascii") + "; t=s"
        self.assertEqual(self.told(record, "identity = '@example.org'").status, 0)

    def test_noKey(self) -> None:
        """There is nothing to be asked."""
        told = ran("check", "--config", self.file(""))
        why = "smtpx: there is no key in the configuration\n"
        self.assertEqual((told.status, told.err), (1, why))

    def test_configuration(self) -> None:
        """Has to be of use, and so do the keys."""
        self.assertEqual(ran("check", "--config", "none.toml").status, 1)
        text = "[[dkim.key]]\ndomain = 'a.b'\nselector = 's'\nfile = 'none'\n"
        machine = evolve(self.stage.machine(), resolver=StaticResolver(""))
        self.patch(dkim, "theMachine", lambda: machine)
        told = ran("check", "--config", self.file(text))
        self.assertEqual(told.status, 1)
        self.assertIn("cannot be read", told.out)
