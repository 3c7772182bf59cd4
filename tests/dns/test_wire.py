"""Tests for L{smtpx.dns.wire}."""

from __future__ import annotations

from dns.flags import AD, DO, RD
from dns.message import from_wire
from dns.rcode import Rcode
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.dns.interfaces import MX
from smtpx.dns.records import wireName
from smtpx.dns.wire import (
    RECORDS_MOST,
    UDP_OCTETS,
    Query,
    Said,
    Truncated,
    Unusable,
    spelledQuestion,
)

from .answers import RA, SOA, TC, answer, failure, question


class AskedTests(SynchronousTestCase):
    """What is asked."""

    def test_plainQuestion(self) -> None:
        """One question, recursion desired, with EDNS of a size that gets through."""
        asked = from_wire(question().octets)
        self.assertEqual(asked.id, 4711)
        self.assertEqual(asked.flags, RD)
        self.assertEqual(str(asked.question[0]), "example.org. IN A")
        self.assertEqual((asked.edns, asked.payload), (0, UDP_OCTETS))
        self.assertEqual(asked.ednsflags, 0)

    def test_dnssec(self) -> None:
        """Who trusts the server asks it in both ways for its word."""
        asked = from_wire(question(proven=True).octets)
        self.assertEqual(asked.flags, RD | AD)
        self.assertEqual(asked.ednsflags, DO)

    def test_withoutEDNS(self) -> None:
        """A server that does not know EDNS is asked without, and for AD alone."""
        asked = from_wire(question(proven=True, edns=False).octets)
        self.assertEqual((asked.edns, asked.flags), (-1, RD | AD))

    def test_spelled(self) -> None:
        """A question can be told to people."""
        query = question(b"_smtp._tcp.example.org", "SRV")
        self.assertEqual(
            spelledQuestion(query.name, query.kind), "SRV of _smtp._tcp.example.org"
        )


class ReadTests(SynchronousTestCase):
    """What comes back."""

    def said(self, query: Query, octets: bytes) -> Said:
        """What an answer says, that is one."""
        said = query.read(octets)
        assert said is not None, "not taken for an answer"
        return said

    def unusable(self, query: Query, octets: bytes) -> Unusable:
        """What is wrong with an answer."""
        with self.assertRaises(Unusable) as raised:
            query.read(octets)
        error: Unusable = raised.exception
        return error

    def test_records(self) -> None:
        """An answer has records, and a time to live."""
        query = question(kind="MX")
        octets = answer(query, "example.org. 600 MX 10 A.test.").to_wire()
        self.assertEqual(
            self.said(query, octets),
            Said(True, (MX(10, b"a.test"),), query.name, ttlSeconds=600),
        )
        self.assertEqual(self.said(query, octets).octets, len(octets))
        octets = answer(query, "example.org. 600 MX 10 a.test. | 20 b.test.").to_wire()
        self.assertEqual(
            set(self.said(query, octets).records),
            {MX(10, b"a.test"), MX(20, b"b.test")},
        )

    def test_aliases(self) -> None:
        """Aliases in the answer are followed; the shortest time to live counts."""
        query = question()
        octets = answer(
            query,
            "example.org. 600 CNAME a.test.",
            "a.test. 60 CNAME b.test.",
            "b.test. 700 A 192.0.2.1",
            "c.test. 5 A 192.0.2.66",
        ).to_wire()
        self.assertEqual(
            self.said(query, octets),
            Said(True, (b"192.0.2.1",), wireName(b"b.test"), 2, ttlSeconds=60),
        )

    def test_aliasAlone(self) -> None:
        """Where nothing is said of what an alias stands for, one has to go on."""
        query = question()
        octets = answer(query, "example.org. 600 CNAME a.test.").to_wire()
        said = self.said(query, octets)
        self.assertTrue(said.unfinished)
        self.assertEqual((said.name, said.exists), (wireName(b"a.test"), True))

    def test_aliasOfNothing(self) -> None:
        """An alias of a name that has nothing of the kind is an answer."""
        query = question()
        alias = "example.org. 600 CNAME www.example.org."
        octets = answer(query, alias, authority=(SOA,)).to_wire()
        said = self.said(query, octets)
        self.assertEqual((said.unfinished, said.records), (False, ()))
        self.assertEqual(said.ttlSeconds, 300)

    def test_aliasItself(self) -> None:
        """Who asks for an alias gets that."""
        query = question(kind="CNAME")
        octets = answer(query, "example.org. 600 CNAME a.test.").to_wire()
        self.assertEqual(self.said(query, octets).records, (b"a.test",))

    def test_nothing(self) -> None:
        """That there is nothing is good for as long as the SOA says (RFC 2308)."""
        query = question()
        said = self.said(query, answer(query, authority=(SOA,)).to_wire())
        self.assertEqual(said, Said(True, (), query.name, ttlSeconds=300))

    def test_nothingWithoutSOA(self) -> None:
        """Without an SOA it is believed of a server that looks things up."""
        query = question()
        self.assertEqual(self.said(query, answer(query).to_wire()).records, ())
        error = self.unusable(query, answer(query, flags=0).to_wire())
        self.assertIn("does not look up", str(error))

    def test_referral(self) -> None:
        """A server that only knows whom to ask has not said that there is nothing."""
        query = question()
        octets = answer(query, authority=("org. 60 NS ns.org.",)).to_wire()
        self.assertIn("refers to other servers", str(self.unusable(query, octets)))

    def test_noSuchName(self) -> None:
        """There is no such name, or an alias leads to one that does not exist."""
        query = question()
        octets = answer(query, authority=(SOA,), rcode=Rcode.NXDOMAIN).to_wire()
        self.assertFalse(self.said(query, octets).exists)
        alias = "example.org. 600 CNAME a.test."
        octets = answer(query, alias, rcode=Rcode.NXDOMAIN).to_wire()
        said = self.said(query, octets)
        self.assertEqual(
            (said.exists, said.name, said.unfinished),
            (False, wireName(b"a.test"), False),
        )

    def test_authentic(self) -> None:
        """The word of a server counts for who asked for it, and for nobody else."""
        record = "example.org. 600 A 192.0.2.1"
        for proven, flags, expected in (
            (True, RA | AD, True),
            (True, RA, False),
            (False, RA | AD, False),
        ):
            query = question(proven=proven)
            octets = answer(query, record, flags=flags).to_wire()
            self.assertIs(self.said(query, octets).authentic, expected)

    def test_otherQuestions(self) -> None:
        """What answers another question is no answer, nor is a question."""
        query = question()
        record = "example.org. 600 A 192.0.2.1"
        for other in (
            question(identifier=4712),
            question(b"example.net"),
            question(kind="AAAA"),
        ):
            self.assertIsNone(query.read(answer(other, record).to_wire()))
            self.assertIsNone(query.read(answer(other, flags=RA | TC).to_wire()))
        self.assertIsNone(query.read(query.octets))
        self.assertIsNone(query.read(b""))

    def test_truncated(self) -> None:
        """An answer that does not fit is the beginning of one."""
        query = question()
        with self.assertRaises(Truncated):
            query.read(answer(query, flags=RA | TC).to_wire())

    def test_troubles(self) -> None:
        """What a server cannot do is told, with what it says about it (RFC 8914)."""
        query = question()
        error = self.unusable(query, failure(query, Rcode.REFUSED).to_wire())
        self.assertEqual((str(error), error.plainly), ("REFUSED", False))
        error = self.unusable(
            query, failure(query, Rcode.SERVFAIL, "no \nsignature").to_wire()
        )
        self.assertEqual(str(error), "SERVFAIL (6 (DNSSEC Bogus): no \\010signature)")

    def test_withoutQuestion(self) -> None:
        """A server that fails need not repeat the question."""
        query = question()
        message = failure(query, Rcode.SERVFAIL)
        message.question.clear()
        self.assertEqual(str(self.unusable(query, message.to_wire())), "SERVFAIL")

    def test_serversWithoutEDNS(self) -> None:
        """Those may be asked without, once."""
        for code in (Rcode.FORMERR, Rcode.NOTIMP):
            query = question()
            error = self.unusable(query, failure(query, code).to_wire())
            self.assertTrue(error.plainly)
            query = question(edns=False)
            error = self.unusable(query, failure(query, code).to_wire())
            self.assertFalse(error.plainly)

    def test_loops(self) -> None:
        """Aliases in a circle are no answer."""
        query = question()
        octets = answer(
            query, "example.org. 6 CNAME a.test.", "a.test. 6 CNAME example.org."
        ).to_wire()
        self.assertIn("loop of aliases", str(self.unusable(query, octets)))

    def test_contradiction(self) -> None:
        """Neither are records of a name that does not exist."""
        query = question()
        octets = answer(
            query, "example.org. 6 A 192.0.2.1", rcode=Rcode.NXDOMAIN
        ).to_wire()
        self.assertIn("garbled", str(self.unusable(query, octets)))

    def test_tooMany(self) -> None:
        """Nor are very many records."""
        query = question()
        records = " | ".join(
            f"10.0.{n // 250}.{n % 250}" for n in range(RECORDS_MOST + 1)
        )
        octets = answer(query, f"example.org. 6 A {records}").to_wire(max_size=65535)
        self.assertIn("1001 records", str(self.unusable(query, octets)))

    def test_otherOperation(self) -> None:
        """An answer to an operation that nobody wanted is none."""
        query = question()
        message = answer(query)
        octets = bytearray(message.to_wire())
        octets[2] |= 5 << 3
        self.assertIn("garbled", str(self.unusable(query, bytes(octets))))

    def test_cutAnywhere(self) -> None:
        """An answer that is cut is garbled, wherever that is."""
        query = question(kind="MX")
        octets = answer(query, "example.org. 600 MX 10 a.test. | 20 b.test.").to_wire()
        for end in range(len(octets)):
            try:
                self.assertIsNone(query.read(octets[:end]), end)
            except Unusable as error:
                self.assertIn("garbled", str(error))

    @given(st.data())
    @settings(max_examples=100)
    def test_anything(self, data: st.DataObject) -> None:
        """Whatever comes is an answer, or one of the two troubles, or neither."""
        query = question(kind="MX")
        octets = bytearray(
            answer(query, "example.org. 600 MX 10 a.test.", authority=(SOA,)).to_wire()
        )
        for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=4)):
            octets[at] = data.draw(st.integers(0, 255))
        try:
            said = query.read(bytes(octets))
        except (Truncated, Unusable):
            return
        self.assertIsInstance(said, Said | None)
