"""
Tests for L{smtpx.extensions.arc}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.profile import ClientProfile
from smtpx.extensions.arc import ARC, Sealer
from smtpx.extensions.dkim import DKIM
from smtpx.mailauth.dkimsign import SignTerms
from smtpx.mailauth.signers import Signer, Signers
from smtpx.testing.client import TARGET
from smtpx.testing.pair import pair
from tests.mailauth.arcmail import ED25519_TERMS, TERMS, chained, found, said
from tests.mailauth.dkimmail import (
    BODY,
    ED25519,
    HEADER,
    NOW,
    RSA,
    RSA_NAME,
    results,
)

#: A target of a route that seals.
SEALING = evolve(TARGET, sealer=b"a")


class Two:
    """Two sealers."""

    def sealer(self, name: bytes) -> Sealer | None:
        """See L{smtpx.extensions.arc.ISealers}."""
        known = {b"a": Sealer(TERMS, RSA), b"b": Sealer(ED25519_TERMS, ED25519)}
        return known.get(name)


class SealingTests(SynchronousTestCase):
    """Mail that goes on."""

    def setUp(self) -> None:
        """Nothing was told yet."""
        self.told: list[tuple[bytes, str]] = []

    def unsealed(self, envelope: Envelope, why: str) -> None:
        """Remember what is told."""
        self.told.append((envelope.sender, why))

    def sent(
        self, header: bytes, name: bytes = b"a", dkim: DKIM | None = None
    ) -> bytes:
        """A message as it arrives."""
        ours = [*([dkim] if dkim else []), ARC(Two(), self.unsealed)]
        joined = pair((), ours, target=evolve(TARGET, sealer=name)).open()
        recipients = [Recipient(b"b@d.example")]
        message = header + b"\r\n" + BODY
        envelope = Envelope(b"a@c.example", NOW, recipients, len(message))
        joined.deliver(envelope, message)
        (body,) = joined.bodies
        return body

    def header(self, message: bytes) -> bytes:
        """The header of a message whose body is as it was."""
        header, _, body = message.partition(b"\r\n\r\n")
        self.assertEqual(body, BODY)
        return header + b"\r\n"

    def test_sealed(self) -> None:
        """The set stands on top, and the chain passes, with either key."""
        for name in (b"a", b"b"):
            header = self.header(self.sent(found("none") + HEADER, name))
            self.assertTrue(header.startswith(b"ARC-Seal: i=1;"))
            self.assertTrue(header.endswith(found("none") + HEADER))
            self.assertEqual(said(header), ("pass", "", 0))
        header = self.header(self.sent(found("pass") + chained(2)))
        self.assertTrue(header.startswith(b"ARC-Seal: i=3;"))
        self.assertEqual(said(header), ("pass", "", 0))
        self.assertEqual(self.told, [])

    def test_aboveOurSignature(self) -> None:
        """A message that we sign is sealed with the signature in it."""
        signers = Signers([Signer(SignTerms(RSA_NAME), RSA)])
        dkim = DKIM(signers, everything=True)
        header = self.header(self.sent(found("none") + HEADER, dkim=dkim))
        self.assertLess(header.index(b"ARC-Seal:"), header.index(b"DKIM-Signature:"))
        self.assertIn(b"dkim-signature", header.partition(b"DKIM-Sig")[0])
        self.assertEqual(said(header), ("pass", "", 0))
        self.assertEqual(results(header), [("pass", "")])

    def test_routesThatDoNotSeal(self) -> None:
        """What goes elsewhere is as it was; so it is where there is no such sealer."""
        for name in (b"", b"c"):
            header = self.header(self.sent(found("none") + HEADER, name))
            self.assertEqual(header, found("none") + HEADER)

    def test_nothingToSeal(self) -> None:
        """Our own mail is as it was, and nobody is told."""
        other = b"Authentication-Results: other; none\r\n" + HEADER
        for header in (HEADER, other):
            self.assertEqual(self.header(self.sent(header)), header)
        self.assertEqual(self.told, [])

    def test_unsealable(self) -> None:
        """What cannot be sealed goes as it is, and the operator is told."""
        temperror = found("temperror") + chained(1)
        failed = found("fail") + b"ARC-Seal: i=2; cv=fail\r\n" + chained(1)
        text = found("none") + HEADER + b"no field\r\n"
        for header, why in (
            (temperror, "it has a chain, and that was found to be: temperror"),
            (failed, "its chain was sealed as failed"),
            (text, "header has a line that is no field"),
        ):
            self.assertEqual(self.header(self.sent(header)), header)
            self.assertEqual(self.told.pop(), (b"a@c.example", why))

    def test_withoutSealersNothingIsAsked(self) -> None:
        """No hook is on the way of a message."""
        self.assertEqual(ClientProfile().load([ARC()]).explain(), [])
        self.assertIsInstance(ARC().configured(None), ARC)

    def test_nobodyNeedsToBeTold(self) -> None:
        """A program of one's own need not hear of it."""
        ours = [ARC(Two())]
        joined = pair((), ours, target=SEALING).open()
        message = found("temperror") + chained(1) + b"\r\n" + BODY
        recipients = [Recipient(b"b@d.example")]
        joined.deliver(Envelope(b"", NOW, recipients, len(message)), message)
        self.assertEqual(joined.bodies, [message])
