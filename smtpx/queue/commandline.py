"""
The command of a pipe, filled in for a message: its arguments and its environment.

There is no shell.  A template is one argument whatever is filled in, with all the
spaces, quotes and semicolons that a stranger wrote into an address.  What is left is
that an argument may be taken for an option, so one that begins with what was filled
in, and that with a C{-}, is not run with (L{Unfit}), unless C{--} stands before it,
which ends options (POSIX 12.2, guideline 10).

The environment is the same few variables as Exim's and Postfix's, and nothing of
the server's own but the time zone and the language.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import field, frozen

from ..core.address import domainOf, localPartOf, withoutTag
from ..core.addresstable import domainKey
from ..core.envelope import Envelope
from ..core.errors import SMTPXError, UsageError
from ..core.queueprofile import ORIGIN
from ..core.reply import Reply, reply
from .template import Blank, parseTemplate

#: Where programs are looked for that a command starts by their names.
PATH = "/usr/local/bin:/usr/bin:/bin"

#: What is passed on of the server's own environment, as Postfix does.
_PASSED_ON = ("TZ", "LANG")

#: What stands for each recipient of a run, as an argument of its own.
ALL = "recipients"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

#: An option of one letter with nothing behind it but blanks that may be empty.
_LONELY = re.compile(r"-[A-Za-z0-9]\Z")
_MAYBE_EMPTY = ("sender", "tag")

#: RFC 3463: bad addresses of the recipient, and of the sender.
_BAD_RECIPIENT = reply(550, "5.1.3", b"This address cannot be delivered to")
_BAD_SENDER = reply(550, "5.1.7", b"Mail of this sender cannot be delivered")

Template = tuple[str | Blank, ...]


class Unfit(SMTPXError):
    """
    A command cannot be run with an address.

    @ivar reply: what the sender may know of that.
    """

    def __init__(self, text: str, said: Reply) -> None:
        SMTPXError.__init__(self, text)
        self.reply = said


@frozen
class Case:
    """
    What is filled in.

    @ivar envelope: the message's.
    @ivar indices: the recipients of the run, by their place in the envelope.
    @ivar id: the message's id.
    @ivar again: may the command have had it before?
    """

    envelope: Envelope
    indices: Sequence[int]
    id: str = ""
    again: bool = False


@frozen
class _Parts:
    """An address in its parts, and how they are told apart."""

    path: bytes
    original: bytes
    home: bytes
    separators: bytes

    @property
    def local(self) -> bytes:
        return localPartOf(self.path)

    @property
    def user(self) -> bytes:
        return withoutTag(self.local, self.separators)

    @property
    def tag(self) -> bytes:
        return self.local[len(self.user) + 1 :]

    @property
    def domain(self) -> bytes:
        return domainKey(domainOf(self.path)) or self.home


#: Blanks that want one recipient.
_OF_ONE: dict[str, Callable[[_Parts], bytes]] = {
    "local": lambda parts: parts.local,
    "user": lambda parts: parts.user,
    "tag": lambda parts: parts.tag,
    "domain": lambda parts: parts.domain,
    "address": lambda parts: parts.path,
    "original": lambda parts: parts.original,
}

#: The same for the environment.
_VARIABLES_OF_ONE = {
    "RECIPIENT": "address",
    "ORIGINAL_RECIPIENT": "original",
    "LOCAL_PART": "local",
    "EXTENSION": "tag",
    "DOMAIN": "domain",
}

_OF_ALL: dict[str, Callable[[Case], bytes]] = {
    "sender": lambda case: case.envelope.sender,
    "id": lambda case: case.id.encode("ascii"),
}


@frozen
class CommandLine:
    """
    A command as the configuration has it.

    @ivar words: the program and its arguments, with the blanks C{{{local}},
        C{{user}} (the local part without its tag), C{{tag}}, C{{domain}},
        C{{address}}, C{{original}} (the address that the client gave), C{{sender}},
        C{{id}}, and C{{recipients}}}, which is as many arguments as there are.
    @ivar variables: more for the environment, each C{NAME=value}, with the same
        blanks but the last.
    @ivar several: may a run be for more than one recipient?
    @ivar home: the domain of C{<postmaster>}, who may come without one.
    @ivar separators: what separates a tag.
    @raise UsageError: the command is of no use.
    """

    words: tuple[str, ...]
    variables: tuple[str, ...] = ()
    several: bool = False
    home: bytes = b"localhost"
    separators: bytes = b"+"
    _parsed: tuple[Template, ...] = field(init=False, eq=False, repr=False)
    _extra: Mapping[str, Template] = field(init=False, eq=False, repr=False)

    @_parsed.default
    def _parsedWords(self) -> tuple[Template, ...]:
        if not self.words or not self.words[0]:
            raise UsageError("there is no command")
        program = self._parse(self.words[0], ())
        if any(isinstance(part, Blank) for part in program):
            raise UsageError("which program it is cannot depend on a message")
        if not self.program.startswith("/"):
            # PATH would decide, which is not the operator's but the server's.
            raise UsageError(f'"{self.program}" has to be a path from the root on')
        return (program, *(self._argument(word) for word in self.words[1:]))

    @_extra.default
    def _parsedVariables(self) -> Mapping[str, Template]:
        found: dict[str, Template] = {}
        for text in self.variables:
            name, sign, template = text.partition("=")
            if not sign or not _NAME.match(name):
                raise UsageError(f'expected NAME=value, got "{text}"')
            if name in found:
                raise UsageError(f"{name} is there twice")
            found[name] = self._parse(template, self._blanks)
        return found

    @property
    def program(self) -> str:
        """The path of the program."""
        return self.words[0].replace("{{", "{").replace("}}", "}")

    @property
    def _blanks(self) -> tuple[str, ...]:
        return (*_OF_ALL, *(() if self.several else _OF_ONE))

    def _parse(self, template: str, known: Sequence[str]) -> Template:
        if "\0" in template:
            raise UsageError("there is a NUL in it")
        if self.several:
            one = [part for part in _OF_ONE if f"{{{part}}}" in template]
            if one:
                text = f'"{template}" is not the same for several recipients'
                raise UsageError(f"{text}; {{{ALL}}} is all of them")
        return parseTemplate(template, known)

    def _argument(self, word: str) -> Template:
        parts = self._parse(word, (*self._blanks, ALL))
        if Blank(ALL) in parts and len(parts) > 1:
            raise UsageError(f'"{word}": {{{ALL}}} is arguments of their own')
        if parts and isinstance(parts[0], str) and _LONELY.match(parts[0]):
            rest = [part.name for part in parts[1:] if isinstance(part, Blank)]
            if len(rest) == len(parts) - 1 and rest and set(rest) <= {*_MAYBE_EMPTY}:
                text = f'"{word}" is "{parts[0]}" alone where there is none'
                raise UsageError(f"{text}; make two arguments of it")
        return parts

    def arguments(self, case: Case) -> tuple[bytes, ...]:
        """
        The program and its arguments.

        @raise Unfit: an address cannot be among them.
        """
        return tuple(self._arguments(case))

    def _arguments(self, case: Case) -> Iterator[bytes]:
        optionsEnd = False
        for parts in self._parsed:
            if parts == (Blank(ALL),):
                for index in case.indices:
                    path = case.envelope.recipients[index].path
                    yield _fit((path,), parts, optionsEnd)
                continue
            values = self._filled(parts, case)
            yield _fit(values, parts, optionsEnd)
            optionsEnd = optionsEnd or parts == ("--",)

    def environment(self, case: Case) -> dict[bytes, bytes]:
        """
        What the command is told of the message, and what the configuration adds;
        whom it runs as is not among it.

        @raise Unfit: an address cannot be among it.
        """
        found = {"PATH": PATH.encode("ascii"), "SHELL": b"/bin/sh"}
        for name in _PASSED_ON:
            if name in os.environ:
                found[name] = os.fsencode(os.environ[name])
        found["MESSAGE_ID"] = case.id.encode("ascii")
        found["SENDER"] = case.envelope.sender
        if case.again:
            found["AGAIN"] = b"1"
        if len(case.indices) == 1:
            parts = self._parts(case)
            for name, blank in _VARIABLES_OF_ONE.items():
                found[name] = _OF_ONE[blank](parts)
        for name, template in self._extra.items():
            found[name] = b"".join(self._filled(template, case))
        for name, value in found.items():
            if b"\0" in value:
                raise Unfit(f"{name} would have a NUL", _BAD_RECIPIENT)
        return {name.encode("ascii"): value for name, value in found.items()}

    def _filled(self, template: Template, case: Case) -> tuple[bytes, ...]:
        return tuple(
            part.encode("utf-8") if isinstance(part, str) else self._value(part, case)
            for part in template
        )

    def _value(self, blank: Blank, case: Case) -> bytes:
        make = _OF_ALL.get(blank.name)
        return make(case) if make else _OF_ONE[blank.name](self._parts(case))

    def _parts(self, case: Case) -> _Parts:
        recipient = case.envelope.recipients[case.indices[0]]
        original = recipient.stamp(ORIGIN) or recipient.path
        return _Parts(recipient.path, original, self.home, self.separators)


def _fit(values: Sequence[bytes], parts: Template, optionsEnd: bool) -> bytes:
    """
    An argument, if it can be one.

    @param values: what stands for each of C{parts}.
    @param optionsEnd: can nothing be taken for an option any more?
    """
    whole = b"".join(values)
    said = _BAD_SENDER if Blank("sender") in parts else _BAD_RECIPIENT
    if b"\0" in whole:
        raise Unfit(f"{whole!r} cannot be an argument", said)
    first = next((part for part, value in zip(parts, values, strict=True) if value), "")
    if isinstance(first, Blank) and whole.startswith(b"-") and not optionsEnd:
        raise Unfit(f"{whole!r} could be taken for an option", said)
    return whole


__all__ = ["ALL", "PATH", "Case", "CommandLine", "Unfit"]
