"""
How long it takes to find out who sent a message, by us and by dkimpy with pyspf::

    python -m tests.bench.authentication [--page FILE]

The message has 10 KiB, two signatures of DKIM and two sets of ARC, all RSA-2048, and
passes SPF and DMARC.  All answers of the DNS are at hand.  Each number is the best of
some rounds, on one core.  C{--page} writes the table into the reference page.

dkimpy and pyspf do not look at DMARC, and hash the body for each signature.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dkim
import spf
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from smtpx.core.envelope import Envelope
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import OK, Reply
from smtpx.core.server import ServerConnection
from smtpx.core.submitted import Field, fieldsOf
from smtpx.dns.interfaces import Answer, IResolver, NoSuchDomain
from smtpx.mailauth.arcseal import SealTerms, seal
from smtpx.mailauth.bodyhash import BodyHashes
from smtpx.mailauth.dkimsign import SignTerms, sign
from smtpx.mailauth.dkimsignature import Algorithm, KeyName
from smtpx.mailauth.resultsclaims import OurNames
from smtpx.mailauth.signingkey import newSigningKey, strings
from smtpx.policy.authentication import Authentication, Terms
from smtpx.policy.checking import CheckingReceiver
from smtpx.testing.dns import StaticResolver
from smtpx.testing.server import ScriptedPort

from ..net.made import RememberingReceiver
from ..policy.authmade import ZONE, Told

_NOW = time.time()
_KEYS = tuple(
    KeyName(domain, b"s%d" % number)
    for number, domain in enumerate(
        (b"example.org", b"list.example.com", b"relay.example", b"hop.example")
    )
)
_HEADER = (
    b"".join(
        b"Received: from a%d.example.net (a%d.example.net [192.0.2.%d])\r\n"
        b"\tby b%d.example.org with ESMTPS id abcdef%d;\r\n"
        b"\tSun, 22 Nov 2026 20:01:41 +0000\r\n" % ((number,) * 5)
        for number in range(4)
    )
    + b"From: Ann <ann@example.org>\r\nTo: Bob <bob@example.net>\r\n"
    b"Subject: A message of some length\r\nDate: Sun, 22 Nov 2026 20:01:41 +0000\r\n"
    b"Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
)
_BODY = b"The quick brown fox jumps over the lazy dog, and does it again.\r\n" * 160


#: Under which the table stands, to the end of the page.
_HEADING = "How fast\n--------\n"


@implementer(IResolver)
class AtHand:
    """A resolver that has asked before."""

    def __init__(self, resolver: IResolver) -> None:
        self._resolver = resolver
        self._known: dict[tuple[bytes, str], Answer | None] = {}

    def lookUp(self, name: bytes, kind: str) -> Deferred[Answer]:
        """See L{IResolver}."""
        key = name, kind
        if key not in self._known:
            found: list[Answer | None] = []
            asked = self._resolver.lookUp(name, kind)
            asked.addCallbacks(found.append, lambda failure: found.append(None))
            self._known[key] = found[0]
        answer = self._known[key]
        if answer is None:
            waiting: Deferred[Answer] = Deferred()
            waiting.errback(NoSuchDomain(name))
            return waiting
        return succeed(answer)


class Subject:
    """
    The message, and what the DNS has.

    @ivar message: it.
    @ivar resolver: has it.
    """

    def __init__(self) -> None:
        keys = [newSigningKey(Algorithm.RSA) for _ in _KEYS]
        self.records = {
            b"%b._domainkey.%b" % (name.selector, name.domain): key.record
            for name, key in zip(_KEYS, keys, strict=True)
        }
        self.resolver = StaticResolver(ZONE)
        for place, record in self.records.items():
            words = " ".join(f'"{each.decode()}"' for each in strings(record))
            self.resolver.add(f"{place.decode()} TXT {words}")
        header = _HEADER
        for name, key in list(zip(_KEYS, keys, strict=True))[:2]:
            terms = SignTerms(name)
            header = sign(_fields(header), _digest(terms), terms, key, _NOW) + header
        for name, key in list(zip(_KEYS, keys, strict=True))[2:]:
            found = b"arc=none" if name is _KEYS[2] else b"arc=pass"
            header = b"Authentication-Results: %b; spf=pass; %b\r\n%b" % (
                name.domain,
                found,
                header,
            )
            sealing = SealTerms(name.domain, OurNames.of([name.domain]), name)
            digest = _digest(sealing)
            header = seal(_fields(header), digest, sealing, key, _NOW) + header
        self.message = header + b"\r\n" + _BODY

    def known(self, name: bytes, timeout: float = 5) -> bytes | None:
        """A record of a key, for dkimpy."""
        return self.records.get(name.removesuffix(b"."))


def _fields(header: bytes) -> list[Field]:
    return fieldsOf(header)[0]


def _digest(terms: SignTerms | SealTerms) -> bytes:
    hashes = BodyHashes([terms.wanted])
    hashes.write(_BODY)
    hashes.end()
    return hashes.digest(terms.wanted).value


def ours(subject: Subject) -> Callable[[], None]:
    """What we do: the header held, all checks, the fields written."""
    told = Told()
    found = Authentication(
        AtHand(subject.resolver),
        Clock(),
        told.trouble,
        b"mx.example.net",
        Terms(),
        lot=lambda: 0,
    )
    behind = RememberingReceiver()
    receiver = CheckingReceiver(behind, found, OurNames.of([b"mx.example.net"]))
    session = ServerConnection(ServerProfile(), ScriptedPort(), b"192.0.2.1")
    session.helo = b"mx.example.org"

    def work() -> None:
        envelope = Envelope(b"ann@example.org", 0.0)
        arrival = receiver.begin(session, envelope)
        assert not isinstance(arrival, Reply)
        arrival.write(subject.message)
        answer = arrival.finish(session, envelope)
        assert isinstance(answer, Deferred) and answer.result is OK
        behind.arrivals.clear()

    envelope = Envelope(b"ann@example.org", 0.0)
    arrival = receiver.begin(session, envelope)
    assert not isinstance(arrival, Reply)
    arrival.write(subject.message)
    seen: list[Any] = []
    found.message(session, envelope).addCallback(seen.append)
    words = [(each.method, each.result) for each in seen[0].results.results]
    good = [b"iprev", b"spf", b"dkim", b"dkim", b"dmarc", b"arc"]
    assert words == [(each, b"pass") for each in good], (words, told.troubles)
    return work


def theirs(subject: Subject) -> Callable[[], None]:
    """What dkimpy and pyspf do."""
    records = {("example.org", "TXT"): [(b"v=spf1 ip4:192.0.2.1 -all",)]}

    def ask(name: str, kind: str, *args: object, **more: object) -> list[object]:
        return [((name, kind), each) for each in records.get((name.lower(), kind), ())]

    spf.DNSLookup = ask

    def work() -> None:
        result, _ = spf.check2("192.0.2.1", "ann@example.org", "mx.example.org")
        assert result == "pass", result
        seen = dkim.DKIM(subject.message)
        assert seen.verify(0, dnsfunc=subject.known)
        assert seen.verify(1, dnsfunc=subject.known)
        state, _, reason = dkim.arc_verify(subject.message, dnsfunc=subject.known)
        assert state == b"pass", reason

    return work


def milliseconds(work: Callable[[], None], rounds: int = 5, count: int = 60) -> float:
    """How much time of the processor it takes, in milliseconds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(count):
            work()
        best = min(best, (time.process_time() - began) / count)
    return best * 1000


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--page", type=Path)
    page = parser.parse_args().page
    subject = Subject()
    mine, others = milliseconds(ours(subject)), milliseconds(theirs(subject))
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        "",
        "   * - All checks of a message of 10 KiB",
        "     - ms of one core",
        "   * - smtpx: SPF, two signatures, two sets of ARC, DMARC, iprev",
        f"     - {mine:.2f}",
        "   * - dkimpy and pyspf: the same without DMARC and iprev",
        f"     - {others:.2f} ({others / mine:.1f} times)",
    ]
    print("\n".join(lines))
    if page is not None:
        text = page.read_text("utf-8")
        above, heading, _ = text.partition(_HEADING)
        page.write_text("\n".join([above + heading, *lines, ""]), "utf-8")


if __name__ == "__main__":
    main()
