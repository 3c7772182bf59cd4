"""
Tests for L{smtpx.service.cautions}.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.cautions import approval, cautions
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.tls.certificates import CertificateFiles
from tests.shortpaths import shortFolder
from tests.tls.identities import ROOT, Identity, made
from tests.tls.joined import pem
from tests.tls.responses import DAY, SECOND, answered, at, kept

from .made import FOUND, NOW, site


class CautionsCase(SynchronousTestCase):
    """A test with a machine."""

    def setUp(self) -> None:
        """A machine whose clock is that of the certificates."""
        self.site = site(self.mktemp())
        self.site.reactor.advance(SECOND.timestamp() - NOW)
        self.file = self.site.folder / "x.toml"

    def told(self, text: str) -> list[str]:
        """What it is told of a configuration with nothing wrong."""
        self.file.write_text(text)
        configuration = readConfiguration(self.file, FOUND)
        self.assertEqual(check(self.site.machine, configuration, FOUND), [])
        known = list(cautions(self.site.machine, configuration))
        return list(approval(configuration, known))

    def kept(self, identity: Identity, response: bytes | None = None) -> str:
        """A configuration with a certificate and a staple."""
        self.files: CertificateFiles = kept(
            self.site.folder / "tls", identity, response
        )
        return (
            "[[tls.certificates]]\n"
            f"certificate = '{self.files.chain}'\n"
            f"key = '{self.files.key}'\n"
        )

    def staple(self) -> str:
        """The line that names the staple."""
        return f"tls_ocsp_file = '{self.files.staple}'\n"


class CautionsTests(CautionsCase):
    """What an operator is told of a configuration that can be used."""

    def test_policiesFromAnywhere(self) -> None:
        """Networks that policies may come from are for tests."""
        told = self.told("[sending]\nmta_sts_allow_networks = ['10.0.0.0/8']\n")
        self.assertIn("warning: ", told[0])
        self.assertIn(":2: sending.mta_sts_allow_networks: whoever writes", told[0])
        told = self.told("[sending]\nmta_sts_allow_networks = ['!10.0.0.0/8']\n")
        self.assertEqual(len(told), 1)

    def test_peers(self) -> None:
        """
        A file of peer knowledge that is of no use is named; without one, nothing is.
        """
        peers = self.site.folder / "peers"
        text = f"state = 'state'\n[peers]\nfile = '{peers}'\n"
        self.assertEqual(self.told(text), [f"{self.file}: nothing is wrong"])
        peers.write_text("not at all")
        why = "what is known of peers would be in memory only"
        self.assertEqual(
            self.told(text)[0],
            f"warning: {self.file}:3: peers.file: {why}: {peers}: no SQLite file",
        )
        text += "persistent = false\n"
        self.assertEqual(self.told(text), [f"{self.file}: nothing is wrong"])
        peers.unlink()
        peers.mkdir()
        told = self.told(f"[peers]\nfile = '{peers}'\n")
        self.assertIn("Is a directory", told[0])

    def test_nothing(self) -> None:
        """
        Where there is nothing to know, that is all that is said.
        """
        identity = made(ROOT)
        good = [f"{self.file}: nothing is wrong"]
        self.assertEqual(self.told(""), good)
        text = self.kept(identity, answered(identity, ROOT))
        self.assertEqual(self.told(text + self.staple()), good)

    def test_dovecot(self) -> None:
        """A Dovecot that is not there: logins would be put off."""
        folder = shortFolder(self)
        self.assertEqual(
            self.told(
                f"[users]\ndovecot = '{folder}/auth-client'\n"
                "[relay]\nauthenticated = false\n"
            ),
            [
                f"warning: {self.file}:2: users.dovecot: logins would be told 454:"
                f" {folder}/auth-client: No such file or directory",
                f"{self.file}: it can be used",
            ],
        )

    def test_room(self) -> None:
        """A disk on which there is less room than has to be left: nothing is taken."""
        lines = self.told(
            "state = 'no/state'\n[limits]\nspool_free_octets = '1000 TB'\n"
        )
        self.assertEqual(lines[1:], [f"{self.file}: it can be used"])
        start = f"warning: {self.file}:3: limits.spool_free_octets: no mail would be"
        self.assertTrue(lines[0].startswith(start), lines[0])
        self.assertIn(f"are left for {self.site.folder}/no/state,", lines[0])

    def test_roomOutOfSight(self) -> None:
        """A folder that this user cannot see into is no reason not to look."""
        exists = Path.exists

        def hidden(path: Path) -> bool:
            if path.name == "state":
                raise PermissionError(13, "Permission denied", str(path))
            return exists(path)

        self.patch(Path, "exists", hidden)
        lines = self.told(
            "state = 'no/state'\n[limits]\nspool_free_octets = '1000 TB'\n"
        )
        self.assertIn(f"are left for {self.site.folder}/no/state,", lines[0])

    def test_staples(self) -> None:
        """
        A staple that would not be sent is told of, with its line; a start does
        without it.
        """
        identity = made(ROOT)
        for response, problem in (
            (None, "No such file or directory"),
            (
                answered(identity, ROOT, begins=-2 * DAY, ends=-DAY),
                "the response expired at " + at(-DAY).strftime("%Y-%m-%d %H:%M:%S UTC"),
            ),
            (answered(made(ROOT), ROOT), "the response is for another certificate"),
        ):
            text = self.kept(identity, response) + self.staple()
            self.assertEqual(
                self.told(text),
                [
                    f"warning: {self.file}:4: tls.certificates[0].tls_ocsp_file:"
                    f" {self.files.staple}: {problem}; no staple would be sent",
                    f"{self.file}: it can be used",
                ],
            )

    def test_certificates(self) -> None:
        """
        So is a certificate whose time is over, or that wants a staple and has none.
        """
        place = f"warning: {self.file}:2: tls.certificates[0].certificate: "
        for identity, word in (
            (made(ROOT, ends=timedelta(hours=-1)), "expired at"),
            (made(ROOT, demands=True), "demands a staple"),
        ):
            [caution, _] = self.told(self.kept(identity))
            self.assertTrue(caution.startswith(place), caution)
            self.assertIn(word, caution)

    def test_clients(self) -> None:
        """
        Certificates are looked at without those of clients.
        """
        trusted = self.site.folder / "clients.pem"
        trusted.write_bytes(pem(ROOT.certificate))
        text = self.kept(made(ROOT))
        text = (
            f"[tls]\nclient_authorities = '{trusted}'\ntls_verify_hosts = ['*']\n"
            + text
        )
        self.assertEqual(self.told(text), [f"{self.file}: nothing is wrong"])


class DropFolderTests(CautionsCase):
    """A folder for mail of users."""

    def test_closedToUsers(self) -> None:
        """They have to be able to go there, if it is meant for them."""
        closed = self.site.folder / "closed"
        closed.mkdir()
        text = f'[sendmail]\nfolder = "{closed}/drop"\n'
        closed.chmod(0o755)
        usual = len(self.told(text))
        closed.chmod(0o700)
        said = self.told(text)
        self.assertEqual(len(said), usual + 1)
        why = f"users cannot submit mail: {closed} is closed to them"
        self.assertIn(why, "\n".join(said))
        self.assertEqual(len(self.told(text + "enabled = false\n")), len(self.told("")))
