"""
What comes of looking at DKIM signatures (RFC 6376 section 6, RFC 8601 section 2.7.1).
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from ..core.errors import SMTPXError


class DKIMResult(Enum):
    """
    The words of RFC 8601 section 2.7.1 for a signature, and for what RFC 6376 section
    6.1 calls PERMFAIL, by why it is one.

    @cvar NONE: there is no signature.
    @cvar PASS: it is good.
    @cvar FAIL: the message is not what was signed.
    @cvar POLICY: we do not take it, good or not: it has expired, comes from the
        future, or leaves a part of the body unsigned.
    @cvar NEUTRAL: it cannot be read, or asks for what we do not know; or its domain
        only tries out how to sign, and it is not good.
    @cvar TEMPERROR: its key could not be had just now.
    @cvar PERMERROR: it can never be good: no key, or none that fits or is strong
        enough; a header that has no From, or more than one.
    """

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    POLICY = "policy"
    NEUTRAL = "neutral"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Unusable(SMTPXError):
    """
    A signature, or its key, with which there is nothing to verify.

    @ivar result: what that comes to.
    @ivar reason: why, in words that any peer may read.
    """

    def __init__(self, result: DKIMResult, reason: str) -> None:
        SMTPXError.__init__(self, reason)
        self.result = result
        self.reason = reason


@frozen
class Verified:
    """
    What came of one signature.

    What cannot be read of it is empty.

    @ivar reason: why it is no pass, in words that any peer may read; empty: there is
        nothing to say.
    @ivar domain: who signed (C{d=}), in lower case.
    @ivar selector: which of its keys (C{s=}), in lower case.
    @ivar identity: for whom (C{i=}), decoded; it may have any octets.
    @ivar algorithm: C{a=}.
    @ivar value: the signature itself (C{b=}), decoded.
    @ivar testing: does the domain only try out how to sign (C{t=y} in its key)?
    @ivar headerForm: C{simple} or C{relaxed}; so too C{bodyForm}.
    @ivar keyBits: how long the key is; 0: it was not seen.
    """

    result: DKIMResult
    reason: str = ""
    domain: bytes = b""
    selector: bytes = b""
    identity: bytes = b""
    algorithm: bytes = b""
    value: bytes = b""
    testing: bool = False
    headerForm: bytes = b""
    bodyForm: bytes = b""
    keyBits: int = 0


__all__ = ["DKIMResult", "Unusable", "Verified"]
