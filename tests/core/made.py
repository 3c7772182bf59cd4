"""
Extensions made of functions, for tests of the core.
"""

from __future__ import annotations

from typing import Any, Callable

from zope.interface import implementer

from smtpx.core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IQueueBuilder,
    IQueueExtension,
    IServerBuilder,
    IServerExtension,
)


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
