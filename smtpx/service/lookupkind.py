"""
How look-ups stand in a rule (L{smtpx.policy.rules.lookedup})::

    lookup = { in = "relaydomains", key = "$domain", value = ["yes"] }

or a list of such tables; and as values of variables::

    set.acl_m_relay = { in = "relaydomains", key = "$domain", default = "none" }
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import Attribute, field, frozen
from zope.interface import implementer

from ..policy.rules import LookupValue, Query
from .kinds import FAULT, IKind, IReading, Wrong, spellValue
from .problems import KeyPath
from .schema import Table


def _either(asked: _Asked, attribute: Attribute[str | None], value: str | None) -> None:
    if (value is None) is (asked.lookup is None):
        raise ValueError('expected one of "in" and "not_in", the name of a look-up')


def _nothing(
    asked: _Asked,
    attribute: Attribute[tuple[str, ...] | None],
    value: tuple[str, ...] | None,
) -> None:
    if value is not None and asked.other is not None:
        raise ValueError('where nothing is to be found there is no value; see "!"')


@frozen
class _Asked:
    """One look-up, as it stands in a rule."""

    key: str
    lookup: str | None = field(default=None, metadata={"option": "in"})
    other: str | None = field(
        default=None, metadata={"option": "not_in"}, validator=_either
    )
    value: tuple[str, ...] | None = field(default=None, validator=_nothing)

    @property
    def query(self) -> Query:
        """The same for a rule."""
        if self.other is not None:
            return Query.make(self.other, self.key, found=False)
        return Query.make(self.lookup or "", self.key, self.value)


_TABLE = Table.of(_Asked)


@implementer(IKind)
@frozen
class LookupsKind:
    """Look-ups that a rule asks: a table, or a list of tables."""

    words: str = 'a look-up such as { in = "some", key = "$domain" }, or a list of such'

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if isinstance(value, Mapping):
            found = [reading.take(_TABLE, value, path)]
        elif isinstance(value, list | tuple) and value:
            found = [
                reading.take(_TABLE, each, (*path, at)) for at, each in enumerate(value)
            ]
        else:
            raise Wrong(f"expected {self.words}, got {spellValue(value)}")
        asked = [each for each in found if isinstance(each, _Asked)]
        if len(asked) != len(found):
            return FAULT
        return [each.query for each in asked]

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return spellValue(value)


def _branches(
    given: _Value, attribute: Attribute[str | None], value: str | None
) -> None:
    if value is not None and given.fail:
        raise ValueError("with fail the variable stays as it is: there is no default")


@frozen
class _Value:
    """A value that a look-up gives, as it stands in a rule."""

    lookup: str = field(metadata={"option": "in"})
    key: str
    found: str = "$value"
    default: str | None = field(default=None, validator=_branches)
    fail: bool = False

    @property
    def value(self) -> LookupValue:
        """The same for a rule."""
        default = None if self.fail else self.default or ""
        return LookupValue(self.lookup, self.key, self.found, default)


_VALUE = Table.of(_Value)


@implementer(IKind)
@frozen
class ValueKind:
    """The value of a variable that a rule sets: a text, or what a look-up gives."""

    words: str = 'a text, or a look-up such as { in = "some", key = "$domain" }'

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if isinstance(value, str):
            return value
        if not isinstance(value, Mapping):
            raise Wrong(f"expected {self.words}, got {spellValue(value)}")
        found = reading.take(_VALUE, value, path)
        return found.value if isinstance(found, _Value) else FAULT

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return spellValue(value)


__all__ = ["LookupsKind", "ValueKind"]
