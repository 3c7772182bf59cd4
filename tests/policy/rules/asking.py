"""What tests of rules share: subjects, and a server that asks rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.interfaces import IExtension
from smtpx.core.reply import Reply
from smtpx.extensions.standard import standard
from smtpx.net.factory import SMTPServerFactory
from smtpx.policy.chain import NamedPolicy, PolicyChain
from smtpx.policy.rules import (
    ANSWERS,
    HouseRules,
    Means,
    MessageVerdict,
    Rule,
    RuleStage,
    SPFVerdict,
    Verdicts,
    Vocabulary,
)
from smtpx.policy.rules.findings import DNS_SCORE, METHODS
from smtpx.policy.rules.interfaces import ICondition
from smtpx.policy.rules.rule import NONE
from smtpx.policy.rules.ruleset import Ruling
from smtpx.policy.rules.subject import Subject
from tests.net.made import Call, RememberingReceiver, Server
from tests.policy.doubles import sessionFrom

#: When a policy is given up, in seconds.
PATIENCE = 30.0


def subject(
    stage: RuleStage = RuleStage.RCPT,
    sender: bytes = b"ann@example.net",
    recipient: bytes = b"bob@example.org",
    helo: bytes | None = b"client.example.net",
    verdicts: Verdicts = Verdicts(),  # noqa: B008 - it does not change
    peer: bytes = b"192.0.2.1",
) -> Subject:
    """A question about a session with a transaction."""
    session = sessionFrom(peer)
    session.helo = helo
    if stage.hasTransaction:
        session.envelope = Envelope(sender, 0.0)
    to = Recipient(recipient) if stage is RuleStage.RCPT else None
    return Subject(session, stage, verdicts, helo, to)


def holds(condition: ICondition, asked: Subject, means: Means = NONE) -> bool | None:
    """What a condition says at once."""
    said = condition.test(means)(asked)
    assert not isinstance(said, Deferred), said
    return said


def saying(
    spf: SPFVerdict | Deferred[SPFVerdict] | None = None,
    message: MessageVerdict | Deferred[MessageVerdict] | None = None,
    guess: SPFVerdict | None = None,
) -> Verdicts:
    """Somebody who finds out these."""
    return Verdicts(
        lambda session, envelope: spf or SPFVerdict("none"),
        lambda session, envelope: guess or SPFVerdict("none"),
        lambda session, envelope: message or MessageVerdict(),
    )


@define(eq=False)
class RuledServer:
    """
    A server with rules, in memory.

    @ivar told: what rules had for the log.
    @ivar troubles: whose they were.
    @ivar counted: what rules came to, each time that they were asked.
    """

    server: Server
    rules: HouseRules
    told: list[Ruling] = field(factory=list)
    troubles: list[str] = field(factory=list)
    counted: list[tuple[str, str, str]] = field(factory=list)

    def call(self, host: str = "192.0.2.1") -> Call:
        """A client connects."""
        return self.server.call(host)

    @property
    def envelope(self) -> Envelope | None:
        """The transaction of the only client."""
        (protocol,) = self.server.factory.connections
        return protocol.core.envelope


def served(
    rules: Sequence[Rule],
    verdicts: Verdicts = Verdicts(),  # noqa: B008 - it does not change
    extensions: Iterable[IExtension] | None = None,
    means: Means = NONE,
) -> RuledServer:
    """A server that asks rules."""
    loaded = list(standard() if extensions is None else extensions)
    told: list[Ruling] = []
    troubles: list[str] = []
    counted: list[tuple[str, str, str]] = []
    words = Vocabulary.of(loaded, METHODS | {DNS_SCORE})
    house = HouseRules.of(
        rules,
        words,
        means,
        verdicts,
        lambda asked, ruling: told.append(ruling),
        lambda *what: counted.append(what),
    )
    policy, reviews = house.policy(), house.extension()
    clock = Clock()
    receiver = RememberingReceiver()
    chain = None
    if policy is not None:
        chain = PolicyChain(
            [NamedPolicy("rules", policy)],
            lambda session, owner, error: troubles.append(owner),
            clock,
            PATIENCE,
        )
    factory = SMTPServerFactory(
        clock,
        receiver,
        extensions=[*loaded, *([] if reviews is None else [reviews])],
        policy=chain,
        answers=ANSWERS,
    )
    server = Server(factory, receiver, clock)
    return RuledServer(server, house, told, troubles, counted)


def replyOf(found: Ruling | None) -> Reply | None:
    """What a ruling tells the client."""
    return None if found is None else found.answer
