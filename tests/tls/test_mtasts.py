"""
Tests for L{smtpx.tls.mtasts}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.tls.mtasts import (
    MAX_AGE_MOST,
    POLICY_OCTETS,
    RECORD_OCTETS,
    Mode,
    STSPolicy,
    STSRecord,
)

#: The examples of RFC 8461: section 3.1, section 3.2, and appendix A.
RECORD = b"v=STSv1; id=20160831085700Z;"
ENFORCED = (
    b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n"
    b"mx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n"
)
TESTED = (
    b"version: STSv1\nmode: testing\nmx: mx1.example.com\nmx: mx2.example.com\n"
    b"mx: mx.backup-example.com\nmax_age: 1296000\n"
)

_labels = st.from_regex(rb"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
_names = st.lists(_labels, min_size=1, max_size=4).map(b".".join)
_patterns = st.builds(bytes.__add__, st.sampled_from((b"", b"*.")), _names)
_policies = st.builds(
    STSPolicy,
    st.sampled_from(Mode),
    st.integers(0, MAX_AGE_MOST),
    st.lists(_patterns, min_size=1, max_size=6, unique=True).map(tuple),
)


class RecordTests(SynchronousTestCase):
    """The record in the DNS."""

    def bad(self, text: bytes) -> str:
        """Why a record is none."""
        return str(self.assertRaises(Malformed, STSRecord.parse, text))

    def test_example(self) -> None:
        """The record of RFC 8461 section 3.1 is read, and written as it stands."""
        record = STSRecord.parse(RECORD)
        self.assertEqual(record, STSRecord(b"20160831085700Z"))
        self.assertEqual(record.render(), RECORD)

    def test_lastDelimiterMayBeMissing(self) -> None:
        """The semicolon at the end may be there or not, with white space."""
        for end in (b"", b";", b" ;", b"; ", b"\t;\t"):
            self.assertEqual(STSRecord.parse(b"v=STSv1;id=1" + end), STSRecord(b"1"))

    def test_orderAndUnknownFields(self) -> None:
        """Fields that nobody knows are ignored, wherever they stand."""
        text = b"v=STSv1; x-1.y_z=!,:~; id=abc; id2=d"
        self.assertEqual(STSRecord.parse(text), STSRecord(b"abc"))

    def test_firstOfTwoCounts(self) -> None:
        """Of two identities the first counts (RFC 8461 section 3.2)."""
        self.assertEqual(STSRecord.parse(b"v=STSv1; id=a; id=b"), STSRecord(b"a"))

    def test_longestIdentity(self) -> None:
        """An identity has 1 to 32 letters and digits."""
        self.assertEqual(
            STSRecord.parse(b"v=STSv1; id=" + b"a" * 32), STSRecord(b"a" * 32)
        )
        for bad in (b"a" * 33, b"a-b", b"a.b"):
            self.assertIn("1 to 32", self.bad(b"v=STSv1; id=" + bad))

    def test_noIdentity(self) -> None:
        """Without an identity it is no record."""
        self.assertIn("no id", self.bad(b"v=STSv1;"))
        self.assertIn("no id", self.bad(b"v=STSv1; ID=x"))

    def test_otherVersion(self) -> None:
        """A record begins with its version, spelled exactly so."""
        for bad in (
            b"v=STSv2; id=1",
            b"V=STSv1; id=1",
            b"v=STSv1 ; id=1",
            b" v=STSv1;",
        ):
            self.assertIn("begin", self.bad(bad))

    def test_badFields(self) -> None:
        """A field that is not in the grammar makes it no record."""
        for bad in (
            b"id",
            b"id=",
            b"=1",
            b"id=1;;",
            b"id=1; ;x=1",
            b"id=1 ",
            b"id=1; x=a=b",
            b"id=1; x=\xff",
            b"id=1; -x=1",
            b"id=1; %b=1" % (b"x" * 33),
        ):
            self.assertIn("name=value", self.bad(b"v=STSv1; " + bad))

    def test_tooLong(self) -> None:
        """A record that is much too long is none."""
        text = b"v=STSv1; id=1; x="
        text += b"y" * (RECORD_OCTETS - len(text))
        self.assertEqual(STSRecord.parse(text), STSRecord(b"1"))
        self.assertIn("longer", self.bad(text + b"y"))

    def test_cutAtEveryOffset(self) -> None:
        """A record that was cut is none, or one with what is left of its identity."""
        for length in range(len(RECORD)):
            text = RECORD[:length]
            if length <= len(b"v=STSv1; id="):
                self.bad(text)
            else:
                self.assertTrue(text.startswith(STSRecord.parse(text).render()[:-1]))

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=60))
    def test_fuzz(self, text: bytes) -> None:
        """Whatever stands there, it is a record or it is none."""
        for each in (text, b"v=STSv1;" + text):
            try:
                record = STSRecord.parse(each)
            except Malformed:
                continue
            self.assertEqual(STSRecord.parse(record.render()), record)

    def test_amongOthers(self) -> None:
        """Records that are for something else do not count; two that are do not."""
        self.assertIsNone(STSRecord.among([]))
        self.assertIsNone(STSRecord.among([b"v=spf1 -all", b"v=STSv11;id=1"]))
        found = STSRecord.among([b"v=spf1 -all", RECORD])
        self.assertEqual(found, STSRecord(b"20160831085700Z"))
        self.assertRaises(Malformed, STSRecord.among, [RECORD, RECORD])
        self.assertRaises(Malformed, STSRecord.among, [RECORD, b"v=STSv1;"])


class PolicyTests(SynchronousTestCase):
    """The policy."""

    def bad(self, text: bytes) -> str:
        """Why a policy is none."""
        return str(self.assertRaises(Malformed, STSPolicy.parse, text))

    def test_examples(self) -> None:
        """The policies of RFC 8461 are read, with either line end."""
        self.assertEqual(
            STSPolicy.parse(ENFORCED),
            STSPolicy(
                Mode.ENFORCE,
                604800,
                (b"mail.example.com", b"*.example.net", b"backupmx.example.com"),
            ),
        )
        self.assertEqual(STSPolicy.parse(ENFORCED).render(), ENFORCED)
        self.assertEqual(
            STSPolicy.parse(TESTED),
            STSPolicy(
                Mode.TESTING,
                1296000,
                (b"mx1.example.com", b"mx2.example.com", b"mx.backup-example.com"),
            ),
        )

    def test_whiteSpace(self) -> None:
        """
        White space behind a colon and before a line end counts for nothing, nor do
        empty lines; the last line may have no end.
        """
        text = (
            b"version:STSv1 \t\r\nmode:\t enforce\n\nmx:  A.example \r\n\r\nmax_age:1"
        )
        self.assertEqual(
            STSPolicy.parse(text), STSPolicy(Mode.ENFORCE, 1, (b"a.example",))
        )

    def test_unknownKeys(self) -> None:
        """Keys that nobody knows are ignored, in UTF-8 too."""
        text = ENFORCED + "x-note: für alle\r\nMode: none\r\n".encode()
        self.assertEqual(STSPolicy.parse(text), STSPolicy.parse(ENFORCED))

    def test_firstOfTwoCounts(self) -> None:
        """Of a key that is repeated the first counts; of mx all do, each once."""
        text = ENFORCED + (
            b"mode: none\r\nmax_age: never\r\nversion: STSv2\r\n"
            b"mx: mail.example.com\r\n"
        )
        self.assertEqual(STSPolicy.parse(text), STSPolicy.parse(ENFORCED))

    def test_withoutAnyHost(self) -> None:
        """Only where there is no policy any more may there be no mx."""
        text = b"version: STSv1\nmode: %b\nmax_age: 86400\n"
        self.assertEqual(
            STSPolicy.parse(text % b"none"), STSPolicy(Mode.NONE, 86400, ())
        )
        for mode in (b"enforce", b"testing"):
            self.assertIn("no mx", self.bad(text % mode))

    def test_missingKeys(self) -> None:
        """Version, mode and max_age have to be there."""
        for key in (b"version", b"mode", b"max_age"):
            lines = [each for each in TESTED.split(b"\n") if not each.startswith(key)]
            self.assertIn(f"no {key.decode()}", self.bad(b"\n".join(lines)))

    def test_badValues(self) -> None:
        """A version, a mode or a time that is none makes it no policy."""
        for old, new, why in (
            (b"STSv1", b"STSv2", "version"),
            (b"STSv1", b"stsv1", "version"),
            (b"testing", b"Testing", "mode"),
            (b"1296000", b"-1", "max_age"),
            (b"1296000", b"1.5", "max_age"),
            (b"1296000", b"12345678901", "max_age"),
            (b"1296000", "١".encode(), "max_age"),
        ):
            self.assertIn(why, self.bad(TESTED.replace(old, new)))

    def test_longestAge(self) -> None:
        """A time that is too long is taken for the longest that is allowed."""
        for age, wanted in ((b"31557600", 31557600), (b"9999999999", 31557600)):
            policy = STSPolicy.parse(TESTED.replace(b"1296000", age))
            self.assertEqual(policy.maxAge, wanted)

    def test_badPatterns(self) -> None:
        """A pattern is a host name, or one behind C{*.}, in ASCII."""
        for bad in (
            b"*",
            b"*.",
            b"*.*.example",
            b"a.*.example",
            b"mail.example.com.",
            b"[192.0.2.1]",
            b"m\xc3\xbcller.example",
            b"a..b",
            b"a" * 64,
            b"a b",
        ):
            text = ENFORCED + b"mx: %b\r\n" % bad
            self.assertIn("is no host name, nor one behind *.", self.bad(text))

    def test_badLines(self) -> None:
        """A line without a key or a value, or with controls, makes it no policy."""
        for bad in (b"x", b"x:", b": y", b"-x: y", b" x: y", b"x : y", b"x: a\x01b"):
            self.assertIn("line 7", self.bad(ENFORCED + bad + b"\r\n"))
        self.assertIn("UTF-8", self.bad(ENFORCED + b"x: \xff\r\n"))

    def test_bareCarriageReturn(self) -> None:
        """A carriage return alone ends no line."""
        self.assertIn("line 1", self.bad(ENFORCED.replace(b"\r\n", b"\r")))

    def test_tooLong(self) -> None:
        """A policy above 64 KiB is none, and one of just that length is."""
        text = ENFORCED + b"x: "
        text += b"y" * (POLICY_OCTETS - len(text))
        self.assertEqual(STSPolicy.parse(text).mode, Mode.ENFORCE)
        self.assertIn("longer", self.bad(text + b"y"))

    def test_tooManyPatterns(self) -> None:
        """A policy of more than 500 mail hosts is none; one of just as many is."""
        lines = [b"mx: mx%d.example.com\r\n" % each for each in range(500)]
        text = b"version: STSv1\nmode: enforce\nmax_age: 86400\n" + b"".join(lines)
        self.assertEqual(len(STSPolicy.parse(text).mx), 500)
        # The same once more is none more.
        self.assertEqual(len(STSPolicy.parse(text + lines[0]).mx), 500)
        why = self.bad(text + b"mx: one.more.example\r\n")
        self.assertEqual(why, "the policy has more than 500 mx")

    def test_cutAtEveryOffset(self) -> None:
        """A policy that was cut is none, or has lost the end of its last line only."""
        whole = STSPolicy.parse(ENFORCED)
        for length in range(len(ENFORCED)):
            try:
                policy = STSPolicy.parse(ENFORCED[:length])
            except Malformed:
                continue
            self.assertEqual((policy.mode, policy.mx), (whole.mode, whole.mx))
            self.assertLessEqual(policy.maxAge, whole.maxAge)

    @settings(max_examples=100, deadline=None)
    @given(_policies)
    def test_roundTrip(self, policy: STSPolicy) -> None:
        """What is written is read again as it was."""
        self.assertEqual(STSPolicy.parse(policy.render()), policy)

    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, len(ENFORCED)), st.binary(max_size=20))
    def test_fuzz(self, place: int, noise: bytes) -> None:
        """Whatever is served, it is a policy or it is none."""
        for text in (noise, ENFORCED[:place] + noise + ENFORCED[place:]):
            try:
                policy = STSPolicy.parse(text)
            except Malformed:
                continue
            self.assertEqual(STSPolicy.parse(policy.render()), policy)

    def test_matches(self) -> None:
        """
        A host is named, or stands one label below what is behind C{*.}; never two,
        and not as that itself (RFC 8461 section 4.1).
        """
        policy = STSPolicy.parse(ENFORCED)
        for host in (b"mail.example.com", b"MAIL.example.com.", b"a.example.net"):
            self.assertTrue(policy.matches(host))
        for host in (
            b"example.com",
            b"example.net",
            b"a.b.example.net",
            b"mail.example.com.evil",
            b"*",
            b"",
            b"[192.0.2.1]",
        ):
            self.assertFalse(policy.matches(host))

    def test_identityFollowsThePolicy(self) -> None:
        """Who publishes a policy gets a record that changes when the policy does."""
        policy = STSPolicy.parse(ENFORCED)
        record = policy.record()
        self.assertEqual(STSRecord.parse(record.render()), record)
        self.assertEqual(STSPolicy.parse(policy.render()).record(), record)
        self.assertNotEqual(STSPolicy.parse(TESTED).record(), record)
