"""
Tests for L{smtpx.extensions.checkpointclient}.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient, Stamp
from smtpx.core.errors import Malformed
from smtpx.core.hooks import (
    Dialect,
    Forecast,
    Hello,
    RoutePolicy,
    Target,
    TLSLevel,
)
from smtpx.core.hostlist import HostList
from smtpx.core.repeatable import ERRAND, Errand, Progress
from smtpx.core.reply import Reply
from smtpx.extensions.checkpoint import TRANSID, Checkpoint, CheckpointSettings
from smtpx.extensions.checkpointclient import (
    TransactionNames,
    progressIn,
)
from smtpx.extensions.chunking import Chunking
from smtpx.extensions.limits import Limits
from smtpx.extensions.pipelining import Pipelining
from smtpx.testing.client import TARGET, OctetsBody, ScriptedPeer, client

NAMES = TransactionNames(b"s" * 32, b"client.example.org")
KEYWORDS = (b"PIPELINING", b"CHECKPOINT", b"CHUNKING")
RCPT = b"RCPT TO:<b@d.example>\r\n"
SMALL = b"Subject: x\r\n\r\nText\r\n"
LARGE = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 6000
OK = b"250 ok\r\n"

_NOTE = Stamp[str]("note", str, str)


def named(errand: Errand | None, *paths: bytes, octets: int = len(SMALL)) -> Envelope:
    """An envelope of a queue."""
    recipients = [Recipient(path) for path in paths or (b"b@d.example",)]
    envelope = Envelope(b"a@c.example", 0.0, recipients, octets)
    if errand is not None:
        envelope.stamps[ERRAND] = errand
    return envelope


class NamesTests(SynchronousTestCase):
    """What transactions are called."""

    def name(
        self,
        id: str = "1",
        target: Target = TARGET,
        recipients: Iterable[bytes] = (b"b@d.example",),
        sender: bytes = b"a@c.example",
        digest: str = "0",
        names: TransactionNames = NAMES,
    ) -> bytes:
        """The name of one."""
        found = [Recipient(path) for path in recipients]
        envelope = Envelope(sender, 0.0, found)
        return names.nameOf(target, Errand(id), envelope, digest)

    def test_isOne(self) -> None:
        """It is in the grammar of RFC 1845, and ours."""
        name = self.name()
        self.assertEqual(TRANSID.parse(b"<" + name + b">"), name)
        self.assertRegex(name, rb"\A[a-z2-7]{32}@client\.example\.org\Z")

    def test_isTheSame(self) -> None:
        """In whichever order the recipients stand, whenever it is asked for."""
        several = [b"b@d.example", b"c@d.example"]
        self.assertEqual(self.name(), self.name())
        self.assertEqual(
            self.name(recipients=several), self.name(recipients=several[::-1])
        )
        upper = evolve(TARGET, host=TARGET.host.upper())
        self.assertEqual(self.name(target=upper), self.name())

    def test_isAnother(self) -> None:
        """Whatever is another, the name is."""
        found = {
            self.name(),
            self.name(id="2"),
            self.name(target=evolve(TARGET, host=b"other.example.org")),
            self.name(target=evolve(TARGET, port=2525)),
            self.name(recipients=[b"B@d.example"]),
            self.name(recipients=[b"b@d.example", b"b@d.example"]),
            self.name(sender=b""),
            self.name(digest="1"),
            self.name(names=evolve(NAMES, secret=b"t" * 32)),
        }
        self.assertEqual(len(found), 9)

    def test_stamps(self) -> None:
        """So it is with what extensions noted, if the queue keeps that."""
        envelope = named(Errand("1"))
        found = {NAMES.nameOf(TARGET, Errand("1"), envelope, "0")}
        envelope.recipients[0].stamps[_NOTE] = "x"
        found.add(NAMES.nameOf(TARGET, Errand("1"), envelope, "0"))
        envelope.stamps[_NOTE] = "x"
        found.add(NAMES.nameOf(TARGET, Errand("1"), envelope, "0"))
        self.assertEqual(len(found), 3)
        self.assertIn(self.name(), found)

    @settings(max_examples=60)
    @given(st.lists(st.text("aB-3.:[]", min_size=1, max_size=30), max_size=8))
    def test_alwaysFits(self, labels: list[str]) -> None:
        """Whatever we call ourselves, it is a name of at most 80 characters."""
        ours = ".".join(labels).encode("ascii")
        name = self.name(names=evolve(NAMES, name=ours))
        self.assertEqual(TRANSID.parse(b"<" + name + b">"), name)

    def test_domain(self) -> None:
        """Of a long name there is the end; of what is none, nothing."""
        long = b"a" * 40 + b".b.example"
        for ours, domain in (
            (long, b"b.example"),
            (b"MX.Example.ORG", b"mx.example.org"),
            (b"a" * 60, b"invalid"),
            (b"[192.0.2.1]", b"invalid"),
            (b"[IPv6:2001:db8::1]", b"invalid"),
            (b"a_b", b"invalid"),
        ):
            name = self.name(names=evolve(NAMES, name=ours))
            self.assertEqual(name.partition(b"@")[2], domain)

    def test_secretIsNotShown(self) -> None:
        """Not in a log, when somebody logs the object."""
        self.assertNotIn("ssss", repr(NAMES))


class ProgressTests(SynchronousTestCase):
    """What a host says that it has."""

    def test_examples(self) -> None:
        """The one of RFC 1845 section 5, and others."""
        for text, progress in (
            (b"6135 is the transaction offset", Progress(6135)),
            (b"0", Progress(0)),
            (b"17\tx", Progress(17)),
            (b"17 is the offset for 3 recipients", Progress(17, 3)),
            (b"17 for 1 recipient", Progress(17, 1)),
            (b"17 for 3", Progress(17)),
        ):
            self.assertEqual(progressIn(Reply(355, None, (text,))), progress)

    def test_malformed(self) -> None:
        """An offset stands first, and alone."""
        for text in (b"", b"x", b"-1 x", b" 1", b"1x", b"1.5", b"9" * 19, b"1,000"):
            self.assertRaises(Malformed, progressIn, Reply(355, None, (text,)))
        self.assertRaises(Malformed, progressIn, Reply(354, None, (b"17",)))


class ClientTests(SynchronousTestCase):
    """What a client makes of it."""

    def setUp(self) -> None:
        """It names its transactions to all hosts."""
        self.hosts = HostList.parse(["*"])
        self.names: TransactionNames | None = NAMES
        self.target = TARGET
        self.keywords: tuple[bytes, ...] = KEYWORDS

    def peer(self) -> ScriptedPeer:
        """A host that is ready for messages."""
        options = CheckpointSettings(hostsTryCheckpoint=self.hosts)
        extension = Checkpoint(names=self.names).configured(options)
        extensions = [Limits(), Pipelining(), extension, Chunking()]
        peer = ScriptedPeer(client(extensions, target=self.target))
        peer.open(*self.keywords)
        return peer

    def deliver(self, envelope: Envelope, body: bytes = SMALL) -> bytes:
        """What is said at first, and by what name; to another host each time."""
        said = self.peer().deliver(envelope, OctetsBody(body, 16_384))
        self.line = said.partition(b"\r\n")[0]
        return self.line.partition(b" TRANSID=")[2].partition(b" ")[0]

    def test_small(self) -> None:
        """It goes in one flight, with its name, the first time and every other."""
        errand = Errand("1")
        name = self.deliver(named(errand))
        self.assertTrue(TRANSID.parse(name))
        for again in (errand, Errand("1", True)):
            said = self.peer().deliver(named(again), SMALL)
            self.assertIn(b" TRANSID=" + name + b"\r\n" + RCPT + b"BDAT ", said)

    def test_large(self) -> None:
        """
        The first time it goes as ever.  If it may have come before it is asked what of
        it is there: in this attempt or in an earlier one.
        """
        errand = Errand("1")
        first = self.peer().deliver(named(errand, octets=len(LARGE)), LARGE)
        mail, rcpt, _ = first.partition(RCPT)
        self.assertEqual(rcpt, RCPT)
        for again in (errand, Errand("1", True)):
            said = self.peer().deliver(named(again, octets=len(LARGE)), LARGE)
            self.assertEqual(said, mail)

    def test_goesOn(self) -> None:
        """And the rest of it follows; the log has what was there."""
        peer = self.peer()
        peer.deliver(named(Errand("1", True), octets=len(LARGE)), LARGE)
        self.assertEqual(len(LARGE), 72014)
        said = peer.say(b"355 72002 is the transaction offset\r\n")
        self.assertEqual(said, b"BDAT 12 LAST\r\n0123456789\r\n")
        peer.say(b"250 2.0.0 Taken\r\n")
        self.assertEqual(peer.codes, [250])
        self.assertIn(("HAD", 72002), peer.connection.logFields())
        peer.deliver(named(Errand("2")))
        self.assertNotIn("HAD", dict(peer.connection.logFields()))

    def test_hasAll(self) -> None:
        """A host that has all of it is asked for what it said, and that counts."""
        both = (b"b@d.example", b"c@d.example")
        for paths, said in (
            (both[:1], b"72014 is the transaction offset"),
            (both, b"72014 is the transaction offset for 2 recipients"),
        ):
            peer = self.peer()
            peer.deliver(named(Errand("1", True), *paths, octets=len(LARGE)), LARGE)
            self.assertEqual(peer.say(b"355 " + said + b"\r\n"), b"BDAT 0 LAST\r\n")
            peer.say(b"550 5.7.1 No\r\n")
            self.assertEqual(peer.codes, [550] * len(paths))

    def test_anotherMessage(self) -> None:
        """Whatever is sent otherwise has another name."""
        found = {
            self.deliver(named(Errand("1"))),
            self.deliver(named(Errand("2"))),
            self.deliver(named(Errand("1")), SMALL + b"x\r\n"),
            self.deliver(named(Errand("1"), b"c@d.example")),
        }
        self.assertEqual(len(found), 4)

    def test_whatIsAskedForCounts(self) -> None:
        """A host that takes one recipient at a time has a name for each."""
        one = self.deliver(named(Errand("1")))
        self.keywords = (*KEYWORDS, b"LIMITS RCPTMAX=1")
        both = named(Errand("1"), b"b@d.example", b"c@d.example")
        self.assertEqual(self.deliver(both), one)

    def test_notFromAQueue(self) -> None:
        """Two messages of a program that are the same are two."""
        self.assertEqual(self.deliver(named(None)), b"")

    def test_notOffered(self) -> None:
        """Whoever does not offer it is told no names."""
        self.keywords = (b"PIPELINING", b"CHUNKING")
        self.assertEqual(self.deliver(named(Errand("1"))), b"")

    def test_notListed(self) -> None:
        """Nor are hosts that the operator does not name."""
        self.hosts = HostList.parse(["!mx.example.org", "*"])
        self.assertEqual(self.deliver(named(Errand("1"))), b"")

    def test_noNames(self) -> None:
        """Nor is anybody where there is no secret."""
        self.names = None
        self.assertEqual(self.deliver(named(Errand("1"))), b"")

    def test_lmtp(self) -> None:
        """In LMTP each recipient has an answer already."""
        self.target = evolve(TARGET, dialect=Dialect.LMTP)
        self.assertEqual(self.deliver(named(Errand("1"))), b"")

    def test_envelopeIsNotTouched(self) -> None:
        """The name is of this transaction, and not the message's."""
        envelope = named(Errand("1"))
        self.deliver(envelope)
        self.assertEqual(envelope.dumpedStamps(), {})
        self.assertNotIn("checkpoint-name", repr(envelope.stamps))

    def test_onASYN(self) -> None:
        """With a name a message may ride on the SYN; without one it does not."""
        keywords = tuple((word, None) for word in KEYWORDS)
        forecast = Forecast(Hello(b"mx.example.org", keywords))
        options = CheckpointSettings(hostsTryCheckpoint=self.hosts)
        extension = Checkpoint(names=NAMES).configured(options)
        for errand, rides in ((Errand("1"), True), (None, False)):
            peer = ScriptedPeer(
                client(
                    [Pipelining(), extension, Chunking()],
                    policy=RoutePolicy(TLSLevel.UNWANTED),
                    forecast=forecast,
                )
            )
            peer.connection.opening, peer.connection.roomInSYN = True, 1420
            peer.start()
            self.assertEqual(peer.deliver(named(errand), SMALL).endswith(SMALL), rides)
