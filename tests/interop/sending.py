"""
A program that sends: what is to be done comes as JSON, and so goes what became of it.

It is run as a process of its own, C{python -m tests.interop.sending}, for it has a
real reactor.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cryptography.x509 import load_pem_x509_certificates
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from smtpx import NotSent, SMTPClient, SMTPClientOptions, TLSLevel
from smtpx.net.direct import DirectProtocol
from smtpx.net.sending import Way
from smtpx.tls.client import ClientTLS


def wayOf(wish: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the client."""
    login = wish.get("login")
    authority = wish.get("authority")
    trust = (
        None
        if authority is None
        else ClientTLS(load_pem_x509_certificates(Path(authority).read_bytes()))
    )
    ignored = wish.get("ignored")
    way = None
    if ignored is not None:
        way = Way(ignored=frozenset(word.encode("ascii") for word in ignored))
    return {
        "host": wish["host"],
        "port": wish["port"],
        "tls": TLSLevel[wish["tls"]] if "tls" in wish else None,
        "implicitTLS": wish.get("implicitTLS", False),
        "login": None if login is None else tuple(login),
        "options": SMTPClientOptions(name="client.example", trust=trust, way=way),
    }


async def send(reactor: Any, wish: dict[str, Any]) -> dict[str, Any]:
    """Send all messages, one after the other."""
    writes: list[str] = []
    written = DirectProtocol.send

    def noting(self: DirectProtocol, octets: bytes) -> None:
        writes.append(octets[:4096].decode("latin-1"))
        written(self, octets)

    DirectProtocol.send = noting  # type: ignore[method-assign]  # to see what leaves
    client = SMTPClient(reactor, **wayOf(wish))
    results = []
    for message in wish["messages"]:
        content = Path(message["path"]).read_bytes()
        try:
            receipt = await client.sendMessage(
                message["sender"], message["recipients"], content
            )
        except NotSent as error:
            receipt = error.receipt
        via = receipt.hosts[-1]
        results.append(
            {
                "codes": [reply.code for _, reply in receipt.outcomes],
                "texts": [
                    reply.octets.decode("utf-8", "replace")
                    for _, reply in receipt.outcomes
                ],
                "tls": None if via.tls is None else via.tls.version,
                "verified": via.tls is not None and via.tls.verified,
                "again": via.again,
            }
        )
    await client.close()
    return {"results": results, "writes": writes}


def main() -> None:
    """Do what the standard input says."""
    wish = json.load(sys.stdin)

    def run(reactor: Any) -> Deferred[None]:
        async def go() -> None:
            print(json.dumps(await send(reactor, wish)))

        return Deferred.fromCoroutine(go())

    react(run)


if __name__ == "__main__":
    main()
