"""
The C{smtpx} command.

Each sub-command is a class of options with a method C{run(console)}.  What goes
wrong is said in one line on the error output; the exit status is 0 for done, 1
for "could not be done" and 2 for a command line that makes no sense.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from twisted.python.usage import UsageError

from .address import AddressOptions
from .config import ConfigOptions
from .console import (
    CommandFailed,
    Console,
    ConsoleOptions,
    Shown,
    tellWarnings,
    terminal,
)
from .dkim import DKIMOptions
from .etrn import EtrnOptions
from .features import FeaturesOptions
from .greylist import GreylistCommandOptions
from .lookup import LookupOptions
from .passwd import PasswdOptions
from .peer import PeerOptions
from .policy import PolicyOptions
from .psl import PSLOptions
from .queue import QueueOptions
from .rate import RateCommandOptions
from .send import SendOptions
from .sendmail import SendmailOptions
from .spf import SPFCommandOptions
from .spool import SpoolOptions
from .srs import SRSCommandOptions
from .tls import TLSOptions
from .why import WhyOptions


class MainOptions(ConsoleOptions):
    """The command line of C{smtpx}."""

    synopsis = "Usage: smtpx"
    longdesc = (
        "Looks after a mail server of smtpx.  The server itself is started by"
        " 'twistd smtpx'.  Each command has a --help of its own."
    )
    subCommands = [
        ["address", None, AddressOptions, "Tell where mail for an address goes."],
        ["config", None, ConfigOptions, "Look at a configuration."],
        ["dkim", None, DKIMOptions, "Make keys that sign mail, and look at them."],
        ["etrn", None, EtrnOptions, "Have a host send what waits there for us."],
        ["features", None, FeaturesOptions, "List what this installation can do."],
        ["greylist", None, GreylistCommandOptions, "Look at who has to come again."],
        ["lookup", None, LookupOptions, "Look a key up as rules and lists do."],
        ["passwd", None, PasswdOptions, "Make, change, delete or list users."],
        ["peer", None, PeerOptions, "Look at what is known of other hosts."],
        ["policy", None, PolicyOptions, "Tell what rules decide, and why."],
        ["psl", None, PSLOptions, "Look after the public suffix list of DMARC."],
        ["queue", None, QueueOptions, "Look at the queue, and change it."],
        ["rate", None, RateCommandOptions, "Look at who does how much."],
        ["send", None, SendOptions, "Send a message by hand, and show what happens."],
        ["srs", None, SRSCommandOptions, "Make and read senders of forwarded mail."],
        ["tls", None, TLSOptions, "Look at what is asked of TLS with other hosts."],
        ["why", None, WhyOptions, "Tell what happened to a message, and what will."],
        ["sendmail", None, SendmailOptions, "Submit a message, as sendmail does."],
        ["spf", None, SPFCommandOptions, "Look at who may send mail for whom."],
        ["spool", None, SpoolOptions, "Take over what another server has queued."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("which command?  See 'smtpx --help'")


def _withWay(said: str, options: Any) -> str:
    """What is wrong with a command line; Twisted does not say where to look."""
    words = ["smtpx"]
    while getattr(options, "subOptions", None) is not None:
        words.append(options.subCommand)
        options = options.subOptions
    if not getattr(options, "subCommands", None):
        return said
    if said.startswith("option "):
        return f"{said} here: options stand behind the command"
    unknown = said.startswith("Unknown command: ")
    return f"{said}; see '{' '.join(words)} --help'" if unknown else said


def main(argv: Sequence[str] | None = None, console: Console | None = None) -> int:
    """
    Run the command.

    @param argv: its arguments; L{None}: those of this process.
    @param console: where it reads and writes; L{None}: this process's terminal.
    @return: the exit status.
    """
    if console is None:
        console = terminal()
        tellWarnings()
    options = MainOptions()  # type: ignore[no-untyped-call]  # Twisted's
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            options.parseOptions(words)
            options.subOptions.run(console)
        except Shown as shown:
            console.say(str(shown))
        console.out.flush()
    except UsageError as error:
        print(f"smtpx: {_withWay(str(error), options)}", file=console.err)
        return 2
    except CommandFailed as error:
        for line in str(error).split("\n"):
            print(f"smtpx: {line}", file=console.err)
        return error.status
    except BrokenPipeError:
        # "smtpx config default | head": it has seen enough, and so may the
        # interpreter's own flush at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        # Whoever asks again is not sworn at with a traceback.
        print(file=console.err)
        return 130
    return 0
