"""
Memory that the processes of a server share.
"""

from __future__ import annotations

import mmap
from struct import calcsize
from typing import Literal


def numbers(kind: Literal["I", "Q"], count: int) -> memoryview[int]:
    """
    Numbers that are shared with every process that is forked from now on.

    They are zero at first, and take no memory until they are used.  One of eight octets
    or fewer is read and written as a whole.

    @param kind: of number, as L{struct} spells it.
    @param count: how many.
    """
    return memoryview(mmap.mmap(-1, calcsize(kind) * count)).cast(kind)


__all__ = ["numbers"]
