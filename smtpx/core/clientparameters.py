"""
The parameters of MAIL and RCPT, as a client writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from typing import Any

from .claims import owned, ownerOf
from .clienthooks import Stamped
from .envelope import Bearer
from .hooks import Parameter
from .interfaces import IClientSession
from .rawparameters import RAW, rawOf

#: What no value of a parameter may have in it (RFC 5321 section 4.1.2,
#: esmtp-value), but for "=", which some senders have put there since RFC 1869.
_UNSAFE_VALUE = re.compile(rb"[\x00-\x20\x7f]")


def written(
    session: IClientSession,
    asked: Iterable[tuple[Stamped, Parameter[Any]]],
    bearer: Bearer,
) -> bytes:
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
    for stamps, parameter in asked:
        if (stamps and stamps.isdisjoint(marks)) or parameter.keyword in told:
            continue
        value = parameter.send(session, bearer)
        if value is None:
            continue
        render = owned(ownerOf(parameter.send), _safely(parameter.grammar.render))
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


__all__ = ["written"]
