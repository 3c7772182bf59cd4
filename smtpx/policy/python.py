"""
Policies in Python, by anybody, named in the configuration.

What is named may be an object that provides C{smtpx.net.interfaces.IPolicy}, an
object with only some of its methods (a missing one has no objection), or a class
or function without arguments that makes either.  A method may be a plain one, or
C{async}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..core.envelope import Envelope, Recipient
from ..core.errors import UsageError
from ..core.interfaces import IServerSession
from ..core.reply import Reply
from ..net.interfaces import IPolicy
from .chain import NamedPolicy

_METHODS = ("mayConnect", "maySend", "mayReceive", "mayDeliver")


def policyFrom(name: str, found: object) -> NamedPolicy:
    """
    Make a policy of what somebody named in the configuration.

    @param name: what it is called there.
    @param found: the object.
    @raise UsageError: it is nothing of that kind.  What a function that is to
        make it raises is let through.
    """
    made = found
    if isinstance(found, type) or (callable(found) and not _methodsOf(found)):
        made = found()
    methods = _methodsOf(made)
    if not methods:
        raise UsageError(
            f"{name} is no policy: it has none of the methods {', '.join(_METHODS)}"
        )
    return NamedPolicy(name, PythonPolicy(methods))


def _methodsOf(found: object) -> dict[str, Callable[..., Any]]:
    """Those methods of a policy that an object has."""
    methods = {name: getattr(found, name, None) for name in _METHODS}
    return {name: method for name, method in methods.items() if callable(method)}


def _noObjection(*asked: object) -> None:
    """The answer where somebody did not care to."""


@implementer(IPolicy)
class PythonPolicy:
    """
    Some methods as a whole policy.  Answers are given on as they come:
    L{smtpx.policy.chain.PolicyChain} reads them.

    @ivar mayDeliver: see L{smtpx.net.interfaces.IDeliveryPolicy}; L{None}: it has no
        say there.
    """

    def __init__(self, methods: dict[str, Callable[..., Any]]) -> None:
        """
        @param methods: by name; those that are missing have no objection.
        """
        self._connect = methods.get("mayConnect", _noObjection)
        self._send = methods.get("maySend", _noObjection)
        self._receive = methods.get("mayReceive", _noObjection)
        self.mayDeliver = methods.get("mayDeliver")

    def mayConnect(
        self, session: IServerSession
    ) -> Reply | None | Deferred[Reply | None]:
        """A client connected."""
        answer: Reply | None | Deferred[Reply | None] = self._connect(session)
        return answer

    def maySend(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | None | Deferred[Reply | None]:
        """MAIL."""
        answer: Reply | None | Deferred[Reply | None] = self._send(session, envelope)
        return answer

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Deferred[Reply | None]:
        """RCPT."""
        answer: Reply | None | Deferred[Reply | None] = self._receive(
            session, envelope, recipient
        )
        return answer


__all__ = ["PythonPolicy", "policyFrom"]
