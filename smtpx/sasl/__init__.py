"""
SASL (RFC 4422): proving who one is, in any protocol.
"""

from .encoding import decodeBase64, encodeBase64
from .password import LOGIN, PLAIN
from .prepare import prepare
from .questions import CheckPassword, FetchVerifier, Judgement, SaltPassword
from .scram import SCRAM_SHA_256, SCRAM_SHA_256_PLUS, scram
from .values import (
    CREDENTIAL_OCTETS,
    Authenticated,
    BadServer,
    Cause,
    Challenge,
    Channel,
    Credentials,
    Denied,
    Mechanism,
    Response,
)
from .verifier import (
    SCRAMVerifier,
    decoy,
    enrol,
    parseVerifier,
    renderVerifier,
    saltPassword,
)

#: All mechanisms that there are, the strongest first.
MECHANISMS = (SCRAM_SHA_256_PLUS, SCRAM_SHA_256, PLAIN, LOGIN)

__all__ = [
    "CREDENTIAL_OCTETS",
    "LOGIN",
    "MECHANISMS",
    "PLAIN",
    "SCRAM_SHA_256",
    "SCRAM_SHA_256_PLUS",
    "Authenticated",
    "BadServer",
    "Cause",
    "Challenge",
    "Channel",
    "CheckPassword",
    "Credentials",
    "Denied",
    "FetchVerifier",
    "Judgement",
    "Mechanism",
    "Response",
    "SCRAMVerifier",
    "SaltPassword",
    "decodeBase64",
    "decoy",
    "encodeBase64",
    "enrol",
    "parseVerifier",
    "prepare",
    "renderVerifier",
    "saltPassword",
    "scram",
]
