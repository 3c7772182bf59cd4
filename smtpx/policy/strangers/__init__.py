"""
What is remembered of clients that are not known yet, or do too much: greylisting, and
rates.
"""

from .greylist import AWAY_ACCEPTS, AWAY_DEFERS, Greylist
from .greylistfile import GreylistFile, GreylistTerms
from .interfaces import IGreylist, Standing, Triples

__all__ = [
    "AWAY_ACCEPTS",
    "AWAY_DEFERS",
    "Greylist",
    "GreylistFile",
    "GreylistTerms",
    "IGreylist",
    "Standing",
    "Triples",
]
