"""
Named transactions at the other workers of a server: what one asks the others for, and
what it answers.

What is lost on the way does no harm: who is not answered waits for a while and is then
told to come again; a name that is not forgotten is told of once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ..core.errors import SMTPXError
from .control.exchange import Exchange, Refused, Verb
from .control.wire import Kind
from .transactions import Transactions
from .workers.interfaces import Fields, IOthers
from .yielding import Held, IElsewhere

#: What is asked.
YIELD, FORGET = "names.yield", "names.forget"

#: How long the others have for an answer, in seconds.
_SECONDS = 2.0

#: So many questions are under way at most; who is not let in looks again later.
_MOST = 50


@implementer(IElsewhere)
class Elsewhere:
    """
    The transactions of the other workers.
    """

    def __init__(self, others: IOthers) -> None:
        self._others = others
        self._asking = 0

    def yields(self, key: bytes) -> Deferred[Held]:
        """See L{IElsewhere}."""
        if self._asking >= _MOST:
            return succeed(Held.BUSY)
        self._asking += 1
        asked = self._others.ask(YIELD, {"key": key.hex()}, _SECONDS)
        return asked.addCallback(self._told)

    def _told(self, answers: Mapping[int, Sequence[Fields]]) -> Held:
        self._asking -= 1
        said = [parts[-1].get("held") for parts in answers.values() if parts]
        # One of them has it at most; perhaps one that did not answer.
        held = [each for each in Held if each is not Held.FREE and each.value in said]
        return held[0] if held else Held.FREE

    def forget(self, key: bytes, client: bytes) -> Deferred[None]:
        """See L{IElsewhere}."""
        fields = {"key": key.hex(), "client": client.hex()}
        asked = self._others.ask(FORGET, fields, _SECONDS)
        return asked.addCallback(lambda _: None)


def answersOf(transactions: Transactions) -> Mapping[str, Verb]:
    """What a worker answers to the others."""

    async def yields(exchange: Exchange) -> Fields:
        return {"held": transactions.yields(_octets(exchange, "key")).value}

    async def forgets(exchange: Exchange) -> Fields:
        names = transactions.names
        if names is not None:
            key, client = _octets(exchange, "key"), _octets(exchange, "client")
            try:
                await names.forget(key, client)
            except SMTPXError as error:
                raise Refused(Kind.FAILED, str(error)) from error
        return {}

    return {YIELD: yields, FORGET: forgets}


def _octets(exchange: Exchange, field: str) -> bytes:
    """
    Octets in hexadecimal digits.

    @raise Refused: there are none.
    """
    try:
        return bytes.fromhex(str(exchange.fields[field]))
    except (KeyError, ValueError):
        raise Refused(Kind.REQUEST, f"{field} is not in hexadecimal digits") from None


__all__ = ["FORGET", "YIELD", "Elsewhere", "answersOf"]
