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
    Have no garbage looked for meanwhile: modules are imported, of which nothing is.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


__all__ = ["THRESHOLDS", "collectSeldom", "undisturbed"]
