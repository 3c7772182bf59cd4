"""
Tests for L{smtpx.extensions.dkim}.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Action, Dialect, News, RoutePolicy, TLSInfo, TLSLevel
from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IExtension
from smtpx.core.profile import ClientProfile, ServerProfile
from smtpx.core.queueprofile import QueueProfile
from smtpx.core.submitted import Field
from smtpx.extensions.binarymime import BINARY, BinaryMIME
from smtpx.extensions.chunking import Chunking
from smtpx.extensions.dkim import DKIM, SIGNABLE, signedAt
from smtpx.extensions.eightbitmime import EightBitMIME
from smtpx.extensions.pipeconnect import PipeConnect, PipeConnectSettings
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.size import Size
from smtpx.mailauth.dkimsign import SignTerms
from smtpx.mailauth.signers import Signer, Signers
from smtpx.testing.client import TARGET, OctetsBody, client
from smtpx.testing.pair import Pair, pair
from smtpx.testing.server import talk
from tests.mailauth.dkimmail import (
    BODY,
    ED25519,
    ED25519_NAME,
    HEADER,
    NOW,
    RSA,
    RSA_NAME,
    results,
)

from .test_pipeconnect import Memory

SIGNERS = Signers(
    [
        Signer(SignTerms(RSA_NAME), RSA),
        Signer(SignTerms(ED25519_NAME), ED25519),
    ]
)
MESSAGE = HEADER + b"\r\n" + BODY
_PASS = [("pass", "")] * 2


def verdicts(message: bytes) -> list[tuple[str, str]]:
    """What comes of the signatures of a message."""
    header, _, body = message.partition(b"\r\n\r\n")
    return results(header + b"\r\n", body)


def envelope(ours: bool = True) -> Envelope:
    """An envelope, of a message that is ours or not."""
    recipients = [Recipient(b"b@d.example")]
    made = Envelope(b"a@football.example.com", NOW, recipients, len(MESSAGE))
    if ours:
        made.stamps[SIGNABLE] = True
    return made


def sent(
    message: bytes | OctetsBody = MESSAGE,
    theirs: Iterable[IExtension] = (),
    ours: Iterable[IExtension] = (),
    dkim: DKIM | None = None,
    given: Envelope | None = None,
) -> Pair:
    """
    A message has been sent, or not.

    @param theirs: what the other host has.
    @param ours: what we have beside DKIM.
    """
    joined = pair(theirs, [*ours, dkim or DKIM(SIGNERS)]).open()
    joined.deliver(given or envelope(), message)
    return joined


class SigningTests(SynchronousTestCase):
    """Mail that leaves."""

    def test_signedByAllKeysOfItsDomain(self) -> None:
        """Both signatures stand before it, and it is as it was."""
        (body,) = sent().bodies
        self.assertTrue(body.startswith(b"DKIM-Signature: v=1; a=rsa-sha256;"))
        self.assertTrue(body.endswith(MESSAGE))
        self.assertEqual(verdicts(body), _PASS)

    def test_whatIsNotOursIsNotSigned(self) -> None:
        """Whoever it says it is from: a stranger's mail comes by an alias, too."""
        joined = sent(given=envelope(False))
        self.assertEqual(joined.bodies, [MESSAGE])

    def test_everythingOfAProgram(self) -> None:
        """Is signed where it says so."""
        dkim = DKIM(SIGNERS, everything=True)
        (body,) = sent(given=envelope(False), dkim=dkim).bodies
        self.assertEqual(verdicts(body), _PASS)

    def test_otherDomainsAreNotSigned(self) -> None:
        """There is no key for them, or no author at all."""
        for message in (
            b"From: joe@example.net\r\n\r\nx\r\n",
            b"Subject: x\r\n\r\nx\r\n",
            b"Subject: x\r\n",
            b"\r\nx\r\n",
        ):
            self.assertEqual(sent(message).bodies, [message])

    def test_messageOfAHeaderOnly(self) -> None:
        """Is one, with or without its empty line."""
        for end in b"", b"\r\n":
            (body,) = sent(HEADER + end).bodies
            self.assertEqual(body.partition(b"\r\n\r\n")[0].count(b"DKIM-Sig"), 2)
            header = body.removesuffix(end) if end else body
            self.assertEqual(results(header, b""), _PASS)

    def test_localDeliveryIsNotSigned(self) -> None:
        """What goes by LMTP does not leave."""
        target = evolve(TARGET, dialect=Dialect.LMTP)
        lmtp = client([DKIM(SIGNERS)], target=target)
        choose = lmtp.profile.transforms[0]
        self.assertIs(choose(lmtp, envelope()), None)

    def test_withoutKeysNothingIsAsked(self) -> None:
        """No hook is on the way of a message."""
        self.assertEqual(ServerProfile().load([DKIM()]).explain(), [])
        self.assertEqual(ClientProfile().load([DKIM()]).explain(), [])
        self.assertIsInstance(DKIM().configured(None), DKIM)


class CarriageTests(SynchronousTestCase):
    """However it is carried, what is signed is what arrives."""

    def test_convertedToSevenBits(self) -> None:
        """For a host without 8BITMIME: it is signed behind that."""
        message = HEADER + b"\r\n" + "Grüße, ".encode() * 20 + b"\r\n"
        (body,) = sent(message, ours=[EightBitMIME(), Size()]).bodies
        self.assertTrue(body.isascii())
        self.assertEqual(verdicts(body), _PASS)

    def test_byChunks(self) -> None:
        """Whatever their sizes."""
        for size in 1, 7, 100:
            message = OctetsBody(MESSAGE, size)
            joined = sent(message, [Chunking(), Size()], [Chunking(), Size()])
            (body,) = joined.bodies
            self.assertEqual(verdicts(body), _PASS)
            self.assertIn(b"BDAT %d LAST" % len(body), joined.said)

    def test_linesWithoutEnd(self) -> None:
        """A last line that lacks its CRLF gets it on the way, by DATA."""
        (body,) = sent(MESSAGE[:-2]).bodies
        self.assertEqual(verdicts(body), _PASS)

    def test_binaryBody(self) -> None:
        """It is signed octet for octet where it stays what it is."""
        given = envelope()
        given.stamps[BINARY] = True
        message = HEADER + b"\r\na\rb\nc\0\xff"
        both = [EightBitMIME(), Chunking(), BinaryMIME()]
        (body,) = sent(message, both, both, given=given).bodies
        self.assertTrue(body.endswith(b"a\rb\nc\0\xff"))
        self.assertEqual(verdicts(body), _PASS)

    def test_smallMessageLeavesAtOnce(self) -> None:
        """Signing it takes no flight more."""
        plain = pair([Pipelining(), Chunking()], [Pipelining(), Chunking()]).open()
        plain.deliver(envelope(), MESSAGE)
        both = [Pipelining(), Chunking()]
        signed = sent(theirs=both, ours=both)
        self.assertEqual(len(signed.flights), len(plain.flights))

    def test_firstFlight(self) -> None:
        """To a host whose answers are known, all of it leaves before the greeting."""
        memory = Memory()
        options = PipeConnectSettings(hostsPipeConnect=HostList.parse(["*"]))
        theirs = [Pipelining(), PipeConnect(options), Chunking()]
        early = PipeConnect(options, memory=memory)
        ours = [Pipelining(), early, Chunking(), DKIM(SIGNERS)]
        policy = RoutePolicy(TLSLevel.UNWANTED)
        pair(theirs, ours, policy=policy).open()
        second = pair(theirs, ours, policy=policy)
        second.start()
        second.deliver(envelope(), MESSAGE)
        second.greet()
        self.assertEqual((second.codes, second.roundTrips), ([250], 1))
        self.assertEqual(verdicts(second.bodies[0]), _PASS)

    def test_dotsAndEmptyLines(self) -> None:
        """Transparency is none of the signature's business."""
        message = HEADER + b"\r\n.\r\n..\r\n\r\n\r\n"
        (body,) = sent(message).bodies
        self.assertEqual(verdicts(body), _PASS)


class TroubleTests(SynchronousTestCase):
    """What cannot be signed."""

    def test_brokenHeader(self) -> None:
        """Is not sent unsigned, unless that is wished."""
        message = HEADER + b"no field\r\n\r\nx\r\n"
        joined = sent(message)
        self.assertEqual((joined.bodies, joined.codes), ([], [554]))
        joined = sent(message, dkim=DKIM(SIGNERS, sendsUnsigned=True))
        self.assertEqual(joined.bodies, [message])

    def test_hugeHeader(self) -> None:
        """Neither is one that is too long to be looked at."""
        message = HEADER + b"X: y\r\n" * 50_000 + b"\r\nx\r\n"
        self.assertEqual(sent(OctetsBody(message, 60_000)).codes, [554])

    def test_keyThatFails(self) -> None:
        """Is tried again: nothing leaves unsigned."""

        class Broken:
            """Keys that cannot be had."""

            def forHeader(self, fields: object) -> list[Signer]:
                """Fail."""
                raise OSError("no token")

        joined = sent(dkim=DKIM(Broken()))
        self.assertEqual((joined.bodies, joined.codes), ([], [451]))
        self.assertEqual([owner for owner, _ in joined.troubles], ["DKIM"])


class TimeTests(SynchronousTestCase):
    """When a message was signed."""

    def test_attemptsSayTheSame(self) -> None:
        """For a day, so that a host knows a message again (CHECKPOINT)."""
        day, given = 86_400, Envelope(b"", 1000.7)
        for now, at in (
            (1000.7, 1000),
            (1000.0 + day - 1, 1000),
            (1000.0 + day, 1000 + day),
            (1000.0 + 30.5 * day, 1000 + 30 * day),
            (900.0, 1000),
        ):
            self.assertEqual(signedAt(given, now), at)

    def test_sameContent(self) -> None:
        """Octet for octet, an hour later; another day it is another one."""
        bodies = []
        for seconds in 10, 3600, 86_400:
            clock = partial(float, NOW + seconds)
            joined = pair([], [DKIM(SIGNERS)], clock=clock).open()
            joined.deliver(envelope(), MESSAGE)
            bodies += joined.bodies
        first, second, third = bodies
        self.assertEqual(first, second)
        self.assertNotEqual(first, third)
        self.assertEqual(verdicts(first), _PASS)


class OwnershipTests(SynchronousTestCase):
    """Whose mail is ours."""

    def noted(
        self,
        dkim: DKIM,
        identity: bytes | None = None,
        secured: TLSInfo | None = None,
        named: bool = True,
    ) -> dict[str, str]:
        """What is noted of a message."""
        said = talk([dkim], b"EHLO c.example\r\n", secured=secured)
        said.connection.identity = identity
        said.connection.peerNameKnown = named
        for line in b"MAIL FROM:<a@b.example>", b"RCPT TO:<b@d.example>", b"DATA", b".":
            said.feed(line + b"\r\n")
        return said.port.taken[0].dumpedStamps()

    def test_whoeverHasLoggedIn(self) -> None:
        """And nobody else, by default."""
        self.assertEqual(self.noted(DKIM(SIGNERS), b"joe"), {"dkim": "yes"})
        self.assertEqual(self.noted(DKIM(SIGNERS)), {})

    def test_hostsOfAList(self) -> None:
        """Without a login."""
        for items, wanted in ((["*"], {"dkim": "yes"}), (["203.0.113.1"], {})):
            dkim = DKIM(SIGNERS, hosts=HostList.parse(items))
            self.assertEqual(self.noted(dkim), wanted)

    def test_hostsWhoseNamesAreNotKnown(self) -> None:
        """May be those that are not meant."""
        dkim = DKIM(SIGNERS, hosts=HostList.parse(["!*.strange.example", "*"]))
        self.assertEqual(self.noted(dkim, named=False), {})
        self.assertEqual(self.noted(dkim), {"dkim": "yes"})

    def test_certificates(self) -> None:
        """That were verified, and are listed."""
        dkim = DKIM(SIGNERS, subjects=["CN=a"])
        for verified, subject, wanted in (
            (True, "CN=a", {"dkim": "yes"}),
            (False, "CN=a", {}),
            (True, "CN=b", {}),
            (True, None, {}),
        ):
            secured = TLSInfo(verified=verified, subject=subject)
            self.assertEqual(self.noted(dkim, secured=secured), wanted)

    def test_noteIsKeptInTheQueue(self) -> None:
        """And reports of ours are ours."""
        profile = QueueProfile().load([DKIM()])
        self.assertIs(profile.stamps["dkim"], SIGNABLE)
        given = envelope(False)
        wish = profile.wishFor(given, given.recipients[0], News(Action.FAILED))
        report = Envelope(b"", 0.0)
        for stamper in wish.stampers:
            stamper(report)
        self.assertTrue(report.stamp(SIGNABLE))


class PortTests(SynchronousTestCase):
    """Who says who signs."""

    def test_itIsGivenTheHeader(self) -> None:
        """All of it, and nothing else."""
        seen: list[Field] = []

        class Nobody:
            """Signs nothing."""

            def forHeader(self, fields: Iterable[Field]) -> list[Signer]:
                """Look, and do nothing."""
                seen.extend(fields)
                return []

        self.assertEqual(sent(dkim=DKIM(Nobody())).bodies, [MESSAGE])
        self.assertEqual(b"".join(each.octets for each in seen), HEADER)
