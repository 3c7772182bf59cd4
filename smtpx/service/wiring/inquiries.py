"""
Who answers the questions of extensions.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from attrs import frozen

from ...net.answers import Answerers
from ...observe.journal import Journal
from ...queue.starter import QueueStarter
from ..config import Configuration
from ..logs import Logs
from ..machine import Machine
from .intake import Intake
from .owners import ownerAnswers
from .users import Accounts


@frozen
class Inquiries:
    """
    Those who answer.

    @ivar answers: what answers each question.
    @ivar starter: starts the queue, as soon as it is told which.
    """

    answers: Answerers
    starter: QueueStarter


def inquiries(
    machine: Machine,
    configuration: Configuration,
    logins: Accounts,
    taken: Intake,
    journal: Journal,
    logs: Logs,
    stack: AsyncExitStack,
) -> Inquiries:
    """
    Find those who answer.

    @param logins: who can log in.
    @param taken: whom mail is taken for.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    starter = QueueStarter(machine.reactor, journal.queueAsked, journal.trouble)
    stack.callback(starter.stop)
    owners = ownerAnswers(machine, configuration, taken, journal, logs, stack)
    return Inquiries({**logins.answers, **owners, **starter.answers}, starter)
