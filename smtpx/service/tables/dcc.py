"""
The table C{[dcc]}: the daemon of DCC, which knows how often a message was seen.
"""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

from ...core.hostlist import HostList
from ...policy.checkers import Terms
from ...policy.dcc.question import readOptions
from ..kinds import durationInSeconds
from .checker import Absence, Place

#: How it is asked, if nobody says otherwise.
_USUAL = Terms()


def _placeOf(text: str) -> Place:
    """
    Where the daemon listens.

    @raise ValueError: it is no place.
    """
    if text.startswith("/"):
        return Place(path=text)
    host, _, port = text.strip().partition(" ")
    if not port.strip().isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(
            'expected a path such as "/var/dcc/dccifd", or a host and a port such as'
            f' "127.0.0.1 10025", got "{text}"'
        )
    found = Place.parse(host)
    return Place(host=found.host, port=int(port))


def _address(instance: object, attribute: Attribute[Any], value: str | None) -> None:
    if value is not None:
        _placeOf(value)


def _options(instance: DCCTable, attribute: Attribute[Any], value: str) -> None:
    words = readOptions(value)
    if instance.dccDirectAddHeader and "header" not in words:
        raise ValueError(
            'dcc_direct_add_header wants "header" among these: the daemon gives none'
            " otherwise"
        )


@frozen
class DCCTable:
    """
    The daemon of DCC, ``dccifd``, which knows how often a message was seen, and can
    greylist (:doc:`/howto/dcc`).  It is asked if a rule wants to know
    (:doc:`/reference/rules`), or ``dcc_direct_add_header`` is set.
    """

    dccifdAddress: str | None = field(
        default=None,
        validator=_address,
        metadata={
            "help": "Where it listens: the path of its UNIX socket, such as"
            " ``/var/dcc/dccifd``, or a host and a port with a blank between them."
            "  If not given: nobody is asked."
        },
    )
    dccDirectAddHeader: bool = field(
        default=False,
        metadata={
            "help": "Is the field ``X-DCC`` that it gives put into the message, in"
            " place of any that a sender has written?  Otherwise only ``$dcc_header``"
            " tells of it."
        },
    )
    dccifdOptions: str = field(
        default="header",
        validator=_options,
        metadata={
            "help": "What it is told to do, in the words of ``dccifd(8)`` with blanks"
            " between them, such as ``header grey-off``."
        },
    )
    whenAway: Absence = field(
        default=Absence.DEFER,
        metadata={
            "help": "What holds for a message of which it has no answer.  ``defer``: if"
            " a rule asks for it, the client is told to come again (451).  ``accept``:"
            " that counts as a yes, as with ``defer_ok`` in Exim."
        },
    )
    opinionSeconds: float = field(
        default=_USUAL.seconds,
        metadata={
            "kind": durationInSeconds(False, 1, 280),
            "help": "How long it may take from the message's end on, waiting for others"
            " included.",
        },
    )
    atOnceMax: int = field(
        default=_USUAL.atOnce,
        metadata={
            "least": 1,
            "most": 1000,
            "help": "How many messages it is given at once; others wait.",
        },
    )
    checkedOctets: int | None = field(
        default=None,
        metadata={
            "least": 1,
            "help": "A message that is larger is not given to it.  If not given: any"
            " is.",
            "none": None,
        },
    )
    hosts: HostList = field(
        factory=lambda: HostList.parse(["*"]),
        metadata={"help": "Clients whose messages are for it."},
    )
    logins: bool = field(
        default=False,
        metadata={
            "help": "Are messages for it as well that clients bring who have logged in?"
        },
    )

    @property
    def addsHeader(self) -> bool:
        """Is the field that the daemon gives put into messages?"""
        return self.dccDirectAddHeader and self.dccifdAddress is not None

    @property
    def place(self) -> Place:
        """Where it listens."""
        assert self.dccifdAddress is not None, "it is asked"
        return _placeOf(self.dccifdAddress)


__all__ = ["DCCTable"]
