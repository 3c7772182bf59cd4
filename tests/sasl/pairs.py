"""
The two halves of a mechanism, joined, with somebody in between who may tamper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from smtpx.core.dialogue import Ask
from smtpx.sasl import (
    Authenticated,
    BadServer,
    Cause,
    Channel,
    CheckPassword,
    CheckToken,
    Credentials,
    Denied,
    FetchVerifier,
    Judgement,
    Mechanism,
    SaltPassword,
    decoy,
    enrol,
    saltPassword,
)
from smtpx.sasl.values import ClientExchange, Outcome, ServerExchange

Answers = Mapping[Any, Callable[[Any], object]]

#: The installation's secret, in these tests.
SECRET = b"s" * 32
ITERATIONS = 4096

USERS = {b"user": b"pencil", "björn".encode(): b"stift", b"a,b=c": b"x"}
VERIFIERS = {
    user: enrol(password, b"saltsaltsaltsalt", ITERATIONS)
    for user, password in USERS.items()
}


def check(question: CheckPassword) -> Judgement:
    """Answers L{CheckPassword} from L{USERS}."""
    good = USERS.get(question.user) == question.password
    return Judgement.GOOD if good else Judgement.BAD


def checkToken(question: CheckToken) -> Outcome:
    """Answers L{CheckToken}: the name of a user of L{USERS} is its token."""
    if question.token in USERS:
        return Authenticated(question.token)
    return Denied(Cause.CREDENTIALS, "bad token", question.user or None)


ANSWERS: Answers = {
    CheckPassword: check,
    CheckToken: checkToken,
    FetchVerifier: lambda q: VERIFIERS.get(q.user) or decoy(SECRET, q.user, ITERATIONS),
    SaltPassword: lambda q: saltPassword(q.password, q.salt, q.iterations, q.hashName),
}


def step(
    exchange: ServerExchange | ClientExchange,
    sent: bytes | None = None,
    answers: Answers = ANSWERS,
) -> Any:
    """
    Go on to what is said next; questions are answered on the way.

    @return: the octets of the challenge or response; L{None}: it listens.
    @raise StopIteration: it has ended.
    """
    need = exchange.send(sent)
    while isinstance(need, Ask):
        need = exchange.send(answers[type(need.question)](need.question))
    return need.octets


def serve(
    exchange: ServerExchange, *responses: bytes, answers: Answers = ANSWERS
) -> tuple[list[bytes], Outcome | None]:
    """
    Play the client to a server's half.

    @return: the challenges, and the outcome; L{None}: it waits for more.
    """
    said: list[bytes] = []
    try:
        said.append(step(exchange, None, answers))
        for response in responses:
            said.append(step(exchange, response, answers))
    except StopIteration as stop:
        assert len(said) == len(responses), "it ended too early"
        outcome: Outcome = stop.value
        return said, outcome
    exchange.close()
    return said, None


def login(
    exchange: ClientExchange, *challenges: bytes | None, answers: Answers = ANSWERS
) -> tuple[list[bytes | None], bool]:
    """
    Play the server to a client's half.

    @return: the responses, and whether it is content.
    @raise BadServer: it is not.
    """
    said: list[bytes | None] = []
    try:
        said.append(step(exchange, None, answers))
        for challenge in challenges:
            said.append(step(exchange, challenge, answers))
    except StopIteration:
        assert len(said) == len(challenges), "it ended too early"
        return said, True
    exchange.close()
    return said, False


@define
class Joined:
    """
    What became of both halves.

    @ivar outcome: the server's; L{None}: the client gave up first.
    @ivar trusting: does the client believe the server?
    @ivar wire: all that was said, the server's and the client's in turn.
    """

    outcome: Outcome | None = None
    trusting: bool = False
    wire: list[bytes] = field(factory=list)


def join(
    mechanism: Mechanism,
    credentials: Credentials,
    serverChannel: Channel | None = None,
    clientChannel: Channel | None = None,
    tamper: Callable[[int, bytes], bytes] = lambda number, octets: octets,
    answers: Answers = ANSWERS,
) -> Joined:
    """
    Let both halves talk.

    @param tamper: changes what is said on the way; messages are counted from 0.
    """
    channel = serverChannel or Channel()
    server = mechanism.serve(channel)
    client = mechanism.login(credentials, clientChannel or channel)
    joined = Joined()

    def heard(octets: bytes) -> bytes:
        joined.wire.append(tamper(len(joined.wire), octets))
        return joined.wire[-1]

    try:
        challenge = step(server, None, answers)
        response = step(client, None, answers)
        if response is None:
            response = step(client, heard(challenge), answers)
        while True:
            challenge = step(server, heard(response), answers)
            response = step(client, heard(challenge), answers)
    except StopIteration as stop:
        # Only a server ends before it is told that all is well.
        joined.outcome = stop.value
    except BadServer:
        return joined
    try:
        client.send(None)
    except StopIteration:
        joined.trusting = True
    except BadServer:
        pass
    return joined
