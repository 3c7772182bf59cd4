"""
Tests for L{smtpx.mailauth.arcvalues}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.arcvalues import Chain, ChainSet, ChainState, chainResult
from smtpx.mailauth.results import AuthenticationResults, Property, Result


class ChainResultTests(SynchronousTestCase):
    """
    What is written of a chain.
    """

    def test_none(self) -> None:
        """
        Of a message without a chain nothing more is said.
        """
        chain = Chain(ChainState.NONE)
        self.assertEqual(chainResult(chain, b"192.0.2.1"), Result(b"arc", b"none"))

    def test_pass(self) -> None:
        """
        Of a good chain it is said who sealed last, and since when the message is what
        it was.
        """
        sets = (ChainSet(1, b"a.example", b"s1"), ChainSet(2, b"b.example", b"s2"))
        chain = Chain(ChainState.PASS, "", sets, 2, 2)
        self.assertEqual(
            chainResult(chain, b"192.0.2.1"),
            Result(
                b"arc",
                b"pass",
                (
                    Property(b"header", b"d", b"b.example"),
                    Property(b"header", b"s", b"s2"),
                    Property(b"header", b"oldest-pass", b"2"),
                    Property(b"smtp", b"remote-ip", b"192.0.2.1"),
                ),
                comments=(b"i=2",),
            ),
        )
        self.assertEqual(chain.domains, (b"a.example", b"b.example"))

    def test_fail(self) -> None:
        """
        Of a chain that does not pass it is said why, and not who is in it.
        """
        chain = Chain(ChainState.FAIL, "no ARC-Seal", (ChainSet(1, b"a.example"),), 1)
        self.assertEqual(
            chainResult(chain),
            Result(b"arc", b"fail", comments=(b"i=1", b"no ARC-Seal")),
        )


class ChainSetTests(SynchronousTestCase):
    """
    One set.
    """

    def test_remoteAddress(self) -> None:
        """
        From where a sealer had the message stands with one of its results, or nowhere.
        """
        self.assertEqual(ChainSet(1).remoteAddress, b"")
        results = [Result(b"spf", b"pass")]
        for expected in (b"", b"192.0.2.1"):
            said = AuthenticationResults(b"x", tuple(results))
            self.assertEqual(ChainSet(1, results=said).remoteAddress, expected)
            remote = Property(b"smtp", b"remote-ip", b"192.0.2.1")
            results.append(Result(b"arc", b"none", (remote,)))
