"""What tests of authentication are made of: a signer, and a house without a server."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from attrs import define, field
from twisted.internet.task import Clock

from smtpx.core.envelope import Envelope
from smtpx.core.interfaces import IServerSession
from smtpx.core.submitted import fieldsOf
from smtpx.mailauth.bodyhash import BodyHashes
from smtpx.mailauth.dkimsign import SignTerms, sign
from smtpx.mailauth.dkimsignature import Algorithm, KeyName
from smtpx.mailauth.signingkey import SigningKey, newSigningKey, strings
from smtpx.policy.authentication import Authentication, Terms
from smtpx.policy.verdicts import Verdicts
from smtpx.testing.dns import StaticResolver

#: Nothing else does what these records say.
ZONE = """
    example.org                  TXT  "v=spf1 ip4:192.0.2.1 -all"
    example.org                  MX   10 mx.example.org
    _dmarc.example.org           TXT  "v=DMARC1; p=reject"
    1.2.0.192.in-addr.arpa       PTR  mx.example.org
    mx.example.org               A    192.0.2.1
    mx.example.org               TXT  "v=spf1 a -all"
"""

HEADER = b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: Hello\r\n"
BODY = b"Hello,\r\n\r\nhere is a text.\r\n"
KEY = KeyName(b"example.org", b"s1")


@lru_cache
def signingKey() -> SigningKey:
    """A key, made once."""
    return newSigningKey(Algorithm.ED25519)


def signed(header: bytes = HEADER, body: bytes = BODY, now: float = 0.0) -> bytes:
    """A message that C{example.org} has signed."""
    terms = SignTerms(KEY)
    hashes = BodyHashes([terms.wanted])
    hashes.write(body)
    hashes.end()
    digest = hashes.digest(terms.wanted).value
    fields, _ = fieldsOf(header)
    mark = sign(fields, digest, terms, signingKey(), now)
    return mark + header + b"\r\n" + body


def zone() -> StaticResolver:
    """The DNS."""
    resolver = StaticResolver(ZONE)
    record = " ".join(f'"{each.decode()}"' for each in strings(signingKey().record))
    resolver.add(f"s1._domainkey.example.org TXT {record}")
    return resolver


@define(eq=False)
class Told:
    """Remembers what it is told."""

    concluded_: list[tuple[Verdicts, str | None]] = field(factory=list)
    troubles: list[tuple[str, str]] = field(factory=list)

    def concluded(
        self,
        session: IServerSession,
        envelope: Envelope,
        verdicts: Verdicts,
        id: str | None,
    ) -> None:
        """See L{smtpx.policy.verdicts.IWitness}."""
        self.concluded_.append((verdicts, id))

    def trouble(
        self, session: IServerSession, owner: str, error: BaseException
    ) -> None:
        """See L{smtpx.policy.chain.Trouble}."""
        self.troubles.append((owner, str(error)))


def authentication(
    resolver: Any, told: Told, clock: Clock | None = None, **more: Any
) -> Authentication:
    """
    What finds things out.

    @param more: of L{Terms}.
    """
    return Authentication(
        resolver,
        clock or Clock(),
        told.trouble,
        b"mx.example.net",
        Terms(**more),
        witnesses=[told],  # type: ignore[list-item]  # it is declared in its docstring
        lot=lambda: 0,
    )
