"""
A client of the control socket, for commands and other programs.  It waits for each
answer, and needs no reactor.

A program that has a reactor of its own, and the server in its own process, has no use
for it: L{smtpx.service.mail.MailService.queue} is what it wants.
"""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from ...core.errors import Malformed, SMTPXError
from .endpoint import checkPath
from .exchange import Refused
from .wire import ANSWER_OCTETS, PROTOCOL, Kind, parse, render, smtpxVersion

#: How long a server may take to greet, in seconds.
GREETING_SECONDS = 10.0

Fields = Mapping[str, object]


class NoServer(SMTPXError):
    """Nobody listens at a control socket."""


class NoRights(SMTPXError):
    """This user may not; the message says who may."""


class OtherVersion(SMTPXError):
    """The server speaks another version of the protocol; the message has both."""


class BrokenTalk(SMTPXError):
    """The server does not answer, or what it says is no answer."""


def _unheard(said: Fields) -> None:
    """Nobody wants to know."""


class ControlClient:
    """
    A connection to a server.

    @ivar hello: what the server said of itself.
    """

    def __init__(
        self, path: Path | str, timeoutSeconds: float = GREETING_SECONDS
    ) -> None:
        """
        Connect.

        @param path: the socket.
        @param timeoutSeconds: how long to wait for the server to greet.  For what it
            is asked then, it has as long as it takes.
        @raise NoServer: nobody listens there.
        @raise NoRights: this user may not.
        @raise OtherVersion: the server is of another version.
        @raise Refused: it lets nobody in at the moment.
        @raise BrokenTalk: it does not say who it is.
        """
        self._path = Path(path)
        checkPath(self._path)
        self._number = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeoutSeconds)
            self._connect()
            self._file: BinaryIO = self._socket.makefile("rb")
            self.hello = self._greeted()
            self._socket.settimeout(None)
        except BaseException:
            self._socket.close()
            raise

    def _connect(self) -> None:
        """
        @raise NoServer: nobody listens.
        @raise NoRights: we may not.
        """
        try:
            self._socket.connect(os.fspath(self._path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
            raise NoServer(f"{self._path}: {error.strerror}") from error
        except PermissionError as error:
            raise NoRights(mayNot(self._path)) from error
        except OSError as error:
            why = error.strerror or "it does not answer"
            raise BrokenTalk(f"{self._path}: {why}") from error

    def _greeted(self) -> Fields:
        """
        What the server says of itself.

        @raise SMTPXError: as the constructor.
        """
        hello = self._read()
        number, name = hello.get("protocol"), hello.get("smtpx")
        if not isinstance(number, int) or not isinstance(name, str):
            raise BrokenTalk(f"{self._path}: what listens there is no server of smtpx")
        error = hello.get("error")
        if isinstance(error, Mapping):
            raise _refused(error)
        if number != PROTOCOL:
            raise OtherVersion(
                f"the server is smtpx {name:.40} and speaks version {number} of the"
                f" control protocol; this is smtpx {smtpxVersion()}, which speaks"
                f" version {PROTOCOL}"
            )
        return hello

    def ask(
        self,
        wanted: str,
        fields: Fields,
        part: Callable[[Fields], None] = _unheard,
        progress: Callable[[Fields], None] = _unheard,
    ) -> Fields:
        """
        Ask the server for something, and wait until it is done.

        @param wanted: the name of the request.
        @param part: called with each part of the answer.
        @param progress: called now and then with how far it is.
        @return: the end of the answer.
        @raise Refused: nothing came of it, or not all.
        @raise BrokenTalk: the server is gone, or broken; what it has done by then
            nobody knows.
        """
        self._number += 1
        try:
            self._socket.sendall(render({"id": self._number, "do": wanted, **fields}))
        except OSError as error:
            raise BrokenTalk(f"{self._path}: {error.strerror}") from error
        while True:
            said = self._read()
            for name, tell in (("part", part), ("progress", progress)):
                found = said.get(name)
                if isinstance(found, Mapping):
                    tell(found)
            done, refused = said.get("done"), said.get("error")
            if isinstance(refused, Mapping):
                raise _refused(refused)
            if isinstance(done, Mapping):
                return done

    def close(self) -> None:
        """Hang up; what is under way at the server for us ends there."""
        self._file.close()
        self._socket.close()

    def _read(self) -> Fields:
        """
        One line.

        @raise BrokenTalk: there is none.
        """
        try:
            line = self._file.readline(ANSWER_OCTETS)
        except TimeoutError as error:
            raise BrokenTalk(f"{self._path}: the server does not answer") from error
        except OSError as error:
            raise BrokenTalk(f"{self._path}: {error.strerror}") from error
        if not line.endswith(b"\n"):
            raise BrokenTalk(f"{self._path}: the server has gone away")
        try:
            return parse(line)
        except Malformed as error:
            raise BrokenTalk(f"{self._path}: {error}") from error


def mayNot(path: Path) -> str:
    """Words for an operator who may not reach a place: whom to be."""
    for place in (path, *path.parents):
        try:
            owner = os.stat(place).st_uid
        except PermissionError:
            continue
        except OSError:
            break
        if owner not in (0, os.geteuid()):
            return f"{path}: you may not; be root or {_named(owner)}"
    return f"{path}: you may not; be root"


def _named(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the user {uid}"


def _refused(error: Fields) -> SMTPXError:
    """What a server said of why nothing came of it."""
    text = str(error.get("text", "the server does not say why"))
    try:
        kind = Kind(error.get("kind"))
    except ValueError:
        kind = Kind.FAILED
    return NoRights(text) if kind is Kind.RIGHTS else Refused(kind, text)


__all__ = ["BrokenTalk", "ControlClient", "NoRights", "NoServer", "OtherVersion"]
