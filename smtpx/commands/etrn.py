"""
C{smtpx etrn}: has a host send what waits there for us (RFC 1985), as a host does that
is not always there when it is back: by C{cron}, or when the line is up.
"""

from __future__ import annotations

from pathlib import Path

from twisted.python.usage import UsageError

from ..core.domain import checkDomain
from ..core.errors import Malformed, SMTPXError
from ..core.hooks import TLSLevel
from ..dns.mailhosts import Unroutable
from ..net.mailer import ownName
from ..net.sending import Unreached
from ..sasl import Credentials
from ..service.problems import closest
from ..service.wiring.asking import Asking, NoAnswer, asked
from ..service.wiring.hops import readPassword
from .address import theMachine
from .console import CommandFailed, Console, ConsoleOptions
from .sendline import Server
from .waiting import wait

_LEVELS = {each.name.lower(): each for each in TLSLevel}


class EtrnOptions(ConsoleOptions):
    """
    The command line of C{smtpx etrn}.

    @ivar server: the host.
    @ivar nodes: the domains, as they stand behind the verb.
    """

    synopsis = "[options] HOST[:PORT] DOMAIN ..."
    longdesc = (
        "Asks HOST to send now what waits there for each DOMAIN, or with @DOMAIN for"
        " all domains below it as well.  The host sends it over connections of its"
        " own, so a server has to listen here.  The exit status is 0 if it will, or"
        " if nothing waits, and 1 otherwise."
    )
    optParameters = [
        ["tls", None, None, "unwanted, opportunistic, encrypted or verified."],
        ["ca", None, None, "Trust the authorities in this file, and no others."],
        ["user", "u", None, "Log in as this user."],
        ["password-file", None, None, "The password is the first line of this file."],
        ["helo", None, None, "What to say in EHLO.  [default: this machine's name]"],
    ]
    server: Server
    nodes: tuple[str, ...]

    def parseArgs(self, *arguments: str) -> None:
        """Take the host and the domains."""
        if len(arguments) < 2:
            raise UsageError("which host, and which domain?")
        server, *nodes = arguments
        try:
            self.server = Server.parse(server)
        except UsageError:
            raise UsageError(f'"{server}" is no HOST or HOST:PORT') from None
        for each in (*nodes, self["helo"] or "localhost"):
            _check(each.removeprefix("@"))
        self.nodes = tuple(nodes)

    def postOptions(self) -> None:
        """Do all of them go together?"""
        word = self["tls"]
        if word is not None and word not in _LEVELS:
            meant = closest(word, _LEVELS)
            hint = f'; did you mean "{meant}"?' if meant else f": {', '.join(_LEVELS)}"
            raise UsageError(f'there is no --tls "{word}"{hint}')
        if (self["user"] is None) != (self["password-file"] is None):
            raise UsageError("--user and --password-file go together")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: the host could not be asked, or will not do it.
        """
        machine = theMachine()
        try:
            answers = wait(machine.reactor, asked(machine, self._asking()))
        except (NoAnswer, Unreached) as error:
            raise CommandFailed(f"{self.server.host}: {error}") from error
        except (SMTPXError, Unroutable) as error:
            raise CommandFailed(str(error)) from error
        failed = []
        for node, got in answers:
            said = "the host does not offer ETRN" if got is None else got.onOneLine
            console.say(f"{node}: {said}")
            if got is None or got.refuses:
                failed.append(node)
        left = self.nodes[len(answers) :]
        if failed or left:
            raise CommandFailed(f"not done for {', '.join((*failed, *left))}")

    def _asking(self) -> Asking:
        user, file, ca = self["user"], self["password-file"], self["ca"]
        login: Credentials | None = None
        if user is not None:
            login = Credentials(user.encode("utf-8"), readPassword(Path(file)))
        name = self["helo"]
        return Asking(
            self.server.host,
            self.server.port,
            self.nodes,
            ownName() if name is None else name.encode("ascii"),
            None if self["tls"] is None else _LEVELS[self["tls"]],
            login,
            None if ca is None else Path(ca),
        )


def _check(domain: str) -> None:
    """
    @raise UsageError: it is no domain.
    """
    try:
        checkDomain(domain.encode("ascii"))
    except (Malformed, UnicodeEncodeError):
        raise UsageError(f'"{domain}" is no domain') from None


__all__ = ["EtrnOptions"]
