"""
C{twistd smtpx}: the operator's door.

Options only say where the configuration is and what to do with it; everything
else is in the file.
"""

from __future__ import annotations

import atexit
import os
import resource
import signal
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NoReturn

from twisted.application.service import IService
from twisted.internet.error import ReactorNotRunning
from twisted.python.failure import Failure
from twisted.python.usage import Options as TwistedOptions

from ..core.errors import SMTPXError
from ..core.interfaces import IExtension
from ..net.poller import withoutLogContext
from .cautions import approval
from .check import checkExtensions, explain
from .config import Configuration, readConfiguration
from .extensions import findExtensions
from .garbage import collectSeldom
from .machine import Machine
from .mail import MailService
from .privileges import (
    Account,
    cautionsAsWanted,
    checkAsWanted,
    wantedAccount,
)
from .problems import ConfigurationError, Problem
from .wiring import build
from .wiring.working import supervisor
from .workers.brief import Brief
from .workers.forking import forked, mayFork
from .workers.spawning import Start
from .workers.zygote import begin


class Options(TwistedOptions):
    """
    The command line.

    @ivar configuration: what was read.
    @ivar found: the extensions that there are, by name.
    """

    synopsis = "[options]"
    longdesc = """
        A mail server.  Without a configuration it listens on 127.0.0.1:2525
        (STARTTLS) and 127.0.0.1:4650 (implicit TLS), keeps its state in
        ./smtpx-state, and puts mail for this machine into one Maildir there.

        For example: "twistd -n smtpx" to try it, "twistd -n smtpx --config
        /etc/smtpx/smtpx.toml --check" to see whether a configuration is of use, and
        "twistd -n smtpx --config /etc/smtpx/smtpx.toml" to run by it.
    """
    optParameters = [
        [
            "config",
            "c",
            None,
            "A TOML file; without it, a first start's.",
        ],
    ]
    optFlags = [
        ["check", None, "Print what is wrong with the configuration, and exit."],
        ["explain", None, "Print the hooks of all extensions, and exit."],
    ]
    configuration: Configuration
    found: Mapping[str, IExtension]

    def postOptions(self) -> None:
        """
        Read the configuration, and do what was asked for instead of a start.

        @raise SystemExit: it was done, or the configuration is of no use.
        """
        try:
            found = findExtensions()
            configuration = readConfiguration(self["config"], found)
        except ConfigurationError as error:
            _refuse(error.problems)
        except SMTPXError as error:
            _refuse([error])
        if self["explain"]:
            _refuseIf(checkExtensions(configuration, found))
            _say(explain(configuration, found))
            sys.exit(0)
        account = self._check(configuration, found)
        if account is not None and self.parent is not None:
            # So it does what it does anyway, between binding and starting.
            self.parent["uid"], self.parent["gid"] = account.uid, account.gid
        self.configuration = configuration
        self.found = found

    def _check(
        self, configuration: Configuration, found: Mapping[str, IExtension]
    ) -> Account | None:
        """
        See whether the server can start, and end if that is all.

        @return: whom it is to become.
        @raise SystemExit: it cannot, or was not to.
        """
        machine = Machine(_reactor())
        given: Mapping[str, Any] = self.parent or {}
        account, problems = wantedAccount(
            configuration, given.get("uid"), given.get("gid")
        )
        only = bool(self["check"])
        try:
            problems += checkAsWanted(
                machine, configuration, found, account, starts=not only
            )
            _refuseIf(problems)
            if only:
                known = cautionsAsWanted(machine, configuration, account)
                _say(approval(configuration, known))
                sys.exit(0)
        except SMTPXError as error:
            _refuse([error])
        return account


def makeService(options: Options) -> IService:
    """Make the mail server that the command line asks for."""
    reactor = _reactor()
    machine, configuration = Machine(reactor), options.configuration
    if configuration.workers > 1:
        service = supervisor(machine, configuration, partial(_firstZygote, options))
    else:
        service = build(machine, configuration, options.found)
    given: Mapping[str, Any] = options.parent or {}
    service.insists = not given.get("nodaemon", True)
    service.whenOpen().addErrback(_stop, reactor)
    _allowDescriptors(configuration)
    # No business of a program that is more than a mail server.
    withoutLogContext(reactor)
    reactor.callWhenRunning(collectSeldom)
    reactor.callWhenRunning(_onHangup, service, reactor)
    return service


def _firstZygote(options: Options, brief: Brief) -> Start | None:
    """
    What starts the first zygote: a fork of this process, if that is to be had.
    """
    reactor, found = _reactor(), options.found
    if not mayFork(reactor, found):
        return None

    def become(own: Mapping[int, int]) -> NoReturn:
        begin(own, brief.families, lambda: (options.configuration, found))

    return partial(forked, reactor, become)


def _reactor() -> Any:
    # Not before the command line is read: that may choose another reactor.
    from twisted.internet import reactor

    return reactor


def _say(lines: Iterable[object]) -> None:
    try:
        print("\n".join(map(str, lines)), flush=True)
    except BrokenPipeError:
        # "... --explain | head": it has seen enough, and so may the interpreter's
        # own flush at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(problems: Iterable[object]) -> NoReturn:
    _say(problems)
    sys.exit(1)


def _refuseIf(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if found:
        _refuse(ConfigurationError(found).problems)


def _stop(failure: Failure, reactor: Any) -> None:
    """
    The server could not start, and has said why: end, and let whoever started us
    know.  C{twistd} itself would end with status 0.
    """

    def stop() -> None:
        try:
            reactor.stop()
        except ReactorNotRunning:
            # It was told to end before it had started.
            return
        atexit.register(_endBadly)

    reactor.callWhenRunning(stop)


def _endBadly() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _allowDescriptors(configuration: Configuration) -> None:
    """As many file descriptors as the connections want, if that is allowed."""
    limits = configuration.limits
    wanted = limits.connectionsMax + limits.descriptorsFree
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now == resource.RLIM_INFINITY or now >= wanted:
        return
    if most != resource.RLIM_INFINITY:
        wanted = max(now, min(wanted, most))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _onHangup(service: MailService, reactor: Any) -> None:
    """
    SIGHUP is for new log files, unless it means that our terminal is gone or
    somebody wants it ignored.
    """
    onTerminal = sys.stdin is not None and sys.stdin.isatty()
    if onTerminal or signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL:
        return
    signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(service.reopenLogs))
