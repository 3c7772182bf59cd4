"""
What somebody else makes of a message: the standard library's email package.
"""

from __future__ import annotations

import email
from email.message import Message

from smtpx.mime import ChangedBody, Obstacle, Plan, Survey, Wire

#: Fields that a conversion changes.
CHANGED = {"content-transfer-encoding", "mime-version", "content-type"}


def understood(message: bytes) -> list[object]:
    """
    All parts of a message, decoded, with what else their headers say.  Whether the
    line end at the very end belongs to a multipart that was never ended is left open.
    """
    return list(_parts(email.message_from_bytes(message)))


def _parts(part: Message) -> list[object]:
    fields = [
        (name.lower(), str(value))
        for name, value in part.items()
        if name.lower() not in CHANGED
    ]
    found: list[object] = [(part.get_content_type(), part.get_boundary(), fields)]
    if part.is_multipart():
        found.append((part.preamble, part.epilogue))
        for each in part.get_payload():
            assert isinstance(each, Message)
            found.append(_parts(each))
    else:
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append(content.removesuffix(b"\r\n"))
    return found


def surveyed(message: bytes, wire: Wire, cut: int = 0) -> Plan | Obstacle:
    """
    What is to be changed in a message.

    @param cut: it is read in pieces of so many octets; 0: at once.
    """
    survey = Survey(wire)
    for piece in pieces(message, cut):
        survey.feed(piece)
    return survey.end()


def pieces(message: bytes, cut: int = 0) -> list[bytes]:
    """A message in pieces."""
    step = cut or len(message) or 1
    return [message[at : at + step] for at in range(0, len(message), step)]


def written(message: bytes, plan: Plan, cut: int = 0) -> bytes:
    """A message, changed as planned."""
    body = ChangedBody(lambda: pieces(message, cut), plan.edits, plan.octets)
    out = list(body.pieces())
    assert all(0 < len(piece) <= 65_536 for piece in out)
    whole = b"".join(out)
    assert len(whole) == plan.octets
    return whole
