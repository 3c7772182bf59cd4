"""
Where accounts that do too much come from, whichever worker they came to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...core.errors import Malformed
from ...policy.strangers.alerts import Alerts
from ..control.exchange import Exchange
from ..machine import Machine
from ..workers.answers import Answers

#: How long other workers have to say it, in seconds.
_SECONDS = 2.0


def shareAlerts(machine: Machine, alerts: Alerts | None, answers: Answers) -> None:
    """
    Have the worker that tells the operator of an account say what all have seen of it.

    @param alerts: L{None}: nobody is told of any.
    @param answers: what other workers ask for.
    """
    others = machine.worker.others
    if alerts is None or not others.numbers:
        return

    async def elsewhere(per: str, account: str) -> Sequence[Mapping[str, int]]:
        fields = {"per": per, "account": account}
        found = await others.ask("alerts.clients", fields, _SECONDS)
        return [_counts(parts[-1].get("clients")) for parts in found.values()]

    async def clients(exchange: Exchange) -> Mapping[str, object]:
        per, account = (exchange.fields.get(each) for each in ("per", "account"))
        if not isinstance(per, str) or not isinstance(account, str):
            raise Malformed("per and account: expected texts")
        return {"clients": dict(alerts.clientsOf(per, account))}

    alerts.elsewhere = elsewhere
    answers.add({"alerts.clients": clients})


def _counts(found: object) -> Mapping[str, int]:
    if not isinstance(found, dict):
        return {}
    return {key: each for key, each in found.items() if isinstance(each, int)}


__all__ = ["shareAlerts"]
