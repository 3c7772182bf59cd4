"""
SASL (RFC 4422): proving who one is, in any protocol.
"""

from .bearer import OAUTHBEARER, XOAUTH2
from .encoding import decodeBase64, encodeBase64
from .external import EXTERNAL
from .interfaces import IUsers
from .password import LOGIN, PLAIN
from .prepare import prepare
from .questions import (
    CheckPassword,
    CheckToken,
    FetchCredentials,
    FetchVerifier,
    Judgement,
    SaltPassword,
)
from .scram import BINDINGS, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, scram
from .trusted import Trusted, checkUsers
from .values import (
    CREDENTIAL_OCTETS,
    ITERATIONS_MAX,
    TOKEN_OCTETS,
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
    Proof,
    Response,
    ServerExchange,
    TokenHints,
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
MECHANISMS = (
    EXTERNAL,
    SCRAM_SHA_256_PLUS,
    SCRAM_SHA_256,
    OAUTHBEARER,
    XOAUTH2,
    PLAIN,
    LOGIN,
)

__all__ = [
    "BINDINGS",
    "CREDENTIAL_OCTETS",
    "EXTERNAL",
    "ITERATIONS_MAX",
    "LOGIN",
    "MECHANISMS",
    "OAUTHBEARER",
    "PLAIN",
    "SCRAM_SHA_256",
    "SCRAM_SHA_256_PLUS",
    "TOKEN_OCTETS",
    "XOAUTH2",
    "Authenticated",
    "BadServer",
    "Cause",
    "Challenge",
    "Channel",
    "CheckPassword",
    "CheckToken",
    "ClientExchange",
    "Credentials",
    "Denied",
    "FetchCredentials",
    "FetchVerifier",
    "IUsers",
    "Judgement",
    "Mechanism",
    "Outcome",
    "Proof",
    "Response",
    "SCRAMVerifier",
    "SaltPassword",
    "ServerExchange",
    "TokenHints",
    "Trusted",
    "checkUsers",
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
