"""
The Received field (RFC 5321 section 4.4), and the name of a session's protocol.
"""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache

from .envelope import Envelope
from .interfaces import IServerSession


def protocol(session: IServerSession) -> str:
    """
    How the session is called in a Received field and in the log: C{smtp},
    C{esmtp}, with C{s} under TLS and C{a} after AUTH (RFC 3848), C{utf8} in front
    where addresses may be UTF-8 (RFC 6531 section 4.3).  Keywords are compared
    without regard to case; a capital C{S} says that the message is obliged to
    stay under TLS.
    """
    if not session.extended:
        return "smtp"
    word = "utf8esmtp" if session.utf8Addresses else "esmtp"
    if session.secured is not None:
        word += "S" if session.obliged else "s"
    if session.identity is not None:
        word += "a"
    return word


@lru_cache(maxsize=2)
def _date(seconds: int) -> str:
    return formatdate(seconds, localtime=True)


def _literal(address: bytes) -> str:
    text = address.decode("ascii", "replace")
    return f"[IPv6:{text}]" if ":" in text else f"[{text}]"


def received(
    session: IServerSession,
    envelope: Envelope,
    messageID: str,
    clauses: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """
    The Received field of one message, folded, with its CRLFs.

    @param messageID: the id under which we keep it; never empty.
    @param clauses: what extensions add.
    """
    helo = (session.helo or b"unknown").decode("utf-8", "replace")
    literal = _literal(session.peer)
    name = session.peerName
    client = literal if name is None else f"{name.decode('ascii', 'replace')} {literal}"
    out = [
        f"Received: from {helo} ({client})\r\n",
        f"\tby {session.name.decode('ascii', 'replace')} with {protocol(session)}",
    ]
    secured = session.secured
    if secured is not None and secured.suite:
        out.append(f" tls {secured.suite}")  # RFC 8314 section 4.3
    out += [f" {name} {value}" for name, value in clauses]
    out.append(f"\r\n\tid {messageID}")
    # Only where there is one: another would learn of the rest (section 7.2).
    if len(envelope.recipients) == 1:
        out.append(
            f"\r\n\tfor <{envelope.recipients[0].path.decode('utf-8', 'replace')}>"
        )
    out.append(f";\r\n\t{_date(int(session.now()))}\r\n")
    return "".join(out).encode("utf-8")
