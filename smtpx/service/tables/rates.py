"""
The table C{[rates]}: where it is kept who does how much, and who hears of accounts that
do too much.
"""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from ...core.address import Mailbox, parseMailbox
from ...core.errors import Malformed
from ...policy.strangers.alerts import EVERY_SECONDS
from ...policy.strangers.rates import KEYS_MOST
from ..kinds import FilePath, Text, durationInSeconds
from ..nested import ListOf, Optional, Parsed


def _mailbox(text: str) -> Mailbox:
    """
    Read an address.

    @raise ValueError: it is none.
    """
    try:
        return parseMailbox(text.encode("ascii"))
    except (Malformed, UnicodeEncodeError) as error:
        raise ValueError(
            f"expected an address such as ops@example.org: {error}"
        ) from None


@frozen
class RateOptions:
    """
    Where it is kept who does how much, where a rule has the condition ``rate``, and
    who hears of accounts that do too much (:doc:`/howto/rates`).
    """

    alertTo: tuple[Mailbox, ...] = field(
        default=(),
        metadata={
            "kind": ListOf(
                Parsed(
                    Mailbox,
                    Text(),
                    _mailbox,
                    lambda mailbox: mailbox.render().decode("ascii"),
                    "an address",
                )
            ),
            "help": "Who gets a message when a rate with ``alert`` is too much.  The"
            " log has it in any case.",
        },
    )
    alertEvery: float = field(
        default=EVERY_SECONDS,
        metadata={
            "kind": durationInSeconds(False, 60),
            "help": "How often that is told of one account.",
        },
    )
    keysMax: int = field(
        default=KEYS_MOST,
        metadata={
            "least": 100,
            "help": "For how many clients, users and so on each rate is kept; who did"
            " nothing for the longest time goes for who is new.",
        },
    )
    file: Path | None = field(
        default=None,
        metadata={
            "kind": Optional(FilePath()),
            "help": "The file, on a local disk.  Several servers on one machine may"
            " share it, and count together.  If not given: ``rates.sqlite`` in the"
            " state folder.",
        },
    )


__all__ = ["RateOptions"]
