"""
The table C{[sendmail]}: what users of this machine may submit by the C{sendmail}
command.
"""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from ..kinds import FilePath
from ..nested import Optional


@frozen
class SendmailOptions:
    """
    What users of this machine submit by the C{sendmail} command.  It puts mail into a
    folder, also while the server is down, and the server takes it from there.

    Whoever may do that may send to everywhere, as if logged in.
    """

    enabled: bool = field(
        default=True,
        metadata={"help": "Is there such a folder?"},
    )
    folder: Path | None = field(
        default=None,
        metadata={
            "kind": Optional(FilePath()),
            "help": "Where it is; the server makes it.  Users have to be able to enter"
            " the folders above it.  If not given: ``drop`` in the state folder, which"
            " is often closed to others.",
        },
    )
    group: str | None = field(
        default=None,
        metadata={
            "help": "The group whose members may submit mail; the server's user has to"
            " be one of them.  If not given: every user may."
        },
    )
    trusted: tuple[str, ...] = field(
        default=("root",),
        metadata={
            "help": "Users who may send in anybody's name, where ``force_sender`` is"
            " set."
        },
    )
    forceSender: bool = field(
        default=False,
        metadata={
            "help": "Do others send as themselves?  If so, the sender of a message is"
            " the user at the name of the server, whatever ``-f`` says, and a field"
            " ``Sender`` says so where ``From`` has another address.  If not, everybody"
            " may use any address, as with other mail servers; who it was stands in the"
            " field ``Received`` and in the log."
        },
    )
    lookSeconds: float = field(
        default=10.0,
        metadata={
            "least": 0.1,
            "help": "How often the folder is looked into.  On Linux the server hears of"
            " new mail at once.",
        },
    )
