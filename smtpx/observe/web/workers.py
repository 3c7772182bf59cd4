"""
The workers of a server of several processes, on the status page.
"""

from __future__ import annotations

from ..watch import Status, WorkerState
from .layout import amount, lasting, section, table
from .markup import Content, tag


def workers(status: Status) -> Content:
    """
    A table of them, and what is wrong with which.

    @return: L{None}: the server is one process.
    """
    if not status.workers:
        return None
    here = sum(each.answered for each in status.workers)
    caption = f"{amount(len(status.workers))} workers"
    if here < len(status.workers):
        caption += f", of which {amount(here)} answer"
    order = sorted(status.workers, key=lambda each: each.number)
    rows = [_row(each, status.now) for each in order]
    heads = (
        "Worker",
        "State",
        "#Process",
        "#For",
        "#Starts",
        "#Sessions",
        "#In its spool",
    )
    return section("Workers", table(caption, heads, rows), wide=True)


def _row(worker: WorkerState, now: float) -> tuple[Content, ...]:
    began = worker.began if worker.answered else None
    return (
        amount(worker.number),
        _state(worker),
        "–" if worker.pid is None else str(worker.pid),
        "–" if began is None else lasting(now - began),
        amount(worker.starts),
        amount(worker.sessions) if worker.answered else "–",
        "–" if worker.messages is None else amount(worker.messages),
    )


def _state(worker: WorkerState) -> Content:
    if not worker.answered:
        return tag("span", "does not answer", class_="badge bad")
    if not worker.unready:
        return "takes mail"
    return [
        tag("span", "takes no mail", class_="badge bad"),
        *(tag("div", reason, class_="problem") for reason in worker.unready),
    ]


__all__ = ["workers"]
