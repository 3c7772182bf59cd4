"""
Tests for L{smtpx.mailauth.dkimverify}.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicNumbers,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.submitted import fieldsOf
from smtpx.mailauth.asking import Found, Known
from smtpx.mailauth.bodyhash import BodyHashes
from smtpx.mailauth.dkimsign import SignTerms
from smtpx.mailauth.dkimsignature import KeyName, tagsOf
from smtpx.mailauth.dkimvalues import DKIMResult, Verified
from smtpx.mailauth.dkimverify import Examination, VerifyTerms
from smtpx.mailauth.tagging import readBase64, renderBase64

from .dkimmail import (
    BODY,
    ED25519,
    ED25519_NAME,
    ED25519_RECORD,
    HEADER,
    NOW,
    RFC6376_HEADER,
    RFC8463_SIGNATURES,
    RSA_NAME,
    RSA_PEM,
    RSA_RECORD,
    SILENCE,
    forged,
    results,
    signature,
    verified,
)

_PASS = [("pass", "")]


def zoned(record: Known | bytes) -> dict[bytes, Known | bytes]:
    """A DNS with one name."""
    return {RSA_NAME.name: record}


class StandardsTests(SynchronousTestCase):
    """The messages that the standards have signed."""

    def test_exampleOfRFC8463(self) -> None:
        """Both its signatures are good."""
        ed25519, rsa = verified(RFC8463_SIGNATURES + HEADER)
        self.assertEqual(
            (ed25519.result, ed25519.algorithm, ed25519.identity, ed25519.keyBits),
            (DKIMResult.PASS, b"ed25519-sha256", b"@football.example.com", 256),
        )
        self.assertEqual(
            (rsa.result, rsa.domain, rsa.selector, rsa.keyBits),
            (DKIMResult.PASS, b"football.example.com", b"test", 1024),
        )
        self.assertEqual((rsa.headerForm, rsa.bodyForm), (b"relaxed", b"relaxed"))

    def test_exampleOfRFC6376(self) -> None:
        """Of appendix A.2, which is simple."""
        body = BODY.replace(b"  ", b" ")
        self.assertEqual(results(RFC6376_HEADER + HEADER, body), _PASS)
        self.assertEqual(
            results(RFC6376_HEADER + HEADER),
            [("fail", "the signature does not fit the body")],
        )

    def test_formsAreSimpleUnlessSaid(self) -> None:
        """RFC 6376 section 3.5, C{c=}."""
        (told,) = verified(forged({b"c": None}) + HEADER)
        self.assertEqual((told.headerForm, told.bodyForm), (b"simple", b"simple"))

    def test_cutsDoNotMatter(self) -> None:
        """Wherever the body is cut."""
        for at in range(len(BODY) + 1):
            pieces = [BODY[:at], BODY[at:]]
            self.assertEqual(results(RFC8463_SIGNATURES + HEADER, pieces), _PASS * 2)


class InternationalTests(SynchronousTestCase):
    """Names beyond ASCII (RFC 8616 section 5)."""

    ZONE = {b"test._domainkey.xn--mnchen-3ya.example": RSA_RECORD}

    def told(self, changes: Mapping[bytes, bytes | None]) -> list[tuple[str, bytes]]:
        """What comes of a signature that says something else."""
        found = verified(forged(changes) + HEADER, zone=self.ZONE)
        return [(each.reason, each.domain) for each in found]

    def test_domainInULabels(self) -> None:
        """The key is asked for by its A-labels, and what was signed is as it stands."""
        for domain in ("münchen.example", "MÜNCHEN.example", "xn--mnchen-3ya.example"):
            for identity in ("@" + domain, "jürgen@post.münchen.example", None):
                named = None if identity is None else identity.encode()
                changes = {b"d": domain.encode(), b"i": named}
                with self.subTest(domain=domain, identity=identity):
                    self.assertEqual(
                        [("", b"xn--mnchen-3ya.example")], self.told(changes)
                    )

    def test_selectorInULabels(self) -> None:
        """Likewise."""
        made = forged({b"s": "schlüssel".encode()})
        name = b"xn--schlssel-95a._domainkey." + RSA_NAME.domain
        self.assertEqual(_PASS, results(made + HEADER, zone={name: RSA_RECORD}))

    def test_namesThatAreNone(self) -> None:
        """What is no name in any script is none here."""
        for changes, why in (
            ({b"d": b"\xff\xfe.example"}, "no domain in the d= tag"),
            ({b"d": "\u2603\ufe0f\u00ad..x".encode()}, "no domain in the d= tag"),
            ({b"s": b"\xff"}, "no selector in the s= tag"),
            ({b"i": b"@\xff"}, "no address in the i= tag"),
            ({b"i": "@zürich.example".encode()}, "the i= tag is not within the domain"),
        ):
            with self.subTest(changes=changes):
                self.assertEqual([why], [reason for reason, _ in self.told(changes)])


class ChangesTests(SynchronousTestCase):
    """What may and may not happen to a signed message."""

    def test_whiteSpaceMayChange(self) -> None:
        """Where it was signed relaxed."""
        header = HEADER.replace(b"Subject: Is", b"SUBJECT :\tIs\r\n ")
        body = BODY.replace(b"  ", b" \t") + b"\r\n\r\n"
        self.assertEqual(results(signature() + header, body), _PASS)

    def test_nothingElseMayChange(self) -> None:
        """In the header, the body or the signature."""
        made = signature()
        header = [("fail", "the signature does not fit the header")]
        self.assertEqual(results(made + HEADER, BODY[:-3] + b"x\r\n")[0][0], "fail")
        self.assertEqual(results(made + HEADER.replace(b"Is", b"is")), header)
        self.assertEqual(results(made.replace(b"t=15", b"t=14") + HEADER), header)

    def test_fieldsMayBeAddedUnlessThatIsSigned(self) -> None:
        """Over-signed names are shut; others are open."""
        made = signature(SignTerms(RSA_NAME, oversigned=(b"from", b"subject")))
        self.assertEqual(results(b"To: x\r\n" + made + HEADER), _PASS)
        self.assertEqual(
            results(b"Subject: x\r\n" + made + HEADER),
            [("fail", "the signature does not fit the header")],
        )

    def test_anotherSignatureIsNoHarm(self) -> None:
        """A bad one leaves a good one good."""
        bad = signature(body=b"other")
        self.assertEqual(
            [result for result, _ in results(bad + signature() + HEADER)],
            ["fail", "pass"],
        )

    def test_signatureDoesNotSignItself(self) -> None:
        """Where C{h=} names signatures, another one is meant."""
        other = signature()
        terms = SignTerms(RSA_NAME, (b"from", b"dkim-signature"))
        made = signature(terms, header=other + HEADER)
        self.assertEqual(results(made + other + HEADER), _PASS * 2)
        self.assertEqual(results(other + made + HEADER), _PASS * 2)


class SignatureTests(SynchronousTestCase):
    """Signatures that are no good, though who made them had the key."""

    def check(self, changes: dict[bytes, bytes | None], *wanted: str) -> None:
        """What comes of a signature that says something else."""
        self.assertEqual(results(forged(changes) + HEADER), [wanted], changes)

    def test_unchangedItIsGood(self) -> None:
        """So what follows is because of the changes."""
        self.check({}, "pass", "")
        self.check({b"unknown": b"1"}, "pass", "")
        self.check({b"q": b"x-other : dns/txt"}, "pass", "")
        self.check({b"i": b"=41@Football.example.com"}, "pass", "")
        self.check({b"d": b"FOOTBALL.example.com", b"s": b"TEST"}, "pass", "")

    def test_whatIsNotInTheGrammar(self) -> None:
        """Is neutral: it cannot be read."""
        for name in (b"v", b"a", b"d", b"s", b"h", b"bh"):
            wanted = f"no {name.decode()}= tag"
            if name == b"h":
                # Whoever made it signed no field.
                continue
            self.check({name: None}, "neutral", wanted)
        self.check({b"b": b""}, "neutral", "no base64")
        self.check({b"bh": b"*"}, "neutral", "no base64")
        for version in (b"2", b"01", b""):
            self.check({b"v": version}, "neutral", "unknown version")
        self.check({b"a": b"rsa"}, "neutral", "bad a= tag")
        for domain in (b"", b"example", b"a..b", b"-a.example", b"\xff.example"):
            self.check({b"d": domain}, "neutral", "no domain in the d= tag")
        self.check({b"s": b"a b"}, "neutral", "no selector in the s= tag")
        fields = "no list of fields in the h= tag"
        self.check({b"h": b"from::to"}, "neutral", fields)
        self.check({b"h": b""}, "neutral", fields)
        for number in (b"-1", b"x", b"1" * 77):
            self.check({b"l": number}, "neutral", "no number")
        for time in (b"", b"1" * 13):
            self.check({b"t": time}, "neutral", "no number")
        self.check({b"q": b"/"}, "neutral", "bad q= tag")

    def test_whatWeDoNotKnow(self) -> None:
        """Is neutral."""
        self.check({b"a": b"rsa-sha512"}, "neutral", "unknown algorithm")
        self.check({b"c": b"nowsp"}, "neutral", "unknown canonicalization")
        self.check({b"c": b"simple/"}, "neutral", "unknown canonicalization")
        self.check({b"q": b"dns/other"}, "neutral", "unknown way to get the key")

    def test_identityIsWithinTheDomain(self) -> None:
        """RFC 6376 section 3.5."""
        self.check({b"i": b"joe@a.football.example.com"}, "pass", "")
        for identity in (b"joe@example.com", b"joe@xfootball.example.com"):
            why = "the i= tag is not within the domain"
            self.check({b"i": identity}, "neutral", why)
        for identity in (b"joe", b"joe@", b"joe@football.example.com\xff"):
            self.check({b"i": identity}, "neutral", "no address in the i= tag")
        self.check({b"i": b"=4@football.example.com"}, "neutral", "bad quoting")

    def test_whatCanNeverBeGood(self) -> None:
        """Is a permanent error."""
        self.check({b"h": b"to:date"}, "permerror", "the From field is not signed")
        self.check({b"a": b"rsa-sha1"}, "permerror", "SHA-1 is not secure")

    def test_timesOfSignatures(self) -> None:
        """With some room for clocks that differ."""
        late, early = "the signature has expired", "the signature is from the future"
        made = signature(SignTerms(RSA_NAME, lifeSeconds=1000)) + HEADER
        self.assertEqual(results(made, now=NOW + 1299), _PASS)
        self.assertEqual(results(made, now=NOW + 1301), [("policy", late)])
        self.assertEqual(results(made, now=NOW - 299), _PASS)
        self.assertEqual(results(made, now=NOW - 301), [("policy", early)])
        why = "it expires before it is made"
        self.check({b"t": b"9", b"x": b"9"}, "neutral", why)
        self.check({b"t": None}, "pass", "")

    def test_lengthOfTheBody(self) -> None:
        """What is behind it is not signed, so the signature is not taken."""
        exact = b"%d" % (len(BODY) - 1)
        self.check({b"l": exact}, "pass", "")
        header = forged({b"l": exact}) + HEADER
        more = BODY + b"Buy!\r\n"
        unsigned = [("policy", "the end of the body is not signed")]
        self.assertEqual(results(header, more), unsigned)
        self.assertEqual(results(header, more, terms=VerifyTerms(partial=True)), _PASS)
        less = "the body is shorter than what was signed"
        self.check({b"l": b"9" * 76}, "fail", less)

    def test_oneOctetOfTheSignatureDecides(self) -> None:
        """A value that is the same modulo the key's modulus is another one."""
        # RFC 8017 section 8.2.2, step 2b.
        made = signature()
        value = readBase64(tagsOf(made).required(b"b"))
        key = load_pem_private_key(RSA_PEM, None)
        assert isinstance(key, RSAPrivateKey)
        modulus = key.private_numbers().public_numbers.n
        larger = int.from_bytes(value, "big") + modulus
        start = made.index(b" b=") + 3
        octets = larger.to_bytes(129, "big").lstrip(b"\0")
        header = made[:start] + renderBase64(octets, 0) + b"\r\n" + HEADER
        self.assertEqual(
            results(header), [("fail", "the signature does not fit the header")]
        )


class HeaderTests(SynchronousTestCase):
    """Headers in which signatures do not count."""

    def test_unsignedMessage(self) -> None:
        """Has one result, which is none."""
        self.assertEqual(verified(HEADER), (Verified(DKIMResult.NONE),))
        self.assertEqual(verified(b""), (Verified(DKIMResult.NONE),))

    def test_fromIsThereOnce(self) -> None:
        """RFC 6376 section 8.15, even where all of them are signed."""
        double = HEADER + b"From: evil@example.net\r\n"
        self.assertEqual(
            results(signature(header=double) + double),
            [("permerror", "more than one From field")],
        )
        none = HEADER[HEADER.index(b"To:") :]
        made = signature(header=none)
        self.assertEqual(results(made + none), [("permerror", "no From field")])

    def test_linesThatAreNoFields(self) -> None:
        """Nobody knows what is header and what is body, so nothing is verified."""
        for header in (HEADER + b"no field\r\n", HEADER + b"a\r\nSubject: x\r\n"):
            self.assertEqual(
                results(signature() + header),
                [("permerror", "the header has a line that is no field")],
            )

    def test_onlySomeSignaturesAreLookedAt(self) -> None:
        """From the top; how many were left is told."""
        fields, _ = fieldsOf(signature() * 12 + HEADER)
        examination = Examination(fields, NOW)
        self.assertEqual(examination.left, 2)
        self.assertEqual(len(results(signature() * 12 + HEADER)), 10)

    def test_unreadSignatureTellsWhatItCan(self) -> None:
        """Domain and selector, where they stand there."""
        (told,) = verified(forged({b"a": b"rsa-sha1"}) + HEADER)
        self.assertEqual(
            (told.domain, told.selector), (b"football.example.com", b"test")
        )
        self.assertTrue(told.value)
        (told,) = verified(b"DKIM-Signature: ;\r\n" + HEADER)
        self.assertEqual(told, Verified(DKIMResult.NEUTRAL, "no list of tags"))

    def test_largeHeadersTakeTheirTime(self) -> None:
        """A megabyte of names and signatures ends in a result."""
        for header in (
            forged({b"h": b"from:" * 100_000 + b"to"}) + HEADER,
            b"DKIM-Signature: " + b"a=b;" * 100_000 + b"\r\n" + HEADER,
            b"DKIM-Signature: a\r\n" * 10_000 + HEADER,
        ):
            self.assertTrue(results(header))

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_anythingHasAResult(self, data: st.DataObject) -> None:
        """A good signature with anything put in its place somewhere."""
        made = signature()
        start = data.draw(st.integers(15, len(made) - 2))
        end = data.draw(st.integers(start, len(made) - 2))
        junk = data.draw(st.sampled_from([b"", b";", b"=", b"\0", b"\xff", b"9", b":"]))
        for result, _ in results(made[:start] + junk + made[end:] + HEADER):
            DKIMResult(result)


class KeyTests(SynchronousTestCase):
    """What keys do to signatures."""

    def check(self, record: Known | bytes, *wanted: str) -> None:
        """What comes of a good signature with such an answer to its key."""
        found = results(signature() + HEADER, zone=zoned(record))
        self.assertEqual(found, [wanted], record)

    def test_noAnswer(self) -> None:
        """May be one another time."""
        why = "the key could not be looked up"
        self.check(SILENCE, "temperror", why)

    def test_noKey(self) -> None:
        """Is for good."""
        self.check(Found(exists=False), "permerror", "there is no such key")
        self.check(Found(), "permerror", "there is no such key")

    def test_recordsThatAreNone(self) -> None:
        """As a wildcard gives them."""
        for record in (b"", b"v=spf1 -all", b"v=DKIM1", b"v=DKIM1; p=*", b"p=AAAA"):
            self.check(record, "permerror", "the key cannot be read")
        self.check(
            RSA_RECORD.replace(b"DKIM1", b"DKIM2"),
            "permerror",
            "the key cannot be read",
        )
        self.check(RSA_RECORD[9:] + b";v=DKIM1", "permerror", "the key cannot be read")
        self.check(
            RSA_RECORD + b";n=" + b"x" * 9000, "permerror", "the key cannot be read"
        )

    def test_recordAmongOthers(self) -> None:
        """Is found; two are one too many."""
        both = Found((b"v=spf1 -all", RSA_RECORD, b"v=DKIM1; k=new; p=x"))
        self.check(both, "pass", "")
        twice = Found((RSA_RECORD, RSA_RECORD + b";"))
        self.check(twice, "permerror", "there is more than one key")

    def test_recordWithoutVersion(self) -> None:
        """Is one; so are unknown tags and flags."""
        self.check(RSA_RECORD[9:], "pass", "")
        self.check(RSA_RECORD + b"; n=note; t=x : z; g=*", "pass", "")

    def test_keysThatDoNotFit(self) -> None:
        """Though the signature would be good."""
        for tag, why in (
            (b"h=sha1", "the key is for other hashes"),
            (b"h=", "the key is for other hashes"),
            (b"s=tlsrpt", "the key is not for mail"),
        ):
            self.check(RSA_RECORD + b"; " + tag, "permerror", why)
        for tag in (b"h=sha1:sha256", b"s=tlsrpt : email", b"s=*", b"t=s"):
            self.check(RSA_RECORD + b"; " + tag, "pass", "")
        spki = b"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        self.check(b"p=" + spki, "permerror", "the key cannot be read")
        self.check(b"v=DKIM1; p=", "permerror", "the key was revoked")
        self.check(b"v=DKIM1; k=x; p=x", "permerror", "unknown kind of key")
        other = "the key is for another algorithm"
        self.check(ED25519_RECORD, "permerror", other)

    def test_strictKeyIsForNoSubdomain(self) -> None:
        """RFC 6376 section 3.6.1, C{t=s}."""
        header = forged({b"i": b"joe@a.football.example.com"}) + HEADER
        self.assertEqual(
            results(header, zone=zoned(RSA_RECORD + b"; t=s")),
            [("permerror", "the key is not for subdomains")],
        )

    def test_domainThatTriesItOut(self) -> None:
        """Its failures are none; that nobody could tell is still so."""
        zone = zoned(RSA_RECORD + b"; t=y:s")
        (good,) = verified(signature() + HEADER, zone=zone)
        self.assertEqual((good.result, good.testing), (DKIMResult.PASS, True))
        (bad,) = verified(signature() + HEADER, b"other", zone=zone)
        self.assertEqual(
            (bad.result, bad.reason),
            (
                DKIMResult.NEUTRAL,
                "the signature does not fit the body (the domain is testing)",
            ),
        )

    def test_shortKeys(self) -> None:
        """Of RSA, below 1024 bits (RFC 8301 section 3.2)."""
        weak = RSAPublicNumbers(65537, 2**1022 + 1).public_key().public_bytes
        for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1):
            key = b64encode(weak(Encoding.DER, form))
            self.check(b"p=" + key, "permerror", "the key has 1023 bits")

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_anyKeyHasAResult(self, data: st.DataObject) -> None:
        """One that is cut anywhere, or has other octets somewhere."""
        der = bytearray(b64decode(RSA_RECORD.partition(b"p=")[2]))
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(der) - 1))
            der[at] = data.draw(st.integers(0, 255))
        cut = bytes(der[: data.draw(st.integers(0, len(der)) | st.just(len(der)))])
        zone = zoned(b"p=" + b64encode(cut))
        ((result, _),) = results(signature() + HEADER, zone=zone)
        DKIMResult(result)

    def test_eachKeyIsAskedForOnce(self) -> None:
        """And all at once."""
        fields, _ = fieldsOf(signature() * 2 + RFC8463_SIGNATURES + HEADER)
        examination = Examination(fields, NOW)
        group = next(examination.ask())
        self.assertEqual(
            [lookup.name for lookup in group], [RSA_NAME.name, ED25519_NAME.name]
        )

    def test_keyThatDoesNotComeInTime(self) -> None:
        """Is a temporary error, like one that does not come."""
        fields, _ = fieldsOf(signature() + HEADER)
        examination = Examination(fields, NOW)
        hashes = BodyHashes(examination.wanted)
        hashes.end()
        (told,) = examination.conclude(hashes)
        self.assertEqual(
            (told.result, told.reason),
            (DKIMResult.TEMPERROR, "the key did not come in time"),
        )

    def test_otherAlgorithm(self) -> None:
        """Ed25519 is verified as well, and its keys have one length."""
        terms = SignTerms(ED25519_NAME)
        self.assertEqual(results(signature(terms, ED25519) + HEADER), _PASS)
        zone: dict[bytes, Known | bytes] = {
            KeyName(b"football.example.com", b"brisbane").name: b"k=ed25519; p=AAAA"
        }
        self.assertEqual(
            results(signature(terms, ED25519) + HEADER, zone=zone),
            [("permerror", "the key cannot be read")],
        )
