"""
Several policies as one: asked in order, the first refusal decides.

Anybody's policy may be among them, so this is where their mistakes end.  An
exception, an answer that is none, and an answer that does not come in time are
451 to the client and an error event that names the policy.  A policy that fails
never lets anything through.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    TimeoutError as DeferredTimeout,
)
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from ..core.envelope import Envelope, Recipient
from ..core.interfaces import IServerSession
from ..core.reply import LOCAL_ERROR, Reply
from ..net.interfaces import IPolicy

#: What is told of trouble: the session, whose it is, what came out of it.
#: C{smtpx.net.interfaces.IJournal.trouble} is one.
Trouble = Callable[[IServerSession, str, BaseException], None]

#: "The next policy has not been asked yet."
_UNASKED = object()


@frozen
class NamedPolicy:
    """
    A policy, and what it is called in the log.

    @ivar name: its name.
    @ivar policy: the policy.
    """

    name: str
    policy: IPolicy


class _Question:
    """One of the questions, put to one policy after the other."""

    __slots__ = ("_asked", "_better", "_clock", "_seconds", "_trouble")

    def __init__(
        self,
        method: str,
        policies: Sequence[NamedPolicy],
        better: bool,
        trouble: Trouble,
        clock: IReactorTime,
        seconds: float,
    ) -> None:
        """
        @param method: which question.
        @param better: may an answer be a 2yz that stands in for the usual one?
        @param seconds: how long each policy may take.
        """
        found = [(each.name, getattr(each.policy, method, None)) for each in policies]
        self._asked: list[tuple[str, Callable[..., Any]]] = [
            (name, asked) for name, asked in found if asked is not None
        ]
        self._better = better
        self._trouble = trouble
        self._clock = clock
        self._seconds = seconds

    @property
    def forNobody(self) -> bool:
        """Is there nobody who could be asked?"""
        return not self._asked

    def ask(
        self, session: IServerSession, *rest: object
    ) -> Reply | None | Deferred[Reply | None]:
        """Ask them all, at once as far as they answer at once."""
        instead: Reply | None = None
        for position, (name, method) in enumerate(self._asked):
            try:
                answer = method(session, *rest)
                if answer is None:
                    continue
                if isinstance(answer, Deferred) or inspect.iscoroutine(answer):
                    return Deferred.fromCoroutine(
                        self._askOn(answer, position, instead, session, rest)
                    )
                verdict = self._read(answer)
            except Exception as error:
                return self._failed(session, name, error)
            if verdict is not None:
                if verdict.refuses:
                    return verdict
                instead = verdict
        return instead

    async def _askOn(
        self,
        given: object,
        position: int,
        instead: Reply | None,
        session: IServerSession,
        rest: tuple[object, ...],
    ) -> Reply | None:
        """
        Go on where somebody did not answer at once.

        @param given: what the policy at C{position} gave back.
        """
        for name, method in self._asked[position:]:
            try:
                if given is _UNASKED:
                    given = method(session, *rest)
                verdict = self._read(await self._whenThere(given))
            except CancelledError:
                # Nobody waits for the answer any more.
                raise
            except Exception as error:
                return self._failed(session, name, error)
            given = _UNASKED
            if verdict is not None:
                if verdict.refuses:
                    return verdict
                instead = verdict
        return instead

    async def _whenThere(self, given: object) -> object:
        """
        What a policy answers, once it does.

        @raise TimeoutError: it does not.
        """
        if inspect.iscoroutine(given):
            given = Deferred.fromCoroutine(given)
        if not isinstance(given, Deferred):
            return given
        given.addTimeout(self._seconds, self._clock)
        try:
            answer: object = await given
        except DeferredTimeout:
            raise TimeoutError(f"no answer within {self._seconds:g} s") from None
        return answer

    def _read(self, answer: object) -> Reply | None:
        """
        What an answer comes to.

        @raise TypeError: it is none.
        """
        if answer is None:
            return None
        if not isinstance(answer, Reply) or answer.code // 100 not in (2, 4, 5):
            raise TypeError(
                f"{answer!r} is no answer of a policy: it wants None, a 4yz or a 5yz"
            )
        return answer if answer.refuses or self._better else None

    def _failed(self, session: IServerSession, name: str, error: Exception) -> Reply:
        self._trouble(session, f"policy {name}", error)
        return LOCAL_ERROR


@implementer(IPolicy)
class PolicyChain:
    """
    Policies in order, as one.  A 2yz answer of C{mayReceive} stands in for the
    usual reply, if nobody refuses.

    @ivar bearsRepeats: do all of them?  See L{IPolicy}.
    @ivar mayDeliver: see L{smtpx.net.interfaces.IDeliveryPolicy}; L{None}: none of
        the policies has it.
    """

    def __init__(
        self,
        policies: Sequence[NamedPolicy],
        trouble: Trouble,
        clock: IReactorTime,
        answerSeconds: float,
    ) -> None:
        """
        @param trouble: told of policies that fail.
        @param answerSeconds: how long each may take to answer.
        """

        def question(method: str, better: bool = False) -> _Question:
            return _Question(method, policies, better, trouble, clock, answerSeconds)

        each = [getattr(one.policy, "bearsRepeats", False) for one in policies]
        self.bearsRepeats = all(each)
        self._connect = question("mayConnect").ask
        self._send = question("maySend").ask
        self._receive = question("mayReceive", True).ask
        deliver = question("mayDeliver")
        self.mayDeliver = None if deliver.forNobody else deliver.ask

    def mayConnect(
        self, session: IServerSession
    ) -> Reply | None | Deferred[Reply | None]:
        """A client connected."""
        return self._connect(session)

    def maySend(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | None | Deferred[Reply | None]:
        """MAIL."""
        return self._send(session, envelope)

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Deferred[Reply | None]:
        """RCPT."""
        return self._receive(session, envelope, recipient)


__all__ = ["NamedPolicy", "PolicyChain", "Trouble"]
