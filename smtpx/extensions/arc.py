"""
ARC: mail that goes on is sealed, with what we found out when it came in (RFC 8617
section 5.1).

It has no keyword.  Like DKIM it is a change to the body, and the last one of all, above
our own signature: what is sealed is what leaves.  With what mail is sealed is said by
where it goes (L{Target.sealer}); which sealers there are is behind a port
(L{ISealers}).

A message that cannot be sealed goes as it is, as from Exim: ours never came in by
anybody, and so there is nothing to say of it.  A message that has a chain of which it
is not known whether it is good is left alone, too: whoever gets it can see for himself.
The operator is told, unless it is a message of which nothing was found out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from attrs import frozen
from zope.interface import implementer

from ..core.dialogue import Transformation
from ..core.envelope import Envelope
from ..core.errors import Malformed
from ..core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
    Transform,
)
from ..core.submitted import Field
from ..mailauth.arcseal import NothingToSeal, SealTerms, Unsealable, seal
from ..mailauth.bodyhash import BodyHash
from ..mailauth.results import FIELD
from ..mailauth.signingkey import SigningKey
from .dkim import signedAt
from .dkimbody import PrefixedBody, survey
from .eightbitmimeconversion import BINARY

#: Told of a message that was not sealed: its envelope, and why.
Unsealed = Callable[[Envelope, str], None]


@frozen
class Sealer:
    """
    Somebody who seals.

    @ivar terms: how.
    @ivar key: with what.
    """

    terms: SealTerms
    key: SigningKey


class ISealers(Protocol):
    """Knows who seals; the port of this extension."""

    def sealer(self, name: bytes) -> Sealer | None:
        """
        A sealer, to be answered at once.

        @param name: what a target calls it.
        @return: L{None}: there is none of that name.
        """


class IARC(IClientExtension):
    """ARC (RFC 8617), sealing."""


def unheard(envelope: Envelope, why: str) -> None:
    """For whom nobody is to be told."""


@implementer(IARC)
class ARC:
    """
    The ARC extension.
    """

    name = "ARC"
    requires: tuple[str, ...] = ()
    settings = None

    def __init__(
        self, sealers: ISealers | None = None, unsealed: Unsealed = unheard
    ) -> None:
        """
        @param sealers: L{None}: nobody seals.
        @param unsealed: told of messages that cannot be sealed.
        """
        self._sealers = sealers
        self._unsealed = unsealed

    def configured(self, settings: Any) -> ARC:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        if self._sealers is not None:
            client.transform(partial(self._choose, self._sealers))

    def _choose(
        self, sealers: ISealers, session: IClientSession, envelope: Envelope
    ) -> Transform | None:
        name = session.target.sealer
        sealer = sealers.sealer(name) if name else None
        return None if sealer is None else partial(self._seal, sealer, session.now)

    def _seal(
        self,
        sealer: Sealer,
        now: Callable[[], float],
        envelope: Envelope,
        body: IBody,
    ) -> Transformation:
        wanted = sealer.terms.wanted

        def choose(fields: Sequence[Field]) -> Sequence[BodyHash]:
            # Most mail of our own has nothing in it to be sealed.
            known = any(each.name == FIELD.lower() for each in fields)
            return (wanted,) if known else ()

        try:
            seen = yield from survey(body, choose, not envelope.stamp(BINARY))
            if seen is None:
                return body
            digest = seen.hashes.digest(wanted).value
            at = signedAt(envelope, now())
            made = seal(seen.fields, digest, sealer.terms, sealer.key, at)
        except NothingToSeal:
            return body
        except (Malformed, Unsealable) as error:
            self._unsealed(envelope, str(error))
            return body
        return PrefixedBody(made, body)


__all__ = ["ARC", "IARC", "ISealers", "Sealer", "Unsealed", "unheard"]
