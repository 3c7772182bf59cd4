"""
C{smtpx psl update}: puts a newer public suffix list in the place of the one that DMARC
goes by.
"""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

from twisted.python.usage import UsageError

from ..core.domain import checkDomain
from ..core.errors import Malformed, SMTPXError
from ..mailauth.publicsuffix import FILE_OCTETS
from ..policy.suffixfile import checkSuffixes, replaceSuffixes
from ..service.config import Configuration, readConfiguration
from ..service.extensions import findExtensions
from ..service.wiring.fetching import fetched
from .address import theMachine
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions
from .waiting import wait

_HTTPS = "https://"


class UpdateOptions(ConsoleOptions):
    """The command line of C{smtpx psl update}."""

    synopsis = "--from FILE|URL [options]"
    longdesc = (
        "Takes a public suffix list from a file, from a web server by HTTPS, or from"
        " the standard input ('-'), checks it, and puts it in the place of the one that"
        " DMARC goes by (dmarc_tld_file).  A list that is damaged or not whole changes"
        " nothing.  A server that runs reads the new one by itself."
    )
    optParameters = [
        ["from", "f", None, "Where the new list is: a file, https://HOST/PATH, or -."],
        ["to", "t", None, "The file to replace, instead of the configuration's."],
        ["config", "c", None, CONFIG_HELP],
    ]

    def postOptions(self) -> None:
        """Do they make sense?"""
        source = self["from"]
        if not source:
            raise UsageError("--from is needed: a file, https://HOST/PATH, or -")
        if "://" in source and not source.lower().startswith(_HTTPS):
            raise UsageError("a list is fetched by HTTPS only")
        if source.lower().startswith(_HTTPS):
            _place(source)

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: the list is of no use, or cannot be had or put there.
        """
        try:
            configuration = readConfiguration(self["config"], findExtensions())
            octets = self._octets(configuration)
            found = checkSuffixes(octets)
        except (OSError, SMTPXError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise CommandFailed(f"{self['from']}: {why}") from error
        path = Path(self["to"] or configuration.dmarc.suffixFile)
        try:
            replaceSuffixes(path, octets)
        except OSError as error:
            raise CommandFailed(f"{path}: {error.strerror or error}") from error
        console.say(f"{path}: {found.rules} rules")

    def _octets(self, configuration: Configuration) -> bytes:
        """
        The new list.

        @raise OSError: it cannot be read.
        @raise SMTPXError: nor fetched.
        """
        source: str = self["from"]
        if source.lower().startswith(_HTTPS):
            machine = theMachine()
            host, path = _place(source)
            page = fetched(machine, configuration, host, path, FILE_OCTETS)
            return wait(machine.reactor, page)
        if source == "-":
            return sys.stdin.buffer.read(FILE_OCTETS + 1)
        with open(source, "rb") as file:
            return file.read(FILE_OCTETS + 1)


def _place(url: str) -> tuple[bytes, bytes]:
    """
    The host and the path of a URL.

    @raise UsageError: it has none, or more than those.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("ascii")
        path = (parts.path or "/").encode("ascii")
        query = parts.query.encode("ascii")
        checkDomain(host)
        plain = parts.port in (None, 443) and "@" not in parts.netloc
    except (ValueError, Malformed):
        plain = False
    if not plain or any(octet <= 0x20 for octet in path + query):
        raise UsageError(f"{url} is no https://HOST/PATH")
    return host, path + (b"?" + query if query else b"")


class PSLOptions(ConsoleOptions):
    """The command line of C{smtpx psl}."""

    synopsis = ""
    longdesc = "Looks after the public suffix list that DMARC goes by."
    subCommands = [
        ["update", None, UpdateOptions, "Put a newer list in its place."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("which command?  See 'smtpx psl --help'")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


__all__ = ["PSLOptions", "UpdateOptions"]
