"""
Was it on the disk before the peer was told?  Read from a trace of the process.

C{kill -9} proves nothing of it, since the page cache outlives the process.  So
C{strace} records what the process asks of the kernel, and here it is checked
that before each acknowledgement

 - the write of the message to the spool's log was followed by a sync of the log;
 - all that was written to the message's file, if it has one, was followed by a
   sync of the file, and its making by a sync of the folder, both before the
   message's row was written to the log.

A sync counts for what had ended when it began, and for an acknowledgement that
began when it had ended with success.  The trace is in the right order for that:
strace stops a thread at both ends of a call.

Messages are told apart by their ids, where the acknowledgement has one (a group
C{id} of its pattern) and the row too (in the Received field).  While one is
acknowledged the next may be on its way to the log.  Without ids everything that
was written before an acknowledgement has to be synced before it, which holds
only with one session.

Pure functions over lines; C{strace} is to be run with L{OPTIONS}.
"""

from __future__ import annotations

import ast
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from attrs import define, field, frozen

#: How to run strace.  The strings have to be long enough for a whole page of the
#: log, as the id may be anywhere on it.
OPTIONS = (
    "-f",
    "-y",
    "--seccomp-bpf",
    "-s",
    "8192",
    "-e",
    "trace=openat,write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,ftruncate,"
    "fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat",
)

_WRITES = frozenset(["write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate"])
_SENDS = frozenset(["write", "writev", "sendto", "sendmsg"])
_SYNCS = frozenset(["fsync", "fdatasync"])

_CALL = re.compile(rb"(?:\[pid +)?(\d+)?\]? *(\w+)\((.*)")
_RESUMED = re.compile(rb"(?:\[pid +)?(\d+)?\]? *<\.\.\. (\w+) resumed>(.*)")
_UNFINISHED = b" <unfinished ...>"
_RESULT = re.compile(rb".*\) += (-?\d+)(?:<([^>]*)>)?[^\"]*$")
_FILE = re.compile(rb"(?:AT_FDCWD|\d+)<([^>]*)>")
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"')


@define
class Call:
    """
    One call of the kernel.

    @ivar name: which.
    @ivar path: the file it is about; of a call that makes one, the new one.
    @ivar octets: all strings among its arguments.
    @ivar makes: does it make a file?
    @ivar began: where in the trace it began.
    @ivar ended: where it ended; L{None}: it never did.
    @ivar result: what it returned; L{None}: it never did.
    """

    name: str
    path: str
    octets: bytes
    makes: bool
    began: int
    ended: int | None = None
    result: int | None = None

    def good(self) -> bool:
        """Did it end with success?"""
        return self.result is not None and self.result >= 0

    def before(self, other: Call) -> bool:
        """Had it ended when the other began?"""
        return self.ended is not None and self.ended < other.began


@frozen
class Findings:
    """
    What was found.

    @ivar acknowledged: how many acknowledgements there were.
    @ivar filed: how many of the messages had a file of their own.
    @ivar problems: what was wrong, at least one line an acknowledgement that
        came too early.
    """

    acknowledged: int = 0
    filed: int = 0
    problems: tuple[str, ...] = ()


@define
class _Trace:
    """What a trace says of one spool."""

    acknowledgements: list[Call] = field(factory=list)
    log: list[Call] = field(factory=list)
    logSyncs: list[Call] = field(factory=list)
    bodies: dict[str, list[Call]] = field(factory=lambda: defaultdict(list))
    syncs: dict[str, list[Call]] = field(factory=lambda: defaultdict(list))


def parse(lines: Iterable[bytes]) -> list[Call]:
    """
    The calls of a trace, in the order in which they began.

    @param lines: as strace writes them.
    """
    calls: list[Call] = []
    open_: dict[tuple[bytes, bytes], Call] = {}
    for number, line in enumerate(lines):
        line = line.rstrip(b"\n")
        if resumed := _RESUMED.match(line):
            thread, name, rest = resumed.groups()
            call = open_.pop((thread or b"", name), None)
            if call is not None:
                _end(call, number, rest)
        elif begun := _CALL.match(line):
            thread, name, rest = begun.groups()
            unfinished = rest.endswith(_UNFINISHED)
            call = _begin(name, rest, number)
            calls.append(call)
            if unfinished:
                open_[thread or b"", name] = call
            else:
                _end(call, number, rest)
    return calls


def _begin(name: bytes, rest: bytes, number: int) -> Call:
    """A call and its arguments."""
    strings = [_octets(found) for found in _STRING.findall(rest)]
    file = _FILE.match(rest)
    path = os.fsdecode(file[1]) if file else ""
    makes = name == b"openat" and b"O_CREAT" in rest
    if name == b"openat" and strings:
        path = os.path.join(path, os.fsdecode(strings[0]))
    return Call(name.decode("ascii"), path, b"".join(strings), makes, number)


def _end(call: Call, number: int, rest: bytes) -> None:
    """A call and what it came to."""
    if found := _RESULT.match(rest):
        call.ended = number
        call.result = int(found[1])
        if found[2] is not None and call.name == "openat":
            call.path = os.fsdecode(found[2])


def _octets(escaped: bytes) -> bytes:
    """A string of strace's, which escapes as C and Python do."""
    found: bytes = ast.literal_eval('b"' + escaped.decode("ascii") + '"')
    return found


def check(calls: Sequence[Call], pattern: re.Pattern[bytes], spool: str) -> Findings:
    """
    Was each message on the disk before it was acknowledged?

    @param calls: what L{parse} gave.
    @param pattern: what an acknowledgement looks like; its group C{id}, if it
        has one, is the message's id.
    @param spool: the spool's numbered folder, absolute.
    """
    trace = _sort(calls, pattern, spool)
    folder = os.path.join(spool, "bodies")
    problems: list[str] = []
    acknowledged = filed = 0
    for call in trace.acknowledgements:
        for found in pattern.finditer(call.octets):
            acknowledged += 1
            if "id" in pattern.groupindex:
                id = found["id"].decode("ascii")
                filed += id in trace.bodies
                problems += _checkOne(trace, call, id, folder)
            else:
                filed = len(trace.bodies)
                problems += _checkAll(trace, call, folder)
    return Findings(acknowledged, filed, tuple(problems))


def _sort(calls: Sequence[Call], pattern: re.Pattern[bytes], spool: str) -> _Trace:
    """Who is what in a trace."""
    trace = _Trace()
    log = os.path.join(spool, "spool.db-wal")
    folder = os.path.join(spool, "bodies")
    for call in calls:
        head, name = os.path.split(call.path)
        if call.name in _SYNCS:
            trace.syncs[call.path].append(call)
        elif call.path == log and call.name in _WRITES:
            trace.log.append(call)
        elif head == folder and (call.makes or call.name in _WRITES):
            trace.bodies[name].append(call)
        elif call.name in _SENDS and not call.path.startswith(spool):
            if pattern.search(call.octets):
                trace.acknowledgements.append(call)
    trace.logSyncs = trace.syncs[log]
    return trace


def _covered(written: Call, syncs: Sequence[Call], until: Call) -> bool:
    """Was there a good sync after C{written} and before C{until}?"""
    return any(
        written.before(sync) and sync.good() and sync.before(until) for sync in syncs
    )


def _checkOne(trace: _Trace, told: Call, id: str, folder: str) -> list[str]:
    """Was this message on the disk when it was told?"""
    mark = id.encode("ascii")
    rows = [call for call in trace.log if mark in call.octets]
    if not rows or not rows[0].before(told):
        return [f"{id}: acknowledged, but not written to the log"]
    row = rows[0]
    problems = []
    # What was written up to the first sync behind the row was one transaction or
    # more; a sync that came in between would have been that first one.
    closing = [sync for sync in trace.logSyncs if row.before(sync)][:1]
    if not closing or not closing[0].good() or not closing[0].before(told):
        problems.append(f"{id}: the log was not synced between row and answer")
    return problems + _checkFile(trace, row, id, folder)


def _checkFile(trace: _Trace, until: Call, id: str, folder: str) -> list[str]:
    """Were file and name durable before C{until}?"""
    written = trace.bodies.get(id)
    if not written:
        return []
    problems = []
    path = os.path.join(folder, id)
    # Its making may not be in the trace; then its first write stands for that.
    contents = [call for call in written if not call.makes]
    if not all(_covered(call, trace.syncs[path], until) for call in contents):
        problems.append(f"{id}: the file was not synced after its last write")
    if not _covered(written[0], trace.syncs[folder], until):
        problems.append(f"{id}: the folder was not synced after the file was made")
    return problems


def _checkAll(trace: _Trace, told: Call, folder: str) -> list[str]:
    """Was all that had been written on the disk?"""
    problems = []
    written = [call for call in trace.log if call.began < told.began]
    if not written:
        problems.append("acknowledged, but nothing was written to the log")
    elif not _covered(written[-1], trace.logSyncs, told):
        problems.append("the log was not synced after its last write")
    for id, calls in trace.bodies.items():
        if calls[0].began < told.began:
            problems += _checkFile(trace, told, id, folder)
    return problems
