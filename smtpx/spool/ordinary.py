"""
Short ways for messages that are what nearly all are: nothing is noted on them that
outlives their transaction, and they go to all at once.

L{smtpx.spool.format} is where it stands what is right; here it is only done in one
step, and tests hold the one against the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as _quote

from ..core.envelope import Envelope
from .format import VERSION, Fate, Outcome, SpooledMessage

#: How octets that are no UTF-8 stand in a text (PEP 383).
_ESCAPE = "surrogateescape"

#: To look up a member takes a while.
_WAITING = Fate.WAITING


def dumpPlain(envelope: Envelope, prefix: bytes) -> str:
    """
    As L{smtpx.spool.format.dump}, of an envelope without stamps, recipients and all,
    as nearly all are: in one step.
    """
    to = ",".join(
        [_quote(one.path.decode("utf-8", _ESCAPE)) for one in envelope.recipients]
    )
    return (
        f'{{"v":{VERSION},"arrived":{envelope.arrived!r},'
        f'"from":{_quote(envelope.sender.decode("utf-8", _ESCAPE))},'
        f'"octets":{envelope.octets},"stamps":{{}},"to":[{to}],'
        f'"prefix":{_quote(prefix.decode("utf-8", _ESCAPE))}}}'
    )


def finished(message: SpooledMessage, outcomes: Sequence[Outcome]) -> bool:
    """
    Is it plain that nobody is left, as a message that was never tried has gone to all
    at once?  Where it is not, C{merged} and C{waiting} tell.
    """
    count = len(message.envelope.recipients)
    if message.outcomes or len(outcomes) != count:
        return False
    index = 0
    for one in outcomes:
        if one.index != index or one.fate is _WAITING or one.untold:
            return False
        index += 1
    return True


__all__ = ["dumpPlain", "finished"]
