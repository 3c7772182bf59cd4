"""
Aliases for tests: a server with some domains, and what is read for it.
"""

from __future__ import annotations

from smtpx.policy.aliascheck import checkAliases
from smtpx.policy.aliasentry import AliasProblem
from smtpx.policy.aliasfile import parseAliases
from smtpx.policy.aliastable import AliasBounds, AliasTable, Reach
from smtpx.policy.ours import LocalAddresses, VirtualDomains

#: Ann and Bob are at example.org, Carol at two shops; anybody is at any.example.
OURS = LocalAddresses(
    ["example.org", "old.example", "example.com"],
    ["ann@example.org", "bob@example.org", "ann+listed@example.org"],
    False,
    b"mx.example.org",
    [
        VirtualDomains(("shop.example", "store.example"), ("carol",)),
        VirtualDomains(("any.example",), (), True),
    ],
    b"+",
)


def goes(path: bytes) -> bool:
    """There is a route to everywhere but one domain."""
    return not path.endswith(b"@nowhere.example")


def goesFrom(path: bytes, sender: bytes) -> bool:
    """The same, whoever sends."""
    return goes(path)


REACH = Reach(OURS, goes)


def table(text: str, bounds: AliasBounds | None = None) -> AliasTable:
    """The aliases of a good file, which nobody has checked."""
    entries, problems = parseAliases(text.encode(), "f")
    assert problems == [], problems
    return AliasTable(entries, REACH, bounds)


def checked(text: str, bounds: AliasBounds | None = None) -> list[str]:
    """What is wrong with aliases that can be read, as it is printed."""
    return list(map(str, checkAliases(table(text, bounds))))


def misread(text: str) -> list[str]:
    """What is wrong with a file, as it is printed."""
    problems: list[AliasProblem] = parseAliases(text.encode(), "f")[1]
    return list(map(str, problems))
