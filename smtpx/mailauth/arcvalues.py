"""
What comes of looking at a chain of ARC sets (RFC 8617 sections 4.4 and 5.2).
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from .results import AuthenticationResults, Property, Result


class ChainState(Enum):
    """
    The state of a chain.

    @cvar NONE: there is no chain.
    @cvar PASS: it is whole, and the message is what its last set says.
    @cvar FAIL: it is not.  To be treated as if there were none (section 5.2).
    @cvar TEMPERROR: a key could not be had just now.  RFC 8617 section 5.2.1 makes a
        failure of that; here it is told apart, for a chain that was sealed as failed
        has failed for ever.
    """

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"


@frozen
class ChainSet:
    """
    One set, of what is known of it; what cannot be read is empty.

    @ivar instance: C{i=}, from 1 on.
    @ivar domain: who sealed (C{d=} of the ARC-Seal), in lower case.
    @ivar selector: with which of its keys (C{s=}), in lower case.
    @ivar signer: who signed the message (C{d=} of the ARC-Message-Signature).
    @ivar signerSelector: and with which of its keys.
    @ivar results: what they say they have found out (the ARC-Authentication-Results);
        L{None}: it cannot be read.
    """

    instance: int
    domain: bytes = b""
    selector: bytes = b""
    signer: bytes = b""
    signerSelector: bytes = b""
    results: AuthenticationResults | None = None

    @property
    def remoteAddress(self) -> bytes:
        """From which address they say they had the message; empty: they do not."""
        for each in () if self.results is None else self.results.results:
            found = each.get(b"smtp", b"remote-ip")
            if found:
                return found
        return b""


@frozen
class Chain:
    """
    A message's chain.

    @ivar reason: why it is no pass, in words that any peer may read; empty: there is
        nothing to say.
    @ivar sets: the sets, the oldest first, as far as they could be told apart; that
        they are true is only known if the state is L{ChainState.PASS}.
    @ivar instance: the highest C{i=} that was seen; 0: none.
    @ivar oldestPass: since which set the message was not changed any more; 0: since
        the first.  Of a chain that passes only; 0 in all others.
    """

    state: ChainState
    reason: str = ""
    sets: tuple[ChainSet, ...] = ()
    instance: int = 0
    oldestPass: int = 0

    @property
    def domains(self) -> tuple[bytes, ...]:
        """Who sealed, the oldest first; empty where it could not be read."""
        return tuple(each.domain for each in self.sets)


def chainResult(chain: Chain, remoteAddress: bytes = b"") -> Result:
    """
    What C{Authentication-Results} is to say of a chain (RFC 8617 section 6).

    @param remoteAddress: of the client that the message comes from; empty: there is
        none.
    """
    properties = []
    if chain.state is ChainState.PASS:
        last = chain.sets[-1]
        properties = [
            Property(b"header", b"d", last.domain),
            Property(b"header", b"s", last.selector),
            Property(b"header", b"oldest-pass", b"%d" % chain.oldestPass),
        ]
    if chain.instance and remoteAddress:
        properties.append(Property(b"smtp", b"remote-ip", remoteAddress))
    comments = [b"i=%d" % chain.instance] if chain.instance else []
    if chain.reason:
        comments.append(chain.reason.encode("ascii"))
    return Result(
        b"arc",
        chain.state.value.encode("ascii"),
        tuple(properties),
        comments=tuple(comments),
    )


__all__ = ["Chain", "ChainSet", "ChainState", "chainResult"]
