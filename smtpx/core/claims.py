"""
Who owns what: claims of extensions, and the owner of each hook.

Two claims to one thing, and a requirement that is not there, are a
L{smtpx.core.errors.Conflict} with both names.  A hook is wrapped so that an
exception out of it can name its owner (L{smtpx.core.errors.HookTrouble}).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any, Callable, TypeVar, cast

from .errors import Conflict, HookTrouble
from .hooks import Phase, Stage, Where
from .interfaces import IExtension

F = TypeVar("F", bound=Callable[..., Any])
N = TypeVar("N")
R = TypeVar("R")

#: The owner of what no extension brought.
CORE = "core"


def owned(owner: str, hook: F) -> F:
    """
    C{hook}, wrapped so that its exceptions name its owner.  Of a hook that is a
    generator this holds for making it; whoever runs it asks L{ownerOf}, or runs
    it inside of L{attributed}.
    """

    def call(*arguments: Any) -> Any:
        try:
            return hook(*arguments)
        except HookTrouble:
            raise
        except Exception as error:
            raise HookTrouble(owner) from error

    call.owner = owner  # type: ignore[attr-defined]  # read by ownerOf
    return cast(F, call)


def ownerOf(hook: Callable[..., Any]) -> str:
    """Whose hook is it?  L{CORE}, if it was never wrapped."""
    return cast(str, getattr(hook, "owner", CORE))


def attributed(owner: str, dialogue: Generator[N, Any, R]) -> Generator[N, Any, R]:
    """
    C{dialogue}, wrapped so that its exceptions name its owner.

    @raise HookTrouble: one came out of it; it is the C{__cause__}.
    """
    try:
        return (yield from dialogue)
    except HookTrouble:
        raise
    except Exception as error:
        raise HookTrouble(owner) from error


def checkRequirements(extensions: Sequence[IExtension]) -> None:
    """
    Are all there that others require, and each once?

    @raise Conflict: with both names.
    """
    names: set[str] = set()
    for extension in extensions:
        if extension.name in names:
            raise Conflict(f"{extension.name} is loaded twice")
        names.add(extension.name)
    for extension in extensions:
        missing = [name for name in extension.requires if name not in names]
        if missing:
            raise Conflict(f"{extension.name} requires {', '.join(missing)}")


class Claims:
    """Who owns what, of one kind of thing."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, object], str] = {}

    def claim(self, what: str, key: object, owner: str) -> None:
        """
        @raise Conflict: somebody has it already.
        """
        other = self._owners.setdefault((what, key), owner)
        if other != owner:
            raise Conflict(f"{other} and {owner} both claim {what} {spell(key)}")

    def __iter__(self) -> Iterator[tuple[str, object, str]]:
        for (what, key), owner in self._owners.items():
            yield what, key, owner


def spell(key: object) -> str:
    """A claimed thing in words, for an error or C{--explain}."""
    if isinstance(key, bytes):
        return key.decode("latin-1")
    if isinstance(key, Stage | Phase | Where):
        return key.name
    if isinstance(key, tuple):
        where, keyword, value = key
        text = f"{where.name} {keyword.decode('latin-1')}"
        return text if value is None else f"{text}={value.decode('latin-1')}"
    return str(key)
