"""
HTML and SVG, made of elements: whatever is not made here is text, and is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Markup(str):
    """HTML that is as it should be."""

    __slots__ = ()


#: What can stand in an element: markup, text, several of these, or nothing.
Content = Markup | str | Iterable["Content"] | None

#: Elements that have no end.
_VOID = frozenset({"meta", "link", "br", "hr"})


def _flat(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return escape(content)
    return "".join(_flat(each) for each in content)


def tag(name: str, /, *content: Content, **attributes: str | float | None) -> Markup:
    """
    An element.

    @param name: which.
    @param content: what stands in it.
    @param attributes: C{class_} is C{class}, C{aria_label} is C{aria-label}; one
        that is L{None} is left out.
    """
    words = [name]
    for key, value in attributes.items():
        if value is not None:
            key = key.rstrip("_").replace("_", "-")
            words.append(f'{key}="{escape(_spelled(value))}"')
    start = f"<{' '.join(words)}>"
    if name in _VOID:
        return Markup(start)
    return Markup(f"{start}{_flat(content)}</{name}>")


def _spelled(value: str | float) -> str:
    # Two places are more than a screen shows of a drawing.
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def join(content: Content) -> Markup:
    """Several as one."""
    return Markup(_flat(content))
