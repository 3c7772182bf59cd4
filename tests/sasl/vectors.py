"""
The example of RFC 7677 section 3, and what the tests of SCRAM make of it.
"""

from __future__ import annotations

from base64 import b64decode

from smtpx.sasl import (
    Cause,
    Channel,
    Credentials,
    Denied,
    FetchVerifier,
    enrol,
    scram,
)

from .pairs import ANSWERS

CREDENTIALS = Credentials(b"user", b"pencil")
SALT = b64decode(b"W22ZaJ0SNY7soEsUEjb6gQ==")

#: RFC 7677 section 3.
CLIENT_NONCE = b"rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

RFC_ANSWERS = dict(ANSWERS)
RFC_ANSWERS[FetchVerifier] = lambda q: enrol(b"pencil", SALT, 4096)

_, SERVER = scram(b"SCRAM-SHA-256", "sha256", lambda: SERVER_NONCE)
_, CLIENT = scram(b"SCRAM-SHA-256", "sha256", lambda: CLIENT_NONCE)

TLS = {"tls-exporter": b"e" * 32, "tls-server-end-point": b"p" * 32}
BOUND = Channel(TLS, boundOffered=True)

WRONG = Denied(Cause.CREDENTIALS, "wrong proof", b"user")
GARBLED = Denied(Cause.MALFORMED, "not a message of SCRAM")
