"""
The tables C{[[checker]]}: programs outside that are asked what they think of messages.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen

from ...core.domain import checkDomain
from ...core.errors import Malformed
from ...core.hostlist import HostList
from ...policy.checkers.clamd import Clamd
from ...policy.checkers.interfaces import USUAL, WhenAway
from ...policy.checkers.rspamd import Rspamd
from ...policy.checkers.spamd import SPAMC_OCTETS, Spamd
from ..kinds import durationInSeconds, sizeInOctets


class CheckerKind(Enum):
    """What it is, and how it is talked to."""

    CLAMD = "clamd"
    SPAMD = "spamd"
    RSPAMD = "rspamd"

    @property
    def finds(self) -> frozenset[str]:
        """What it finds out."""
        return _FINDS[self]

    @property
    def port(self) -> int:
        """Where it usually listens."""
        return _PORTS[self]


_FINDS = {
    CheckerKind.CLAMD: Clamd.finds,
    CheckerKind.SPAMD: Spamd.finds,
    CheckerKind.RSPAMD: Rspamd.finds,
}
_PORTS = {
    CheckerKind.CLAMD: 3310,
    CheckerKind.SPAMD: 783,
    CheckerKind.RSPAMD: 11333,
}


class Absence(Enum):
    """What holds where it is away."""

    DEFER = WhenAway.DEFER.value
    ACCEPT = WhenAway.ACCEPT.value


@frozen
class Place:
    """
    Where a checker listens.

    @ivar path: its UNIX socket; empty: it has none.
    @ivar host: a name or an address, where it has none.
    @ivar port: of that; 0: the usual one.
    """

    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def shown(self) -> str:
        """Where that is, for people."""
        if self.path:
            return self.path
        return f"{self.host}, port {self.port}" if self.port else self.host

    @classmethod
    def parse(cls, text: str) -> Place:
        """
        Read an address.

        @raise ValueError: it is none.
        """
        if text.startswith("/"):
            return cls(path=text)
        host, colon, port = text.rpartition(":")
        if not colon or (":" in host and not host.startswith("[")):
            host, port = text, "0"
        if not port.isdecimal() or int(port) > 65535:
            raise ValueError(f'"{port}" is no port')
        return cls(host=_host(host), port=int(port))


def _host(text: str) -> str:
    bare = text.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(bare))
    except ValueError:
        pass
    try:
        checkDomain(bare.encode("ascii"))
    except (ValueError, Malformed):
        raise ValueError(
            'expected a path such as "/run/clamav/clamd.ctl", or a host with a port'
            f' such as "127.0.0.1:3310", got "{text}"'
        ) from None
    return bare


def _place(instance: object, attribute: Attribute[Any], value: str) -> None:
    Place.parse(value)


def _name(instance: object, attribute: Attribute[Any], value: str) -> None:
    if not value or not value.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f'expected a name such as "clamav", got "{value}"')


def _only(kind: CheckerKind) -> Callable[[Checker, Attribute[Any], object], None]:
    """A validator of an option that only one kind has."""

    def validate(entry: Checker, attribute: Attribute[Any], value: object) -> None:
        if value != attribute.default and entry.kind is not kind:
            raise ValueError(
                f'this is for "{kind.value}", and the kind is "{entry.kind.value}"'
            )

    return validate


@frozen
class Checker:
    """
    A program that is asked for its opinion of messages: a virus scanner or a spam
    filter.  It is asked if a rule wants to know (:doc:`/reference/rules`); without one
    it costs nothing.
    """

    name: str = field(
        validator=_name,
        metadata={"help": "What it is called in rules and logs."},
    )
    kind: CheckerKind = field(
        metadata={
            "help": "``clamd`` is the virus scanner of ClamAV, ``spamd`` the spam"
            " filter SpamAssassin, ``rspamd`` the spam filter of that name: its worker"
            " ``normal``."
        }
    )
    address: str = field(
        validator=_place,
        metadata={
            "help": "Where it listens: the path of its UNIX socket, or a host and a"
            " port, such as ``127.0.0.1:3310``; without one: the usual port."
        },
    )
    whenAway: Absence = field(
        default=Absence.DEFER,
        metadata={
            "help": "What holds for a message that it should have an opinion of, and"
            " has none, since it is away, slow or broken.  ``defer``: if a rule asks"
            " for that, the client is told to come again (451).  ``accept``: the"
            " rule's condition is not true."
        },
    )
    opinionSeconds: float = field(
        default=USUAL.seconds,
        metadata={
            "kind": durationInSeconds(False, 1, 280),
            "help": "How long it may take from the message's end on, waiting for others"
            " included.",
        },
    )
    atOnceMax: int = field(
        default=USUAL.atOnce,
        metadata={
            "least": 1,
            "most": 1000,
            "help": "How many messages it is given at once; others wait.  No more than"
            " it does at once itself, such as ``MaxThreads`` of clamd.",
        },
    )
    checkedOctets: int | None = field(
        default=None,
        metadata={
            "kind": sizeInOctets(1),
            "help": "A message that is larger is not given to it, and its state is"
            " ``too_large``.  If not given: any is, and of ``spamd`` as large a one as"
            " ``spamc`` gives it, of 500 KiB.",
            "none": None,
        },
    )
    hosts: HostList = field(
        factory=lambda: HostList.parse(["*"]),
        metadata={"help": "Clients whose messages are for it."},
    )
    logins: bool = field(
        default=True,
        metadata={
            "help": "Are messages for it as well that clients bring who have logged in?"
        },
    )

    user: str = field(
        default="",
        validator=_only(CheckerKind.SPAMD),
        metadata={
            "help": "Of ``spamd``: whose settings and knowledge of words it is to use."
            "  If not given: those that it has for nobody in particular."
        },
    )
    settingsId: str = field(
        default="",
        validator=_only(CheckerKind.RSPAMD),
        metadata={
            "help": "Of ``rspamd``: the id of the settings that it is to use, of those"
            " in its ``settings.conf``."
        },
    )
    passwordFile: Path | None = field(
        default=None,
        validator=_only(CheckerKind.RSPAMD),
        metadata={
            "help": "Of ``rspamd``: a file with the password that it wants, if it wants"
            " one."
        },
    )
    changes: bool = field(
        default=False,
        validator=_only(CheckerKind.RSPAMD),
        metadata={
            "help": "Of ``rspamd``: is done what it wants to be changed in the header:"
            " fields that it adds and removes, and another subject?  A message of which"
            " a rule has asked it is meant."
        },
    )

    @property
    def octetsMax(self) -> int | None:
        """How large a message it is asked about; L{None}: any."""
        spamd = self.kind is CheckerKind.SPAMD
        return (
            SPAMC_OCTETS if self.checkedOctets is None and spamd else self.checkedOctets
        )

    @property
    def place(self) -> Place:
        """Where it listens."""
        found = Place.parse(self.address)
        if found.path or found.port:
            return found
        return Place(host=found.host, port=self.kind.port)


__all__ = ["Absence", "Checker", "CheckerKind", "Place"]
