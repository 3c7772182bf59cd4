"""
What the dialogues of L{tests.test_dialogues} and L{tests.test_client_dialogues} have
on their stage.
"""

from __future__ import annotations

import re
from typing import Any

from smtpx.core.effects import TakeMessage
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IExtension
from smtpx.core.reply import OK, Reply, reply
from smtpx.extensions.checkpoint import Checkpoint
from smtpx.extensions.checkpointserver import (
    Committed,
    CutShort,
    Known,
    Recall,
    transactionOf,
)
from smtpx.extensions.etrn import ETRN, Begun, StartQueue, State
from smtpx.extensions.futurerelease import FutureRelease
from smtpx.extensions.prdr import PRDR
from smtpx.extensions.requiretls import RequireTLS
from smtpx.extensions.rrvs import RRVS, KeptSince, Ownership
from smtpx.extensions.standard import STANDARD

from .extensions.named import Memory

#: The client's address.
CLIENT = b"192.0.2.7"

#: What was said at the end of a transaction that had ended before.
AT_FIRST = reply(250, "2.0.0", b"Taken at first")


def optionsOf(name: str, script: dict[str, str]) -> dict[str, Any]:
    """
    The settings that a dialogue has for an extension.

    @param script: its own settings.
    """
    found: dict[str, Any] = {}
    for pair in script.get("options", "").split():
        owner, option, value = re.split("[.=]", pair)
        if owner == name:
            found[option] = int(value)
    if name in script.get("trusts", "").split():
        hosts = "prdrEnable" if name == PRDR.name else "hosts"
        found[hosts] = HostList.parse([CLIENT.decode()])
    return found


def configured(name: str, script: dict[str, str]) -> IExtension:
    """A standard extension, as a dialogue wants it."""
    extension = STANDARD[name]()
    options = optionsOf(name, script)
    if options:
        assert extension.settings is not None
        extension = extension.configured(extension.settings(**options))
    if isinstance(extension, FutureRelease) and script.get("role") == "submission":
        extension = extension.forSubmission()
    if isinstance(extension, RRVS) and "owners" in script:
        extension = RRVS(extension.options, asked=True)
    if isinstance(extension, ETRN) and "queue" in script:
        domains = [word.partition("=")[0] for word in script["queue"].split()]
        extension = ETRN(extension.options, kept=domains)
    if isinstance(extension, RequireTLS):
        honoured = script.get("relay") == "verified"
        extension = RequireTLS(extension.options, honoured=honoured)
    return extension


def ownership(question: KeptSince, owners: str) -> Ownership:
    """Has a mailbox had the same owner, as a dialogue has it?"""
    known = dict(word.split("=") for word in owners.split())
    return Ownership(known.get(question.path.decode(), "elsewhere"))


def begun(question: StartQueue, queue: str) -> Begun:
    """What becomes of a domain's mail, as a dialogue has it?"""
    known = dict(word.split("=") for word in queue.split())
    state, _, count = known[question.node].partition(":")
    return Begun(State[state.upper()], int(count or 0))


class Recollection:
    """
    What is known of named transactions, as a dialogue has it.

    @ivar repeats: the envelopes of messages that had been taken before.
    """

    def __init__(self, transaction: str) -> None:
        """
        @param transaction: a member of L{Known}, or C{ended} or C{cut_short} with the
            octets that are there and the recipients.
        """
        self._memory = Memory(known=_remembered(*transaction.split()))
        self.checkpoint = Checkpoint(memory=self._memory)
        self.repeats: list[Envelope] = []

    def recall(self, question: Recall) -> Known | Committed | CutShort:
        """What is known of a transaction; of one that was forgotten, nothing."""
        known = self._memory.recall(question)
        return Known.NEW if self._memory.forgotten else known

    def take(self, question: TakeMessage, taken: Reply) -> Reply:
        """
        What is said to a message.

        @param taken: what is said to one that was not taken before.
        """
        transaction = transactionOf(question.session)
        if transaction is None or not isinstance(transaction.before, Committed):
            return taken
        self.repeats.append(question.envelope)
        return transaction.before.finals[0]


def _remembered(
    word: str, octets: str = "", *paths: str
) -> Known | Committed | CutShort:
    """What is known of a transaction, by the words of a dialogue."""
    if word not in ("ended", "cut_short"):
        return Known[word.upper()]
    recipients = [Recipient(each.encode()) for each in paths]
    said = tuple((b"TO:<%b>" % each.path, OK) for each in recipients)
    if word == "ended":
        return Committed(int(octets), None, said, (AT_FIRST,))
    return CutShort(int(octets), Envelope(b"", 0.0, recipients), said)


def matches(pattern: str, line: str) -> bool:
    """Is C{line} what C{pattern} describes?"""
    parts = [re.escape(part) for part in pattern.split("*")]
    return re.fullmatch(".*".join(parts), line) is not None
