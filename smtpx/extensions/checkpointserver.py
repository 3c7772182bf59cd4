"""
The server's side of CHECKPOINT: what is told of a transaction that was there before.

RFC 1845 leaves open what a client means that sends on before it has seen the 355.  Here
the RCPT commands tell: a restart has none (section 5), and a whole flight always has
one between MAIL and the message.  So what was sent before the 355 was seen is never
taken for the rest of something.

A name counts only together with who the client is beyond its word, what it calls
itself, and the reverse path: nobody can claim, probe or use up the names of another.

==================  ===========  =======================  ============================
the transaction is  MAIL         RCPT                     the message
==================  ===========  =======================  ============================
new                 250          as ever                  as ever; taken with its name
taken               355, all of  its first reply          nothing, or the same once
                    its octets                            more: its first reply
cut short           355, the     drops what is there:     goes on there
                    octets that  all is sent again
                    are there
being received      451          503                      503
being taken         as soon as that is known, as above
==================  ===========  =======================  ============================

What contradicts the name, another recipient or another message, is put off with 451 and
the name is forgotten: whoever uses names twice gets no answer that was another's, and
when it comes again it is taken as anybody is.

It is part of L{smtpx.extensions.checkpoint}, which has the words of the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, cast

from attrs import define, field, frozen
from zope.interface import Interface

from ..core.address import forwardPath
from ..core.dialogue import Answered, Question, ServerDialogue, Verdict, ask
from ..core.envelope import Envelope, Recipient, Stamp
from ..core.hooks import Run
from ..core.interfaces import IServerSession
from ..core.reply import LOCAL_ERROR, Reply, reply
from ..core.standing import Standing

# A member is looked up at its class by a function of Enum's, each time.
_USUAL = Standing.USUAL

#: With more octets of commands and replies than this, a transaction is too long to be
#: remembered.
_LONGEST = 131_072

IN_PROGRESS = reply(451, "4.3.0", b"That transaction is in progress")
#: To a recipient, or to a message, that a name was not for.
ANOTHER = reply(451, "4.3.0", b"That name was another transaction's; try again")
TAKEN_OVER = reply(421, "4.3.2", b"Another connection goes on with it", closes=True)

#: A RCPT command, without the verb, and what was said to it.
Said = tuple[bytes, Reply]


class Known(Enum):
    """
    What is known of a transaction of which there is nothing to be told.

    @cvar NEW: it is a new one, and will be remembered.
    @cvar UNNAMED: it is a new one, and there is no room to remember it.
    @cvar IN_PROGRESS: somebody else is sending it.
    @cvar UNSURE: it cannot be found out now.
    """

    NEW = "new"
    UNNAMED = "unnamed"
    IN_PROGRESS = "in progress"
    UNSURE = "unsure"


@frozen
class Committed:
    """
    A transaction that has ended.

    @ivar octets: the length of its message.
    @ivar digest: its SHA-256; L{None}: not known, and the message was not taken.
    @ivar said: each RCPT and its reply, in order.
    @ivar finals: what was said at the end: one reply, or one for each recipient.
    """

    octets: int
    digest: bytes | None
    said: tuple[Said, ...]
    finals: tuple[Reply, ...]

    def replyTo(self, argument: bytes) -> Reply | None:
        """What was said to a RCPT; L{None}: there was none like it."""
        return next((reply for each, reply in self.said if each == argument), None)

    def finalsFor(self, recipients: Sequence[Recipient]) -> Reply | tuple[Reply, ...]:
        """
        What was said at the end, for a client that takes a reply for each recipient.

        @param recipients: those that were good at first, or some of them.
        """
        finals = self.finals
        if len(finals) == 1:
            return finals[0]
        good = [_recipient(each).path for each, said in self.said if not said.refuses]
        of = dict(zip(good, finals, strict=True))
        return tuple([of[each.path] for each in recipients])


@frozen(eq=False)
class CutShort:
    """
    A transaction whose message was cut short.

    @ivar octets: how much of it there is; a line begins there.
    @ivar envelope: its recipients, and what its header has told.
    @ivar said: each RCPT and its reply, in order.
    """

    octets: int
    envelope: Envelope
    said: tuple[Said, ...]


@define(eq=False)
class Transaction:
    """
    A transaction with a name that is under way.

    @ivar key: stands for its name, and for whose it is.
    @ivar client: stands for who the client is.
    @ivar envelope: its envelope; while it is its session's, it is under way.
    @ivar heard: when the client was last heard of, in seconds since the epoch.
    @ivar before: what there was of it before; L{None}: nothing, or it was dropped.
    @ivar resumes: may it go on where it was cut short?
    @ivar repeated: has a RCPT shown that all of it is sent again?
    @ivar said: each RCPT and its reply, in order.
    @ivar digest: gives the SHA-256 of the message so far; L{None}: not all of it was
        seen.
    @ivar whole: how much of the message could be gone on behind, in octets: its header
        is there, and a line begins.
    """

    key: bytes
    client: bytes
    session: IServerSession
    envelope: Envelope
    heard: float
    resumes: bool = True
    before: Committed | CutShort | None = None
    repeated: bool = False
    said: list[Said] = field(factory=list)
    digest: Callable[[], bytes] | None = None
    whole: int = 0
    _octets: int = 0

    @property
    def underWay(self) -> bool:
        """Is the session still about it?"""
        return self.session.envelope is self.envelope

    def hear(self, argument: bytes, answer: Answered) -> None:
        """A recipient was answered for."""
        assert isinstance(answer, Reply)
        self.said.append((argument, answer))
        self._octets += len(argument) + len(answer.octets)
        if self._octets > _LONGEST and self.underWay:
            self.session.standing = Standing.USUAL


@define
class Recall(Question["Known | Committed | CutShort"]):
    """
    What is known of a transaction that begins?  Whoever is told that it is new, or
    where it was cut short, has it until it is over.
    """

    transaction: Transaction


class ITransactionMemory(Interface):
    """
    Where transactions are remembered; the port of the server's side.  Its methods
    answer at once; a L{Recall} is answered by whoever answers questions.
    """

    def admits(session: IServerSession) -> bool:
        """Is there room for more names of this client?"""

    def forget(transaction: Transaction) -> None:
        """Forget what there was of it before, if anything; it may go on."""

    def refused(transaction: Transaction, finals: Sequence[Reply]) -> None:
        """
        It was refused for good.

        @param finals: what is said at its end.
        """


#: The transaction with a name that a session is about, while C{standing} says so.
_TRANSACTION = Stamp[Transaction]("checkpoint-transaction", None, cast(Any, None))


def transactionOf(session: IServerSession) -> Transaction | None:
    """The transaction with a name that a session is about; L{None}: it has none."""
    if session.standing is _USUAL:
        return None
    return session.stamps.get(_TRANSACTION)


def clientOf(session: IServerSession) -> bytes:
    """
    Who a client is, beyond what it calls itself: whoever logged in, else of whom it
    has shown a certificate, else where it is.  A host has as many addresses as it
    likes out of 64 bits of IPv6.
    """
    if session.identity is not None:
        return b"user " + session.identity
    secured = session.secured
    if secured is not None and secured.verified and secured.subject:
        return b"certificate " + secured.subject.encode("utf-8", "surrogateescape")
    try:
        address = ip_address(session.peer.decode("ascii", "replace"))
    except ValueError:
        return b"other " + session.peer
    if isinstance(address, IPv6Address):
        network = ip_network((address, 64), strict=False)
        return b"network " + network.network_address.packed
    return b"address " + address.packed


def _digest(*parts: bytes) -> bytes:
    whole = sha256()
    for part in parts:
        whole.update(b"%d:%b" % (len(part), part))
    return whole.digest()


def clientKey(session: IServerSession) -> bytes:
    """What stands for a client."""
    return _digest(clientOf(session))[:16]


def begun(session: IServerSession, name: bytes, resumes: bool = True) -> Transaction:
    """The transaction that a MAIL with this name begins."""
    envelope = session.envelope
    assert envelope is not None
    helo = (session.helo or b"").lower()
    key = _digest(clientOf(session), helo, name, envelope.sender)
    now, client = session.now(), clientKey(session)
    return Transaction(key, client, session, envelope, now, resumes)


@frozen
class Receiving:
    """
    What is made of each command of a transaction with a name.

    @ivar memory: where transactions are remembered.
    @ivar resumes: may one go on where it was cut short?
    @ivar prompt: is what a client sends taken before it has shown that it is where it
        seems to be?
    """

    memory: ITransactionMemory
    resumes: bool
    prompt: Callable[[IServerSession], bool]

    def recall(self, session: IServerSession, name: bytes) -> Verdict:
        """MAIL: find out whether it was there before."""
        transaction = begun(session, name, self.resumes)
        found = yield from ask(Recall(transaction))
        if found is Known.IN_PROGRESS:
            return IN_PROGRESS
        if found is Known.UNSURE:
            return LOCAL_ERROR
        if found is Known.UNNAMED:
            return None
        session.stamps[_TRANSACTION] = transaction
        prompt = self.prompt(session)
        session.standing = Standing.PROMPT if prompt else Standing.NAMED
        if isinstance(found, Known):
            return None
        transaction.before = found
        envelope = transaction.envelope
        if isinstance(found, Committed):
            session.standing = Standing.SETTLED
            good = [each for each, said in found.said if not said.refuses]
            envelope.recipients = [_recipient(each) for each in good]
        else:
            transaction.said = list(found.said)
            envelope.recipients = list(found.envelope.recipients)
            envelope.octets = found.octets
        return _known(found.octets, len(envelope.recipients))

    def rcpt(
        self, session: IServerSession, rest: bytes, run: Run
    ) -> Reply | ServerDialogue | None:
        """RCPT: all of it comes again, or for the first time."""
        transaction = transactionOf(session)
        if transaction is None:
            return run(session, rest)
        transaction.heard = session.now()
        before, envelope = transaction.before, transaction.envelope
        if before is not None and not transaction.repeated:
            transaction.repeated = True
            envelope.recipients = []
            envelope.octets = 0
        if isinstance(before, Committed):
            return self._again(transaction, before, rest)
        if before is not None:
            self.memory.forget(transaction)
            transaction.before = None
            transaction.said.clear()
        told = partial(transaction.hear, rest)
        try:
            outcome = run(session, rest)
        except Exception:
            told(LOCAL_ERROR)
            raise
        return session.overhear(outcome, told)

    def _again(self, transaction: Transaction, before: Committed, rest: bytes) -> Reply:
        said = before.replyTo(rest)
        if said is None:
            self.memory.forget(transaction)
            return ANOTHER
        if not said.refuses:
            transaction.envelope.recipients.append(_recipient(rest))
        return said

    def opens(self, session: IServerSession, recipient: Recipient | None) -> None:
        """The message begins, or goes on: what its header had told holds still."""
        transaction = transactionOf(session)
        if transaction is not None:
            transaction.heard = session.now()
            if isinstance(transaction.before, CutShort):
                transaction.envelope.stamps.inherit(transaction.before.envelope.stamps)

    def ends(
        self, session: IServerSession, rest: bytes, run: Run
    ) -> Reply | ServerDialogue | None:
        """
        RSET or QUIT: the client is done with it (section 3).  The name of what was
        taken stays, for whatever is repeated brings a QUIT of its own.
        """
        transaction = transactionOf(session)
        if transaction is not None and isinstance(transaction.before, CutShort):
            self.memory.forget(transaction)
        return run(session, rest)

    def turnedDown(self, session: IServerSession, refusal: Reply) -> None:
        """The whole message is refused: for good, that is an end as well."""
        transaction = transactionOf(session)
        if (
            transaction is not None
            and session.standing is not Standing.SETTLED
            and refusal.permanent
        ):
            each = session.tellEach is not None
            count = len(transaction.envelope.recipients) if each else 1
            self.memory.refused(transaction, (refusal,) * count)


def _known(octets: int, recipients: int) -> Reply:
    """
    There is something of it (section 3).  A client that knows us may want to know for
    how many it is, so that it need not name them again.
    """
    text = b"%d is the transaction offset for %d recipient" % (octets, recipients)
    return Reply(355, None, (text if recipients == 1 else text + b"s",))


def _recipient(argument: bytes) -> Recipient:
    """Whom a RCPT was for that was good."""
    path, _ = forwardPath(argument)
    return Recipient(path)


__all__ = [
    "ANOTHER",
    "IN_PROGRESS",
    "TAKEN_OVER",
    "Committed",
    "CutShort",
    "ITransactionMemory",
    "Known",
    "Recall",
    "Receiving",
    "Said",
    "Transaction",
    "begun",
    "clientKey",
    "clientOf",
    "transactionOf",
]
