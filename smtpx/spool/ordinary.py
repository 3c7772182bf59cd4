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
from .format import VERSION, Fate, Outcome, SpooledMessage, dump

#: Between these times, which are 0.24 microseconds apart, a number to the
#: microsecond is the only one of so few digits that comes to a time.
_LEAST, _MOST = 2.0**30, 2.0**31

#: To look up a member takes a while.
_WAITING = Fate.WAITING


def dumpPlain(envelope: Envelope, prefix: bytes) -> str:
    """
    As L{smtpx.spool.format.dump}, of an envelope without stamps, recipients and all,
    as nearly all are: in one step.
    """
    try:
        to = [_quote(one.path.decode()) for one in envelope.recipients]
        sender, above = envelope.sender.decode(), prefix.decode()
    except UnicodeDecodeError:
        # It can be put into words all the same.
        return dump(envelope, prefix)
    return (
        f'{{"v":{VERSION},"arrived":{_spelled(envelope.arrived)},'
        f'"from":{_quote(sender)},'
        f'"octets":{envelope.octets},"stamps":{{}},"to":[{",".join(to)}],'
        f'"prefix":{_quote(above)}}}'
    )


def _spelled(seconds: float) -> str:
    """
    The same as C{repr}, which looks for the fewest digits that are enough: for a time
    of our days to the microsecond they are known.
    """
    micros = int(seconds * 1e6 + 0.5) if _LEAST < seconds < _MOST else 0
    if micros % 10 and micros / 1e6 == seconds:
        digits = str(micros)
        return f"{digits[:-6]}.{digits[-6:]}"
    return repr(seconds)


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
