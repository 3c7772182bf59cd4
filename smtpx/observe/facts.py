"""
Facts that many events have, as their fields: of a client, of a handshake, and of a
reply.
"""

from __future__ import annotations

from functools import lru_cache

from ..core.hooks import TLSInfo
from ..core.interfaces import IServerSession
from ..core.reply import Reply
from ..core.stapled import Stapled
from ..core.tlssession import Resumption
from ..core.trace import LOCAL


def clientFields(session: IServerSession) -> dict[str, object]:
    """Who a client is."""
    fields: dict[str, object] = {
        "session": session.id,
        "address": session.peer,
        "port": session.peerPort,
    }
    if session.mechanism == LOCAL:
        fields["user"] = session.identity
    if session.peerName is not None:
        fields["name"] = session.peerName
    if session.helo is not None:
        fields["helo"] = session.helo
    if session.proxy is not None:
        fields["proxy"] = session.proxy
    fields["local"] = session.local
    fields["localPort"] = session.localPort
    return fields


def loginFields(session: IServerSession) -> dict[str, object]:
    """As whom it has logged in, if it has."""
    if session.identity is None or session.mechanism == LOCAL:
        return {}
    mechanism = (session.mechanism or "").upper()
    return {"identity": session.identity, "mechanism": mechanism}


def handshakeFields(info: TLSInfo) -> dict[str, object]:
    """What came of a handshake."""
    fields: dict[str, object] = {
        "version": info.version,
        "cipher": info.cipher,
        "bits": info.bits,
        "resumed": info.resumed,
        "verified": info.verified,
    }
    if info.dane:
        fields["dane"] = True
    if info.proof is not None:
        fields["proof"] = info.proof
    if info.resumption is not Resumption.SUPPORTED:
        fields["resumption"] = int(info.resumption)
    if info.stapled is not Stapled.NOT_ASKED:
        fields["ocsp"] = int(info.stapled)
    if info.stapleProblem is not None:
        fields["ocspProblem"] = info.stapleProblem
    if info.problem is not None:
        fields["problem"] = info.problem
    if info.subject is not None:
        fields["subject"] = info.subject
    if info.serverName is not None:
        fields["serverName"] = info.serverName
    if info.onConnect:
        fields["onConnect"] = True
    return fields


def codeFields(answer: Reply) -> dict[str, object]:
    """The codes of a reply; what it says in words has other names elsewhere."""
    fields: dict[str, object] = {"code": answer.code}
    if answer.status is not None:
        fields["status"] = _spelled(answer.status)
    return fields


# There are few, and they are asked for with each message.
@lru_cache(maxsize=256)
def _spelled(status: tuple[int, int, int]) -> str:
    """An enhanced status code as text."""
    return ".".join(map(str, status))


__all__ = ["clientFields", "codeFields", "handshakeFields", "loginFields"]
