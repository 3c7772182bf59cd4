"""
Mail, keys and a DNS for the tests of DKIM and ARC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smtpx.core.submitted import fieldsOf
from smtpx.mailauth.asking import Asking, Found, Known, T, Unknown
from smtpx.mailauth.bodyhash import BodyHashes
from smtpx.mailauth.canonical import Form, selected, signedOctets
from smtpx.mailauth.dkimsign import SignTerms, sign
from smtpx.mailauth.dkimsignature import KeyName, tagsOf
from smtpx.mailauth.dkimvalues import Verified
from smtpx.mailauth.dkimverify import VerifyTerms, verify
from smtpx.mailauth.signingkey import SigningKey, readSigningKey
from smtpx.mailauth.tagging import listed, renderBase64

#: RFC 8463 appendix A.1; both halves are public.
RSA_PEM = b"""\
-----BEGIN RSA PRIVATE KEY-----
MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi
Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM
KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB
AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm
6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe
zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy
6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc
uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy
WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd
WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a
licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst
o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe
uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL
-----END RSA PRIVATE KEY-----
"""
ED25519_PEM = b"""\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
"""
RSA, ED25519 = readSigningKey(RSA_PEM), readSigningKey(ED25519_PEM)

#: Where they are published (appendix A.2), beside the key of RFC 6376 appendix C.
RSA_NAME = KeyName(b"football.example.com", b"test")
ED25519_NAME = KeyName(b"football.example.com", b"brisbane")
RSA_RECORD = (
    b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
    b"iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
    b"DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
    b"Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)
ED25519_RECORD = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
RFC6376_RECORD = (
    b"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ"
    b"KBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
    b"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v"
    b"/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"
    b"tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)
ZONE: Mapping[bytes, bytes] = {
    RSA_NAME.name: RSA_RECORD,
    ED25519_NAME.name: ED25519_RECORD,
    b"brisbane._domainkey.example.com": RFC6376_RECORD,
}

#: When all of this is looked at, and was signed: on 10 June 2018.
NOW = 1528637909

HEADER = b"""\
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>
""".replace(b"\n", b"\r\n")
BODY = b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"

#: RFC 8463 appendix A.3.
RFC8463_SIGNATURES = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
""".replace(b"\n", b"\r\n")

#: RFC 6376 appendix A.2.  What was signed had one space where the text shows two
#: behind "game.", and six spaces before what is folded.
RFC6376_HEADER = b"""\
DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
""".replace(b"\n", b"\r\n")


TERMS, SIGN_TERMS = VerifyTerms(), SignTerms(RSA_NAME)

#: What is known of a name whose servers do not answer.
SILENCE = Unknown("timeout")


def asked(asking: Asking[T], zone: Mapping[bytes, Known | bytes] | None = None) -> T:
    """
    Run a check to its end.

    @param zone: what is known of names; octets: the one record there.
    """
    zone = ZONE if zone is None else zone

    def known(name: bytes) -> Known:
        answer = zone.get(name, Found(exists=False))
        return Found((answer,)) if isinstance(answer, bytes) else answer

    try:
        group = next(asking)
        while True:
            group = asking.send(tuple(known(lookup.name) for lookup in group))
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome


def verified(
    header: bytes,
    body: bytes | Iterable[bytes] = BODY,
    zone: Mapping[bytes, Known | bytes] | None = None,
    terms: VerifyTerms = TERMS,
    now: float = NOW,
) -> tuple[Verified, ...]:
    """What comes of the signatures of a message."""
    pieces = [body] if isinstance(body, bytes) else body
    return asked(verify(header, pieces, now, terms), zone)


def results(
    header: bytes,
    body: bytes | Iterable[bytes] = BODY,
    zone: Mapping[bytes, Known | bytes] | None = None,
    terms: VerifyTerms = TERMS,
    now: float = NOW,
) -> list[tuple[str, str]]:
    """The results of a message's signatures, and why."""
    found = verified(header, body, zone, terms, now)
    return [(each.result.value, each.reason) for each in found]


def signature(
    terms: SignTerms = SIGN_TERMS,
    key: SigningKey = RSA,
    header: bytes = HEADER,
    body: bytes = BODY,
    now: float = NOW,
) -> bytes:
    """The field that signs a message."""
    fields, _ = fieldsOf(header)
    hashes = BodyHashes([terms.wanted])
    hashes.write(body)
    hashes.end()
    return sign(fields, hashes.digest(terms.wanted).value, terms, key, now)


def forged(
    changes: Mapping[bytes, bytes | None],
    header: bytes = HEADER,
    body: bytes = BODY,
    key: SigningKey = RSA,
) -> bytes:
    """
    A field with a good signature that says what L{sign} would never say.

    @param changes: tags to be other than they would be; L{None}: to be left out.
    """
    made = tagsOf(signature(key=key, header=header, body=body))
    tags: dict[bytes, bytes | None] = {
        name: tag.value for name, tag in made.tags.items()
    }
    tags.update(changes)
    tags.pop(b"b", None)
    text = b"; ".join(b"%b=%b" % (n, v) for n, v in tags.items() if v is not None)
    unsigned = b"DKIM-Signature: " + text + b"; b="
    names = [name.lower() for name in listed(tags[b"h"] or b"")]
    fields = selected(fieldsOf(header)[0], names)
    value = key.sign(signedOctets(fields, unsigned, Form.RELAXED))
    if b"b" in changes:
        return unsigned + (changes[b"b"] or b"") + b"\r\n"
    return unsigned + renderBase64(value, 0) + b"\r\n"
