"""
Tests for L{smtpx.tls.openssl}.
"""

from __future__ import annotations

from typing import cast

from OpenSSL import SSL
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from smtpx.tls import openssl


class BindingTests(SynchronousTestCase):
    """Looking up private bindings."""

    def test_whatIsThereIsFound(self) -> None:
        """
        A binding that is there is returned, and nothing is logged.
        """
        with capturedLogs() as logs:
            self.assertIs(openssl.binding(str, "upper", "everything"), str.upper)
        self.assertEqual(logs, [])

    def test_whatIsMissingIsToldOnce(self) -> None:
        """
        The log has one line that says what is lost.
        """
        for library in (object(), None):
            with capturedLogs() as logs:
                self.assertIs(openssl.binding(library, "SSL_magic", "no magic"), None)
            [event] = logs
            self.assertEqual(event["log_level"], LogLevel.warn)
            self.assertEqual((event["name"], event["cost"]), ("SSL_magic", "no magic"))

    def test_allOfThisVersionAreThere(self) -> None:
        """
        The pyOpenSSL that the tests run with has all that is used.
        """
        for name in ("_sessionReused", "_extendedMaster", "_verifyText"):
            self.assertIsNot(getattr(openssl, name), None)

    def test_safeAnswersWithoutBindings(self) -> None:
        """
        Without its binding each function gives the answer that trusts least.
        """
        connection = SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD), None)
        nothing = cast(SSL.Connection, object())
        self.assertFalse(openssl.resumed(nothing))
        self.assertFalse(openssl.extendedMasterSecret(nothing))
        for name in ("_sessionReused", "_extendedMaster", "_verifyText"):
            self.patch(openssl, name, None)
        self.assertFalse(openssl.resumed(connection))
        self.assertFalse(openssl.extendedMasterSecret(connection))
        self.assertEqual(openssl.verifyProblem(10), "certificate verification error 10")

    def test_problemsHaveWords(self) -> None:
        """
        OpenSSL's codes are told in its words.
        """
        self.assertEqual(openssl.verifyProblem(10), "certificate has expired")
