"""
The table C{[users]}: who can authenticate (RFC 4954), and who knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen
from zope.interface import implementer

from ...core.errors import Malformed
from ...policy.users import userName
from ..kinds import FAULT, IKind, IReading, Text, Unwanted, Wrong
from ..nested import Optional
from ..objects import PythonObject
from ..problems import KeyPath
from .relay import Subject

#: Who may know the passwords; one at most.
SOURCES = ("file", "python", "dovecot", "pam")

# What cannot lead out of the folder.  PAM itself makes it lower case.
_SERVICE = re.compile(r"[a-z0-9_][a-z0-9_.-]*")


@implementer(IKind)
@frozen
class Certified:
    """Users by the subjects of their certificates."""

    words: str = "a table of users by the subjects of their certificates"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, Mapping):
            raise Unwanted(self, value)
        users: dict[object, bytes] = {}
        whole = True
        for key, given in value.items():
            inside = (*path, str(key))
            subject = reading.take(Subject(), key, inside)
            name = reading.take(UserName(), given, inside)
            if isinstance(name, bytes) and subject is not FAULT:
                if subject in users:
                    reading.refuse(inside, "this subject is there already")
                users[subject] = name
            else:
                whole = False
        return users if whole else FAULT

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        if not isinstance(value, Mapping) or not value:
            return "{}"
        pairs = (
            f"{json.dumps(subject)} = {UserName().spell(name)}"
            for subject, name in value.items()
        )
        return f"{{ {', '.join(pairs)} }}"


@implementer(IKind)
@frozen
class UserName:
    """A user's name, as it is kept."""

    words: str = "the name of a user"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, str | bytes):
            raise Unwanted(self, value)
        try:
            return userName(value.encode("utf-8") if isinstance(value, str) else value)
        except Malformed as error:
            raise Wrong(f"nobody can have this name: {error}") from error

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return Text(encoded=True).spell(value)


@implementer(IKind)
@frozen
class PAMService:
    """The name of a service of PAM."""

    words: str = "the name of a file in /etc/pam.d, in lower case"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, str) or _SERVICE.fullmatch(value) is None:
            raise Unwanted(self, value)
        return value

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return json.dumps(value)


def _alone(instance: Users, attribute: Any, value: object) -> None:
    before = SOURCES[: SOURCES.index(attribute.name)]
    others = [name for name in before if getattr(instance, name) is not None]
    if value is not None and others:
        raise ValueError(f"users come from one place only, and {others[0]} is given")


@frozen
class Users:
    """
    Who can authenticate (RFC 4954): of C{file}, C{python}, C{dovecot} and C{pam} one
    may be given; tokens and certificates may stand beside it.
    """

    file: Path | None = field(
        default=None,
        metadata={
            "help": "The file that ``smtpx passwd`` writes.  It is read again when it"
            " changes; while there is none, no passwords are taken.  If not given:"
            " ``users`` in the state folder."
        },
    )
    python: PythonObject | None = field(
        default=None,
        validator=_alone,
        metadata={"help": "A callable that checks passwords, in place of the file."},
    )
    dovecot: Path | None = field(
        default=None,
        validator=_alone,
        metadata={
            "help": "The authentication socket of Dovecot, which checks passwords then,"
            " in place of the file."
        },
    )
    pam: str | None = field(
        default=None,
        validator=_alone,
        metadata={
            "kind": Optional(PAMService()),
            "help": "The name of a PAM service, which checks passwords then, in place"
            " of the file.  Wants the extra ``smtpx[pam]``.",
        },
    )
    tokenValidator: PythonObject | None = field(
        default=None,
        metadata={
            "help": "A callable that says whose a token is (RFC 6750), for OAUTHBEARER"
            " and XOAUTH2.  With it, ``command_octets`` is 12288 at least, since many"
            " clients send the token in the command.  If not given: no tokens are"
            " taken."
        },
    )
    certificates: Mapping[str, bytes] = field(
        factory=dict,
        metadata={
            "kind": Certified(),
            "help": "Users by the whole subjects of their certificates (RFC 4514), for"
            " EXTERNAL.  They count only if ``client_authorities`` in the table"
            " ``tls`` names who has signed them.",
        },
    )
    checksAtOnce: int | None = field(
        default=None,
        metadata={
            "least": 1,
            "most": 1000,
            "none": None,
            "help": "How many passwords are checked at once, and how many tokens."
            "  If not given: 4 by the file, 16 by ``pam`` (a thread each), 100 by"
            " ``dovecot``, 20 by Python.  Clients of one address have at most half"
            " of them, so that no stranger keeps everybody else out.",
        },
    )
    checksWaiting: int = field(
        default=100,
        metadata={
            "help": "How many more may wait for that; of others nobody can tell now"
            " whether they are right (454)."
        },
    )
    checkSeconds: float = field(
        default=20.0,
        metadata={
            "least": 1,
            "help": "How long a check may take, waiting included, before nobody can"
            " tell (454).  Dovecot takes up to 17 seconds for whoever has been wrong"
            " before.",
        },
    )

    @property
    def elsewhere(self) -> str | None:
        """
        Who knows the passwords, in words, if they are in no file of ours; L{None}:
        they are.
        """
        if self.python is not None:
            return str(self.python)
        if self.dovecot is not None:
            return f"Dovecot at {self.dovecot}"
        return None if self.pam is None else f"PAM's service {self.pam}"
