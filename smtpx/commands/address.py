"""
C{smtpx address}: where mail goes.

C{test} follows an address through the aliases of a configuration to its routes, and
on to the hosts that take its mail, and prints each step, or how the address is
refused; C{retries} prints when mail for it would be tried again.  No server of ours
need run, and none is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack

from twisted.python.usage import UsageError

from ..core.errors import SMTPXError
from ..dns.mailhosts import Unroutable
from ..policy.aliasentry import shown
from ..service.config import Configuration, readConfiguration
from ..service.extensions import findExtensions
from ..service.machine import Machine
from ..service.wiring.destinations import (
    Destination,
    Destinations,
    NextHosts,
    Verdict,
)
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions
from .retries import RetriesOptions
from .waiting import wait
from .words import pathOf


class TestOptions(ConsoleOptions):
    """The command line of C{smtpx address test}."""

    synopsis = "[options] ADDRESS ..."
    longdesc = (
        "Prints where mail for each ADDRESS goes: the aliases on the way with their"
        " files and lines, then the route and the transport, and the hosts that it"
        " would be sent to, as the DNS has them now.  The exit status is 1 if one is"
        " refused.  Files are read as they are now, so this tells what a server will"
        " do that reads them again."
    )
    optParameters = [
        ["config", "c", None, CONFIG_HELP],
        ["sender", "s", "", "Whose mail it is; if not given, that of a report."],
    ]
    optFlags = [
        ["offline", "o", "Do not ask the DNS for hosts."],
    ]
    addresses: tuple[str, ...] = ()

    def parseArgs(self, *arguments: str) -> None:
        """Take the addresses."""
        if not arguments:
            raise UsageError("which address?")
        self.addresses = arguments

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: the configuration is of no use, what was given is no
            address, or one is refused.
        """
        paths, wrong = [], []
        sender = b"" if self["sender"] in ("", "<>") else pathOf(self["sender"])
        for each in self.addresses:
            try:
                paths.append(pathOf(each))
            except CommandFailed as error:
                wrong.append(str(error))
        machine = theMachine()
        try:
            configuration = readConfiguration(self["config"], findExtensions())
            destinations = Destinations(machine, configuration)
            verdicts = [destinations.find(path, sender) for path in paths]
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        hosts: Hosts = {}
        if not self["offline"]:
            hosts = wait(machine.reactor, _found(machine, configuration, verdicts))
        refused = []
        for path, verdict in zip(paths, verdicts, strict=True):
            console.say(shown(path))
            for line in _told(verdict, hosts):
                console.say(f"  {line}")
            if verdict.reply is not None or not verdict.destinations:
                refused.append(shown(path))
        if refused:
            wrong.append(f"no mail is taken for {', '.join(refused)}")
        if wrong:
            raise CommandFailed("; ".join(wrong))


class AddressOptions(ConsoleOptions):
    """The command line of C{smtpx address}."""

    synopsis = ""
    longdesc = "Looks at addresses as the server does."
    subCommands = [
        ["retries", None, RetriesOptions, "Tell when mail would be tried again."],
        ["test", None, TestOptions, "Tell where mail for addresses goes."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("which command?  See 'smtpx address --help'")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


#: Lines about the hosts of destinations that are sent to.
Hosts = Mapping[Destination, Sequence[str]]


def theMachine() -> Machine:
    """This machine."""
    # Where it waits for nothing, it does not run; it only has a name.
    from twisted.internet import reactor

    return Machine(reactor)


async def _found(
    machine: Machine, configuration: Configuration, verdicts: Iterable[Verdict]
) -> Hosts:
    """Find the hosts of all destinations that have some, and get the mail."""
    found: dict[Destination, Sequence[str]] = {}
    wanted = [
        each
        for verdict in verdicts
        if verdict.reply is None
        for each in verdict.destinations
        if each.entry is not None
    ]
    if not wanted:
        return found
    async with AsyncExitStack() as stack:
        finder = NextHosts(machine, configuration, stack)
        for each in wanted:
            found[each] = await _hosts(finder, each)
    return found


async def _hosts(finder: NextHosts, destination: Destination) -> list[str]:
    """What there is to say of the hosts of a destination."""
    try:
        found = await finder.find(destination)
    except Unroutable as error:
        when = "never" if error.reply.permanent else "not now"
        return [f"{when}: {error}"]
    entry = destination.entry
    lines = []
    for host, level in found:
        if host.local:
            lines.append(f"socket {shown(host.name)}")
            continue
        line = shown(host.name) + f":{host.port}"
        if not host.name.startswith(b"["):
            line += "".join(f" [{shown(address)}]" for address in host.addresses)
        line += f", TLS {level.name.lower()}"
        if entry is not None and entry.login is not None:
            line += f", login {entry.login}"
        lines.append(line)
    return lines


def _told(verdict: Verdict, hosts: Hosts) -> Iterator[str]:
    """What there is to say of an address, line by line."""
    for step in verdict.steps:
        indent = "  " * step.depth
        yield f"{indent}{step.entry.place}: {step.entry}"
    if verdict.problem is not None:
        yield f"the alias is broken: {verdict.problem}"
    if verdict.reply is not None:
        said = verdict.reply.octets.decode("utf-8", "backslashreplace").rstrip()
        yield f"refused: {said}"
        return
    if verdict.relayed:
        yield "relayed: taken from everybody, and passed on"
    elif not verdict.ours:
        yield "not ours: taken only from those who may relay"
    if not verdict.destinations:
        yield "refused: no route goes there"
    for each in verdict.destinations:
        if each.route is None:
            yield "thrown away"
            continue
        line = f"-> {shown(each.path)}: route {each.route.pattern},"
        line += f" transport {each.route.transport.name}"
        if each.command is not None:
            line += f", {each.command}"
        if each.released is not None:
            line += f"; once it is released: route {each.released.pattern},"
            line += f" transport {each.released.transport.name}"
        yield line if each.folder is None else f"{line}, {each.folder}"
        for host in hosts.get(each, ()):
            yield f"   {host}"
