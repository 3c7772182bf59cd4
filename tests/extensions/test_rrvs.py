"""
Tests for L{smtpx.extensions.rrvs} and L{smtpx.extensions.rrvsfield}.
"""

from __future__ import annotations

from hypothesis import given, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Malformed
from smtpx.core.hooks import Scope
from smtpx.core.hostlist import HostList
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.rrvs import (
    FIELD_SINCE,
    GRAMMAR,
    RRVS,
    SINCE,
    KeptSince,
    NoSupport,
    Ownership,
    RRVSSettings,
    Since,
)
from smtpx.extensions.rrvsfield import (
    FieldNote,
    adding,
    readField,
    removing,
    renderField,
)
from smtpx.testing.client import OctetsBody, ScriptedPeer, client
from smtpx.testing.pair import Pair, pair
from smtpx.testing.server import Answers, Said, talk

#: 2014-04-03T23:01:00Z.
THEN = 1396566060
WHEN = b"2014-04-03T23:01:00Z"
LATEST = 253402300799
USUAL = RRVSSettings()
HELLO = b"EHLO c.example\r\nMAIL FROM:<a@c.example>\r\n"
TO = b"RCPT TO:<b@d.example>"

_SINCES = st.builds(
    Since, st.integers(0, LATEST), st.none() | st.sampled_from(NoSupport)
)


class GrammarTests(SynchronousTestCase):
    """C{rrvs-param} (RFC 7293 section 3.1)."""

    @given(_SINCES)
    def test_isItsOwnInverse(self, since: Since) -> None:
        """On the wire and in the spool."""
        self.assertEqual(GRAMMAR.parse(GRAMMAR.render(since)), since)
        for stamp in SINCE, FIELD_SINCE:
            assert stamp.dump is not None
            self.assertEqual(stamp.load(stamp.dump(since)), since)

    def test_examples(self) -> None:
        """That of section 12.1, and what else is the same time."""
        for raw, action in (
            (WHEN, None),
            (WHEN + b";C", NoSupport.CONTINUE),
            (b"2014-04-03T16:01:00-07:00;r", NoSupport.REJECT),
        ):
            self.assertEqual(GRAMMAR.parse(raw), Since(THEN, action))

    def test_malformed(self) -> None:
        """Nothing else is one; fractions of seconds are forbidden."""
        for raw in (
            None,
            b"",
            b";C",
            WHEN + b";",
            WHEN + b";X",
            WHEN + b";CR",
            b"2014-04-03T23:01:00.0Z",
            b"2014-04-03",
        ):
            self.assertRaises(Malformed, GRAMMAR.parse, raw)
        self.assertRaises(ValueError, SINCE.load, "\u0661")


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def said(self, octets: bytes, ownership: Ownership = Ownership.KEPT) -> Said:
        """What a server says where this is so of all mailboxes."""
        answers: Answers = {KeptSince: lambda asked: ownership}
        return talk([RRVS(asked=True)], HELLO + octets, answers=answers)

    def test_offered(self) -> None:
        """Where there is somebody to ask."""
        self.assertIn(b"250 RRVS", self.said(b"").replies)
        silent = talk([RRVS()], HELLO + TO + b" RRVS=" + WHEN + b"\r\n")
        self.assertNotIn(b"250 RRVS", silent.replies)
        self.assertEqual(silent.codes[-1], 555)

    def test_theQuestion(self) -> None:
        """It has the mailbox and the time."""
        said = self.said(TO + b" RRVS=" + WHEN + b"\r\n")
        [asked] = [each for each in said.port.asked if isinstance(each, KeptSince)]
        self.assertEqual((asked.path, asked.since), (b"b@d.example", THEN))
        self.assertIs(asked.session, said.connection)
        others = self.said(TO + b"\r\n").port.asked
        self.assertFalse(any(isinstance(each, KeptSince) for each in others))

    def test_answers(self) -> None:
        """Each has its code (section 15.3); what was answered is not passed on."""
        for ownership, answer, left in (
            (Ownership.KEPT, b"250 2.0.0", 0),
            (Ownership.ELSEWHERE, b"250 2.0.0", 1),
            (Ownership.CHANGED, b"550 5.7.17", 0),
            (Ownership.DOMAIN_CHANGED, b"550 5.7.18", 0),
            (Ownership.UNKNOWN, b"550 5.7.19", 0),
            (Ownership.LATER, b"451 4.3.0", 0),
        ):
            said = self.said(TO + b" RRVS=" + WHEN + b"\r\n", ownership)
            self.assertTrue(said.last.startswith(answer), said.last)
            envelope = said.connection.envelope
            assert envelope is not None
            found = [r for r in envelope.recipients if SINCE in r.stamps]
            self.assertEqual(len(found), left)

    def test_roles(self) -> None:
        """A job is not somebody's (section 5.1), unless it is done elsewhere."""
        for path, ownership, code, left in (
            (b"Postmaster@d.example", Ownership.CHANGED, 250, False),
            (b"ABUSE@d.example", Ownership.UNKNOWN, 250, False),
            (b"abuse@d.example", Ownership.ELSEWHERE, 250, True),
            (b"abused@d.example", Ownership.CHANGED, 550, False),
        ):
            to = b"RCPT TO:<" + path + b"> RRVS=" + WHEN + b"\r\n"
            said = self.said(to, ownership)
            self.assertEqual(said.codes[-1], code)
            if code == 250:
                assert said.connection.envelope is not None
                [recipient] = said.connection.envelope.recipients
                self.assertIs(SINCE in recipient.stamps, left)

    def sent(self, header: bytes, ownership: Ownership, to: bytes = TO) -> Said:
        """What is said to a message with this header."""
        return self.said(to + b"\r\nDATA\r\n" + header + b"\r\nx\r\n.\r\n", ownership)

    def test_field(self) -> None:
        """A header field says the same (section 5.2)."""
        field = renderField(b"B@D.example".replace(b"B", b"b"), THEN)
        for ownership, answer in (
            (Ownership.KEPT, b"250"),
            (Ownership.ELSEWHERE, b"250"),
            (Ownership.CHANGED, b"550 5.7.17"),
            (Ownership.DOMAIN_CHANGED, b"550 5.7.18"),
            (Ownership.UNKNOWN, b"550 5.7.19"),
            (Ownership.LATER, b"451 4.3.0"),
        ):
            said = self.sent(field, ownership)
            self.assertTrue(said.last.startswith(answer), said.last)

    def test_fieldsThatDoNotCount(self) -> None:
        """Those that name nobody, a role, or no time; those of whom RCPT spoke."""
        for header, to in (
            (renderField(b"x@d.example", THEN), TO),
            (renderField(b"sales@d.example", THEN), b"RCPT TO:<sales@d.example>"),
            (b"Require-Recipient-Valid-Since: b@d.example\r\n", TO),
            (b"Require-Recipient-Valid-Since: b@d.example; soon\r\n", TO),
        ):
            self.assertEqual(self.sent(header, Ownership.CHANGED, to).codes[-1], 250)
        answers: Answers = {
            KeptSince: lambda asked: (
                Ownership.KEPT if asked.since == THEN else Ownership.CHANGED
            )
        }
        both = HELLO + TO + b" RRVS=" + WHEN + b"\r\nDATA\r\n"
        both += renderField(b"b@d.example", THEN - 1) + b"\r\n.\r\n"
        said = talk([RRVS(asked=True)], both, answers=answers)
        self.assertEqual(said.codes[-1], 250)

    def test_tooManyFields(self) -> None:
        """Of more than a hundred, the rest is not looked at."""
        others = b"".join(renderField(b"x@d.example", THEN) for _ in range(100))
        mine = renderField(b"b@d.example", THEN)
        self.assertEqual(self.sent(others + mine, Ownership.CHANGED).codes[-1], 250)
        self.assertEqual(self.sent(mine + others, Ownership.CHANGED).codes[-1], 550)

    def test_fieldOfSomebodyElsewhere(self) -> None:
        """It is noted, so that the next host can be told in the better way."""
        said = self.sent(renderField(b"b@d.example", THEN), Ownership.ELSEWHERE)
        [envelope] = said.port.taken
        since = Since(THEN, NoSupport.CONTINUE)
        self.assertEqual(envelope.recipients[0].stamp(FIELD_SINCE), since)
        said = self.sent(renderField(b"b@d.example", THEN), Ownership.KEPT)
        self.assertNotIn(FIELD_SINCE, said.port.taken[0].recipients[0].stamps)

    def test_settings(self) -> None:
        """Other ones make another extension, with the same to ask."""
        some = RRVSSettings(HostList.parse(["192.0.2.25"]))
        made = RRVS(asked=True).configured(some)
        self.assertEqual((made.options, made.asked), (some, True))


class FieldTests(SynchronousTestCase):
    """The header field (section 3.2)."""

    @given(st.integers(0, LATEST))
    def test_isItsOwnInverse(self, since: int) -> None:
        """What is written is read as it was."""
        value = renderField(b"b@d.example", since).partition(b":")[2]
        unfolded = value.replace(b"\r\n", b"").strip()
        self.assertEqual(readField(unfolded), FieldNote(b"b@d.example", since))

    def test_examples(self) -> None:
        """That of section 12.2, and odd ones."""
        for value, note in (
            (
                b"receiver@example.com;  Sat, 1 Jun 2013 09:23:01 -0700",
                FieldNote(b"receiver@example.com", 1370103781),
            ),
            (
                b'"a;b"@example.com; 1 Jun 2013 16:23:01 -0000',
                FieldNote(b'"a;b"@example.com', 1370103781),
            ),
            (b"receiver@example.com", None),
            (b"receiver@example.com;", None),
            (b"receiver@example.com; soon", None),
            (b"receiver@example.com; 99 Jun 2013 16:23:01 +0000", None),
            (b"receiver@example.com; 1 Jun 2013 16:23:01 +9999999", None),
            (b"receiver; 1 Jun 2013 16:23:01 +0000", None),
            (b"a@b.example; 1 Jun 2013 16:23:01 \xff", None),
        ):
            self.assertEqual(readField(value), note, value)

    @given(st.binary(max_size=60))
    def test_anything(self, value: bytes) -> None:
        """Whatever stands there, it is a note or none."""
        note = readField(b"b@d.example;" + value)
        self.assertIn(type(note), (FieldNote, type(None)))

    def test_whomItNames(self) -> None:
        """Domains in any case; local parts as they are."""
        note = FieldNote(b"b@d.example", 0)
        self.assertTrue(note.names(b"b@D.EXAMPLE"))
        self.assertFalse(note.names(b"c@d.example"))


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def envelope(self, *sinces: Since | None, field: bool = False) -> Envelope:
        """An envelope to as many, of whom this is asked."""
        envelope = Envelope(b"a@c.example", 0.0)
        for number, since in enumerate(sinces):
            recipient = Recipient(b"b%d@d.example" % number)
            if since is not None:
                recipient.stamps[FIELD_SINCE if field else SINCE] = since
            envelope.recipients.append(recipient)
        return envelope

    def sent(
        self,
        envelope: Envelope,
        *,
        offered: bool = True,
        settings: RRVSSettings = USUAL,
        body: bytes = b"Subject: x\r\n\r\nx\r\n",
    ) -> Pair:
        """What becomes of a message."""
        servers = [RRVS(asked=True)] if offered else []
        answers: Answers = {KeptSince: lambda asked: Ownership.ELSEWHERE}
        joined = pair(servers, [RRVS(settings)], serverAnswers=answers).open()
        joined.deliver(envelope, body)
        self.assertEqual(joined.troubles, [])
        return joined

    def test_passedOn(self) -> None:
        """With what is to be done (section 5.1.1)."""
        for since in Since(THEN), *(Since(THEN, each) for each in NoSupport):
            joined = self.sent(self.envelope(since))
            [envelope] = joined.taken
            self.assertEqual(envelope.recipients[0].stamp(SINCE), since)

    def test_hostsWithoutIt(self) -> None:
        """They get nothing, but for whom it may go on (section 6)."""
        free = Since(THEN, NoSupport.CONTINUE)
        for sinces, codes in (
            ((Since(THEN),), [550]),
            ((Since(THEN, NoSupport.REJECT), None, free), [550, 250, 250]),
            ((free,), [250]),
            ((None,), [250]),
        ):
            joined = self.sent(self.envelope(*sinces), offered=False)
            self.assertEqual(joined.codes, codes)
            self.assertNotIn(b"RRVS", joined.said)
            self.assertNotIn(b"Valid-Since", b"".join(joined.bodies))

    def test_aGuessIsNotEnough(self) -> None:
        """That a host did not offer it once says nothing of today."""
        peer = ScriptedPeer(client([RRVS()]))
        peer.open()
        # What a forecast that was not confirmed yet looks like to a hook.
        peer.connection.guessed = True
        [admit] = peer.connection.profile.admitters
        refusal = admit(peer.connection, self.envelope(Since(THEN)))
        assert refusal is not None
        self.assertIs(refusal.scope, Scope.SESSION)
        self.assertIsNone(admit(peer.connection, self.envelope(None)))

    def test_theFieldIsAdded(self) -> None:
        """
        Only for hosts that are known to heed it, and never for several recipients
        (sections 6.1 and 7).
        """
        free = Since(THEN, NoSupport.CONTINUE)
        field = renderField(b"b0@d.example", THEN)
        for hosts in ["192.0.2.25"], ["mx.example.org"], ["*.example.org"]:
            heeding = RRVSSettings(HostList.parse(hosts))
            joined = self.sent(self.envelope(free), offered=False, settings=heeding)
            self.assertEqual(joined.bodies, [field + b"Subject: x\r\n\r\nx\r\n"])
        for envelope in self.envelope(free, free), self.envelope(None):
            joined = self.sent(envelope, offered=False, settings=heeding)
            self.assertEqual(joined.bodies, [b"Subject: x\r\n\r\nx\r\n"])
        elsewhere = RRVSSettings(HostList.parse(["192.0.2.26"]))
        joined = self.sent(self.envelope(free), offered=False, settings=elsewhere)
        self.assertEqual(joined.bodies, [b"Subject: x\r\n\r\nx\r\n"])

    def test_theParameterInPlaceOfTheField(self) -> None:
        """For a host that has it; others get the field as it is (section 6.1)."""
        free = Since(THEN, NoSupport.CONTINUE)
        mine = renderField(b"b0@d.example", THEN)
        theirs = renderField(b"x@d.example", THEN)
        body = mine + b"Subject: x\r\n" + theirs + mine + b"\r\nx\r\n"
        joined = self.sent(self.envelope(free, field=True), body=body)
        self.assertEqual(joined.bodies, [b"Subject: x\r\n" + theirs + b"\r\nx\r\n"])
        self.assertIn(b"RRVS=" + WHEN + b";C", joined.said)
        joined = self.sent(self.envelope(free, field=True), offered=False, body=body)
        self.assertEqual((joined.bodies, joined.codes), ([body], [250]))


class ChangeTests(SynchronousTestCase):
    """Messages whose header is changed, however they are cut."""

    def changed(self, transform: object, body: bytes, piece: int) -> bytes:
        """What becomes of a message."""
        assert callable(transform)
        source = OctetsBody(body, piece)
        made = transform(Envelope(b"", 0.0), source)
        pieces = list(made.pieces())
        self.assertEqual(pieces, list(made.pieces()))
        self.assertNotIn(b"", pieces)
        self.assertEqual(made.octets, sum(map(len, pieces)))
        return b"".join(pieces)

    def test_removing(self) -> None:
        """Fields go; all else stays, to the octet."""
        mine = renderField(b"b@d.example", THEN)
        remove = removing([b"b@d.example"])
        for body, left in (
            (mine + b"A: 1\r\n\r\nx\r\n", b"A: 1\r\n\r\nx\r\n"),
            (b"A: 1\r\n" + mine + b"\r\nx\r\n", b"A: 1\r\n\r\nx\r\n"),
            (mine + b"\r\n", b"\r\n"),
            (mine, b""),
            (b"\r\n" + mine, b"\r\n" + mine),
            (b"A: 1\r\n\r\n" + mine, b"A: 1\r\n\r\n" + mine),
            (b"no field\r\n" + mine, b"no field\r\n" + mine),
            (b"", b""),
        ):
            for piece in 1, 7, 65536:
                self.assertEqual(self.changed(remove, body, piece), left)

    def test_aLongHeader(self) -> None:
        """What stands far behind in it is not found, and nothing is broken."""
        mine = renderField(b"b@d.example", THEN)
        body = mine + b"A: 1234567890\r\n" * 10000 + mine + b"\r\nx\r\n"
        found = self.changed(removing([b"b@d.example"]), body, 65536)
        self.assertEqual(found, body[len(mine) :])

    def test_adding(self) -> None:
        """It stands in front."""
        mine = renderField(b"b@d.example", THEN)
        add = adding(b"b@d.example", THEN)
        for piece in 1, 65536:
            self.assertEqual(self.changed(add, b"\r\nx", piece), mine + b"\r\nx")


class QueueTests(SynchronousTestCase):
    """The queue's side."""

    def test_spool(self) -> None:
        """The notes are kept; without this extension the message waits."""
        profile = QueueProfile().load([RRVS()])
        self.assertIs(profile.stamps["rrvs"], SINCE)
        self.assertIs(profile.stamps["rrvs-field"], FIELD_SINCE)
        self.assertTrue(SINCE.critical)
        self.assertFalse(FIELD_SINCE.critical)

    def test_aliases(self) -> None:
        """Of whom an alias leads to, nothing was said (section 8.2)."""
        profile = QueueProfile().load([RRVS()])
        recipient = Recipient(b"b@d.example")
        recipient.stamps[SINCE] = recipient.stamps[FIELD_SINCE] = Since(THEN)
        for path, left in (b"b@d.example", True), (b"x@e.example", False):
            other = profile.redirected(recipient, path, False)
            self.assertIs(SINCE in other.stamps, left)
            self.assertIs(FIELD_SINCE in other.stamps, left)
        other = profile.redirected(Recipient(b"b@d.example"), b"x@e.example", False)
        self.assertNotIn(SINCE, other.stamps)
