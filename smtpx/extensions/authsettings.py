"""
What an operator may set of AUTH (L{smtpx.extensions.auth}).
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen
from attrs.validators import ge

from .. import sasl


def _checkMechanisms(instance: object, attribute: Any, names: tuple[str, ...]) -> None:
    known = [mechanism.name.decode("ascii") for mechanism in sasl.MECHANISMS]
    for name in names:
        if name.upper() not in known:
            raise ValueError(f"no mechanism {name!r}; there are {', '.join(known)}")


def _checkNames(instance: AuthSettings, attribute: Any, names: tuple[str, ...]) -> None:
    for name in names:
        sasl.prepare(name.encode("utf-8"))


def _checkDiscovery(instance: object, attribute: Any, url: str | None) -> None:
    # RFC 7628 section 3.2.2: "this will have the https URL scheme".
    if url is not None and not url.startswith("https://"):
        raise ValueError(f'expected a URL that begins with "https://", got {url!r}')


def _option(default: Any, help: str, validator: Any = None, **more: int) -> Any:
    metadata = {"help": help, **more}
    return field(default=default, validator=validator, metadata=metadata)


@frozen
class AuthSettings:
    """What an operator may set of AUTH."""

    mechanisms: tuple[str, ...] = _option(
        tuple(mechanism.name.decode("ascii") for mechanism in sasl.MECHANISMS),
        "What may be used to log in, here and at other hosts, the best first.",
        _checkMechanisms,
    )
    clear_text: bool = _option(
        False, "Offer and take logins without TLS, for everybody on the way to see."
    )
    demanded: bool = _option(
        False,
        "Take no mail without a login.  For submission; not for a server that"
        " receives mail from the Internet.",
    )
    attempts_max: int = _option(
        3,
        "How many logins may fail in a session before the next one ends it.",
        # Section 9: not before the third.
        ge(3),
        least=3,
    )
    trusted: tuple[str, ...] = _option(
        (),
        "The users whose word is taken on who submitted a message (AUTH=).",
        _checkNames,
    )
    unverified: bool = _option(
        False,
        "As a client, send passwords and tokens to hosts under TLS whose certificate"
        " is not good.  SCRAM shows the password to nobody and needs no such leave.",
    )
    iterations_max: int = _option(
        sasl.ITERATIONS_MAX,
        "As a client, how many rounds a host may have us compute for SCRAM.",
        ge(4096),
        least=4096,
    )
    token_scope: str | None = _option(
        None,
        "What a token has to be for, by the word of whoever gives tokens; a client"
        " whose token is no good is told (RFC 7628 section 3.2.2).",
    )
    token_discovery: str | None = _option(
        None,
        "The https URL of the OpenID Connect discovery document of whoever gives"
        " tokens; a client whose token is no good is told.",
        _checkDiscovery,
    )
