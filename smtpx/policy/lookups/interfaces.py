"""
What a look-up is: by a key it finds a value, or says that there is none, or that it
cannot tell now.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from ...core.errors import Untold

#: What a look-up comes to; L{None}: there is no such key.
Answer = bytes | None | Deferred[bytes | None]

#: The longest key that anything is looked up by, in octets.  Keys are made of what
#: clients say; a longer one is never found, and never cut to what might be.
KEY_MOST = 1024
#: The longest value, in octets.  What is longer is nobody's value but a mistake.
VALUE_MOST = 64 * 1024

#: How long a file that was found in its place is taken to be there still, in seconds:
#: so that it is looked for once for all rules of a stage, and not for each.
SAME_SECONDS = 0.001


class LookupDeferred(Untold):
    """
    It cannot be told now what stands under a key: what would know is missing, locked,
    broken or slow.  The text says so, for the log; a client is only told to come again.
    """


class ITable(Interface):
    """
    Knows values by keys, exactly as they are given: a file, a database, a callable.
    """

    prompt: bool = Attribute("Does it answer at once, never with a Deferred?")

    def find(key: bytes) -> Answer:
        """
        The value of a key.

        @param key: at most L{KEY_MOST} octets.
        @raise LookupDeferred: it cannot be told now; a Deferred fails with it.
        """


class ILookup(ITable):
    """
    A look-up that rules and lists know by its name.  It takes keys of any length, and
    tries what else may stand there for one (L{smtpx.policy.lookups.matching}).
    """

    name: str = Attribute("What it is called in the configuration.")


__all__ = [
    "KEY_MOST",
    "SAME_SECONDS",
    "VALUE_MOST",
    "Answer",
    "ILookup",
    "ITable",
    "LookupDeferred",
]
