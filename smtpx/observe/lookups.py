"""
Questions for the DNS, counted and timed: a resolver in front of another.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

from prometheus_client import CollectorRegistry
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from ..dns.interfaces import Answer, IResolver, NoSuchDomain
from . import metrics
from .series import histogram, series

T = TypeVar("T")


@implementer(IResolver)
class CountedResolver:
    """
    Counts the questions that another resolver is asked.

    @ivar questions: how many, by kind and outcome.
    """

    def __init__(
        self,
        resolver: IResolver,
        registry: CollectorRegistry,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """
        @param clock: seconds since any time.
        """
        self.questions = series(metrics.DNS_QUESTIONS, registry)
        self._seconds = histogram(metrics.DNS_SECONDS, registry).observe
        self._resolver = resolver
        self._clock = clock

    def lookUp(self, name: bytes, kind: str) -> Deferred[Answer]:
        """See L{IResolver}."""
        began = self._clock()
        answer = self._resolver.lookUp(name, kind)
        if answer.called:
            # It was known already, whatever it is.
            self.questions.count(kind, "kept")
        else:
            answer.addBoth(self._done, kind, began)
        return answer

    def _done(self, answer: T, kind: str, began: float) -> T:
        self._seconds(self._clock() - began)
        if isinstance(answer, Failure):
            none = isinstance(answer.value, NoSuchDomain)
            outcome = "nothing" if none else "failed"
        else:
            assert isinstance(answer, Answer)
            outcome = "answered" if answer.records else "nothing"
        self.questions.count(kind, outcome)
        return answer


__all__ = ["CountedResolver"]
