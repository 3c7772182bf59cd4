"""
The parameters of MAIL and RCPT, as a client writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from typing import Any, NamedTuple

from .claims import owned, ownerOf
from .envelope import Bearer, Stamp
from .hooks import Parameter
from .interfaces import IClientSession
from .rawparameters import RAW, rawOf

#: The stamps of which a message has to have one; empty: none.
Stamped = frozenset[Stamp[Any]]

#: What no value of a parameter may have in it (RFC 5321 section 4.1.2,
#: esmtp-value), but for "=", which some senders have put there since RFC 1869.
_UNSAFE_VALUE = re.compile(rb"[\x00-\x20\x7f]")


class Writer(NamedTuple):
    """
    A parameter, as it is written again and again.

    @ivar of: the stamps of which the bearer has to have one for it to be asked; empty:
        it is always asked.
    @ivar render: its grammar's, which blames its owner for what cannot be said.
    """

    of: Stamped
    parameter: Parameter[Any]
    render: Callable[[Any], bytes | None]

    @classmethod
    def to(cls, parameter: Parameter[Any]) -> Writer:
        """Prepare it, once for all peers that offer the same."""
        render = _safely(parameter.grammar.render)
        return cls(
            frozenset(parameter.of), parameter, owned(ownerOf(parameter.send), render)
        )


def written(session: IClientSession, asked: Iterable[Writer], bearer: Bearer) -> bytes:
    """
    The parameters of one command, each with the space before it.

    @param asked: see L{smtpx.core.clienthooks.ClientHooks}.
    @raise smtpx.core.errors.HookTrouble: one cannot be said.
    """
    marks, out = bearer.borne(), b""
    told: Container[bytes] = ()
    if RAW in marks:
        raw = rawOf(bearer)
        out = b"".join(b" " + each.render() for each in raw)
        told = {each.keyword for each in raw}
    for stamps, parameter, render in asked:
        if (stamps and stamps.isdisjoint(marks)) or parameter.keyword in told:
            continue
        value = parameter.send(session, bearer)
        if value is None:
            continue
        text = render(value)
        out += b" " + parameter.keyword
        if text is not None:
            out += b"=" + text
    return out


def _safely(render: Callable[[Any], bytes | None]) -> Callable[[Any], bytes | None]:
    """C{render}, with an exception for what would end the parameter."""

    def call(value: Any) -> bytes | None:
        text = render(value)
        if text is not None and _UNSAFE_VALUE.search(text):
            raise ValueError("a parameter's value cannot have this in it")
        return text

    return call


__all__ = ["Stamped", "Writer", "written"]
