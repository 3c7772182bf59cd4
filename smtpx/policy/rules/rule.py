"""
Rules as values: when, on what conditions, and what then.

From Python::

    Rule(
        RuleStage.RCPT,
        conditions=[Spf.make(["fail"]), Domains.make(["example.org"])],
        action=Reject("$sender_host_address may not send for $sender_address_domain"),
    )

A rule is checked as a whole when it is made ready (L{made}), against the words that
there are (L{Vocabulary}), those of extensions among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import field, frozen

from ...core.interfaces import IExtension, IServerExtension
from ...core.profile import ServerProfile
from ...extensions.mtpriority import MTPriority
from ..edits import FieldPlace
from .actions import (
    Action,
    Code,
    Defer,
    Discard,
    GoOn,
    Hold,
    Quarantine,
    Reject,
    usualCode,
)
from .conditions import OfExtension
from .effects import CONTROLS, AddHeader, Control, ofExtension
from .faults import BadRule, Fault, Place
from .findings import LOOKED_AT, OPINED, unfound
from .interfaces import ICondition, ILooksUp, IWorded, Means, Test
from .judged import SpfGuess
from .kinds import KINDS
from .opined import CheckerState, heardFor
from .optin import Optin
from .own import Said, Set, unset
from .removing import RemoveHeader
from .stages import RuleStage, spelled
from .subject import Need
from .texts import Text, readText
from .variables import VARIABLES, Variable, ofExtensions
from .worded import ReadyCondition, needed


# A converter of many types is none for mypy, so each type has its own.
def _conditions(given: Iterable[ICondition]) -> tuple[ICondition, ...]:
    return tuple(given)


def _names(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(given)


def _fields(given: Iterable[AddHeader]) -> tuple[AddHeader, ...]:
    return tuple(given)


def _removed(given: Iterable[RemoveHeader]) -> tuple[RemoveHeader, ...]:
    return tuple(given)


@frozen
class Rule:
    """
    One rule.

    @ivar stage: when it is asked.
    @ivar conditions: all of them have to hold; without any it holds always.
    @ivar action: what it decides.
    @ivar controls: what it switches on, by name.
    @ivar addHeaders: fields that the message gets.
    @ivar removeHeaders: fields that are taken out of its header.
    @ivar priority: the priority that the message gets (RFC 6710), -9 to 9; L{None}:
        its own.
    @ivar logMessage: what the log says, with variables; empty: of a refusal what the
        client is told, otherwise nothing.
    @ivar name: what it is called in logs; the configuration's file and line, where
        nobody has given it a name.
    """

    stage: RuleStage
    conditions: tuple[ICondition, ...] = field(default=(), converter=_conditions)
    action: Action = GoOn()
    controls: tuple[str, ...] = field(default=(), converter=_names)
    addHeaders: tuple[AddHeader, ...] = field(default=(), converter=_fields)
    priority: int | None = None
    logMessage: str = ""
    name: str = ""
    removeHeaders: tuple[RemoveHeader, ...] = field(default=(), converter=_removed)

    @property
    def said(self) -> Said:
        """Its texts, and the variables that it sets."""
        action = self.action
        sets: frozenset[str] = frozenset()
        sources: list[tuple[Place, str]] = [(("log_message",), self.logMessage)]
        if isinstance(action, Reject | Defer | Hold | Quarantine):
            sources.append((("message",), action.message))
        for index, each in enumerate(self.addHeaders):
            sources.append((("add_header", index), each.line))
        for one in self.conditions:
            if IWorded.providedBy(one):
                sources += [((one.name, *at), text) for at, text in one.sources]
            if isinstance(one, Set):
                sets |= one.values.keys()
        return Said(self.stage, sources, sets)


@frozen
class Vocabulary:
    """
    The words that there are.

    @ivar conditions: those that extensions bring: they say yes or no.
    @ivar variables: all, by name.
    @ivar controls: all, by name.
    @ivar priorities: can a message be given a priority?
    @ivar methods: what is looked at (L{smtpx.policy.rules.findings.LOOKED_AT}).
    @ivar lookups: the names of look-ups; L{None}: they are not known yet.
    @ivar checkers: those of checkers; likewise.
    """

    conditions: frozenset[str] = frozenset()
    variables: Mapping[str, Variable] = VARIABLES
    controls: Mapping[str, Control] = CONTROLS
    priorities: bool = False
    methods: frozenset[str] = LOOKED_AT
    lookups: frozenset[str] | None = None
    checkers: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        extensions: Iterable[IExtension],
        methods: frozenset[str],
    ) -> Vocabulary:
        """
        The words of a server.

        @param extensions: those that run.
        @param methods: what is looked at.
        @raise smtpx.core.errors.Conflict: they do not go together.
        """
        loaded = list(extensions)
        profile = ServerProfile().load(loaded)
        return cls._with(
            profile.conditions,
            profile.variables,
            profile.controls,
            any(each.name == MTPriority.name for each in loaded),
            methods,
        )

    @classmethod
    def _with(
        cls,
        conditions: Iterable[str],
        variables: Iterable[str],
        controls: Iterable[str],
        priorities: bool,
        methods: frozenset[str] = LOOKED_AT,
    ) -> Vocabulary:
        # What rules have by themselves knows its stages.
        return cls(
            frozenset(each for each in conditions if each not in KINDS),
            {**ofExtensions(variables), **VARIABLES},
            {**{name: ofExtension(name) for name in controls}, **CONTROLS},
            priorities,
            methods,
        )

    @classmethod
    def ofAll(cls, extensions: Iterable[IExtension]) -> Vocabulary:
        """The words of extensions, whether they go together or not."""
        profile = ServerProfile()
        names: set[str] = set()
        for extension in extensions:
            names.add(extension.name)
            alone = ServerProfile()
            if IServerExtension.providedBy(extension):
                extension.extendServer(alone)
            profile.conditions |= alone.conditions
            profile.variables |= alone.variables
            profile.controls |= alone.controls
        return cls._with(
            profile.conditions,
            profile.variables,
            profile.controls,
            MTPriority.name in names,
        )


@frozen
class ReadyRule:
    """
    A rule that was found good, ready to be asked.

    @ivar rule: as it was given.
    @ivar tests: its conditions; those that have to wait come behind the others, and
        those that count last.
    @ivar conditions: the same, as they can be explained.
    @ivar controls: what it switches on.
    @ivar headers: fields to be added, with their places.
    @ivar message: what the client is told, or the operator of what is on hold.
    @ivar log: what the log says.
    @ivar needs: what has to be found out for its texts.
    @ivar code: what its refusal is marked with; L{None}: it refuses nothing.
    @ivar guesses: is what it tells of SPF the best guess?
    @ivar waits: may it have to wait, or does it count?
    """

    rule: Rule
    tests: tuple[Test, ...]
    conditions: tuple[ICondition, ...]
    controls: tuple[Control, ...]
    headers: tuple[tuple[FieldPlace, Text], ...]
    message: Text
    log: Text
    needs: tuple[Need, ...]
    code: Code | None
    guesses: bool
    waits: bool


#: Behind all others.
_LAST = 99

#: Nothing is lent.
NONE = Means()


class _Reader:
    """Reads the parts of one rule, and notes what is wrong with each."""

    def __init__(self, rule: Rule, vocabulary: Vocabulary) -> None:
        self.rule = rule
        self.words = vocabulary
        self.faults: list[Fault] = []
        #: What the texts so far tell of.
        self.told: set[str] = set()

    def text(self, source: str, *place: str | int) -> Text:
        """A text; an empty one, where it is wrong."""
        found = readText(source, self.rule.stage, self.words.variables)
        if isinstance(found, Text):
            self.told |= found.methods
            for method in sorted(found.methods):
                self.looked(method, *place)
            return found
        self.faults += [each.inside(*place) for each in found]
        return Text(())

    def stages(self, what: frozenset[RuleStage], verb: str, *place: str | int) -> None:
        """Note it where something is not for the rule's stage."""
        if self.rule.stage not in what:
            stage = self.rule.stage.value
            text = f"{verb} {spelled(what)}, and this is a rule of {stage}"
            self.faults.append(Fault(place, text))

    def looked(self, method: str, *place: str | int) -> None:
        """Note it where something is wanted that nobody looks at."""
        if method and method not in self.words.methods:
            self.faults.append(Fault(place, unfound(method)))

    def checkers(self, condition: CheckerState) -> None:
        """Note which checkers are named that there are not."""
        known = self.words.checkers
        if known is None:
            return
        for name in condition.states:
            if name not in known:
                place = (condition.name, name)
                text = f"there is no checker {name}"
                self.faults.append(Fault(place, text, name, tuple(sorted(known))))

    def lookup(self, name: str, *place: str | int) -> None:
        """Note it where a look-up is wanted that there is not."""
        known = self.words.lookups
        if known is not None and name not in known:
            text = f"there is no look-up {name}"
            self.faults.append(Fault(place, text, name, tuple(sorted(known))))

    def controls(self) -> Iterator[Control]:
        """What the rule switches on."""
        known = self.words.controls
        for index, name in enumerate(self.rule.controls):
            found = known.get(name)
            if found is None:
                place = ("control", index)
                text = f"there is no control {name}"
                self.faults.append(Fault(place, text, name, tuple(known)))
            else:
                self.stages(found.stages, "it can be switched on", "control", index)
                self.looked(found.method, "control", index)
                yield found

    def headers(self) -> Iterator[tuple[FieldPlace, Text]]:
        """What it adds."""
        stages = RuleStage.MAIL.onwards
        for index, each in enumerate(self.rule.addHeaders):
            self.stages(stages, "a field can be added", "add_header", index)
            yield each.place, self.text(each.line, "add_header", index)

    def rest(self) -> None:
        """What stands by itself."""
        rule = self.rule
        if rule.removeHeaders:
            stages = RuleStage.MAIL.onwards
            self.stages(stages, "a field can be taken out", "remove_header")
        self.stages(rule.action.stages, "this can be done", "action")
        for each in rule.conditions:
            if isinstance(each, OfExtension) and each.name not in self.words.conditions:
                text = "no extension that runs has this condition"
                self.faults.append(Fault((each.name,), text))
            self.stages(each.stages, "it is known", each.name)
            kind = KINDS.get(each.name)
            self.looked("" if kind is None else kind.method, each.name)
            if ILooksUp.providedBy(each):
                for place, name in each.lookups:
                    self.lookup(name, each.name, *place)
            if isinstance(each, CheckerState):
                self.checkers(each)
            if isinstance(each, Optin):
                self.looked("bmi", each.name)
        if isinstance(rule.action, Discard) and rule.action.only is not None:
            known = RuleStage.DATA.onwards
            self.stages(known, "all recipients are known", "only_recipients")
        if rule.priority is not None:
            self.stages(
                RuleStage.MAIL.onwards, "a message can be given one", "priority"
            )
            if not -9 <= rule.priority <= 9:
                self.faults.append(Fault(("priority",), "expected -9 to 9"))
            if not self.words.priorities:
                text = f"priorities want the extension {MTPriority.name}"
                self.faults.append(Fault(("priority",), text))


def made(rule: Rule, vocabulary: Vocabulary, means: Means = NONE) -> ReadyRule:
    """
    Make a rule ready to be asked.

    @param means: what the server lends to conditions.
    @raise BadRule: with all that is wrong with it.
    """
    reader = _Reader(rule, vocabulary)
    reader.rest()
    controls, headers = tuple(reader.controls()), tuple(reader.headers())
    conditions = [
        ReadyCondition.of(each, lambda source, place: reader.text(source, *place))
        for each in rule.conditions
    ]
    action = rule.action
    told = (
        action.message if isinstance(action, Reject | Defer | Hold | Quarantine) else ""
    )
    message = reader.text(told, "message")
    log = reader.text(rule.logMessage, "log_message")
    if reader.faults:
        raise BadRule(reader.faults, rule.name)
    asked = sorted(conditions, key=_turn)
    asked += map(ReadyCondition, heardFor(reader.told, OPINED))
    guesses = any(isinstance(each.condition, SpfGuess) for each in asked)
    needs = {need for text in _texts(message, log, headers) for need in text.needs}
    return ReadyRule(
        rule,
        tuple(each.test(means, guesses) for each in asked),
        tuple(each.condition for each in asked),
        controls,
        headers,
        message,
        log,
        needed(needs, guesses),
        _code(rule),
        guesses,
        bool(needs) or any(_mayWait(each) for each in asked),
    )


def _mayWait(ready: ReadyCondition) -> bool:
    """
    May a condition have to wait, or count?  Of one that is not ours nobody knows.
    """
    if isinstance(ready.condition, Set):
        return bool(ready.needs) or any(ready.condition.lookups)
    if isinstance(ready.condition, OfExtension):
        return bool(ready.needs)
    return ready.condition.name not in KINDS or _turn(ready) > 0


def _turn(ready: ReadyCondition) -> int:
    """How late in its rule a condition is asked; what sets something is the last."""
    if isinstance(ready.condition, Optin):
        # It may tell what the rule itself has set.
        return _LAST + 1
    if isinstance(ready.condition, Set):
        return _LAST
    kind = KINDS.get(ready.condition.name)
    looks = ILooksUp.providedBy(ready.condition) and any(ready.condition.lookups)
    return max(int(bool(ready.needs) or looks), 0 if kind is None else kind.turn)


def _texts(
    message: Text, log: Text, headers: Iterable[tuple[FieldPlace, Text]]
) -> Iterator[Text]:
    yield from (message, log, *(text for _, text in headers))


def _code(rule: Rule) -> Code | None:
    """What a refusal by a rule is marked with."""
    action = rule.action
    if not isinstance(action, Reject | Defer):
        return None
    # The condition that is asked last is what it hung by.
    kinds = [KINDS[each.name] for each in rule.conditions if each.name in KINDS]
    kinds = sorted(kinds, key=lambda kind: -kind.turn)
    status = next((kind.status for kind in kinds if kind.status is not None), None)
    usual = usualCode(isinstance(action, Reject), rule.stage, status)
    if action.code is None:
        return usual
    if action.code.status is None and rule.stage is not RuleStage.CONNECT:
        return Code(action.code.code, usual.status)
    return action.code


def checked(rules: Iterable[Rule], vocabulary: Vocabulary) -> list[Fault]:
    """What is wrong with rules, each with its place among them in front."""
    faults: list[Fault] = []
    for index, rule in enumerate(rules):
        try:
            made(rule, vocabulary)
        except BadRule as error:
            faults += [each.inside(index) for each in error.faults]
    return faults


def checkedTogether(rules: Iterable[Rule]) -> list[Fault]:
    """
    What is wrong with rules of all stages that are each good, each with its place among
    them in front: that one asks for what none has set.
    """
    said = [each.said for each in rules]
    return [fault.inside(index) for index, fault in unset(said)]


__all__ = ["ReadyRule", "Rule", "Vocabulary", "checked", "checkedTogether", "made"]
