"""
Tests for L{smtpx.service.rulecautions}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.config import readConfiguration
from smtpx.service.rulecautions import ruleCautions

from .made import FOUND


class RuleCautionsTests(SynchronousTestCase):
    """What an operator is told of rules that can be used."""

    def told(self, text: str) -> list[str]:
        """What it is."""
        path = Path(self.mktemp())
        path.write_text(text)
        configuration = readConfiguration(path, FOUND)
        return [str(each).partition(":")[2] for each in ruleCautions(configuration)]

    def test_certificatesThatNobodyIsAskedFor(self) -> None:
        """The rule could never be true, or always would be."""
        rule = '[[policy.mail]]\nverify_certificate = ["*"]\naction = "accept"\n'
        self.assertEqual(
            self.told(rule),
            [
                "2: policy.mail[0].verify_certificate: no client is asked for one:"
                " tls.client_authorities is not given"
            ],
        )
        asked = "[tls]\nclient_authorities = 'ca.pem'\n"
        self.assertEqual(self.told(rule + asked), [])

    def test_variablesThatNobodyAsksFor(self) -> None:
        """But for those that others than rules look at."""
        text = (
            '[[policy.mail]]\nset = { acl_m_a = "1", acl_m_b = "$acl_m_c",'
            ' acl_m_c = "2", acl_m_dcc_override_client_ip = "192.0.2.1" }\n'
            '[[policy.message]]\nvariables = { acl_m_b = ["2"] }\naction = "reject"\n'
        )
        self.assertEqual(
            self.told(text),
            ["2: policy.mail[0].set.acl_m_a: no rule asks for $acl_m_a"],
        )

    def test_fieldsThatMailCannotBeWithout(self) -> None:
        """By name, or by a pattern of all names; with a value it may be meant."""
        text = '[[policy.mail]]\nremove_header = ["X-*", "*", "From: *@spam.example"]\n'
        self.assertEqual(
            self.told(text),
            [
                "2: policy.mail[0].remove_header[1]:"
                " a message without From or Date is refused by many"
            ],
        )
