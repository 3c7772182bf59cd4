"""
Scanners for tests.  No real one was ever there: nobody has it any more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from zope.interface import implementer

from smtpx.extensions.bmi import BMIDelivery, BMIVerdict
from smtpx.policy.bmi.interfaces import BMIMessage, IBMIScan, IBMIScanner

_FIELD = re.compile(rb"^X-Fake-BMI: ([^\r\n]*)\r\n", re.MULTILINE)


@implementer(IBMIScan)
class FieldScan:
    """
    Reads the verdicts from the fields C{X-Fake-BMI} of a message: the text of a
    verdict as the spool has it, for each recipient whose features have the word in
    front of it, or for all::

        X-Fake-BMI: drop rules=5
        X-Fake-BMI: strict=drop rules=5
    """

    def __init__(self, scanner: FieldScanner, message: BMIMessage) -> None:
        self.message = message
        self._scanner = scanner
        self._octets = b""

    def write(self, octets: bytes) -> None:
        """See L{IBMIScan}."""
        self._scanner.told.append("write")
        self._octets += octets

    def finish(self) -> Sequence[BMIVerdict]:
        """See L{IBMIScan}."""
        self._scanner.told.append("finish")
        self._scanner.bodies.append(self._octets)
        return [self._verdict(each.optin) for each in self.message.recipients]

    def _verdict(self, optin: Sequence[str]) -> BMIVerdict:
        found = BMIVerdict()
        for text in _FIELD.findall(self._octets):
            feature, equals, rest = text.decode("ascii").partition("=")
            if not equals or " " in feature:
                found = BMIVerdict.load(text.decode("ascii"))
            elif feature in optin:
                found = BMIVerdict.load(rest)
        return found

    def abort(self) -> None:
        """See L{IBMIScan}."""
        self._scanner.told.append("abort")


@implementer(IBMIScanner)
class FieldScanner:
    """
    Makes scans that read a header field.

    @ivar configFile: what it was given.
    @ivar told: what it and its scans were called for.
    @ivar messages: those that it was to scan.
    @ivar bodies: what came of those that came to their ends.
    """

    def __init__(self, configFile: str = "") -> None:
        self.configFile = configFile
        self.told: list[str] = []
        self.messages: list[BMIMessage] = []
        self.bodies: list[bytes] = []

    def begin(self, message: BMIMessage) -> FieldScan:
        """See L{IBMIScanner}."""
        self.told.append("begin")
        self.messages.append(message)
        return FieldScan(self, message)

    def close(self) -> None:
        """See L{IBMIScanner}."""
        self.told.append("close")


class Unlucky:
    """
    A scanner that raises an exception in one of its methods.
    """

    def __init__(self, where: str) -> None:
        self._where = where

    def _step(self, name: str) -> None:
        if name == self._where:
            raise RuntimeError(f"{name} fails")

    def begin(self, message: BMIMessage) -> Unlucky:
        """See L{IBMIScanner}."""
        self._step("begin")
        return self

    def write(self, octets: bytes) -> None:
        """See L{IBMIScan}."""
        self._step("write")

    def finish(self) -> Sequence[BMIVerdict]:
        """See L{IBMIScan}."""
        self._step("finish")
        return [BMIVerdict(BMIDelivery.DROP)] if self._where != "count" else []

    def abort(self) -> None:
        """See L{IBMIScan}."""
        self._step("abort")


__all__ = ["FieldScanner", "FieldScan", "Unlucky"]
