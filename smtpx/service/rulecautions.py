"""
What to know of rules in which nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..policy.rules import Rule, VerifyCertificate
from ..policy.rules.texts import namesIn
from .config import Configuration
from .problems import Problem
from .wiring.rules import rulesOf

#: Variables that are looked at by others than rules begin so.
_OTHERS = ("acl_m_dcc_",)

#: Without these, a message is refused by many (RFC 5322 section 3.6).
_WANTED = (b"from", b"date")


def ruleCautions(configuration: Configuration) -> Iterator[Problem]:
    """Rules that are never true, or do what is hardly meant."""
    rules = rulesOf(configuration)
    asked = {
        name
        for rule in rules
        for _, text in rule.said.sources
        for name in namesIn(text)
    }
    for (stage, index, _), rule in zip(
        configuration.policy.entries(), rules, strict=True
    ):
        path = ("policy", stage.value, index)
        if configuration.tls.clientAuthorities is None and _wantsCertificate(rule):
            text = "no client is asked for one: tls.client_authorities is not given"
            yield configuration.problem((*path, VerifyCertificate.name), text)
        for name in sorted(rule.said.sets - asked):
            if not name.startswith(_OTHERS):
                text = f"no rule asks for ${name}"
                yield configuration.problem((*path, "set", name), text)
        for place, each in enumerate(rule.removeHeaders):
            if each.value is None and any(each.fits(name, b"") for name in _WANTED):
                text = "a message without From or Date is refused by many"
                yield configuration.problem((*path, "remove_header", place), text)


def _wantsCertificate(rule: Rule) -> bool:
    return any(isinstance(each, VerifyCertificate) for each in rule.conditions)


__all__ = ["ruleCautions"]
