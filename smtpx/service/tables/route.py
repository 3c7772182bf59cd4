"""
The tables C{[[route]]}: where messages go from the spool.

Most options are for one transport only.  Those of each stand in a file of their own,
in a class that adds them to those of the one before; the page of the manual has them
in that order.
"""

from __future__ import annotations

from attrs import frozen

from .routepipe import PipeOptions


@frozen
class RouteEntry(PipeOptions):
    """Where the messages of some recipients go."""


__all__ = ["RouteEntry"]
