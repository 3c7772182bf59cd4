"""
What rules cost: the CPU time that fifty of them add to a message.

Run it as C{python -m tests.bench.rules}.  None of the rules is true, so that all are
asked: ten of C{connect}, ten of C{mail}, twenty of C{rcpt}, ten of C{message}.  Plain
ones ask of a host, an address or a header.  Others ask look-ups: files with lines, LMDB
and CDB files; once all the same keys, as rules mostly do, and once each another.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import lmdb

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.profile import ServerProfile
from smtpx.core.server import ServerConnection
from smtpx.policy.lookups import (
    READERS,
    CDBTable,
    Complaints,
    ITable,
    LineTable,
    LMDBTable,
    Lookup,
)
from smtpx.policy.names import LiveHostList
from smtpx.policy.rules import (
    Domains,
    Headers,
    Hosts,
    HouseRules,
    LookedUp,
    Means,
    Query,
    Recipients,
    Reject,
    Rule,
    RuleStage,
    Senders,
    Vocabulary,
)
from smtpx.policy.rules.fields import watcher
from smtpx.testing.server import ScriptedPort
from tests.policy.lookups.test_cdbtable import cdb

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


def lookingUp(others: bool) -> list[Rule]:
    """
    Rules with look-ups.

    @param others: has each rule another key?
    """
    made: list[Rule] = []
    for n in range(10):
        more = f"{n}." if others else ""

        def asked(name: str, key: str, more: str = more) -> LookedUp:
            return LookedUp.make([Query.make(name, f"{more}{key}")])

        domain, sender = "$domain", "$sender_address_domain"
        made += [
            Rule(RuleStage.CONNECT, [asked("lines", "$sender_host_address")], Reject()),
            Rule(RuleStage.MAIL, [asked("mapped", sender)], Reject()),
            Rule(RuleStage.RCPT, [asked("mapped", domain)], Reject()),
            Rule(RuleStage.RCPT, [asked("constant", domain)], Reject()),
            Rule(RuleStage.MESSAGE, [asked("lines", sender)], Reject()),
        ]
    return made


def tables(folder: Path) -> Means:
    """
    What they look up in: a thousand entries each.

    @param folder: where files are made.
    """
    quiet = Complaints("bench")
    keys = [b"domain%d.example" % n for n in range(1000)]
    (folder / "lines").write_bytes(b"".join(b"%b: yes\n" % key for key in keys))
    with lmdb.open(str(folder / "mapped"), subdir=False) as environment:
        with environment.begin(write=True) as transaction:
            for key in keys:
                transaction.put(key, b"yes")
    (folder / "constant").write_bytes(cdb([(key, b"yes") for key in keys]))
    found: dict[str, ITable] = {
        "lines": LineTable(folder / "lines", READERS["lsearch"], quiet),
        "mapped": LMDBTable(folder / "mapped", quiet),
        "constant": CDBTable(folder / "constant", quiet),
    }
    lookups = {name: Lookup(name, table) for name, table in found.items()}
    return Means(LiveHostList, lookups=lookups)


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
    with TemporaryDirectory() as folder:
        means = tables(Path(folder))
        for others, what in ((False, "the same keys"), (True, "50 keys")):
            looking = HouseRules.of(lookingUp(others), Vocabulary(), means)
            took = min(measured(looking) for _ in range(ROUNDS)) - without
            print(f"50 rules with look-ups, {what}: {took * 1e6:.1f} us")


if __name__ == "__main__":
    main()
