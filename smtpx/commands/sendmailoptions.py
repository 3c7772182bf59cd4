"""
The command line of C{sendmail}: that of Sendmail, as other mail servers understand it,
since it is programs that write it.

One letter is one option; letters without arguments may stand together (C{-ti}), and an
argument stands behind its letter or in the next word.  What asks for something that
has no meaning here is taken and left alone; what is not known is an error, for it may
have been meant to matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

from attrs import define, field, frozen

from .console import CommandFailed

#: The statuses of <sysexits.h> that are used here.
USAGE, DATA, UNAVAILABLE, SOFTWARE, IO, TEMPORARY, NO_PERMISSION, CONFIG = (
    64,
    65,
    69,
    70,
    74,
    75,
    77,
    78,
)

#: Where a server's configuration is looked for.
CONFIGURATION = "/etc/smtpx/smtpx.toml"


class Mode(Enum):
    """What to do."""

    DELIVER = "m"
    SMTP = "s"
    LIST = "p"
    RETRY = "q"
    ALIASES = "i"
    HELP = "help"
    VERSION = "version"


class Takes(Enum):
    """What stands behind a letter."""

    NOTHING = "nothing"
    ARGUMENT = "argument"
    REST = "rest"


@frozen
class Option:
    """
    An option.

    @ivar letter: its letter.
    @ivar takes: what stands behind it; REST: what else there is of its word.
    @ivar spelling: how it is shown.
    @ivar help: what it does; empty: nothing here.
    """

    letter: str
    takes: Takes
    spelling: str
    help: str = ""


OPTIONS = (
    Option("B", Takes.ARGUMENT, "-B TYPE"),
    Option(
        "b",
        Takes.ARGUMENT,
        "-bm, -bs, -bp, -bi",
        "What to do: -bm, as without it: submit the message on the standard input;"
        " -bs: speak SMTP on the standard input and output; -bp: list the mail that the"
        " server has, as mailq and 'smtpx queue list' do; -bi: nothing (as newaliases"
        " does), since the server reads the files of aliases itself.",
    ),
    Option(
        "C",
        Takes.ARGUMENT,
        "-C FILE",
        "The configuration of the server; also --config FILE.  Without it, that is"
        f" what the environment variable SMTPX_CONFIG names, and then {CONFIGURATION};"
        " for 'smtpx sendmail', the first start in this folder.",
    ),
    Option(
        "F",
        Takes.ARGUMENT,
        "-F NAME",
        "Your full name, for the field From of a message that has none.",
    ),
    Option(
        "f",
        Takes.ARGUMENT,
        "-f ADDRESS",
        "The sender of the envelope, to whom reports go; '<>' is nobody.  Without it,"
        " that is you, at the name of the server.  The server may be set to let only"
        " trusted users name another.",
    ),
    Option(
        "i",
        Takes.NOTHING,
        "-i, -oi",
        "A line that is a single dot is part of the message; without it, it ends it.",
    ),
    Option(
        "N",
        Takes.ARGUMENT,
        "-N EVENTS",
        "Which reports are wanted (RFC 3461): never, or some of success, failure and"
        " delay, with commas.",
    ),
    Option(
        "q",
        Takes.REST,
        "-q, -qIID, -qRTEXT, -qSTEXT",
        "Have the server try again now, as 'smtpx queue retry' does: all that waits;"
        " the message of an id; what has a recipient, or a sender, with a text in it.",
    ),
    Option(
        "R",
        Takes.ARGUMENT,
        "-R hdrs|full",
        "What of the message a report of failure returns: its header, or all of it.",
    ),
    Option("r", Takes.ARGUMENT, "-r ADDRESS", "The same as -f."),
    Option(
        "t",
        Takes.NOTHING,
        "-t",
        "Recipients are those in To, Cc and Bcc, too; where there are fields Resent-To,"
        " Resent-Cc or Resent-Bcc, those in these instead.  They are added to the"
        " addresses of the command line.  Bcc is removed.",
    ),
    Option(
        "V",
        Takes.ARGUMENT,
        "-V ID",
        "A name for the message, which its reports will have (RFC 3461).",
    ),
    Option("A", Takes.ARGUMENT, "-Ac, -Am"),
    Option("d", Takes.REST, "-dLEVEL"),
    Option("e", Takes.ARGUMENT, "-eMODE"),
    Option("G", Takes.NOTHING, "-G"),
    Option("h", Takes.ARGUMENT, "-h COUNT"),
    Option("I", Takes.NOTHING, "-I", "The same as -bi."),
    Option("L", Takes.ARGUMENT, "-L TAG"),
    Option("m", Takes.NOTHING, "-m"),
    Option("n", Takes.NOTHING, "-n"),
    Option("O", Takes.ARGUMENT, "-O OPTION=VALUE"),
    Option("o", Takes.ARGUMENT, "-oOPTION"),
    Option("p", Takes.ARGUMENT, "-p PROTOCOL"),
    Option("U", Takes.NOTHING, "-U"),
    Option("v", Takes.NOTHING, "-v"),
    Option("X", Takes.ARGUMENT, "-X FILE"),
)

_BY_LETTER = {each.letter: each for each in OPTIONS}
_MODES = {each.value: each for each in Mode if len(each.value) == 1}

#: What others do by C{-b}, and why it is not done here.
_NOT_HERE = {
    "d": "the server is started by 'twistd smtpx'",
    "D": "the server is started by 'twistd smtpx'",
    "t": "there is 'smtpx address test'",
    "v": "there is 'smtpx address test'",
    "h": "there is 'smtpx peer list'",
}


class BadUsage(CommandFailed):
    """The command line makes no sense."""

    status = USAGE


@define
class Invocation:
    """
    What a command line says.

    @ivar mode: what to do.
    @ivar fromHeader: are there recipients in the header?
    @ivar dots: is a lone dot part of the message?
    @ivar sender: of the envelope; L{None}: not said.
    @ivar fullName: of the user; L{None}: not said.
    @ivar config: where the configuration is; L{None}: not said.
    @ivar notify: which reports are wanted; L{None}: not said.
    @ivar returned: what they return; L{None}: not said.
    @ivar envelopeID: the message's name for reports; L{None}: it has none.
    @ivar which: with -q, a letter I, R or S and what behind it; empty: all.
    @ivar recipients: on the command line.
    """

    mode: Mode = Mode.DELIVER
    fromHeader: bool = False
    dots: bool = False
    sender: str | None = None
    fullName: str | None = None
    config: str | None = None
    notify: str | None = None
    returned: str | None = None
    envelopeID: str | None = None
    which: str = ""
    recipients: list[str] = field(factory=list)


def readInvocation(words: Sequence[str]) -> Invocation:
    """
    Read a command line.

    @param words: without the name of the command.
    @raise BadUsage: it makes no sense.
    """
    found = Invocation()
    left = list(words)
    while left and left[0].startswith("-") and left[0] != "-":
        word = left.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            _long(found, word, left)
        else:
            _letters(found, word[1:], left)
    for each in left:
        if each.startswith("-"):
            raise BadUsage(f'"{each}": options stand before addresses')
    found.recipients = left
    return found


def _long(found: Invocation, word: str, left: list[str]) -> None:
    name, equals, value = word[2:].partition("=")
    if name == "config":
        if not equals:
            if not left:
                raise BadUsage(f"{word} wants an argument")
            value = left.pop(0)
        found.config = value
    elif word in ("--help", "--version"):
        found.mode = Mode(name)
    else:
        raise _unknown(word)


def _unknown(word: str) -> BadUsage:
    return BadUsage(f"there is no option {word}; see --help")


def _letters(found: Invocation, text: str, left: list[str]) -> None:
    """A word of letters, up to one that takes the rest of it."""
    while text:
        letter, text = text[0], text[1:]
        option = _BY_LETTER.get(letter)
        if option is None:
            raise _unknown(f"-{letter}")
        if option.takes is Takes.NOTHING:
            _take(found, letter, "")
            continue
        if not text and option.takes is Takes.ARGUMENT:
            if not left:
                raise BadUsage(f"-{letter} wants an argument")
            text = left.pop(0)
        _take(found, letter, text)
        return


def _take(found: Invocation, letter: str, value: str) -> None:
    if letter == "b":
        _mode(found, value)
    elif letter == "q":
        _retry(found, value)
    elif letter in "fr":
        found.sender = value
    elif letter == "i" or letter == "o" and value[:1] == "i":
        found.dots = True
    elif letter == "O":
        name, _, setting = value.partition("=")
        if name.lower() == "ignoredots" and setting[:1].lower() in ("t", "y", "1", ""):
            found.dots = True
    elif letter == "I":
        found.mode = Mode.ALIASES
    elif letter == "t":
        found.fromHeader = True
    elif letter == "F":
        found.fullName = value
    elif letter == "C":
        found.config = value
    elif letter == "N":
        found.notify = value
    elif letter == "R":
        found.returned = value
    elif letter == "V":
        found.envelopeID = value


def _mode(found: Invocation, value: str) -> None:
    if value in _NOT_HERE:
        raise BadUsage(f"-b{value} is not done here: {_NOT_HERE[value]}")
    if value == "q" or value not in _MODES:
        raise _unknown(f"-b{value}")
    found.mode = _MODES[value]


def _retry(found: Invocation, value: str) -> None:
    if value and value[0] not in "IRS":
        text = "the server tries again by itself, as its configuration says"
        raise BadUsage(f"-q{value} is not done here: {text}")
    if value and len(value) == 1:
        raise BadUsage(f"-q{value} wants an argument")
    found.mode = Mode.RETRY
    found.which = value


SYNOPSIS = "[options] [ADDRESS ...]"

DESCRIPTION = (
    "Submits a message, which it reads from the standard input, as Sendmail's command"
    " of this name does.  It is put into the drop folder of the server, which takes it"
    " from there; the server need not run meanwhile.  When the command ends with status"
    " 0, the message is on the disk.",
    "Called as mailq it lists the mail that the server has, and called as newaliases it"
    " does nothing.",
    "Addresses without a domain get the name of the server, in the envelope and in the"
    " header.  A recipient whom the server takes no mail for is told of in a report to"
    " the sender.",
)

STATUSES = (
    (0, "Done."),
    (USAGE, "The command line makes no sense."),
    (DATA, "The message cannot be sent: it is too long, or an address in it is none."),
    (UNAVAILABLE, "The server has to run for that, and does not."),
    (IO, "The message could not be read, or written."),
    (TEMPORARY, "It cannot be done now: the disk is full, or the server never ran."),
    (NO_PERMISSION, "You may not submit mail here."),
    (CONFIG, "The configuration of the server cannot be read."),
)


def helpLines(name: str) -> Iterator[str]:
    """
    What C{--help} prints.

    @param name: how the command was called.
    """
    # Not needed by whoever submits mail, and so not imported for it.
    from textwrap import wrap

    yield f"Usage: {name} {SYNOPSIS}"
    for text in DESCRIPTION:
        yield ""
        yield from wrap(text, 78)
    yield ""
    yield "Options:"
    for each in OPTIONS:
        if each.help:
            yield f"  {each.spelling}"
            indent = "        "
            yield from wrap(
                each.help, 78, initial_indent=indent, subsequent_indent=indent
            )
    yield "  --help, --version"
    yield ""
    yield from wrap(f"{ignored()} mean nothing here and are left alone.", 78)
    yield ""
    yield "Exit status:"
    for status, text in STATUSES:
        yield f"  {status:<3} {text}"


def ignored() -> str:
    """The options that mean nothing here."""
    spelled = [each.spelling for each in OPTIONS if not each.help]
    return ", ".join(spelled[:-1]) + f" and {spelled[-1]}"


__all__ = [
    "BadUsage",
    "CONFIG",
    "CONFIGURATION",
    "DATA",
    "DESCRIPTION",
    "IO",
    "Invocation",
    "Mode",
    "NO_PERMISSION",
    "OPTIONS",
    "Option",
    "SOFTWARE",
    "STATUSES",
    "SYNOPSIS",
    "TEMPORARY",
    "UNAVAILABLE",
    "USAGE",
    "helpLines",
    "ignored",
    "readInvocation",
]
