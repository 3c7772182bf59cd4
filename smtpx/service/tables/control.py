"""
The table C{[control]}: the socket by which commands reach a server that runs.
"""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen


@frozen
class Control:
    """
    The socket by which ``smtpx queue`` and other commands reach the server while it
    runs.

    Who reaches it sees and ends any message: root and the user that the server runs
    as, and nobody else, unless a group is given.
    """

    enabled: bool = field(
        default=True,
        metadata={
            "help": "Is there such a socket?  Without it nothing can be done to the"
            " queue of a server that runs."
        },
    )
    socket: Path | None = field(
        default=None,
        metadata={
            "help": "The path of the UNIX socket.  A path has at most 107 octets.  If"
            " not given: ``control`` in the state folder."
        },
    )
    group: str | None = field(
        default=None,
        metadata={
            "help": "A group whose members may use it as well, by name; the server's"
            " user has to be one of them.  As nobody else may enter the state folder,"
            " the socket has to be elsewhere then."
        },
    )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: a group could not get at the socket.
        """
        if self.group is not None and self.socket is None:
            raise ValueError(
                "a group cannot reach a socket in the state folder; give a socket"
                " elsewhere, such as /run/smtpx/control"
            )
