"""
Tests for L{smtpx.service.wiring.owners}: who knows since when mailboxes have their
owners.
"""

from __future__ import annotations

from pathlib import Path

from .made import HouseTestCase

ASK = b" RRVS=2014-04-03T23:01:00Z\r\n"


class OwnersTests(HouseTestCase):
    """A house that knows its people."""

    def say(self, *paths: bytes) -> list[bytes]:
        """What is said to each of these at RCPT, of whom it is asked."""
        call = self.site.call()
        self.hello = call.say(b"EHLO c.example\r\n")
        call.say(b"MAIL FROM:<a@b.example>\r\n")
        said = [call.say(b"RCPT TO:<" + path + b">" + ASK) for path in paths]
        return [each[:10].rstrip() for each in said]

    def owners(self, text: str) -> str:
        """A file."""
        path = Path(self.mktemp()).absolute()
        path.write_text(text)
        return str(path)

    def test_nobodyKnows(self) -> None:
        """Then it is not offered."""
        self.start()
        self.assertEqual(self.say(b"ann@localhost"), [b"555 5.5.4"])
        self.assertNotIn(b"RRVS", self.hello)

    def test_file(self) -> None:
        """Its addresses had another owner; those of aliases count as well."""
        text = "ann@localhost 2020-01-01\nlocalhost 2001-01-01\ninfos@localhost unknown"
        aliases = Path(self.mktemp()).absolute()
        aliases.write_text("infos: bob\n")
        self.start(
            local={
                "owners_since_file": self.owners(text),
                "addresses": ["ann@localhost", "bob@localhost"],
                "unknown": "refuse",
            },
            aliases={"files": [str(aliases)]},
        )
        self.assertEqual(
            self.say(
                b"ann@localhost",
                b"bob@localhost",
                b"infos@localhost",
                b"eve@localhost",
            ),
            [b"550 5.7.17", b"250 2.0.0", b"550 5.7.19", b"550 5.1.1"],
        )
        self.assertIn(b"RRVS", self.hello)

    def test_python(self) -> None:
        """Somebody's function is asked."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "smtpx_test_owners.py").write_text(
            "def kept(path, since):\n    return path == b'ann@localhost'\n"
        )
        self.start(
            python_path=[str(folder)],
            local={"owners_python": "smtpx_test_owners:kept"},
        )
        self.assertEqual(
            self.say(b"ann@localhost", b"bob@localhost"), [b"250 2.0.0", b"550 5.7.17"]
        )
