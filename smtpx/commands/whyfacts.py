"""
Where it is found out what is known of a message: the spool's files, the server that
runs, what is known of other hosts, the retry rules, and the logs.

All of it is only read.  What cannot be read is noted, and the rest is told all the
same.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from attrs import define, evolve, field

from ..core.errors import SMTPXError
from ..core.hooks import Schedule
from ..core.queueprofile import DISCARDED, ORIGIN, QueueProfile
from ..core.reply import Reply
from ..knowledge.file import KnowledgeFile
from ..knowledge.interfaces import HostTrouble
from ..knowledge.kinds import KINDS
from ..knowledge.names import PeerName, parseName
from ..observe.happenings import (
    Arrival,
    Attempted,
    Deed,
    Done,
    Fate as Came,
    Happening,
    happeningOfEvent,
    happeningOfLine,
    timeOfEvent,
    timeOfLine,
)
from ..observe.harmless import decoded, line as plainly
from ..observe.logsearch import Tell, linesOf, logFiles, untold
from ..queue.errorkind import ErrorKind, kindOf
from ..queue.retry import RetryRules
from ..service.config import Configuration
from ..service.control import ControlClient, NoServer, Refused
from ..service.control.wire import Kind
from ..service.extensions import findExtensions
from ..service.kinds import StandardOutput
from ..service.machine import machineName
from ..service.pausewords import renderPauses
from ..service.wiring import chosenExtensions, retryRules
from ..service.workers.sockets import isAnyAlive
from ..spool.format import Fate, Outcome, SpooledMessage
from ..spool.identity import parse, secondOf
from ..spool.layout import ForeignFile
from ..spool.reading import readMessage
from .whystory import Looked, Stay, Story, Trouble, Waiting

#: The kind of record that hosts in trouble have.
_RETRY = "retry"

_REPLY = re.compile(r"([245]\d\d)[ -](?:([245]\.\d{1,3}\.\d{1,3}) )?(.*)")

#: The most happenings that are told of one message.
_HAPPENINGS = 100_000

#: What ends the story of a message.
_ENDS = frozenset((Deed.COMPLETED, Deed.REMOVED))


@define(eq=False)
class Facts:
    """
    Gathers them.

    @ivar configuration: of the server.
    @ivar id: the message's.
    @ivar now: seconds since the epoch.
    @ivar tell: told how far a search through logs is.
    @ivar unread: what could not be read, each with why.
    """

    configuration: Configuration
    id: str
    now: float
    tell: Tell = untold
    unread: list[str] = field(factory=list)
    _logs: list[str] = field(factory=list)

    def story(self) -> Story:
        """
        All that is known.

        @raise SMTPXError: the configuration is of no use.
        """
        configuration = self.configuration
        name = configuration.name or machineName()
        extensions = chosenExtensions(configuration, findExtensions())
        profile = QueueProfile().load(extensions)
        state, running = self._running()
        spool = str(configuration.state / "spool")
        message = self._message(spool, profile)
        happenings = self._happenings()
        stay: Stay | None = None
        troubles: tuple[Trouble, ...] = ()
        if message is not None:
            rules = retryRules(configuration, name)
            last = _lastOf(happenings)
            stay = _stay(message, rules, profile, last)
            stay = evolve(stay, underWay=state == "under way")
            troubles = tuple(self._troubles(last.values()))
        looked = Looked(spool, tuple(self._logs), tuple(self.unread))
        return Story(
            self.id, self.now, looked, tuple(happenings), stay, troubles, running
        )

    # --- the spool ----------------------------------------------------------------

    def _running(self) -> tuple[str | None, bool | None]:
        """
        What a server that runs says of the message.

        @return: its state; L{None}: it was not told; and whether a server runs;
            L{None}: nobody knows.
        """
        if not self.configuration.control.enabled:
            return None, None
        told: dict[str, object] = {}
        try:
            with closing(ControlClient(self.configuration.controlSocket)) as client:
                try:
                    asked = {"message": self.id}
                    client.ask("queue.show", asked, lambda part: told.update(part))
                except SMTPXError as error:
                    # It is not there any more, or not for us.
                    if isinstance(error, Refused) and error.kind is Kind.FAILED:
                        self.unread.append(str(error))
        except NoServer:
            # Of several workers the one that commands ask may be away.
            return None, isAnyAlive(self.configuration.workersFolder)
        except SMTPXError as error:
            self.unread.append(str(error))
            return None, None
        state = told.get("state")
        return (state if isinstance(state, str) else None), True

    def _message(self, folder: str, profile: QueueProfile) -> SpooledMessage | None:
        try:
            return readMessage(folder, self.id, profile.stamps)
        except OSError as error:
            self.unread.append(f"{error.filename or folder}: {error.strerror}")
        except ForeignFile as error:
            self.unread.append(str(error))
        return None

    # --- other hosts ----------------------------------------------------------------

    def _troubles(self, tries: Iterable[Attempted]) -> Iterator[Trouble]:
        """
        What is known against the hosts that it waits for.

        @param tries: the last ones.
        """
        hosts = {
            _named(each.host.encode("ascii", "replace"))
            for each in tries
            if each.host and each.fate is Came.DEFERRED
        }
        peers = self.configuration.peers
        if not hosts or not peers.persistent:
            return
        path = str(self.configuration.peersFile)
        try:
            with closing(KnowledgeFile(path, make=False)) as file:
                rows = file.all()
        except FileNotFoundError:
            return
        except (OSError, SMTPXError, sqlite3.Error) as error:
            self.unread.append(f"{path}: {error}")
            return
        for row in rows:
            name = parseName(row.place.name)
            if row.place.kind != _RETRY or row.record is None or name.address is None:
                continue
            if not row.record.counts(self.now) or _named(name.host) not in hosts:
                continue
            trouble = KINDS[_RETRY].read(row.record)
            if isinstance(trouble, HostTrouble):
                yield _trouble(name, trouble)

    # --- the logs ------------------------------------------------------------------

    def _happenings(self) -> list[Happening]:
        """What the logs say: that of events, or else the main log."""
        log = self.configuration.log
        found: list[Happening] = []
        if log.json is not None:
            read = partial(happeningOfEvent, id=self.id)
            found = self._search(log.json, "log.json", read, timeOfEvent)
        if not any(isinstance(each, Arrival) for each in found):
            read_ = partial(happeningOfLine, id=self.id)
            target = self.configuration.mainLog
            other = self._search(target, "the main log", read_, timeOfLine)
            # One of them may begin later than the other.
            found = other if len(other) > len(found) else found
        return found

    def _search(
        self,
        target: Path | StandardOutput,
        called: str,
        read: Callable[[bytes], Happening | None],
        timeOf: Callable[[bytes], float | None],
    ) -> list[Happening]:
        if isinstance(target, StandardOutput):
            self.unread.append(f"{called} goes to standard output: look there")
            return []
        found: list[Happening] = []
        since = float(secondOf(parse(self.id)))
        try:
            for file in logFiles(target):
                self._logs.append(str(file.path))
                wanted = self.id.encode("ascii")
                for each in linesOf(file, wanted, since, timeOf, self.tell):
                    happening = read(each)
                    if happening is not None and len(found) < _HAPPENINGS:
                        found.append(happening)
                    if isinstance(happening, Done) and happening.deed in _ENDS:
                        return found
        except OSError as error:
            self.unread.append(f"{error.filename or target}: {error.strerror}")
        return found


def _named(host: bytes) -> bytes:
    """The name of a host, or an address, however it stands somewhere."""
    return host.lower().strip(b"[]").removeprefix(b"ipv6:")


def _trouble(name: PeerName, trouble: HostTrouble) -> Trouble:
    address = b"" if name.address is None else name.address
    return Trouble(
        plainly(name.host),
        plainly(address),
        trouble.first,
        trouble.due,
        trouble.failures,
        plainly(trouble.text),
    )


# --- what stands in the spool ---------------------------------------------------------


def _shown(octets: bytes) -> str:
    """As the log of events has it, made harmless."""
    return plainly(decoded(octets))


def _lastOf(happenings: Sequence[Happening]) -> Mapping[str, Attempted]:
    """The last attempt for each recipient that was no mere word of a pause."""
    found: dict[str, Attempted] = {}
    for each in happenings:
        if isinstance(each, Attempted):
            found[each.recipient] = each
    return found


def _stay(
    message: SpooledMessage,
    rules: RetryRules,
    profile: QueueProfile,
    last: Mapping[str, Attempted],
) -> Stay:
    """
    A message as it is in the spool.

    @param last: the last attempt for each recipient, as far as a log has it.
    """
    envelope = message.envelope
    if not envelope.recipients:
        # One that cannot be read; its note says why.
        return Stay(message.arrived, "", message.octets, damage=message.note or "")
    schedule = profile.scheduleFor(envelope)
    outcomes = {each.index: each for each in message.outcomes}
    settled, waiting = [], []
    for index, recipient in enumerate(envelope.recipients):
        if recipient.stamp(DISCARDED):
            continue
        outcome = outcomes.get(index)
        path = plainly(recipient.path)
        if index not in message.waiting and outcome is not None:
            settled.append((path, outcome.fate.value))
        else:
            # The main log has octets where that of events has characters.
            known = last.get(_shown(recipient.path)) or last.get(path)
            waiting.append(_waiting(message, index, outcome, known, rules, schedule))
    return Stay(
        message.arrived,
        plainly(envelope.sender),
        envelope.octets,
        tuple(plainly(each.path) for each in envelope.recipients),
        tuple(settled),
        tuple(waiting),
        message.attempts,
        plainly(message.note) if message.held else None,
        message.due,
        None if message.lane is None else plainly(message.lane),
        notBefore=schedule.notBefore or None,
        told=message.told,
    )


def _waiting(
    message: SpooledMessage,
    index: int,
    outcome: Outcome | None,
    known: Attempted | None,
    rules: RetryRules,
    schedule: Schedule,
) -> Waiting:
    """
    Somebody who waits.

    @param known: the last attempt, as a log has it; L{None}: it has none.
    """
    recipient = message.envelope.recipients[index]
    given = recipient.stamp(ORIGIN)
    met = _met(index, outcome, known)
    kind = kindOf(met)
    pauses = rules.pauses(recipient.path, kind)
    tried = known is not None and kind is not ErrorKind.OTHER
    return Waiting(
        plainly(recipient.path),
        None if given is None else plainly(given),
        "" if outcome is None else plainly(outcome.text),
        kind.help if tried else "",
        ", ".join(renderPauses(pauses)) if known is not None else "",
        rules.until(message, met, schedule),
    )


def _met(index: int, outcome: Outcome | None, known: Attempted | None) -> Outcome:
    """
    The last outcome, with what the spool does not keep of it: at what it failed, and
    what the host said.
    """
    met = outcome or Outcome(index, Fate.WAITING)
    if known is None:
        return met
    return evolve(met, cause=known.cause, reply=_reply(known.reply))


def _reply(text: str) -> Reply | None:
    """What a host said, as far as it can be told from the log."""
    found = _REPLY.match(text)
    if found is None:
        return None
    status = None
    if found[2] is not None:
        major, subject, detail = map(int, found[2].split("."))
        status = major, subject, detail
    return Reply(int(found[1]), status, (found[3].encode("ascii", "replace"),))


__all__ = ["Facts"]
