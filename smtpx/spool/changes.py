"""
What can be written down of messages that are in the spool file already: each
change as a statement with its values.

All of them find a message that is there and pass over one that is not, so that a
change that was told too late does no harm.
"""

from __future__ import annotations

from .format import RELEASED

#: A statement and its values.
Change = tuple[str, tuple[object, ...]]

_PROGRESS = (
    "INSERT INTO progress(id, attempts, held, due, outcomes, note, priority, lane) "
)
_RECORD = (
    "INSERT INTO progress"
    "(id, attempts, held, due, outcomes, note, priority, lane, told) "
    "SELECT id, ?1, max(?2, hold IS NOT NULL), ?3, ?4, coalesce(hold, ?5), 0, NULL, ?6"
    " FROM message WHERE id = ?7"
    # Not excluded.held: a hold that it came with may have been released since.
    " ON CONFLICT(id) DO UPDATE SET attempts = excluded.attempts,"
    " held = max(held, ?2), due = excluded.due,"
    " outcomes = excluded.outcomes, lane = NULL, told = coalesce(excluded.told, told),"
    " note = CASE WHEN ?2 THEN ?5 ELSE note END"
)
_PARK = (
    _PROGRESS + "SELECT id, 0, hold IS NOT NULL, ?, ?, coalesce(hold, ''), 0, ?"
    " FROM message WHERE id = ?"
    " ON CONFLICT(id) DO UPDATE SET due = excluded.due,"
    " outcomes = excluded.outcomes, lane = excluded.lane"
)
_UNPARK = (
    "UPDATE progress SET lane = NULL, due = min(?1, coalesce(due, ?1)) WHERE id IN"
    " (SELECT id FROM progress WHERE lane = ?2 AND held = 0"
    " ORDER BY priority DESC, id LIMIT ?3)"
)
_ROUSE = (
    "UPDATE progress SET lane = NULL, due = ?1 WHERE id IN (SELECT id FROM progress"
    " WHERE held = 0 AND lane IS NOT NULL AND due <= ?1 LIMIT ?2)"
)
_PLAN = _PROGRESS + "VALUES(?, 0, ?, ?, '[]', ?, ?, NULL)"
_NOTE = (
    _PROGRESS + "SELECT id, 0, hold IS NOT NULL, ?, ?, coalesce(hold, ''), 0, NULL"
    " FROM message WHERE id = ?"
    " ON CONFLICT(id) DO UPDATE SET outcomes = excluded.outcomes"
)
_HOLD = (
    _PROGRESS + "SELECT id, 0, 1, NULL, '[]', ?, 0, NULL FROM message WHERE id = ?"
    " ON CONFLICT(id) DO UPDATE SET held = 1, note = excluded.note"
)
_HASTEN = (
    "UPDATE progress SET due = ?, lane = NULL WHERE id = ? AND held = 0"
    " AND (lane IS NOT NULL OR coalesce(due > ?, 1))"
)
_RELEASE = (
    _PROGRESS + f"SELECT m.id, 0, 0, ?, '[]', '{RELEASED}', 0, NULL"
    " FROM message m LEFT JOIN progress p ON p.id = m.id"
    " WHERE m.id = ? AND coalesce(p.held, m.hold IS NOT NULL)"
    " ON CONFLICT(id) DO UPDATE SET held = 0, due = excluded.due,"
    " note = excluded.note, lane = NULL"
)
_LET_GO = (
    _PROGRESS + "SELECT m.id, 0, 0, ?, '[]', '', 0, NULL"
    " FROM message m LEFT JOIN progress p ON p.id = m.id"
    " WHERE m.id = ? AND coalesce(p.held, m.hold IS NOT NULL)"
    # Without a time, and not fresh either, nothing would find it.
    " ON CONFLICT(id) DO UPDATE SET held = 0, note = '',"
    " due = CASE WHEN lane IS NULL THEN coalesce(due, excluded.due) ELSE due END"
)


def recorded(
    key: int,
    attempts: int,
    held: bool,
    due: float | None,
    outcomes: str,
    note: str,
    told: float | None = None,
) -> Change:
    """
    Write down how far a message is after an attempt.  A hold that came while it
    was being tried stays.

    @param told: its sender is told of a delay now, in seconds since the epoch;
        L{None}: is not.
    """
    return _RECORD, (attempts, int(held), due, outcomes, note, told, key)


def noted(key: int, due: float, outcomes: str) -> Change:
    """
    Write down what became of recipients, and nothing else.

    @param due: when it goes, if it was never tried.
    """
    return _NOTE, (due, outcomes, key)


def parked(key: int, lane: bytes, outcomes: str, wake: float | None = None) -> Change:
    """
    Write down for which lane a message waits.

    @param wake: and for how long at most; L{None}: however long it takes.
    """
    return _PARK, (wake, outcomes, lane, key)


def unparked(lane: bytes, due: float, most: int) -> Change:
    """
    Have the first few that wait for a lane wait for a time, or for that of their own
    if it is earlier.
    """
    return _UNPARK, (due, lane, most)


def roused(now: float, most: int) -> Change:
    """Have a few that have waited for a lane for as long as they may be due."""
    return _ROUSE, (now, most)


def planned(key: int, due: float, priority: int, hold: str | None) -> Change:
    """
    Write down the schedule of a message that is put down in the same transaction.

    @param hold: why it is on hold from the start; L{None}: it is not.
    """
    return _PLAN, (key, int(hold is not None), due, hold or "", priority)


def held(key: int, note: str) -> Change:
    """Put a message on hold."""
    return _HOLD, (note, key)


def released(key: int, due: float) -> Change:
    """Take a message off hold."""
    return _RELEASE, (due, key)


def letGo(key: int, due: float) -> Change:
    """
    Take a message off hold that nobody has released: it goes when it was to.

    @param due: when it goes, if nothing is known of that.
    """
    return _LET_GO, (due, key)


def hastened(key: int, due: float) -> Change:
    """Have a message that is to wait, for a later time or for a lane, wait no more."""
    return _HASTEN, (due, key, due)
