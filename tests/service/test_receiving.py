"""
Tests for L{smtpx.service.receiving}.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import HookTrouble
from smtpx.core.interfaces import (
    IExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from smtpx.core.queueprofile import DISCARDED, QueueProfile
from smtpx.core.reply import Reply
from smtpx.net.factory import Silence
from smtpx.net.interfaces import IArrival, IReceiver
from smtpx.policy.aliasentry import Place
from smtpx.policy.aliases import Aliases, AliasSources
from smtpx.policy.aliasfile import parseEntry
from smtpx.policy.aliastable import Reach
from smtpx.policy.editing import EditedArrival, EditingReceiver
from smtpx.policy.edits import (
    AddRecipient,
    Change,
    ChangeSender,
    Edit,
    Insert,
    Quarantine,
    RemoveRecipient,
    editorOf,
)
from smtpx.policy.local import LocalPolicy
from smtpx.policy.ours import LocalAddresses
from smtpx.policy.redirect import Redirection
from smtpx.service.receiving import SpoolArrival, SpoolReceiver
from smtpx.spool.interfaces import IIncoming
from smtpx.testing.server import talk
from smtpx.testing.spool import MemorySpool


@define
class Accepting(Silence):
    """A journal that remembers what was accepted."""

    enabled = True
    said: list[tuple[str, bytes]] = field(factory=list)

    def accepted(
        self,
        session: IServerSession,
        envelope: Envelope,
        messageID: str,
        answer: Reply,
    ) -> None:
        """A message was taken."""
        self.said.append((messageID, answer.octets))


@implementer(IServerExtension)
class Tracing:
    """An extension with a clause for the Received field, or trouble instead."""

    name = "TRACING"
    requires: tuple[str, ...] = ()
    settings = None

    def __init__(self, good: bool) -> None:
        self._good = good

    def configured(self, settings: object) -> Tracing:
        """It has no settings."""
        return self

    def extendServer(self, server: IServerBuilder) -> None:
        """Add the clause."""
        server.trace(self._clause)

    def _clause(self, session: IServerSession) -> tuple[tuple[str, str], ...]:
        if not self._good:
            raise RuntimeError("no clause")
        return (("with-luck", "7"),)


@implementer(IIncoming)
class SlowIncoming:
    """A message whose commit is decided by the test."""

    id = "1AAAAA-000001-00"
    octets = 0

    def __init__(self) -> None:
        self.producers: list[IProducer | None] = []
        self.aborted = False
        self.committed: Deferred[None] = Deferred()

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Note it."""
        self.producers.append(producer)

    def unregisterProducer(self) -> None:
        """Note it."""
        self.producers.append(None)

    def write(self, data: bytes) -> None:
        """Count it."""
        self.octets += len(data)

    def reread(self) -> Iterator[bytes]:
        """Nothing is there."""
        return iter(())

    def commit(
        self, envelope: Envelope, prefix: bytes, hold: bool | str
    ) -> Deferred[None]:
        """The test says when."""
        return self.committed

    def abort(self) -> None:
        """Note it."""
        self.aborted = True


class SlowSpool(MemorySpool):
    """A spool that has one slow message."""

    def __init__(self) -> None:
        MemorySpool.__init__(self)
        self.incoming = SlowIncoming()

    def begin(self) -> IIncoming:
        """The one."""
        return self.incoming


def session(extensions: Sequence[IExtension] = ()) -> IServerSession:
    """A session in which EHLO was said."""
    return talk(extensions, b"EHLO client.example\r\n").connection


class SpoolReceiverTests(SynchronousTestCase):
    """Messages on their way into the spool."""

    def setUp(self) -> None:
        """A spool in memory."""
        self.spool = MemorySpool()
        self.journal = Accepting()
        self.held = False
        self.receiver = SpoolReceiver(
            self.spool, self.journal, lambda envelope: self.held
        )
        self.envelope = Envelope(b"a@b.example", 1000.0, [Recipient(b"c@d.example")])

    def arrival(self, receiver: SpoolReceiver | None = None) -> SpoolArrival:
        """A message that has begun."""
        begun = (receiver or self.receiver).begin(session(), self.envelope)
        assert isinstance(begun, SpoolArrival)
        return begun

    def finished(self, arrival: SpoolArrival) -> Reply:
        """What the peer is told."""
        answer = arrival.finish(session(), self.envelope)
        if isinstance(answer, Reply):
            return answer
        return self.successResultOf(answer)

    def test_interfaces(self) -> None:
        """They are what the net wants."""
        verifyObject(IReceiver, self.receiver)
        verifyObject(IArrival, self.arrival())

    def test_taken(self) -> None:
        """A message is in the spool under a Received field, and 250 has its id."""
        arrival = self.arrival()
        arrival.write(b"Subject: x\r\n")
        arrival.write(b"\r\nbody\r\n")
        answer = self.finished(arrival)
        [id] = self.spool.kept
        self.assertEqual(answer.octets, b"250 2.0.0 OK id=%b\r\n" % id.encode())
        whole = self.spool.whole(id)
        self.assertTrue(whole.startswith(b"Received: from client.example ([192.0.2.1"))
        self.assertIn(b"\r\n\tid %b\r\n\tfor <c@d.example>;\r\n\t" % id.encode(), whole)
        self.assertTrue(whole.endswith(b"\r\nSubject: x\r\n\r\nbody\r\n"))
        self.assertEqual(self.journal.said, [(id, answer.octets)])

    def test_redirected(self) -> None:
        """The spool gets whom aliases lead to, the journal what the client said."""
        local = LocalAddresses(["d.example"])
        entry, _ = parseEntry("c", ["e@d.example", "f@d.example"], Place("x", 1))
        assert entry is not None
        reach = Reach(local, lambda path: True)
        redirection = Redirection(
            Aliases(AliasSources((), (entry,)), reach), QueueProfile()
        )
        policy = LocalPolicy(local, lambda *who: True, redirection=redirection)
        [recipient] = self.envelope.recipients
        self.assertIsNone(policy.admit(self.envelope, recipient, True))
        receiver = SpoolReceiver(
            self.spool, self.journal, lambda envelope: False, redirection
        )
        self.finished(self.arrival(receiver))
        [message] = self.spool.kept.values()
        paths = [each.path for each in message.envelope.recipients]
        self.assertEqual(paths, [b"e@d.example", b"f@d.example"])
        self.assertIn(b"for <c@d.example>;", message.prefix)
        self.assertEqual(self.envelope.recipients, [recipient])

    def test_clauses(self) -> None:
        """What extensions have to say stands in the Received field."""
        arrival = self.arrival()
        answer = arrival.finish(session([Tracing(True)]), self.envelope)
        assert isinstance(answer, Deferred)
        self.successResultOf(answer)
        [id] = self.spool.kept
        self.assertIn(b" with-luck 7", self.spool.whole(id))

    def test_troubleBeforeTheCommit(self) -> None:
        """Where an extension fails the message is forgotten, not left half there."""
        spool = SlowSpool()
        arrival = self.arrival(SpoolReceiver(spool, self.journal, lambda _: False))
        self.assertRaises(
            HookTrouble, arrival.finish, session([Tracing(False)]), self.envelope
        )
        self.assertTrue(spool.incoming.aborted)

    def test_held(self) -> None:
        """What is to be put by is on hold from the start."""
        self.held = True
        self.finished(self.arrival())
        [message] = self.spool.kept.values()
        self.assertTrue(message.held)

    def test_fullBefore(self) -> None:
        """Without room the body is refused before it is sent."""
        self.spool.full = True
        answer = self.receiver.begin(session(), self.envelope)
        assert isinstance(answer, Reply)
        self.assertEqual(answer.octets, b"452 4.3.1 No room for mail now\r\n")

    def test_brokenBefore(self) -> None:
        """With a broken disk the body is refused before it is sent."""
        self.spool.broken = True
        answer = self.receiver.begin(session(), self.envelope)
        assert isinstance(answer, Reply)
        self.assertEqual(answer.octets, b"451 4.3.0 Mail cannot be taken now\r\n")

    def test_fullAtTheEnd(self) -> None:
        """A disk that fills up meanwhile is 452, and nothing was accepted."""
        arrival = self.arrival()
        self.spool.full = True
        self.assertEqual(self.finished(arrival).code, 452)
        self.assertEqual(self.journal.said, [])

    def test_brokenAtTheEnd(self) -> None:
        """A disk that breaks meanwhile is 451, and nothing was accepted."""
        arrival = self.arrival()
        self.spool.broken = True
        self.assertEqual(self.finished(arrival).code, 451)
        self.assertEqual(self.journal.said, [])

    def test_notBeforeTheCommit(self) -> None:
        """Nothing is said before the message is on the disk."""
        spool = SlowSpool()
        arrival = self.arrival(SpoolReceiver(spool, self.journal, lambda _: False))
        answer = arrival.finish(session(), self.envelope)
        assert isinstance(answer, Deferred)
        self.assertNoResult(answer)
        self.assertEqual(self.journal.said, [])
        spool.incoming.committed.callback(None)
        self.assertEqual(
            self.successResultOf(answer).octets, b"250 2.0.0 OK id=1AAAAA-000001-00\r\n"
        )

    def test_otherTrouble(self) -> None:
        """What nobody expected is let through, to be told of as trouble."""
        spool = SlowSpool()
        arrival = self.arrival(SpoolReceiver(spool, self.journal, lambda _: False))
        answer = arrival.finish(session(), self.envelope)
        assert isinstance(answer, Deferred)
        spool.incoming.committed.errback(RuntimeError("odd"))
        self.failureResultOf(answer, RuntimeError)

    def test_pushBack(self) -> None:
        """Whoever sends is known to the spool, which may pause it."""
        spool = SlowSpool()
        arrival = self.arrival(SpoolReceiver(spool, self.journal, lambda _: False))
        producer = object()
        arrival.registerProducer(producer, True)  # type: ignore[arg-type]  # never asked
        arrival.unregisterProducer()
        self.assertEqual(spool.incoming.producers, [producer, None])

    def test_aborted(self) -> None:
        """A message that will not be finished leaves nothing behind."""
        arrival = self.arrival()
        arrival.write(b"x")
        arrival.abort()
        self.assertEqual(self.spool.kept, {})

    def test_changed(self) -> None:
        """A message that was changed is in the spool as it was left, under one id."""
        receiver = SpoolReceiver(
            self.spool, self.journal, lambda envelope: False, ruled=True
        )
        arrival = EditingReceiver(receiver).begin(session(), self.envelope)
        assert isinstance(arrival, EditedArrival)
        arrival.write(b"Subject: x\r\nTo: y\r\n")
        arrival.write(b"\r\nbody\r\n")
        assert arrival.reread is not None
        self.assertEqual(
            b"".join(arrival.reread()), b"Subject: x\r\nTo: y\r\n\r\nbody\r\n"
        )
        editor = editorOf(self.envelope)
        assert editor is not None
        body = editor.replaceBody()
        assert not isinstance(body, Reply)
        body.write(b"other\r\n")
        body.finish()
        edits: list[Edit] = [
            Insert(b"X-Top", b"1", 0),
            Change(b"Subject", 1, b"z"),
            ChangeSender(b"n@b.example"),
            RemoveRecipient(b"c@d.example"),
            AddRecipient(b"e@d.example"),
            Quarantine("spam"),
        ]
        editor.edit("a", edits)
        answer: Any = arrival.finish(session(), self.envelope)
        self.assertEqual(self.successResultOf(answer).code, 250)
        [(id, message)] = self.spool.kept.items()
        self.assertEqual(arrival.id, id)
        whole = self.spool.whole(id)
        self.assertTrue(whole.startswith(b"X-Top: 1\r\nReceived: from client"), whole)
        self.assertTrue(whole.endswith(b"\r\nSubject: z\r\nTo: y\r\n\r\nother\r\n"))
        self.assertEqual(message.envelope.sender, b"n@b.example")
        self.assertEqual(
            [(each.path, each.dumpedStamps()) for each in message.envelope.recipients],
            [(b"c@d.example", {DISCARDED.name: "yes"}), (b"e@d.example", {})],
        )
        self.assertEqual((message.held, message.note), (True, "spam"))
