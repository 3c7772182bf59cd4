"""
Templates of the configuration: text with blanks, C{/var/mail/{domain}/{user}}, that
are filled in for each recipient.

What a blank stands for is its transport's; here is only what a template looks like.
"""

from __future__ import annotations

from collections.abc import Collection
from string import Formatter

from attrs import frozen

from ..core.errors import UsageError


@frozen
class Blank:
    """
    What is to be filled in.

    @ivar name: without its braces.
    """

    name: str


def parseTemplate(template: str, known: Collection[str]) -> tuple[str | Blank, ...]:
    """
    Take a template apart.

    @param template: C{{{} and C{}}} in it, written twice, are braces.
    @param known: the blanks that there are.
    @return: text, of which none is empty, and blanks.
    @raise UsageError: there is another blank in it, or an open brace.
    """
    try:
        found = list(Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f'"{template}": {error}') from None
    parts: list[str | Blank] = []
    for text, name, specification, conversion in found:
        if text:
            parts.append(text)
        if name is None:
            continue
        if name not in known or specification or conversion:
            words = ", ".join(f"{{{each}}}" for each in known)
            raise UsageError(f'"{template}": "{{{name}}}" is none of {words}')
        parts.append(Blank(name))
    return tuple(parts)


__all__ = ["Blank", "parseTemplate"]
