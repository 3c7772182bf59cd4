"""
Tests for L{smtpx.mailauth.arcseal}, with dkimpy as the other side.
"""

from __future__ import annotations

from collections.abc import Mapping

import dkim
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.submitted import fieldsOf
from smtpx.mailauth.arcseal import Unsealable
from smtpx.mailauth.dkimsignature import tagsOf
from smtpx.mailauth.resultsclaims import OurNames

from .arcmail import HOST, TERMS, chained, chainOf, forged, found, said, sealed
from .dkimmail import BODY, HEADER, NOW, RSA_NAME, RSA_PEM, ZONE, signature


def addedTo(header: bytes, made: bytes) -> list[tuple[bytes, bytes]]:
    """
    The fields that a seal put before a header, unfolded.
    """
    fields, _ = fieldsOf(made.removesuffix(header))
    return [(each.name, b" ".join(each.value.split())) for each in fields]


def tagOf(made: bytes, name: bytes, tag: bytes) -> bytes | None:
    """
    A tag of the first field of a name.
    """
    for each in fieldsOf(made)[0]:
        if each.name == name:
            return tagsOf(each.octets).get(tag)
    raise AssertionError(name)


class SealTests(SynchronousTestCase):
    """
    Messages are sealed.
    """

    def test_firstSet(self) -> None:
        """
        A message without a chain gets the first set, on top of all, the seal first.
        """
        header = found("none") + HEADER
        made = sealed(header)
        added = addedTo(header, made)
        self.assertEqual(
            [name for name, _ in added],
            [b"arc-seal", b"arc-message-signature", b"arc-authentication-results"],
        )
        self.assertEqual(
            added[2][1],
            b"i=1; lists.example.com; arc=none; spf=pass smtp.mailfrom=example.net",
        )
        self.assertTrue(
            added[0][1].startswith(
                b"i=1; a=rsa-sha256; d=football.example.com; s=test;"
                b" t=1528637909; cv=none; b="
            )
        )
        self.assertEqual(said(made), ("pass", "", 0))

    def test_whatIsSigned(self) -> None:
        """
        Signatures of the message are signed, ARC fields and Authentication-Results are
        not.
        """
        header = found("pass") + signature() + chained(1)
        names = (tagOf(sealed(header), b"arc-message-signature", b"h") or b"").split(
            b":"
        )
        self.assertIn(b"dkim-signature", names)
        self.assertIn(b"from", names)
        self.assertNotIn(b"authentication-results", names)
        self.assertEqual([each for each in names if each.startswith(b"arc-")], [])

    def test_allResultsOfOurs(self) -> None:
        """
        All results of ours are put together, under one name, with their comments and in
        their order; those of others, and what is none, stay out.
        """
        header = (
            b"Authentication-Results: Lists.example.com (x); dkim=pass (2 keys)\r\n"
            b"\theader.d=a.example\r\n"
            b"Authentication-Results: other.example; spf=fail\r\n"
            b"Authentication-Results: ==\r\n"
            b"Authentication-Results: mx.example.com; none\r\n"
            b"Authentication-Results: mx.example.com 1; dmarc=pass;\r\n"
            b'\tx-y=z a.b="c;d"\r\n' + HEADER
        )
        terms = evolve(TERMS, ours=OurNames.of([HOST, b"mx.example.com"]))
        made = sealed(header, terms=terms)
        self.assertEqual(
            addedTo(header, made)[2][1],
            b"i=1; lists.example.com; dkim=pass (2 keys) header.d=a.example; dmarc=pass"
            b'; x-y=z a.b="c;d"',
        )

    def test_nothingFoundOut(self) -> None:
        """
        That nothing was checked is sealed, too.
        """
        header = b"Authentication-Results: lists.example.com; none\r\n" + HEADER
        added = addedTo(header, sealed(header))
        self.assertEqual(added[2][1], b"i=1; lists.example.com; none")

    def test_utf8(self) -> None:
        """
        UTF-8 stays where it stood in the message.
        """
        value = "spf=pass smtp.mailfrom=b\u00fccher.example"
        header = found("none", value) + HEADER
        made = sealed(header)
        self.assertIn(
            "mailfrom=b\u00fccher.example".encode(), addedTo(header, made)[2][1]
        )
        self.assertEqual(said(made), ("pass", "", 0))

    def test_life(self) -> None:
        """
        How long it is good is said where it is wanted; when it was made, always.
        """
        header = found("none") + HEADER
        for terms, until in (
            (TERMS, None),
            (evolve(TERMS, lifeSeconds=60), b"%d" % (NOW + 60)),
            (evolve(TERMS, lifeSeconds=60, until=1999999999), b"1999999999"),
        ):
            made = sealed(header, terms=terms)
            self.assertEqual(tagOf(made, b"arc-message-signature", b"x"), until)
            for name in (b"arc-message-signature", b"arc-seal"):
                self.assertEqual(tagOf(made, name, b"t"), b"%d" % NOW)
            self.assertIsNone(tagOf(made, b"arc-seal", b"x"))

    def test_failedChain(self) -> None:
        """
        A chain that failed is sealed as such, over the new set alone; nothing is added
        to it any more.
        """
        header = found("fail") + chained(2).replace(b"spf=pass", b"spf=none", 1)
        made = sealed(header)
        self.assertEqual(tagOf(made, b"arc-seal", b"cv"), b"fail")
        self.assertEqual(tagOf(made, b"arc-seal", b"i"), b"3")
        self.assertEqual(said(made), ("fail", "i=3: cv=fail", 0))
        # It is the seal of a set that stands alone.
        first = sealed(found("fail") + b"ARC-Seal: x\r\n" + HEADER)
        self.assertEqual(tagOf(first, b"arc-seal", b"i"), b"1")
        self.refused(found("fail") + made, "its chain was sealed as failed")
        self.refused(found("pass") + made, "its chain was sealed as failed")

    def test_failedSealCoversItself(self) -> None:
        """
        The seal of a failed chain is the same, whatever stood before.
        """
        seals = set()
        for others in (chained(2), chained(2).replace(b"spf=pass", b"spf=none")):
            # The rest of the message is the same, and what the signature signs.
            made = sealed(found("fail") + others)
            seals.add(tagOf(made, b"arc-seal", b"b"))
        self.assertEqual(len(seals), 1)

    def test_brokenHere(self) -> None:
        """
        A chain that was good, and of which something is missing now, failed here.
        """
        header = found("pass") + chained(1).replace(b"ARC-Message", b"X-Message")
        self.assertEqual(tagOf(sealed(header), b"arc-seal", b"cv"), b"fail")

    def test_lastVerdictCounts(self) -> None:
        """
        Where two hosts of ours looked at the chain, what the last one saw is there now.
        """
        header = found("fail") + found("pass") + chained(1)
        self.assertEqual(tagOf(sealed(header), b"arc-seal", b"cv"), b"fail")

    def refused(self, header: bytes, why: str) -> None:
        """
        It cannot be sealed, and the operator learns why.
        """
        error = self.assertRaises(Unsealable, sealed, header)
        self.assertEqual(error.reason, why)

    def test_unsealable(self) -> None:
        """
        What is not known is not sealed.
        """
        none = "it has no Authentication-Results of ours"
        self.refused(HEADER, none)
        self.refused(b"Authentication-Results: other; spf=pass\r\n" + HEADER, none)
        for arc, word in (
            ("temperror", "temperror"),
            ("none", "none"),
            ("what", "what"),
        ):
            self.refused(
                found(arc) + chained(1),
                f"it has a chain, and that was found to be: {word}",
            )
        header = found("x").replace(b"arc=", b"y=") + chained(1)
        self.refused(header, "it has a chain, and that was found to be: not looked at")
        self.refused(found("pass") + chained(50), "its chain has 50 sets")

    def test_otherSealsDoNotCount(self) -> None:
        """
        A seal that says fail and is not the last one, or none at all, ends nothing.
        """
        for field in (b"ARC-Seal: cv=fail\r\n", b"ARC-Seal: i=1; cv=fail\r\n"):
            header = found("fail") + field + forged(2, HEADER)
            self.assertEqual(tagOf(sealed(header), b"arc-seal", b"i"), b"3")


class DkimpyTests(SynchronousTestCase):
    """
    We and dkimpy agree, which knows RSA only in chains.
    """

    def theirs(
        self, header: bytes, body: bytes = BODY, zone: Mapping[bytes, bytes] = ZONE
    ) -> str:
        """
        What dkimpy says of a chain.
        """

        def known(name: bytes, timeout: int = 5) -> bytes | None:
            return zone.get(name.rstrip(b"."))

        state, _, _ = dkim.arc_verify(header + b"\r\n" + body, dnsfunc=known)
        return "fail" if state is None else state.decode()

    def test_dkimpyVerifiesOurChains(self) -> None:
        """
        What we seal passes there, and what was changed does not.
        """
        for count in (1, 2, 3):
            header = chained(count, both=False)
            self.assertEqual(self.theirs(header), "pass")
            self.assertEqual(self.theirs(header, b"changed\r\n"), "fail")
            other = header.replace(b"spf=pass", b"spf=fail")
            self.assertEqual(self.theirs(other), "fail")
            self.assertEqual(said(other)[0], "fail")

    def test_dkimpyContinuesOurs(self) -> None:
        """
        dkimpy goes on with a chain of ours, and we with its.
        """
        header = chained(2, both=False)
        for _ in range(2):
            header = found("pass") + header
            added = dkim.arc_sign(
                header + b"\r\n" + BODY,
                RSA_NAME.selector,
                RSA_NAME.domain,
                RSA_PEM,
                HOST,
                include_headers=[b"from", b"to", b"subject"],
                timestamp=str(NOW),
            )
            header = b"".join(added) + header.replace(found("pass"), b"")
            self.assertEqual(self.theirs(header), "pass")
            chain = chainOf(header)
            self.assertEqual(chain.state.value, "pass", chain.reason)
            header = sealed(found("pass") + header).replace(found("pass"), b"")
            self.assertEqual(self.theirs(header), "pass")
            self.assertEqual(said(header), ("pass", "", 0))
