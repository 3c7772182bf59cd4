"""
Tests for L{smtpx.net.stssource}.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.net.https import Fault, IWeb, Page, WebFailure
from smtpx.net.stssource import ISTSSource, STSFault, STSSource, STSTrouble
from smtpx.testing.dns import StaticResolver
from smtpx.tls.mtasts import POLICY_OCTETS, STSPolicy, STSRecord
from tests.tls.test_mtasts import ENFORCED

DOMAIN = b"example.org"


@implementer(IWeb)
@define
class Web:
    """
    A web that has one page.

    @ivar asked: for what it was asked.
    """

    page: Page | WebFailure = Page(200, b"text/plain", ENFORCED)
    asked: list[tuple[bytes, bytes, int]] = field(factory=list)

    def get(self, host: bytes, path: bytes, most: int) -> Deferred[Page]:
        """See L{IWeb}."""
        self.asked.append((host, path, most))
        if isinstance(self.page, WebFailure):
            return fail(self.page)
        return succeed(self.page)

    def post(
        self, host: bytes, path: bytes, kind: bytes, body: bytes, port: int = 443
    ) -> Deferred[Page]:
        """See L{IWeb}."""
        raise AssertionError("nobody hands anything in")


class STSSourceTests(SynchronousTestCase):
    """What a domain publishes."""

    def setUp(self) -> None:
        """A domain that does everything right."""
        self.resolver = StaticResolver('_mta-sts.example.org TXT "v=STSv1; id=7;"')
        self.web = Web()
        self.source = STSSource(self.resolver, self.web)

    def refusedPolicy(self, page: Page | WebFailure, fault: STSFault) -> str:
        """Why there is no policy."""
        self.web.page = page
        error = self.failureResultOf(self.source.policy(DOMAIN), STSTrouble).value
        self.assertEqual(error.fault, fault)
        return str(error)

    def test_interface(self) -> None:
        """It is one of those."""
        self.assertTrue(verifyObject(ISTSSource, self.source))

    def test_record(self) -> None:
        """The record is under its name, whatever else stands there."""
        self.resolver.add('_mta-sts.example.org TXT "something else"')
        found = self.successResultOf(self.source.record(DOMAIN))
        self.assertEqual(found, STSRecord(b"7"))

    def test_recordOfTwoStrings(self) -> None:
        """Strings of a record are joined with nothing between (section 3.1)."""
        self.resolver.add('_mta-sts.a.example TXT "v=STSv1; i" "d=1" "2"')
        found = self.successResultOf(self.source.record(b"a.example"))
        self.assertEqual(found, STSRecord(b"12"))

    def test_recordByAlias(self) -> None:
        """CNAMEs are followed (section 8.2)."""
        self.resolver.add("_mta-sts.a.example CNAME _mta-sts.example.org")
        found = self.successResultOf(self.source.record(b"a.example"))
        self.assertEqual(found, STSRecord(b"7"))

    def test_noRecord(self) -> None:
        """Most domains have none, and a subdomain has not that of its parent."""
        for domain in (b"a.example", b"sub.example.org"):
            self.assertIsNone(self.successResultOf(self.source.record(domain)))
        self.assertNotIn((b"_mta-sts.org", "TXT"), self.resolver.asked)

    def test_badRecords(self) -> None:
        """Two records, or one in disorder, are as good as none, and are told."""
        self.resolver.add('_mta-sts.a.example TXT "v=STSv1; id=-"')
        self.resolver.add('_mta-sts.example.org TXT "v=STSv1; id=8;"')
        for domain, why in ((b"a.example", "1 to 32"), (DOMAIN, "2 records")):
            failure = self.failureResultOf(self.source.record(domain), STSTrouble)
            self.assertEqual(failure.value.fault, STSFault.INVALID)
            self.assertIn(why, str(failure.value))

    def test_dnsFails(self) -> None:
        """Where nobody knows, that is said."""
        self.resolver.fail(b"_mta-sts.example.org", "TXT", "SERVFAIL of all")
        failure = self.failureResultOf(self.source.record(DOMAIN), STSTrouble)
        self.assertEqual(failure.value.fault, STSFault.FETCH)
        self.assertEqual(str(failure.value), "SERVFAIL of all")

    def test_tooMuchToDo(self) -> None:
        """Where nobody was even asked, that is no fault of the domain's."""
        self.resolver.putOff(b"_mta-sts.example.org", "TXT")
        failure = self.failureResultOf(self.source.record(DOMAIN), STSTrouble)
        self.assertEqual(failure.value.fault, STSFault.BUSY)

    def test_policy(self) -> None:
        """The policy is at its well-known place (section 3.2)."""
        found = self.successResultOf(self.source.policy(DOMAIN))
        self.assertEqual(found, STSPolicy.parse(ENFORCED))
        place = (b"mta-sts.example.org", b"/.well-known/mta-sts.txt", POLICY_OCTETS)
        self.assertEqual(self.web.asked, [place])

    def test_otherStatus(self) -> None:
        """Any status but 200 is none, and a redirect is not followed."""
        for status, why in (
            (301, "mta-sts.example.org answers 301, and redirects are not followed"),
            (404, "mta-sts.example.org answers 404"),
            (204, "mta-sts.example.org answers 204"),
        ):
            page = Page(status, b"text/plain", ENFORCED)
            self.assertEqual(self.refusedPolicy(page, STSFault.FETCH), why)
        self.assertEqual(len(self.web.asked), 3)

    def test_otherKind(self) -> None:
        """What is no plain text was put there by somebody else (section 3.2)."""
        text = self.refusedPolicy(Page(200, b"text/html\x1b", ENFORCED), STSFault.FETCH)
        self.assertEqual(text, "it is 'text/html\\x1b', not 'text/plain'")

    def test_noPolicy(self) -> None:
        """What is no policy is none."""
        page = Page(200, b"text/plain", ENFORCED.replace(b"enforce", b"force"))
        self.assertIn("mode", self.refusedPolicy(page, STSFault.INVALID))

    def test_webFails(self) -> None:
        """A certificate that is not good has a word of its own."""
        for fault, wanted in (
            (Fault.CERTIFICATE, STSFault.WEBPKI),
            (Fault.UNREACHABLE, STSFault.FETCH),
            (Fault.ANSWER, STSFault.FETCH),
            (Fault.BUSY, STSFault.BUSY),
        ):
            text = self.refusedPolicy(WebFailure(fault, "because"), wanted)
            self.assertEqual(text, "because")
