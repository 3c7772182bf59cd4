"""
How fast messages are signed and verified, by us and by dkimpy::

    python -m tests.bench.dkim [--page FILE]

Both have the key's record at hand.  Each number is the best of some rounds, on one
core.  C{--page} writes the table of the reference page.
"""

from __future__ import annotations

import argparse
import base64
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import dkim
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from smtpx.core.submitted import fieldsOf
from smtpx.mailauth.asking import Found
from smtpx.mailauth.bodyhash import BodyHashes
from smtpx.mailauth.canonical import Form
from smtpx.mailauth.dkimsign import SignTerms
from smtpx.mailauth.dkimsignature import Algorithm, KeyName
from smtpx.mailauth.dkimvalues import DKIMResult
from smtpx.mailauth.dkimverify import verify
from smtpx.mailauth.signers import Signer
from smtpx.mailauth.signingkey import SigningKey, newSigningKey

_NAME = KeyName(b"example.org", b"s")
_NOW = int(time.time())

#: A header as one comes that has passed some hosts.
_HEADER = (
    b"".join(
        b"Received: from a%d.example.net (a%d.example.net [192.0.2.%d])\r\n"
        b"\tby b%d.example.org with ESMTPS id abcdef%d;\r\n"
        b"\tSun, 22 Nov 2026 20:01:41 +0000\r\n" % ((number,) * 5)
        for number in range(6)
    )
    + b"From: Joe <joe@example.org>\r\nTo: Ann <ann@example.net>\r\n"
    b"Subject: A message of some length\r\nDate: Sun, 22 Nov 2026 20:01:41 +0000\r\n"
    b"Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
)

#: Some lines, with a wide space in one and a space at the end of another.
_LINE = (
    b"The quick brown fox jumps over the lazy dog, and does it again and\r\n"
    b"again, for it has nothing else to do.  The dog is not amused, but too\r\n"
    b"lazy to say so, and so this goes on and on until the font is known \r\n"
    b"by heart to everybody who has had to look at it for so long a time.\r\n"
    b"\r\n"
)

#: As much as a transport hands on at once.
_PIECE = 65_536


def perSecond(work: Callable[[], object], seconds: float = 0.4) -> float:
    """How often something can be done in a second: the best of three rounds."""
    best = 0.0
    for _ in range(3):
        count, began = 0, time.perf_counter()
        while (took := time.perf_counter() - began) < seconds:
            work()
            count += 1
        best = max(best, count / took)
    return best


def ours(signer: Signer, body: bytes) -> bytes:
    """Our signature of a message."""
    hashes = BodyHashes([signer.terms.wanted])
    for start in range(0, len(body), _PIECE):
        hashes.write(body[start : start + _PIECE])
    hashes.end()
    return signer.sign(fieldsOf(_HEADER)[0], hashes, _NOW)


def verified(header: bytes, body: bytes, record: bytes) -> None:
    """Verify a message."""
    pieces = (body[start : start + _PIECE] for start in range(0, len(body), _PIECE))
    asking = verify(header, pieces, _NOW)
    group = next(asking)
    try:
        asking.send((Found((record,)),) * len(group))
    except StopIteration as stop:
        (told,) = stop.value
        assert told.result is DKIMResult.PASS


def secretOf(key: SigningKey) -> bytes:
    """A key as dkimpy wants it: PKCS#1, or the seed in base64."""
    if key.algorithm is Algorithm.ED25519:
        secret = load_pem_private_key(key.pem, None).private_bytes(
            Encoding.Raw, PrivateFormat.Raw, NoEncryption()
        )
        return base64.b64encode(secret)
    return load_pem_private_key(key.pem, None).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )


def compared(key: SigningKey, octets: int) -> tuple[float, float, float, float]:
    """How often a second we and dkimpy sign, and verify, a message."""
    body = _LINE * (octets // len(_LINE) + 1)
    message, secret = _HEADER + b"\r\n" + body, secretOf(key)
    names = [field.name for field in fieldsOf(_HEADER)[0] if field.name != b"received"]
    terms = SignTerms(_NAME, tuple(names), (), Form.RELAXED, Form.RELAXED)
    signer = Signer(terms, key)

    def theirs() -> bytes:
        made: bytes = dkim.sign(
            message,
            _NAME.selector,
            _NAME.domain,
            secret,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=names,
            signature_algorithm=key.algorithm.value,
        )
        return made

    header = ours(signer, body) + _HEADER
    whole = header + b"\r\n" + body

    def known(name: bytes, timeout: int = 5) -> bytes:
        return key.record

    def check() -> None:
        assert dkim.verify(whole, dnsfunc=known)

    return (
        perSecond(lambda: ours(signer, body)),
        perSecond(theirs),
        perSecond(lambda: verified(header, body, key.record)),
        perSecond(check),
    )


def memory(octets: int) -> float:
    """How many MB a message adds, that comes in pieces and has two signatures."""
    hashes = [BodyHashes([SignTerms(_NAME).wanted])]
    piece = _LINE * (_PIECE // len(_LINE))
    tracemalloc.start()
    for _ in range(octets // len(piece) + 1):
        hashes[0].write(piece)
    hashes[0].end()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def rows() -> list[list[str]]:
    """The table."""
    found = []
    rsa, ed25519 = newSigningKey(Algorithm.RSA), newSigningKey(Algorithm.ED25519)
    for key, label in (rsa, "RSA 2048"), (ed25519, "Ed25519"):
        for octets, size in (10_000, "10 KB"), (1_000_000, "1 MB"):
            signs, theySign, verifies, theyVerify = compared(key, octets)
            found.append(
                [
                    f"{label}, {size}",
                    f"{signs:,.0f}",
                    f"{theySign:,.0f}",
                    f"{signs / theySign:.0f}",
                    f"{verifies:,.0f}",
                    f"{theyVerify:,.0f}",
                    f"{verifies / theyVerify:.1f}",
                ]
            )
    return found


_HEADS = ["Message", "sign", "dkimpy", "times", "verify", "dkimpy", "times"]


def page(table: list[list[str]], megabytes: float) -> str:
    """The table as the reference page has it."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [_HEADS, *table]:
        lines += [
            f"   {'* -' if not at else '  -'} {cell}" for at, cell in enumerate(row)
        ]
    text = f"The hashes of a message of 25 MB take {megabytes:.1f} MB of memory."
    return "\n".join([*lines, "", text, ""])


def main() -> None:
    """Measure, and print or write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    table, megabytes = rows(), memory(25_000_000)
    for row in [_HEADS, *table]:
        print("".join(f"{cell:>16}" for cell in row))
    print(f"25 MB: {megabytes:.2f} MB")
    if options.page is not None:
        options.page.write_text(page(table, megabytes))


if __name__ == "__main__":
    main()
