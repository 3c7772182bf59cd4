"""
Look-ups: values by keys, in files and databases, for rules and lists.

L{ILookup} is one; L{Lookup} gives a table a name, and what else is tried for a key.
"""

from .complaints import Complaints
from .interfaces import KEY_MOST, VALUE_MOST, Answer, ILookup, ITable, LookupDeferred
from .linelookup import READERS, LineTable, readLines
from .matching import Default, Found, Lookup, Matching

__all__ = [
    "KEY_MOST",
    "READERS",
    "VALUE_MOST",
    "Answer",
    "Complaints",
    "Default",
    "Found",
    "ILookup",
    "ITable",
    "LineTable",
    "Lookup",
    "LookupDeferred",
    "Matching",
    "readLines",
]
