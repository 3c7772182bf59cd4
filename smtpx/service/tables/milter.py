"""
The tables C{[[milter]]}: programs outside that look at sessions and messages, and may
refuse and change them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import Attribute, field, frozen

from ...core.hostlist import HostList
from ...policy.milter.terms import MilterTerms, WhenAway
from ..kinds import Text, durationInSeconds
from ..nested import TableOf
from .listener import Role

_isName = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}").fullmatch

#: A macro: of one letter, or of several in braces.
_isMacro = re.compile(r"\{[A-Za-z0-9_]{2,64}\}|[A-Za-z_]").fullmatch

#: The longest path of a UNIX socket that Linux has, in octets.
_PATH_OCTETS = 107

#: A host and a port.
_isHost = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([1-9][0-9]{0,4})"
).fullmatch

_USUAL = MilterTerms()


def _name(entry: object, attribute: Attribute[Any], value: str) -> None:
    if _isName(value) is None:
        raise ValueError(f'expected a name such as "opendkim", got "{value}"')


def _address(entry: object, attribute: Attribute[Any], value: str) -> None:
    if value.startswith("/"):
        if len(value.encode("utf-8")) > _PATH_OCTETS:
            raise ValueError(f"the path of a socket has at most {_PATH_OCTETS} octets")
        return
    found = _isHost(value)
    if found is None or int(found[3]) > 65535:
        raise ValueError(
            'expected a path such as "/run/opendkim/opendkim.sock", or a host and a'
            f' port such as "127.0.0.1:8891", got "{value}"'
        )


def _roles(entry: object, attribute: Attribute[Any], value: tuple[Role, ...]) -> None:
    if not value:
        raise ValueError("for no listener it is of no use")


def _macros(entry: object, attribute: Attribute[Any], value: Mapping[str, str]) -> None:
    for name, text in value.items():
        if _isMacro(name) is None:
            raise ValueError(
                f'expected a macro such as "{{daemon_name}}", got "{name}"'
            )
        if not text.isprintable():
            raise ValueError(f"{name} has characters that cannot be printed")


@frozen
class MilterEntry:
    """
    A milter: a program that looks at sessions and messages as they come, and may refuse
    and change them.  Milters are asked in the order of the file, behind the server's
    own policy and the rules.
    """

    name: str = field(
        validator=_name,
        metadata={"help": "What it is called in logs."},
    )
    address: str = field(
        validator=_address,
        metadata={
            "help": "Where it listens: the path of its UNIX socket, or a host and a"
            " port, such as ``127.0.0.1:8891``.  A socket is faster."
        },
    )
    whenAway: WhenAway = field(
        default=_USUAL.whenAway,
        metadata={
            "help": "What holds for the rest of a session in which it cannot be"
            " asked, or goes away, is too slow, or talks nonsense.  ``defer``: mail is"
            " answered 451.  ``accept``: it goes on without it.  ``reject``: mail is"
            " answered 550."
        },
    )
    roles: tuple[Role, ...] = field(
        default=(Role.MX, Role.SUBMISSION),
        validator=_roles,
        metadata={"help": "The listeners that it is for, by their ``role``."},
    )
    hosts: HostList = field(
        factory=lambda: HostList.parse(["*"]),
        metadata={"help": "Clients that it is asked about."},
    )
    connectSeconds: float = field(
        default=_USUAL.connectSeconds,
        metadata={
            "kind": durationInSeconds(False, 0.1, 60),
            "help": "How long it may take to be connected to, and then to agree on"
            " what is said.",
        },
    )
    commandSeconds: float = field(
        default=_USUAL.commandSeconds,
        metadata={
            "kind": durationInSeconds(False, 0.1, 90),
            "help": "How long it may take to answer what it is told.",
        },
    )
    contentSeconds: float = field(
        default=_USUAL.contentSeconds,
        metadata={
            "kind": durationInSeconds(False, 1, 540),
            "help": "How long it may take to answer to the end of a message.  Each time"
            " it says that it is still at work, this begins anew; but all milters"
            " together have no more than nine minutes, for clients wait ten.",
        },
    )
    connectionsMax: int = field(
        default=_USUAL.connectionsMax,
        metadata={
            "least": 1,
            "most": 10_000,
            "help": "The most connections to it.  Each session of a client has one"
            " while it lasts.",
        },
    )
    macros: Mapping[str, str] = field(
        factory=dict,
        validator=_macros,
        metadata={
            "kind": TableOf(Text()),
            "help": "Macros that are always the same, by name, in the place of what"
            ' the server tells by itself, such as ``{ "{daemon_name}" = "ORIGINATING"'
            " }``.",
        },
    )

    @property
    def place(self) -> str | tuple[str, int]:
        """Where it listens: a path, or a host and a port."""
        found = _isHost(self.address)
        return self.address if found is None else (found[1] or found[2], int(found[3]))


__all__ = ["MilterEntry"]
