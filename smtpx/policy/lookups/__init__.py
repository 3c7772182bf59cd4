"""
Look-ups: values by keys, in files and databases, for rules and lists.

L{ILookup} is one; L{Lookup} gives a table a name, and what else is tried for a key.
"""

from .callabletable import Call, CallableTable
from .cdbtable import CDBTable
from .complaints import Complaints
from .interfaces import KEY_MOST, VALUE_MOST, Answer, ILookup, ITable, LookupDeferred
from .linelookup import READERS, LineTable, readLines
from .lmdbtable import LMDBTable
from .matching import Default, Found, Lookup, Matching
from .sqlitetable import Database, SQLiteTable

__all__ = [
    "KEY_MOST",
    "READERS",
    "VALUE_MOST",
    "Answer",
    "CDBTable",
    "Call",
    "CallableTable",
    "Complaints",
    "Database",
    "Default",
    "Found",
    "ILookup",
    "ITable",
    "LMDBTable",
    "LineTable",
    "Lookup",
    "LookupDeferred",
    "Matching",
    "SQLiteTable",
    "readLines",
]
