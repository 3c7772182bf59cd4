"""
Reading C{ID-H} (L{smtpx.spool.eximspool}).

What Exim reads is read, the forms of Exim 3 and early Exim 4 among them, and notes
that are not known are kept, as newer Exims have more.  Exim forgives a file that was
damaged in its header until somebody wants to see that; here all of it has to be sound,
since it is to be sent.

How long a file may be is for whoever reads it from a disk to say.
"""

from __future__ import annotations

import re

from .eximspool import (
    RECIPIENTS_MOST,
    BadSpoolFile,
    CutShort,
    EximField,
    EximMessage,
    EximRecipient,
    FilePart,
    Setting,
    isID,
)

# Logins may have spaces, and ids may be negative.
_OWNER = re.compile(rb"(.*) (-?[0-9]{1,10}) (-?[0-9]{1,10})\s*\Z", re.DOTALL)
_SENDER = re.compile(rb"<(.*)>\Z", re.DOTALL)
_TIMES = re.compile(rb"\s*([0-9]{1,12})\s+(-?[0-9]{1,9})\b")
_SETTING = re.compile(rb"-(-?)(?:\(([^)]*)\))?([^ ]+)(?: (.*))?\Z", re.DOTALL)
_NODE = re.compile(rb"([YN])([YN]) (.+)\Z", re.DOTALL)
_COUNT = re.compile(rb"\s*([0-9]{1,9})\b")
_FIELD = re.compile(rb"([0-9]{1,9})([^0-9]) ")

# What may stand behind a recipient's mailbox, and never ends a domain.
_EXIM_3 = re.compile(rb"(.*) [0-9]+,(-?[0-9]{1,9}),[0-9,]*\Z", re.DOTALL)
_EARLY = re.compile(rb"(.*) (-?[0-9]{1,9})\Z", re.DOTALL)
_TYPED = re.compile(rb"(.*)#([0-9]{1,9})\Z", re.DOTALL)
_MEASURED = re.compile(rb"(.*) ([0-9]{1,9}),(-?[0-9]{1,9})\Z", re.DOTALL)

#: What the bits behind a recipient say there is: the sender of its own and the parent,
#: and before that what is for DSN.
_PARENT = 1
_DSN = 2

#: The year 10,000, in seconds since the epoch: no date can be written from there on,
#: and so no report.
_END_OF_DATES = 253_402_300_800 - 86_400

#: More than Exim has of each; what is read takes far more room than its file.
_NOTES_MOST = 20_000
_DONE_MOST = 200_000
_FIELDS_MOST = 200_000

#: The variables, whose octets stand behind their lines.
_VARIABLES = (b"acl", b"aclc", b"aclm")

#: Exim wants variables of old to be no longer.
_OLD_VARIABLE_OCTETS = 16_384


class _Lines:
    """Goes through a file."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 0
        #: Which line was read last, counted from 1.
        self.number = 0

    def line(self, what: str) -> bytes:
        """
        The next line, without its end.

        @param what: what ought to stand there.
        @raise CutShort: there is no whole line.
        """
        end = self._text.find(b"\n", self._at)
        self.number += 1
        if end < 0:
            raise CutShort(f"line {self.number}: it ends before {what}")
        found = self._text[self._at : end]
        self._at = end + 1
        return found

    def octets(self, count: int, what: str) -> bytes:
        """
        So many octets.

        @raise CutShort: there are not so many.
        """
        found = self._text[self._at : self._at + count]
        self.number += found.count(b"\n")
        if len(found) < count:
            raise CutShort(f"line {self.number}: it ends in {what}")
        self._at += count
        return found

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """What comes next, if it is so; it is passed."""
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    @property
    def rest(self) -> bytes:
        """A little of what comes next; empty: that was all."""
        return self._text[self._at : self._at + 16]

    def wrong(self, what: str) -> BadSpoolFile:
        """
        What to raise about the last line.

        @param what: what ought to stand there.
        """
        return BadSpoolFile(f"line {self.number}: this is not {what}")


def parseHeaderFile(text: bytes) -> EximMessage:
    """
    Read C{ID-H}.

    @param text: all of it.
    @raise CutShort: it ends too soon.
    @raise BadSpoolFile: it is not in the format.
    """
    lines = _Lines(text)
    id = _idOf(lines)
    owner = _OWNER.match(lines.line("who received it"))
    if owner is None:
        raise lines.wrong("a login with a user's and a group's number")
    sender = _SENDER.match(lines.line("the sender"))
    if sender is None:
        raise lines.wrong("a sender in angle brackets")
    times = _TIMES.match(lines.line("the time"))
    if times is None or int(times[1]) >= _END_OF_DATES:
        raise lines.wrong("the time and the number of warnings")
    settings: list[Setting] = []
    line = lines.line("the notes")
    while line.startswith(b"-"):
        if len(settings) >= _NOTES_MOST:
            raise lines.wrong(f"one of at most {_NOTES_MOST} notes")
        settings.append(_setting(lines, line))
        line = lines.line("the addresses that have it")
    done = _tree(lines, line)
    recipients = _recipients(lines)
    if lines.line("an empty line"):
        raise lines.wrong("the empty line above the header")
    return EximMessage(
        id=id,
        login=owner[1],
        uid=int(owner[2]),
        gid=int(owner[3]),
        sender=sender[1],
        received=int(times[1]),
        warnings=int(times[2]),
        settings=tuple(settings),
        done=done,
        recipients=recipients,
        fields=_fields(lines),
    )


def parseJournal(text: bytes) -> frozenset[bytes]:
    """
    Read C{ID-J}: addresses that had the message when Exim last died.

    A last line without an end was being written: of that delivery nothing is known,
    and whoever might have it may get it again.
    """
    return frozenset(filter(None, text.split(b"\n")[:-1]))


def checkFirstLine(line: bytes, id: str, part: FilePart) -> None:
    """
    See that a file says it is what it is called.

    @param line: its first octets, as many as the line has to have.
    @raise CutShort: there are fewer.
    @raise BadSpoolFile: it says something else.
    """
    wanted = part.firstLine(id)
    if line == wanted:
        return
    if wanted.startswith(line):
        raise CutShort("it ends in its first line")
    raise BadSpoolFile("line 1: this is not its own name")


def _idOf(lines: _Lines) -> str:
    first = lines.line("its own name")
    try:
        name = first.decode("ascii")
    except UnicodeDecodeError:
        raise lines.wrong("its own name") from None
    suffix = FilePart.HEADER.value
    id = name.removesuffix(suffix)
    if not name.endswith(suffix) or not isID(id):
        raise lines.wrong("an id of Exim and -H")
    return id


def _setting(lines: _Lines, line: bytes) -> Setting:
    found = _SETTING.match(line)
    if found is None:
        raise lines.wrong("a note")
    taint, quoter, name, value = found.groups()
    data = None
    if name in _VARIABLES:
        data = _variable(lines, name, value or b"")
        value = (value or b"").partition(b" ")[0]
    return Setting(name, value, data, bool(taint), quoter or b"")


def _variable(lines: _Lines, name: bytes, value: bytes) -> bytes:
    """The octets of a variable, and behind them the end of a line."""
    count = value.partition(b" ")[2].strip()
    if not count.isdigit() or len(count) > 9:
        raise lines.wrong("a variable with its length")
    octets = int(count)
    if name == b"acl" and octets > _OLD_VARIABLE_OCTETS:
        raise lines.wrong("a variable with a length that there can be")
    data = lines.octets(octets, "a variable")
    if lines.octets(1, "a variable") != b"\n":
        raise lines.wrong("a variable as long as it says")
    return data


def _tree(lines: _Lines, line: bytes) -> frozenset[bytes]:
    """
    The addresses that have it.  They stand as a binary tree, each node before what
    is below it; who is below whom need not be known to count how many are to come.
    """
    if line == b"XX":
        return frozenset()
    done: list[bytes] = []
    missing = 1
    while True:
        node = _NODE.match(line)
        if node is None:
            raise lines.wrong("an address that has it, or XX")
        if len(done) >= _DONE_MOST:
            raise lines.wrong(f"one of at most {_DONE_MOST} addresses that have it")
        done.append(node[3])
        missing += (node[1] == b"Y") + (node[2] == b"Y") - 1
        if not missing:
            return frozenset(done)
        line = lines.line("all addresses that have it")


def _recipients(lines: _Lines) -> tuple[EximRecipient, ...]:
    found = _COUNT.match(lines.line("the number of recipients"))
    if found is None:
        raise lines.wrong("the number of recipients")
    count = int(found[1])
    if count > RECIPIENTS_MOST:
        raise lines.wrong(f"a number of recipients up to {RECIPIENTS_MOST}")
    return tuple([_recipient(lines) for _ in range(count)])


def _recipient(lines: _Lines) -> EximRecipient:
    line = lines.line("all recipients")
    if not line:
        raise lines.wrong("a recipient")
    typed = _TYPED.match(line)
    if typed is not None:
        return _typedRecipient(lines, typed[1], int(typed[2]))
    old = _EXIM_3.match(line) or _EARLY.match(line)
    if old is not None:
        return EximRecipient(old[1], parent=int(old[2]))
    return EximRecipient(line)


def _typedRecipient(lines: _Lines, text: bytes, kinds: int) -> EximRecipient:
    """
    A recipient with more behind it, read from its end.

    @param kinds: what there is.
    """
    if not 0 < kinds <= _PARENT | _DSN:
        raise lines.wrong("a recipient in a form that is known here")
    errorsTo, parent, orcpt, flags = b"", -1, b"", 0
    if kinds & _PARENT:
        text, errorsTo, parent = _measured(lines, text)
    if kinds & _DSN:
        text, orcpt, flags = _measured(lines, text)
    return EximRecipient(text, orcpt, flags, errorsTo, parent)


def _measured(lines: _Lines, text: bytes) -> tuple[bytes, bytes, int]:
    """
    Take C{SP value SP length "," number} off the end of a text; the value may be
    empty.

    @return: what is before it, the value, and the number.
    """
    found = _MEASURED.match(text)
    if found is not None:
        front, octets = found[1], int(found[2])
        start = len(front) - octets
        if start > 1 and front[start - 1 : start] == b" ":
            return front[: start - 1], front[start:], int(found[3])
    raise lines.wrong("a recipient with what belongs to it")


def _fields(lines: _Lines) -> tuple[EximField, ...]:
    """The header, to the end of the file."""
    fields: list[EximField] = []
    while lines.rest:
        lines.number += 1
        found = lines.match(_FIELD)
        if found is None:
            # A number may be cut as well.
            if re.fullmatch(rb"[0-9]{1,9}[^0-9]?", lines.rest):
                raise CutShort(f"line {lines.number}: it ends before a field of header")
            raise lines.wrong("the length of a field of header")
        text = lines.octets(int(found[1]), "its header")
        lines.number -= 1
        if not text.endswith(b"\n") or b"\0" in text:
            raise lines.wrong("a field of header as long as it says")
        if len(fields) >= _FIELDS_MOST:
            raise lines.wrong(f"one of at most {_FIELDS_MOST} fields of header")
        fields.append(EximField(found[2], text))
    return tuple(fields)


__all__ = ["checkFirstLine", "parseHeaderFile", "parseJournal"]
