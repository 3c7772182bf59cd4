"""
SASL (RFC 4422): proving who one is, in any protocol.
"""

from .encoding import decodeBase64, encodeBase64
from .interfaces import IUsers
from .password import LOGIN, PLAIN
from .prepare import prepare
from .questions import (
    CheckPassword,
    FetchCredentials,
    FetchVerifier,
    Judgement,
    SaltPassword,
)
from .scram import BINDINGS, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, scram
from .values import (
    CREDENTIAL_OCTETS,
    ITERATIONS_MAX,
    Authenticated,
    BadServer,
    Cause,
    Challenge,
    Channel,
    ClientExchange,
    Credentials,
    Denied,
    Mechanism,
    Outcome,
    Response,
    ServerExchange,
    fromServer,
    onward,
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
    "BINDINGS",
    "CREDENTIAL_OCTETS",
    "ITERATIONS_MAX",
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
    "ClientExchange",
    "Credentials",
    "Denied",
    "FetchCredentials",
    "FetchVerifier",
    "IUsers",
    "Judgement",
    "Mechanism",
    "Outcome",
    "Response",
    "SCRAMVerifier",
    "SaltPassword",
    "ServerExchange",
    "decodeBase64",
    "decoy",
    "encodeBase64",
    "enrol",
    "fromServer",
    "onward",
    "parseVerifier",
    "prepare",
    "renderVerifier",
    "saltPassword",
    "scram",
]
