"""
A message goes from host to host by servers of ours, with a real resolver: it comes in
through SPF, DKIM, ARC and DMARC, is forwarded with its sender rewritten and with a
seal, and passes behind that; and dkimpy agrees.
"""

from __future__ import annotations

import smtplib
from email import message_from_bytes
from pathlib import Path
from time import time

import dkim

from smtpx.core.submitted import Field, fieldsOf
from smtpx.mailauth.arcfields import SEAL
from smtpx.mailauth.results import AuthenticationResults
from smtpx.mailauth.resultsreading import parseResults
from tests.mailauth.arcmail import chainOf
from tests.mailauth.dkimmail import (
    BODY,
    ED25519_PEM,
    ED25519_RECORD,
    HEADER,
    RSA_NAME,
    RSA_PEM,
    RSA_RECORD,
    signature,
)

from .cases import InteropTestCase
from .running import RunningServer, waitFor
from .unbound import RunningUnbound

#: Who wrote the message; who passes it on; and for whom it is.
ORIGIN = RSA_NAME.domain.decode("ascii")
FIRST, SECOND, LAST = "first.example", "second.example", "last.example"

_SPF = '@ 60 TXT "v=spf1 ip4:127.0.0.1 -all"\n'
_KEY = '{selector}._domainkey 60 TXT "{record}"\n'

#: How each of those who pass on seals: with which key.
SEALERS = {
    FIRST: ("a1", RSA_PEM, RSA_RECORD),
    SECOND: ("e2", ED25519_PEM, ED25519_RECORD),
}

#: What all look at.
_CHECKS = """
[dns]
servers = ["{dns}"]
[authentication]
checks = ["iprev", "spf", "dkim", "arc", "dmarc"]
hosts = ["*"]
authserv_id = "{domain}"
[local]
domains = ["{domain}"]
unknown = "accept"
"""

_FORWARDER = """
[srs]
domain = "{domain}"
secrets_file = "{secrets}"
[aliases.entries]
"bob@{domain}" = ["bob@{next}"]
[sending]
idle_seconds = 0
[[route]]
match = ["{next}"]
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]
arc_sign = "{domain} : {selector} : {key} : timestamps, expire"
[[route]]
match = ["{domain}", "mx.{domain}"]
"""


def zone(selector: str, record: bytes, more: str = "") -> str:
    """What the DNS has of a domain."""
    return _SPF + _KEY.format(selector=selector, record=record.decode("ascii")) + more


class ForwardingTests(InteropTestCase):
    """Mail that is passed on."""

    def setUp(self) -> None:
        """Start the resolver."""
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        origin = zone("test", RSA_RECORD, '_dmarc 60 TXT "v=DMARC1; p=reject"\n')
        zones = {ORIGIN: origin, LAST: _SPF}
        for domain, (selector, _, record) in SEALERS.items():
            zones[domain] = zone(selector, record)
        unbound = RunningUnbound(plain=zones)
        self.running(unbound)
        self.dns = f"127.0.0.1:{unbound.port}"

    def file(self, name: str, octets: bytes) -> Path:
        """A file that is its owner's alone."""
        path = self.folder / name
        path.write_bytes(octets)
        path.chmod(0o600)
        return path

    def forwarder(self, domain: str, next: str, port: int) -> RunningServer:
        """Start a server that passes on."""
        selector, pem, _ = SEALERS[domain]
        text = _CHECKS + _FORWARDER
        text = text.format(
            dns=self.dns,
            domain=domain,
            next=next,
            port=port,
            selector=selector,
            key=self.file(f"{domain}.pem", pem),
            secrets=self.file(f"{domain}.secrets", b"a secret of ours\n"),
        )
        return self.serve(text, f"mx.{domain}")

    def passedOn(self, message: bytes) -> tuple[bytes, AuthenticationResults]:
        """
        A message as it comes to the last of three hosts, and what that finds out.
        """
        text = _CHECKS.format(dns=self.dns, domain=LAST)
        last = self.serve(f'[log]\nselectors = ["+arc"]\n{text}', f"mx.{LAST}")
        second = self.forwarder(SECOND, LAST, last.port)
        first = self.forwarder(FIRST, SECOND, second.port)
        with smtplib.SMTP("127.0.0.1", first.port, f"mail.{ORIGIN}") as client:
            client.sendmail(f"joe@{ORIGIN}", [f"bob@{FIRST}"], message)
        (came,) = last.delivered(1)
        self.last = last
        # By two forwarders: the first one's address is within that of the second.
        self.assertTrue(came.sender.lower().startswith(b"srs1="), came.sender)
        self.assertTrue(came.sender.endswith(SECOND.encode()), came.sender)
        told = [each for each in fieldsOf(came.verdicts)[0] if each.name != b"received"]
        octets = came.octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return octets, parseResults(self.found(told)[0].value)

    def found(self, fields: list[Field]) -> list[Field]:
        """Those that say what was found out."""
        return [each for each in fields if each.name == b"authentication-results"]

    def words(self, results: AuthenticationResults) -> dict[bytes, bytes]:
        """What came of each check that a test can be sure of."""
        known = {b"spf", b"dkim", b"dmarc", b"arc"}
        return {e.method: e.result for e in results.results if e.method in known}

    def test_passes(self) -> None:
        """
        Through two forwarders: SPF by their own domains, the signature as it was, the
        chain of both, and so DMARC; dkimpy finds the same.
        """
        message = signature() + HEADER + b"\r\n" + BODY
        octets, results = self.passedOn(message)
        words = self.words(results)
        everything = dict.fromkeys((b"spf", b"dkim", b"dmarc", b"arc"), b"pass")
        self.assertEqual(everything, words)
        (arc,) = results.by(b"arc")
        self.assertEqual(SECOND.encode(), arc.get(b"header", b"d"))
        self.assertEqual(b"0", arc.get(b"header", b"oldest-pass"))
        self.assertEqual(b"127.0.0.1", arc.get(b"smtp", b"remote-ip"))
        # What the first one found out stands in its seal as it was found out.
        header, _, body = octets.partition(b"\r\n\r\n")
        records = {
            f"{selector}._domainkey.{domain}".encode(): record
            for domain, (selector, _, record) in SEALERS.items()
        }
        chain = chainOf(header + b"\r\n", body, records, now=time())
        self.assertEqual(("pass", 2), (chain.state.value, chain.instance))
        told = [self.words(e.results) for e in chain.sets if e.results is not None]
        self.assertEqual([{**everything, b"arc": b"none"}, everything], told)
        self.assertEqual((FIRST.encode(), SECOND.encode()), chain.domains)
        self.agrees(octets)
        waitFor(lambda: any(" ARC" in e for e in self.last.mainLog()), "a good chain")

    def agrees(self, octets: bytes) -> None:
        """
        dkimpy finds the signature good, and the first seal, which is of RSA: it knows
        no other in chains.
        """
        records = {
            f"test._domainkey.{ORIGIN}.".encode(): RSA_RECORD,
            f"a1._domainkey.{FIRST}.".encode(): RSA_RECORD,
        }

        def known(name: bytes, timeout: int = 5) -> bytes | None:
            return records.get(name)

        self.assertTrue(dkim.verify(octets, dnsfunc=known))
        header, _, body = octets.partition(b"\r\n\r\n")
        fields, _ = fieldsOf(header + b"\r\n")
        first = [
            each.octets
            for each in fields
            if not each.name.startswith(b"arc-") or b"i=1;" in each.octets
        ]
        state, _, why = dkim.arc_verify(b"".join(first) + b"\r\n" + body, dnsfunc=known)
        self.assertEqual(b"pass", state, why)

    def test_forgery(self) -> None:
        """
        A message that was not signed by whom it names goes on as what it is: that it
        failed DMARC is sealed, and whoever claims our name is not heard.
        """
        claim = f"Authentication-Results: {FIRST}; dmarc=pass; arc=fail\r\n".encode()
        foreign = HEADER.replace(ORIGIN.encode(), LAST.encode())
        message = claim + signature() + foreign + b"\r\n" + BODY
        octets, results = self.passedOn(message)
        words = self.words(results)
        self.assertEqual((b"fail", b"pass"), (words[b"dkim"], words[b"arc"]))
        self.assertNotIn(b"arc=fail", octets)
        seals = [each for each in fieldsOf(octets)[0] if each.name == SEAL]
        self.assertEqual(2, len(seals))

    def test_localMailIsNotSealed(self) -> None:
        """What nobody found anything out of goes as it was."""
        text = _CHECKS.format(dns=self.dns, domain=LAST)
        last = self.serve(text, f"mx.{LAST}")
        first = self.forwarder(FIRST, LAST, last.port)
        first.addUser("joe", "pencil")
        with smtplib.SMTP("127.0.0.1", first.port) as client:
            client.starttls()
            client.login("joe", "pencil")
            client.sendmail(f"joe@{FIRST}", [f"ann@{LAST}"], HEADER + b"\r\n" + BODY)
        (came,) = last.delivered(1)
        self.assertIsNone(message_from_bytes(came.octets)["ARC-Seal"])
