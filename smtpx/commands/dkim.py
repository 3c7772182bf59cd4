"""
C{smtpx dkim}: the keys that sign mail.

C{keygen} makes one, and prints the record for the DNS; C{check} looks whether the DNS
has the records of all keys of a configuration.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from twisted.python.usage import UsageError

from ..core.errors import Malformed, SMTPXError
from ..dns.answering import answered
from ..mailauth.dkimkey import KeyRecord, askForKeys
from ..mailauth.dkimsignature import Algorithm, KeyName
from ..mailauth.dkimvalues import Unusable
from ..mailauth.idn import asciiDomain
from ..mailauth.signingkey import SigningKey, newSigningKey, samePair, strings
from ..policy.signingkeys import readKeyFile
from ..policy.watchedfile import BadList
from ..service.config import readConfiguration
from ..service.extensions import findExtensions
from ..service.tables import DKIMKey
from ..service.wiring import keyName, resolver
from .address import theMachine
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions
from .waiting import wait

#: What keys there are, by what they are called.
_KINDS = {"rsa": Algorithm.RSA, "ed25519": Algorithm.ED25519}

#: RFC 8301 section 3.2: at least, and the most that verifiers have to take.
_BITS = ("1024", "2048", "3072", "4096")


class KeygenOptions(ConsoleOptions):
    """The command line of C{smtpx dkim keygen}."""

    synopsis = "[options] DOMAIN SELECTOR"
    longdesc = (
        "Makes a key that signs mail of DOMAIN, and prints the record that the DNS has"
        " to have at SELECTOR._domainkey.DOMAIN, and what goes into the configuration."
        "  Nobody but its owner can read the file.  One that is there stays as it is."
    )
    optParameters = [
        ["type", "t", "rsa", "rsa or ed25519, which few verify yet."],
        ["bits", "b", "2048", "Of an RSA key: 1024, 2048, 3072 or 4096."],
        ["file", "f", None, "The file.  [default: DOMAIN.SELECTOR.pem]"],
    ]
    name: KeyName

    def parseArgs(self, *arguments: str) -> None:
        """Take the domain and the selector."""
        if len(arguments) != 2:
            raise UsageError("which domain, and which selector?")
        self.name = _name(*arguments)

    def postOptions(self) -> None:
        """Do they make sense?"""
        if self["type"] not in _KINDS:
            raise UsageError('--type is "rsa" or "ed25519"')
        if self["bits"] not in _BITS:
            raise UsageError(f"--bits is one of {', '.join(_BITS)}")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: the file is there, or cannot be made.
        """
        domain = self.name.domain.decode("ascii")
        selector = self.name.selector.decode("ascii")
        path = Path(self["file"] or f"{domain}.{selector}.pem")
        key = newSigningKey(_KINDS[self["type"]], int(self["bits"]))
        try:
            _write(path, key.pem)
        except OSError as error:
            raise CommandFailed(f"{path}: {error.strerror or error}") from error
        console.say(f"The key is in {path}.")
        console.say("Record for the DNS:")
        for line in zoneLines(self.name, key):
            console.say(f"  {line}")
        console.say("Configuration:")
        for line in (
            "[[dkim.key]]",
            f'domain = "{domain}"',
            f'selector = "{selector}"',
            f'file = "{path}"',
        ):
            console.say(f"  {line}")


class CheckOptions(ConsoleOptions):
    """The command line of C{smtpx dkim check}."""

    synopsis = "[options]"
    longdesc = (
        "Asks the DNS for the records of all keys in the configuration, and tells of"
        " each whether it is that of the key.  The exit status is 1 if one is not."
    )
    optParameters = [
        ["config", "c", None, CONFIG_HELP],
    ]

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: something is wrong.
        """
        machine = theMachine()

        async def ask() -> Mapping[KeyName, KeyRecord | Unusable]:
            async with AsyncExitStack() as stack:
                asking = resolver(machine, configuration, stack)
                return await answered(askForKeys(names), asking)

        try:
            configuration = readConfiguration(self["config"], findExtensions())
            keys = configuration.dkim.keys
            names = [keyName(each) for each in keys]
            records = wait(machine.reactor, ask()) if names else {}
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        if not keys:
            raise CommandFailed("there is no key in the configuration")
        wrong = 0
        for key, name in zip(keys, names, strict=True):
            fault = _fault(key, records[name])
            wrong += fault is not None
            console.say(f"{name.name.decode('ascii')}: {fault or 'good'}")
        if wrong:
            raise CommandFailed(f"{wrong} of {len(keys)} keys cannot be used yet")


class DKIMOptions(ConsoleOptions):
    """The command line of C{smtpx dkim}."""

    synopsis = ""
    longdesc = "Looks after the keys that sign mail."
    subCommands = [
        ["keygen", None, KeygenOptions, "Make a key, and print its record."],
        ["check", None, CheckOptions, "Tell whether the DNS has the keys' records."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("which command?  See 'smtpx dkim --help'")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


def zoneLines(name: KeyName, key: SigningKey) -> Iterator[str]:
    """The record of a key, for a zone file: in strings of at most 255 octets."""
    parts = [f'"{each.decode("ascii")}"' for each in strings(key.record)]
    owner = f"{name.name.decode('ascii')}. IN TXT"
    if len(parts) == 1:
        yield f"{owner} {parts[0]}"
        return
    yield f"{owner} ("
    yield from (f"  {part}" for part in parts)
    yield ")"


def _name(domain: str, selector: str) -> KeyName:
    """
    @raise UsageError: they are none.
    """
    try:
        ascii = asciiDomain(domain.encode("utf-8", "surrogateescape"))
        return KeyName.parse(ascii, selector.encode("ascii"))
    except (Malformed, UnicodeEncodeError):
        raise UsageError(f'"{domain}" and "{selector}" name no key') from None


def _write(path: Path, pem: bytes) -> None:
    """
    Write a key into a file of its own.

    @raise OSError: there is one already, or it cannot be made.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def _fault(key: DKIMKey, record: KeyRecord | Unusable) -> str | None:
    """What is wrong with a key; L{None}: nothing."""
    try:
        private = readKeyFile(key.file)
        if isinstance(record, Unusable):
            raise record
        public = record.keyFor(private.algorithm)
    except BadList as error:
        return str(error)
    except Unusable as error:
        return error.reason
    if not samePair(private, public):
        return "the record is that of another key"
    if record.strict and key.identity is not None:
        _, _, within = key.identity.lower().rpartition("@")
        if within != key.domain.lower():
            return "the record has t=s, and the identity is below the domain"
    if record.testing:
        return "the record has t=y: nobody heeds the signatures"
    return None


__all__ = ["CheckOptions", "DKIMOptions", "KeygenOptions", "zoneLines"]
