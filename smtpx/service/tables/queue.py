"""
The tables C{[queue]} and C{[[retry]]}: how long messages wait, and when they are
tried again.
"""

from __future__ import annotations

from attrs import Attribute, field, frozen

from ...core.addresstable import AddressTable
from ...core.errors import UsageError
from ...queue.delivery import Bounds
from ...queue.errorkind import ErrorKind
from ...queue.pauses import Pauses
from ...queue.retry import Lifetimes
from ..kinds import durationInSeconds
from ..pausewords import PausesKind

_USUAL = Bounds()
_LIFETIMES = Lifetimes()


@frozen
class Queue:
    """How long messages wait in the spool, and how many are delivered at once."""

    queueLifetime: float = field(
        default=_LIFETIMES.usualSeconds,
        metadata={
            "kind": durationInSeconds(False, 1),
            "help": "The age at which a message is given up that could not be"
            " delivered, and its sender told.  It is tried a last time just then.",
        },
    )
    bounceLifetime: float = field(
        default=_LIFETIMES.bounceSeconds,
        metadata={
            "kind": durationInSeconds(False, 1),
            "help": "The same for messages from the null sender, which mostly are"
            " delivery reports.  Nobody is told of those.",
        },
    )
    messagesMax: int = field(
        default=_USUAL.messages,
        metadata={
            "least": 1,
            "help": "The most messages that are in memory to be delivered.  The others"
            " wait on the disk.",
        },
    )
    messagesOctets: int = field(
        default=_USUAL.octets,
        metadata={
            "least": 1,
            "help": "With bodies of more than this in memory, no more are read.",
        },
    )
    queueOnlyFor: float = field(
        default=1800.0,
        metadata={
            "kind": durationInSeconds(False, 1),
            "help": "How long a message waits that rules want in the queue only"
            " (``queue_only``) before it is delivered.",
        },
    )
    deliveriesMax: int = field(
        default=_USUAL.attempts,
        metadata={"least": 1, "help": "The most deliveries at once, in all."},
    )


def _patterns(
    instance: object, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]
) -> None:
    if not value:
        raise ValueError("a retry rule needs something to match")
    try:
        AddressTable([(each, None) for each in value])
    except UsageError as error:
        raise ValueError(str(error)) from error


@frozen
class RetryEntry:
    """When messages are tried again that could not be delivered."""

    pauses: Pauses = field(
        metadata={
            "kind": PausesKind(),
            "help": "How long to wait after an attempt: ``15 min until 2 h`` is every"
            " quarter of an hour until the message is two hours old, and"
            " ``1 h * 1.5 until 16 h`` makes each pause longer by half than the one"
            " before.  Each begins where the one before ends.  Where the last has an"
            " ``until``, the message is given up at that age.",
        }
    )
    match: tuple[str, ...] = field(
        default=("*",),
        validator=_patterns,
        metadata={
            "help": "Whose: an address, a domain, ``*.example.org`` for the domains"
            " below it, or ``*`` for all.  The narrowest match of all rules decides."
        },
    )
    errors: tuple[ErrorKind, ...] = field(
        default=(),
        metadata={
            "help": "After which errors; none: after all that no other rule with the"
            " same match names. "
            + " ".join(f" ``{each.value}``: {each.help}." for each in ErrorKind)
        },
    )
