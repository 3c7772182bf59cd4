"""
How a rule stands in the configuration (L{smtpx.policy.rules}).

A rule is read whole, and all that is wrong with it is told at once, each with its
line: a word that there is not, with the one that was probably meant, a condition at a
stage at which it is not known, a variable likewise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import cast

from attrs import evolve, field, frozen
from zope.interface import implementer

from ..core.errors import Malformed
from ..core.interfaces import IExtension
from ..extensions.standard import STANDARD
from ..policy.rules import AddHeader, BadRule, Code, OfExtension, Rule, RuleStage
from ..policy.rules.actions import (
    ACTIONS,
    Action,
    Defer,
    Discard,
    GoOn,
    Hold,
    Quarantine,
    Reject,
)
from ..policy.rules.faults import bad
from ..policy.rules.interfaces import ICondition
from ..policy.rules.kinds import KINDS, Takes
from ..policy.rules.lists import AddressList
from ..policy.rules.lookupvalue import LookupValue
from ..policy.rules.optin import Optin
from ..policy.rules.own import Set
from ..policy.rules.rated import RateTerms
from ..policy.rules.removing import RemoveHeader
from ..policy.rules.rule import Vocabulary, made
from .kinds import (
    FAULT,
    Fault,
    Flag,
    IKind,
    IReading,
    Number,
    Text,
    Wrong,
    durationInSeconds,
    sizeInOctets,
    spellValue,
)
from .lookupkind import LookupsKind, ValueKind
from .nested import ListOf, Optional, TableOf
from .problems import KeyPath, closest
from .schema import Table

#: What stands behind a condition's name.
_TAKES: Mapping[Takes, IKind] = {
    Takes.LIST: ListOf(Text()),
    Takes.FLAG: Flag(),
    Takes.OCTETS: sizeInOctets(),
    Takes.NUMBER: Number(whole=False, least=None),
    Takes.FIELDS: TableOf(ListOf(Text())),
    Takes.LOOKUPS: LookupsKind(),
    Takes.RATE: Table.of(
        RateTerms,
        seconds=durationInSeconds(False, 1),
        octets=Optional(sizeInOctets()),
    ),
}

#: What a rule can have besides conditions, with what that is for.
OPTIONS: Mapping[str, tuple[IKind, str]] = {
    "name": (
        Text(),
        "What the rule is called in logs.  If not given: the file and the line.",
    ),
    "action": (
        Text(),
        "What it decides.  If not given: ``continue``.",
    ),
    "message": (
        Text(),
        "What the client is told, where it is refused; of ``hold`` and"
        " ``quarantine``: why, for the operator.  It can have variables.",
    ),
    "only_recipients": (
        ListOf(Text()),
        "Of ``discard`` at ``data`` and ``message``: who does not get it, as a list of"
        " addresses; of the others, the rules below are asked.",
    ),
    "code": (
        Text(),
        "The codes of a refusal, such as ``550 5.7.1``.",
    ),
    "log_message": (
        Text(),
        "What the log says: of a refusal in place of the message, otherwise in a line"
        " of its own.  It can have variables.",
    ),
    "control": (
        ListOf(Text()),
        "What it switches on.",
    ),
    "add_header": (
        ListOf(Text()),
        "Fields that the message gets, such as ``X-Checked: yes``; they can have"
        " variables.  They stand below our ``Received`` field; with ``:at_start:`` in"
        " front above it, with ``:at_start_rfc:`` above the first field that is neither"
        " ``Received`` nor ``Resent-`` something, with ``:at_end:`` below all others.",
    ),
    "remove_header": (
        ListOf(Text()),
        "Fields that are taken out of the header that came: names such as ``X-Spam-*``,"
        " in which ``*`` stands for any characters, or with a pattern of the value"
        " behind it, such as ``X-Spam-Flag: yes*``.  Fields that others have put in,"
        " rules or checkers, stay.",
    ),
    "set": (
        TableOf(ValueKind()),
        'Variables that are set, such as ``{ acl_m_seen = "$spf_result" }``: names'
        " that begin with ``acl_c_`` are the connection's, with ``acl_m_`` the"
        " message's.  Their values can have variables, or be what a look-up"
        ' (``[[lookup]]``) gives: ``{ in = "relaydomains", key = "$domain" }``, with'
        " ``found``, the value where something is found (``$value`` if not given), and"
        " ``default``, that where nothing is; with ``fail = true`` the variable stays"
        " as it is then.",
    ),
    "priority": (
        Number(least=-9, most=9),
        "The priority that the message gets (RFC 6710).",
    ),
    "bmi_optin": (
        Text(),
        "The features that the scanner of ``[bmi]`` is to use for the recipient, with"
        " commas or colons between them.  It can have variables.",
    ),
}


@frozen
class RuleEntry:
    """
    A rule of the configuration.

    @ivar rule: the rule.
    @ivar given: as it stands there.
    """

    rule: Rule
    given: Mapping[str, object] = field(factory=dict)


@lru_cache(1)
def standardWords() -> Vocabulary:
    """The words of rules, with those of our own extensions."""
    return Vocabulary.ofAll(make() for make in STANDARD.values())


@implementer(IKind)
@frozen
class RuleKind:
    """
    A rule of one stage.

    @ivar stage: the stage.
    @ivar vocabulary: gives the words that there are, once they are wanted.
    """

    stage: RuleStage
    vocabulary: Callable[[], Vocabulary] = standardWords
    words: str = "a rule"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if isinstance(value, RuleEntry):
            return value
        if isinstance(value, Rule):
            return self._checked(value, {}, path, reading)
        if not isinstance(value, Mapping):
            raise Wrong(f"expected a table, got {spellValue(value)}")
        read = _Read(self, value, path, reading)
        conditions = (*read.conditions(), *read.settings())
        action = read.action()
        controls = read.texts("control")
        headers = tuple(read.headers())
        priority = read.option("priority")
        log, name = read.text("log_message"), read.text("name")
        rule = Rule(
            self.stage,
            conditions,
            action,
            controls,
            headers,
            cast("int | None", priority),
            log,
            name,
            tuple(read.removed()),
        )
        # What is wrong with the rest is told as well.
        checked = self._checked(rule, value, path, reading)
        if read.wrong:
            return FAULT
        sets = value.get(Set.name), value.get(Optin.name)
        does = controls, headers, log, rule.removeHeaders, *sets
        if action == GoOn() and priority is None and not any(does):
            return reading.refuse(path, "this rule does nothing: action is missing")
        return checked

    def _checked(
        self,
        rule: Rule,
        given: Mapping[str, object],
        path: KeyPath,
        reading: IReading,
    ) -> RuleEntry | Fault:
        try:
            made(rule, self.vocabulary())
        except BadRule as error:
            _refuse(error, path, reading)
            return FAULT
        return RuleEntry(rule, given)

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return _spell(value.given) if isinstance(value, RuleEntry) else str(value)


def _refuse(error: BadRule, path: KeyPath, reading: IReading) -> None:
    for each in error.faults:
        meant = closest(each.word, each.known) if each.word else None
        reading.refuse((*path, *each.place), each.text, meant)


class _Read:
    """
    One rule while it is read.

    @ivar wrong: was something not right?
    """

    def __init__(
        self,
        kind: RuleKind,
        given: Mapping[str, object],
        path: KeyPath,
        reading: IReading,
    ) -> None:
        self._words = kind.vocabulary()
        self._given = given
        self._path = path
        self._reading = reading
        self.wrong = False

    def _refuse(self, text: str, *place: str | int, meant: str | None = None) -> None:
        self._reading.refuse((*self._path, *place), text, meant)
        self.wrong = True

    def _take(self, kind: IKind, name: str) -> object:
        """What stands there; L{None}: nothing that is right."""
        found = self._reading.take(kind, self._given[name], (*self._path, name))
        self.wrong = self.wrong or found is FAULT
        return None if found is FAULT else found

    def conditions(self) -> Iterator[ICondition]:
        """The conditions; what is no option at all is told of."""
        known = [*KINDS, *self._words.conditions, *OPTIONS]
        for key in self._given:
            name = str(key)
            if name in OPTIONS:
                continue
            kind = KINDS.get(name)
            if kind is None and name not in self._words.conditions:
                text = "there is no such condition, nor option of a rule"
                self._refuse(text, name, meant=closest(name, known))
                continue
            takes = Takes.FLAG if kind is None else kind.takes
            value = self._take(_TAKES[takes], name)
            if value is None:
                continue
            if kind is None:
                yield OfExtension(name, value is True)
                continue
            try:
                yield kind.make(value)
            except BadRule as error:
                inside = BadRule(each.inside(name) for each in error.faults)
                _refuse(inside, self._path, self._reading)
                self.wrong = True

    def option(self, name: str) -> object:
        """The value of an option; L{None}: it is not given, or not right."""
        return self._take(OPTIONS[name][0], name) if name in self._given else None

    def text(self, name: str) -> str:
        """The value of an option that is a string; empty: it is not given."""
        return cast("str | None", self.option(name)) or ""

    def texts(self, name: str) -> tuple[str, ...]:
        """The value of an option that is a list."""
        return cast("tuple[str, ...] | None", self.option(name)) or ()

    def headers(self) -> Iterator[AddHeader]:
        """The fields to be added."""
        for index, each in enumerate(self.texts("add_header")):
            try:
                yield AddHeader.parse(each)
            except Malformed as error:
                self._refuse(str(error), "add_header", index)

    def removed(self) -> Iterator[RemoveHeader]:
        """The fields to be taken out."""
        for index, each in enumerate(self.texts("remove_header")):
            try:
                yield RemoveHeader.parse(each)
            except Malformed as error:
                self._refuse(str(error), "remove_header", index)

    def settings(self) -> Iterator[ICondition]:
        """The variables to be set."""
        given = cast("Mapping[str, str | LookupValue] | None", self.option(Set.name))
        if given:
            try:
                yield Set.make(given)
            except BadRule as error:
                inside = BadRule(each.inside(Set.name) for each in error.faults)
                _refuse(inside, self._path, self._reading)
                self.wrong = True
        optin = self.text(Optin.name)
        if optin:
            yield Optin.make(optin)

    def action(self) -> Action:
        """What it decides."""
        word = self.text("action") or GoOn.word
        found = ACTIONS.get(word)
        if found is None:
            text = f"expected one of {', '.join(ACTIONS)}"
            self._refuse(text, "action", meant=closest(word, ACTIONS))
            # So that the message is looked at all the same.
            return Reject(self.text("message"))
        action, message = found(), self.text("message")
        if isinstance(action, Reject | Defer | Hold | Quarantine):
            action = evolve(action, message=message)
        elif message:
            self._refuse(
                "it is for reject, defer, hold and quarantine; see log_message",
                "message",
            )
        if isinstance(action, Discard):
            action = evolve(action, only=self._only())
        elif "only_recipients" in self._given:
            self._refuse("it is for discard", "only_recipients")
        code = self.text("code")
        if isinstance(action, Reject | Defer):
            return evolve(action, code=self._code(code, isinstance(action, Reject)))
        if code:
            self._refuse("it is for reject and defer", "code")
        return action

    def _only(self) -> AddressList | None:
        """Of whom a message is discarded; L{None}: of all."""
        items = self.texts("only_recipients")
        try:
            found = AddressList.parse(items) if items else None
            if found is not None and any(found.lookups):
                raise bad("there can be no look-ups here")
            return found
        except BadRule as error:
            inside = BadRule(each.inside("only_recipients") for each in error.faults)
            _refuse(inside, self._path, self._reading)
            self.wrong = True
            return None

    def _code(self, text: str, permanent: bool) -> Code | None:
        try:
            return Code.parse(text, permanent) if text else None
        except ValueError as error:
            self._refuse(str(error), "code")
            return None


def _spell(value: object) -> str:
    """What stood in the file, as TOML on one line."""
    if isinstance(value, Mapping):
        inside = ", ".join(
            f"{json.dumps(str(key), ensure_ascii=False)} = {_spell(each)}"
            for key, each in value.items()
        )
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_spell, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def ruleKinds(found: Mapping[str, IExtension] | None = None) -> dict[str, IKind]:
    """
    Kinds for the options of the table C{[policy]} that have rules.

    @param found: the extensions that there are, by name; L{None}: our own.
    """
    words = standardWords
    if found is not None:
        words = lru_cache(1)(lambda: Vocabulary.ofAll(found.values()))
    return {each.value: ListOf(RuleKind(each, words)) for each in RuleStage}


__all__ = ["OPTIONS", "RuleEntry", "RuleKind", "ruleKinds", "standardWords"]
