"""
What users of this machine submit, without a connection.
"""

from __future__ import annotations

import grp
from contextlib import AsyncExitStack

from ...net.submission import SubmissionReceiver
from ...spool.dropfile import RECIPIENTS_MAX
from ...spool.dropfolder import DropFolder, DropSettings
from ...spool.interfaces import IOperatedSpool
from ..config import Configuration
from ..dropreceiving import DropReceiver, senderOf
from ..droptaking import DropRules, DropTaker
from ..dropwatch import DropWatch
from ..machine import Machine
from .doors import Hall
from .intake import Intake
from .sending import Ways
from .threads import threads

#: How many threads wait for the disk.
_THREADS = 4

#: The longest message where there is no limit to it, in octets.
_ANY = 1 << 50


def openDropFolder(
    machine: Machine,
    configuration: Configuration,
    hall: Hall,
    spool: IOperatedSpool,
    ways: Ways,
    taken: Intake,
    stack: AsyncExitStack,
) -> None:
    """
    Take what is dropped, from now on.

    @param spool: where it goes; it is open.
    @param ways: how messages leave it.
    @param taken: whom mail is taken for.
    @raise OSError: the folder cannot be made.
    """
    options = configuration.sendmail
    if not options.enabled or not machine.worker.leads:
        return
    most = configuration.limits.bounds.messageOctets
    folder = DropFolder(configuration.dropFolder)
    group = None if options.group is None else grp.getgrnam(options.group).gr_gid
    folder.make(DropSettings(hall.name, most), group)
    receiver = DropReceiver(
        spool,
        hall.journal,
        ways.routes.holds,
        taken.redirection,
        folder,
        threads(machine, _THREADS, "drop", stack),
    )
    factory = hall.inside(
        SubmissionReceiver(
            receiver,
            name=hall.name.encode("ascii"),
            clock=machine.now,
            sender=senderOf,
        ),
        RECIPIENTS_MAX,
    )
    rules = DropRules(most or _ANY, options.forceSender, frozenset(options.trusted))
    taker = DropTaker(machine.now, receiver, factory, rules)
    watch = DropWatch(
        machine.reactor,
        machine.now,
        folder,
        taker.take,
        receiver.recover,
        options.lookSeconds,
    )
    end = machine.hearOf(machine.reactor, folder.path / "new", watch.wake)
    if end is not None:
        stack.callback(end)
    stack.push_async_callback(watch.stop)
    watch.start()


__all__ = ["openDropFolder"]
