"""
Is there anything wrong with the checkers, and are they there?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..core.errors import Malformed, UsageError
from ..policy.checkers.ping import CLAMD, RSPAMD, SPAMD, Ping, tryChecker
from ..policy.rules.wanted import wantedBy
from .config import Configuration
from .problems import Problem
from .tables.checker import CheckerKind
from .wiring.hops import readPassword
from .wiring.rules import rulesOf

_PINGS: Mapping[CheckerKind, Ping] = {
    CheckerKind.CLAMD: CLAMD,
    CheckerKind.SPAMD: SPAMD,
    CheckerKind.RSPAMD: RSPAMD,
}


def checkCheckers(configuration: Configuration) -> Iterator[Problem]:
    """What is wrong with them."""
    seen: set[str] = set()
    seconds = configuration.limits.bounds.answerSeconds
    for index, each in enumerate(configuration.checkers):
        if each.name in seen:
            text = f"there is another checker {each.name} above"
            yield configuration.problem(("checker", index, "name"), text)
        seen.add(each.name)
        if each.passwordFile is not None:
            try:
                readPassword(each.passwordFile)
            except UsageError as error:
                path = ("checker", index, "password_file")
                yield configuration.problem(path, str(error))
        if each.opinionSeconds >= seconds:
            text = f"limits.answer_seconds is {seconds:g} s, and this is no less"
            yield configuration.problem(("checker", index, "opinion_seconds"), text)


def checkerCautions(configuration: Configuration) -> Iterator[Problem]:
    """Checkers that nobody asks, and that are not there."""
    wanted = wantedBy(rulesOf(configuration))
    for index, each in enumerate(configuration.checkers):
        if not wanted.has(each.name, each.kind.finds):
            text = f"no rule asks for what {each.name} finds, so it is not asked"
            yield configuration.problem(("checker", index), text)
            continue
        place = each.place
        try:
            where = place.path or (place.host, place.port)
            tryChecker(_PINGS[each.kind], where)
        except (OSError, Malformed) as error:
            why = getattr(error, "strerror", None) or str(error)
            text = f"{each.name} does not answer at {each.place.shown}: {why}"
            yield configuration.problem(("checker", index, "address"), text)


__all__ = ["checkCheckers", "checkerCautions"]
