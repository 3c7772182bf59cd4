"""
Is there anything wrong with the milters, and are they there?
"""

from __future__ import annotations

from collections.abc import Iterator

from ..core.errors import Malformed
from ..policy.milter.tryout import tryMilter
from ..policy.submission import ANSWER_SECONDS
from .config import Configuration
from .problems import Problem
from .tables import Role

#: How long a milter that is tried may take, in seconds.
_SECONDS = 5.0


def checkMilters(configuration: Configuration) -> Iterator[Problem]:
    """What is wrong with them."""
    seen: set[str] = set()
    for index, each in enumerate(configuration.milters):
        patience = configuration.limits.bounds.answerSeconds
        if Role.SUBMISSION in each.roles:
            patience = min(patience, ANSWER_SECONDS)
        if each.name in seen:
            text = f"there is another milter {each.name} above"
            yield configuration.problem(("milter", index, "name"), text)
        seen.add(each.name)
        # It is connected to, agrees, and answers, while the client waits once.
        seconds = 2 * each.connectSeconds + each.commandSeconds
        if seconds >= patience:
            text = (
                f"to connect and to answer could take {seconds:g} s, and clients get"
                f" an answer within {patience:g} s"
            )
            yield configuration.problem(("milter", index, "command_seconds"), text)


def milterCautions(configuration: Configuration) -> Iterator[Problem]:
    """Milters that are not there, or are none, and those for which nobody is."""
    roles = {listener.role for listener in configuration.listeners}
    for index, each in enumerate(configuration.milters):
        if not roles & set(each.roles):
            words = " or ".join(role.value for role in each.roles)
            text = f"no listener has the role {words}, so it is never asked"
            yield configuration.problem(("milter", index, "roles"), text)
            continue
        try:
            tryMilter(each.place, min(each.connectSeconds, _SECONDS))
        except (OSError, Malformed) as error:
            why = getattr(error, "strerror", None) or str(error)
            text = f"{each.name} does not answer at {_shown(each.place)}: {why}"
            yield configuration.problem(("milter", index, "address"), text)


def _shown(place: str | tuple[str, int]) -> str:
    """Where that is, for people."""
    return place if isinstance(place, str) else f"{place[0]}, port {place[1]}"


__all__ = ["checkMilters", "milterCautions"]
