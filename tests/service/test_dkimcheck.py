"""
Tests for L{smtpx.service.dkimcheck} and the table C{[dkim]}.
"""

from __future__ import annotations

from pathlib import Path

from smtpx.mailauth.canonical import Form
from smtpx.mailauth.dkimsign import OVERSIGNED_FIELDS, SIGNED_FIELDS, SignTerms
from smtpx.mailauth.dkimsignature import KeyName
from smtpx.service.config import readConfiguration
from smtpx.service.wiring.dkim import keyEntries
from tests.mailauth.dkimmail import ED25519_PEM, RSA_PEM

from .made import FOUND
from .test_routes import RouteTestCase

_KEY = "[[dkim.key]]\ndomain = 'example.org'\nselector = 's1'\nfile = 'good.pem'\n"


class DKIMTests(RouteTestCase):
    """Keys of a configuration."""

    def setUp(self) -> None:
        """A good key, and one for everybody."""
        super().setUp()
        for name, pem, mode in (
            ("good.pem", RSA_PEM, 0o600),
            ("open.pem", ED25519_PEM, 0o644),
        ):
            path = self.site.folder / name
            path.write_bytes(pem)
            path.chmod(mode)

    def test_goodKeys(self) -> None:
        """Nothing is wrong; two may share a file."""
        other = _KEY.replace("s1", "s2")
        self.assertEqual(self.faults(_KEY + other + "sign = false\n"), [])

    def test_sealsOfWhatStrangersSay(self) -> None:
        """Nobody seals where nobody takes out what strangers write in our name."""
        seals = (
            "[[route]]\nmatch = ['*']\ntransport = 'smtp'\n"
            "arc_sign = 'example.org : s1 : good.pem'\n"
        )
        [problem] = self.faults(seals)
        said = ":4: route[0].arc_sign: this would seal what strangers say in our name"
        self.assertIn(said, problem)
        looks = "[authentication]\nchecks = ['spf']\n"
        self.assertEqual(self.faults(seals + looks), [])

    def test_files(self) -> None:
        """What is wrong with one is told with its line."""
        folder = self.site.folder
        for name, why in (
            (
                "none.pem",
                f"{folder}/none.pem: cannot be read: No such file or directory",
            ),
            (
                "open.pem",
                f"{folder}/open.pem: everybody may read it; chmod 600"
                f" {folder}/open.pem, and better make a new key",
            ),
            ("x.toml", f"{folder}/x.toml: everybody may read it; chmod 600"),
        ):
            faults = self.faults(_KEY.replace("good.pem", name))
            self.assertEqual(len(faults), 1)
            self.assertTrue(
                faults[0].startswith(f":4: dkim.key[0].file: {why}"), faults
            )

    def test_selectorsAreDistinct(self) -> None:
        """One name is of one key."""
        self.assertEqual(
            self.faults(_KEY + _KEY),
            [
                ":7: dkim.key[1].selector: s1._domainkey.example.org is another key"
                " already"
            ],
        )

    def test_values(self) -> None:
        """What no key can have is refused."""
        for line, why in (
            ("domain = 'localhost'", '"localhost" is no domain'),
            ("domain = 'a b.example'", '"a b.example" is no domain'),
            ("domain = '\u00e4 b.example'", '"\u00e4 b.example" is no domain'),
            ("selector = '-x'", '"-x" is no selector: letters, digits, "-" and "."'),
            ("domains = ['*']", '"*" is no domain'),
            ("identity = 'a@b.example'", "is no address at example.org or below"),
            ("identity = 'a'", "is no address at example.org or below"),
            ("identity = 'a b@example.org'", "is no address: "),
            ("signed_fields = ['a:b']", '"a:b" is no name of a field'),
            ("signed_fields = ['Received']", "Received is changed on the way"),
            ("oversigned_fields = ['BCC']", "BCC is changed on the way"),
            ("canonicalization = 'relaxed'", "expected one of"),
            ("expire = 5", "expected a number of at least"),
        ):
            option = line.partition(" ")[0]
            text = "".join(
                each + "\n"
                for each in [*_KEY.splitlines(), line]
                if each is line or not each.startswith(option + " ")
            )
            faults = self.faults(text)
            self.assertEqual(len(faults), 1, text)
            self.assertIn(why, faults[0])

    def test_termsOfAKey(self) -> None:
        """As the configuration has them."""
        file = self.site.folder / "x.toml"
        file.write_text(
            _KEY + "domains = ['Example.org', '*.b\u00fccher.example']\n"
            "identity = 'joe@a.example.org'\n"
            "canonicalization = 'relaxed/simple'\n"
            "signed_fields = ['To']\n"
            "oversigned_fields = ['From', 'X-Mark']\n"
            "expire = '14 d'\n",
            "utf-8",
        )
        (entry,) = keyEntries(readConfiguration(file, FOUND))
        self.assertEqual(entry.domains, (b"example.org", b"*.xn--bcher-kva.example"))
        self.assertEqual(
            entry.terms,
            SignTerms(
                KeyName(b"example.org", b"s1"),
                (b"to",),
                (b"from", b"x-mark"),
                Form.RELAXED,
                Form.SIMPLE,
                b"joe@a.example.org",
                14 * 86400,
            ),
        )

    def test_usualTerms(self) -> None:
        """Those of the room, which are not said again."""
        file = Path(self.site.folder / "x.toml")
        file.write_text(_KEY + "[[dkim.key]]\nsign = false\n" + _KEY[13:])
        (entry,) = keyEntries(readConfiguration(file, FOUND))
        name = KeyName(b"example.org", b"s1")
        terms = SignTerms(name, SIGNED_FIELDS, OVERSIGNED_FIELDS)
        self.assertEqual(entry.terms, terms)
