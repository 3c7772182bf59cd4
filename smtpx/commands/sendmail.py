"""
C{sendmail}: users of this machine submit mail, whether the server runs or not.

It has the command line of Sendmail (L{smtpx.commands.sendmailoptions}), under the names
C{smtpx-sendmail}, C{smtpx sendmail}, and, where it is linked there, C{sendmail},
C{mailq} and C{newaliases}.  It needs no rights: the message goes into the drop folder
(L{smtpx.spool.dropfolder}).
"""

from __future__ import annotations

import os
import pwd
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn, TextIO

from attrs import frozen

from ..core.address import parsePath
from ..core.addresslist import findAddresses, qualify
from ..core.errors import Malformed
from ..core.hooks import Parameter
from ..extensions.dsn import PARAMETERS
from ..extensions.smtputf8 import PARAMETER as UTF8
from ..spool.dropfile import RECIPIENTS_MAX, BadDrop
from ..spool.dropfolder import (
    Dropping,
    DropSettings,
    NoDropFolder,
    readDropSettings,
)
from .console import CommandFailed, Console, ConsoleOptions
from .dropplace import dropPlace
from .sendmailmessage import Author, BadMessage, fullNameOf, pieces, readHeader
from .sendmailoptions import (
    DESCRIPTION,
    IO,
    NO_PERMISSION,
    SYNOPSIS,
    TEMPORARY,
    UNAVAILABLE,
    BadUsage,
    Invocation,
    Mode,
    helpLines,
    readInvocation,
)
from .sendmailsmtp import StandardSMTP

_RET, _ENVID, _NOTIFY, _ = PARAMETERS


class NotTaken(CommandFailed):
    """The message cannot be put down now."""

    status = TEMPORARY


class Unreadable(CommandFailed):
    """The message cannot be read."""

    status = IO


class Unavailable(CommandFailed):
    """The server, or its queue, cannot be reached."""

    status = UNAVAILABLE


class NotAllowed(CommandFailed):
    """This user may not submit mail."""

    status = NO_PERMISSION


@frozen
class Streams:
    """
    What a command reads and writes, and who calls it.

    @ivar read: gives at most so many octets of the message; none at the end.
    @ivar write: writes octets, at once.
    @ivar err: for what goes wrong.
    @ivar environment: its variables.
    @ivar user: who calls it.
    @ivar operate: runs C{smtpx} with some words; gives its status.
    """

    read: Callable[[int], bytes]
    write: Callable[[bytes], object]
    err: TextIO
    environment: Mapping[str, str]
    user: pwd.struct_passwd
    operate: Callable[[Sequence[str]], int]

    def say(self, text: str) -> None:
        """Write a line."""
        self.write(text.encode("utf-8", "backslashreplace") + b"\n")


def _operated(words: Sequence[str]) -> int:
    # Not needed by whoever submits mail, and so not imported for it.
    from .main import main as smtpx

    return smtpx(words)


def _write(octets: bytes) -> None:
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()


def standardStreams() -> Streams:
    """Those of this process."""
    number = os.getuid()
    try:
        user = pwd.getpwuid(number)
    except KeyError:
        name = f"uid{number}"
        user = pwd.struct_passwd((name, "", number, os.getgid(), "", "/", ""))
    # What there is of it at once: -bs is a conversation.
    return Streams(
        lambda most: os.read(0, most), _write, sys.stderr, os.environ, user, _operated
    )


def sendmail(invocation: Invocation, streams: Streams, first: bool, name: str) -> None:
    """
    Do what a command line says.

    @param first: without a configuration, is that of the first start meant?
    @param name: how the command was called.
    @raise CommandFailed: it cannot be done; its C{status} says how bad that is.
    """
    mode = invocation.mode
    if mode is Mode.HELP:
        for line in helpLines(name):
            streams.say(line)
    elif mode is Mode.VERSION:
        streams.say(f"smtpx {version('smtpx')}")
    elif mode is Mode.ALIASES:
        # The server reads them by itself when they change.
        return
    else:
        folder, config = dropPlace(invocation.config, streams.environment, first)
        if mode is Mode.SMTP:
            _talk(folder, streams, name)
        elif mode is Mode.DELIVER:
            _submit(invocation, folder, streams)
        else:
            _operate(invocation, config, streams)


def _operate(invocation: Invocation, config: str | None, streams: Streams) -> None:
    """
    Look at the queue, or have it tried again, by C{smtpx queue}.

    @raise Unavailable: it could not do that, and has said why.
    """
    words = ["queue", "list"]
    if invocation.mode is Mode.RETRY:
        words = ["queue", "retry"]
        what, text = invocation.which[:1], invocation.which[1:]
        if what == "R":
            words.append(f"--recipient=*{text}*")
        elif what == "S":
            words.append(f"--sender=*{text}*")
        elif what != "I":
            words.append("--all")
    if config is not None:
        words.append(f"--config={config}")
    if invocation.which[:1] == "I":
        words += ["--", invocation.which[1:]]
    if streams.operate(words):
        raise Unavailable(f"'smtpx {words[0]} {words[1]}' could not do that")


def _settings(folder: Path) -> DropSettings:
    """
    @raise CommandFailed: there is no such folder, or it is closed.
    """
    try:
        return readDropSettings(folder)
    except NoDropFolder as error:
        if isinstance(error.__cause__, PermissionError):
            raise NotAllowed(str(error)) from error
        raise NotTaken(str(error)) from error


def _begun(folder: Path) -> Dropping:
    """
    @raise CommandFailed: no message can be put there.
    """
    try:
        return Dropping(folder)
    except PermissionError as error:
        raise NotAllowed(f"{folder}: you may not submit mail here") from error
    except OSError as error:
        raise _notTaken(folder, error) from error


def _notTaken(folder: Path, error: OSError) -> NotTaken:
    return NotTaken(f"{folder}: {error.strerror or error}")


# --- SMTP -----------------------------------------------------------------------


def _talk(folder: Path, streams: Streams, name: str) -> None:
    def complain(text: str) -> None:
        print(f"{name}: {text}", file=streams.err)

    StandardSMTP(_settings(folder), lambda: Dropping(folder), complain).talk(
        streams.read, streams.write
    )


# --- a message --------------------------------------------------------------------


def _submit(invocation: Invocation, folder: Path, streams: Streams) -> None:
    """
    Submit a message.

    @raise CommandFailed: that cannot be done; nothing is left of it.
    """
    settings = _settings(folder)
    domain = settings.name.encode("ascii")
    own = os.fsencode(streams.user.pw_name) + b"@" + domain
    sender = _sender(invocation, own, domain)
    wishes = _wishes(invocation)
    message = pieces(_reading(streams), invocation.dots)
    header = readHeader(message)
    recipients = _recipients(invocation.recipients, domain, BadUsage)
    if invocation.fromHeader:
        recipients += _qualified(header.recipients(), domain, BadMessage)
    recipients = list(dict.fromkeys(recipients))
    if not recipients:
        where = " in the header" if invocation.fromHeader else ""
        raise BadUsage(f"there are no recipients{where}")
    if len(recipients) > RECIPIENTS_MAX:
        raise BadMessage(f"there are more than {RECIPIENTS_MAX} recipients")
    name = invocation.fullName
    if name is None:
        name = streams.environment.get("NAME") or fullNameOf(streams.user)
    whole = header.completed(Author(sender or own, name), domain)
    dropping = _begun(folder)
    try:
        _put(dropping, whole.octets(), settings)
        for piece in message:
            _put(dropping, piece, settings)
    except OSError as error:
        dropping.abort()
        raise _notTaken(folder, error) from error
    except BaseException:
        dropping.abort()
        raise
    utf8 = not all(each.isascii() for each in (sender, *recipients))
    forMail, forRcpt = wishes
    if utf8:
        forMail = b" " + UTF8.keyword + forMail
    try:
        dropping.commit(
            b"FROM:<%b>%b" % (sender, forMail),
            [b"TO:<%b>%b" % (each, forRcpt) for each in recipients],
        )
    except OSError as error:
        raise _notTaken(folder, error) from error
    except BadDrop as error:
        raise BadMessage(str(error)) from error


def _reading(streams: Streams) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        try:
            return streams.read(most)
        except OSError as error:
            raise Unreadable(f"the message cannot be read: {error.strerror}") from error

    return read


def _put(dropping: Dropping, octets: bytes, settings: DropSettings) -> None:
    """
    @raise BadMessage: it is too long.
    """
    dropping.write(octets)
    most = settings.messageOctets
    if most is not None and dropping.octets > most:
        raise BadMessage(f"the message is longer than {most} octets")


def _sender(invocation: Invocation, own: bytes, domain: bytes) -> bytes:
    """
    The sender of the envelope.

    @raise BadUsage: it is no address.
    """
    given = invocation.sender
    if given is None:
        return own
    if given.strip() in ("", "<>"):
        return b""
    found = _recipients([given], domain, BadUsage)
    if len(found) != 1:
        raise BadUsage(f'"{given}" is no sender')
    return found[0]


def _recipients(
    words: Sequence[str], domain: bytes, wrong: type[CommandFailed]
) -> list[bytes]:
    """
    The addresses in words of a command line, which may have commas and all else that
    stands in a header field.

    @raise CommandFailed: of the type C{wrong}: one is none.
    """
    found = [
        each.address for word in words for each in findAddresses(os.fsencode(word))
    ]
    return _qualified(found, domain, wrong)


def _qualified(
    addresses: Sequence[bytes], domain: bytes, wrong: type[CommandFailed]
) -> list[bytes]:
    """
    @raise CommandFailed: of the type C{wrong}: one is no address.
    """
    out = []
    for each in addresses:
        try:
            mailbox = parsePath(b"<%b>" % qualify(each, domain), utf8=True)
        except Malformed as error:
            raise wrong(f'"{os.fsdecode(each)}" is no address: {error}') from error
        assert mailbox is not None, "that is for reverse paths"
        out.append(mailbox.render())
    return out


def _wishes(invocation: Invocation) -> tuple[bytes, bytes]:
    """
    What stands behind the sender, and behind each recipient (RFC 3461).

    @raise BadUsage: a value is none.
    """
    mail = _wish(_RET, "-R", invocation.returned)
    mail += _wish(_ENVID, "-V", invocation.envelopeID)
    return mail, _wish(_NOTIFY, "-N", invocation.notify)


def _wish(parameter: Parameter[bytes], letter: str, value: str | None) -> bytes:
    if value is None:
        return b""
    octets = os.fsencode(value)
    if parameter is not _ENVID:
        octets = octets.upper()
    try:
        parameter.grammar.parse(octets)
    except Malformed as error:
        raise BadUsage(f"{letter} {value}: {error}") from error
    return b" " + parameter.keyword + b"=" + octets


# --- doors ------------------------------------------------------------------------


class SendmailOptions(ConsoleOptions):
    """The command line of C{smtpx sendmail}, which is that of C{sendmail}."""

    synopsis = SYNOPSIS
    longdesc = DESCRIPTION[0]

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Keep it as it is: its rules are others."""
        self.words = list(options or ())

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        console.out.flush()
        sendmail(readInvocation(self.words), standardStreams(), True, "smtpx sendmail")


def main(argv: Sequence[str] | None = None, streams: Streams | None = None) -> int:
    """
    Run the command.

    @param argv: its name and arguments; L{None}: those of this process.
    @param streams: what it reads and writes; L{None}: this process's.
    @return: the exit status.
    """
    called, *words = sys.argv if argv is None else argv
    name = os.path.basename(called)
    if streams is None:
        streams = standardStreams()
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _interrupted)
    words = {"mailq": ["-bp"], "newaliases": ["-bi"]}.get(name, []) + words
    try:
        sendmail(readInvocation(words), streams, False, name)
    except CommandFailed as error:
        for line in str(error).split("\n"):
            print(f"{name}: {line}", file=streams.err)
        return error.status
    except BrokenPipeError:
        # "mailq | head": it has seen enough, and so may the interpreter's own flush
        # at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    return 0


def _interrupted(number: int, frame: object) -> NoReturn:
    # Nothing is left of the message then.
    raise KeyboardInterrupt


__all__ = ["SendmailOptions", "Streams", "main", "sendmail", "standardStreams"]
