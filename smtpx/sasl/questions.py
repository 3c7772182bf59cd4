"""
What mechanisms have to ask of the world.

A server asks L{CheckPassword}, L{FetchVerifier} or L{CheckToken}, a client
L{SaltPassword}, and whoever runs the client L{FetchCredentials} before.
Whoever answers bounds the time it takes, and takes the same time for a user
that does not exist.
"""

from __future__ import annotations

from enum import Enum, auto

from attrs import field, frozen

from ..core.dialogue import Question
from .values import Authenticated, Channel, Credentials, Outcome
from .verifier import SCRAMVerifier


class Judgement(Enum):
    """
    Of a name and a password: they belong together, they do not (or there is no
    such name), or nobody could tell just now.
    """

    GOOD = auto()
    BAD = auto()
    UNAVAILABLE = auto()


@frozen
class CheckPassword(Question[Judgement | Authenticated]):
    """
    Is this the user's password?  L{Authenticated} is a yes of somebody who knows
    the user by another name, which counts from then on.

    @ivar user: prepared, not empty.
    @ivar password: prepared, not empty.
    @ivar channel: where it comes from.
    """

    user: bytes
    password: bytes = field(repr=False)
    channel: Channel = field(default=Channel(), eq=False, repr=False)


@frozen
class CheckToken(Question[Outcome]):
    """
    Whose token is this, if it is good (RFC 6750)?

    @ivar token: as L{smtpx.sasl.values.isToken} has it.
    @ivar user: whose it is by the client's own word, prepared; empty: it does not
        say.  The mechanism sees to it that an answer is about nobody else.
    @ivar channel: where it comes from.
    """

    token: bytes = field(repr=False)
    user: bytes = b""
    channel: Channel = field(default=Channel(), eq=False, repr=False)


@frozen
class FetchVerifier(Question[SCRAMVerifier | None]):
    """
    What do we keep of the user's password for SCRAM?

    There is an answer for every name: for one that does not exist it is
    L{smtpx.sasl.verifier.decoy}, with which the exchange goes on as with any
    other and fails at its end.  L{None}: nobody can tell just now.

    @ivar user: prepared, not empty.
    @ivar hashName: the hash that the verifier has to be of, as L{hashlib} calls
        it.
    """

    user: bytes
    hashName: str = "sha256"


@frozen
class SaltPassword(Question[bytes]):
    """
    The client's long computation, for the shell to do in a thread; the answer is
    L{smtpx.sasl.verifier.saltPassword} of these.

    @ivar password: prepared, not empty.
    """

    password: bytes = field(repr=False)
    salt: bytes
    iterations: int
    hashName: str = "sha256"


@frozen
class FetchCredentials(Question[Credentials | None]):
    """
    With what is a client to log in at this host?  L{None}: it is not to.

    @ivar host: its name, as the route has it.
    """

    host: bytes
