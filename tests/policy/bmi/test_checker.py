"""
Tests for L{smtpx.policy.bmi.checker}.
"""

from __future__ import annotations

from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import UsageError
from smtpx.extensions.bmi import (
    BMI_OPTIN,
    BMI_RUN,
    BMI_VERDICT,
    BMIDelivery,
    BMIVerdict,
    deliversDefault,
)
from smtpx.policy.bmi.checker import BMIChecker, scannerFrom
from smtpx.policy.bmi.interfaces import BMIMessage, BMIRecipient
from smtpx.policy.checkers.interfaces import IChecker, Message, Opinion, Terms

from ..doubles import sessionFrom
from .scanners import FieldScanner, Unlucky

BODY = b"X-Fake-BMI: default\r\nX-Fake-BMI: strict=drop rules=5\r\n\r\nbody\r\n"


class NamedScannerTests(SynchronousTestCase):
    """Scanners that somebody names in the configuration."""

    def test_made(self) -> None:
        """A class or function gets the name of a configuration file."""
        for found in (FieldScanner, lambda path: FieldScanner(path)):
            made = scannerFrom("m:E", found, "/etc/scanner.cfg")
            assert isinstance(made, FieldScanner)
            self.assertEqual(made.configFile, "/etc/scanner.cfg")

    def test_there(self) -> None:
        """A scanner is one."""
        scanner = FieldScanner()
        self.assertIs(scannerFrom("m:scanner", scanner, ""), scanner)

    def test_none(self) -> None:
        """Anything else is not, and its name is told."""
        for found in (17, lambda path: 17, str):
            error = self.assertRaises(UsageError, scannerFrom, "m:x", found, "")
            self.assertIn("m:x", str(error))


class CheckerTests(SynchronousTestCase):
    """Messages that a scanner scans."""

    def setUp(self) -> None:
        """A message for two."""
        self.scanner = FieldScanner()
        self.session = sessionFrom(name=b"c.example")
        self.session.helo = b"helo.example"
        self.ann = Recipient(b"ann@example.org")
        self.bob = Recipient(b"bob@example.org")
        self.bob.stamps[BMI_OPTIN] = ("strict",)
        self.envelope = Envelope(b"a@b.example", 0.0, [self.ann, self.bob])
        self.envelope.stamps[BMI_RUN] = True

    def checker(self, scanner: object = None) -> BMIChecker:
        """A checker whose scanner answers at once."""
        made = scannerFrom("m:e", scanner or self.scanner, "")
        return BMIChecker(made, maybeDeferred, Terms())

    def test_notForEach(self) -> None:
        """A message of which no rule says so is not scanned."""
        del self.envelope.stamps[BMI_RUN]
        checker = self.checker()
        verifyObject(IChecker, checker)
        self.assertIsNone(
            checker.begin(self.session, self.envelope, Message("id", None))
        )
        self.assertEqual(self.scanner.told, [])

    def test_verdicts(self) -> None:
        """Each recipient has its own, by its own features."""
        check = self.checker().begin(self.session, self.envelope, Message("id", None))
        assert check is not None
        check.write(BODY)
        found = self.successResultOf(check.finish())
        self.assertEqual(found, Opinion(found={"bmi": "default, drop"}))
        self.assertEqual(self.ann.stamp(BMI_VERDICT), BMIVerdict())
        dropped = BMIVerdict(BMIDelivery.DROP, rules=(5,))
        self.assertEqual(self.bob.stamp(BMI_VERDICT), dropped)
        self.assertEqual(
            self.scanner.messages,
            [
                BMIMessage(
                    "id",
                    b"192.0.2.1",
                    b"c.example",
                    b"helo.example",
                    b"a@b.example",
                    (
                        BMIRecipient(b"ann@example.org"),
                        BMIRecipient(b"bob@example.org", ("strict",)),
                    ),
                )
            ],
        )

    def test_fails(self) -> None:
        """Without a verdict the message goes as if nobody had scanned it."""
        scanner = Unlucky("finish")
        check = self.checker(scanner).begin(
            self.session, self.envelope, Message("", None)
        )
        assert check is not None
        self.failureResultOf(check.finish(), RuntimeError)
        self.assertTrue(deliversDefault(self.ann))

    def test_close(self) -> None:
        """A scanner is told when the server stops, if it wants to know."""
        done = self.checker().close()
        assert done is not None
        self.successResultOf(done)
        self.assertEqual(self.scanner.told, ["close"])
        self.assertIsNone(self.checker(Unlucky("")).close())
