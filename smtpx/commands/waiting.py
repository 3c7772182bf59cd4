"""
What a command has to wait for, such as the DNS.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .console import CommandFailed

T = TypeVar("T")


def wait(reactor: Any, work: Coroutine[Deferred[Any], Any, T]) -> T:
    """
    Do some work to its end.  The reactor runs as long as it takes, and cannot run
    again; where the work ends at once, it does not run at all.

    @return: what comes of it; or it raises what the work raises.
    @raise CommandFailed: somebody interrupted it.
    """
    results: list[T | Failure] = []
    done = Deferred.fromCoroutine(work)
    done.addBoth(results.append)
    if not results:
        done.addBoth(lambda _: reactor.stop())
        reactor.run()
    if not results:
        raise CommandFailed("interrupted")
    [result] = results
    if isinstance(result, Failure):
        result.raiseException()
    return result


__all__ = ["wait"]
