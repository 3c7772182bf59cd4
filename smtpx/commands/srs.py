"""
C{smtpx srs}: what senders of forwarded mail become, and whom such addresses lead back
to (L{smtpx.mailauth.srs}).

C{encode} and C{decode} use the domain and the secrets of a configuration, and nothing
of a server that runs.  Secrets are not printed.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.python.usage import UsageError

from ..core.address import Mailbox, parseMailbox
from ..core.envelope import Envelope
from ..core.errors import Malformed, SMTPXError
from ..core.reply import Reply
from ..service.config import readConfiguration
from ..service.extensions import findExtensions
from ..service.wiring import madeWays, secretsFile
from ..service.wiring.srs import SRSWays
from .address import theMachine
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions


class AddressesOptions(ConsoleOptions):
    """
    The command line of both.

    @ivar tell: what is told of an address; C{SMTPXError}: what is wrong with it.
    """

    tell: Callable[[SRSWays, bytes], bytes]
    synopsis = "[options] ADDRESS ..."
    optParameters = [
        ["config", "c", None, CONFIG_HELP],
    ]
    addresses: tuple[bytes, ...] = ()

    def parseArgs(self, *addresses: str) -> None:
        """Take the addresses."""
        if not addresses:
            raise UsageError("which address?")
        self.addresses = tuple(map(_mailbox, addresses))

    def run(self, console: Console) -> None:
        """
        Do it, a line an address.

        @raise CommandFailed: senders stay as they are; or something is wrong with an
            address, and then all others are told first.
        """
        wrong: list[str] = []
        try:
            ways = self._ways()
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        for each in self.addresses:
            try:
                found = self.tell(ways, each)
            except SMTPXError as error:
                wrong.append(f"{_shown(each)}: {error}")
            else:
                console.say(_shown(found))
        if wrong:
            raise CommandFailed("\n".join(wrong))

    def _ways(self) -> SRSWays:
        """
        @raise SMTPXError: there are none, or they are of no use.
        """
        configuration = readConfiguration(self["config"], findExtensions())
        secrets = secretsFile(configuration)
        if secrets is None:
            raise CommandFailed("senders stay as they are: srs.domain is not given")
        machine = theMachine()
        name = configuration.name or machine.name
        return madeWays(machine, configuration, name, secrets)


def encoded(ways: SRSWays, address: bytes) -> bytes:
    """
    What a sender becomes.

    @raise smtpx.mailauth.srs.Unfit: nothing can be made of him.
    """
    forwarding = ways.forwarding
    if forwarding.kept(address):
        return address
    now = forwarding.now()
    return forwarding.srs().rewritten(address, forwarding.domain, now)


def decoded(ways: SRSWays, address: bytes) -> bytes:
    """
    Whom an address leads back to.

    @raise Malformed: nobody, and why; the operator may know more than a client is told.
    """
    returns = ways.returns
    if not returns.claims(address):
        raise Malformed("no such address at one of the domains of [srs]")
    found = returns.sender(Envelope(b"", 0.0), address)
    if not isinstance(found, Reply):
        return found
    returns.srs().reversed(address, returns.now())
    raise Malformed(found.onOneLine)


class EncodeOptions(AddressesOptions):
    """The command line of C{smtpx srs encode}."""

    longdesc = (
        "Prints what each ADDRESS becomes as the sender of mail that is forwarded"
        " today; a sender who stays as he is, as he is."
    )
    tell = staticmethod(encoded)


class DecodeOptions(AddressesOptions):
    """The command line of C{smtpx srs decode}."""

    longdesc = (
        "Prints whom each ADDRESS leads back to: mail for it goes on to there.  The"
        " exit status is 1 where one leads to nobody."
    )
    tell = staticmethod(decoded)


class SRSCommandOptions(ConsoleOptions):
    """The command line of C{smtpx srs}."""

    longdesc = "Makes addresses as forwarded mail has them for senders, and reads them."
    subCommands = [
        ["encode", None, EncodeOptions, "Print what senders become."],
        ["decode", None, DecodeOptions, "Print whom addresses lead back to."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("which command?  See 'smtpx srs --help'")

    def run(self, console: Console) -> None:
        """Do what is wanted."""
        self.subOptions.run(console)


def _mailbox(text: str) -> bytes:
    """
    @raise UsageError: it is no address.
    """
    bare = text[1:-1] if text[:1] == "<" and text[-1:] == ">" else text
    try:
        found: Mailbox = parseMailbox(bare.encode("utf-8"), utf8=True)
    except (Malformed, UnicodeEncodeError) as error:
        raise UsageError(f'"{text}" is no address: {error}') from None
    return found.render()


def _shown(address: bytes) -> str:
    return address.decode("utf-8", "backslashreplace")


__all__ = ["DecodeOptions", "EncodeOptions", "SRSCommandOptions", "decoded", "encoded"]
