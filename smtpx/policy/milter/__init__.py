"""
Milters: programs outside that look at sessions and messages as they come, and may
refuse and change them.

The protocol is in C{packets}, C{negotiation}, C{commands}, C{answers} and
C{conversation}, without I/O; a connection is in C{link}, and those of one milter in
C{milter}.  C{seat} is a milter at a session of a client, and C{bench} all of them;
C{asking} and C{receiving} are where a server meets them.  How they hang together is in
C{doc/explanation/milters.rst}.
"""

from ..rules.house import ANSWERS
from .asking import Choose, MilterCommands, MilterPolicy, MilterReviews
from .link import MilterAway
from .milter import Milter
from .receiving import MilterReceiver
from .stages import MacroStage
from .terms import MACROS, MilterTerms, WhenAway
from .tryout import tryMilter

__all__ = [
    "ANSWERS",
    "MACROS",
    "Choose",
    "MacroStage",
    "Milter",
    "MilterAway",
    "MilterCommands",
    "MilterPolicy",
    "MilterReceiver",
    "MilterReviews",
    "MilterTerms",
    "WhenAway",
    "tryMilter",
]
