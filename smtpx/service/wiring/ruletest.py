"""
Rules asked of an envelope and a message that nobody has sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import cast

from attrs import evolve, frozen

from ...core.body import headerFields
from ...core.effects import IServerPort
from ...core.envelope import Envelope, Recipient
from ...core.hooks import TLSInfo
from ...core.interfaces import IExtension
from ...core.profile import ServerProfile
from ...core.server import ServerConnection
from ...dns.interfaces import LookupFailed
from ...observe.journal import Journal
from ...observe.publisher import Publisher
from ...policy.aliases import unheard
from ...policy.authentication import Authentication
from ...policy.checkers import Desk
from ...policy.names import HostNames, confirmedName
from ...policy.rules import HouseRules, RuleStage, Verdicts
from ...policy.rules.explained import StageTold, explained
from ...policy.rules.fields import watcher
from ...policy.strangers.alerts import Alert
from ..config import Configuration
from ..lists import withLookups
from ..machine import Machine
from .authentication import authentication
from .checkers import consulted, desksOf
from .dmarc import suffixes
from .extensions import chosenExtensions
from .lookups import lookups
from .means import means
from .opinions import everyChecker
from .resolving import resolver
from .rules import houseRules, vocabulary
from .strangers import strangers


@frozen
class Trial:
    """
    What rules are asked of.

    @ivar address: the client's.
    @ivar name: the client's name; L{None}: it is looked up, if a rule wants it.
    @ivar helo: what it calls itself.
    @ivar user: who has logged in; L{None}: nobody has.
    @ivar encrypted: is it under TLS?
    @ivar sender: the sender of the envelope; empty: the null sender.
    @ivar recipients: those of the envelope.
    @ivar message: the message, with CRLF; L{None}: it does not come to that.
    @ivar assumed: what is found out, without asking anybody; L{None}: it is asked.
    """

    address: bytes
    name: bytes | None
    helo: bytes
    user: bytes | None
    encrypted: bool
    sender: bytes
    recipients: Sequence[bytes]
    message: bytes | None
    assumed: Verdicts | None = None


@frozen
class Tried:
    """
    What a stage came to.

    @ivar about: of whom it was asked; empty: of the client or message.
    """

    told: StageTold
    about: str = ""


async def tryRules(
    machine: Machine,
    configuration: Configuration,
    found: Mapping[str, IExtension],
    trial: Trial,
) -> list[Tried]:
    """
    Ask the rules of a configuration.

    @param found: the extensions that there are, by name.
    @return: the stages that have rules, in order, up to the one that refuses.
    @raise smtpx.core.errors.SMTPXError: the configuration is of no use.
    """
    async with AsyncExitStack() as stack:
        asking = resolver(machine, configuration, stack)
        names = HostNames(asking, machine.reactor)
        journal = Journal(Publisher())
        name = configuration.name or machine.name
        listed = suffixes(machine, configuration, stack)
        checks = authentication(
            machine, configuration, name, asking, names, journal, listed, ()
        )
        extensions = chosenExtensions(configuration, found)
        words = vocabulary(configuration, extensions)
        known = lookups(machine, configuration, unheard, stack, locks=False)
        configuration = withLookups(configuration, known)
        seen = await strangers(machine, configuration, _nobodyHears, stack, True)
        lent = means(machine, configuration, names, asking, known, seen, stack, True)
        rules = houseRules(configuration, words, lent, journal, checks)
        keep = names.keep
        checkers = everyChecker(machine, configuration, keep, journal, stack, True)
        desks = desksOf(machine, checkers, journal)
        if trial.assumed is not None:
            rules, checks = evolve(rules, verdicts=trial.assumed), None
        stack.callback(names.stop)
        await names.start()
        session = _session(name, extensions, trial, machine)
        if trial.name is None and names.peerNamesWanted:
            try:
                session.peerName = await confirmedName(asking, trial.address)
            except LookupFailed:
                session.peerNameKnown = False
        return [each async for each in _stages(rules, session, trial, checks, desks)]


def _nobodyHears(alert: Alert) -> None:
    """Of a trial nobody is told."""


def _session(
    name: str, extensions: Sequence[IExtension], trial: Trial, machine: Machine
) -> ServerConnection:
    """A session with nobody at its other end."""
    profile = ServerProfile(name=name.encode("ascii"), clock=machine.now)
    # Nothing is said in it, so there is nothing to ask a port for.
    port = cast(IServerPort, None)
    session = ServerConnection(profile.load(extensions), port, trial.address)
    session.peerName = trial.name
    return session


async def _stages(
    rules: HouseRules,
    session: ServerConnection,
    trial: Trial,
    checks: Authentication | None,
    desks: Sequence[Desk],
) -> AsyncIterator[Tried]:
    """Each stage that has rules, in order, up to the one that refuses."""
    envelope = Envelope(trial.sender, session.profile.clock())
    for stage in RuleStage:
        if stage is RuleStage.HELO:
            session.helo, session.extended = trial.helo, True
            if trial.encrypted:
                session.secured = TLSInfo(version="TLSv1.3", cipher="", bits=0)
        elif stage is RuleStage.MAIL:
            session.identity, session.envelope = trial.user, envelope
        elif stage is RuleStage.MESSAGE and trial.message is not None:
            _receive(rules, session, envelope, trial.message, checks)
            consulted(desks, session, envelope, trial.message)
        if (stage is RuleStage.AUTH and trial.user is None) or (
            stage is RuleStage.MESSAGE and trial.message is None
        ):
            continue
        if stage is RuleStage.RCPT:
            async for each in _recipients(rules, session, envelope, trial):
                yield each
            if not envelope.recipients:
                return
            continue
        asked = rules.stages.get(stage)
        if asked is not None:
            told = await explained(asked, rules.subject(session, stage))
            yield Tried(told)
            if told.refused:
                return


async def _recipients(
    rules: HouseRules, session: ServerConnection, envelope: Envelope, trial: Trial
) -> AsyncIterator[Tried]:
    """Each recipient; those that are not refused are the envelope's."""
    asked = rules.stages.get(RuleStage.RCPT)
    for path in trial.recipients:
        recipient = Recipient(path)
        refused = False
        if asked is not None:
            subject = rules.subject(session, RuleStage.RCPT, recipient)
            told = await explained(asked, subject)
            yield Tried(told, f"<{path.decode('utf-8', 'backslashreplace')}>")
            refused = told.refused
        if not refused:
            envelope.recipients.append(recipient)


def _receive(
    rules: HouseRules,
    session: ServerConnection,
    envelope: Envelope,
    message: bytes,
    checks: Authentication | None,
) -> None:
    """The message comes: what is looked at in it is seen."""
    envelope.octets = len(message)
    end = 0 if message.startswith(b"\r\n") else message.find(b"\r\n\r\n") + 2
    header = message if end < 2 and not message.startswith(b"\r\n") else message[:end]
    for name, value in headerFields(header, rules.fields):
        watcher(name)(session, value)
    inquiry = None if checks is None else checks.inquiry(session, envelope)
    if inquiry is not None:
        inquiry.header(header)
        if inquiry.wantsBody:
            inquiry.write(message[len(header) + 2 :])


__all__ = ["Trial", "Tried", "tryRules"]
