"""
Tests for L{smtpx.service.wiring.inquiries}: mail that waits is sent when somebody says
that he is back.
"""

from __future__ import annotations

from .made import HouseTestCase

ETRN = {"ETRN": {"hosts": ["*"]}}


class EtrnTests(HouseTestCase):
    """A house that keeps mail for others."""

    def say(self, *commands: bytes) -> list[bytes]:
        """What is said to each of these."""
        call = self.site.call()
        self.hello = call.say(b"EHLO c.example\r\n")
        return [call.say(each + b"\r\n") for each in commands]

    def test_relayedDomains(self) -> None:
        """It is offered for those domains, and nothing waits yet."""
        self.start(relay={"domains": ["branch.example"]}, extensions=ETRN)
        said = self.say(b"ETRN branch.example", b"ETRN localhost.example")
        self.assertIn(b"ETRN", self.hello)
        self.assertEqual(
            said[0],
            b"251 2.0.0 OK, no messages waiting for node branch.example\r\n",
        )
        self.assertEqual(said[1][:9], b"459 4.7.1")

    def test_nobody(self) -> None:
        """Without anybody who may ask it is not there."""
        self.start(relay={"domains": ["branch.example"]})
        self.assertEqual(self.say(b"ETRN branch.example")[0][:3], b"500")

    def test_afterTheEnd(self) -> None:
        """Once the house is left, nothing is begun."""
        self.start(relay={"domains": ["branch.example"]}, extensions=ETRN)
        call = self.site.call()
        call.say(b"EHLO c.example\r\n")
        self.stop()
        self.assertNotIn(b"253", call.say(b"ETRN branch.example\r\n"))
