"""
How often the interpreter looks for garbage that refers to itself.

A mail server makes many objects and hardly any cycles, so that nearly all of its looks
are for nothing: with Python's own thresholds they take a twelfth of the time that a
message takes, and a tenth of the time that modules take to be imported.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: How many more objects than were freed are made before the youngest are looked at,
#: and how many such looks there are before a look at older ones.
THRESHOLDS = (20_000, 20, 20)

#: The same while modules are imported.  Without any look, the remains of classes would
#: take 8 MB.
_IMPORTING = (2_000, 1_000, 1_000)


def collectSeldom() -> None:
    """
    Have garbage looked for less often, and never among what there is now.

    It is for the whole process, and so no business of a program that is more than a
    mail server.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


@contextmanager
def undisturbed() -> Iterator[None]:
    """
    Have garbage looked for among the youngest objects only: modules are imported, and
    what they make stays, but for what is left over from the making of classes.
    """
    was = gc.get_threshold()
    gc.set_threshold(*_IMPORTING)
    try:
        yield
    finally:
        gc.set_threshold(*was)


__all__ = ["THRESHOLDS", "collectSeldom", "undisturbed"]
