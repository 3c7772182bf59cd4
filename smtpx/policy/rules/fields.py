"""
Fields of messages' headers that rules ask for: they are noted as the header comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ...core.envelope import Envelope, Stamp
from ...core.interfaces import IServerSession

#: The fields of a message that were asked for, by name in lower case.  Not for the
#: spool.
_FIELDS = Stamp[dict[bytes, list[str]]]("policy.fields", None, lambda text: {})

#: The most fields of one name that are looked at.
_FIELDS_MOST = 100

_NAME = re.compile(r"[!-9;-~]+\Z")
_FOLD = re.compile(r"\r\n(?=[ \t])")


def fieldName(text: str) -> bool:
    """Is it the name of a header field (RFC 5322 section 2.2)?"""
    return _NAME.match(text) is not None


def watchedFields(envelope: Envelope) -> Mapping[bytes, list[str]]:
    """The values of a message's fields that are watched, unfolded, by name."""
    return envelope.stamp(_FIELDS) or {}


def watcher(name: bytes) -> Callable[[IServerSession, bytes], None]:
    """
    What notes a field (C{smtpx.core.interfaces.IServerBuilder.header}).

    @param name: its name, in lower case.
    """

    def note(session: IServerSession, value: bytes) -> None:
        envelope = session.envelope
        assert envelope is not None, "a header is a message's"
        found = envelope.stamp(_FIELDS)
        if found is None:
            found = envelope.stamps[_FIELDS] = {}
        values = found.setdefault(name, [])
        if len(values) < _FIELDS_MOST:
            text = value.decode("utf-8", "replace")
            values.append(_FOLD.sub("", text).strip())

    return note


__all__ = ["fieldName", "watchedFields", "watcher"]
