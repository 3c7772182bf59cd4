"""
Does a DNS list work?

Each has names that are in it, and others that never are (RFC 5782 section 5): of
addresses 127.0.0.2 is listed and 127.0.0.1 is not, and in a list of domains C{TEST} is
and C{INVALID} is not.  A list that has died mostly lists nobody, so that nothing is
noticed; or everybody, which is noticed late.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address

from .asker import ERRORS, LISTINGS
from .names import nameIn

#: Gives the addresses of a name; L{None}: nobody could tell.
Ask = Callable[[bytes], "tuple[bytes, ...] | None"]

#: Who is listed and who is not: in lists of addresses, and of domains.
_ADDRESSES, _DOMAINS = (b"127.0.0.2", b"127.0.0.1"), (b"test", b"invalid")


def tryList(zone: bytes, domains: bool, ask: Ask) -> str | None:
    """
    Try a list.

    @param zone: the list.
    @param domains: is it one of domains?
    @param ask: asks the DNS, and waits.
    @return: what is wrong with it; L{None}: nothing.
    """
    listed, unlisted = _DOMAINS if domains else _ADDRESSES
    answers = _asked(zone, listed, ask)
    if answers is None:
        return "no name server could tell whether it lists anybody"
    error = next((each for each in answers if IPv4Address(each) in ERRORS), None)
    if error is not None:
        return f"it answers {error}, an error: it does not answer our name server"
    if not any(IPv4Address(each) in LISTINGS for each in answers):
        who = listed.decode("ascii")
        return f"it does not list {who}, as a list does that works (RFC 5782 section 5)"
    if _asked(zone, unlisted, ask):
        return f"it lists {unlisted.decode('ascii')}: it would list everybody"
    return None


def _asked(zone: bytes, key: bytes, ask: Ask) -> list[str] | None:
    name = nameIn(zone, key)
    answers = None if name is None else ask(name)
    return None if answers is None else [each.decode("ascii") for each in answers]


__all__ = ["Ask", "tryList"]
