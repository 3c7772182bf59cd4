"""
What is noted of a named transaction in the spool, beside its name: what was said in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..core.reply import Reply, readReply
from ..extensions.checkpointserver import Committed, Said
from ..spool.format import Damaged
from ..spool.nametable import Name


def _text(octets: bytes) -> str:
    return octets.decode("latin-1")


def noteOf(said: Sequence[Said], finals: Sequence[Reply]) -> str:
    """What was said in a transaction, as text."""
    pairs = [[_text(each), _text(reply.octets)] for each, reply in said]
    return json.dumps(
        {"said": pairs, "finals": [_text(each.octets) for each in finals]}
    )


def readNote(text: str) -> tuple[tuple[Said, ...], tuple[Reply, ...]]:
    """
    The inverse of L{noteOf}.

    @raise Damaged: it is none.
    """
    try:
        found = json.loads(text)
        said = [
            (each.encode("latin-1"), _reply(reply)) for each, reply in found["said"]
        ]
        return tuple(said), tuple([_reply(each) for each in found["finals"]])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Damaged(f"no note of a transaction: {error!r}") from error


def _reply(text: str) -> Reply:
    found = readReply(text.encode("latin-1"))
    if found is None:
        raise ValueError(text)
    return found


def committed(found: Name) -> Committed:
    """
    The transaction that a name stands for.

    @raise Damaged: its note is none, or says nothing of the end.
    """
    said, finals = readNote(found.note)
    if not finals:
        raise Damaged("nothing was said at the end")
    return Committed(found.octets, found.digest, said, finals)


__all__ = ["committed", "noteOf", "readNote"]
