"""
Extensions made of functions, and what they do wrong, for tests of the core.
"""

from __future__ import annotations

from typing import Any, Callable

from zope.interface import implementer

from smtpx.core.dialogue import Question
from smtpx.core.effects import PENDING
from smtpx.core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IQueueBuilder,
    IQueueExtension,
    IServerBuilder,
    IServerExtension,
)
from smtpx.extensions.pipelining import Pipelining
from smtpx.testing.server import Said, talk


class _Made:
    """What all of them have."""

    settings = None

    def __init__(
        self,
        register: Callable[[Any], object],
        name: str = "made",
        requires: tuple[str, ...] = (),
    ) -> None:
        self.register = register
        self.name = name
        self.requires = requires

    def configured(self, settings: Any) -> Any:
        """It has no options."""
        return self


@implementer(IServerExtension)
class MadeServer(_Made):
    """An extension with a server side."""

    def extendServer(self, server: IServerBuilder) -> None:
        """Register what the test wants."""
        self.register(server)


@implementer(IClientExtension)
class MadeClient(_Made):
    """An extension with a client side."""

    def extendClient(self, client: IClientBuilder) -> None:
        """Register what the test wants."""
        self.register(client)


@implementer(IQueueExtension)
class MadeQueue(_Made):
    """An extension with a queue side."""

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """Register what the test wants."""
        self.register(queue)


class Favour(Question[bool]):
    """Will you?  A question that only tests ask."""


def broken(*arguments: object) -> Any:
    """A hook, or a part of the world, with a mistake."""
    raise ZeroDivisionError


def pending(question: object) -> object:
    """The answer comes later."""
    return PENDING


def odd(script: bytes, extend: Callable[[IServerBuilder], None], **more: Any) -> Said:
    """
    Talk to a server that has PIPELINING, and ODD, which does what the test wants.

    @param more: see L{talk}.
    """
    return talk([MadeServer(extend, "ODD"), Pipelining()], script, **more)
