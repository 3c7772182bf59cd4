"""
Tests for L{smtpx.mailauth.arcverify} and L{smtpx.mailauth.arcfields}.
"""

from __future__ import annotations

from time import process_time

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.submitted import Field, fieldsOf
from smtpx.mailauth.arcfields import highestInstance
from smtpx.mailauth.arcvalues import ChainState
from smtpx.mailauth.arcverify import ChainExamination, ChainTerms
from smtpx.mailauth.asking import Found, Known
from smtpx.mailauth.bodyhash import BodyHashes

from .arcmail import HOST, chained, chainOf, forged, said
from .dkimmail import (
    BODY,
    ED25519_NAME,
    ED25519_RECORD,
    HEADER,
    NOW,
    RSA_NAME,
    RSA_RECORD,
    SILENCE,
    ZONE,
)

PASS = ("pass", "", 0)

#: How long the body is in its relaxed form.
OCTETS = len(BODY) - 1

Tags = dict[bytes, bytes | None]
Zone = dict[bytes, Known | bytes]


class StateTests(SynchronousTestCase):
    """
    What becomes of a chain.
    """

    def test_noChain(self) -> None:
        """
        A message without a chain has none, and nothing is asked or hashed for it.
        """
        examination = ChainExamination(fieldsOf(HEADER)[0], NOW)
        self.assertEqual(examination.wanted, ())
        self.assertRaises(StopIteration, next, examination.ask())
        chain = examination.conclude(BodyHashes([]))
        self.assertEqual((chain.state, chain.sets), (ChainState.NONE, ()))

    def test_goodChains(self) -> None:
        """
        Chains of some sets pass, with RSA and Ed25519, up to the fifty that there may
        be.
        """
        for count in (1, 2, 3, 50):
            self.assertEqual(said(chained(count)), PASS)

    def test_whatIsTold(self) -> None:
        """
        Of each set it is told who sealed it, and what he had found out.
        """
        chain = chainOf(chained(2))
        self.assertEqual(chain.instance, 2)
        self.assertEqual([each.instance for each in chain.sets], [1, 2])
        self.assertEqual(
            [(each.domain, each.selector) for each in chain.sets],
            [
                (RSA_NAME.domain, RSA_NAME.selector),
                (ED25519_NAME.domain, ED25519_NAME.selector),
            ],
        )
        last = chain.sets[-1]
        self.assertEqual(
            (last.signer, last.signerSelector), (last.domain, last.selector)
        )
        assert last.results is not None
        self.assertEqual(last.results.authservId, HOST)
        self.assertEqual([each.result for each in last.results.by(b"arc")], [b"pass"])

    def test_allKeysAreAskedForAtOnce(self) -> None:
        """
        The keys of all sets are one group of look-ups, each name once.
        """
        examination = ChainExamination(fieldsOf(chained(5))[0], NOW)
        group = next(examination.ask())
        self.assertEqual(
            {each.name for each in group}, {RSA_NAME.name, ED25519_NAME.name}
        )
        self.assertEqual(len(group), 2)

    def test_changedBody(self) -> None:
        """
        A message whose body was changed behind the last seal does not pass.
        """
        self.assertEqual(
            said(chained(2), BODY + b"-- \r\nA list.\r\n"),
            ("fail", "i=2: ARC-Message-Signature: it does not fit the body", 0),
        )

    def test_changedHeader(self) -> None:
        """
        Nor does one whose header was.
        """
        header = chained(2).replace(b"Is dinner ready?", b"[list] Is dinner ready?")
        self.assertEqual(
            said(header),
            ("fail", "i=2: ARC-Message-Signature: it does not fit the header", 0),
        )

    def test_changedBetweenSets(self) -> None:
        """
        A message that was changed before the newest seal passes, and since when it was
        not is told.
        """
        body = BODY + b"-- \r\nA list.\r\n"
        header = forged(3, chained(2), body=body)
        self.assertEqual(said(header, body), ("pass", "", 3))
        header = forged(4, header, body=body)
        self.assertEqual(said(header, body), ("pass", "", 3))
        header = chained(1).replace(b"Is dinner", b"Was dinner")
        self.assertEqual(said(forged(2, header)), ("pass", "", 2))

    def test_oldSetThatCannotBeRead(self) -> None:
        """
        An old ARC-Message-Signature that cannot be read is one that does not fit.
        """
        late: Tags = {b"t": None, b"x": b"%d" % (NOW - 301)}
        bad: list[Tags] = [{b"a": b"rsa-sha1"}, {b"h": None}, late]
        for tags in bad:
            header = forged(2, forged(1, HEADER, tags))
            self.assertEqual(said(header), ("pass", "", 2))

    def test_manyHashes(self) -> None:
        """
        Of a body no more than some hashes are made, however many are wanted.
        """
        header = HEADER
        for instance in range(1, 8):
            header = forged(instance, header, {b"l": b"%d" % (OCTETS + instance)})
        header = forged(8, header)
        examination = ChainExamination(fieldsOf(header)[0], NOW)
        self.assertEqual(len(examination.wanted), 4)
        self.assertIsNone(examination.wanted[0].octets)
        terms = ChainTerms(hashes=1)
        header = forged(2, forged(1, HEADER, {b"l": b"%d" % OCTETS}))
        self.assertEqual(chainOf(header).oldestPass, 0)
        self.assertEqual(chainOf(header, terms=terms).oldestPass, 2)

    def test_partOfTheBody(self) -> None:
        """
        A signature that leaves the end of the body unsigned does not pass.
        """
        header = forged(1, HEADER, {b"l": b"%d" % OCTETS})
        self.assertEqual(said(header), PASS)
        self.assertEqual(
            said(header, BODY + b"more\r\n"),
            ("fail", "i=1: ARC-Message-Signature: it does not fit the body", 0),
        )

    def test_cut(self) -> None:
        """
        A header that was cut anywhere comes to a state, and only the whole one passes.
        """
        header = chained(1)
        for offset in range(0, len(header) - len(HEADER), 7):
            state = said(header[offset:])[0]
            self.assertIn(state, ("none", "fail") if offset else ("pass",), offset)
            self.assertIn(said(header[:offset])[0], ("none", "fail"))

    @given(st.data())
    @settings(max_examples=100, deadline=None)
    def test_anything(self, data: st.DataObject) -> None:
        """
        Whatever is written into a chain, it comes to a state; and it passes only as it
        was.
        """
        header = bytearray(chained(1))
        at = data.draw(st.integers(0, len(header) - len(HEADER) - 1))
        header[at] = data.draw(st.integers(0, 255))
        chain = chainOf(bytes(header))
        self.assertIn(chain.state, tuple(ChainState))
        chain.domains  # noqa: B018


class StructureTests(SynchronousTestCase):
    """
    Sets that are no chain (RFC 8617 section 5.2, steps 1 to 3).
    """

    def refused(self, header: bytes, why: str) -> None:
        """
        The chain fails for that reason, before anybody is asked for a key.
        """
        examination = ChainExamination(*_whole(header))
        self.assertRaises(StopIteration, next, examination.ask())
        chain = examination.conclude(BodyHashes(examination.wanted))
        self.assertEqual((chain.state, chain.reason), (ChainState.FAIL, why))

    def test_tooManySets(self) -> None:
        """
        More than fifty sets are none, whatever their numbers are.
        """
        fifty = chained(50)
        self.refused(forged(51, fifty), "more than 50 sets")
        sixty = b"".join(forged(1, b"") for _ in range(60))
        self.refused(sixty, "more than 50 sets")

    def test_fieldMissing(self) -> None:
        """
        Each set has one field of each name.
        """
        names = (b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results")
        for name in names:
            shown = name.decode()
            fields = fieldsOf(chained(1))[0]
            ours = [each for each in fields if each.name == name.lower()]
            others = b"".join(e.octets for e in fields if e not in ours)
            twice = ours[0].octets + b"".join(each.octets for each in fields)
            self.refused(others, f"i=1: no {shown}")
            self.refused(twice, f"i=1: more than one {shown}")

    def test_gap(self) -> None:
        """
        Numbers begin at one and leave none out.
        """
        self.refused(forged(2, HEADER), "i=2 stands where i=1 is wanted")
        self.refused(forged(3, chained(1)), "i=3 stands where i=2 is wanted")

    def test_states(self) -> None:
        """
        The first seal says that there was no chain, and all others that it was good.
        """
        for instance, state, why in (
            (1, b"pass", "i=1: ARC-Seal: cv=pass"),
            (1, b"fail", "i=1: cv=fail"),
            (2, b"none", "i=2: ARC-Seal: cv=none"),
            (2, b"fail", "i=2: cv=fail"),
        ):
            header = chained(instance - 1)
            self.refused(forged(instance, header, last={b"cv": state}), why)
        header = forged(2, forged(1, HEADER, last={b"cv": b"fail"}))
        self.refused(header, "i=1: ARC-Seal: cv=fail")

    def test_sealedAsFailed(self) -> None:
        """
        A chain whose last seal says that it failed has failed, whatever else it is.
        """
        header = forged(7, chained(2), last={b"cv": b"fail"})
        self.refused(header, "i=7: cv=fail")

    def test_badSeals(self) -> None:
        """
        A seal that cannot be read, or signs what it must not, is none.
        """
        for tags, why in (
            ({b"h": b"from"}, "it has an h= tag"),
            ({b"cv": b"good"}, "bad cv= tag"),
            ({b"cv": None}, "no cv= tag"),
            ({b"d": None}, "no d= tag"),
            ({b"s": None}, "no s= tag"),
            ({b"t": b"x"}, "no number"),
            ({b"a": b"rsa-sha1"}, "SHA-1 is not secure"),
            ({b"a": b"rsa-md5"}, "unknown algorithm"),
        ):
            self.refused(forged(1, HEADER, last=tags), f"i=1: ARC-Seal: {why}")

    def test_badMessageSignatures(self) -> None:
        """
        The newest signature of the message has to be one.
        """
        for tags, why in (
            ({b"bh": None}, "no bh= tag"),
            ({b"h": None}, "no h= tag"),
            ({b"h": b"from:arc-seal"}, "an ARC-Seal is signed"),
            ({b"a": b"rsa-sha1"}, "SHA-1 is not secure"),
        ):
            where = "i=1: ARC-Message-Signature: "
            self.refused(forged(1, HEADER, tags), where + why)

    def test_badInstances(self) -> None:
        """
        A field that says of no set that it belongs to it spoils them all.
        """
        for value, why in (
            (b" i=0; x", "no number of a set"),
            (b" i=51; x", "more than 50 sets"),
            (b" i=1000; x", "no number"),
            (b" i=x; x", "no number"),
            (b" j=1; x", "no i= tag"),
            (b" i=1 x", "no ; where one is wanted"),
            (b" i", "no = where one is wanted"),
            (b" x; i=1", "no i= tag"),
            (b" i=1; " + b"x" * (65 << 10), "longer than 65536 octets"),
        ):
            self.refused(
                forged(1, HEADER, results=value), f"ARC-Authentication-Results: {why}"
            )
        for name, field in (
            ("ARC-Seal", b"ARC-Seal: a=rsa-sha256\r\n"),
            ("ARC-Message-Signature", b"ARC-Message-Signature: v=1\r\n"),
        ):
            self.refused(field + chained(1), f"{name}: no i= tag")

    def test_resultsThatCannotBeRead(self) -> None:
        """
        What a sealer says it found out may be written in any way: it is sealed, and
        that is all.
        """
        header = forged(1, HEADER, results=b" (a) i (b) = 1 (c); ;;")
        chain = chainOf(header)
        self.assertEqual(chain.state, ChainState.PASS, chain.reason)
        self.assertIsNone(chain.sets[0].results)

    def test_signsItsLike(self) -> None:
        """
        Signatures over other ARC fields are verified, though no one should make them.
        """
        names = b"from:arc-message-signature:arc-authentication-results:from"
        header = forged(2, chained(1), {b"h": names})
        self.assertEqual(said(header), PASS)

    def test_headerWithText(self) -> None:
        """
        A header with a line that is no field says nothing for sure.
        """
        self.refused(
            chained(1) + b"no field\r\n", "the header has a line that is no field"
        )

    def test_highest(self) -> None:
        """
        The highest number is found among fields that have none.
        """
        fields, _ = fieldsOf(b"ARC-Seal: x\r\n" + chained(3))
        self.assertEqual(highestInstance(fields), 3)


class KeyTests(SynchronousTestCase):
    """
    Keys, and times.
    """

    def test_noAnswer(self) -> None:
        """
        Where the DNS does not answer the chain may be good, and that is told apart from
        one that is not.
        """
        zone: Zone = {**ZONE, RSA_NAME.name: SILENCE}
        where = "i=1: ARC-Seal: the key could not be looked up"
        self.assertEqual(said(chained(2), zone=zone), ("temperror", where, 0))
        where = "i=1: ARC-Message-Signature: the key could not be looked up"
        self.assertEqual(said(chained(1), zone=zone), ("temperror", where, 0))

    def test_failureCountsMore(self) -> None:
        """
        What is wrong for ever is told, even if something else could not be asked.
        """
        zones: list[Zone] = [
            {RSA_NAME.name: SILENCE, ED25519_NAME.name: RSA_RECORD},
            {RSA_NAME.name: ED25519_RECORD, ED25519_NAME.name: SILENCE},
        ]
        for zone in zones:
            state, why, _ = said(chained(2), zone=zone)
            self.assertEqual(state, "fail")
            self.assertIn("the key is for another algorithm", why)
        zone = {RSA_NAME.name: SILENCE}
        self.assertEqual(
            said(chained(1), b"other\r\n", zone),
            ("fail", "i=1: ARC-Message-Signature: it does not fit the body", 0),
        )

    def test_badKeys(self) -> None:
        """
        A key that is not there, or cannot be used, is a failure.
        """
        for record, why in (
            (Found(exists=False), "there is no such key"),
            (b"v=DKIM1; p=", "the key was revoked"),
            (b"v=DKIM1; p=AAAA", "the key cannot be read"),
            (RSA_RECORD.replace(b"k=rsa", b"h=sha1"), "the key is for other hashes"),
            (ED25519_RECORD, "the key is for another algorithm"),
        ):
            where = "i=1: ARC-Message-Signature: "
            self.assertEqual(
                said(chained(1), zone={RSA_NAME.name: record}), ("fail", where + why, 0)
            )

    def test_otherKey(self) -> None:
        """
        A seal that was made with another key does not fit.
        """
        header = forged(1, HEADER, last={b"b": b"AAAA"})
        self.assertEqual(said(header)[0], "fail")
        header = chained(1).replace(b"cv=none", b" cv=none").replace(b"i=1", b"i=01")
        self.assertEqual(
            said(header),
            ("fail", "i=1: ARC-Message-Signature: it does not fit the header", 0),
        )
        broken = bytearray(forged(2, chained(1)))
        at = broken.rindex(b"spf=pass")
        broken[at : at + 8] = b"spf=fail"
        self.assertEqual(
            said(bytes(broken)),
            ("fail", "i=1: ARC-Seal: it does not fit the header", 0),
        )

    def test_times(self) -> None:
        """
        A signature that has expired, or is from the future, does not pass; a clock may
        be off by some minutes.
        """
        where = "i=1: ARC-Message-Signature: "
        for tags, why in (
            ({b"t": b"%d" % (NOW + 299)}, None),
            ({b"t": b"%d" % (NOW + 301)}, "it is from the future"),
            ({b"t": None, b"x": b"%d" % (NOW - 299)}, None),
            ({b"t": None, b"x": b"%d" % (NOW - 301)}, "it has expired"),
            ({b"t": None}, None),
        ):
            expected = PASS if why is None else ("fail", where + why, 0)
            self.assertEqual(said(forged(1, HEADER, tags)), expected)

    def test_keysThatCameTooLate(self) -> None:
        """
        Who does not wait for the keys has a temporary error.
        """
        examination = ChainExamination(*_whole(chained(1)))
        next(examination.ask())
        hashes = BodyHashes(examination.wanted)
        hashes.write(BODY)
        hashes.end()
        chain = examination.conclude(hashes)
        self.assertEqual(
            (chain.state, chain.reason),
            (ChainState.TEMPERROR, "the keys did not come in time"),
        )


class BoundTests(SynchronousTestCase):
    """
    Nothing that a sender writes takes long.
    """

    def test_hugeHeaders(self) -> None:
        """
        Headers of a megabyte come to a state in seconds, whatever they are made of.
        """
        mega = 1 << 20
        large = b"X: " + b"a b\t " * (mega // 6) + b"\r\n"
        many = b"x:\r\n" * (mega // 4)
        began = process_time()
        for header in (
            b"ARC-Seal: i=1; " + b"a" * mega + b"\r\n",
            b"ARC-Seal:\r\n" * (mega // 11),
            b"ARC-Authentication-Results: i=1;" + b"(" * mega + b"\r\n",
            b"ARC-Message-Signature: i=1; h=" + b"from:" * (mega // 5) + b"\r\n",
            b"".join(
                b"ARC-Seal: i=%d; a%d=\r\n" % (index % 50 + 1, index)
                for index in range(40_000)
            ),
        ):
            self.assertEqual(said(header)[0], "fail")
        for rest in (large, many):
            header = rest + HEADER
            for instance in range(1, 6):
                names = b"from:x:x:subject" + b":x" * 100
                header = forged(instance, header, {b"h": names})
            self.assertEqual(said(header), PASS)
        # Seconds on an idle machine; far longer, where anything is looked at twice.
        self.assertLess(process_time() - began, 100)


def _whole(header: bytes) -> tuple[list[Field], float, ChainTerms, bool]:
    """
    The arguments of an examination.
    """
    fields, rest = fieldsOf(header)
    return fields, NOW, ChainTerms(), not rest
