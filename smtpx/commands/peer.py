"""
C{smtpx peer}: what is known of the hosts that the server talks to.

C{list} prints it, C{show} tells all of a host, C{forget} makes the server begin anew
with one, and C{tidy} removes what expired.  All of it is done to the file that the
configuration names, beside servers that run; they hear of it within a second.

What hosts say of themselves is printed with everything escaped that a terminal might
take for its own.  Of a kind of record that this smtpx cannot read, or that holds
secrets, no more is printed than that it is there, and since when.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from twisted.python.usage import UsageError

from ..core.errors import SMTPXError
from ..knowledge.file import KnowledgeFile, Row
from ..knowledge.kinds import KINDS
from ..knowledge.layout import isDamage
from ..knowledge.names import parseName
from ..service.config import Configuration, readConfiguration
from ..service.extensions import findExtensions
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions

#: The end of the names of facts that are moments.
_MOMENT = "_at"

#: Units of ages, in seconds, the largest first.
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


class _FileOptions(ConsoleOptions):
    """
    The command line of what works at the file.

    @cvar now: seconds since the epoch.
    """

    optParameters = [
        ["config", "c", None, CONFIG_HELP],
    ]
    now: Callable[[], float] = staticmethod(time.time)
    hosts: tuple[str, ...] = ()
    _missing: str | None = None

    @contextmanager
    def opened(self) -> Iterator[KnowledgeFile | None]:
        """
        The file; L{None}: nothing was ever known.

        @raise CommandFailed: there can be none, or it is of no use.
        """
        configuration = self._configuration()
        path = str(configuration.peersFile)
        try:
            file = KnowledgeFile(path, make=False)
        except FileNotFoundError:
            self._missing = path
            yield None
            return
        except (OSError, SMTPXError, sqlite3.Error) as error:
            raise _failed(path, error) from error
        try:
            yield file
        except sqlite3.Error as error:
            raise _failed(path, error) from error
        finally:
            file.close()

    def _configuration(self) -> Configuration:
        """
        The configuration of the server.

        @raise CommandFailed: it is of no use, or has no file of peers.
        """
        try:
            configuration = readConfiguration(self["config"], findExtensions())
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        if not configuration.peers.persistent:
            text = "peers.persistent is false: what is known is in the server's memory"
            raise CommandFailed(f"{configuration.document.name}: {text}")
        return configuration

    def _where(self) -> str:
        """Why there is nothing, where the file itself is not there."""
        return f": there is no {self._missing}" if self._missing else ""


class _HostOptions(_FileOptions):
    """The command line of what is about some hosts."""

    synopsis = "[options] HOST ..."

    def parseArgs(self, *hosts: str) -> None:
        """Take the hosts."""
        if not hosts:
            raise UsageError("which host?")
        self.hosts = hosts

    def _checkFound(self, found: Mapping[str, list[Row]]) -> None:
        """
        @raise CommandFailed: of a host there is nothing.
        """
        missing = [_escaped(host) for host, rows in found.items() if not rows]
        if missing:
            of = ", ".join(missing)
            raise CommandFailed(f"nothing is known of {of}{self._where()}")


class ListOptions(_FileOptions):
    """The command line of C{smtpx peer list}."""

    synopsis = "[options]"
    longdesc = (
        "Prints what is known of other hosts, a line each: whether something failed or"
        " was answered, how long ago that was found out, and where.  What expired"
        " and was not removed yet is marked so."
    )
    optParameters = [
        ["kind", "k", None, "Only what is of this kind, such as retry or ehlo."],
    ]
    optFlags = [
        ["json", None, "Print a list of JSON objects, for programs."],
    ]

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        with self.opened() as file:
            rows = [] if file is None else file.all()
        found, now = _ofKind(rows, self["kind"]), self.now()
        if self["json"]:
            _sayJSON(console, found, now)
            return
        if not found:
            console.say(f"Nothing is known{self._where()}.")
        lines = [_line(row, now) for row in found]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for words in lines:
            padded = (
                word.ljust(width) for word, width in zip(words, widths, strict=True)
            )
            console.say("  ".join(padded).rstrip())


class ShowOptions(_HostOptions):
    """The command line of C{smtpx peer show}."""

    longdesc = (
        "Prints all that is known of each HOST: the name of a host, a domain, or an"
        " address.  The exit status is 1 if of one nothing is known."
    )
    optFlags = [
        ["json", None, "Print a list of JSON objects, for programs."],
    ]

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done, or nothing is known of one.
        """
        with self.opened() as file:
            found = _about(self.hosts, [] if file is None else file.all())
        rows = [row for each in found.values() for row in each]
        now = self.now()
        if self["json"]:
            _sayJSON(console, rows, now)
        else:
            for row in rows:
                for line in _told(row, now):
                    console.say(line)
        self._checkFound(found)


class ForgetOptions(_HostOptions):
    """The command line of C{smtpx peer forget}."""

    longdesc = (
        "Forgets what is known of each HOST: the name of a host, a domain, or an"
        " address.  A server that runs does so, too, and tries a host that could not"
        " be reached as soon as there is mail for it.  The exit status is 1 if of one"
        " nothing was known."
    )
    optParameters = [
        ["kind", "k", None, "Only what is of this kind, such as retry or ehlo."],
    ]

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done, or nothing was known of one.
        """
        with self.opened() as file:
            rows = [] if file is None else file.all()
            found = _about(self.hosts, _ofKind(rows, self["kind"]))
            for host, known in found.items():
                if file is not None and known:
                    places = list(dict.fromkeys(row.place for row in known))
                    count = file.forget(places, self.now())
                    console.say(f"{_escaped(host)}: forgot {_records(count)}")
        self._checkFound(found)


class TidyOptions(_FileOptions):
    """The command line of C{smtpx peer tidy}."""

    synopsis = "[options]"
    longdesc = (
        "Removes what expired, and what there is no room for.  A server that runs does"
        " that once an hour by itself."
    )

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        with self.opened() as file:
            count = 0 if file is None else file.tidy(self.now())
        console.say(f"removed {_records(count)}")


class PeerOptions(ConsoleOptions):
    """The command line of C{smtpx peer}."""

    synopsis = ""
    longdesc = "Looks at what is known of the hosts that the server talks to."
    subCommands = [
        ["list", None, ListOptions, "Print what is known, a line each."],
        ["show", None, ShowOptions, "Print all that is known of hosts."],
        ["forget", None, ForgetOptions, "Forget what is known of hosts."],
        ["tidy", None, TidyOptions, "Remove what expired."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            text = "list, show, forget or tidy?  See 'smtpx peer --help'"
            raise UsageError(text)

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


def _failed(path: str, error: Exception) -> CommandFailed:
    """What went wrong with the file, in words for the operator."""
    if isDamage(error):
        text = "it is damaged; a server puts it aside, and it may be deleted"
        return CommandFailed(f"{path}: {text}")
    if isinstance(error, OSError):
        return CommandFailed(f"{path}: {error.strerror or error}")
    if isinstance(error, sqlite3.Error):
        return CommandFailed(f"{path}: {error}")
    return CommandFailed(str(error))


def _ofKind(rows: Iterable[Row], kind: str | None) -> list[Row]:
    """
    Those of one kind; L{None}: all.

    @raise CommandFailed: there is no such kind, neither here nor in the file.
    """
    found = [row for row in rows if kind in (None, row.place.kind)]
    if not found and kind is not None and kind not in KINDS:
        raise CommandFailed(
            f'there is no kind "{kind}"; the kinds are {", ".join(sorted(KINDS))}'
        )
    return found


def _about(hosts: Iterable[str], rows: Iterable[Row]) -> Mapping[str, list[Row]]:
    """What there is of each host."""
    named = [(parseName(row.place.name), row) for row in rows]
    return {
        host: [row for name, row in named if name.isAbout(_octets(host))]
        for host in hosts
    }


# --- for people -------------------------------------------------------------------


def _line(row: Row, now: float) -> tuple[str, str, str, str]:
    """What a list says of a record."""
    record = row.record
    assert record is not None, "those that were forgotten are not among them"
    name = _escaped(_text(row.place.name))
    facts = _facts(row)
    due = facts.get("due_at")
    note = "expired"
    if record.counts(now):
        note = _escaped(facts.get("error", facts.get("mode", "")))
        if isinstance(due, float):
            when = f"next try {_age(due, now)}" if due > now else "to be tried"
            note = f"{when}: {note}"
    return row.place.kind, _age(record.written, now), name, note


def _told(row: Row, now: float) -> Iterator[str]:
    """All that is said of a record, line by line."""
    record = row.record
    assert record is not None, "those that were forgotten are not among them"
    yield f"{_escaped(_text(row.place.name))}: {_escaped(row.place.kind)}"
    ends = "expires" if record.counts(now) else "expired"
    yield f"  written: {_moment(record.written, now)}"
    yield f"  {ends}: {_moment(record.expires, now)}"
    facts = _facts(row)
    if not facts:
        yield "  what it says is not for this smtpx to read"
    for name, value in facts.items():
        words = name.removesuffix(_MOMENT).replace("_", " ")
        if isinstance(value, list):
            yield f"  {words}:"
            yield from (f"    {_escaped(each)}" for each in value)
        elif name.endswith(_MOMENT) and isinstance(value, float):
            yield f"  {words}: {_moment(value, now)}"
        else:
            if isinstance(value, bool):
                value = "yes" if value else "no"
            yield f"  {words}: {_escaped(value)}"


def _facts(row: Row) -> Mapping[str, object]:
    """What of a record may be shown; nothing, where it cannot be read."""
    kind = KINDS.get(row.place.kind)
    value = None if kind is None or row.record is None else kind.read(row.record)
    return {} if kind is None or value is None else kind.facts(value)


def _moment(seconds: float, now: float) -> str:
    try:
        at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (ValueError, OverflowError, OSError):
        # It may stand there in a file that somebody else has written.
        return "at no time"
    return f"{at} ({_age(seconds, now)})"


def _age(seconds: float, now: float) -> str:
    """How long ago, or in how long, in the two largest units."""
    words, rest = [], int(abs(now - seconds))
    for unit, length in _UNITS:
        count, rest = divmod(rest, length)
        if count:
            words.append(f"{count} {unit}")
        elif words:
            break
    text = " ".join(words[:2])
    if not text:
        return "now"
    return f"{text} ago" if seconds < now else f"in {text}"


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _escaped(value: object) -> str:
    """A text as it may go to a terminal: what cannot be printed is escaped."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in str(value)
    )


# --- for programs -----------------------------------------------------------------


def _sayJSON(console: Console, rows: Iterable[Row], now: float) -> None:
    console.say(json.dumps([_object(row, now) for row in rows], indent=1))


def _object(row: Row, now: float) -> Mapping[str, object]:
    """A record, for programs."""
    place, record = row.place, row.record
    name = parseName(place.name)
    assert record is not None, "those that were forgotten are not among them"
    return {
        "name": _text(place.name),
        "host": _text(name.host),
        "address": None if name.address is None else _text(name.address),
        "port": name.port,
        "kind": place.kind,
        "version": record.version,
        "written_at": record.written,
        "used_at": row.used,
        "expires_at": record.expires,
        "counts": record.counts(now),
        "facts": dict(_facts(row)),
    }
