"""
C{smtpx greylist}: who was here before, and who has to wait.

C{list} prints it, C{forget} makes the server begin anew with somebody, and C{allow}
lets a client in without its having to wait.  All of it is done to the file that the
configuration names, beside servers that run; they see it at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import time

from twisted.python.usage import UsageError

from ..core.address import parsePath
from ..core.errors import Malformed
from ..policy.strangers.addresses import recipientName, senderName
from ..policy.strangers.greylistfile import (
    GreylistFile,
    KnownClient,
    KnownTriple,
)
from ..policy.strangers.networks import Prefixes
from ..service.config import Configuration
from ..service.quantities import parseSeconds
from ..service.wiring.strangers import greylistTerms
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions
from .queuetext import moment, several, shown
from .sharedfile import configured, told


class _FileOptions(ConsoleOptions):
    """
    The command line of what works at the file.

    @cvar now: seconds since the epoch.
    """

    optParameters = [
        ["config", "c", None, CONFIG_HELP],
    ]
    now: Callable[[], float] = staticmethod(time)
    prefixes = Prefixes()

    @contextmanager
    def opened(self, make: bool = False) -> Iterator[GreylistFile | None]:
        """
        The file; L{None}: there is none.

        @param make: make it where there is none?
        @raise CommandFailed: it is of no use.
        """
        configuration: Configuration = configured(self["config"])
        terms = greylistTerms(configuration)
        self.prefixes = terms.prefixes
        path = str(configuration.greylistFile)
        with told(path):
            try:
                file = GreylistFile(path, terms, make=make)
            except FileNotFoundError:
                if make:
                    raise
                yield None
                return
            try:
                yield file
            finally:
                file.close()

    def network(self, text: str) -> str:
        """
        The network that is named.

        @raise CommandFailed: it is none.
        """
        try:
            return self.prefixes.parse(text)
        except ValueError as error:
            raise CommandFailed(
                f'"{text}": expected an address or a network'
            ) from error


class ListOptions(_FileOptions):
    """The command line of C{smtpx greylist list}."""

    synopsis = "[options] [CLIENT | MAILBOX ...]"
    longdesc = (
        "Prints who is on the greylist, those that were seen last in front: clients"
        " that are known whatever they send, and who sends to whom.  With names, only"
        " what is about one of these: an address or a network of clients, a sender or"
        " a recipient."
    )
    optFlags = [
        ["waiting", "w", "Only who has to wait."],
        ["json", None, "Print a list of JSON objects, for programs."],
    ]
    names: tuple[str, ...] = ()

    def parseArgs(self, *names: str) -> None:
        """Take the names."""
        self.names = names

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        clients: list[KnownClient] = []
        triples: list[KnownTriple] = []
        with self.opened() as file:
            if file is not None:
                clients, triples = file.clients(), file.triples()
        now = self.now()
        wanted = {name for each in self.names for name in self._names(each)}
        clients = [
            each
            for each in clients
            if _counts(each, now)
            and not self["waiting"]
            and (not wanted or each.client in wanted)
        ]
        triples = [
            each
            for each in triples
            if each.expires > now
            and not (self["waiting"] and each.passed is not None)
            and (not wanted or wanted & {each.client, each.sender, each.recipient})
        ]
        if self["json"]:
            found = [*map(_plainClient, clients), *map(_plainTriple, triples)]
            console.say(json.dumps(found, indent=1))
            return
        if not clients and not triples:
            console.say("There is nobody on the greylist.")
        for client in clients:
            console.say(_clientLine(client, now))
        for triple in triples:
            console.say(_tripleLine(triple, now))

    def _names(self, text: str) -> set[str]:
        """What is asked about, as the file has it."""
        if "@" not in text and text != "<>":
            return {self.network(text)}
        path = text.removeprefix("<").removesuffix(">").encode()
        return {senderName(path), recipientName(path)}


class ForgetOptions(_FileOptions):
    """The command line of C{smtpx greylist forget}."""

    synopsis = "[options] CLIENT | MAILBOX ..."
    longdesc = (
        "Forgets clients, by an address or network, and all that they have sent; or a"
        " sender or recipient.  They have to wait anew.  The exit status is 1 if of one"
        " nothing was known."
    )
    names: tuple[str, ...] = ()

    def parseArgs(self, *names: str) -> None:
        """Take the names."""
        if not names:
            raise UsageError("whom?")
        self.names = names

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done, or nothing was known of one.
        """
        missing = []
        with self.opened() as file:
            for name in self.names:
                count = self._forget(file, name)
                if count:
                    console.say(f"{shown(name)}: forgot {several(count, 'record')}")
                else:
                    missing.append(shown(name))
        if missing:
            raise CommandFailed(f"nothing is known of {', '.join(missing)}")

    def _forget(self, file: GreylistFile | None, name: str) -> int:
        """
        Forget somebody.

        @return: how many records that were.
        """
        if "@" not in name:
            network = self.network(name)
            return 0 if file is None else file.forget(network)
        try:
            mailbox = parsePath(f"<{name.strip('<>')}>".encode(), utf8=True)
        except (Malformed, UnicodeEncodeError) as error:
            raise CommandFailed(f'"{shown(name)}": {error}') from error
        assert mailbox is not None, "that is for reverse paths"
        return 0 if file is None else file.forgetAddress(mailbox.render())


class AllowOptions(_FileOptions):
    """The command line of C{smtpx greylist allow}."""

    synopsis = "[options] CLIENT ..."
    longdesc = (
        "Lets clients in without their having to wait, by an address or network; of an"
        " address, its whole network.  'smtpx greylist forget' takes it back."
    )
    optParameters = [
        ["for", "f", None, "For how long, such as '30 d'; if not given, for ever."],
    ]
    names: tuple[str, ...] = ()
    seconds: float | None = None

    def parseArgs(self, *names: str) -> None:
        """Take the clients."""
        if not names:
            raise UsageError("which client?")
        self.names = names

    def postOptions(self) -> None:
        """Does the duration make sense?"""
        if self["for"] is not None:
            try:
                self.seconds = float(parseSeconds(self["for"]))
            except ValueError as error:
                raise UsageError(f"--for: {error}") from None

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        now = self.now()
        until = None if self.seconds is None else now + self.seconds
        with self.opened(make=True) as file:
            networks = [self.network(each) for each in self.names]
            assert file is not None, "it is made where there is none"
            for network in networks:
                file.allow(network, now, until)
        words = "for ever" if until is None else f"until {moment(until, now)}"
        for network in networks:
            console.say(f"{network} is allowed {words}")


class GreylistCommandOptions(ConsoleOptions):
    """The command line of C{smtpx greylist}."""

    synopsis = ""
    longdesc = "Looks after the greylist: who was here before, and who has to wait."
    subCommands = [
        ["list", None, ListOptions, "Print who is on it, a line each."],
        ["forget", None, ForgetOptions, "Begin anew with somebody."],
        ["allow", None, AllowOptions, "Let a client in without its having to wait."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            text = "list, forget or allow?  See 'smtpx greylist --help'"
            raise UsageError(text)

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


def _counts(client: KnownClient, now: float) -> bool:
    return client.expires is None or client.expires > now


def _clientLine(client: KnownClient, now: float) -> str:
    """What a list says of a client."""
    why = "allowed" if client.allowed else "client"
    told = f"has come again {several(client.passed, 'time')}"
    if client.allowed and client.expires is None:
        told = "for ever"
    elif client.expires is not None and client.allowed:
        told = f"until {moment(client.expires, now)}"
    return f"{why:<8}{shown(client.client)}: {told}"


def _tripleLine(triple: KnownTriple, now: float) -> str:
    """What a list says of a triple."""
    people = f"<{shown(triple.sender)}> -> <{shown(triple.recipient)}>"
    about = f"{shown(triple.client)} {people}"
    if triple.passed is None:
        tries = several(triple.tries, "attempt")
        return f"waits   {about}: {tries}, first {moment(triple.first, now)}"
    return f"known   {about}: last {moment(triple.last, now)}"


def _plainClient(client: KnownClient) -> Mapping[str, object]:
    """A client, for programs."""
    return {
        "kind": "client",
        "client": client.client,
        "allowed": client.allowed,
        "passed": client.passed,
        "last_at": client.last,
        "expires_at": client.expires,
    }


def _plainTriple(triple: KnownTriple) -> Mapping[str, object]:
    """A triple, for programs."""
    return {
        "kind": "waits" if triple.passed is None else "known",
        "client": triple.client,
        "sender": triple.sender,
        "recipient": triple.recipient,
        "attempts": triple.tries,
        "first_at": triple.first,
        "last_at": triple.last,
        "passed_at": triple.passed,
        "expires_at": triple.expires,
    }


__all__ = [
    "AllowOptions",
    "ForgetOptions",
    "GreylistCommandOptions",
    "ListOptions",
]
