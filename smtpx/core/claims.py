"""
Who owns what: claims of extensions, and the owner of each hook.

Two claims to one thing, and a requirement that is not there, are a
L{smtpx.core.errors.Conflict} with both names.  A hook is wrapped so that an
exception out of it can name its owner (L{smtpx.core.errors.HookTrouble}).
L{Register} is what the profiles of server, client and queue have in common.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Callable, TypeVar, cast

from attrs import define, field

from .envelope import Bearer, Stamp
from .errors import Conflict, HookTrouble
from .hooks import Phase, Stage, Where
from .interfaces import IExtension
from .occasion import occasionOf

F = TypeVar("F", bound=Callable[..., Any])
N = TypeVar("N")
R = TypeVar("R")

#: The owner of what no extension brought.
CORE = "core"


def owned(owner: str, hook: F, of: Iterable[Stamp[Any]] = ()) -> F:
    """
    C{hook}, wrapped so that its exceptions name its owner.  Of a hook that is a
    generator this holds for making it; whoever runs it asks L{ownerOf}, or runs
    it inside of L{attributed}.

    @param of: the stamps without which it has nothing to say (L{apt}); empty: it
        may have, whatever there is.
    """

    def call(*arguments: Any) -> Any:
        try:
            return hook(*arguments)
        except HookTrouble:
            raise
        except Exception as error:
            raise HookTrouble(owner) from error

    call.owner = owner  # type: ignore[attr-defined]  # read by ownerOf
    call.of = frozenset(of)  # type: ignore[attr-defined]  # read by apt
    call.occasion = occasionOf(hook)  # type: ignore[attr-defined]  # likewise
    return cast(F, call)


def ownerOf(hook: Callable[..., Any]) -> str:
    """Whose hook is it?  L{CORE}, if it was never wrapped."""
    owner: str = getattr(hook, "owner", CORE)
    return owner


def apt(hooks: tuple[F, ...], *bearers: Bearer) -> Sequence[F]:
    """
    Those of C{hooks} that may have something to say of an envelope, or of a recipient
    too.  Mostly it is none, and to find that out is cheaper than to ask each.
    """
    always, stamps = occasions(hooks)
    for bearer in bearers:
        if not stamps.isdisjoint(bearer.borne()):
            break
    else:
        return cast(Sequence[F], always)
    there: list[Stamp[Any]] = []
    for bearer in bearers:
        there += bearer.borne()
    found: list[F] = []
    for hook in hooks:
        of = getattr(hook, "of", None)
        if not of or not of.isdisjoint(there):
            found.append(hook)
    return found


@lru_cache(maxsize=64)
def occasions(
    hooks: tuple[Callable[..., Any], ...],
) -> tuple[tuple[Callable[..., Any], ...], frozenset[Stamp[Any]]]:
    """
    Those of C{hooks} that may have something to say at any time, and the stamps
    without which the others have not.  It is found out once, as the same hooks are
    asked for each message.
    """
    always: list[Callable[..., Any]] = []
    stamps: set[Stamp[Any]] = set()
    for hook in hooks:
        of = getattr(hook, "of", None)
        if of:
            stamps |= of
        else:
            always.append(hook)
    return tuple(always), frozenset(stamps)


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

    def claimParameter(
        self, where: Where, keyword: bytes, value: bytes | None, owner: str
    ) -> None:
        """
        @param value: the one value that is claimed; L{None}: all that there are.
        @raise Conflict: somebody has it already, or a part of it.
        """
        self.claim("parameter", (where, keyword, value), owner)
        for what, key, other in self:
            if what == "parameter" and other != owner and isinstance(key, tuple):
                if key[:2] == (where, keyword) and (value is None or key[2] is None):
                    whole = spell((where, keyword, None))
                    raise Conflict(f"{other} and {owner} both claim parameter {whole}")

    def __iter__(self) -> Iterator[tuple[str, object, str]]:
        for (what, key), owner in self._owners.items():
            yield what, key, owner


@define(eq=False)
class Register:
    """
    Where extensions register their hooks, one extension after the other.

    @ivar hooks: see L{explain}.
    """

    hooks: list[tuple[str, str, str]] = field(factory=list, init=False)
    _owner: str = field(default=CORE, init=False)
    _claims: Claims = field(factory=Claims, init=False)

    def _turns(self, extensions: Iterable[IExtension]) -> Iterator[IExtension]:
        """
        Each of C{extensions}; what is registered meanwhile is its own.

        @raise Conflict: see L{checkRequirements}.
        """
        loaded = list(extensions)
        checkRequirements(loaded)
        for extension in loaded:
            self._owner = extension.name
            yield extension
        self._owner = CORE

    def _note(self, hook: str, detail: object = "") -> str:
        """Note a hook of the extension whose turn it is; gives its name."""
        self.hooks.append((self._owner, hook, spell(detail)))
        return self._owner

    def _claim(self, what: str, key: object) -> str:
        """Note a hook that nobody else may have; gives the owner's name."""
        owner = self._note(what, key)
        self._claims.claim(what, key, owner)
        return owner

    def _claimParameter(self, key: tuple[Where, bytes, bytes | None]) -> str:
        """Note a parameter; gives the owner's name."""
        owner = self._note("parameter", key)
        self._claims.claimParameter(*key, owner)
        return owner

    def explain(self) -> list[tuple[str, str, str]]:
        """
        All hooks in the order they were registered, which is the one they run
        in: owner, hook, what of it.
        """
        return list(self.hooks)


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
