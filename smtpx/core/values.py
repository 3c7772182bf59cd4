"""
Values of which there are some for each message, made at less cost.

Whatever is frozen takes two or three times as long to make as what is not, and there
are dozens for each message.  So a L{value} is frozen for whoever checks types, and only
for them::

    @value
    class Outcome:
        index: int
        text: str = ""

Nobody changes one; C{evolve} makes another, as of anything that attrs has made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from attrs import define

if TYPE_CHECKING:
    from attrs import frozen as value
else:

    def value(
        made: type | None = None, *, eq: bool = True, **options: Any
    ) -> type | Callable[[type], type]:
        """
        Make a class of values, as C{attrs.frozen} does.

        @param made: the class; L{None}: what is returned is given that.
        @param eq: are two the same where all that they have is?  They have the same
            hash then.
        @param options: as of C{attrs.define}.
        """
        hashed = eq or None
        return define(made, eq=eq, unsafe_hash=hashed, on_setattr=None, **options)


__all__ = ["value"]
