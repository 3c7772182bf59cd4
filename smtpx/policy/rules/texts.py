"""
Texts with variables in them: what a client is told, what the log says, what stands in
a header field.

C{$name} and C{${name}} stand for a variable, C{$$} for a dollar.  Values of variables
are often what a client has said, so they are cut short, and characters that are no
printing ones become C{?}: no variable ever begins a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from attrs import frozen

from .faults import Fault
from .ownvalues import ownVariable
from .stages import RuleStage, spelled
from .subject import Need, Subject
from .variables import Variable

_PART = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\}|(.?))", re.DOTALL)
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FOLD = re.compile(r"\r\n(?=[ \t])")

#: The most characters of a variable's value.
VALUE_MOST = 512


@frozen
class Text:
    """
    A text, ready to be made.

    @ivar parts: plain text and variables.
    """

    parts: tuple[str | Variable, ...]

    @property
    def needs(self) -> frozenset[Need]:
        """What has to be found out for it."""
        named = (each for each in self.parts if isinstance(each, Variable))
        return frozenset(each.need for each in named if each.need is not None)

    @property
    def methods(self) -> frozenset[str]:
        """What has to be looked at for it."""
        named = (each for each in self.parts if isinstance(each, Variable))
        return frozenset(each.method for each in named if each.method)

    @property
    def stages(self) -> frozenset[RuleStage]:
        """When all of it is known."""
        named = (each for each in self.parts if isinstance(each, Variable))
        known = (each.stages for each in named)
        return RuleStage.CONNECT.onwards.intersection(*known)

    def render(self, subject: Subject) -> str:
        """The text for a session; what it needs has been found out."""
        parts = self.parts
        if len(parts) == 1 and isinstance(parts[0], str):
            return parts[0]
        return "".join(
            [part if isinstance(part, str) else _value(part, subject) for part in parts]
        )

    def octets(self, subject: Subject) -> bytes:
        """
        The same to look something up by: nothing is cut short, and no character of a
        variable becomes another, so that nobody is taken for somebody else.
        """
        return self.asOctets()(subject)

    def asOctets(self) -> Callable[[Subject], bytes]:
        """What gives C{octets}, for who asks again and again."""
        readers = [part.read for part in self.parts if not isinstance(part, str)]
        # The octets of what is the same for all, with a place for each of the others.
        form = b"".join(
            _octets(part).replace(b"%", b"%%") if isinstance(part, str) else b"%b"
            for part in self.parts
        )
        if len(readers) != 1:
            return lambda subject: (
                form % tuple([_octets(read(subject)) for read in readers])
            )
        (read,) = readers
        if form == b"%b":
            return lambda subject: _octets(read(subject))
        return lambda subject: form % _octets(read(subject))


def _octets(value: object) -> bytes:
    if type(value) is bytes:
        return value
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"yes" if value else b"no"
    return str(value).encode("utf-8", "surrogateescape")


def _value(variable: Variable, subject: Subject) -> str:
    value = variable.read(subject)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = str(value)
    # Nearly all are; there is nothing to be taken out of them then.
    plain = text.isprintable()
    if not plain:
        text = _FOLD.sub("", text)
    if len(text) > VALUE_MOST:
        text = text[: VALUE_MOST - 3] + "..."
    return text if plain else _UNFIT.sub("?", text)


def readText(
    source: str, stage: RuleStage, variables: Mapping[str, Variable]
) -> Text | list[Fault]:
    """
    Read a text.

    @param stage: when it is made.
    @param variables: all that there are, by name.
    @return: the text, or all that is wrong with it.
    """
    faults: list[Fault] = []
    parts: list[str | Variable] = []
    for part in _parts(source):
        if isinstance(part, str):
            parts.append(part)
            continue
        found = variables.get(part.name) or ownVariable(part.name)
        if not part.name:
            faults.append(
                Fault((), 'a "$" wants the name of a variable; "$$" is a dollar')
            )
        elif found is None:
            known = tuple(variables)
            faults.append(
                Fault((), f"there is no variable ${part.name}", part.name, known)
            )
        elif stage not in found.stages:
            when = spelled(found.stages)
            text = f"${part.name} is known {when}, and this is a rule of {stage.value}"
            faults.append(Fault((), text))
        else:
            parts.append(found)
    if faults:
        return faults
    return Text(tuple(parts))


def namesIn(source: str) -> Iterator[str]:
    """The names of the variables in a text."""
    for part in _parts(source):
        if isinstance(part, _Named):
            yield part.name


@frozen
class _Named:
    """A variable by its name; empty: there is none behind the dollar."""

    name: str


def _parts(text: str) -> Iterator[str | _Named]:
    """The parts of a text, the variables by their names."""
    at = 0
    for found in _PART.finditer(text):
        if found.start() > at:
            yield text[at : found.start()]
        at = found.end()
        dollar, plain, braced, _ = found.groups()
        yield "$" if dollar else _Named(plain or braced or "")
    if at < len(text):
        yield text[at:]


__all__ = ["VALUE_MOST", "Text", "namesIn", "readText"]
