"""
What the processes of one server count together, in memory that they share.

The memory is made before the processes are forked.  Each of them has a column there
that nobody else writes, and reads those of the others; there are no locks.  So nobody
ever waits, and a process that is killed at any moment leaves the numbers of the others
as they were: its own are cleared when its successor begins.

L{JointCount} is one number, L{JointCounts} has many by their keys, and L{JointPlaces}
shares out what there is little of, so that nobody goes away empty.
"""

from .counts import Counts, JointCounts
from .number import Count, JointCount
from .places import ASK_SECONDS, JointPlaces, Places

__all__ = [
    "ASK_SECONDS",
    "Count",
    "Counts",
    "JointCount",
    "JointCounts",
    "JointPlaces",
    "Places",
]
