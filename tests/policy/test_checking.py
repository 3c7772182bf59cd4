"""
Tests for L{smtpx.policy.checking}.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope
from smtpx.core.hooks import Ending
from smtpx.core.reply import LOCAL_ERROR, OK, Reply, reply
from smtpx.core.trace import ABOVE
from smtpx.mailauth.resultsclaims import OurNames
from smtpx.mailauth.resultsreading import parseResults
from smtpx.net.interfaces import IArrival, IReceiver
from smtpx.observe.authlog import CHECKED
from smtpx.policy import checking, inquiry
from smtpx.policy.authentication import INQUIRY
from smtpx.policy.checking import TOO_LONG, CheckingReceiver
from tests.net.made import RememberedArrival, RememberingReceiver

from .authmade import BODY, HEADER, Told, authentication, signed, zone
from .doubles import sessionFrom

_CLAIM = b"Authentication-Results: MX.example.net; dkim=pass header.d=bank.example\r\n"


class CheckingTestCase(SynchronousTestCase):
    """A receiver that looks at messages."""

    def setUp(self) -> None:
        """A receiver behind it that remembers."""
        self.told, self.zone, self.clock = Told(), zone(), Clock()
        self.behind = RememberingReceiver()
        self.authentication = authentication(self.zone, self.told, self.clock)
        self.receiver = CheckingReceiver(
            self.behind, self.authentication, OurNames.of([b"mx.example.net"]), 65536
        )
        self.session = sessionFrom(b"192.0.2.1")
        self.session.helo = b"mx.example.org"
        self.envelope = Envelope(b"ann@example.org", 0.0)

    def begin(self) -> IArrival:
        """A message begins."""
        arrival = self.receiver.begin(self.session, self.envelope)
        assert not isinstance(arrival, Reply)
        return arrival

    def submit(self, *pieces: bytes) -> Reply | Deferred[Reply]:
        """Let a message through, piece by piece."""
        self.envelope = Envelope(b"ann@example.org", 0.0)
        arrival = self.begin()
        self.assertTrue(verifyObject(IArrival, arrival))
        transport = StringTransport()
        arrival.registerProducer(transport, True)
        for piece in pieces:
            arrival.write(piece)
        arrival.unregisterProducer()
        return cast(
            "Reply | Deferred[Reply]", arrival.finish(self.session, self.envelope)
        )

    def taken(self, *pieces: bytes) -> RememberedArrival:
        """A message that is taken."""
        answer = self.submit(*pieces)
        if isinstance(answer, Deferred):
            answer = self.successResultOf(answer)
        self.assertEqual(OK, answer)
        return self.behind.arrivals[-1]

    @property
    def above(self) -> bytes:
        """What is written above the last message."""
        return self.envelope.stamps[ABOVE]

    def results(self) -> dict[bytes, bytes]:
        """What is written above the last message: results by method."""
        fields = self.above.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ")
        last = fields.splitlines()[-1]
        self.assertTrue(last.startswith(b"Authentication-Results:"))
        found = parseResults(last.partition(b":")[2])
        self.assertEqual(b"mx.example.net", found.authservId)
        return {each.method: each.result for each in found.results}


class CheckingReceiverTests(CheckingTestCase):
    """Messages are looked at as they come, and what is found out is written down."""

    def test_itIsWrittenDown(self) -> None:
        """What was found out stands above a message, with SPF on top of it."""
        self.assertTrue(verifyObject(IReceiver, self.receiver))
        message = signed()
        self.assertEqual(message, self.taken(message).octets)
        self.assertTrue(self.above.startswith(b"Received-SPF: pass ("))
        methods = (b"iprev", b"spf", b"dkim", b"dmarc")
        good = dict.fromkeys(methods, b"pass")
        self.assertEqual({**good, b"arc": b"none"}, self.results())
        self.assertEqual("accept", self.envelope.stamps[CHECKED]["dmarc"])
        self.assertNotIn(INQUIRY, self.envelope.stamps)

    def test_noFieldOfItsOwn(self) -> None:
        """SPF needs no field of its own, where that is not wanted."""
        self.receiver.receivedSPF = False
        self.taken(signed())
        self.assertTrue(self.above.startswith(b"Authentication-Results:"))
        self.assertEqual(b"pass", self.results()[b"spf"])

    def test_whereverItIsCut(self) -> None:
        """The same comes of a message however it comes."""
        message = _CLAIM + signed()
        whole = self.taken(message).octets
        above = self.above
        for cut in range(len(message)):
            found = self.taken(message[:cut], message[cut:])
            self.assertEqual((whole, above), (found.octets, self.above))
        pieces = [message[at : at + 1] for at in range(len(message))]
        self.assertEqual(whole, self.taken(*pieces).octets)
        self.assertEqual(above, self.above)

    def test_aClaimIsTakenOut(self) -> None:
        """What pretends to be ours is not stored, and what was signed is seen whole."""
        message = signed(_CLAIM + HEADER)
        self.assertEqual(message.replace(_CLAIM, b""), self.taken(message).octets)
        self.assertEqual(b"pass", self.results()[b"dkim"])

    def test_aClaimOfAnybody(self) -> None:
        """It is so for clients that are not looked at."""
        self.session.mechanism = "local"
        found = self.taken(_CLAIM + HEADER + b"\r\n", BODY)
        self.assertEqual(HEADER + b"\r\n" + BODY, found.octets)
        self.assertNotIn(ABOVE, self.envelope.stamps)

    def test_serversOfOurs(self) -> None:
        """Servers of ours may say what they have found out."""
        self.receiver.trusted = lambda session: True
        message = _CLAIM + HEADER + b"\r\n" + BODY
        self.assertEqual(message, self.taken(message).octets)

    def test_nothingButAHeader(self) -> None:
        """A message may have no body, or no header, or neither."""
        for message, stored in (
            (HEADER, HEADER),
            (_CLAIM + HEADER, HEADER),
            (_CLAIM, b""),
            (_CLAIM + b"\r\n", b"\r\n"),
            (_CLAIM + b"\r\nx", b"\r\nx"),
            (b"\r\n" + _CLAIM, b"\r\n" + _CLAIM),
            (b"", b""),
            (b"\r\n\r\n", b"\r\n\r\n"),
            (HEADER[:-2], HEADER[:-2]),
        ):
            self.assertEqual(stored, self.taken(message).octets)
            self.assertIn(b"dkim", self.results())
        self.assertEqual([], self.told.troubles)

    def test_policiesAskFirst(self) -> None:
        """
        Who asks before a message is handed over sees all of it, though it has ended
        within its header.
        """
        arrival = self.begin()
        arrival.write(HEADER)
        asked = self.authentication.message(self.session, self.envelope)
        verdicts = self.successResultOf(asked)
        assert verdicts is not None and verdicts.dmarc is not None
        self.assertEqual(b"example.org", verdicts.dmarc.author)
        # The log, and what is counted, have it even if the message is refused now.
        self.assertEqual("accept", self.envelope.stamps[CHECKED]["dmarc"])
        arrival.finish(self.session, self.envelope)
        self.assertEqual(HEADER, self.behind.arrivals[-1].octets)

    def test_aHeaderThatNeverEnds(self) -> None:
        """A header that is too long is refused, and no more of it is kept."""
        for pieces in (
            [b"X: y\r\n" * 11000],
            [b"X: y\r\n" * 4000] * 40,
            [b"X: y\r\n" * 11000 + b"\r\n"],
        ):
            answer = self.submit(*pieces)
            self.assertEqual(TOO_LONG, answer)
            last = self.behind.arrivals[-1]
            self.assertTrue(last.aborted)
            self.assertEqual(b"", last.octets)

    def test_asLongAsCanBe(self) -> None:
        """One that is just not too long is not."""
        header = b"X: " + b"y" * (65536 - 5) + b"\r\n"
        self.taken(header + b"\r\n" + b"z" * 100_000)
        self.assertEqual(TOO_LONG, self.submit(b"X" + header + b"\r\n"))

    def test_theBodyIsNotHeld(self) -> None:
        """A body goes through as it comes, and straight where nothing is hashed."""
        arrival = self.begin()
        arrival.write(HEADER + b"\r\n")
        behind = self.behind.arrivals[-1]
        self.assertEqual(HEADER + b"\r\n", behind.octets)
        self.assertEqual(behind.write, arrival.write)
        arrival.abort()

    def test_keysAreAskedForEarly(self) -> None:
        """The keys are asked for before the body has come."""
        arrival = self.begin()
        header, _, body = signed().partition(b"\r\n\r\n")
        arrival.write(header + b"\r\n\r\n")
        self.assertIn((b"s1._domainkey.example.org", "TXT"), self.zone.asked)
        self.assertIn((b"_dmarc.example.org", "TXT"), self.zone.asked)
        arrival.abort()

    def test_aReceiverThatRefuses(self) -> None:
        """What the receiver behind refuses is refused."""
        self.behind.refusal = reply(452, "4.3.1", b"Full")
        refused = self.receiver.begin(self.session, self.envelope)
        self.assertEqual(self.behind.refusal, refused)

    def test_theClientIsGone(self) -> None:
        """Who does not wait for the answer comes again: nothing is taken twice."""
        self.zone.hold(b"example.org", "TXT")
        answer = self.submit(signed())
        assert isinstance(answer, Deferred)
        self.session.ending = Ending.LOST
        self.zone.release(b"example.org", "TXT")
        self.assertEqual(LOCAL_ERROR, self.successResultOf(answer))
        self.assertTrue(self.behind.arrivals[-1].aborted)

    def test_itIsDropped(self) -> None:
        """With a message that is dropped, what is found out of it ends."""
        self.zone.hold(b"example.org", "TXT")
        arrival = self.begin()
        arrival.write(signed())
        waiting = self.authentication.message(self.session, self.envelope)
        arrival.abort()
        self.failureResultOf(waiting)
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertTrue(self.behind.arrivals[-1].aborted)
        self.assertEqual([], self.told.concluded_)

    def test_witnessesAreTold(self) -> None:
        """Who wants to know is told of what was taken, and what was refused."""
        self.taken(signed())
        [(verdicts, id)] = self.told.concluded_
        self.assertEqual("", id)
        self.assertEqual((b"example.org",), verdicts.signers)
        later: Deferred[Reply] = Deferred()
        self.behind.answer = later
        answer = self.submit(signed())
        later.callback(reply(452, "4.3.1", b"Full"))
        assert isinstance(answer, Deferred)
        self.successResultOf(answer)
        self.assertIsNone(self.told.concluded_[-1][1])
        # A policy has refused it when all was known.
        self.envelope = Envelope(b"ann@example.org", 0.0)
        arrival = self.begin()
        arrival.write(signed())
        self.successResultOf(self.authentication.message(self.session, self.envelope))
        arrival.abort()
        self.assertEqual(3, len(self.told.concluded_))
        self.assertIsNone(self.told.concluded_[-1][1])

    def test_aMistakeOfOurs(self) -> None:
        """A mistake of ours loses no mail, and the operator is told."""

        def broken(*args: object) -> None:
            raise ZeroDivisionError("broken")

        self.patch(checking, "written", broken)
        self.taken(signed())
        self.assertEqual([("authentication", "broken")], self.told.troubles)
        self.patch(inquiry, "authTold", broken)
        self.taken(signed())
        self.assertEqual(2, len(self.told.troubles))


class ForgedHeaderTests(CheckingTestCase):
    """A header is judged as everybody behind us may read it."""

    def status(self, message: bytes) -> object:
        """What DMARC says of a message."""
        self.taken(message)
        return self.envelope.stamps[CHECKED]["dmarc"]

    def test_bareEndsHideNoAuthor(self) -> None:
        """
        A bare LF or CR ends a line in a mailbox: who forges another From behind one
        gets no pass by the signature of his own.
        """
        for end in (b"\n", b"\r", b"\r\r\n", b"\n\n"):
            with self.subTest(end=end):
                message = b"X-A: b" + end + b"From: ceo@bank.example\r\n" + signed()
                self.assertEqual("nofrom", self.status(message))
                self.assertEqual(b"permerror", self.results()[b"dkim"])

    def test_lineThatIsNoFieldHidesNoAuthor(self) -> None:
        """Some readers skip such a line, and see the From that stands behind it."""
        other = b"no field\r\nfrom :\r\n ceo@bank.example\r\n"
        mark, _, rest = signed().partition(b"From:")
        for message in (
            mark + HEADER + other + b"\r\n" + BODY,
            other + mark + b"From:" + rest,
        ):
            self.assertEqual("nofrom", self.status(message))
        # It is the one that is judged where there is no other one.
        self.zone.add('_dmarc.bank.example TXT "v=DMARC1; p=reject"')
        self.assertEqual("reject", self.status(other + b"\r\n" + BODY))

    def test_firstLineGoesOnWithNoFieldOfOurs(self) -> None:
        """A message that begins with a blank is text: nothing of it is a header."""
        for blank in (b" ", b"\t"):
            message = blank + b"; dkim=pass\r\n" + signed()
            found = self.taken(message[:1], message[1:]).octets
            self.assertEqual(b"\r\n" + message, found)

    def test_tooManyFields(self) -> None:
        """A header of very many fields takes memory that it is not worth."""
        for field in (b"a:\r\n", b"a:\n"):
            self.assertEqual(TOO_LONG, self.submit(field * 10_001 + signed()))
        folded = b"a:\r\n" + b" b\r\n\tc\r\n" * 6000
        self.receiver.headerOctets = 1 << 20
        self.assertEqual("accept", self.status(folded + signed()))
        long = b"a:\r\n" * 10_000 + b"From: a@b.example\r\n"
        self.assertEqual(TOO_LONG, self.submit(long + b"\r\n"))
