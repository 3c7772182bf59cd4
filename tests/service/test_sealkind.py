"""
Tests for L{smtpx.service.sealkind}, and for routes that seal.
"""

from __future__ import annotations

from smtpx.mailauth.dkimsignature import KeyName
from smtpx.service.sealkind import MONTH_SECONDS, Sealing
from smtpx.service.wiring.arc import sealerName, sealTerms
from tests.mailauth.dkimmail import RSA_PEM

from .test_routes import RouteTestCase

_ROUTE = "[[route]]\nmatch = ['*']\ntransport = '{}'\narc_sign = '{}'\n"

_LOOKS = "[authentication]\nchecks = ['arc']\n"


class ARCSignTests(RouteTestCase):
    """Routes that seal."""

    def setUp(self) -> None:
        """A key."""
        super().setUp()
        path = self.site.folder / "seal.pem"
        path.write_bytes(RSA_PEM)
        path.chmod(0o600)

    def wrong(self, value: str, transport: str = "smtp") -> list[str]:
        """What is wrong with a value."""
        return self.faults(_ROUTE.format(transport, value) + _LOOKS)

    def test_good(self) -> None:
        """A domain, a selector and a key, with options or without."""
        for value, life, until in (
            ("Example.org:S1:seal.pem", None, None),
            (" example.org : s1 : seal.pem : timestamps", None, None),
            ("example.org:s1:seal.pem:timestamps, expire", MONTH_SECONDS, None),
            ("example.org:s1:seal.pem:expire=+60", 60, None),
            ("example.org:s1:seal.pem:expire = 1999999999", None, 1_999_999_999),
            ("example.org:s1:seal.pem:", None, None),
        ):
            self.assertEqual(self.wrong(value), [], value)
            configuration = self.read(_ROUTE.format("smtp", value))
            assert configuration.routes is not None
            sign = configuration.routes[0].arcSign
            assert sign is not None
            self.assertEqual(sign.file, self.site.folder / "seal.pem")
            self.assertEqual((sign.lifeSeconds, sign.until), (life, until))
            terms = sealTerms(configuration, "mx.example.org", sign)
            self.assertEqual(terms.key, KeyName(b"example.org", b"s1"))
            self.assertEqual(terms.authservId, b"example.org")
            self.assertEqual((terms.lifeSeconds, terms.until), (life, until))
            self.assertEqual(sealerName(sign), value.encode())

    def test_whoseResults(self) -> None:
        """Those of the domain, of the server, and of its other names."""
        value = _ROUTE.format("smtp", "example.org:s1:seal.pem")
        for text, name in (
            ("", b"mx.example.org"),
            ("[authentication]\nauthserv_id = 'a.example'\n", b"a.example"),
            ("[authentication]\nown_names = ['b.example']\n", b"b.example"),
        ):
            configuration = self.read(text + value)
            assert configuration.routes is not None
            sign = configuration.routes[0].arcSign
            assert sign is not None
            ours = sealTerms(configuration, "mx.example.org", sign).ours
            self.assertTrue(ours.has(name))
            self.assertTrue(ours.has(b"example.org"))
            self.assertFalse(ours.has(b"c.example"))

    def test_wrong(self) -> None:
        """What is no such value is told."""
        for value, why in (
            ("example.org:s1", "expected"),
            ("example.org:s1:", "expected"),
            ("example.org:s1:a:b:c", "expected"),
            ("localhost:s1:seal.pem", '"localhost" is no domain'),
            ("a b.example:s1:seal.pem", '"a b.example" is no domain'),
            ("\u2603.example:s1:seal.pem", "is no domain"),
            ("example.org:-:seal.pem", '"-" is no selector'),
            ("example.org:s1:seal.pem:expires", 'no option "expires"'),
            ("example.org:s1:nowhere.pem", "nowhere.pem: cannot be read"),
        ):
            faults = self.wrong(value)
            self.assertEqual(len(faults), 1, faults)
            self.assertTrue(faults[0].startswith(":4: route[0].arc_sign: "), faults)
            self.assertIn(why, faults[0])
        line = "arc_sign = 1\n"
        (fault,) = self.faults(_ROUTE.format("smtp", "x").rpartition("arc")[0] + line)
        self.assertIn("expected", fault)

    def test_otherTransports(self) -> None:
        """Only what leaves is sealed."""
        (fault,) = self.wrong("example.org:s1:seal.pem", "maildir")
        self.assertIn('this is for "smtp"', fault)

    def test_spelled(self) -> None:
        """It is shown as it was written."""
        value = "example.org : s1 : seal.pem : expire"
        configuration = self.read(_ROUTE.format("smtp", value))
        assert configuration.routes is not None
        sign = configuration.routes[0].arcSign
        assert sign is not None
        self.assertEqual(Sealing().spell(sign), f'"{value}"')
        self.assertEqual(sealerName(None), b"")
