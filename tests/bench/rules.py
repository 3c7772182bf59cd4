"""
What rules cost: the CPU time that fifty of them add to a message.

Run it as C{python -m tests.bench.rules}.  The rules are plain ones, none of which is
true, so that all are asked: ten of C{connect}, ten of C{mail}, twenty of C{rcpt}, ten
of C{message}; each asks of a host, an address or a header.
"""

from __future__ import annotations

import time

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.profile import ServerProfile
from smtpx.core.server import ServerConnection
from smtpx.policy.names import LiveHostList
from smtpx.policy.rules import (
    Domains,
    Headers,
    Hosts,
    HouseRules,
    Means,
    Recipients,
    Reject,
    Rule,
    RuleStage,
    Senders,
    Vocabulary,
)
from smtpx.policy.rules.fields import watcher
from smtpx.testing.server import ScriptedPort

#: How many messages one measurement is of, and how many measurements there are.
MESSAGES, ROUNDS = 2000, 9


def fifty() -> list[Rule]:
    """The rules."""
    made: list[Rule] = []
    for n in range(10):
        hosts = Hosts.make([f"198.51.{n}.0/24", "203.0.113.9"])
        senders = Senders.make([f"x{n}@a.example", f"*.b{n}.example"])
        domains = Domains.make([f"c{n}.example"])
        people = Recipients.make([f"y{n}@example.org"])
        header = Headers.make({"Subject": [f"*word{n}*"]})
        made += [
            Rule(RuleStage.CONNECT, [hosts], Reject()),
            Rule(RuleStage.MAIL, [senders], Reject()),
            Rule(RuleStage.RCPT, [domains], Reject()),
            Rule(RuleStage.RCPT, [hosts, people], Reject()),
            Rule(RuleStage.MESSAGE, [header], Reject()),
        ]
    return made


def measured(rules: HouseRules) -> float:
    """CPU seconds of one message."""
    session = ServerConnection(ServerProfile(), ScriptedPort(), b"192.0.2.1")
    recipient = Recipient(b"ann@example.org")
    note = watcher(b"subject")
    stages = (RuleStage.CONNECT, RuleStage.MAIL, RuleStage.MESSAGE)
    began = time.process_time()
    for _ in range(MESSAGES):
        session.envelope = Envelope(b"bob@example.net", 0.0, [recipient])
        note(session, b" An ordinary subject of a message")
        for stage in stages:
            assert rules.ask(rules.subject(session, stage)) is None
        asked = rules.subject(session, RuleStage.RCPT, recipient)
        assert rules.ask(asked) is None
    return (time.process_time() - began) / MESSAGES


def main() -> None:
    """Measure, and print what came of it."""
    rules = HouseRules.of(fifty(), Vocabulary(), Means(LiveHostList))
    none = HouseRules.of([], Vocabulary(), Means(LiveHostList))
    with_ = min(measured(rules) for _ in range(ROUNDS))
    without = min(measured(none) for _ in range(ROUNDS))
    print(f"50 rules: {(with_ - without) * 1e6:.1f} us of CPU a message")


if __name__ == "__main__":
    main()
