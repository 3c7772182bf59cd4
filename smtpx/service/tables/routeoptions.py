"""
What all routes have, whatever their transport; and how an option says whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, TypeVar

from attrs import Attribute, field, frozen

R = TypeVar("R", bound="RouteOptions")


class TransportKind(Enum):
    """How messages leave the spool."""

    MAILDIR = "maildir"
    SMTP = "smtp"
    LMTP = "lmtp"
    QUEUEFILE = "queuefile"
    PIPE = "pipe"
    DISCARD = "discard"
    HOLD = "hold"


#: Those that reach other programs by connections of the pool.
SENDING = frozenset({TransportKind.SMTP, TransportKind.LMTP})


def _someone(entry: RouteOptions, attribute: Attribute[Any], value: object) -> None:
    if not value:
        raise ValueError("a route needs something to match")


def only(
    *kinds: TransportKind, checks: Sequence[Callable[[R], str | None]] = ()
) -> Any:
    """
    A validator of an option that only some transports have.

    @param kinds: those transports.
    @param checks: say what else is wrong with it, where it is given.
    """
    words = " and ".join(f'"{kind.value}"' for kind in kinds)

    def validate(entry: R, attribute: Attribute[Any], value: object) -> None:
        if value == attribute.default:
            return
        if entry.transport not in kinds:
            used = entry.transport.value
            raise ValueError(f'this is for {words}, and the transport is "{used}"')
        for check in checks:
            wrong = check(entry)
            if wrong is not None:
                raise ValueError(wrong)

    return validate


@frozen
class RouteOptions:
    """What all routes have."""

    match: tuple[str, ...] = field(
        validator=_someone,
        metadata={
            "help": "Whose: an address, a domain, ``*.example.org`` for the domains"
            " below it, or ``*`` for all.  The narrowest match of all routes decides."
        },
    )
    transport: TransportKind = field(
        default=TransportKind.MAILDIR,
        metadata={
            "help": "``maildir`` writes a file for each recipient, ``smtp`` sends it to"
            " another host, ``lmtp`` gives it to a program that delivers it (RFC 2033),"
            " ``pipe`` hands it to a command, ``queuefile`` to an Exim or a scanner in"
            " Exim's spool format, ``discard`` throws the message away, ``hold`` keeps"
            " it in the spool until somebody releases it."
        },
    )
    senders: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Only for mail from these: addresses, domains, ``*.example.org``,"
            " and ``<>`` for the null sender.  Among routes that match a recipient"
            " equally narrowly, the one with the narrowest sender decides; where none"
            " is for the sender, the next wider match does.  None: mail from all."
        },
    )


__all__ = ["SENDING", "RouteOptions", "TransportKind", "only"]
