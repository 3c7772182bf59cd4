"""
The programmatic door: a whole mail server in a Twisted program.

It does what C{twistd smtpx} does, in five lines::

    from twisted.internet import reactor
    from smtpx.service import mailService

    server = mailService(reactor, {"listener": [{"port": 2525}]})
    server.startService()
    reactor.run()

A program that wants only the protocol, and has somewhere of its own for mail,
takes L{smtpx.net.factory.SMTPServerFactory} instead.
"""

from __future__ import annotations

from typing import Any

from .config import Source, readConfiguration
from .extensions import findExtensions
from .machine import Machine
from .mail import MailService
from .problems import ConfigurationError
from .wiring import build


def mailService(reactor: Any, configuration: Source = None) -> MailService:
    """
    Make a mail server.  It is a C{twisted.application.service.IService}: give it a
    parent, or start and stop it.

    @param configuration: a mapping of the form that the file has, in which values
        may be Python objects (a policy for its name, a C{Path}); the path of a
        file; L{None}: everything has its default.
    @raise smtpx.service.problems.ConfigurationError: with all that is wrong.
    """
    found = findExtensions()
    read = readConfiguration(configuration, found)
    if read.workers > 1:
        text = (
            "a server that is a part of a program has one worker, the program itself;"
            ' "twistd smtpx" has several'
        )
        raise ConfigurationError([read.problem(("workers",), text)])
    return build(Machine(reactor), read, found)
